"""The timeline of the primary, written where its replicas show it."""

from alembic import op

from migrations.rls import runtime_role

revision = "0032"
down_revision = "0031"
oldest_compatible = "0031"
branch_labels = None
depends_on = None

# A sequence, not a table: it has one number, which is set beside any transaction.
SEQUENCE = "CREATE SEQUENCE timeline_mark AS bigint MINVALUE 0 START 0 NO CYCLE"

# The timeline of today, so that replicas are read from as soon as the programs of this revision run.
MARK = """
SELECT setval('timeline_mark', ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint)
"""


def upgrade() -> None:
    """Make the sequence, which the runtime role sets."""
    op.execute(SEQUENCE)
    op.execute(MARK)
    op.execute(f"GRANT SELECT, UPDATE ON SEQUENCE timeline_mark TO {runtime_role()}")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP SEQUENCE timeline_mark")
