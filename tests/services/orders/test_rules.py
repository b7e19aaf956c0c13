"""Orders: what can be bought, how much of it, and who moves an order on."""

from typing import Any
from uuid import UUID

import pytest

from models import Order, OrderStatus
from models.base import new_id, now
from services import orders, products
from services.errors import (
    Forbidden,
    IdempotencyConflict,
    IllegalTransition,
    InvalidInput,
    NotFound,
    OutOfStock,
    VersionConflict,
)
from services.orders import Item
from services.orders.rules import MAX_LINES, visible, visible_items
from services.permissions import Permission
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient, invalid_paths

MOST = 2**31 - 1


async def product(world: World, sku: str = "tea", *, price: int = 1990, stock: int = 10, **values: Any) -> UUID:
    given = {"sku": sku, "name": sku.title(), "price_minor": price, "currency": "EUR", "stock_quantity": stock}
    return await world.add("products", **{"tenant_id": world.acme.tenant_id, **given, **values})


async def place(rules: ServiceClient, person: Person, *items: tuple[UUID, int], **given: Any) -> Order:
    values = {"shipping_address": "1 Main Street", **given, "items": [Item(*item) for item in items]}
    return await rules.apply(person, orders.place, **values)


async def stock_of(world: World, product_id: UUID) -> int:
    return int(await world.connection.fetchval("SELECT stock_quantity FROM products WHERE id = $1", product_id))


async def refused_paths(rules: ServiceClient, world: World, *items: tuple[UUID, int], **given: Any) -> list[str]:
    """Where an order is at fault; nothing is stored of it, and no stock reserved."""
    before = await world.connection.fetch("SELECT id, stock_quantity FROM products ORDER BY id")
    with pytest.raises(InvalidInput) as refused:
        await place(rules, world.acme.member, *items, **given)
    assert await world.connection.fetch("SELECT id, stock_quantity FROM products ORDER BY id") == before
    assert await world.connection.fetchval("SELECT count(*) FROM orders") == 0
    return invalid_paths(refused.value)


async def test_an_order_freezes_prices_and_takes_its_stock(rules: ServiceClient, world: World) -> None:
    tea, cup = await product(world), await product(world, "cup", price=500)
    order = await place(rules, world.acme.member, (tea, 2), (cup, 1), (tea, 1), shipping_address=" Home ")
    assert (order.total_minor, order.currency, order.shipping_address) == (6470, "EUR", " Home ")
    assert (order.status, order.user_id, order.version) == ("PENDING", world.acme.member.user_id, 1)
    assert (await stock_of(world, tea), await stock_of(world, cup)) == (7, 9)
    await world.connection.execute("UPDATE products SET price_minor = 1")
    items = await rules.rows(world.acme.member, orders.ITEMS)
    assert [(row.line, row.quantity, row.unit_price_minor, row.subtotal_minor) for row in items] == [
        (1, 3, 1990, 5970),
        (2, 1, 500, 500),
    ]


@pytest.mark.parametrize("quantity", [0, -1])
async def test_a_quantity_is_1_or_more(rules: ServiceClient, world: World, quantity: int) -> None:
    tea = await product(world)
    assert await refused_paths(rules, world, (tea, 1), (tea, quantity)) == ["items.1.quantity"]


async def test_a_quantity_has_a_limit_over_all_lines_of_its_product(rules: ServiceClient, world: World) -> None:
    tea = await product(world, price=0, stock=MOST)
    assert await refused_paths(rules, world, (tea, MOST), (tea, 1)) == ["items.1.quantity"]
    assert await refused_paths(rules, world, (tea, MOST + 1)) == ["items.0.quantity"]
    await place(rules, world.acme.member, (tea, MOST - 1), (tea, 1))
    assert await stock_of(world, tea) == 0


async def test_an_order_has_1_to_100_products(rules: ServiceClient, world: World) -> None:
    shelf = [await product(world, f"p{number}") for number in range(MAX_LINES + 1)]
    assert MAX_LINES == 100
    assert await refused_paths(rules, world) == ["items"]
    assert await refused_paths(rules, world, *((product_id, 1) for product_id in shelf)) == ["items"]
    await place(rules, world.acme.member, *((product_id, 1) for product_id in shelf[:MAX_LINES]))


