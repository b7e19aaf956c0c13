"""Projects, tasks, and the keys that make a repeated call harmless."""

from alembic import op

from migrations.rls import CURRENT_USER_ID, IS_CURRENT_TENANT, add_touch_trigger, enable_rls, owner_view, run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PROJECTS = """
CREATE TABLE projects (
    tenant_id uuid NOT NULL CONSTRAINT projects_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL CONSTRAINT projects_name_check CHECK (char_length(name) <= 200),
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
    archived_at timestamptz,
    deleted_at timestamptz,
    deleted_by uuid,
    is_archived boolean NOT NULL GENERATED ALWAYS AS (archived_at IS NOT NULL AND deleted_at IS NULL) STORED,
    is_deleted boolean NOT NULL GENERATED ALWAYS AS (deleted_at IS NOT NULL) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT projects_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT projects_tenant_id_deleted_by_fkey
        FOREIGN KEY (tenant_id, deleted_by) REFERENCES memberships (tenant_id, user_id)
)
"""

TASKS = """
CREATE TABLE tasks (
    tenant_id uuid NOT NULL CONSTRAINT tasks_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    title text NOT NULL CONSTRAINT tasks_title_check CHECK (char_length(title) BETWEEN 1 AND 200),
    title_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(title)) STORED,
    description text CONSTRAINT tasks_description_check CHECK (char_length(description) <= 2000),
    status text NOT NULL DEFAULT 'TODO'
        CONSTRAINT tasks_status_check CHECK (status IN ('TODO', 'IN_PROGRESS', 'DONE')),
    due_date timestamptz,
    project_id uuid,
    assignee_id uuid,
    created_by uuid NOT NULL,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT tasks_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT tasks_tenant_id_project_id_fkey
        FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id),
    CONSTRAINT tasks_tenant_id_assignee_id_fkey
        FOREIGN KEY (tenant_id, assignee_id) REFERENCES memberships (tenant_id, user_id),
    CONSTRAINT tasks_tenant_id_created_by_fkey
        FOREIGN KEY (tenant_id, created_by) REFERENCES memberships (tenant_id, user_id)
)
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

# Nulls last in both directions.
DUE_ASC = "(CASE WHEN due_date IS NULL THEN 'infinity'::timestamptz ELSE due_date END)"
DUE_DESC = "(CASE WHEN due_date IS NULL THEN '-infinity'::timestamptz ELSE due_date END)"

TASK_TEXT = "(title_key || E'\\n' || lower(coalesce(description, '')))"

INDEXES = f"""
CREATE INDEX projects_by_is_deleted_is_archived_created_at ON projects
    (tenant_id, is_deleted, is_archived, created_at, id);
CREATE INDEX projects_by_created_at ON projects (tenant_id, created_at, id);
CREATE INDEX projects_by_updated_at ON projects (tenant_id, updated_at, id);
CREATE INDEX projects_by_name_key ON projects (tenant_id, name_key, id);
CREATE INDEX projects_by_text ON projects USING gist (tenant_id, name_key gist_trgm_ops);
CREATE INDEX tasks_by_created_at ON tasks (tenant_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_updated_at ON tasks (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_title_key ON tasks (tenant_id, title_key, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_status_created_at ON tasks (tenant_id, status, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_project_id_created_at ON tasks (tenant_id, project_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_assignee_id_created_at ON tasks (tenant_id, assignee_id, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_due_date_asc ON tasks (tenant_id, {DUE_ASC}, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_due_date_desc ON tasks (tenant_id, {DUE_DESC}, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_text ON tasks USING gist (tenant_id, {TASK_TEXT} gist_trgm_ops) WHERE deleted_at IS NULL;
CREATE INDEX idempotency_keys_tenant_id_created_at_idx ON idempotency_keys (tenant_id, created_at)
"""

# What the planner cannot know by itself. A partial index says nothing of how its expression is distributed, without
# which the planner would walk all tasks by age rather than look up the few that are due. And taken for independent of
# the tenant, a project would seem to have as many times fewer tasks as there are tenants.
STATISTICS = f"""
CREATE STATISTICS tasks_due_date_asc ON {DUE_ASC} FROM tasks;
CREATE STATISTICS tasks_due_date_desc ON {DUE_DESC} FROM tasks;
CREATE STATISTICS tasks_dependencies (dependencies) ON tenant_id, project_id, assignee_id FROM tasks
"""


def upgrade() -> None:
    """Make what a tenant works with."""
    for script in (PROJECTS, TASKS, KEYS, INDEXES, STATISTICS):
        run_script(script)
    enable_rls("projects", grants="SELECT, INSERT, UPDATE")
    enable_rls("tasks", grants="SELECT, INSERT, UPDATE, DELETE")
    enable_rls(
        "idempotency_keys",
        f"{IS_CURRENT_TENANT} AND user_id = {CURRENT_USER_ID}",
        grants="SELECT, INSERT, UPDATE, DELETE",
    )
    add_touch_trigger("projects")
    add_touch_trigger("tasks")
    owner_view("projects_text", "SELECT tenant_id, id, name_key AS text FROM projects")
    owner_view("tasks_text", f"SELECT tenant_id, id, {TASK_TEXT} AS text FROM tasks", where="deleted_at IS NULL")


def downgrade() -> None:
    """Take it all back."""
    op.execute("DROP VIEW tasks_text, projects_text")
    op.execute("DROP TABLE idempotency_keys, tasks, projects")
