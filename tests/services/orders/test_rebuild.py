"""Replay: the projection of orders is what their events say, and can be made anew."""

import asyncio
from typing import Any
from uuid import UUID

from models import OrderStatus
from models.base import new_id
from services import orders
from services.orders import rebuild
from tests.support.factories import World
from tests.support.order_helpers import ORDER_FIELDS, TRANSITION_FIELDS, create_product
from tests.support.service_client import ServiceClient, wait_until_blocked


async def sell(world: World) -> dict[str, Any]:
    tea = await create_product(world, "tea", stock=100)
    items = [{"productId": tea["id"], "quantity": 2}]
    order = await world.acme.member.client.mutate("placeOrder", ORDER_FIELDS, items=items, shippingAddress="x")
    return await world.acme.admin.client.mutate("confirmOrder", TRANSITION_FIELDS, id=order["id"])


async def rebuild_orders(world: World, *, repair: bool) -> rebuild.RebuildBatch:
    async with world.app.components.database.operator_transaction(world.acme.tenant_id) as session:
        return await rebuild.rebuild_batch(session, world.acme.tenant_id, None, repair=repair)


async def test_an_untouched_projection_is_what_its_events_say(world: World) -> None:
    await sell(world)
    found = await rebuild_orders(world, repair=False)
    assert (found.orders, found.mismatched) == (1, [])


async def test_what_was_tampered_with_is_found_and_set_right(world: World) -> None:
    order = await sell(world)
    before = await snapshot(world)
    await world.connection.execute("UPDATE orders SET total_minor = 1, status = 'PENDING'")
    await world.connection.execute("UPDATE order_items SET quantity = 9")
    assert [f"Order:{o}" for o in (await rebuild_orders(world, repair=False)).mismatched] == [order["id"]]
    assert [f"Order:{o}" for o in (await rebuild_orders(world, repair=True)).mismatched] == [order["id"]]
    assert await snapshot(world) == before
    assert (await rebuild_orders(world, repair=False)).mismatched == []


async def test_an_order_that_nobody_placed_is_found_and_taken_out(world: World) -> None:
    await sell(world)
    before = await snapshot(world)
    forged = new_id()
    copied = "INSERT INTO orders SELECT tenant_id, $1, user_id, status, total_minor, currency, shipping_address,"
    await world.connection.execute(f"{copied} created_at, updated_at, version, 9 FROM orders", forged)
    assert (await rebuild_orders(world, repair=False)).mismatched == [forged]
    assert (await rebuild_orders(world, repair=True)).mismatched == [forged]
    assert await snapshot(world) == before


async def test_an_order_that_moves_meanwhile_is_not_set_back(rules: ServiceClient, world: World) -> None:
    order = await sell(world)
    await world.connection.execute("UPDATE orders SET total_minor = 1")
    actor, order_id = rules.actor(world.acme.admin), UUID(order["id"].partition(":")[2])
    async with rules.database.write(actor.identity) as session:
        await orders.transition(session, actor, id=order_id, status=OrderStatus.SHIPPED)
        repairing = asyncio.create_task(rebuild_orders(world, repair=True))
        await wait_until_blocked(world.connection)
    await repairing
    [row] = await world.connection.fetch("SELECT status, version, total_minor FROM orders")
    assert tuple(row) == ("SHIPPED", 3, 3980)
    assert (await rebuild_orders(world, repair=False)).mismatched == []


async def test_lost_rows_come_back(world: World) -> None:
    await sell(world)
    before = await snapshot(world)
    await world.connection.execute("DELETE FROM orders")
    assert await snapshot(world) != before
    await rebuild_orders(world, repair=True)
    assert await snapshot(world) == before


async def test_another_tenant_is_not_touched(world: World) -> None:
    await sell(world)
    async with world.app.components.database.operator_transaction(world.globex.tenant_id) as session:
        found = await rebuild.rebuild_batch(session, world.globex.tenant_id, None, repair=True)
    assert (found.orders, found.last) == (0, None)


async def snapshot(world: World) -> list[Any]:
    return [
        [tuple(row) for row in await world.connection.fetch(f"SELECT * FROM {table} ORDER BY id")]
        for table in ("orders", "order_items")
    ]
