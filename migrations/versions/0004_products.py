"""Products."""

from alembic import op

from migrations.operations import create_indexes, create_touched_table
from migrations.rls import owner_view

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PRODUCTS = """
    sku text NOT NULL CHECK (char_length(sku) BETWEEN 1 AND 64),
    sku_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(sku)) STORED,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
    description text CHECK (char_length(description) <= 2000),
    price_minor bigint NOT NULL CHECK (price_minor BETWEEN 0 AND 9999999999),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    stock_quantity integer NOT NULL DEFAULT 0 CHECK (stock_quantity >= 0),
    is_in_stock boolean NOT NULL GENERATED ALWAYS AS (stock_quantity > 0) STORED,
    is_active boolean NOT NULL DEFAULT true,
    UNIQUE (tenant_id, sku_key)
"""


def upgrade() -> None:
    """Make what a tenant sells."""
    create_touched_table("products", PRODUCTS, grants="SELECT, INSERT, UPDATE")
    create_indexes("products", "created_at", "updated_at", "name_key", "price_minor", "stock_quantity")
    create_indexes("products", "currency, price_minor", "is_active, name_key", "is_in_stock, name_key")
    op.execute("CREATE INDEX products_by_text ON products USING gist (tenant_id, name_key gist_trgm_ops)")
    owner_view("products_text", "SELECT tenant_id, id, name_key AS text FROM products")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP VIEW products_text")
    op.execute("DROP TABLE products")
