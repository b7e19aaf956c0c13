"""What many migrations do: create a tenant's table, and the indexes that keyset pages read.

What a function here does, it has done in migrations that were applied, so none may come to mean something else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from alembic import op

from migrations.rls import add_audit_triggers, add_timestamp_trigger, add_touch_trigger, enable_rls

__all__ = [
    "CURRENCIES",
    "LIVE",
    "create_index_concurrently",
    "create_indexes",
    "create_tenant_table",
    "create_touched_table",
    "drop_index_concurrently",
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


def create_indexes(
    table: str,
    *keys: str,
    where: str = "",
    nulls_last: Mapping[str, str] | None = None,
    concurrently: bool = False,
) -> None:
    """Create one index per list of columns, within the tenant and ending in the id, as a keyset page needs it.

    Args:
        table: its name.
        keys: lists of columns, such as "status, created_at".
        where: which rows are listed.
        nulls_last: columns that may be null and are sorted by, with their types. Each has an index per direction, and
            statistics: a partial index says nothing of how its expression is distributed, without which the planner
            would walk all rows by age rather than look up the few that are wanted.
        concurrently: whether the table exists already, and is used meanwhile; see `create_index_concurrently`.
    """
    create = create_index_concurrently if concurrently else _create_index
    again = "IF NOT EXISTS " if concurrently else ""
    which = f" WHERE {where}" if where else ""
    for key in keys:
        create(f"{table}_by_{key.replace(', ', '_')}", f"{table} (tenant_id, {key}, id){which}")
    for column, type_ in (nulls_last or {}).items():
        for direction, value in zip(("asc", "desc"), EXTREMES[type_], strict=True):
            expression = f"(CASE WHEN {column} IS NULL THEN '{value}'::{type_} ELSE {column} END)"
            create(f"{table}_by_{column}_{direction}", f"{table} (tenant_id, {expression}, id){which}")
            op.execute(f"CREATE STATISTICS {again}{table}_{column}_{direction} ON {expression} FROM {table}")


def _create_index(name: str, definition: str) -> None:
    op.execute(f"CREATE INDEX {name} ON {definition}")


def create_index_concurrently(name: str, definition: str, *, unique: bool = False) -> None:
    """Create an index of a table that exists already, while its rows are read and written.

    It waits for all transactions that are under way, and nobody waits for it. It commits what comes before it, so a
    migration that does this does nothing else. One that is broken off leaves an index that is not valid; running the
    migration again makes it anew.

    Args:
        name: its name.
        definition: what it is of, such as "tasks (tenant_id, title_key, id) WHERE deleted_at IS NULL".
        unique: whether it allows each value once; if there are two of one, it is left behind not valid.
    """
    with _transactions_suspended():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {name} ON {definition}")


def drop_index_concurrently(name: str) -> None:
    """Drop an index while the rows of its table are read and written; see `create_index_concurrently`."""
    with _transactions_suspended():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


@contextmanager
def _transactions_suspended() -> Iterator[None]:
    context = op.get_context()
    with context.autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for transactions, not before them
        yield
        op.execute(f"SET lock_timeout = '{context.config.attributes['lock_timeout']}'")  # type: ignore[union-attr]  # always run by us
