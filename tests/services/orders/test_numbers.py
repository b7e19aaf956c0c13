"""Numbers of orders: one after the other in each tenant, kept by the event, and never given again."""

from typing import Any
from uuid import UUID

import pytest

from models import Order, OrderStatus
from services import orders
from services.errors import OutOfStock
from services.eventlog import store
from services.orders import Item
from services.orders.numbers import with_number, with_numbers
from services.orders.state_machine import OrderState, fold
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient


async def stocked(world: World, person: Person, stock: int = 9) -> UUID:
    tenant = world.acme if person in vars(world.acme).values() else world.globex
    product = {"sku": "tea", "name": "Tea", "price_minor": 1, "currency": "EUR", "stock_quantity": stock}
    return await world.add("products", tenant_id=tenant.tenant_id, **product)


async def place(rules: ServiceClient, person: Person, product_id: UUID, quantity: int = 1, **given: Any) -> Order:
    items = [Item(product_id, quantity)]
    return await rules.apply(person, orders.place, items=items, shipping_address="x", **given)


async def test_each_tenant_counts_its_own_orders(rules: ServiceClient, world: World) -> None:
    tea, theirs = await stocked(world, world.acme.member), await stocked(world, world.globex.member)
    assert [(await place(rules, world.acme.member, tea)).number for _ in range(3)] == [1001, 1002, 1003]
    assert (await place(rules, world.globex.member, theirs)).number == 1001
    last = "SELECT last FROM order_numbers WHERE tenant_id = $1"
    assert await world.connection.fetchval(last, world.acme.tenant_id) == 1003


async def test_a_refused_order_uses_up_no_number_and_a_repeated_one_keeps_its_own(
    rules: ServiceClient, world: World
) -> None:
    tea = await stocked(world, world.acme.member)
    first = await place(rules, world.acme.member, tea, idempotency_key="k")
    with pytest.raises(OutOfStock):
        await place(rules, world.acme.member, tea, 99)
    assert (await place(rules, world.acme.member, tea, idempotency_key="k")).number == first.number == 1001
    assert (await place(rules, world.acme.member, tea)).number == 1002


async def test_the_number_of_a_deleted_order_is_not_given_again(rules: ServiceClient, world: World) -> None:
    tea = await stocked(world, world.acme.member)
    order = await place(rules, world.acme.member, tea)
    await rules.apply(world.acme.admin, orders.transition, id=order.id, status=OrderStatus.CANCELLED)
    await rules.apply(world.acme.admin, orders.delete, id=order.id)
    assert (await place(rules, world.acme.member, tea)).number == 1002


async def test_orders_older_than_numbers_have_them_by_their_age(rules: ServiceClient, world: World) -> None:
    tea, admin = await stocked(world, world.acme.member), world.acme.admin
    placed = [await place(rules, world.acme.member, tea) for _ in range(3)]
    await world.connection.execute("UPDATE events SET payload = payload - 'number' WHERE stream_id = $1", placed[1].id)
    await world.connection.execute("UPDATE events SET payload = payload - 'number' WHERE stream_id = $1", placed[2].id)
    actor, tenant_id = rules.actor(admin), world.acme.tenant_id
    async with rules.database.write(actor.identity) as session:
        streams = await store.read_streams(session, actor, [order.id for order in placed])
        states: list[OrderState] = [state for state in map(fold, streams.values()) if state]
        assert [state.number for state in states] == [1001, None, None]
        assert [state.number for state in await with_numbers(session, tenant_id, states)] == [1001, 1001, 1002]
        assert (await with_number(session, tenant_id, states[2])).number == 1002
