"""Products."""

from alembic import op

from migrations.rls import add_touch_trigger, enable_rls, owner_view, run_script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PRODUCTS = """
CREATE TABLE products (
    tenant_id uuid NOT NULL CONSTRAINT products_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    sku text NOT NULL CONSTRAINT products_sku_check CHECK (char_length(sku) BETWEEN 1 AND 64),
    sku_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(sku)) STORED,
    name text NOT NULL CONSTRAINT products_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
    description text CONSTRAINT products_description_check CHECK (char_length(description) <= 2000),
    price_minor bigint NOT NULL CONSTRAINT products_price_minor_check CHECK (price_minor BETWEEN 0 AND 9999999999),
    currency text NOT NULL CONSTRAINT products_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    stock_quantity integer NOT NULL DEFAULT 0
        CONSTRAINT products_stock_quantity_check CHECK (stock_quantity >= 0),
    is_in_stock boolean NOT NULL GENERATED ALWAYS AS (stock_quantity > 0) STORED,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT products_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT products_tenant_id_sku_key_key UNIQUE (tenant_id, sku_key)
)
"""

INDEXES = """
CREATE INDEX products_by_created_at ON products (tenant_id, created_at, id);
CREATE INDEX products_by_updated_at ON products (tenant_id, updated_at, id);
CREATE INDEX products_by_name_key ON products (tenant_id, name_key, id);
CREATE INDEX products_by_price_minor ON products (tenant_id, price_minor, id);
CREATE INDEX products_by_currency_price_minor ON products (tenant_id, currency, price_minor, id);
CREATE INDEX products_by_stock_quantity ON products (tenant_id, stock_quantity, id);
CREATE INDEX products_by_is_active_name_key ON products (tenant_id, is_active, name_key, id);
CREATE INDEX products_by_is_in_stock_name_key ON products (tenant_id, is_in_stock, name_key, id);
CREATE INDEX products_by_text ON products USING gist (tenant_id, name_key gist_trgm_ops)
"""


def upgrade() -> None:
    """Make what a tenant sells."""
    run_script(PRODUCTS)
    run_script(INDEXES)
    enable_rls("products", grants="SELECT, INSERT, UPDATE")
    add_touch_trigger("products")
    owner_view("products_text", "SELECT tenant_id, id, name_key AS text FROM products")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP VIEW products_text")
    op.execute("DROP TABLE products")
