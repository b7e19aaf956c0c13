"""What a change of the schema breaks, and what is deprecated until when."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)

__all__ = ["Deprecation", "SchemaChanges", "SchemaUnreadable", "compare_schemas", "deprecations"]

REMOVAL = re.compile(r".+ Will be removed after (\d{4}-\d{2}-\d{2})\.", re.DOTALL)
"""How the reason of a deprecation ends: the last day on which clients may count on what is deprecated."""


@dataclass(frozen=True, slots=True)
class SchemaChanges:
    """What differs between two schemas, one sentence for each change."""

    breaking: Sequence[str]
    """What may break a document that was valid."""
    dangerous: Sequence[str]
    """What may surprise a client, such as another value of an enum."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """A part of the schema that is to go."""

    coordinate: str
    """Where it is, such as `Task.title` or `Query.tasks(filter:)`."""
    reason: str

    @property
    def removal(self) -> date | None:
        """Return the last day on which it is there; None if the reason does not end by saying so."""
        found = REMOVAL.fullmatch(self.reason)
        try:
            return date.fromisoformat(found[1]) if found else None
        except ValueError:
            return None


class SchemaUnreadable(Exception):
    """A file that should hold a schema in SDL does not."""


def compare_schemas(file: Path, current: str) -> SchemaChanges:
    """Return what differs between the schema in a file and the current one, both in SDL.

    Raises:
        SchemaUnreadable: the file holds no schema.
    """
    try:
        old = build_schema(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, GraphQLError, TypeError):
        raise SchemaUnreadable(f"{file} is no schema that can be read.") from None
    new = build_schema(current)
    return SchemaChanges(
        [" ".join(change.description.split()) for change in find_breaking_changes(old, new)],
        [" ".join(change.description.split()) for change in find_dangerous_changes(old, new)],
    )


def deprecations(schema: GraphQLSchema) -> list[Deprecation]:
    """Return everything that is deprecated, in the order of its coordinates."""
    return sorted(_deprecations(schema), key=lambda each: each.coordinate)


def _deprecations(schema: GraphQLSchema) -> Iterator[Deprecation]:
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(type_, GraphQLEnumType):
            parts = [(f"{name}.{key}", value.deprecation_reason) for key, value in type_.values.items()]
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            parts = [(f"{name}.{key}", field.deprecation_reason) for key, field in type_.fields.items()]
        else:
            continue
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            parts += [
                (f"{name}.{key}({argument}:)", each.deprecation_reason)
                for key, field in type_.fields.items()
                for argument, each in field.args.items()
            ]
        yield from (Deprecation(coordinate, reason) for coordinate, reason in parts if reason is not None)
