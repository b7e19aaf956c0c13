"""The two statements of an order: what is read, and that all is written or nothing."""

from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import select, true

from models import Order
from models.base import new_id, table_of
from services.orders import Item, place_command
from services.orders.placement import PlaceOrder
from services.orders.placement_statements import read_basket, write_order
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient

TABLES = ("orders", "order_items", "events", "order_numbers", "idempotency_keys")


async def product(world: World, sku: str = "tea", **given: Any) -> UUID:
    values = {"sku": sku, "name": sku.title(), "price_minor": 5, "currency": "EUR", "stock_quantity": 3, **given}
    return await world.add("products", **{"tenant_id": world.acme.tenant_id, **values})


def command(rules: ServiceClient, person: Person, *items: Item, key: str | None = None) -> PlaceOrder:
    return place_command(rules.actor(person), items=items, shipping_address="x", idempotency_key=key)


async def read(rules: ServiceClient, person: Person, order: PlaceOrder, *, locks: bool = False) -> Any:
    actor = rules.actor(person)
    who = {"tenant_id": actor.identity.tenant_id, "user_id": actor.identity.user_id}
    statement = read_basket(is_keyed=order.is_keyed, locks=locks)
    async with rules.database.write(actor.identity) as session:
        return orjson.loads((await session.exec(statement, params=who | order.read_values())).scalar_one())


async def write(rules: ServiceClient, person: Person, order: PlaceOrder, found: Any) -> Any:
    """Write what is decided from what was found; give the order's row, or None."""
    actor = rules.actor(person)
    values = order.decide(actor, found)
    written, items = write_order("written", list(table_of(Order).c), true(), is_keyed=order.is_keyed)
    async with rules.database.write(actor.identity) as session:
        return (await session.exec(select(*written.c).add_cte(items), params=values)).one_or_none()


async def counts(world: World) -> dict[str, int]:
    return {name: await world.connection.fetchval(f"SELECT count(*) FROM {name}") for name in TABLES}


@pytest.mark.parametrize("locks", [False, True])
async def test_products_of_the_tenant_and_the_actors_key_are_read(
    rules: ServiceClient, world: World, *, locks: bool
) -> None:
    acme, tea = world.acme, await product(world)
    cup = await product(world, "cup", is_active=False, stock_quantity=0)
    theirs = await product(world, "theirs", tenant_id=world.globex.tenant_id)
    order = command(rules, acme.member, *(Item(each, 1) for each in (cup, theirs, tea, new_id())), key="key")
    row = {"name": "Tea", "price_minor": 5, "currency": "EUR", "stock_quantity": 3, "is_active": True}
    expected = [
        {"id": str(tea), **row},
        {"id": str(cup), **row, "name": "Cup", "stock_quantity": 0, "is_active": False},
    ]
    assert await read(rules, acme.member, order, locks=locks) == {"products": expected, "key": None}
    good = command(rules, acme.member, Item(tea, 1), key="key")
    placed = await write(rules, acme.member, good, await read(rules, acme.member, good))
    found = await read(rules, acme.member, good, locks=locks)
    assert found["key"][1] == [str(placed.id)]
    assert (await read(rules, acme.owner, command(rules, acme.owner, Item(tea, 1), key="key")))["key"] is None
    assert good.decide(rules.actor(acme.member), found) == placed.id


async def test_all_is_written_at_once(rules: ServiceClient, world: World) -> None:
    member, tea, cup = world.acme.member, await product(world), await product(world, "cup", price_minor=7)
    order = command(rules, member, Item(tea, 2), Item(cup, 1), Item(tea, 1), key="key")
    row = await write(rules, member, order, await read(rules, member, order))
    assert (row.number, row.total_minor, row.version, row.status_rank) == (1001, 22, 1, 1)
    assert await counts(world) == dict.fromkeys(TABLES, 1) | {"order_items": 2}
    event = await world.connection.fetchrow("SELECT stream_id, created_at, payload ->> 'number' AS number FROM events")
    assert tuple(event) == (row.id, row.created_at, "1001")


@pytest.mark.parametrize("change", ["price_minor = 6", "currency = 'USD'", "stock_quantity = 0", "is_active = false"])
@pytest.mark.parametrize("key", [None, "key"])
async def test_nothing_is_written_once_a_product_has_changed(
    rules: ServiceClient, world: World, change: str, key: str | None
) -> None:
    member, tea, cup = world.acme.member, await product(world), await product(world, "cup")
    order = command(rules, member, Item(tea, 1), Item(cup, 1), key=key)
    found = await read(rules, member, order)
    await world.connection.execute(f"UPDATE products SET {change} WHERE id = $1", cup)
    assert await write(rules, member, order, found) is None
    assert await counts(world) == dict.fromkeys(TABLES, 0)
    assert await world.connection.fetchval("SELECT stock_quantity FROM products WHERE id = $1", tea) == 3


async def test_nothing_is_written_with_a_key_that_was_used(rules: ServiceClient, world: World) -> None:
    member, tea = world.acme.member, await product(world)
    order = command(rules, member, Item(tea, 1), key="key")
    found = await read(rules, member, order)
    assert await write(rules, member, order, found) is not None
    assert await write(rules, member, order, found) is None
    assert await counts(world) == dict.fromkeys(TABLES, 1)
    assert await world.connection.fetchval("SELECT stock_quantity FROM products") == 2
