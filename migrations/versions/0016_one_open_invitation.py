"""At most one open invitation for an address in a tenant."""

from alembic import op

from migrations.rls import run_script

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Of several the newest stays, as if it had been sent after the others. With them go those that nobody could send today:
# to people who belong to the tenant or have left it since, and from people who may no longer grant the role.
CLOSE = """
UPDATE invitations i SET revoked_at = clock_timestamp()
WHERE i.accepted_at IS NULL AND i.revoked_at IS NULL AND (
    EXISTS (
        SELECT FROM invitations n
        WHERE n.tenant_id = i.tenant_id AND n.email = i.email AND n.accepted_at IS NULL AND n.revoked_at IS NULL
            AND (n.created_at, n.id) > (i.created_at, i.id)
    ) OR EXISTS (
        SELECT FROM memberships m
        WHERE m.tenant_id = i.tenant_id AND m.email = i.email AND (m.ended_at IS NULL OR m.ended_at > i.created_at)
    ) OR NOT EXISTS (
        SELECT FROM memberships m JOIN users u ON u.id = m.user_id
        WHERE m.tenant_id = i.tenant_id AND m.user_id = i.invited_by AND m.ended_at IS NULL AND m.is_active
            AND u.is_active AND (m.role = 'OWNER' OR m.role = 'ADMIN' AND i.role <> 'OWNER')
    )
);
CREATE UNIQUE INDEX invitations_tenant_id_email_key ON invitations (tenant_id, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL
"""


def upgrade() -> None:
    """Revoke those that are too many, and add the unique index."""
    run_script(CLOSE)


def downgrade() -> None:
    """Drop the unique index."""
    op.execute("DROP INDEX invitations_tenant_id_email_key")
