"""Stock of orders: taken all or nothing, and put back where it fits."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from graph.compiler.sql import DIALECT
from models import Product
from models.base import new_id, now, table_of
from models.orders import OrderStatus
from services.errors import IllegalTransition, InvalidInput, OutOfStock
from services.orders.state_machine import Line, OrderState
from services.orders.stock import TAKEN_COLUMNS, Item, is_still_for_sale, price_items, return_stock
from services.products import MAX_STOCK
from services.writes.bulk import unnest_table
from tests.support.factories import World
from tests.support.service_client import ServiceClient


async def product(world: World, sku: str, stock: int) -> UUID:
    values: dict[str, Any] = {"sku": sku, "name": sku, "price_minor": 5, "currency": "EUR", "stock_quantity": stock}
    return await world.add("products", tenant_id=world.acme.tenant_id, **values)


async def stock_of(world: World, product_id: UUID) -> int:
    return int(await world.connection.fetchval("SELECT stock_quantity FROM products WHERE id = $1", product_id))


def found(product_id: UUID, stock: int, price: int = 5, *, is_active: bool = True) -> dict[str, Any]:
    """A product of that id, as it was read."""
    columns = {"id": str(product_id), "name": "Tea", "price_minor": price, "currency": "EUR"}
    return {**columns, "stock_quantity": stock, "is_active": is_active}


def test_a_basket_is_priced_as_it_was_read() -> None:
    tea, cup = new_id(), new_id()
    products = {tea: found(tea, 3), cup: found(cup, 1, 7)}
    lines, currency = price_items([Item(tea, 2), Item(cup, 1)], {tea: 2, cup: 1}, products)
    assert [(line.product_id, line.quantity, line.subtotal_minor) for line in lines] == [(tea, 2, 10), (cup, 1, 7)]
    assert currency == "EUR"
    with pytest.raises(OutOfStock) as refused:
        price_items([Item(tea, 4), Item(cup, 1)], {tea: 4, cup: 1}, products)
    assert [(short.product_id, short.requested, short.available) for short in refused.value.shortages] == [(tea, 4, 3)]
    with pytest.raises(InvalidInput):
        price_items([Item(tea, 1)], {tea: 1}, {tea: found(tea, 3, is_active=False)})


async def test_what_is_returned_has_to_fit(rules: ServiceClient, world: World) -> None:
    tea, actor = await product(world, "tea", MAX_STOCK - 2), rules.actor(world.acme.admin)
    lines = (Line(new_id(), tea, 2, 5),)
    order = OrderState(new_id(), world.acme.admin.user_id, OrderStatus.CANCELLED, lines, "EUR", "x", now(), now(), 2)
    async with rules.database.write(actor.identity) as session:
        await return_stock(session, actor, order)
    assert await stock_of(world, tea) == MAX_STOCK
    with pytest.raises(IllegalTransition):
        async with rules.database.write(actor.identity) as session:
            await return_stock(session, actor, order)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ("stock_quantity = 2", True),
        ("name = 'Tea of today'", True),
        ("stock_quantity = 1", False),
        ("price_minor = 6", False),
        ("currency = 'USD'", False),
        ("is_active = false", False),
    ],
)
async def test_what_was_priced_is_still_for_sale_until_that_changes(world: World, change: str, *, holds: bool) -> None:
    tea = await product(world, "tea", 3)
    await world.connection.execute(f"UPDATE products SET {change}")
    taken = unnest_table("taken", TAKEN_COLUMNS)
    statement = str(select(is_still_for_sale(taken)).select_from(table_of(Product), taken).compile(dialect=DIALECT))
    assert await world.connection.fetchval(statement, [tea], [2], [5], ["EUR"]) is holds
