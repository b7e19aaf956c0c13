"""The liveness check by one row: what accounts, sessions, memberships, tenants and API keys amount to."""

from alembic import op

from migrations.atrium_enter import create_atrium_enter
from migrations.rls import enable_rls, run_script

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# A row for each session and each API key that is not revoked. There is room in each page, so that a new expiry or
# role changes the row in place and no index.
TABLES = """
CREATE TABLE live_sessions (
    id uuid CONSTRAINT live_sessions_pkey PRIMARY KEY
        CONSTRAINT live_sessions_id_fkey REFERENCES sessions ON DELETE CASCADE,
    user_id uuid,
    tenant_id uuid,
    role text,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE live_api_keys (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid,
    role text,
    expires_at timestamptz NOT NULL,
    CONSTRAINT live_api_keys_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT live_api_keys_tenant_id_id_fkey FOREIGN KEY (tenant_id, id) REFERENCES api_keys ON DELETE CASCADE
) WITH (fillfactor = 80)
"""

LIVE_MEMBER = "m.is_active AND m.ended_at IS NULL AND t.is_active"
ALLOWS_KEY = (
    "array_position(ARRAY['MEMBER', 'ADMIN', 'OWNER'], k.role)"
    " <= array_position(ARRAY['MEMBER', 'ADMIN', 'OWNER'], m.role)"
)

SESSION_ROWS = f"""
    SELECT s.id, CASE WHEN u.is_active THEN u.id END, s.tenant_id, CASE WHEN {LIVE_MEMBER} THEN m.role END, s.expires_at
    FROM public.sessions s
        JOIN public.users u ON u.id = s.user_id
        LEFT JOIN public.tenants t ON t.id = s.tenant_id
        LEFT JOIN public.memberships m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
    WHERE s.revoked_at IS NULL"""

API_KEY_ROWS = f"""
    SELECT k.tenant_id, k.id, CASE WHEN u.is_active THEN u.id END,
        CASE WHEN {LIVE_MEMBER} AND {ALLOWS_KEY} THEN k.role END, coalesce(k.expires_at, 'infinity')
    FROM public.api_keys k
        JOIN public.users u ON u.id = k.created_by
        JOIN public.tenants t ON t.id = k.tenant_id
        JOIN public.memberships m ON m.tenant_id = k.tenant_id AND m.user_id = k.created_by
    WHERE k.revoked_at IS NULL"""

# Locks what is about to be looked at, until the transaction ends: accounts first, then tenants in the order of their
# ids. Whoever makes a row, or moves it to another tenant, shares the tenant's lock; whoever changes what rows of a
# tenant say has it alone. So of two that do not see each other's changes the second waits, and sees them. That holds
# only where each statement sees what was committed before it.
LOCK_LIVENESS = """
CREATE FUNCTION atrium_lock_liveness(tenants uuid[], accounts uuid[], alone boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid;
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE feature_not_supported USING MESSAGE = 'who is let in is changed by READ COMMITTED transactions alone';
    END IF;
    PERFORM FROM public.users u WHERE u.id = ANY (accounts) ORDER BY u.id FOR SHARE;
    FOR tenant IN SELECT DISTINCT t FROM unnest(tenants) t WHERE t IS NOT NULL ORDER BY t LOOP
        IF alone THEN
            PERFORM pg_advisory_xact_lock(uuid_hash_extended(tenant, 29));
        ELSE
            PERFORM pg_advisory_xact_lock_shared(uuid_hash_extended(tenant, 29));
        END IF;
    END LOOP;
END $$
"""

