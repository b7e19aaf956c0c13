"""Tokens that are mailed, verified addresses, and API keys."""

from alembic import op

from migrations.atrium_enter import create_atrium_enter
from migrations.rls import (
    CURRENT_USER_ID,
    IS_CURRENT_TENANT,
    PRESENTED_TOKEN_ID,
    add_audit_triggers,
    enable_rls,
    run_script,
)

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
    """Let people prove an address, and programs authenticate by keys."""
    run_script(TABLES)
    # A mailed token is used by whoever holds it; nobody lists them.
    enable_rls(
        "mailed_tokens", f"user_id = {CURRENT_USER_ID} OR id = {PRESENTED_TOKEN_ID}", grants="SELECT, INSERT, UPDATE"
    )
    # A key is also read by whoever holds it, before it is known whose it is.
    enable_rls(
        "api_keys",
        f"{IS_CURRENT_TENANT} OR id = {PRESENTED_TOKEN_ID}",
        check=IS_CURRENT_TENANT,
        grants="SELECT, INSERT, UPDATE",
    )
    create_atrium_enter(operation=True, machines=True)
    add_audit_triggers("api_keys", ("digest",))


def downgrade() -> None:
    """Take it back."""
    create_atrium_enter(operation=True)
    op.execute("DROP TABLE api_keys, mailed_tokens")
    op.execute("ALTER TABLE users DROP COLUMN email_verified_at")
