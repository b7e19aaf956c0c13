"""Nothing is oversold: many buyers at once, over HTTP, on a real database."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import true

from models.database import Database
from services.orders import placement_statements
from tests.conftest import Urls
from tests.support.client import Client, run_app
from tests.support.factories import World, create_world
from tests.support.order_helpers import ORDER_FIELDS, TRANSITION_FIELDS, create_product

# What is on the shelf and in open orders together; it never changes while nobody restocks or delivers.
SUM = """
SELECT (SELECT sum(stock_quantity) FROM products) + coalesce((
    SELECT sum(i.quantity) FROM order_items i JOIN orders o USING (tenant_id) WHERE o.id = i.order_id
    AND o.status <> 'CANCELLED'), 0) AS total, (SELECT count(*) FROM orders) AS orders
"""


# What is shown by the statement that writes the order.
FIELDS_OF_THE_ROW = "... on Order { id number status } ... on Error { code }"


@pytest.fixture
async def shop(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[World]:
    """A world whose application lets everybody wait for their turn, and nobody for each other."""
    async with run_app(urls, pool_size=20, admission_wait_seconds=60) as app:
        yield await create_world(app, owner_connection)
    # Whoever is in a deadlock tries again, so no answer says so. Connections that are closed have been counted.
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await owner_connection.fetchval(deadlocks) == 0


async def place_order(
    client: Client, *products: dict[str, Any], key: str | None = None, fields: str = ORDER_FIELDS
) -> dict[str, Any]:
    items = [{"productId": p["id"], "quantity": 1} for p in products]
    given = {"items": items, "shippingAddress": "x", **({"idempotencyKey": key} if key else {})}
    return await client.mutate("placeOrder", fields, **given)


@pytest.mark.parametrize("fields", [ORDER_FIELDS, FIELDS_OF_THE_ROW], ids=["reference", "compiled"])
@pytest.mark.parametrize(("buyers", "stock"), [(300, 50), (200, 1), (100, 7)])
async def test_as_many_orders_as_there_are(shop: World, buyers: int, stock: int, fields: str) -> None:
    tea, client = await create_product(shop, "tea", stock=stock), shop.acme.member.client
    answers = await asyncio.gather(*(place_order(client, tea, fields=fields) for _ in range(buyers)))
    kinds = [answer["__typename"] for answer in answers]
    assert kinds.count("Order") == stock
    assert kinds.count("OutOfStock") == buyers - stock
    assert await shop.connection.fetchval("SELECT stock_quantity FROM products") == 0
    assert await shop.connection.fetchval("SELECT count(*) FROM orders") == stock


async def test_without_the_condition_it_would_oversell(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement_statements, "is_still_for_sale", lambda _taken: true())
    await shop.connection.execute("ALTER TABLE products DROP CONSTRAINT products_stock_quantity_check")
    tea, client = await create_product(shop, "tea", stock=1), shop.acme.member.client
    write, all_have_read = Database.execute_update, asyncio.Barrier(20)

    async def write_later(self: Database, *args: Any, **options: Any) -> str:
        await all_have_read.wait()
        return await write(self, *args, **options)

    monkeypatch.setattr(Database, "execute_update", write_later)
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(place_order(client, tea, fields=FIELDS_OF_THE_ROW) for _ in range(20)))
    assert [answer["__typename"] for answer in answers].count("Order") > 1
    assert await shop.connection.fetchval("SELECT stock_quantity FROM products") < 0


async def test_baskets_never_deadlock_and_stock_is_conserved(shop: World) -> None:
    shelf = [await create_product(shop, f"p{n}", stock=100_000) for n in range(8)]
    stop = asyncio.Event()
    samples: list[tuple[int, int]] = []

    async def shopper(seed: int) -> None:
        dice, client = random.Random(seed), shop.acme.member.client
        while not stop.is_set():
            fields = dice.choice([ORDER_FIELDS, FIELDS_OF_THE_ROW])
            order = await place_order(client, *dice.sample(shelf, 5), fields=fields)
            assert order["__typename"] == "Order"
            if dice.random() < 0.3:
                assert (await client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"]))["status"] == "CANCELLED"

    async def sampler() -> None:
        while sum(orders > 0 for _, orders in samples) < 200:
            samples.append(tuple(await shop.connection.fetchrow(SUM)))
        stop.set()

    before = (await shop.connection.fetchrow(SUM))["total"]
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        group.create_task(sampler())
        for seed in range(20):
            group.create_task(shopper(seed))
    assert {total for total, _ in samples} == {before}
    at_last = (await shop.connection.fetchrow(SUM))["orders"]
    assert sum(0 < orders < at_last for _, orders in samples) >= 100, "half of them while orders were committed"


async def test_fifty_cancels_and_twenty_writers(shop: World) -> None:
    tea = await create_product(shop, "tea", stock=5)
    order = await place_order(shop.acme.member.client, tea)
    cancels = await asyncio.gather(
        *(shop.acme.member.client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"]) for _ in range(50))
    )
    assert [c["__typename"] for c in cancels].count("Order") == 1
    assert await shop.connection.fetchval("SELECT stock_quantity FROM products") == 5
    order = await place_order(shop.acme.member.client, tea)
    conflict = TRANSITION_FIELDS + "... on VersionConflict { currentVersion }"
    writers = await asyncio.gather(
        *(shop.acme.admin.client.mutate("confirmOrder", conflict, id=order["id"], expectedVersion=1) for _ in range(20))
    )
    kinds = [w["__typename"] for w in writers]
    assert (kinds.count("Order"), kinds.count("VersionConflict")) == (1, 19)


async def test_twins_with_one_key_order_once(shop: World) -> None:
    tea = await create_product(shop, "tea", stock=100)
    ways = (ORDER_FIELDS, FIELDS_OF_THE_ROW)
    twins = await asyncio.gather(
        *(place_order(shop.acme.member.client, tea, key="same", fields=ways[number % 2]) for number in range(10))
    )
    assert len({twin["id"] for twin in twins}) == 1
    assert await shop.connection.fetchval("SELECT stock_quantity FROM products") == 99
