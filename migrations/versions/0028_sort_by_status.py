"""Tasks and orders are sorted by their status, in the order in which they go through it."""

from alembic import op

from migrations.operations import LIVE, create_indexes
from migrations.rls import add_audit_triggers

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

STATUSES = {
    "tasks": "'TODO', 'IN_PROGRESS', 'DONE'",
    "orders": "'PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'",
}


def upgrade() -> None:
    """Store the place of each status, and index it."""
    for table, statuses in STATUSES.items():
        op.execute(
            f"ALTER TABLE {table} ADD status_rank integer NOT NULL"
            f" GENERATED ALWAYS AS (array_position(ARRAY[{statuses}], status)) STORED"
        )
        add_audit_triggers(table)  # which name the generated columns that they leave out
    create_indexes("tasks", "status_rank", where=LIVE)
    create_indexes("orders", "status_rank")


def downgrade() -> None:
    """Drop it."""
    for table in STATUSES:
        op.execute(f"ALTER TABLE {table} DROP status_rank")  # its index goes with it
        add_audit_triggers(table)
