"""The cases of a domain in which nothing is special, from the schema, the model and two words about who may do what."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import graphql
from sqlalchemy import Column

import services
from models.base import new_id, table_of
from services.queries.collection import Collection
from tests.support.case_context import CaseBuilder, CaseContext, Identifier, global_id, secret_text
from tests.support.case_objects import first_cursor, new_name
from tests.support.derived_rows import oldest_parents, sample_values, some_rows, text_columns, unique_columns
from tests.support.derived_scale import scale_insert
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World
from tests.support.graph_schema import ROOTS, input_type_of, reference_of
from tests.support.shared_builders import SHARED_BUILDERS

__all__ = ["derive_cases", "insert_listed_rows", "names_nothing"]

WALKED_ROWS = 120
LISTED_ROWS = 5
PAGE = {"first": 2}
SCALARS = {
    "Int": 1,
    "Boolean": True,
    "Date": "2999-01-31",
    "DateTime": "2999-01-31T00:00:00Z",
    "MoneyInput": {"amount": "5.00", "currency": "EUR"},
}
ALLOWED_FROM = {"member": ("ok", "ok", "ok"), "admin": ("ok", "ok", "F"), "owner": ("ok", "F", "F")}
STRANGERS = ("U", "F", "U")
"""Whoever was removed, has entered no tenant, or is nobody, where only members are answered."""


def derive_cases(type_name: str, collection: Collection, *, read_by: str, written_by: str) -> DomainCases:
    """Return the cases of a type that is listed at the root, changed by mutations, and audited.

    Args:
        type_name: the GraphQL type.
        collection: where its rows come from.
        read_by: the least role that sees it: member, admin or owner.
        written_by: the least role that changes it.
    """
    builder = row_builder(type_name, collection)
    operations = {
        **_query_cases(type_name, collection, builder),
        **_mutation_cases(type_name, builder),
    }
    cases = (f"node: {type_name}", *operations)
    roles = {case: written_by if case.partition(":")[0] in ROOTS["mutation"].fields else read_by for case in cases}
    lines = ((case, *ALLOWED_FROM[role], *STRANGERS) for case, role in roles.items())
    table = table_of(collection.model).name
    return DomainCases(
        operations=operations,
        nodes={type_name: builder},
        outcomes="\n".join("  ".join(line) for line in lines),
        collections={
            name: CollectionCase(found, some_rows(found.model, WALKED_ROWS), WALKED_ROWS)
            for name, found in _collections_of(collection)
        },
        scale={table: scale_insert(collection.model)},
        insert_listed=insert_listed_rows(collection, type_name),
    )


def row_builder(type_name: str, collection: Collection) -> CaseBuilder:
    """Return what inserts a whole row, with what it points at, for a member of the stage's tenant."""
    table = table_of(collection.model)

    async def make(stage: CaseContext) -> Identifier:
        secret = await secret_text(stage)

        def text(column: Column[Any]) -> str:
            return f"{secret} {new_id()}" if column.name in unique_columns(column.table) else secret

        tenant = stage.tenant
        values = await sample_values(stage.world, tenant.tenant_id, tenant.member, table, text, whole=True)
        return global_id(type_name, await stage.world.add(table.name, **values))

    return make


def referred_row_builder(builder: CaseBuilder, collection: Collection, column: str, target: str) -> CaseBuilder:
    """Return what inserts a row and gives the global ID of what it points at; of an account, that of its member."""
    table = table_of(collection.model).name
    key = f"SELECT {column} FROM {table} WHERE id = $1"
    if target == "User":
        key = f"SELECT id FROM memberships WHERE tenant_id = $2 AND user_id = ({key})"

    async def make(stage: CaseContext) -> Identifier:
        row_id = UUID((await builder(stage)).partition(":")[2])
        given = (row_id, stage.tenant.tenant_id) if target == "User" else (row_id,)
        return global_id(target, await stage.world.connection.fetchval(key, *given))

    return make


