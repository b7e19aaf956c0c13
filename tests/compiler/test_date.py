"""Calendar days: what the scalar reads, and that both executors write the same of it."""

from datetime import date
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLError, GraphQLNonNull, GraphQLScalarType
from sqlalchemy import Date

from graph.compiler.derived_table import ColumnFacts
from graph.compiler.serialization import serialize
from graph.fields.scalars import SCALARS
from services.errors import InvalidInput
from services.queries.cursors import _parse_key

DATE = SCALARS[date]


@pytest.mark.parametrize("text", ["2026-01-31", "0001-01-02", "9999-12-30", "2024-02-29"])
async def test_both_executors_write_a_day_as_it_was_read(owner_connection: asyncpg.Connection, text: str) -> None:
    assert DATE.parse_value is not None
    assert DATE.serialize is not None
    day = DATE.parse_value(text)
    assert DATE.serialize(day) == text
    compiled = serialize("day", Date(), GraphQLNonNull(GraphQLScalarType("Date")), ColumnFacts(never_null=True))
    found = await owner_connection.fetchval(f"SELECT {compiled.to_sql()} FROM (SELECT $1::date AS day) days", day)
    assert found == f'"{text}"'


@pytest.mark.parametrize(
    "value",
    [
        *("", "today", "20260131", "2026-1-31", "2026-W05-6", "2026-02-30", "2026-01-31T00:00:00Z", " 2026-01-31"),
        *("0001-01-01", "9999-12-31", "10000-01-01", "\uff12026-01-31", 20260131, 1.5, True, None, ["2026-01-31"], {}),
    ],
)
def test_whatever_else_is_refused(value: Any) -> None:
    assert DATE.parse_value is not None
    with pytest.raises(GraphQLError, match="A Date is a calendar day"):
        DATE.parse_value(value)


@pytest.mark.parametrize("text", ["2026-01-31", "infinity", "-infinity"])
def test_a_day_in_a_cursor_is_read(text: str) -> None:
    assert _parse_key(text, date) == text


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "epoch", "2026-01-31 00:00:00"])
def test_a_forged_day_in_a_cursor_is_refused(text: str) -> None:
    with pytest.raises((ValueError, InvalidInput)):
        _parse_key(text, date)
