"""Tenants, memberships, invitations, and the function that lets a person in."""

from alembic import op

from migrations.atrium_enter import create_atrium_enter
from migrations.rls import (
    CURRENT_TENANT_ID,
    CURRENT_USER_ID,
    IS_CURRENT_TENANT,
    PRESENTED_TOKEN_ID,
    add_touch_trigger,
    enable_rls,
    owner_view,
    run_script,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TENANTS = """
CREATE TABLE tenants (
    id uuid CONSTRAINT tenants_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT tenants_name_check CHECK (char_length(name) <= 100),
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED
        CONSTRAINT tenants_name_key_key UNIQUE,
    slug text NOT NULL CONSTRAINT tenants_slug_key UNIQUE
        CONSTRAINT tenants_slug_check CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$'),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1
)
"""

MEMBERSHIPS = """
CREATE TABLE memberships (
    tenant_id uuid NOT NULL CONSTRAINT memberships_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    user_id uuid NOT NULL CONSTRAINT memberships_user_id_fkey REFERENCES users,
    role text NOT NULL DEFAULT 'MEMBER'
        CONSTRAINT memberships_role_check CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER')),
    is_active boolean NOT NULL DEFAULT true,
    ended_at timestamptz,
    is_former boolean NOT NULL GENERATED ALWAYS AS (ended_at IS NOT NULL) STORED,
    full_name text NOT NULL,
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(full_name)) STORED,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT memberships_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT memberships_tenant_id_user_id_key UNIQUE (tenant_id, user_id)
)
"""

INVITATIONS = """
CREATE TABLE invitations (
    tenant_id uuid NOT NULL CONSTRAINT invitations_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL CONSTRAINT invitations_role_check CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER')),
    digest text NOT NULL,
    invited_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT invitations_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT invitations_tenant_id_invited_by_fkey
        FOREIGN KEY (tenant_id, invited_by) REFERENCES memberships (tenant_id, user_id)
)
"""

INDEXES = """
CREATE INDEX memberships_user_id_created_at_id_idx ON memberships (user_id, created_at, id);
CREATE INDEX memberships_by_created_at ON memberships (tenant_id, created_at, id);
CREATE INDEX memberships_by_name_key ON memberships (tenant_id, name_key, id);
CREATE INDEX memberships_by_is_former_name_key ON memberships (tenant_id, is_former, name_key, id);
CREATE INDEX memberships_by_is_former_role_name_key ON memberships (tenant_id, is_former, role, name_key, id);
CREATE INDEX memberships_by_is_former_is_active_name_key ON memberships
    (tenant_id, is_former, is_active, name_key, id);
CREATE INDEX memberships_by_email ON memberships (tenant_id, email, id);
CREATE INDEX memberships_by_text ON memberships USING gist (tenant_id, name_key gist_trgm_ops);
CREATE INDEX invitations_email_created_at_id_idx ON invitations (email, created_at, id)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitations_by_created_at ON invitations (tenant_id, created_at, id)
    WHERE accepted_at IS NULL AND revoked_at IS NULL
"""

# A membership carries a copy of its account's name and e-mail. Both functions must see accounts and memberships
# beyond what the caller may see, so they run with the owner's rights.
COPY_ACCOUNT = """
CREATE FUNCTION atrium_copy_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT u.full_name, u.email INTO STRICT NEW.full_name, NEW.email FROM public.users u WHERE u.id = NEW.user_id;
    RETURN NEW;
END $$
"""

SPREAD_ACCOUNT = """
CREATE FUNCTION atrium_spread_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.memberships m SET full_name = NEW.full_name, email = NEW.email WHERE m.user_id = NEW.id;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Make what separates one organisation from the next."""
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    for script in (TENANTS, MEMBERSHIPS, INVITATIONS, INDEXES):
        run_script(script)
    for function in (COPY_ACCOUNT, SPREAD_ACCOUNT):
        op.execute(function)
    op.execute("ALTER TABLE sessions ADD CONSTRAINT sessions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants")
    op.execute(
        "CREATE TRIGGER copy_account BEFORE INSERT ON memberships FOR EACH ROW EXECUTE FUNCTION atrium_copy_account()"
    )
    op.execute(
        "CREATE TRIGGER spread_account AFTER UPDATE OF full_name, email ON users"
        " FOR EACH ROW EXECUTE FUNCTION atrium_spread_account()"
    )
    op.execute("REVOKE ALL ON FUNCTION atrium_copy_account, atrium_spread_account FROM PUBLIC")
    create_atrium_enter()
    # Besides the tenant that was entered, a person sees the tenants that they belong to, to choose one.
    enable_rls(
        "memberships",
        f"{IS_CURRENT_TENANT} OR user_id = {CURRENT_USER_ID}",
        check=IS_CURRENT_TENANT,
        grants="SELECT, INSERT, UPDATE",
    )
    own = f"SELECT m.tenant_id FROM memberships m WHERE m.user_id = {CURRENT_USER_ID}"
    enable_rls(
        "tenants",
        f"id = {CURRENT_TENANT_ID} OR id IN ({own})",
        check=f"id = {CURRENT_TENANT_ID}",
        grants="SELECT, INSERT, UPDATE",
    )
    # An invitation is also read by whoever holds its token, and listed for the person that it is addressed to.
    mine = f"SELECT u.email FROM users u WHERE u.id = {CURRENT_USER_ID}"
    enable_rls(
        "invitations",
        f"{IS_CURRENT_TENANT} OR id = {PRESENTED_TOKEN_ID} OR email = ({mine})",
        check=IS_CURRENT_TENANT,
        grants="SELECT, INSERT, UPDATE",
    )
    add_touch_trigger("tenants")
    add_touch_trigger("memberships")
    owner_view("memberships_text", "SELECT tenant_id, id, name_key AS text FROM memberships")


def downgrade() -> None:
    """Take it all back."""
    op.execute("DROP VIEW memberships_text")
    op.execute("DROP FUNCTION atrium_enter")
    op.execute("DROP TRIGGER spread_account ON users")
    op.execute("ALTER TABLE sessions DROP CONSTRAINT sessions_tenant_id_fkey")
    op.execute("DROP TABLE invitations, memberships, tenants")
    op.execute("DROP FUNCTION atrium_copy_account, atrium_spread_account")
    op.execute("DROP EXTENSION btree_gist")
    op.execute("DROP EXTENSION pg_trgm")
