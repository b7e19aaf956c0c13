"""As many rows of any table as an old tenant has, as one INSERT made from its model; and values that find few of them.

The shares are what a tenant of some years looks like: most rows are in their last state, few are in the trash.
"""

import re
from datetime import date, datetime
from typing import Any

from sqlalchemy import BinaryExpression, Column, ColumnElement, create_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import operators

from models.base import Model, table_of
from services.permissions import Permission
from services.queries.collection import Collection
from tests.support.derived_rows import choices_in_order, data_columns, references_of, unique_columns

__all__ = ["columns_of", "index_condition", "scale_insert", "selective_value", "sql"]

DIALECT = create_engine("postgresql+asyncpg://", poolclass=NullPool).dialect
IN_THE_TRASH = {
    "deleted_at": "CASE WHEN n % 50 = 7 THEN now() - n * interval '1 second' END",
    "deleted_by": "CASE WHEN n % 50 = 7 THEN memberships.ids[1 + n % 200] END",
}
COMMON = {"created_at": "now() - n * interval '1 hour'", "updated_at": "now() - n * interval '1 minute'"}
RARE_TEXT = "3f2a"
"""Part of the hexadecimal digits that some rows hold."""


def scale_insert(model: type[Model], *, rows: int = 5000, **given: str) -> str:
    """Return the statement that fills a table in every tenant, over the number `n` of the row.

    Args:
        model: the table.
        rows: how many a tenant gets.
        given: expressions by column, where what follows from the column's type is not what a tenant has.
    """
    table = table_of(model)
    expressions = {c.name: _expression(c) for c in data_columns(table)}
    expressions |= {name: text for name, text in IN_THE_TRASH.items() if name in table.c} | given
    names = {name: text for name, text in expressions.items() if name in table.c}
    used = {t for t, _ in references_of(table).values() if any(f"{t}.ids" in text for text in names.values())}
    keys = dict(references_of(table).values())
    joins = "".join(
        f" JOIN (SELECT tenant_id, array_agg({keys[target]}) FROM {target} GROUP BY 1) {target} (tenant_id, ids)"
        f" ON {target}.tenant_id = t.id"
        for target in sorted(used)
    )
    return (
        f"INSERT INTO {table.name} (tenant_id, id, {', '.join(names)})"
        f" SELECT t.id, gen_random_uuid(), {', '.join(names.values())}"
        f" FROM tenants t{joins}, generate_series(1, {rows}) n"
    )


def _expression(column: Column[Any]) -> str:
    """Return the value of a column in row `n`."""
    if column.name in COMMON:
        return COMMON[column.name]
    target, _ = references_of(column.table).get(column.name, ("", ""))
    if target:
        few = target == "memberships"
        return _sometimes(column, f"n % {4 if few else 10} > 0", f"{target}.ids[1 + n % {200 if few else 300}]")
    if choices := choices_in_order(column):
        return _choice(choices)
    return _plain_expression(column)


def _plain_expression(column: Column[Any]) -> str:
    kind = column.type.python_type
    if kind is str and column.name in unique_columns(column.table):
        return "format('%s-%s', t.slug, n)"
    by_type = {
        str: f"'{column.name.title()} ' || md5(t.slug || n)",
        int: "100 + n * 7919 % 100000",
        bool: "n % 20 = 0",
        datetime: "now() + (n - 4500) * interval '1 hour'",
        date: "current_date + (n - 4500) / 4",
        list: "'{}'::uuid[]",
    }
    if kind is str and column.nullable:
        return "CASE WHEN n % 3 = 0 THEN repeat('What is to be said of it. ', 1 + n % 20) END"
    return _sometimes(column, "n % 5 > 0", by_type[kind])


def _choice(choices: list[str]) -> str:
    if "EUR" in choices:
        return "CASE WHEN n % 25 = 0 THEN 'JPY' WHEN n % 10 = 1 THEN 'USD' ELSE 'EUR' END"
    *rare, usual = choices
    cases = " ".join(f"WHEN n % 20 = {number} THEN '{choice}'" for number, choice in enumerate(rare))
    return f"CASE {cases} ELSE '{usual}' END" if rare else f"'{usual}'"


def _sometimes(column: Column[Any], when: str, expression: str) -> str:
    return f"CASE WHEN {when} THEN {expression} END" if column.nullable else expression


def sql(expression: Any) -> str:
    """Return an expression as PostgreSQL's SQL."""
    return str(expression.compile(dialect=DIALECT))


def columns_of(expression: ColumnElement[Any]) -> set[str]:
    """Return the columns that an expression over one table is made of."""
    return set(re.findall(r"\b[a-z_]+\.(\w+)", sql(expression)))


def index_condition(filter_: ColumnElement[Any]) -> str:
    """Return what the index condition of a filter must hold: its column, of whichever table, or what finds a text."""
    if "_text" in sql(filter_):
        return "~~"
    if "_search" in sql(filter_):
        return "@>"
    (column, *further) = re.findall(r"\b[a-z_]+\.(\w+)", sql(filter_))
    return str(further[-1] if column == "id" else column)


def selective_value(collection: Collection, filter_name: str) -> str:
    """Return a value by which a filter finds few of the rows at scale, or a query for it over the tenant $1."""
    found_by_text = "_text" in sql(collection.filters[filter_name])
    return RARE_TEXT if found_by_text else _rarest_query(collection, filter_name)


def _rarest_query(collection: Collection, filter_name: str) -> str:
    filter_ = collection.filters[filter_name]
    table, column = table_of(collection.model).name, index_condition(filter_)
    visible = sql(collection.visible(frozenset(Permission)))
    trash = next((f" AND {test}" for test in ("deleted_at IS NULL", "deleted_at IS NOT NULL") if test in visible), "")
    rows = f"FROM {table} WHERE tenant_id = $1 AND {column} IS NOT NULL{trash}"
    operator = filter_.operator if isinstance(filter_, BinaryExpression) else operators.eq
    if operator in {operators.ge, operators.gt}:
        return f"SELECT percentile_disc(0.98) WITHIN GROUP (ORDER BY {column}) {rows}"
    if operator in {operators.le, operators.lt}:
        return f"SELECT percentile_disc(0.02) WITHIN GROUP (ORDER BY {column}) {rows}"
    rarest = f"SELECT {column} {rows} GROUP BY 1 ORDER BY count(*), 1 LIMIT 1"
    if "memberships.user_id" in sql(filter_).partition("=")[2]:
        return f"SELECT id FROM memberships WHERE tenant_id = $1 AND user_id = ({rarest})"
    return rarest
