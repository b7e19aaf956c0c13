"""Documents, which lie in the trash before they are gone."""

from alembic import op

from migrations.rls import add_audit_triggers, add_touch_trigger, enable_rls, owner_view, run_script

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A title is taken within its project, or among those without one, and by live documents alone.
DOCUMENTS = """
CREATE TABLE documents (
    tenant_id uuid NOT NULL CONSTRAINT documents_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    title text NOT NULL CONSTRAINT documents_title_check CHECK (char_length(title) BETWEEN 1 AND 200),
    title_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(title)) STORED,
    content text NOT NULL DEFAULT '' CONSTRAINT documents_content_check CHECK (char_length(content) <= 100000),
    project_id uuid,
    created_by uuid NOT NULL,
    deleted_at timestamptz,
    deleted_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT documents_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT documents_tenant_id_project_id_fkey
        FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id),
    CONSTRAINT documents_tenant_id_created_by_fkey
        FOREIGN KEY (tenant_id, created_by) REFERENCES memberships (tenant_id, user_id),
    CONSTRAINT documents_tenant_id_deleted_by_fkey
        FOREIGN KEY (tenant_id, deleted_by) REFERENCES memberships (tenant_id, user_id)
);
CREATE UNIQUE INDEX documents_title_key ON documents (tenant_id, project_id, title_key)
    NULLS NOT DISTINCT WHERE deleted_at IS NULL;
CREATE INDEX documents_by_created_at ON documents (tenant_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX documents_by_updated_at ON documents (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX documents_by_title_key ON documents (tenant_id, title_key, id) WHERE deleted_at IS NULL;
CREATE INDEX documents_by_project_id_created_at ON documents (tenant_id, project_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX documents_by_created_by_created_at ON documents (tenant_id, created_by, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX documents_by_deleted_at ON documents (tenant_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX documents_by_deleted_by_deleted_at ON documents (tenant_id, deleted_by, deleted_at, id)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX documents_by_text ON documents USING gist (tenant_id, title_key gist_trgm_ops)
"""


def upgrade() -> None:
    """Make the table."""
    run_script(DOCUMENTS)
    enable_rls("documents", grants="SELECT, INSERT, UPDATE, DELETE")
    add_touch_trigger("documents")
    add_audit_triggers("documents")
    owner_view("documents_text", "SELECT tenant_id, id, title_key AS text FROM documents")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP VIEW documents_text")
    op.execute("DROP TABLE documents")