KEEP_SESSION = f"""
CREATE FUNCTION atrium_keep_live_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.revoked_at IS NOT NULL THEN
        DELETE FROM public.live_sessions l WHERE l.id = NEW.id;
    ELSIF TG_OP = 'UPDATE' AND OLD.revoked_at IS NULL
        AND (OLD.user_id, OLD.tenant_id) IS NOT DISTINCT FROM (NEW.user_id, NEW.tenant_id)
    THEN
        UPDATE public.live_sessions l SET expires_at = NEW.expires_at WHERE l.id = NEW.id;
    ELSE
        PERFORM public.atrium_lock_liveness(
            ARRAY[OLD.tenant_id, NEW.tenant_id], ARRAY[OLD.user_id, NEW.user_id], false);
        INSERT INTO public.live_sessions (id, user_id, tenant_id, role, expires_at) {SESSION_ROWS} AND s.id = NEW.id
        ON CONFLICT (id) DO UPDATE SET user_id = EXCLUDED.user_id, tenant_id = EXCLUDED.tenant_id,
            role = EXCLUDED.role, expires_at = EXCLUDED.expires_at;
    END IF;
    RETURN NULL;
END $$
"""

KEEP_API_KEY = f"""
CREATE FUNCTION atrium_keep_live_api_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.revoked_at IS NOT NULL THEN
        DELETE FROM public.live_api_keys l WHERE l.tenant_id = NEW.tenant_id AND l.id = NEW.id;
    ELSE
        PERFORM public.atrium_lock_liveness(ARRAY[NEW.tenant_id], ARRAY[OLD.created_by, NEW.created_by], false);
        INSERT INTO public.live_api_keys (tenant_id, id, user_id, role, expires_at) {API_KEY_ROWS}
            AND k.tenant_id = NEW.tenant_id AND k.id = NEW.id
        ON CONFLICT (tenant_id, id) DO UPDATE SET
            user_id = EXCLUDED.user_id, role = EXCLUDED.role, expires_at = EXCLUDED.expires_at;
    END IF;
    RETURN NULL;
END $$
"""

# A membership that changes may have been another's or none before, and may be none afterwards; while there are keys it
# stays the one that they are made under, which a reference sees to. The condition on the
# rows' own tenant is asked again of a row that was moved to another one while this waited for it.
SPREAD_MEMBERSHIP = f"""
CREATE FUNCTION atrium_spread_live_membership() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE public.live_sessions l SET role = NULL WHERE l.role IS NOT NULL;
        RETURN NULL;
    END IF;
    PERFORM public.atrium_lock_liveness(ARRAY[OLD.tenant_id, NEW.tenant_id], '{{}}', true);
    UPDATE public.live_sessions l SET role = (
        SELECT m.role FROM public.memberships m JOIN public.tenants t ON t.id = m.tenant_id
        WHERE m.tenant_id = s.tenant_id AND m.user_id = s.user_id AND {LIVE_MEMBER}
    )
    FROM public.sessions s
    WHERE s.user_id IN (OLD.user_id, NEW.user_id) AND s.tenant_id IN (OLD.tenant_id, NEW.tenant_id)
        AND l.id = s.id AND l.tenant_id = s.tenant_id;
    IF TG_OP = 'UPDATE' THEN
        UPDATE public.live_api_keys l SET role = CASE WHEN {LIVE_MEMBER} AND {ALLOWS_KEY} THEN k.role END
        FROM public.api_keys k, public.memberships m, public.tenants t
        WHERE k.tenant_id = NEW.tenant_id AND k.created_by = NEW.user_id
            AND m.tenant_id = k.tenant_id AND m.user_id = k.created_by AND t.id = k.tenant_id
            AND l.tenant_id = k.tenant_id AND l.id = k.id;
    END IF;
    RETURN NULL;
END $$
"""

SPREAD_TENANT = f"""
CREATE FUNCTION atrium_spread_live_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.atrium_lock_liveness(ARRAY[NEW.id], '{{}}', true);
    UPDATE public.live_sessions l SET role = CASE WHEN {LIVE_MEMBER} THEN m.role END
    FROM public.tenants t, public.memberships m, public.sessions s
    WHERE t.id = NEW.id AND m.tenant_id = t.id AND s.tenant_id = t.id AND s.user_id = m.user_id
        AND l.id = s.id AND l.tenant_id = t.id;
    UPDATE public.live_api_keys l SET role = CASE WHEN {LIVE_MEMBER} AND {ALLOWS_KEY} THEN k.role END
    FROM public.tenants t, public.memberships m, public.api_keys k
    WHERE t.id = NEW.id AND k.tenant_id = t.id AND m.tenant_id = t.id AND m.user_id = k.created_by
        AND l.tenant_id = k.tenant_id AND l.id = k.id;
    RETURN NULL;
END $$
"""

