"""Deleting orders: which, by whom, what goes and what stays."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from models import Order, OrderStatus
from models.base import new_id, now
from services import orders
from services.errors import Forbidden, IllegalTransition, InvalidInput, NotFound, VersionConflict
from services.orders import Item, rebuild
from services.products import PRODUCTS
from services.queries.loading import expression_by_id
from tests.support.factories import Person, World, create_person
from tests.support.service_client import ServiceClient, invalid_paths, wait_until_blocked

DELIVERED = (OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED)
STEPS = {
    OrderStatus.PENDING: (),
    OrderStatus.CONFIRMED: DELIVERED[:1],
    OrderStatus.SHIPPED: DELIVERED[:2],
    OrderStatus.DELIVERED: DELIVERED,
    OrderStatus.CANCELLED: (OrderStatus.CANCELLED,),
}


async def product(world: World, sku: str = "tea") -> UUID:
    given = {"sku": sku, "name": sku.title(), "price_minor": 1990, "currency": "EUR", "stock_quantity": 10}
    return await world.add("products", tenant_id=world.acme.tenant_id, **given)


async def order_in(rules: ServiceClient, world: World, status: OrderStatus, *products: UUID, **given: Any) -> Order:
    """An order of the member's, two of each product, that came to this status."""
    items = [Item(each, 2) for each in products or [await product(world)]]
    order: Order = await rules.apply(
        world.acme.member, orders.place, items=items, shipping_address="1 Main Street", **given
    )
    for step in STEPS[status]:
        order = await rules.apply(world.acme.admin, orders.transition, id=order.id, status=step)
    return order


async def sales_of(rules: ServiceClient, world: World, product_id: UUID) -> tuple[int, int]:
    found = []
    for name in ("units_sold", "revenue_minor"):
        async with rules.database.read(rules.identity(world.acme.owner)) as session:
            actor = rules.actor(world.acme.owner)
            found.append((await expression_by_id(session, actor, PRODUCTS, name, [product_id]))[product_id])
    units, revenue = found
    return units, revenue


async def count(world: World, table: str) -> int:
    return int(await world.connection.fetchval(f"SELECT count(*) FROM {table}"))


@pytest.mark.parametrize("status", list(OrderStatus))
async def test_only_what_came_to_its_end_is_deleted(rules: ServiceClient, world: World, status: OrderStatus) -> None:
    order = await order_in(rules, world, status)
    if status in {OrderStatus.DELIVERED, OrderStatus.CANCELLED}:
        assert await rules.apply(world.acme.admin, orders.delete, id=order.id) == order
        assert (await count(world, "orders"), await count(world, "order_items")) == (0, 0)
        return
    with pytest.raises(IllegalTransition) as refused:
        await rules.apply(world.acme.admin, orders.delete, id=order.id)
    assert (refused.value.current, refused.value.allowed) == (status, orders.next_statuses(status))
    assert (await count(world, "orders"), await count(world, "order_items")) == (1, 1)


async def test_the_event_says_who_and_why(rules: ServiceClient, world: World) -> None:
    order = await order_in(rules, world, OrderStatus.CANCELLED)
    await rules.apply(world.acme.owner, orders.delete, id=order.id, reason="asked for by the buyer")
    newest = "SELECT type, version, payload ->> 'reason', actor_id FROM events ORDER BY version DESC LIMIT 1"
    found = tuple(await world.connection.fetchrow(newest))
    assert found == ("OrderDeleted", 3, "asked for by the buyer", world.acme.owner.user_id)


async def test_a_reason_has_500_characters_at_most(rules: ServiceClient, world: World) -> None:
    order = await order_in(rules, world, OrderStatus.CANCELLED)
    with pytest.raises(InvalidInput) as refused:
        await rules.apply(world.acme.admin, orders.delete, id=order.id, reason="x" * 501)
    assert invalid_paths(refused.value) == ["reason"]
    await rules.apply(world.acme.admin, orders.delete, id=order.id, reason="x" * 500)


async def test_nothing_is_deleted_over_a_newer_version(rules: ServiceClient, world: World) -> None:
    order = await order_in(rules, world, OrderStatus.CANCELLED)
    with pytest.raises(VersionConflict) as refused:
        await rules.apply(world.acme.admin, orders.delete, id=order.id, expected_version=1)
    assert refused.value.version == 2
    await rules.apply(world.acme.admin, orders.delete, id=order.id, expected_version=2)


async def test_members_delete_none_and_nobody_anothers(rules: ServiceClient, world: World) -> None:
    order = await order_in(rules, world, OrderStatus.CANCELLED)
    with pytest.raises(Forbidden):
        await rules.apply(world.acme.member, orders.delete, id=order.id)
    for person, order_id in ((world.globex.owner, order.id), (world.acme.owner, new_id())):
        with pytest.raises(NotFound):
            await rules.apply(person, orders.delete, id=order_id)
    assert await count(world, "orders") == 1


