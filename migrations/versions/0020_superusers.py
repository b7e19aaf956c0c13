"""Superusers: what they may do over all accounts and tenants, and the log of what they did."""

from alembic import op

from migrations.audit import NEW_ID
from migrations.rls import enable_rls, grant_definer, run_script, runtime_role

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE sessions ADD authenticated_at timestamptz;
CREATE TABLE superuser_acts (
    id uuid CONSTRAINT superuser_acts_pkey PRIMARY KEY,
    type text NOT NULL CONSTRAINT superuser_acts_type_check CHECK (type IN (
        'ACCOUNT_SUSPENDED', 'ACCOUNT_RESUMED', 'TENANT_SUSPENDED', 'TENANT_RESUMED',
        'SUPERUSER_GRANTED', 'SUPERUSER_REVOKED')),
    actor_id uuid CONSTRAINT superuser_acts_actor_id_fkey REFERENCES users,
    account_id uuid CONSTRAINT superuser_acts_account_id_fkey REFERENCES users,
    target_tenant_id uuid CONSTRAINT superuser_acts_target_tenant_id_fkey REFERENCES tenants,
    request_id text NOT NULL DEFAULT '',
    ip text,
    user_agent text,
    created_at timestamptz NOT NULL
);
CREATE INDEX account_events_created_at_id_idx ON account_events (created_at, id);
CREATE INDEX superuser_acts_created_at_id_idx ON superuser_acts (created_at, id);
CREATE INDEX users_created_at_id_idx ON users (created_at, id);
CREATE INDEX users_is_active_created_at_id_idx ON users (is_active, created_at, id);
CREATE INDEX users_is_superuser_created_at_id_idx ON users (is_superuser, created_at, id);
CREATE INDEX users_by_text ON users USING gist ((email || ' ' || lower(full_name)) gist_trgm_ops);
CREATE INDEX tenants_created_at_id_idx ON tenants (created_at, id);
CREATE INDEX tenants_is_active_created_at_id_idx ON tenants (is_active, created_at, id);
CREATE INDEX tenants_by_text ON tenants USING gist ((slug || ' ' || name_key) gist_trgm_ops)
"""

# True for a superuser who logged in with their password within the last 15 minutes, and for an operator: somebody who
# is connected as the owner, for nobody. Else it fails the statement, with a code that says why, so whoever was revoked
# is out at once. No API key has a session, so none comes through. A standby may not have heard of a revocation yet, so
# it sends the caller to the primary. It runs with the owner's rights, since it looks at an account before it is known
# who may see it.
REQUIRE_SUPERUSER = """
CREATE FUNCTION atrium_require_superuser() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member uuid := nullif(current_setting('app.user_id', true), '')::uuid;
    authenticated timestamptz;
BEGIN
    IF member IS NULL AND pg_has_role(session_user, current_user, 'MEMBER') THEN
        RETURN true;
    END IF;
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'only the primary knows who is a superuser' USING ERRCODE = 'U0003';
    END IF;
    SELECT coalesce(s.authenticated_at, '-infinity') INTO authenticated
    FROM public.users u JOIN public.sessions s ON s.user_id = u.id
    WHERE u.id = member AND u.is_active AND u.is_superuser
        AND s.id = nullif(current_setting('app.session_id', true), '')::uuid
        AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the caller is no superuser' USING ERRCODE = 'U0001';
    END IF;
    IF authenticated < clock_timestamp() - interval '15 minutes' THEN
        RAISE EXCEPTION 'the login is older than 15 minutes' USING ERRCODE = 'U0002';
    END IF;
    RETURN true;