# Nobody changes an account while a session of it or a key is made, so the rows that are there are all.
SPREAD_ACCOUNT = """
CREATE FUNCTION atrium_spread_live_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.atrium_lock_liveness('{}', '{}', true);
    UPDATE public.live_sessions l SET user_id = CASE WHEN NEW.is_active THEN NEW.id END
    FROM public.sessions s
    WHERE s.user_id = NEW.id AND l.id = s.id;
    UPDATE public.live_api_keys l SET user_id = CASE WHEN NEW.is_active THEN NEW.id END
    FROM public.memberships m, public.api_keys k
    WHERE m.user_id = NEW.id AND k.tenant_id = m.tenant_id AND k.created_by = m.user_id
        AND l.tenant_id = k.tenant_id AND l.id = k.id;
    RETURN NULL;
END $$
"""

FUNCTIONS = {
    "atrium_lock_liveness(uuid[], uuid[], boolean)": LOCK_LIVENESS,
    "atrium_keep_live_session()": KEEP_SESSION,
    "atrium_keep_live_api_key()": KEEP_API_KEY,
    "atrium_spread_live_membership()": SPREAD_MEMBERSHIP,
    "atrium_spread_live_tenant()": SPREAD_TENANT,
    "atrium_spread_live_account()": SPREAD_ACCOUNT,
}


def changed(*columns: str) -> str:
    """Return the condition that a change concerns one of these columns."""
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"ROW({old}) IS DISTINCT FROM ROW({new})"


SESSION, API_KEY = "atrium_keep_live_session", "atrium_keep_live_api_key"
MEMBERSHIP, TENANT, ACCOUNT = (f"atrium_spread_live_{name}" for name in ("membership", "tenant", "account"))

TRIGGERS = (
    ("sessions", "keep_live_new", "INSERT", "true", SESSION),
    ("sessions", "keep_live", "UPDATE", changed("user_id", "tenant_id", "expires_at", "revoked_at"), SESSION),
    ("api_keys", "keep_live_new", "INSERT", "true", API_KEY),
    ("api_keys", "keep_live", "UPDATE", changed("role", "created_by", "expires_at", "revoked_at"), API_KEY),
    ("memberships", "spread_live_new", "INSERT OR DELETE", "true", MEMBERSHIP),
    (
        *("memberships", "spread_live", "UPDATE"),
        *(changed("tenant_id", "user_id", "role", "is_active", "ended_at"), MEMBERSHIP),
    ),
    ("tenants", "spread_live", "UPDATE", changed("is_active"), TENANT),
    ("users", "spread_live", "UPDATE", changed("is_active"), ACCOUNT),
)
"""Each by its table, its name, what it is fired by, on which condition, and its function.

They run when the transaction commits. Then it waits for no lock but these, so nobody waits for each other in a circle.
"""


def upgrade() -> None:
    """Make the rows, have them kept, and let `atrium_enter` look at them first."""
    run_script(TABLES)
    for table in ("live_sessions", "live_api_keys"):
        enable_rls(table)
    for signature, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    for table, name, event, condition, function in TRIGGERS:
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED"
            f" FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {function}()"
        )
    op.execute(
        "CREATE TRIGGER spread_live_none BEFORE TRUNCATE ON memberships"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {MEMBERSHIP}()"
    )
    # The triggers keep writers out until this commits, so no change is missed between the look and them.
    op.execute(f"INSERT INTO live_sessions (id, user_id, tenant_id, role, expires_at) {SESSION_ROWS}")
    op.execute(f"INSERT INTO live_api_keys (tenant_id, id, user_id, role, expires_at) {API_KEY_ROWS}")
    create_atrium_enter(operation=True, machines=True, covered=True)


def downgrade() -> None:
    """Take it back."""
    create_atrium_enter(operation=True, machines=True)
    op.execute("DROP TRIGGER spread_live_none ON memberships")
    for table, name, *_ in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("DROP TABLE live_sessions, live_api_keys")
