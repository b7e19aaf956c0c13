"""Order events, live: everything once, in order, from wherever the subscriber left off."""

import asyncio
from datetime import timedelta
from typing import Any

from graph.context import Context
from models.database import Identity
from services.access import Actor
from tests.api.test_orders import MOVED, ORDER, product
from tests.factories import Person, World

SUBSCRIPTION = (
    "subscription($after: String) { orderEvents(after: $after) { cursor event { type order { id status } } } }"
)


def context(world: World, person: Person) -> Context:
    parts = world.app.parts
    identity = Identity(person.tenant_id, person.user_id, person.role, person.session_id)
    return Context(parts.database, Actor.of(identity), parts.door, parts.feed, invitation_lifetime=timedelta(days=1))


async def collect(world: World, person: Person, count: int, after: str | None = None) -> list[dict[str, Any]]:
    events = await world.app.parts.schema.subscribe(
        SUBSCRIPTION, variable_values={"after": after}, context_value=context(world, person)
    )
    found = []
    async for result in events:
        assert result.errors is None, result.errors
        found.append(result.data["orderEvents"])
        if len(found) == count:
            break
    await events.aclose()
    return found


async def test_events_arrive_and_can_be_resumed(world: World) -> None:
    tea = await product(world, "tea", stock=100)
    item = [{"productId": tea["id"], "quantity": 1}]
    admin = world.acme.admin
    listening = asyncio.create_task(collect(world, admin, 4, after="0"))
    for _ in range(2):
        order = await world.acme.member.client.do("placeOrder", ORDER, items=item, shippingAddress="x")
        await admin.client.do("confirmOrder", MOVED, id=order["id"])
    seen = await asyncio.wait_for(listening, 20)
    assert [e["event"]["type"] for e in seen] == ["PLACED", "CONFIRMED"] * 2
    assert [e["cursor"] for e in seen] == ["1", "2", "3", "4"]
    rest = await asyncio.wait_for(collect(world, admin, 2, after=seen[1]["cursor"]), 20)
    assert [(e["cursor"], e["event"]["type"]) for e in rest] == [("3", "PLACED"), ("4", "CONFIRMED")]