async def test_an_order_is_deleted_once_and_moves_no_more(rules: ServiceClient, world: World) -> None:
    order = await order_in(rules, world, OrderStatus.CANCELLED)
    actor = rules.actor(world.acme.admin)
    async with rules.database.write(actor.identity) as session:
        await orders.delete(session, actor, id=order.id)
        again = asyncio.create_task(rules.apply(world.acme.owner, orders.delete, id=order.id))
        moving = asyncio.create_task(
            rules.apply(world.acme.owner, orders.transition, id=order.id, status=OrderStatus.CONFIRMED)
        )
        await wait_until_blocked(world.connection, 2)
    for late in (again, moving):
        with pytest.raises(NotFound):
            await late
    assert await world.connection.fetchval("SELECT count(*) FROM events WHERE type = 'OrderDeleted'") == 1


async def test_sales_still_count_what_was_delivered(rules: ServiceClient, world: World) -> None:
    tea, cup = await product(world), await product(world, "cup")
    delivered = await order_in(rules, world, OrderStatus.DELIVERED, tea, cup)
    cancelled = await order_in(rules, world, OrderStatus.CANCELLED, tea)
    await order_in(rules, world, OrderStatus.PENDING, tea)
    stock = await world.connection.fetch("SELECT id, stock_quantity FROM products ORDER BY id")
    for order in (delivered, cancelled):
        await rules.apply(world.acme.admin, orders.delete, id=order.id)
    assert await sales_of(rules, world, tea) == (4, 7960)
    assert await sales_of(rules, world, cup) == (2, 3980)
    assert await world.connection.fetch("SELECT id, stock_quantity FROM products ORDER BY id") == stock
    await world.connection.execute("UPDATE products SET currency = 'JPY'")
    assert await sales_of(rules, world, tea) == (4, 0)


async def test_the_key_that_placed_it_places_no_other(rules: ServiceClient, world: World) -> None:
    tea = await product(world)
    order = await order_in(rules, world, OrderStatus.CANCELLED, tea, idempotency_key="key")
    await rules.apply(world.acme.admin, orders.delete, id=order.id)
    with pytest.raises(NotFound):
        await order_in(rules, world, OrderStatus.PENDING, tea, idempotency_key="key")
    assert (await count(world, "orders"), await count(world, "events")) == (0, 3)


async def test_its_past_is_for_who_manages_orders(rules: ServiceClient, world: World) -> None:
    order = await order_in(rules, world, OrderStatus.DELIVERED)
    before = now()
    await rules.apply(world.acme.admin, orders.delete, id=order.id)

    async def as_of(person: Person, moment: Any) -> Any:
        async with rules.database.read(rules.identity(person)) as session:
            return await orders.as_of(session, rules.actor(person), id=order.id, moment=moment)

    for person in (world.acme.owner, world.acme.admin):
        assert await as_of(person, before) == order
        assert await as_of(person, now()) is None
    assert [await as_of(person, before) for person in (world.acme.member, world.globex.owner)] == [None, None]


async def test_who_placed_it_still_sees_its_events_and_no_other_member_does(rules: ServiceClient, world: World) -> None:
    order = await order_in(rules, world, OrderStatus.CANCELLED)
    await rules.apply(world.acme.admin, orders.delete, id=order.id)
    types = ["OrderPlaced", "OrderCancelled", "OrderDeleted"]
    for person in (world.acme.member, world.acme.admin):
        assert [event.type for event in await rules.rows(person, orders.EVENTS)] == types
    stranger = await create_person(world.app, world.connection, "new@example.com", world.acme.tenant_id, "member")
    for person in (stranger, world.globex.owner):
        assert await rules.rows(person, orders.EVENTS) == []


async def rebuild_orders(world: World, *, repair: bool) -> list[UUID]:
    async with world.app.components.database.operator_transaction(world.acme.tenant_id) as session:
        return (await rebuild.rebuild_batch(session, world.acme.tenant_id, None, repair=repair)).mismatched


TAMPERED = {
    "a sale that is lost": "DELETE FROM archived_sales",
    "a sale that is another": "UPDATE archived_sales SET quantity = 9",
    "a sale too many": """
        INSERT INTO archived_sales SELECT tenant_id, gen_random_uuid(), order_id, product_id, 1, 1, 'EUR'
        FROM archived_sales""",
    "an order that came back": """
        INSERT INTO orders SELECT s.tenant_id, order_id, user_id, 'DELIVERED', 1, 'EUR', 'x', now(), now(), 4, 1001
        FROM archived_sales s JOIN memberships m ON m.tenant_id = s.tenant_id AND m.role = 'OWNER'""",
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_replay_agrees_and_sets_right_what_was_tampered_with(
    rules: ServiceClient, world: World, what: str
) -> None:
    order = await order_in(rules, world, OrderStatus.DELIVERED)
    await rules.apply(world.acme.admin, orders.delete, id=order.id)
    assert await rebuild_orders(world, repair=False) == []
    sales = await world.connection.fetch("SELECT * FROM archived_sales")
    await world.connection.execute(TAMPERED[what])
    assert await rebuild_orders(world, repair=False) == [order.id]
    assert await rebuild_orders(world, repair=True) == [order.id]
    assert await rebuild_orders(world, repair=False) == []
    assert await world.connection.fetch("SELECT * FROM archived_sales") == sales
    assert await count(world, "orders") == 0