def insert_listed_rows(collection: Collection, type_name: str, **given: Any) -> Any:
    """Return what inserts rows of acme's owner that point at the first rows there are, and changes the newest twice."""
    table = table_of(collection.model)

    async def insert(world: World) -> None:
        acme, made = world.acme, None
        for number in range(LISTED_ROWS):
            known = {**await oldest_parents(world, acme.tenant_id, table), **given}
            text = f"{type_name} {number}"
            values = await sample_values(
                world,
                acme.tenant_id,
                acme.owner,
                table,
                lambda _: text,  # noqa: B023  # called at once
                whole=True,
                known=known,
            )
            made = await world.add(table.name, **values)
        column = text_columns(table)[-1]
        for _ in range(2):
            await world.connection.execute(f"UPDATE {table.name} SET {column} = {column} || '!' WHERE id = $1", made)

    return insert


def names_nothing(value: Any) -> bool:
    """Whether arguments name nothing that there is: they hold no builder that is annotated to return an Identifier."""
    if callable(value):
        return inspect.signature(value).return_annotation is not Identifier
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(names_nothing, inner))


def _collections_of(collection: Collection) -> Iterator[tuple[str, Collection]]:
    """The collections of the services' module that has this one."""
    module = inspect.getmodule(collection.visible)
    assert module is not None
    name = module.__name__.removeprefix(f"{services.__name__}.")
    return ((f"{name}.{key}", each) for key, each in vars(module).items() if isinstance(each, Collection))


def _query_cases(type_name: str, collection: Collection, builder: CaseBuilder) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in ROOTS["query"].fields.items():
        named = graphql.get_named_type(field.type).name
        if named == type_name:
            found[name] = {"id": builder}
        elif named == f"{type_name}Connection":
            order = graphql.get_named_type(field.args["orderBy"].type)
            assert isinstance(order, graphql.GraphQLInputObjectType)
            found[name] = {"orderBy": {"field": next(iter(graphql.get_named_type(order.fields["field"].type).values))}}
            found[f"{name}: after"] = {**PAGE, "after": first_cursor(name, builder)}
            found |= _filter_cases(name, field, collection, builder)
    return found


def _filter_cases(
    name: str, field: graphql.GraphQLField, collection: Collection, builder: CaseBuilder
) -> dict[str, Any]:
    filters = graphql.get_named_type(field.args["filter"].type)
    assert isinstance(filters, graphql.GraphQLInputObjectType)
    found: dict[str, Any] = {}
    for key, each in filters.fields.items():
        if target := reference_of(each):
            column = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)
            found[f"{name}: by {key}"] = {
                "filter": {key: {"eq": referred_row_builder(builder, collection, column, target)}}
            }
        elif key == "text":
            found[f"{name}: holding a text"] = {"filter": {key: {"contains": secret_text}}}
    return found


def _mutation_cases(type_name: str, builder: CaseBuilder) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in ROOTS["mutation"].fields.items():
        union = graphql.get_named_type(field.type)
        shown = {type_.name for type_ in getattr(union, "types", ())}
        if type_name not in shown:
            continue
        fields = input_type_of(name).fields
        given = {key: _value(type_name, each, builder) for key, each in fields.items() if _is_given(each, fields)}
        if "expectedVersion" in fields and any(reference_of(each) not in {None, type_name} for each in fields.values()):
            plain = {key: value for key, value in given.items() if reference_of(fields[key]) in {None, type_name}}
            found[f"{name}: at a version"] = {"input": {**plain, "expectedVersion": 1}}
        found[name] = {"input": given}
    return found


def _is_given(field: graphql.GraphQLInputField, fields: Mapping[str, graphql.GraphQLInputField]) -> bool:
    """Whether a case gives a field: what is required, every id, and of what may be left out the first text."""
    first = next((f for f in fields.values() if str(f.type) == "String"), None)
    return graphql.is_required_input_field(field) or reference_of(field) is not None or field is first


def _value(type_name: str, field: graphql.GraphQLInputField, builder: CaseBuilder) -> Any:
    named = graphql.get_named_type(field.type)
    if target := reference_of(field):
        return builder if target == type_name else SHARED_BUILDERS[target]
    if isinstance(named, graphql.GraphQLEnumType):
        return list(named.values)[min(1, len(named.values) - 1)]  # the first is the one that a new row has
    return SCALARS.get(named.name, new_name)
