"""What many migrations do: create a tenant's table, and the indexes that keyset pages read.

What a function here does, it has done in migrations that were applied, so none may come to mean something else.
"""

from alembic import op

from migrations.rls import add_audit_triggers, add_touch_trigger, enable_rls

__all__ = ["CURRENCIES", "LIVE", "create_indexes", "create_nulls_last_indexes", "create_tenant_table"]

_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU
UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = ", ".join(f"'{code}'" for code in _CODES.split())
"""The currencies of ISO 4217 as of revision 0014, for a CHECK. If they change, that is another constant, and a revision
that gives it to every table."""

LIVE = "deleted_at IS NULL"
"""The condition for rows that are not in the trash."""


def create_tenant_table(table: str, body: str, *, grants: str, audited: bool = False) -> None:
    """Create a table of tenants' rows, with row-level security and the trigger that moves `version` and `updated_at`.

    Every row has `tenant_id` and `id`, which are its key, and `created_at`, `updated_at` and `version`. Constraints
    without a name get PostgreSQL's, which is the one that the models expect.

    Args:
        table: its name.
        body: its other columns, and its constraints.
        grants: the privileges of the runtime role, such as "SELECT, INSERT".
        audited: whether every change of its rows is written into the audit log.
    """
    op.execute(f"""
CREATE TABLE {table} (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    {body.strip().removesuffix(",")},
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
)""")
    enable_rls(table, grants=grants)
    add_touch_trigger(table)
    if audited:
        add_audit_triggers(table)


def create_indexes(table: str, *keys: str, where: str = "") -> None:
    """Create one index per list of columns, within the tenant and ending in the id, as a keyset page needs it."""
    for key in keys:
        name = f"{table}_by_{key.replace(', ', '_')}"
        op.execute(f"CREATE INDEX {name} ON {table} (tenant_id, {key}, id){f' WHERE {where}' if where else ''}")


def create_nulls_last_indexes(
    table: str, column: str, type_: str, *, most: str = "infinity", least: str = "-infinity", where: str = ""
) -> None:
    """Create the two indexes of an order in which nulls come last in both directions, and their statistics.

    A partial index says nothing of how its expression is distributed, without which the planner would walk all rows by
    age rather than look up the few that are wanted.

    Args:
        table: its name.
        column: what is sorted by.
        type_: its type.
        most: a value above all others, which stands for null in ascending order.
        least: one below all others, for descending order.
        where: which rows are listed.
    """
    for direction, value in (("asc", most), ("desc", least)):
        expression = f"(CASE WHEN {column} IS NULL THEN '{value}'::{type_} ELSE {column} END)"
        index = f"CREATE INDEX {table}_by_{column}_{direction} ON {table} (tenant_id, {expression}, id)"
        op.execute(f"{index} WHERE {where}" if where else index)
        op.execute(f"CREATE STATISTICS {table}_{column}_{direction} ON {expression} FROM {table}")
