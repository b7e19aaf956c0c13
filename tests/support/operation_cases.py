"""Every operation of the schema, with things of a tenant to try it on.

Each root field has at least one case in tests/cases, in the file of its domain, and each id that a field takes has a
case that gives one; a test compares both with the schema. A case says what it gives. The document is made from the
schema and selects every field of the answer, so a new field is tried without another word.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg
import graphql

from tests.support.case_context import CaseBuilder, CaseContext, Identifier
from tests.support.client import run_app
from tests.support.domain_cases import all_cases, merged
from tests.support.factories import World, create_world
from tests.support.graph_schema import ROOTS, SCHEMA

__all__ = [
    "ALL_OPERATIONS",
    "NODE_BUILDERS",
    "OPERATION_CASES",
    "ROOTS",
    "SCHEMA",
    "TENANT_OPERATIONS",
    "CaseContext",
    "Identifier",
    "OperationCase",
    "argument_paths",
    "build_values",
    "built_paths",
    "field_of",
    "identifiers_in",
    "is_id",
    "outcome_code",
    "replace_at",
    "run_world",
]

Path = tuple[str | int, ...]


class HasUrls(Protocol):
    """The addresses of a database."""

    @property
    def runtime(self) -> str: ...

    def plain(self, role: str) -> str: ...


NODE_BUILDERS: dict[str, CaseBuilder] = merged("nodes")
"""For each type with an id, something of it."""

OPERATION_CASES: dict[str, Any] = {
    **{f"node: {name}": {"id": builder} for name, builder in NODE_BUILDERS.items()},
    "nodes": {"ids": list(NODE_BUILDERS.values())},
    **merged("operations"),
}
"""By root field, and what is special about it, the arguments; whatever is callable is made for the occasion."""


def argument_paths(wanted: Callable[[Any], bool]) -> Iterator[tuple[str, ...]]:
    """Where a type that is wanted stands in the arguments of the root fields, and in the inputs within them."""

    def within(type_: Any, path: tuple[str, ...], outside: frozenset[str]) -> Iterator[tuple[str, ...]]:
        named = graphql.get_named_type(type_)
        if wanted(type_):
            yield path
        elif named.name not in outside and not ("and" in getattr(named, "fields", ()) and "filter" in path[:-1]):
            # A filter may hold itself, and those of related rows, which are tried at their own lists.
            for name, field in getattr(named, "fields", {}).items():
                yield from within(field.type, (*path, name), outside | {named.name})

    for root in ROOTS.values():
        for name, field in root.fields.items():
            for argument, declared in field.args.items():
                yield from within(declared.type, (name, argument), frozenset())


def field_of(case: str) -> str:
    """The root field that a case is about."""
    return case.partition(":")[0]


def is_id(type_: Any) -> bool:
    """Whether a type is an id, many, or a condition on one."""
    return graphql.get_named_type(type_).name in {"ID", "IDFilter", "NullableIDFilter"}


def built_paths(case: str) -> set[tuple[str, ...]]:
    """The places in which a case makes something for the occasion; rows of a list, and operators, are one place."""

    def within(given: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if callable(given):
            yield path[:-1] if path[-1] in {"eq", "in", "not"} else path
        for value in given if isinstance(given, list) else ():
            yield from within(value, path)
        for name, value in given.items() if isinstance(given, dict) else ():
            yield from within(value, (*path, name))

    return set(within(OPERATION_CASES[case], (field_of(case),)))


@dataclass(frozen=True)
class OperationCase:
    """One case."""

    case: str

    @property
    def field(self) -> str:
        """Its root field."""
        return field_of(self.case)

    @property
    def is_mutation(self) -> bool:
        """Whether it changes anything."""
        return self.field in ROOTS["mutation"].fields

    async def arguments(self, stage: CaseContext) -> dict[str, Any]:
        """Make what it needs; give its arguments."""
        made: dict[str, Any] = await build_values(OPERATION_CASES[self.case], stage)
        return made

    def body(self, arguments: dict[str, Any], depth: int = 2) -> dict[str, Any]:
        """The request that gives these arguments and selects everything, down to a depth."""
        kind = "mutation" if self.is_mutation else "query"
        field = ROOTS[kind].fields[self.field]
        declared = ", ".join(f"${name}: {field.args[name].type}" for name in arguments)
        given = ", ".join(f"{name}: ${name}" for name in arguments)
        head = f"{kind} Case({declared})" if arguments else kind
        call = f"{self.field}({given})" if arguments else self.field
        if self.field.endswith("Stats"):
            depth += 1  # down to what the rows of a group have in common
        if self.field == "leaveTenant":
            depth = 0  # whoever has left may read nothing but the answer itself
        return {"query": f"{head} {{ {call} {select_all_fields(field.type, depth)} }}", "variables": arguments}


ALL_OPERATIONS = [OperationCase(case) for case in OPERATION_CASES]

SUPERUSER_CASES = frozenset().union(*(cases.superuser_cases for cases in all_cases().values()))
TENANT_OPERATIONS = [operation for operation in ALL_OPERATIONS if operation.case not in SUPERUSER_CASES]
"""All but those that superusers alone may, which are no tenant's."""


