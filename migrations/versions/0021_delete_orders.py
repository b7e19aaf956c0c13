"""Sales that outlive their orders: what was delivered still counts when the order is deleted."""

from alembic import op

from migrations.rls import enable_rls, run_script

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

ARCHIVED_SALES = """
CREATE TABLE archived_sales (
    tenant_id uuid NOT NULL CONSTRAINT archived_sales_tenant_id_fkey REFERENCES tenants,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    product_id uuid NOT NULL,
    quantity integer NOT NULL CONSTRAINT archived_sales_quantity_check CHECK (quantity >= 1),
    subtotal_minor bigint NOT NULL,
    currency text NOT NULL CONSTRAINT archived_sales_currency_check CHECK (currency IN ({currencies})),
    CONSTRAINT archived_sales_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT archived_sales_tenant_id_product_id_fkey
        FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
);
CREATE INDEX archived_sales_by_order_id ON archived_sales (tenant_id, order_id, id);
CREATE INDEX archived_sales_by_product_id ON archived_sales (tenant_id, product_id, id)
"""

CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU
UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""


def upgrade() -> None:
    """Make the table; `atrium replay` fills and empties it too, as the events say."""
    run_script(ARCHIVED_SALES.format(currencies=", ".join(f"'{code}'" for code in CODES.split())))
    enable_rls("archived_sales", grants="SELECT, INSERT, DELETE")


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP TABLE archived_sales")
