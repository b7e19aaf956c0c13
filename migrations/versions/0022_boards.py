"""Boards: the place of each task in a list that people sort by hand."""

from alembic import op

from migrations.operations import LIVE, create_indexes
from migrations.ranks import create_rank_functions, drop_rank_functions
from migrations.rls import run_script

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


def upgrade() -> None:
    """Give every task its place."""
    create_rank_functions()
    op.execute(TRIGGER)
    run_script(FILL)
    op.execute("CREATE TRIGGER set_position BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION atrium_place_task()")
    create_indexes("tasks", "position", where=LIVE)


def downgrade() -> None:
    """Take the places back."""
    op.execute("DROP TRIGGER set_position ON tasks")
    op.execute("DROP FUNCTION atrium_place_task")
    op.execute("DROP INDEX tasks_by_position")
    op.execute("ALTER TABLE tasks DROP position")
    drop_rank_functions()