MANY_TYPES = 10
"""Members of an abstract type, of which less is selected for each beyond: a document has 4,000 tokens at most."""


def select_all_fields(type_: graphql.GraphQLOutputType, depth: int) -> str:
    """Select all fields of a type, down to `depth` further types; pages are small."""
    named = graphql.get_named_type(type_)
    if graphql.is_leaf_type(named):
        return ""
    if not graphql.is_abstract_type(named):
        return f"{{ __typename {' '.join(_fields(named, depth))} }}"
    members = SCHEMA.get_possible_types(named)
    shapes: dict[str, set[str]] = {}
    for member_ in members:
        for name, field in member_.fields.items():
            shapes.setdefault(name, set()).add(str(field.type))
    differing = {name for name, found in shapes.items() if len(found) > 1}
    many = len(members) > MANY_TYPES
    inner = (f"... on {m.name} {{ {' '.join(_fields(m, depth, differing, is_one_of_many=many))} }}" for m in members)
    return f"{{ __typename {' '.join(inner)} }}"


def _is_shown_elsewhere(type_: Any, name: str, *, is_one_of_many: bool) -> bool:
    """Return whether other operations show a field: an edge's row is among the nodes, an object has its own query."""
    return (name == "node" and type_.name.endswith("Edge")) or (is_one_of_many and name in {"history", "edge"})


def _fields(type_: Any, depth: int, differing: Collection[str] = (), *, is_one_of_many: bool = False) -> Iterator[str]:
    for name, field in type_.fields.items():
        named = graphql.get_named_type(field.type)
        alias = f"{type_.name}_{name}: " if name in differing else ""
        if any(map(graphql.is_required_argument, field.args.values())):  # of `query` in a mutation: it has its own case
            continue
        if graphql.is_leaf_type(named):
            yield f"{alias}{name}"
        elif depth and not _is_shown_elsewhere(type_, name, is_one_of_many=is_one_of_many):
            page = "(first: 2)" if "first" in field.args else ""
            further = depth if named.name.endswith(("Connection", "Edge", "Outcome")) else depth - 1
            below = "{ __typename id }" if name == "node" else select_all_fields(named, further)  # of any type
            yield f"{alias}{name}{page} {below}"


def outcome_code(answer: dict[str, Any], field: str) -> str:
    """How an operation went: `ok`, `null`, or the code of the refusal, be it typed or not, or of one of many rows."""
    if errors := answer.get("errors"):
        return "+".join(sorted({error["extensions"]["code"] for error in errors}))
    found = answer["data"][field]
    rows = [row["result"] for row in found.get("outcomes", ())] if isinstance(found, dict) else []
    if refused := {str(row["code"]) for row in rows if "code" in row}:
        return "+".join(sorted(refused))
    return "null" if found is None else str(found.get("code", "ok")) if isinstance(found, dict) else "ok"


def identifiers_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, Identifier]]:
    """Where the arguments name something of a tenant's."""
    if isinstance(value, Identifier):
        yield path, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from identifiers_in(item, (*path, key))


def replace_at(value: Any, path: Path, new: Any) -> Any:
    """The same arguments with something else in one place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replace_at(copy[path[0]], path[1:], new)
    return copy


@asynccontextmanager
async def run_world(urls: HasUrls, **settings: Any) -> AsyncIterator[World]:
    """The two tenants, in an application on this database."""
    connection = await asyncpg.connect(urls.plain("owner"))
    async with run_app(urls, **settings) as app:
        yield await create_world(app, connection)
    await connection.close()


async def build_values(value: Any, stage: CaseContext) -> Any:
    """What a case gives, with everything made that is to be made."""
    if callable(value):
        return await value(stage)
    if isinstance(value, dict):
        return {name: await build_values(item, stage) for name, item in value.items()}
    if isinstance(value, list):
        return [await build_values(item, stage) for item in value]
    return value
