"""Orders and their items: the projection of order events."""

from alembic import op

from migrations.rls import enable_rls, run_script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE orders (
    tenant_id uuid NOT NULL CONSTRAINT orders_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    status text NOT NULL CONSTRAINT orders_status_check
        CHECK (status IN ('PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED')),
    total_minor bigint NOT NULL CONSTRAINT orders_total_minor_check CHECK (total_minor BETWEEN 0 AND 999999999999),
    currency text NOT NULL,
    shipping_address text NOT NULL CONSTRAINT orders_shipping_address_check
        CHECK (char_length(shipping_address) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version integer NOT NULL,
    CONSTRAINT orders_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT orders_tenant_id_user_id_fkey
        FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id)
);
CREATE TABLE order_items (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    product_id uuid NOT NULL,
    line integer NOT NULL,
    quantity integer NOT NULL CONSTRAINT order_items_quantity_check CHECK (quantity >= 1),
    unit_price_minor bigint NOT NULL,
    subtotal_minor bigint NOT NULL,
    currency text NOT NULL,
    CONSTRAINT order_items_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT order_items_tenant_id_order_id_fkey
        FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT order_items_tenant_id_product_id_fkey
        FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
)
"""

INDEXES = """
CREATE INDEX orders_by_created_at ON orders (tenant_id, created_at, id);
CREATE INDEX orders_by_updated_at ON orders (tenant_id, updated_at, id);
CREATE INDEX orders_by_total_minor ON orders (tenant_id, total_minor, id);
CREATE INDEX orders_by_status_created_at ON orders (tenant_id, status, created_at, id);
CREATE INDEX orders_by_user_id_created_at ON orders (tenant_id, user_id, created_at, id);
CREATE INDEX order_items_by_order_id_line ON order_items (tenant_id, order_id, line, id);
CREATE INDEX order_items_by_product_id ON order_items (tenant_id, product_id, id)
"""


def upgrade() -> None:
    """Make what was bought."""
    run_script(TABLES)
    run_script(INDEXES)
    for table in ("orders", "order_items"):
        enable_rls(table, grants="SELECT, INSERT, UPDATE, DELETE")


def downgrade() -> None:
    """Take it all back."""
    op.execute("DROP TABLE order_items, orders")