@pytest.mark.parametrize("address", ["", " \n", "x" * 501, "a\0b"])
async def test_an_address_has_1_to_500_characters(rules: ServiceClient, world: World, address: str) -> None:
    tea = await product(world)
    assert await refused_paths(rules, world, (tea, 1), shipping_address=address) == ["shipping_address"]
    for kept in ("x", "x" * 500):
        assert (await place(rules, world.acme.member, (tea, 1), shipping_address=kept)).shipping_address == kept


async def test_a_total_has_twelve_digits_at_most(rules: ServiceClient, world: World) -> None:
    gold, dust = await product(world, "gold", price=9_999_999_999, stock=200), await product(world, "dust", price=99)
    mite = await product(world, "mite", price=1)
    assert await refused_paths(rules, world, (gold, 100), (dust, 1), (mite, 2)) == ["items"]
    order = await place(rules, world.acme.member, (gold, 100), (dust, 1))
    assert order.total_minor == 999_999_999_999
    with pytest.raises(InvalidInput) as refused:
        await place(rules, world.acme.member, (gold, 100), (dust, 1), (mite, 1))
    assert invalid_paths(refused.value) == ["items"]


async def test_only_what_is_for_sale_here_can_be_ordered(rules: ServiceClient, world: World) -> None:
    tea, old = await product(world), await product(world, "old", is_active=False)
    theirs = await product(world, "theirs", tenant_id=world.globex.tenant_id)
    lines = [(tea, 1), (old, 1), (theirs, 1), (new_id(), 1)]
    assert await refused_paths(rules, world, *lines) == [f"items.{number}.product_id" for number in (1, 2, 3)]
    changes = {"changes": {"is_active": True}}
    await rules.apply(world.acme.admin, products.update, id=old, **changes)
    assert (await place(rules, world.acme.member, (old, 1))).status == "PENDING"


async def test_an_order_has_one_currency(rules: ServiceClient, world: World) -> None:
    tea, sushi = await product(world), await product(world, "sushi", currency="JPY")
    assert await refused_paths(rules, world, (tea, 1), (sushi, 1)) == ["items"]
    assert (await place(rules, world.acme.member, (sushi, 1))).currency == "JPY"


async def test_short_stock_is_named_product_by_product(rules: ServiceClient, world: World) -> None:
    tea, cup, pot = await product(world, stock=1), await product(world, "cup", stock=0), await product(world, "pot")
    with pytest.raises(OutOfStock) as refused:
        await place(rules, world.acme.member, (tea, 2), (cup, 1), (pot, 10))
    short = [(s.product_id, s.name, s.requested, s.available) for s in refused.value.shortages]
    assert short == [(tea, "Tea", 2, 1), (cup, "Cup", 1, 0)]
    assert await stock_of(world, pot) == 10
    await place(rules, world.acme.member, (tea, 1), (pot, 10))


async def test_one_key_orders_once(rules: ServiceClient, world: World) -> None:
    tea = await product(world)
    first, again = [
        await place(rules, world.acme.member, (tea, 1), (tea, 1), idempotency_key="key"),
        await place(rules, world.acme.member, (tea, 2), idempotency_key="key"),
    ]
    assert (first.id, await stock_of(world, tea)) == (again.id, 8)
    with pytest.raises(IdempotencyConflict):
        await place(rules, world.acme.member, (tea, 3), idempotency_key="key")


async def test_an_order_moves_on_and_its_row_with_it(rules: ServiceClient, world: World) -> None:
    order = await place(rules, world.acme.member, (await product(world), 1))
    version = order.version
    for status in (OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED):
        given = {"id": order.id, "status": status, "expected_version": version}
        moved = await rules.apply(world.acme.admin, orders.transition, **given)
        assert (moved.status, moved.version, moved.created_at) == (status, version + 1, order.created_at)
        newest = "SELECT created_at FROM events WHERE stream_id = $1 ORDER BY version DESC LIMIT 1"
        assert moved.updated_at == await world.connection.fetchval(newest, order.id) > order.updated_at
        assert await rules.rows(world.acme.member, orders.ORDERS) == [moved]
        order, version = moved, moved.version
    with pytest.raises(IllegalTransition):
        await rules.apply(world.acme.admin, orders.transition, id=order.id, status=OrderStatus.CANCELLED)


