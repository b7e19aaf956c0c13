"""Products: the flag for what is in stock goes, since lists are filtered by the quantity itself."""

from alembic import op

from migrations.operations import create_indexes
from migrations.rls import add_audit_triggers

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the flag, and its index with it."""
    op.execute("ALTER TABLE products DROP is_in_stock")
    add_audit_triggers("products")  # which name the generated columns that they leave out


def downgrade() -> None:
    """Add it again."""
    op.execute("ALTER TABLE products ADD is_in_stock boolean NOT NULL GENERATED ALWAYS AS (stock_quantity > 0) STORED")
    create_indexes("products", "is_in_stock, name_key")
    add_audit_triggers("products")
