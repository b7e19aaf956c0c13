"""Currencies are those of ISO 4217, by a CHECK, so that no reader has to ask; and an entry that costs less."""

from alembic import op

from migrations.atrium_enter import create_atrium_enter
from migrations.operations import CURRENCIES

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("products", "orders", "order_items")


def upgrade() -> None:
    """Say it of each table; of products, which had a rougher one, in its place."""
    op.execute("ALTER TABLE products DROP CONSTRAINT products_currency_check")
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_currency_check CHECK (currency IN ({CURRENCIES}))")
    create_atrium_enter(operation=True, machines=True)


def downgrade() -> None:
    """Take it back."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_currency_check")
    op.execute("ALTER TABLE products ADD CONSTRAINT products_currency_check CHECK (currency ~ '^[A-Z]{3}$')")
