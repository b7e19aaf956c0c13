"""The account log, the API key behind an event, and the tenant of each refresh token."""

from alembic import op

from migrations.audit import NEW_ID
from migrations.rls import CURRENT_USER_ID, enable_rls, run_script

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE sessions ADD previous_tenant_id uuid
    CONSTRAINT sessions_previous_tenant_id_fkey REFERENCES tenants;
UPDATE sessions SET previous_tenant_id = tenant_id;
ALTER TABLE events ADD api_key_id uuid
"""

NO_COLUMNS = """
ALTER TABLE events DROP COLUMN api_key_id;
ALTER TABLE sessions DROP COLUMN previous_tenant_id
"""

# As before, with the key if there is one, so that the digests of older events stay what they are.
ENQUEUE = """
CREATE OR REPLACE FUNCTION atrium_enqueue_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.unsealed (tenant_id, source, entry_id, stream_id, digest)
    SELECT e.tenant_id, 'event', e.id, e.stream_id, sha256(convert_to({digest}::text, 'UTF8'))
    FROM added e ORDER BY e.stream_id, e.version;
    PERFORM pg_notify('atrium_unsealed', '');
    RETURN NULL;
END $$
"""

WITHOUT_KEY = """jsonb_build_array(
        e.tenant_id, e.id, e.stream_type, e.stream_id, e.version, e.type, e.schema_version, e.payload, e.actor_id,
        e.request_id, extract(epoch FROM e.created_at)
    )"""

WITH_KEY = f"({WITHOUT_KEY} || CASE WHEN e.api_key_id IS NULL THEN '[]' ELSE jsonb_build_array(e.api_key_id) END)"


EVENTS = """
CREATE TABLE account_events (
    id uuid CONSTRAINT account_events_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT account_events_user_id_fkey REFERENCES users ON DELETE CASCADE,
    type text NOT NULL CONSTRAINT account_events_type_check CHECK (type IN (
        'REGISTERED', 'LOGGED_IN', 'SESSION_ENDED', 'PASSWORD_CHANGED', 'EMAIL_VERIFIED', 'EMAIL_CHANGED', 'SUSPENDED',
        'RESUMED'
    )),
    email text NOT NULL,
    operation text NOT NULL,
    request_id text NOT NULL,
    ip text CONSTRAINT account_events_ip_check CHECK (char_length(ip) <= 45),
    user_agent text CONSTRAINT account_events_user_agent_check CHECK (char_length(user_agent) <= 500),
    created_at timestamptz NOT NULL
);
CREATE INDEX account_events_user_id_created_at_id_idx ON account_events (user_id, created_at, id)
"""

# Writes down what happens to an account, whichever statement does it: an operator's too. A hash that is made anew by a
# login is no new password. Where somebody else did it, where they asked from is not the account's to know. It runs with
# the owner's rights, since nobody else may write here.
LOG = f"""
CREATE FUNCTION atrium_log_account_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account uuid;
    address text;
    moment timestamptz;
    types text[] := '{{}}';
    by_another boolean;
BEGIN
    IF TG_TABLE_NAME = 'sessions' THEN
        account := NEW.user_id;
        IF TG_OP = 'INSERT' THEN
            types := '{{LOGGED_IN}}';
            moment := NEW.created_at;
        ELSIF OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL THEN
            types := '{{SESSION_ENDED}}';
            moment := NEW.revoked_at;
        END IF;
        SELECT u.email INTO address FROM public.users u WHERE u.id = account;
    ELSIF TG_OP = 'INSERT' THEN
        account := NEW.id;
        address := NEW.email;
        moment := NEW.created_at;
        types := '{{REGISTERED}}';
    ELSE
        account := NEW.id;
        address := NEW.email;
        moment := NEW.updated_at;
        IF NEW.email <> OLD.email THEN
            types := types || 'EMAIL_CHANGED'::text;
        ELSIF NEW.email_verified_at IS NOT NULL AND OLD.email_verified_at IS NULL THEN
            types := types || 'EMAIL_VERIFIED'::text;
        END IF;
        IF NEW.password_hash IS DISTINCT FROM OLD.password_hash AND NEW.last_login IS NOT DISTINCT FROM OLD.last_login
        THEN
            types := types || 'PASSWORD_CHANGED'::text;
        END IF;
        IF NEW.is_active <> OLD.is_active THEN
            types := types || CASE WHEN NEW.is_active THEN 'RESUMED' ELSE 'SUSPENDED' END;
        END IF;
    END IF;
    by_another := coalesce(nullif(current_setting('app.user_id', true), '')::uuid <> account, false);
    INSERT INTO public.account_events (id, user_id, type, email, operation, request_id, ip, user_agent, created_at)
    SELECT {NEW_ID}, account, type, address, coalesce(current_setting('app.operation', true), ''),
        coalesce(current_setting('app.request_id', true), ''),
        CASE WHEN NOT by_another THEN left(nullif(current_setting('app.ip', true), ''), 45) END,
        CASE WHEN NOT by_another THEN left(nullif(current_setting('app.user_agent', true), ''), 500) END, moment
    FROM unnest(types) type;
    RETURN NULL;
END $$
"""

LOGGED_COLUMNS = {"users": "password_hash, email, email_verified_at, is_active", "sessions": "revoked_at"}
"""By table, the columns whose changes are written down."""


def upgrade() -> None:
    """Add the columns, the table and the triggers."""
    run_script(COLUMNS)
    op.execute(ENQUEUE.format(digest=WITH_KEY))
    run_script(EVENTS)
    enable_rls("account_events", f"user_id = {CURRENT_USER_ID}", grants="SELECT")
    op.execute(LOG)
    op.execute("REVOKE ALL ON FUNCTION atrium_log_account_event FROM PUBLIC")
    for table, columns in LOGGED_COLUMNS.items():
        op.execute(
            f"CREATE TRIGGER log_account_event AFTER INSERT OR UPDATE OF {columns} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION atrium_log_account_event()"
        )


def downgrade() -> None:
    """Take them back."""
    for table in LOGGED_COLUMNS:
        op.execute(f"DROP TRIGGER log_account_event ON {table}")
    op.execute("DROP FUNCTION atrium_log_account_event")
    op.execute("DROP TABLE account_events")
    op.execute(ENQUEUE.format(digest=WITHOUT_KEY))
    run_script(NO_COLUMNS)
