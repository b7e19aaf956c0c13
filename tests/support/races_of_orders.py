"""Races of what tenants sell: products and orders."""

from decimal import Decimal
from uuid import UUID

from models import OrderStatus
from services import orders, products
from services.errors import AlreadyExists, IllegalTransition, InvalidInput, NotFound, OutOfStock, VersionConflict
from services.writes.bulk import RowChange
from tests.support.races import Attempt, RaceContext, race, refused


async def _tea(context: RaceContext, stock: int, sku: str = "TEA") -> UUID:
    product = {"sku": sku, "name": "Tea", "price": {"amount": Decimal(2), "currency": "EUR"}}
    row = await context.rules.apply(context.world.acme.admin, products.create, values=product, stock_quantity=stock)
    return UUID(str(row.id))


def _buying(context: RaceContext, tea: UUID, key: str | None = None) -> Attempt:
    given = {"items": [orders.Item(tea, 1)], "shipping_address": "Here", "idempotency_key": key}
    return context.in_transaction(context.world.acme.member, orders.place, **given)


@race
async def creating_two_products_of_one_sku(context: RaceContext) -> None:
    product = {"sku": "TEA", "name": "Tea", "price": {"amount": Decimal(2), "currency": "EUR"}}
    offering = context.in_transaction(context.world.acme.admin, products.create, values=product)
    assert refused(await context.rendezvous.between("products", offering, offering), AlreadyExists) == 1


@race
async def ordering_the_last_item_twice(context: RaceContext) -> None:
    buying = _buying(context, await _tea(context, 1))
    assert refused(await context.rendezvous.between("products", buying, buying), OutOfStock) == 1


@race
async def ordering_what_is_restocked(context: RaceContext) -> None:
    tea = await _tea(context, 1)
    restocking = context.in_transaction(context.world.acme.admin, products.restock, id=tea, quantity=5)
    assert refused(await context.rendezvous.between("products", _buying(context, tea), restocking)) == 0
    assert await context.value("SELECT stock_quantity FROM products") == 5


@race
async def ordering_what_is_taken_off_sale(context: RaceContext) -> None:
    tea = await _tea(context, 5)
    ending = context.in_transaction(context.world.acme.admin, products.update, id=tea, changes={"is_active": False})
    await context.rendezvous.during("products", _buying(context, tea), ending)
    sold = "SELECT count(*) FROM orders o JOIN products p ON NOT p.is_active AND o.created_at > p.updated_at"
    assert await context.value(sold) == 0


@race
async def ordering_what_is_restocked_with_others(context: RaceContext) -> None:
    tea = await _tea(context, 1)
    restocking = context.in_transaction(
        context.world.acme.admin, products.restock_all, rows=[products.StockReceipt(tea, 5)]
    )
    assert refused(await context.rendezvous.during("products", restocking, _buying(context, tea))) == 0
    assert await context.value("SELECT stock_quantity FROM products") == 5


@race
async def updating_two_products_to_one_sku(context: RaceContext) -> None:
    admin, ids = context.world.acme.admin, []
    for sku in ("ONE", "TWO"):
        product = {"sku": sku, "name": sku, "price": {"amount": Decimal(2), "currency": "EUR"}}
        ids.append((await context.rules.apply(admin, products.create, values=product)).id)
    changes = [
        context.in_transaction(admin, products.update_all, rows=[RowChange(row_id, {"sku": "TEA"})]) for row_id in ids
    ]
    outcomes = await context.rendezvous.between("products", *changes)
    assert refused(outcomes) == 0
    assert sum(isinstance(row, AlreadyExists) for (row,) in outcomes) == 1


@race
async def restocking_to_the_limit_twice(context: RaceContext) -> None:
    tea = await _tea(context, 2**31 - 2)
    restocking = context.in_transaction(context.world.acme.admin, products.restock, id=tea, quantity=1)
    assert refused(await context.rendezvous.between("products", restocking, restocking), InvalidInput) == 1


@race
async def ordering_once_with_one_key(context: RaceContext) -> None:
    buying = _buying(context, await _tea(context, 9), key="same")
    outcomes = await context.rendezvous.between("idempotency_keys", buying, buying)
    assert refused(outcomes) == 0
    assert (len({order.id for order in outcomes}), await context.value("SELECT stock_quantity FROM products")) == (1, 8)


@race
async def ordering_the_last_item_once_with_one_key(context: RaceContext) -> None:
    buying = _buying(context, await _tea(context, 1), key="same")
    outcomes = await context.rendezvous.between("idempotency_keys", buying, buying)
    assert refused(outcomes) == 0
    assert (len({order.id for order in outcomes}), await context.value("SELECT stock_quantity FROM products")) == (1, 0)


@race
async def placing_two_orders_of_different_products(context: RaceContext) -> None:
    shelf = [await _tea(context, 9), await _tea(context, 9, "COFFEE")]
    outcomes = await context.rendezvous.between("order_numbers", *(_buying(context, each) for each in shelf))
    assert refused(outcomes) == 0
    assert sorted(order.number for order in outcomes) == [1001, 1002]


@race
async def confirming_orders_one_of_which_is_cancelled(context: RaceContext) -> None:
    admin, tea = context.world.acme.admin, await _tea(context, 9)
    first, second = await _buying(context, tea)(), await _buying(context, tea)()
    confirming = context.in_transaction(admin, orders.confirm_all, rows=[RowChange(o.id, {}) for o in (first, second)])
    cancelling = context.in_transaction(admin, orders.transition, id=second.id, status=OrderStatus.CANCELLED)
    confirmed, cancelled = await context.rendezvous.between("events", confirming, cancelling)
    assert confirmed[0].status == OrderStatus.CONFIRMED
    assert isinstance(confirmed[1], IllegalTransition) or cancelled.version == 3
    assert await context.value("SELECT stock_quantity FROM products") == 8


@race
async def confirming_an_order_that_is_cancelled(context: RaceContext) -> None:
    order = await _buying(context, await _tea(context, 9))()
    moves = [
        context.in_transaction(
            context.world.acme.admin, orders.transition, id=order.id, status=status, expected_version=1
        )
        for status in (OrderStatus.CONFIRMED, OrderStatus.CANCELLED)
    ]
    outcomes = await context.rendezvous.between("events", *moves)
    assert refused(outcomes, VersionConflict, IllegalTransition) == 1
    cancelled = not isinstance(outcomes[1], Exception)
    assert await context.value("SELECT stock_quantity FROM products") == (9 if cancelled else 8)


@race
async def deleting_an_order_twice(context: RaceContext) -> None:
    admin, order = context.world.acme.admin, await _buying(context, await _tea(context, 9))()
    await context.rules.apply(admin, orders.transition, id=order.id, status=OrderStatus.CANCELLED)
    deleting = context.in_transaction(admin, orders.delete, id=order.id)
    assert refused(await context.rendezvous.between("events", deleting, deleting), NotFound) == 1
    assert await context.value("SELECT count(*) FROM events WHERE type = 'OrderDeleted'") == 1
