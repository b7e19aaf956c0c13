"""Tokens that are mailed, verified addresses, and API keys for machines."""

from alembic import op

from migrations.atrium_enter import make_entry
from migrations.rls import MEMBER, PRESENTED, TENANT_ROWS, audited, run, wall

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


def upgrade() -> None:
    """Let people prove an address, and let machines in."""
    run(TABLES)
    # A mailed token is used by whoever holds it; nobody lists them.
    wall("mailed_tokens", f"user_id = {MEMBER} OR id = {PRESENTED}", grants="SELECT, INSERT, UPDATE")
    # A key is also read by whoever holds it, before it is known whose it is.
    wall("api_keys", f"{TENANT_ROWS} OR id = {PRESENTED}", check=TENANT_ROWS, grants="SELECT, INSERT, UPDATE")
    make_entry(operation=True, machines=True)
    audited("api_keys", ("digest",))


def downgrade() -> None:
    """Take it back."""
    make_entry(operation=True)
    op.execute("DROP TABLE api_keys, mailed_tokens")
    op.execute("ALTER TABLE users DROP COLUMN email_verified_at")
