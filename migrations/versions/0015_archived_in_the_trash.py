"""An archived project stays archived while it is in the trash."""

from migrations.rls import run_script

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# A generated column cannot be given another expression before PostgreSQL 17.
AGAIN = """
DROP INDEX projects_by_is_deleted_is_archived_created_at;
ALTER TABLE projects DROP COLUMN is_archived;
ALTER TABLE projects ADD COLUMN is_archived boolean NOT NULL GENERATED ALWAYS AS ({when}) STORED;
CREATE INDEX projects_by_is_deleted_is_archived_created_at ON projects
    (tenant_id, is_deleted, is_archived, created_at, id)
"""

# The trash lists what is in it, archived or not.
TRASH = "CREATE INDEX projects_by_is_deleted_created_at ON projects (tenant_id, is_deleted, created_at, id)"


def upgrade() -> None:
    """Say so of the column."""
    run_script(AGAIN.format(when="archived_at IS NOT NULL"))
    run_script(TRASH)


def downgrade() -> None:
    """Take it back."""
    run_script("DROP INDEX projects_by_is_deleted_created_at")
    run_script(AGAIN.format(when="archived_at IS NOT NULL AND deleted_at IS NULL"))
