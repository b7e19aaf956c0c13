"""Indexes for what lists are filtered by."""

from alembic import op

from migrations.operations import LIVE, create_indexes

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index for tasks by who created them."""
    create_indexes("tasks", "created_by, created_at", where=LIVE)


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP INDEX tasks_by_created_by_created_at")
