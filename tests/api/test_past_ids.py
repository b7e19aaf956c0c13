"""The past of an object has an id of its own: no cache takes it for the present one, and `node` finds it."""

from typing import Any

import pytest

from graph import schema
from graph.fields.as_of import AS_OF_RULES
from tests.support.client import Client
from tests.support.factories import World
from tests.support.order_helpers import create_product

FIELDS = {
    "order": "id status nextStatuses version updatedAt totalAmount { amount } items { nodes { id } } user { id }",
    "document": "id title content version updatedAt deletedAt creator { id fullName }",
}
TYPES = {"order": "Order", "document": "Document"}


async def ordered(client: Client, world: World) -> tuple[str, list[str]]:
    """A delivered order, and the moments at which it changed."""
    tea = await create_product(world, "tea")
    moved = "... on Order { id updatedAt }"
    given = {"items": [{"productId": tea["id"], "quantity": 1}], "shippingAddress": "Here"}
    states = [await client.mutate("placeOrder", moved, **given)]
    for mutation in ("confirmOrder", "shipOrder", "deliverOrder"):
        states.append(await client.mutate(mutation, moved, id=states[0]["id"]))
    return states[0]["id"], [state["updatedAt"] for state in states]


async def written(client: Client, _world: World) -> tuple[str, list[str]]:
    """A document that was changed twice, and the moments at which it changed."""
    shown = "... on Document { id updatedAt }"
    states = [await client.mutate("createDocument", shown, title="Plan")]
    for content in "ab":
        states.append(await client.mutate("updateDocument", shown, id=states[0]["id"], content=content))
    return states[0]["id"], [state["updatedAt"] for state in states]


MAKERS: dict[str, Any] = {"order": ordered, "document": written}


async def as_of(client: Client, field: str, row_id: str, moment: str | None) -> dict[str, Any]:
    query = f"query($id: ID!, $at: DateTime) {{ {field}(id: $id, asOf: $at) {{ __typename {FIELDS[field]} }} }}"
    shown: dict[str, Any] = (await client.run(query, id=row_id, at=moment))[field]
    return shown


async def node(client: Client, field: str, row_id: str) -> dict[str, Any] | None:
    query = f"query($id: ID!) {{ node(id: $id) {{ __typename id ... on {TYPES[field]} {{ {FIELDS[field]} }} }} }}"
    shown: dict[str, Any] | None = (await client.run(query, id=row_id))["node"]
    return shown


def test_everything_that_is_shown_in_the_past_has_a_case() -> None:
    query = schema.create_schema().get_type_by_name("Query")
    with_past = {field.python_name for field in query.fields if any(a.python_name == "as_of" for a in field.arguments)}  # type: ignore[union-attr]  # it is an object
    assert with_past == set(FIELDS) == set(MAKERS)
    assert set(TYPES.values()) == set(AS_OF_RULES)


@pytest.mark.parametrize("field", FIELDS)
async def test_no_two_states_share_an_id_and_each_is_found_by_its_own(field: str, world: World) -> None:
    client = world.acme.owner.client
    row_id, moments = await MAKERS[field](client, world)
    present = await as_of(client, field, row_id, None)
    past = [await as_of(client, field, row_id, moment) for moment in moments]
    assert present["id"] == row_id
    assert [each["id"] for each in past] == [f"{row_id}@{moment}" for moment in moments]
    for each in past:
        assert await node(client, field, each["id"]) == each
        assert await as_of(client, field, row_id, each["updatedAt"]) == each
    assert await as_of(client, field, row_id, "2999-01-01T00:00:00Z") == past[-1]
    assert {**past[-1], "id": row_id} == present
    ids = [past[0]["id"], row_id, past[-1]["id"]]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert (await client.run(query, ids=ids))["nodes"] == [{"id": each} for each in ids]


async def test_a_past_order_may_become_what_it_might_have_become_then(world: World) -> None:
    client = world.acme.owner.client
    row_id, moments = await ordered(client, world)
    found = [(await as_of(client, "order", row_id, moment))["nextStatuses"] for moment in moments]
    assert found == [["CONFIRMED", "CANCELLED"], ["SHIPPED", "CANCELLED"], ["DELIVERED"], []]


@pytest.mark.parametrize("field", FIELDS)
async def test_what_never_was_is_not_found(field: str, world: World) -> None:
    client = world.acme.owner.client
    row_id, moments = await MAKERS[field](client, world)
    for moment in ("2999-01-01T00:00:00.000000Z", "2020-01-01T00:00:00.000000Z"):
        assert await node(client, field, f"{row_id}@{moment}") is None
    past = f"{row_id}@{moments[0]}"
    assert await node(world.globex.owner.client, field, past) is None
    other = f"Task{past[past.index(':') :]}"
    query = "query($id: ID!) { node(id: $id) { id } }"
    assert (await client.run(query, id=other))["node"] is None
    for wrong in (past.upper(), past[:-1], f"{past}Z", past.replace("Z", "+00:00"), f"{row_id}@"):
        assert (await client.run(query, id=wrong))["node"] is None, wrong


async def test_what_was_cannot_be_changed(world: World) -> None:
    client = world.acme.owner.client
    order, placed = await ordered(client, world)
    document, made = await written(client, world)
    for mutation, row_id in (("cancelOrder", f"{order}@{placed[0]}"), ("deleteDocument", f"{document}@{made[0]}")):
        name = mutation[0].upper() + mutation[1:]
        query = f"mutation($i: {name}Input!) {{ {mutation}(input: $i) {{ ... on Error {{ code }} }} }}"
        answer = await client.send(query, i={"id": row_id})
        assert "BAD_USER_INPUT" in str(answer), answer


async def test_others_orders_have_no_past_either(world: World) -> None:
    row_id, moments = await ordered(world.acme.owner.client, world)
    assert await node(world.acme.member.client, "order", f"{row_id}@{moments[0]}") is None
