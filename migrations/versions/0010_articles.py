"""Articles."""

from alembic import op

from migrations.rls import add_audit_triggers, add_touch_trigger, enable_rls, run_script

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ARTICLES = """
CREATE TABLE articles (
    tenant_id uuid NOT NULL CONSTRAINT articles_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    title text NOT NULL CONSTRAINT articles_title_check CHECK (char_length(title) BETWEEN 1 AND 200),
    title_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(title)) STORED,
    content text NOT NULL CONSTRAINT articles_content_check CHECK (char_length(content) <= 100000),
    language text NOT NULL DEFAULT 'ENGLISH'
        CONSTRAINT articles_language_check CHECK (language IN (
            'SIMPLE', 'ARABIC', 'ARMENIAN', 'BASQUE', 'CATALAN', 'DANISH', 'DUTCH', 'ENGLISH', 'ESTONIAN',
            'FINNISH', 'FRENCH', 'GERMAN', 'GREEK', 'HINDI', 'HUNGARIAN', 'INDONESIAN', 'IRISH', 'ITALIAN',
            'LITHUANIAN', 'NEPALI', 'NORWEGIAN', 'PORTUGUESE', 'ROMANIAN', 'RUSSIAN', 'SERBIAN', 'SPANISH',
            'SWEDISH', 'TAMIL', 'TURKISH', 'YIDDISH'
        )),
    author_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'DRAFT'
        CONSTRAINT articles_status_check CHECK (status IN ('DRAFT', 'PUBLISHED')),
    published_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT articles_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT articles_tenant_id_author_id_fkey
        FOREIGN KEY (tenant_id, author_id) REFERENCES memberships (tenant_id, user_id)
)
"""

INDEXES = """
CREATE INDEX articles_by_created_at ON articles (tenant_id, created_at, id);
CREATE INDEX articles_by_updated_at ON articles (tenant_id, updated_at, id);
CREATE INDEX articles_by_title_key ON articles (tenant_id, title_key, id);
CREATE INDEX articles_by_status_created_at ON articles (tenant_id, status, created_at, id);
CREATE INDEX articles_by_language_created_at ON articles (tenant_id, language, created_at, id);
CREATE INDEX articles_by_author_id_created_at ON articles (tenant_id, author_id, created_at, id)
"""


def upgrade() -> None:
    """Make what a tenant's members read."""
    run_script(ARTICLES)
    run_script(INDEXES)
    enable_rls("articles", grants="SELECT, INSERT, UPDATE, DELETE")
    add_touch_trigger("articles")
    add_audit_triggers("articles")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP TABLE articles")
