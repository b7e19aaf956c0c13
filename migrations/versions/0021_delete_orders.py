"""Sales that outlive their orders: what was delivered still counts when the order is deleted."""

from alembic import op

from migrations.operations import CURRENCIES, create_indexes
from migrations.rls import enable_rls

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

ARCHIVED_SALES = f"""
CREATE TABLE archived_sales (
    tenant_id uuid NOT NULL CONSTRAINT archived_sales_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    product_id uuid NOT NULL,
    quantity integer NOT NULL CONSTRAINT archived_sales_quantity_check CHECK (quantity >= 1),
    subtotal_minor bigint NOT NULL,
    currency text NOT NULL CONSTRAINT archived_sales_currency_check CHECK (currency IN ({CURRENCIES})),
    CONSTRAINT archived_sales_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT archived_sales_tenant_id_product_id_fkey
        FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
)
"""


def upgrade() -> None:
    """Make the table; `atrium replay` fills and empties it too, as the events say."""
    op.execute(ARCHIVED_SALES)
    create_indexes("archived_sales", "order_id", "product_id")
    enable_rls("archived_sales", grants="SELECT, INSERT, DELETE")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP TABLE archived_sales")
