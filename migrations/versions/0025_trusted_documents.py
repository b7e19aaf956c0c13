"""Trusted documents: the GraphQL documents that operators store, for all processes."""

from alembic import op

from migrations.rls import enable_rls

revision = "0025"
down_revision = "0021"
branch_labels = None
depends_on = None

TRUSTED_DOCUMENTS = """
CREATE TABLE trusted_documents (
    id text CONSTRAINT trusted_documents_pkey PRIMARY KEY
        CONSTRAINT trusted_documents_id_check CHECK (char_length(id) BETWEEN 1 AND 255),
    sha256 text NOT NULL CONSTRAINT trusted_documents_sha256_check CHECK (char_length(sha256) = 64),
    operation_type text NOT NULL,
    operation_name text,
    source text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


def upgrade() -> None:
    """Make the table. Its rows are no tenant's: the role that serves reads them all, and only the owner writes."""
    op.execute(TRUSTED_DOCUMENTS)
    enable_rls("trusted_documents", "true", check="false", grants="SELECT")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP TABLE trusted_documents")
