"""Stock of orders: taken all or nothing, and put back where it fits."""

from typing import Any
from uuid import UUID

import pytest

from models.base import new_id, now
from models.orders import OrderStatus
from services.errors import IllegalTransition, OutOfStock
from services.orders.state_machine import Line, OrderState
from services.orders.stock import Item, has_room, has_stock, reserve_stock, return_stock
from services.products import MAX_STOCK
from tests.support.factories import World
from tests.support.service_client import ServiceClient


async def product(world: World, sku: str, stock: int) -> UUID:
    values: dict[str, Any] = {"sku": sku, "name": sku, "price_minor": 5, "currency": "EUR", "stock_quantity": stock}
    return await world.add("products", tenant_id=world.acme.tenant_id, **values)


async def stock_of(world: World, product_id: UUID) -> int:
    return int(await world.connection.fetchval("SELECT stock_quantity FROM products WHERE id = $1", product_id))


async def test_what_is_reserved_is_taken_out_at_the_price_of_now(rules: ServiceClient, world: World) -> None:
    tea, cup = await product(world, "tea", 3), await product(world, "cup", 1)
    actor = rules.actor(world.acme.member)
    async with rules.database.write(actor.identity) as session:
        lines, currency = await reserve_stock(session, actor, [Item(tea, 2), Item(cup, 1)], {tea: 2, cup: 1})
    assert [(line.product_id, line.quantity, line.subtotal_minor) for line in lines] == [(tea, 2, 10), (cup, 1, 5)]
    assert (currency, await stock_of(world, tea), await stock_of(world, cup)) == ("EUR", 1, 0)
    with pytest.raises(OutOfStock):
        async with rules.database.write(actor.identity) as session:
            await reserve_stock(session, actor, [Item(tea, 1), Item(cup, 1)], {tea: 1, cup: 1})
    assert await stock_of(world, tea) == 1


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


def test_the_conditions_are_over_the_stock() -> None:
    assert str(has_stock(1)) == "products.stock_quantity >= :stock_quantity_1"
    assert str(has_room(1)) == "products.stock_quantity <= :stock_quantity_1"
