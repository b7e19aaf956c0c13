"""Numbers of orders, which people read and say: 1001, 1002, … in each tenant."""

from alembic import op

from migrations.operations import create_indexes
from migrations.rls import enable_rls, owner_view, run_script

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TEXT = "(lower(shipping_address) || ' ' || number::text)"

# Orders that exist are numbered as they were placed, and deleted ones too, whose numbers are not given again. That is
# the order of their first events, by which `atrium replay` finds these numbers again, since no event changes. Orders
# without an event, which it takes out, come last. Nobody did this, so the audit log has no entries of it.
SCRIPT = f"""
CREATE TABLE order_numbers (
    tenant_id uuid CONSTRAINT order_numbers_pkey PRIMARY KEY CONSTRAINT order_numbers_tenant_id_fkey REFERENCES tenants,
    last integer NOT NULL
);
ALTER TABLE orders ADD number integer;
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
    SELECT tenant_id, id, 1000 + row_number() OVER (
        PARTITION BY tenant_id ORDER BY e.created_at NULLS LAST, id)::integer AS number
    FROM (SELECT tenant_id, stream_id AS id, created_at FROM events
            WHERE stream_type = 'order' AND type = 'OrderPlaced') e
        FULL JOIN orders o USING (tenant_id, id);
ALTER TABLE orders DISABLE TRIGGER audit_update;
UPDATE orders o SET number = n.number FROM numbered n WHERE n.tenant_id = o.tenant_id AND n.id = o.id;
ALTER TABLE orders ENABLE TRIGGER audit_update;
INSERT INTO order_numbers SELECT tenant_id, max(number) FROM numbered GROUP BY tenant_id;
DROP TABLE numbered;
ALTER TABLE orders ALTER number SET NOT NULL;
ALTER TABLE orders ADD CONSTRAINT orders_tenant_id_number_key UNIQUE (tenant_id, number);
CREATE INDEX orders_by_text ON orders USING gist (tenant_id, {TEXT} gist_trgm_ops)
"""


def upgrade() -> None:
    """Number the orders that exist, and count on from there."""
    run_script(SCRIPT)
    create_indexes("orders", "number", "currency, total_minor")
    enable_rls("order_numbers", grants="SELECT, INSERT, UPDATE")
    owner_view("orders_text", f"SELECT tenant_id, id, {TEXT} AS text FROM orders")


def downgrade() -> None:
    """Take the numbers back."""
    op.execute("DROP VIEW orders_text")
    op.execute("DROP INDEX orders_by_text, orders_by_number, orders_by_currency_total_minor")
    op.execute("ALTER TABLE orders DROP number")
    op.execute("DROP TABLE order_numbers")
