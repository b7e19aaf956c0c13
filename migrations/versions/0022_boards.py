"""Boards: the place of each task in a list that people sort by hand, its priority, its labels and its comments."""

from alembic import op

from migrations.operations import LIVE, create_indexes, create_tenant_table, drop_tenant_table
from migrations.ranks import create_rank_functions, drop_rank_functions
from migrations.rls import add_audit_triggers, owner_view, run_script

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# A new task comes last, wherever it is inserted. The rows of one statement come one after the other, since each finds
# the one before.
TRIGGER = """
CREATE FUNCTION atrium_place_task() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.position IS NULL THEN
        NEW.position := public.atrium_rank_between((
            SELECT t.position FROM public.tasks t WHERE t.tenant_id = NEW.tenant_id ORDER BY t.position DESC LIMIT 1
        ), NULL);
    END IF;
    RETURN NEW;
END $$
"""

# Tasks that exist are placed by their age, the oldest first. Nobody moved them, so no version, moment or entry of the
# log tells of it.
FILL = """
ALTER TABLE tasks ADD position text COLLATE "C"
    CONSTRAINT tasks_position_check CHECK (char_length(position) BETWEEN 2 AND 1000);
ALTER TABLE tasks DISABLE TRIGGER set_timestamps;
ALTER TABLE tasks DISABLE TRIGGER audit_update;
UPDATE tasks t SET position = atrium_rank_part(n.number * 4096)
    FROM (SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY created_at, id) AS number
        FROM tasks) n
    WHERE n.tenant_id = t.tenant_id AND n.id = t.id;
ALTER TABLE tasks ENABLE TRIGGER set_timestamps;
ALTER TABLE tasks ENABLE TRIGGER audit_update;
ALTER TABLE tasks ALTER position SET NOT NULL;
ALTER TABLE tasks ADD CONSTRAINT tasks_tenant_id_position_key UNIQUE (tenant_id, position)
"""


LABELS = """
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 50),
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
    color text NOT NULL DEFAULT 'GRAY' CHECK (
        color IN ('GRAY', 'RED', 'ORANGE', 'YELLOW', 'GREEN', 'TEAL', 'BLUE', 'PURPLE', 'PINK')),
    UNIQUE (tenant_id, name_key)
"""

COMMENTS = """
    task_id uuid NOT NULL,
    author_id uuid NOT NULL,
    body text NOT NULL CHECK (char_length(body) BETWEEN 1 AND 10000),
    mention_ids uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(mention_ids) <= 50),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, author_id) REFERENCES memberships (tenant_id, user_id)
"""

# The labels of a task are ids in its own row: who changes them changes the task, with its version and its entry in the
# log. No foreign key holds an array; labels are locked while a task gets them, and deleting one takes it off all tasks.
COLUMNS = """
ALTER TABLE tasks ADD priority text NOT NULL DEFAULT 'NONE'
    CONSTRAINT tasks_priority_check CHECK (priority IN ('NONE', 'LOW', 'MEDIUM', 'HIGH', 'URGENT'));
ALTER TABLE tasks ADD priority_rank integer NOT NULL GENERATED ALWAYS AS (
    array_position(ARRAY['NONE', 'LOW', 'MEDIUM', 'HIGH', 'URGENT'], priority)) STORED;
ALTER TABLE tasks ADD label_ids uuid[] NOT NULL DEFAULT '{}'
    CONSTRAINT tasks_label_ids_check CHECK (cardinality(label_ids) <= 20);
CREATE INDEX tasks_by_label ON tasks USING gin (label_ids) WHERE deleted_at IS NULL
"""


def upgrade() -> None:
    """Give every task its place."""
    create_tenant_table("labels", LABELS, grants="SELECT, INSERT, UPDATE, DELETE")
    create_indexes("labels", "created_at", "updated_at", "name_key")
    run_script(COLUMNS)
    create_indexes("tasks", "priority_rank", "priority, created_at", where=LIVE)
    add_audit_triggers("tasks")
    create_tenant_table("comments", COMMENTS, grants="SELECT, INSERT, UPDATE, DELETE")
    create_indexes("comments", "created_at", "updated_at", "task_id, created_at", "author_id, created_at")
    op.execute("CREATE INDEX comments_by_mention ON comments USING gin (mention_ids)")
    owner_view("comments_search", "SELECT tenant_id, id, mention_ids AS ids FROM comments")
    owner_view("tasks_search", "SELECT tenant_id, id, label_ids AS ids FROM tasks", where=LIVE)
    create_rank_functions()
    op.execute(TRIGGER)
    run_script(FILL)
    op.execute("CREATE TRIGGER set_position BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION atrium_place_task()")
    create_indexes("tasks", "position", where=LIVE)


def downgrade() -> None:
    """Take the places back."""
    op.execute("DROP VIEW comments_search")
    drop_tenant_table("comments")
    op.execute("DROP TRIGGER set_position ON tasks")
    op.execute("DROP FUNCTION atrium_place_task")
    op.execute("DROP INDEX tasks_by_position")
    op.execute("ALTER TABLE tasks DROP position")
    drop_rank_functions()
    op.execute("DROP VIEW tasks_search")
    op.execute("DROP INDEX tasks_by_label, tasks_by_priority_rank, tasks_by_priority_created_at")
    op.execute("ALTER TABLE tasks DROP priority_rank, DROP priority, DROP label_ids")
    add_audit_triggers("tasks")
    drop_tenant_table("labels")
