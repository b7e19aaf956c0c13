"""Values of random queries, as JSON and as GraphQL writes them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLObjectType,
)

__all__ = ["EnumLiteral", "KnownValues", "RawLiteral", "to_json", "to_literal"]


class RawLiteral(str):
    """Part of a query, written as it is, such as a variable."""

    __slots__ = ()


class EnumLiteral(RawLiteral):
    """A name and no string: a value of an enum."""

    __slots__ = ()


def to_json(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, dict):
        return {key: to_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [to_json(each) for each in value]
    return str(value) if isinstance(value, RawLiteral) else value


def to_literal(value: Any) -> str:
    """Return a value as GraphQL writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {to_literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_literal, value)) + "]"
    return value if isinstance(value, RawLiteral) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class KnownValues:
    """What queries can ask for with success."""

    ids: Mapping[str, list[str]]
    """By type."""
    words: list[str]
    searches: list[str]
    allows: Callable[[GraphQLObjectType, str], bool]
    """Whether who asks may see a field of a type."""
    may_filter_by_email: bool
