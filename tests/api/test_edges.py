"""`edge`: what was created is an item of its default list, and a refused creation is none."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type
from strawberry.utils.str_converters import to_camel_case

from graph.fields.edges import EdgeField
from services.queries.page_request import PageRequest
from tests.support.case_context import enter_as
from tests.support.factories import World
from tests.support.graph_schema import ROOTS, SCHEMA
from tests.support.operation_cases import NODE_BUILDERS

EDGES: dict[str, EdgeField] = {
    name: type_.fields["edge"].extensions["strawberry-definition"]
    for name, type_ in SCHEMA.type_map.items()
    if isinstance(type_, GraphQLObjectType) and "edge" in type_.fields
}
"""The field `edge` of every type that has it."""

NEVER_LISTED = {"Tenant": "a list of tenants is the superusers'"}
"""Types of what can be created that no list of a tenant has, each with its reason."""


def list_of(name: str) -> str:
    """The root field of a type's default list."""
    return to_camel_case(EDGES[name].list_name.removeprefix("Queries."))


def test_what_can_be_created_has_an_edge() -> None:
    mutations = ROOTS["mutation"].fields
    created = {name for name in NODE_BUILDERS if f"create{name}" in mutations} | {"Invitation", "Order", "User"}
    assert set(EDGES) == created - set(NEVER_LISTED)
    for name, field in EDGES.items():
        listed = ROOTS["query"].fields[list_of(name)].extensions["strawberry-definition"]
        assert field.request == PageRequest.of(listed.collection, listed.list_name)


BOTH = """query($id: ID!, $after: String) {{
    node(id: $id) {{ ... on {type} {{ edge {{ cursor node {{ id edge {{ cursor }} }} __typename }} }} }}
    {list}(first: 100, after: $after) {{ edges {{ cursor node {{ id }} }} }}
}}"""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", EDGES)
async def test_its_cursor_is_that_of_the_default_list(founded_world: World, name: str) -> None:
    stage = await enter_as(founded_world, founded_world.acme, "owner")
    listed, make = list_of(name), NODE_BUILDERS[name]
    row_id = await make(stage)
    for _ in range(2):
        await make(stage)
    query = BOTH.format(type=name, list=listed)
    answer = await stage.client.run(query, id=row_id)
    edge, items = answer["node"]["edge"], answer[listed]["edges"]
    assert {"cursor": edge["cursor"], "node": {"id": row_id}} in items
    assert edge["node"] == {"id": row_id, "edge": {"cursor": edge["cursor"]}}
    assert edge["__typename"] == f"{name}Edge"
    place = [item["node"]["id"] for item in items].index(row_id)
    rest = await stage.client.run(query, id=row_id, after=edge["cursor"])
    assert rest[listed]["edges"] == items[place + 1 :]


CREATED = "... on Task { edge { cursor node { id title } } } ... on Error { code }"


async def test_a_creation_gives_an_edge_and_a_refusal_none(world: World) -> None:
    client = world.acme.member.client
    made = await client.mutate("createTask", CREATED, title="one")
    listed = (await client.run("{ tasks { edges { cursor node { id title } } } }"))["tasks"]["edges"]
    assert listed == [made["edge"]]
    refused = await client.mutate("createTask", CREATED, title="")
    assert refused == {"__typename": "InvalidInput", "code": "BAD_USER_INPUT"}


async def test_what_is_deleted_has_the_edge_that_it_had(world: World) -> None:
    client = world.acme.member.client
    made = await client.mutate("createTask", "... on Task { id edge { cursor } }", title="one")
    gone: dict[str, Any] = await client.mutate("deleteTask", "... on Task { id edge { cursor } }", id=made["id"])
    assert gone["id"] == made["id"]
    after = "query($after: String) { tasks(after: $after) { nodes { id } } }"
    assert (await client.run(after, after=gone["edge"]["cursor"]))["tasks"]["nodes"] == []


def test_the_answer_of_each_deletion_names_what_was_deleted() -> None:
    """Relay's `@deleteRecord` and `@deleteEdge` take a field of the type ID."""
    deletions = [name for name in ROOTS["mutation"].fields if name.startswith(("delete", "purge"))]
    assert deletions
    for name in deletions:
        thing = ROOTS["mutation"].fields[name].type.of_type.types[0]
        if "outcomes" in thing.fields:  # of many at a time, each has its own
            outcome = get_named_type(thing.fields["outcomes"].type)
            thing = get_named_type(outcome.fields["result"].type).types[0]
        assert str(thing.fields["id"].type) == "ID!", name
