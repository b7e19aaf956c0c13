"""Projects, tasks, and the keys that make a repeated call harmless."""

from alembic import op

from migrations.operations import LIVE, create_indexes, create_touched_table
from migrations.rls import CURRENT_USER_ID, IS_CURRENT_TENANT, enable_rls, owner_view, run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PROJECTS = """
    name text NOT NULL CHECK (char_length(name) <= 200),
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
    archived_at timestamptz,
    deleted_at timestamptz,
    deleted_by uuid,
    is_archived boolean NOT NULL GENERATED ALWAYS AS (archived_at IS NOT NULL AND deleted_at IS NULL) STORED,
    is_deleted boolean NOT NULL GENERATED ALWAYS AS (deleted_at IS NOT NULL) STORED,
    FOREIGN KEY (tenant_id, deleted_by) REFERENCES memberships (tenant_id, user_id)
"""

TASKS = """
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    title_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(title)) STORED,
    description text CHECK (char_length(description) <= 2000),
    status text NOT NULL DEFAULT 'TODO' CHECK (status IN ('TODO', 'IN_PROGRESS', 'DONE')),
    due_date timestamptz,
    project_id uuid,
    assignee_id uuid,
    created_by uuid NOT NULL,
    deleted_at timestamptz,
    FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id),
    FOREIGN KEY (tenant_id, assignee_id) REFERENCES memberships (tenant_id, user_id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES memberships (tenant_id, user_id)
"""

KEYS = """
CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL CONSTRAINT idempotency_keys_tenant_id_fkey REFERENCES tenants,
    user_id uuid NOT NULL,
    mutation text NOT NULL,
    key text NOT NULL,
    input_digest text NOT NULL,
    outcome_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, user_id, mutation, key)
)
"""

TASK_TEXT = "(title_key || E'\\n' || lower(coalesce(description, '')))"

# The statistics are what the planner cannot know by itself: taken for independent of the tenant, a project would seem
# to have as many times fewer tasks as there are tenants.
MORE_INDEXES = f"""
CREATE INDEX projects_by_text ON projects USING gist (tenant_id, name_key gist_trgm_ops);
CREATE INDEX tasks_by_text ON tasks USING gist (tenant_id, {TASK_TEXT} gist_trgm_ops) WHERE {LIVE};
CREATE STATISTICS tasks_dependencies (dependencies) ON tenant_id, project_id, assignee_id FROM tasks;
CREATE INDEX idempotency_keys_tenant_id_created_at_idx ON idempotency_keys (tenant_id, created_at)
"""


def upgrade() -> None:
    """Make what a tenant works with."""
    create_touched_table("projects", PROJECTS, grants="SELECT, INSERT, UPDATE")
    create_indexes("projects", "is_deleted, is_archived, created_at", "created_at", "updated_at", "name_key")
    create_touched_table("tasks", TASKS, grants="SELECT, INSERT, UPDATE, DELETE")
    create_indexes("tasks", "created_at", "updated_at", "title_key", where=LIVE)
    create_indexes("tasks", "status, created_at", "project_id, created_at", "assignee_id, created_at", where=LIVE)
    create_indexes("tasks", where=LIVE, nulls_last={"due_date": "timestamptz"})
    op.execute(KEYS)
    run_script(MORE_INDEXES)
    enable_rls(
        "idempotency_keys",
        f"{IS_CURRENT_TENANT} AND user_id = {CURRENT_USER_ID}",
        grants="SELECT, INSERT, UPDATE, DELETE",
    )
    owner_view("projects_text", "SELECT tenant_id, id, name_key AS text FROM projects")
    owner_view("tasks_text", f"SELECT tenant_id, id, {TASK_TEXT} AS text FROM tasks", where=LIVE)


def downgrade() -> None:
    """Take it all back."""
    op.execute("DROP VIEW tasks_text, projects_text")
    op.execute("DROP TABLE idempotency_keys, tasks, projects")
