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

from graph.compiler.derived_table import UNKNOWN, Proof
from graph.compiler.json_text import Json
from graph.compiler.selection import Declined
from graph.compiler.sql import FAILURE, text
from models.money import DECIMALS

__all__ = ["amount", "printed"]

MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


def printed(value: str, type_: TypeEngine[Any], wanted: GraphQLOutputType, proof: Proof = UNKNOWN) -> Json:
    """A value as JSON, with a word for null, or a failure where the schema allows none.

    Args:
        value: the value.
        type_: its type in the database.
        wanted: its type in the schema.
        proof: what is known of it.

    Raises:
        Declined: no rule is known for these types.
    """
    shown = _shown(value, type_, wanted, proof)
    if proof.never_null:
        return shown
    return shown.or_fail() if is_non_null_type(wanted) else shown.or_null()


def _shown(value: str, type_: TypeEngine[Any], wanted: GraphQLOutputType, proof: Proof) -> Json:
    """A value as JSON; null where it is."""
    plain = get_nullable_type(wanted)
    if isinstance(plain, GraphQLList):
        return _listed(value, type_, plain)
    if isinstance(plain, GraphQLEnumType):
        return Json.string(_chosen(value, type_, plain, proof))
    for name, kind, print_ in PRINTS:
        if plain.name == name and isinstance(type_, kind):
            return print_(value)
    raise Declined(f"the scalar {plain.name} from {type_!r}")


def _bare(value: str) -> Json:
    return Json.of(f"{value}::text")


def _escaped(value: str) -> Json:
    return Json.of(f"to_json({value})::text")


def _fraction(value: str) -> Json:
    """A number that is written as one with decimals, even where these are none; fails for what is no number."""
    written = f"{value}::float8::text || CASE WHEN {value} = floor({value}) THEN '.0' ELSE '' END"
    return Json.of(f"({written})::json::text")


def _moment(value: str) -> Json:
    return Json.string(f"to_char({value} AT TIME ZONE 'UTC', {text(MOMENT)})")


PRINTS: tuple[tuple[str, type[TypeEngine[Any]], Callable[[str], Json]], ...] = (
    ("Boolean", Boolean, _bare),
    ("Int", BigInteger, lambda value: _bare(f"{value}::integer")),  # fails beyond 32 bits, as the reference does
    ("Int", Integer, _bare),
    ("String", Text, _escaped),
    ("ID", Text, _escaped),
    ("ID", Uuid, lambda value: Json.string(f"{value}::text")),
    ("DateTime", DateTime, _moment),
    ("Float", REAL, _fraction),
    ("Decimal", Numeric, lambda value: Json.string(f"{value}::text")),
)
"""By scalar and type in the database, the first that fits."""


def amount(minor: str, currency: str, proof: Proof) -> Json:
    """Minor units as an amount with exactly the currency's decimals; fails for null.

    Raises:
        Declined: nothing says that the currency is one, as `proof` does.
    """
    if not proof.never_null or proof.choices is None or not proof.choices <= DECIMALS.keys():
        raise Declined("an amount of no certain currency")
    by_decimals: dict[int, list[str]] = {}
    for code, decimals in DECIMALS.items():
        by_decimals.setdefault(decimals, []).append(code)
    (usual, _), *others = sorted(by_decimals.items(), key=lambda pair: -len(pair[1]))
    cases = " ".join(
        f"WHEN {currency} = ANY({text('{' + ','.join(codes) + '}')}::text[]) THEN {_scaled(minor, decimals)}"
        for decimals, codes in others
    )
    return Json.string(f"coalesce(CASE {cases} ELSE {_scaled(minor, usual)} END, {FAILURE})")


def _scaled(minor: str, decimals: int) -> str:
    return f"({minor} * 0.{'0' * (decimals - 1)}1)::text" if decimals else f"{minor}::text"


def _listed(value: str, type_: TypeEngine[Any], wanted: GraphQLList[Any]) -> Json:
    inner = get_nullable_type(wanted.of_type)
    if not isinstance(type_, ARRAY) or not isinstance(type_.item_type, Text) or not isinstance(inner, GraphQLEnumType):
        raise Declined(f"a list of {inner}")
    names = _same_names(inner)
    if names is None or not isinstance(wanted.of_type, GraphQLNonNull):
        raise Declined(f"a list of {inner}")
    known = f"ARRAY[{', '.join(map(text, names))}]::text[]"
    return _escaped(f"CASE WHEN {value} <@ {known} THEN {value} WHEN {value} IS NOT NULL THEN ARRAY[{FAILURE}] END")


def _chosen(value: str, type_: TypeEngine[Any], wanted: GraphQLEnumType, proof: Proof) -> str:
    if not isinstance(type_, Text):
        raise Declined(f"the enum {wanted.name} from {type_!r}")
    names = _same_names(wanted)
    if names is not None and proof.choices is not None and proof.choices.issubset(names):
        return value
    if names is not None:
        known = text("{" + ",".join(names) + "}")
        return f"CASE WHEN {value} = ANY({known}::text[]) THEN {value} WHEN {value} IS NOT NULL THEN {FAILURE} END"
    cases = " ".join(f"WHEN {text(_value(each.value))} THEN {text(name)}" for name, each in wanted.values.items())
    return f"CASE WHEN {value} IS NOT NULL THEN CASE {value} {cases} ELSE {FAILURE} END END"


def _same_names(wanted: GraphQLEnumType) -> list[str] | None:
    """The names of an enum whose values are called the same."""
    same = all(_value(each.value) == name for name, each in wanted.values.items())
    return list(wanted.values) if same else None


def _value(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)
