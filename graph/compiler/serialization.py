"""Scalars: from a value in SQL to what the reference executor prints of it, to the last character.

Each is proved by the types on both sides, or turned into a failure of the whole statement where the reference would
answer an error: a value that its enum does not have, a null that must not be, a number beyond 32 bits.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    get_nullable_type,
    is_non_null_type,
)
from sqlalchemy import ARRAY, REAL, BigInteger, Boolean, Date, DateTime, Integer, Numeric, Text, Uuid
from sqlalchemy.types import TypeEngine

from graph.compiler.derived_table import NO_FACTS, ColumnFacts
from graph.compiler.json_text import JsonExpression
from graph.compiler.selection import Unsupported
from graph.compiler.sql import RAISE_ERROR, quote_literal
from models.money import DECIMALS

__all__ = ["serialize", "serialize_money"]

DATE_FORMAT = "YYYY-MM-DD"
DATETIME_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


def serialize(
    value: str, type_: TypeEngine[Any], wanted: GraphQLOutputType, facts: ColumnFacts = NO_FACTS
) -> JsonExpression:
    """Return a value as JSON, with the word null, or an error where the schema allows no null.

    Args:
        value: the value.
        type_: its type in the database.
        wanted: its type in the schema.
        facts: what is known of it.

    Raises:
        Unsupported: no rule is known for these types.
    """
    value_json = _serialize_value(value, type_, wanted, facts)
    if facts.never_null:
        return value_json
    return value_json.or_error() if is_non_null_type(wanted) else value_json.or_null()


def _serialize_value(
    value: str, type_: TypeEngine[Any], wanted: GraphQLOutputType, facts: ColumnFacts
) -> JsonExpression:
    """Return a value as JSON; null where it is null."""
    plain = get_nullable_type(wanted)
    if isinstance(plain, GraphQLList):
        return _serialize_enum_list(value, type_, plain)
    if isinstance(plain, GraphQLEnumType):
        return JsonExpression.string(_serialize_enum(value, type_, plain, facts))
    for name, kind, serializer in SCALAR_SERIALIZERS:
        if plain.name == name and isinstance(type_, kind):
            return serializer(value)
    raise Unsupported(f"the scalar {plain.name} from {type_!r}")


def _cast_text(value: str) -> JsonExpression:
    return JsonExpression.concat(f"{value}::text")


def _to_json_text(value: str) -> JsonExpression:
    return JsonExpression.concat(f"to_json({value})::text")


def _serialize_float(value: str) -> JsonExpression:
    """Return a number with a decimal point, as Python prints floats; fails for NaN and infinity."""
    written = f"{value}::float8::text || CASE WHEN {value} = floor({value}) THEN '.0' ELSE '' END"
    return JsonExpression.concat(f"({written})::json::text")


def _serialize_datetime(value: str) -> JsonExpression:
    return JsonExpression.string(f"to_char({value} AT TIME ZONE 'UTC', {quote_literal(DATETIME_FORMAT)})")


SCALAR_SERIALIZERS: tuple[tuple[str, type[TypeEngine[Any]], Callable[[str], JsonExpression]], ...] = (
    ("Boolean", Boolean, _cast_text),
    ("BigInt", BigInteger, _cast_text),
    ("Int", BigInteger, lambda value: _cast_text(f"{value}::integer")),  # fails beyond 32 bits, as the reference does
    ("Int", Integer, _cast_text),
    ("String", Text, _to_json_text),
    ("ID", Text, _to_json_text),
    ("ID", Uuid, lambda value: JsonExpression.string(f"{value}::text")),
    ("Date", Date, lambda value: JsonExpression.string(f"to_char({value}, {quote_literal(DATE_FORMAT)})")),
    ("DateTime", DateTime, _serialize_datetime),
    ("Float", REAL, _serialize_float),
    ("Decimal", Numeric, lambda value: JsonExpression.string(f"{value}::text")),
)
"""By scalar and type in the database, the first that fits."""


def serialize_money(minor: str, currency: str, facts: ColumnFacts) -> JsonExpression:
    """Return minor units as an amount with exactly the currency's decimals; fails for null.

    Raises:
        Unsupported: nothing says that the currency is one, as `facts` does.
    """
    if not facts.never_null or facts.choices is None or not facts.choices <= DECIMALS.keys():
        raise Unsupported("a currency without a CHECK constraint")
    by_decimals: dict[int, list[str]] = {}
    for code, decimals in DECIMALS.items():
        by_decimals.setdefault(decimals, []).append(code)
    (usual, _), *others = sorted(by_decimals.items(), key=lambda pair: -len(pair[1]))
    cases = " ".join(
        f"WHEN {currency} = ANY({quote_literal('{' + ','.join(codes) + '}')}::text[]) "
        f"THEN {_scale_minor_units(minor, decimals)}"
        for decimals, codes in others
    )
    return JsonExpression.string(f"coalesce(CASE {cases} ELSE {_scale_minor_units(minor, usual)} END, {RAISE_ERROR})")


def _scale_minor_units(minor: str, decimals: int) -> str:
    return f"({minor} * 0.{'0' * (decimals - 1)}1)::text" if decimals else f"{minor}::text"


def _serialize_enum_list(value: str, type_: TypeEngine[Any], wanted: GraphQLList[Any]) -> JsonExpression:
    inner = get_nullable_type(wanted.of_type)
    if not isinstance(type_, ARRAY) or not isinstance(type_.item_type, Text) or not isinstance(inner, GraphQLEnumType):
        raise Unsupported(f"a list of {inner}")
    names = _names_if_equal_to_values(inner)
    if names is None or not isinstance(wanted.of_type, GraphQLNonNull):
        raise Unsupported(f"a list of {inner}")
    known = f"ARRAY[{', '.join(map(quote_literal, names))}]::text[]"
    return _to_json_text(
        f"CASE WHEN {value} <@ {known} THEN {value} WHEN {value} IS NOT NULL THEN ARRAY[{RAISE_ERROR}] END"
    )


def _serialize_enum(value: str, type_: TypeEngine[Any], wanted: GraphQLEnumType, facts: ColumnFacts) -> str:
    if not isinstance(type_, Text):
        raise Unsupported(f"the enum {wanted.name} from {type_!r}")
    names = _names_if_equal_to_values(wanted)
    if names is not None and facts.choices is not None and facts.choices.issubset(names):
        return value
    if names is not None:
        known = quote_literal("{" + ",".join(names) + "}")
        return f"CASE WHEN {value} = ANY({known}::text[]) THEN {value} WHEN {value} IS NOT NULL THEN {RAISE_ERROR} END"
    cases = " ".join(
        f"WHEN {quote_literal(_enum_value(each.value))} THEN {quote_literal(name)}"
        for name, each in wanted.values.items()
    )
    return f"CASE WHEN {value} IS NOT NULL THEN CASE {value} {cases} ELSE {RAISE_ERROR} END END"


def _names_if_equal_to_values(wanted: GraphQLEnumType) -> list[str] | None:
    """Return the names of an enum whose values equal their names."""
    same = all(_enum_value(each.value) == name for name, each in wanted.values.items())
    return list(wanted.values) if same else None


def _enum_value(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)
