"""Scalars and ids: how points in time, roles and things are written in GraphQL."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

from graph.fields.descriptions import enum
from models import Role
from services.errors import InvalidInput

__all__ = [
    "JSON",
    "SCALARS",
    "BigInt",
    "decode_global_id",
    "decode_past_id",
    "from_global_id",
    "serialize_datetime",
    "to_global_id",
]

MAX_ID_LENGTH = 100
MAX_DECIMAL_LENGTH = 40
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)

FULL_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""A calendar day as RFC 3339 writes it (`full-date`); Python reads further forms of ISO 8601."""

INFINITE_DATETIMES = {datetime.min, datetime.max}  # noqa: DTZ901  # compared without a time zone
"""What the driver takes for the infinities of PostgreSQL, which are no points in time."""

INFINITE_DATES = {date.min, date.max}
"""Likewise for days."""

enum(Role)


def serialize_datetime(value: datetime) -> str:
    """Return a moment as `DateTime` writes it: in UTC, with microseconds and a Z."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _parse_datetime(value: Any) -> datetime:
    moment = None
    if isinstance(value, str) and FULL_DATE.fullmatch(value):
        raise GraphQLError(
            "A DateTime is a point in time; a day alone is none. Add the time, as in 2026-01-31T09:30:00Z."
        )
    if isinstance(value, str) and MOMENT.fullmatch(value):
        with suppress(ValueError, OverflowError):
            given = datetime.fromisoformat(value.upper())
            moment = (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    if moment is None or moment.replace(tzinfo=None) in INFINITE_DATETIMES:
        raise GraphQLError("A DateTime is written in ISO 8601, such as 2026-01-31T09:30:00Z.")
    return moment


def _parse_date(value: Any) -> date:
    try:
        if isinstance(value, str) and FULL_DATE.fullmatch(value):
            day = date.fromisoformat(value)
            if day not in INFINITE_DATES:
                return day
    except ValueError:
        pass
    raise GraphQLError("A Date is a calendar day, written as year, month and day, such as 2026-01-31.")


def _parse_decimal(value: Any) -> Decimal:
    text = ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        with suppress(ValueError):  # Python writes no number of thousands of digits
            text = str(value)  # of a float the shortest text that names it, which is what the client wrote
    if len(text) <= MAX_DECIMAL_LENGTH and DECIMAL.fullmatch(text):
        decimal = Decimal(text)
        if abs(decimal.adjusted()) <= MAX_DECIMAL_LENGTH:
            return decimal
    raise GraphQLError('A Decimal is a number of up to 40 digits; written as a string, such as "19.90", it is exact.')


def _read_decimal_literal(node: ValueNode, _variables: object = None) -> Decimal:
    """Read a literal by its text: as a float it would lose what it has more than sixteen digits."""
    return _parse_decimal(node.value if isinstance(node, IntValueNode | FloatValueNode | StringValueNode) else None)


JSON = NewType("JSON", object)
"""Any value that JSON has."""

BigInt = NewType("BigInt", int)
"""A whole number that may need more than the 32 bits of an Int."""

SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='Exact decimal number, returned as a string such as `"19.90"`. Input is a string, which is always'
        " exact, or a number; at most 40 characters.",
        specified_by_url="https://www.w3.org/TR/xmlschema-2/#decimal",
        serialize=str,
        parse_value=_parse_decimal,
        parse_literal=_read_decimal_literal,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="Date and time in ISO 8601, always returned in UTC with microseconds, such as"
        " `2026-01-31T09:30:00.000000Z`. Input without a UTC offset is taken as UTC; input of a day without a time"
        " is refused.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=serialize_datetime,
        parse_value=_parse_datetime,
    ),
    date: strawberry.scalar(
        name="Date",
        description="Calendar day without time and time zone, in ISO 8601, such as `2026-01-31`: `0001-01-02` to"
        " `9999-12-30`. Input in any other form is refused.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=date.isoformat,
        parse_value=_parse_date,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-6",
        description="Whole number of up to 64 bits, where an `Int` has 32. JavaScript reads it exactly up to 2^53.",
        serialize=int,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value: string, number, boolean, null, array or object.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    ),
}


def to_global_id(type_name: str, row_id: UUID, since: datetime | None = None) -> str:
    """Return a row's global id: its type, a colon, its UUID; of what it was since a moment, also an @ and the moment.

    Readable on purpose: it costs nothing to make in SQL, and a person can tell from a log what it names. Clients
    should still treat it as opaque. What a row was up to its next change has an id of its own, so that a cache that
    keeps objects by their ids never takes it for what the row is.
    """
    return f"{type_name}:{row_id}" if since is None else f"{type_name}:{row_id}@{serialize_datetime(since)}"


def decode_global_id(text: str) -> tuple[str, UUID]:
    """Return the type and the UUID that an id names, in the one form in which `to_global_id` writes it.

    Raises:
        InvalidInput: it is not an id.
    """
    type_name, _, given = text.partition(":")
    with suppress(ValueError):
        if len(text) <= MAX_ID_LENGTH and str(row_id := UUID(given)) == given:
            return type_name, row_id
    raise InvalidInput.of("id", "This is not an id.")


def decode_past_id(text: str) -> tuple[str, UUID, datetime] | None:
    """Return the type, the UUID and the moment that the id of a past row names; None if it is no such id."""
    present, _, moment = text.partition("@")
    with suppress(InvalidInput, GraphQLError):
        type_name, row_id = decode_global_id(present)
        since = _parse_datetime(moment)
        return (type_name, row_id, since) if to_global_id(type_name, row_id, since) == text else None
    return None


def from_global_id(text: str, type_name: str, path: str = "id") -> UUID:
    """Return the UUID in an id of a certain type.

    Raises:
        InvalidInput: it is not an id, or one of another type; `path` says where it stood.
    """
    try:
        found_type, row_id = decode_global_id(text)
    except InvalidInput:
        found_type = ""
    if found_type != type_name:
        raise InvalidInput.of(path, f"This is not the id of a {type_name}.")
    return row_id
