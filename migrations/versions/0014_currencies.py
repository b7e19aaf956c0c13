"""Currencies are those of ISO 4217, by a CHECK, so that no reader has to ask; and an entry that costs less."""

from alembic import op

from migrations.atrium_enter import create_atrium_enter

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("products", "orders", "order_items")

CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU
UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""


def upgrade() -> None:
    """Say it of each table; of products, which had a rougher one, in its place."""
    op.execute("ALTER TABLE products DROP CONSTRAINT products_currency_check")
    codes = ", ".join(f"'{code}'" for code in CODES.split())
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_currency_check CHECK (currency IN ({codes}))")
    create_atrium_enter(operation=True, machines=True)


def downgrade() -> None:
    """Take it back."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_currency_check")
    op.execute("ALTER TABLE products ADD CONSTRAINT products_currency_check CHECK (currency ~ '^[A-Z]{3}$')")
