"""`edge`: what was created is an item of its default list, and a refused creation is none."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

from graph.fields.edges import EdgeField
from services.queries.page_request import PageRequest
from tests.support import case_documents, case_objects
from tests.support.case_context import enter_as
from tests.support.factories import World
from tests.support.graph_schema import ROOTS, SCHEMA


def edges() -> Iterator[tuple[str, EdgeField]]:
    """Every type with the field `edge`."""
    for name, type_ in SCHEMA.type_map.items():
        if isinstance(type_, GraphQLObjectType) and "edge" in type_.fields:
            yield name, type_.fields["edge"].extensions["strawberry-definition"]


LISTS = {
    "ApiKey": ("apiKeys", case_objects.own_key),
    "Article": ("articles", case_documents.draft_article),
    "Document": ("documents", case_documents.document),
    "Invitation": ("invitations", case_objects.invitation),
    "Order": ("orders", case_objects.own_order),
    "Product": ("products", case_objects.product),
    "Project": ("projects", case_objects.project),
    "Task": ("tasks", case_objects.task),
    "User": ("users", case_objects.member),
}
"""By type, the root field of its default list, and what makes some."""


def test_what_can_be_created_has_an_edge() -> None:
    assert {name for name, _ in edges()} == set(LISTS)
    for name, field in edges():
        listed = ROOTS["query"].fields[LISTS[name][0]].extensions["strawberry-definition"]
        assert field.request == PageRequest.of(listed.collection, listed.list_name)


BOTH = """query($id: ID!, $after: String) {{
    node(id: $id) {{ ... on {type} {{ edge {{ cursor node {{ id edge {{ cursor }} }} __typename }} }} }}
    {list}(first: 100, after: $after) {{ edges {{ cursor node {{ id }} }} }}
}}"""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", LISTS)
async def test_its_cursor_is_that_of_the_default_list(founded_world: World, name: str) -> None:
    stage = await enter_as(founded_world, founded_world.acme, "owner")
    listed, make = LISTS[name]
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
