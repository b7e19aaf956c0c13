"""Deleted orders through HTTP, on both executors: what is gone, and what still answers."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.client import run_app
from tests.support.factories import World, create_world
from tests.support.order_helpers import ORDER_FIELDS, TRANSITION_FIELDS, create_product

PAST = """
query($id: ID!, $at: DateTime) { order(id: $id, asOf: $at) {
    id status version nextStatuses totalAmount { amount } user { fullName } items { totalCount }
    events { nodes { type orderId actor { fullName } reason order { id } } }
} }
"""
EVENTS = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on OrderEvent { type orderId order { id } } } }"
LISTED = "query($id: ID!) { order(id: $id) { id } node(id: $id) { id } orders { totalCount nodes { id } } }"


@pytest.fixture(params=[True, False], ids=["compiled", "reference"])
async def shop(urls: Any, owner_connection: asyncpg.Connection, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """The two tenants, on an application with or without the compiler."""
    async with run_app(urls, compiler=request.param) as app:
        yield await create_world(app, owner_connection)


async def deliver(world: World) -> dict[str, Any]:
    """An order of the member's that was delivered."""
    tea = await create_product(world, "tea")
    order = await world.acme.member.client.mutate(
        "placeOrder", ORDER_FIELDS, items=[{"productId": tea["id"], "quantity": 2}], shippingAddress="x"
    )
    for step in ("confirmOrder", "shipOrder", "deliverOrder"):
        done = await world.acme.admin.client.mutate(step, TRANSITION_FIELDS, id=order["id"])
    return done


async def test_the_order_is_gone_and_its_past_is_not(shop: World) -> None:
    admin, member = shop.acme.admin.client, shop.acme.member.client
    order = await deliver(shop)
    then = await shop.connection.fetchval("SELECT clock_timestamp()")
    deleted = await admin.mutate("deleteOrder", TRANSITION_FIELDS, id=order["id"], reason="kept too long")
    assert (deleted["id"], deleted["status"], deleted["version"]) == (order["id"], "DELIVERED", 4)
    assert (deleted["nextStatuses"], deleted["items"]["nodes"]) == ([], [])
    assert [event["type"] for event in deleted["events"]["nodes"]][-2:] == ["DELIVERED", "DELETED"]
    for client in (admin, member):
        gone = await client.run(LISTED, id=order["id"])
        assert gone == {"order": None, "node": None, "orders": {"totalCount": 0, "nodes": []}}
    assert (await member.run(PAST, id=order["id"], at=then.isoformat()))["order"] is None
    past = (await admin.run(PAST, id=order["id"], at=then.isoformat()))["order"]
    assert (past["status"], past["version"], past["nextStatuses"]) == ("DELIVERED", 4, [])
    assert (past["totalAmount"]["amount"], past["items"]["totalCount"]) == ("39.80", 0)
    last = past["events"]["nodes"][-1]
    assert last == {
        "type": "DELETED",
        "orderId": order["id"],
        "reason": "kept too long",
        "order": None,
        "actor": {"fullName": "Admin"},
    }
    shelf = "{ products { nodes { stockQuantity unitsSold revenue { amount } } } }"
    [tea] = (await admin.run(shelf))["products"]["nodes"]
    assert tea == {"stockQuantity": 8, "unitsSold": 2, "revenue": {"amount": "39.80"}}


async def test_its_events_lead_to_no_order(shop: World) -> None:
    order = await deliver(shop)
    await shop.acme.admin.client.mutate("deleteOrder", TRANSITION_FIELDS, id=order["id"])
    rows = await shop.connection.fetch("SELECT id FROM events ORDER BY version")
    for client in (shop.acme.admin.client, shop.acme.member.client):
        nodes = (await client.run(EVENTS, ids=[f"OrderEvent:{row['id']}" for row in rows]))["nodes"]
        assert [node["type"] for node in nodes] == ["PLACED", "CONFIRMED", "SHIPPED", "DELIVERED", "DELETED"]
        assert {(node["orderId"], node["order"]) for node in nodes} == {(order["id"], None)}
    theirs = await shop.globex.owner.client.run(EVENTS, ids=[f"OrderEvent:{row['id']}" for row in rows])
    assert theirs["nodes"] == [None] * 5


async def test_the_key_that_placed_it_answers_that_it_is_gone(shop: World) -> None:
    tea = await create_product(shop, "tea")
    given = {"items": [{"productId": tea["id"], "quantity": 2}], "shippingAddress": "x", "idempotencyKey": "key"}
    order = await shop.acme.member.client.mutate("placeOrder", ORDER_FIELDS, **given)
    await shop.acme.member.client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"])
    await shop.acme.admin.client.mutate("deleteOrder", TRANSITION_FIELDS, id=order["id"])
    again = await shop.acme.member.client.mutate("placeOrder", ORDER_FIELDS, **given)
    assert (again["__typename"], again["code"]) == ("NotFound", "NOT_FOUND")


async def test_what_was_next_is_shown_of_the_past_as_it_was(shop: World) -> None:
    order = await deliver(shop)
    placed = await shop.connection.fetchval("SELECT created_at FROM orders")
    past = (await shop.acme.admin.client.run(PAST, id=order["id"], at=placed.isoformat()))["order"]
    assert (past["status"], past["nextStatuses"]) == ("PENDING", ["CONFIRMED", "CANCELLED"])
