"""Tokens that are mailed, verified addresses, and API keys for machines."""

from alembic import op

from migrations.walls import MEMBER, PRESENTED, TENANT_ROWS, audited, definer, run, wall

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE users ADD email_verified_at timestamptz;
CREATE TABLE mailed_tokens (
    id uuid CONSTRAINT mailed_tokens_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT mailed_tokens_user_id_fkey REFERENCES users ON DELETE CASCADE,
    kind text NOT NULL CONSTRAINT mailed_tokens_kind_check CHECK (kind IN ('reset', 'verify', 'change')),
    email text NOT NULL
        CONSTRAINT mailed_tokens_email_check CHECK (email = lower(email) AND char_length(email) <= 255),
    digest text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX mailed_tokens_user_id_idx ON mailed_tokens (user_id) WHERE used_at IS NULL;
CREATE INDEX mailed_tokens_expires_at_idx ON mailed_tokens (expires_at);
CREATE TABLE api_keys (
    tenant_id uuid NOT NULL CONSTRAINT api_keys_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL CONSTRAINT api_keys_name_check CHECK (char_length(name) BETWEEN 1 AND 100),
    role text NOT NULL CONSTRAINT api_keys_role_check CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER')),
    digest text NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT api_keys_tenant_id_created_by_fkey
        FOREIGN KEY (tenant_id, created_by) REFERENCES memberships (tenant_id, user_id)
);
CREATE INDEX api_keys_by_created_at ON api_keys (tenant_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_by_created_by_created_at ON api_keys (tenant_id, created_by, created_at, id)
    WHERE revoked_at IS NULL
"""

# As before, and for machines besides: a key must be neither revoked nor over, and whoever made it must still be let in
# to its tenant, with a role that allows as much as the key's. A machine then asks in their name.
ENTER = """
CREATE FUNCTION atrium_enter(
    tenant uuid, member uuid, claimed_role text, session uuid, request text, address text, agent text,
    operation text DEFAULT ''{parameter}
) RETURNS TABLE (tenant_id uuid, user_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF member IS NULL AND tenant IS NOT NULL THEN
        RETURN;
    END IF;{machines}
    IF member IS NOT NULL{people} THEN
        PERFORM FROM public.users u JOIN public.sessions s ON s.user_id = u.id
        WHERE u.id = member AND u.is_active
            AND s.id = session AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp();
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    IF tenant IS NOT NULL{people} THEN
        PERFORM FROM public.memberships m JOIN public.tenants t ON t.id = m.tenant_id
        WHERE m.tenant_id = tenant AND m.user_id = member AND m.role = claimed_role
            AND m.is_active AND m.ended_at IS NULL AND t.is_active;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    PERFORM set_config('app.tenant_id', coalesce(tenant::text, ''), true),
        set_config('app.user_id', coalesce(member::text, ''), true),
        set_config('app.session_id', coalesce(session::text, ''), true),
        set_config('app.request_id', coalesce(request, ''), true),
        set_config('app.ip', coalesce(address, ''), true),
        set_config('app.user_agent', coalesce(agent, ''), true),
        set_config('app.operation', coalesce(operation, ''), true){setting};
    tenant_id := tenant;
    user_id := member;
    RETURN NEXT;
END $$
"""

MACHINES = """
    IF api_key IS NOT NULL THEN
        PERFORM FROM public.api_keys k
            JOIN public.memberships m ON m.tenant_id = k.tenant_id AND m.user_id = k.created_by
            JOIN public.users u ON u.id = k.created_by
            JOIN public.tenants t ON t.id = k.tenant_id
        WHERE k.tenant_id = tenant AND k.id = api_key AND k.created_by = member AND k.role = claimed_role
            AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
            AND m.is_active AND m.ended_at IS NULL AND u.is_active AND t.is_active
            AND array_position(ARRAY['MEMBER', 'ADMIN', 'OWNER'], k.role)
                <= array_position(ARRAY['MEMBER', 'ADMIN', 'OWNER'], m.role);
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;"""

BEFORE = "atrium_enter(uuid, uuid, text, uuid, text, text, text, text)"
SINCE = "atrium_enter(uuid, uuid, text, uuid, text, text, text, text, uuid)"


def upgrade() -> None:
    """Let people prove an address, and let machines in."""
    run(TABLES)
    # A mailed token is used by whoever holds it; nobody lists them.
    wall("mailed_tokens", f"user_id = {MEMBER} OR id = {PRESENTED}", grants="SELECT, INSERT, UPDATE")
    # A key is also read by whoever holds it, before it is known whose it is.
    wall("api_keys", f"{TENANT_ROWS} OR id = {PRESENTED}", check=TENANT_ROWS, grants="SELECT, INSERT, UPDATE")
    op.execute(f"DROP FUNCTION {BEFORE}")
    op.execute(
        ENTER.format(
            parameter=",\n    api_key uuid DEFAULT NULL",
            machines=MACHINES,
            people=" AND api_key IS NULL",
            setting=",\n        set_config('app.api_key_id', coalesce(api_key::text, ''), true)",
        )
    )
    definer(SINCE)
    audited("api_keys", ("digest",))


def downgrade() -> None:
    """Take it back."""
    op.execute(f"DROP FUNCTION {SINCE}")
    op.execute(ENTER.format(parameter="", machines="", people="", setting=""))
    definer(BEFORE)
    op.execute("DROP TABLE api_keys, mailed_tokens")
    op.execute("ALTER TABLE users DROP COLUMN email_verified_at")
