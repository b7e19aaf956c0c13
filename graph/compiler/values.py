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
from sqlalchemy import ARRAY, REAL, BigInteger, Boolean, DateTime, Integer, Numeric, Text, Uuid
from sqlalchemy.types import TypeEngine

from graph.compiler.sql import NOT_NULL, text
from graph.compiler.tree import Declined
from models.money import DECIMALS

__all__ = ["amount", "demanded", "printed"]

MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


def printed(value: str, type_: TypeEngine[Any], wanted: GraphQLOutputType) -> str:
    """A value as JSON has it, without a word on nulls.

    Raises:
        Declined: no rule is known for these types.
    """
    plain = get_nullable_type(wanted)
    if isinstance(plain, GraphQLList):
        return _listed(value, type_, plain)
    if isinstance(plain, GraphQLEnumType):
        return _chosen(value, type_, plain)
    for name, kind, print_ in PRINTS:
        if plain.name == name and isinstance(type_, kind):
            return print_(value)
    raise Declined(f"the scalar {plain.name} from {type_!r}")


def _as_it_is(value: str) -> str:
    return value


def _fraction(value: str) -> str:
    """A number that is written as one with decimals, even where these are none; fails for what is no number."""
    return f"({value}::float8::text || CASE WHEN {value} = floor({value}) THEN '.0' ELSE '' END)::json"


PRINTS: tuple[tuple[str, type[TypeEngine[Any]], Callable[[str], str]], ...] = (
    ("Boolean", Boolean, _as_it_is),
    ("Int", BigInteger, lambda value: f"{value}::integer"),  # fails beyond 32 bits, as the reference does
    ("Int", Integer, _as_it_is),
    ("String", Text, _as_it_is),
    ("ID", Text, _as_it_is),
    ("ID", Uuid, _as_it_is),
    ("DateTime", DateTime, lambda value: f"to_char({value} AT TIME ZONE 'UTC', {text(MOMENT)})"),
    ("Float", REAL, _fraction),
    ("Decimal", Numeric, lambda value: f"{value}::text"),
)
"""By scalar and type in the database, the first that fits."""


CASTS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (ARRAY, "text[]"),
    (Integer, "integer"),
    (Boolean, "boolean"),
    (REAL, "json"),
)
"""What a failure has to look like beside a printed value of these types; beside all others, text."""


def demanded(value: str, type_: TypeEngine[Any], wanted: GraphQLOutputType) -> str:
    """A printed value that the schema may not let be null: a null fails the statement."""
    if not is_non_null_type(wanted):
        return value
    cast = next((name for kind, name in CASTS if isinstance(type_, kind)), "text")
    return f"coalesce({value}, {NOT_NULL}::json::text::{cast})"


def amount(minor: str, currency: str) -> str:
    """Minor units as an amount with exactly the currency's decimals; fails for what is no currency, and for null."""
    by_decimals: dict[int, list[str]] = {}
    for code, decimals in DECIMALS.items():
        by_decimals.setdefault(decimals, []).append(code)
    cases = " ".join(
        f"WHEN {currency} = ANY({text('{' + ','.join(codes) + '}')}::text[]) THEN ({minor}{_scaled(decimals)})::text"
        for decimals, codes in sorted(by_decimals.items(), key=lambda pair: -len(pair[1]))
    )
    return f"coalesce(CASE {cases} END, {NOT_NULL}::json::text)"


def _scaled(decimals: int) -> str:
    return f" * 0.{'0' * (decimals - 1)}1" if decimals else ""


def _listed(value: str, type_: TypeEngine[Any], wanted: GraphQLList[Any]) -> str:
    inner = get_nullable_type(wanted.of_type)
    if not isinstance(type_, ARRAY) or not isinstance(type_.item_type, Text) or not isinstance(inner, GraphQLEnumType):
        raise Declined(f"a list of {inner}")
    names = _same_names(inner)
    if names is None or not isinstance(wanted.of_type, GraphQLNonNull):
        raise Declined(f"a list of {inner}")
    known = f"ARRAY[{', '.join(map(text, names))}]::text[]"
    return f"CASE WHEN {value} <@ {known} THEN {value} WHEN {value} IS NOT NULL THEN ARRAY[{NOT_NULL}::json::text] END"


def _chosen(value: str, type_: TypeEngine[Any], wanted: GraphQLEnumType) -> str:
    if not isinstance(type_, Text):
        raise Declined(f"the enum {wanted.name} from {type_!r}")
    names = _same_names(wanted)
    if names is not None:
        known = text("{" + ",".join(names) + "}")
        return (
            f"CASE WHEN {value} = ANY({known}::text[]) THEN {value}"
            f" WHEN {value} IS NOT NULL THEN {NOT_NULL}::json::text END"
        )
    cases = " ".join(f"WHEN {text(_value(each.value))} THEN {text(name)}" for name, each in wanted.values.items())
    return f"CASE WHEN {value} IS NOT NULL THEN CASE {value} {cases} ELSE {NOT_NULL}::json::text END END"


def _same_names(wanted: GraphQLEnumType) -> list[str] | None:
    """The names of an enum whose values are called the same."""
    same = all(_value(each.value) == name for name, each in wanted.values.items())
    return list(wanted.values) if same else None


def _value(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)
