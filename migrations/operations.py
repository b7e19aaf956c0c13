"""What many migrations do: create a tenant's table, and the indexes that keyset pages read.

What a function here does, it has done in migrations that were applied, so none may come to mean something else.
"""

from collections.abc import Mapping, Sequence

from alembic import op

from migrations.rls import add_audit_triggers, add_timestamp_trigger, add_touch_trigger, enable_rls

__all__ = [
    "CURRENCIES",
    "LIVE",
    "create_indexes",
    "create_tenant_table",
    "create_touched_table",
    "drop_tenant_table",
]

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


def create_tenant_table(
    table: str, body: str, *, grants: str, stamps: Sequence[str] = (), audited: bool = True
) -> None:
    """Create a table of tenants' rows, with row-level security, the trigger of its timestamps, and its audit triggers.

    Every row has `tenant_id` and `id`, which are its key, and `created_at`, `updated_at` and `version`. Constraints
    without a name get PostgreSQL's, which is the one that the models expect.

    Args:
        table: its name.
        body: its other columns, and its constraints.
        grants: the privileges of the runtime role, such as "SELECT, INSERT".
        stamps: other columns that take the moment of a change, such as "deleted_at"; see `add_timestamp_trigger`.
        audited: whether every change of its rows is written into the audit log.
    """
    _create_table(table, body, "timestamptz NOT NULL")
    enable_rls(table, grants=grants)
    add_timestamp_trigger(table, *stamps)
    if audited:
        add_audit_triggers(table)


def drop_tenant_table(table: str, *, stamps: Sequence[str] = ()) -> None:
    """Drop a table that `create_tenant_table` made with these stamps, and its own trigger function."""
    op.execute(f"DROP TABLE {table}")
    if stamps:
        op.execute(f"DROP FUNCTION atrium_touch_{table}")


def create_touched_table(table: str, body: str, *, grants: str, audited: bool = False) -> None:
    """Create a table as `create_tenant_table` does, but with the timestamps that tables had up to revision 0016."""
    _create_table(table, body, "timestamptz NOT NULL DEFAULT now()")
    enable_rls(table, grants=grants)
    add_touch_trigger(table)
    if audited:
        add_audit_triggers(table)


def _create_table(table: str, body: str, timestamp: str) -> None:
    op.execute(f"""
CREATE TABLE {table} (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    {body.strip().removesuffix(",")},
    created_at {timestamp},
    updated_at {timestamp},
    version integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
)""")


EXTREMES = {
    "date": ("infinity", "-infinity"),
    "timestamptz": ("infinity", "-infinity"),
    "bigint": (str(2**62), str(-(2**62))),
}
"""By type, a value above all others and one below, which stand for null in an order."""


def create_indexes(table: str, *keys: str, where: str = "", nulls_last: Mapping[str, str] | None = None) -> None:
    """Create one index per list of columns, within the tenant and ending in the id, as a keyset page needs it.

    Args:
        table: its name.
        keys: lists of columns, such as "status, created_at".
        where: which rows are listed.
        nulls_last: columns that may be null and are sorted by, with their types. Each has an index per direction, and
            statistics: a partial index says nothing of how its expression is distributed, without which the planner
            would walk all rows by age rather than look up the few that are wanted.
    """
    which = f" WHERE {where}" if where else ""
    for key in keys:
        op.execute(f"CREATE INDEX {table}_by_{key.replace(', ', '_')} ON {table} (tenant_id, {key}, id){which}")
    for column, type_ in (nulls_last or {}).items():
        for direction, value in zip(("asc", "desc"), EXTREMES[type_], strict=True):
            expression = f"(CASE WHEN {column} IS NULL THEN '{value}'::{type_} ELSE {column} END)"
            op.execute(f"CREATE INDEX {table}_by_{column}_{direction} ON {table} (tenant_id, {expression}, id){which}")
            op.execute(f"CREATE STATISTICS {table}_{column}_{direction} ON {expression} FROM {table}")