async def test_nothing_moves_over_a_newer_version(rules: ServiceClient, world: World) -> None:
    order = await place(rules, world.acme.member, (await product(world), 1))
    await rules.apply(world.acme.admin, orders.transition, id=order.id, status=OrderStatus.CONFIRMED)
    for expected in (1, 3):
        given = {"id": order.id, "status": OrderStatus.SHIPPED, "expected_version": expected}
        with pytest.raises(VersionConflict) as refused:
            await rules.apply(world.acme.admin, orders.transition, **given)
        assert (refused.value.row_id, refused.value.version) == (order.id, 2)
    assert await world.connection.fetchval("SELECT status FROM orders") == "CONFIRMED"


async def test_a_reason_has_500_characters_at_most(rules: ServiceClient, world: World) -> None:
    order = await place(rules, world.acme.member, (await product(world), 1))
    given = {"id": order.id, "status": OrderStatus.CONFIRMED}
    with pytest.raises(InvalidInput) as refused:
        await rules.apply(world.acme.admin, orders.transition, **given, reason="x" * 501)
    assert invalid_paths(refused.value) == ["reason"]
    await rules.apply(world.acme.admin, orders.transition, **given, reason="x" * 500)
    payload = "SELECT payload ->> 'reason' FROM events WHERE version = 2"
    assert await world.connection.fetchval(payload) == "x" * 500


async def test_cancelling_returns_the_stock_once(rules: ServiceClient, world: World) -> None:
    tea = await product(world)
    order = await place(rules, world.acme.member, (tea, 4))
    cancel = {"id": order.id, "status": OrderStatus.CANCELLED}
    await rules.apply(world.acme.member, orders.transition, **cancel)
    with pytest.raises(IllegalTransition):
        await rules.apply(world.acme.member, orders.transition, **cancel)
    assert await stock_of(world, tea) == 10


async def test_members_see_and_cancel_their_own_orders_alone(rules: ServiceClient, world: World) -> None:
    tea = await product(world)
    mine, theirs = await place(rules, world.acme.member, (tea, 1)), await place(rules, world.acme.owner, (tea, 1))
    for collection, key in ((orders.ORDERS, "id"), (orders.ITEMS, "order_id"), (orders.EVENTS, "stream_id")):
        seen = {getattr(row, key) for row in await rules.rows(world.acme.member, collection)}
        managed = {getattr(row, key) for row in await rules.rows(world.acme.admin, collection)}
        assert (seen, managed) == ({mine.id}, {mine.id, theirs.id})
    with pytest.raises(NotFound):
        await rules.apply(world.acme.member, orders.transition, id=theirs.id, status=OrderStatus.CANCELLED)
    with pytest.raises(Forbidden):
        await rules.apply(world.acme.member, orders.transition, id=mine.id, status=OrderStatus.CONFIRMED)
    for person, order_id in ((world.globex.owner, mine.id), (world.acme.admin, new_id())):
        with pytest.raises(NotFound):
            await rules.apply(person, orders.transition, id=order_id, status=OrderStatus.CONFIRMED)


@pytest.mark.parametrize("see", [visible, visible_items])
def test_without_permission_nothing_is_visible(see: Any) -> None:
    with pytest.raises(Forbidden):
        see({Permission.TENANT_READ})


async def test_an_order_as_of_a_moment(rules: ServiceClient, world: World) -> None:
    order = await place(rules, world.acme.member, (await product(world), 1))
    moved = await rules.apply(world.acme.admin, orders.transition, id=order.id, status=OrderStatus.CONFIRMED)

    async def as_of(person: Person, moment: Any) -> Any:
        async with rules.database.read(rules.identity(person)) as session:
            return await orders.as_of(session, rules.actor(person), id=order.id, moment=moment)

    assert await as_of(world.acme.member, order.created_at) == order
    assert await as_of(world.acme.member, moved.updated_at) == await as_of(world.acme.admin, now()) == moved
    assert await as_of(world.acme.member, order.created_at.replace(year=2020)) is None
    assert await as_of(world.globex.owner, now()) is None
