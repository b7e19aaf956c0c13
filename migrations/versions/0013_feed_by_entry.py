"""Entries of the feed, found by what they are about: for verification, and so that nothing gets two positions."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index them."""
    op.execute("CREATE UNIQUE INDEX feed_by_entry ON feed (tenant_id, entry_id)")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP INDEX feed_by_entry")
