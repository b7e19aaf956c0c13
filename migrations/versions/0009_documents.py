"""Documents, which lie in the trash before they are gone."""

from alembic import op

from migrations.operations import LIVE, create_indexes, create_touched_table
from migrations.rls import owner_view

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A title is taken within its project, or among those without one, and by live documents alone.
UNIQUE_TITLES = """
CREATE UNIQUE INDEX documents_title_key ON documents (tenant_id, project_id, title_key)
    NULLS NOT DISTINCT WHERE deleted_at IS NULL
"""

DOCUMENTS = """
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    title_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(title)) STORED,
    content text NOT NULL DEFAULT '' CHECK (char_length(content) <= 100000),
    project_id uuid,
    created_by uuid NOT NULL,
    deleted_at timestamptz,
    deleted_by uuid,
    FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES memberships (tenant_id, user_id),
    FOREIGN KEY (tenant_id, deleted_by) REFERENCES memberships (tenant_id, user_id)
"""

TRASHED = "deleted_at IS NOT NULL"


def upgrade() -> None:
    """Make the table."""
    create_touched_table("documents", DOCUMENTS, grants="SELECT, INSERT, UPDATE, DELETE", audited=True)
    op.execute(UNIQUE_TITLES)
    create_indexes("documents", "created_at", "updated_at", "title_key", where=LIVE)
    create_indexes("documents", "project_id, created_at", "created_by, created_at", where=LIVE)
    create_indexes("documents", "deleted_at", "deleted_by, deleted_at", where=TRASHED)
    op.execute("CREATE INDEX documents_by_text ON documents USING gist (tenant_id, title_key gist_trgm_ops)")
    owner_view("documents_text", "SELECT tenant_id, id, title_key AS text FROM documents")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP VIEW documents_text")
    op.execute("DROP TABLE documents")