END $$
"""

# Suspends or resumes an account or a tenant, for superusers and operators. Superusers take turns, so that no two
# suspend each other; whoever had to wait is looked at again. The open invitations that a suspended person has sent are
# revoked, under the lock of their tenants that inviting takes. It runs with the owner's rights, since these rows are
# outside every policy, and returns what became of it.
SET_ACTIVE = """
CREATE FUNCTION atrium_set_active(kind text, target uuid, active boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.atrium_require_superuser();
    IF kind = 'account' AND NOT active THEN
        PERFORM FROM public.tenants t
        WHERE t.id IN (SELECT m.tenant_id FROM public.memberships m WHERE m.user_id = target)
        ORDER BY t.id FOR NO KEY UPDATE;
    END IF;
    PERFORM FROM public.users u WHERE u.is_superuser ORDER BY u.id FOR NO KEY UPDATE;
    PERFORM public.atrium_require_superuser();
    IF kind = 'tenant' THEN
        PERFORM FROM public.tenants t WHERE t.id = target FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RETURN 'NOT_FOUND';
        END IF;
        UPDATE public.tenants t SET is_active = active WHERE t.id = target AND t.is_active <> active;
        RETURN 'DONE';
    END IF;
    PERFORM FROM public.users u WHERE u.id = target FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'NOT_FOUND';
    END IF;
    IF NOT active AND target = nullif(current_setting('app.user_id', true), '')::uuid THEN
        RETURN 'ONESELF';
    END IF;
    IF NOT active AND EXISTS (SELECT FROM public.users u WHERE u.id = target AND u.is_superuser AND u.is_active)
        AND NOT EXISTS (SELECT FROM public.users u WHERE u.id <> target AND u.is_superuser AND u.is_active) THEN
        RETURN 'LAST_SUPERUSER';
    END IF;
    UPDATE public.users u SET is_active = active WHERE u.id = target AND u.is_active <> active;
    IF NOT active THEN
        UPDATE public.invitations i SET revoked_at = 'infinity'
        WHERE i.invited_by = target AND i.accepted_at IS NULL AND i.revoked_at IS NULL;
    END IF;
    RETURN 'DONE';
END $$
"""

# Writes down what superusers and operators do, whichever statement does it. Where they asked from is not a tenant's to
# know, whose own log is written after this. It runs with the owner's rights, since nobody else may write here.
NOTE_ACT = f"""
CREATE FUNCTION atrium_note_superuser_act() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_account boolean := TG_TABLE_NAME = 'users';
    types text[] := '{{}}';
    moment timestamptz := NEW.updated_at;
    ignored text;
BEGIN
    IF NEW.is_active <> OLD.is_active THEN
        types := types || (CASE WHEN of_account THEN 'ACCOUNT_' ELSE 'TENANT_' END
            || CASE WHEN NEW.is_active THEN 'RESUMED' ELSE 'SUSPENDED' END);
    END IF;
    IF of_account THEN
        IF NEW.is_superuser <> OLD.is_superuser THEN
            types := types || ('SUPERUSER_' || CASE WHEN NEW.is_superuser THEN 'GRANTED' ELSE 'REVOKED' END);
        END IF;
    END IF;
    INSERT INTO public.superuser_acts
        (id, type, actor_id, account_id, target_tenant_id, request_id, ip, user_agent, created_at)
    SELECT {NEW_ID}, type, nullif(current_setting('app.user_id', true), '')::uuid, CASE WHEN of_account THEN NEW.id END,
        CASE WHEN NOT of_account THEN NEW.id END, coalesce(current_setting('app.request_id', true), ''),
        left(nullif(current_setting('app.ip', true), ''), 45),
        left(nullif(current_setting('app.user_agent', true), ''), 500), moment
    FROM unnest(types) type;
    IF types <> '{{}}' THEN
        ignored := set_config('app.ip', '', true);
        ignored := set_config('app.user_agent', '', true);
    END IF;
    RETURN NULL;
END $$
"""

# Who is a superuser is the owner's to say. The role that serves may write a person's own account, but not this.
GUARD_SUPERUSERS = """
CREATE FUNCTION atrium_guard_superusers() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
        RAISE insufficient_privilege USING MESSAGE = 'only the owner of the database makes superusers';
    END IF;
    RETURN NEW;
END $$
"""

# Views that read with the owner's rights, of columns that superusers may see. What lets them in is asked once for each
# statement, before the first row is read.
VIEWS = """
CREATE VIEW superuser_accounts AS
    SELECT id, email, full_name, is_active, is_superuser, email_verified_at, last_login, created_at, updated_at, version
    FROM users WHERE (SELECT atrium_require_superuser());
CREATE VIEW superuser_accounts_text AS
    SELECT id, email || ' ' || lower(full_name) AS text FROM users WHERE (SELECT atrium_require_superuser());
CREATE VIEW superuser_tenants AS
    SELECT id, name, slug, is_active, created_at, updated_at, version
    FROM tenants WHERE (SELECT atrium_require_superuser());
CREATE VIEW superuser_tenants_text AS
    SELECT id, slug || ' ' || name_key AS text FROM tenants WHERE (SELECT atrium_require_superuser());
CREATE VIEW superuser_account_events AS
    SELECT id, user_id, type, email, operation, request_id, ip, user_agent, created_at
    FROM account_events WHERE (SELECT atrium_require_superuser());
CREATE VIEW superuser_log AS
    SELECT id, type, actor_id, account_id, target_tenant_id, request_id, ip, user_agent, created_at
    FROM superuser_acts WHERE (SELECT atrium_require_superuser())
"""
VIEW_NAMES = (
    *("superuser_accounts", "superuser_accounts_text", "superuser_tenants", "superuser_tenants_text"),
    *("superuser_account_events", "superuser_log"),
)


def upgrade() -> None:
    """Let superusers see and suspend accounts and tenants, and write down what they do."""
    run_script(TABLES)
    for function in (REQUIRE_SUPERUSER, SET_ACTIVE, NOTE_ACT, GUARD_SUPERUSERS):
        op.execute(function)
    grant_definer("atrium_require_superuser()")
    grant_definer("atrium_set_active(text, uuid, boolean)")
    op.execute("REVOKE ALL ON FUNCTION atrium_note_superuser_act, atrium_guard_superusers FROM PUBLIC")
    run_script(VIEWS)
    for view in VIEW_NAMES:
        op.execute(f"GRANT SELECT ON {view} TO {runtime_role()}")
    enable_rls("superuser_acts")
    for table, columns in (("users", "is_active, is_superuser"), ("tenants", "is_active")):
        op.execute(
            f"CREATE TRIGGER note_superuser_act AFTER UPDATE OF {columns} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION atrium_note_superuser_act()"
        )
    op.execute(
        "CREATE TRIGGER guard_superusers BEFORE UPDATE OF is_superuser ON users"
        " FOR EACH ROW EXECUTE FUNCTION atrium_guard_superusers()"
    )
    op.execute(
        "CREATE TRIGGER guard_new_superusers BEFORE INSERT ON users"
        " FOR EACH ROW WHEN (NEW.is_superuser) EXECUTE FUNCTION atrium_guard_superusers()"
    )


def downgrade() -> None:
    """Take it all back."""
    op.execute("DROP TRIGGER guard_superusers ON users")
    op.execute("DROP TRIGGER guard_new_superusers ON users")
    for table in ("users", "tenants"):
        op.execute(f"DROP TRIGGER note_superuser_act ON {table}")
    op.execute(f"DROP VIEW {', '.join(VIEW_NAMES)}")
    op.execute("DROP TABLE superuser_acts")
    op.execute("DROP INDEX account_events_created_at_id_idx")
    op.execute(
        "DROP FUNCTION atrium_set_active, atrium_require_superuser, atrium_note_superuser_act, atrium_guard_superusers"
    )
    for table, names in (
        ("users", ("created_at_id_idx", "is_active_created_at_id_idx", "is_superuser_created_at_id_idx", "by_text")),
        ("tenants", ("created_at_id_idx", "is_active_created_at_id_idx", "by_text")),
    ):
        op.execute(f"DROP INDEX {', '.join(f'{table}_{name}' for name in names)}")
    op.execute("ALTER TABLE sessions DROP COLUMN authenticated_at")
