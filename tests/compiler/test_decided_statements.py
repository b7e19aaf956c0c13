"""Orders by two statements: the same answers and rows as by the reference executor, and as recomputed by hand."""

import asyncio
import os
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from graph.compiler.executor import PARAMETER_BYTES, PREPARED_BYTES
from models.base import new_id
from models.database.errors import ConnectionLost, PoolTimeout
from models.database.identity import ENTER_PARAMETERS, Identity, enter_arguments
from models.lru import size_of
from tests.conftest import Urls
from tests.support.baskets import PLACE, PLACE_WITH_ITEMS, Shop, fill_shelf, random_basket
from tests.support.client import Client
from tests.support.compiled_operations import compile_statements
from tests.support.differential import BothExecutors, run_both
from tests.support.factories import insert

SHARE = 200
ALL = 10_000

PLACED = """SELECT
    (SELECT array_agg('Product:' || product_id || ' ' || quantity ORDER BY line) FROM order_items i
        WHERE i.order_id = o.id AND i.subtotal_minor = i.quantity * i.unit_price_minor AND i.currency = o.currency
    ) AS items,
    (SELECT sum(i.subtotal_minor) FROM order_items i WHERE i.order_id = o.id) = o.total_minor AS adds_up,
    (SELECT count(*) FROM audit_log a WHERE a.row_id = o.id AND a.action = 'CREATE' AND a.operation = 'placeOrder'
        AND a.actor_id = o.user_id AND a.request_id = e.request_id) AS audited,
    (SELECT array_agg('Product:' || (l ->> 'product_id') || ' ' || (l ->> 'quantity')) FROM
        jsonb_array_elements(e.payload -> 'lines') l) AS lines,
    e.payload ->> 'number' = o.number::text AND e.created_at = o.created_at AND o.updated_at = o.created_at
        AND e.actor_id = o.user_id AND e.type = 'OrderPlaced' AND e.request_id <> '' AS as_of_the_event
FROM orders o JOIN events e ON e.stream_id = o.id WHERE o.number = $1 AND o.tenant_id = $2"""


@pytest.fixture
async def executors(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[BothExecutors]:
    async with run_both(urls, owner_connection) as found:
        yield found


async def place(client: Client, given: dict[str, Any], text: str = PLACE) -> dict[str, Any]:
    order: dict[str, Any] = (await client.run(text, input=given))["placeOrder"]
    return order


async def compare_random_baskets(both: BothExecutors, baskets: int) -> Counter[str]:
    """Have each executor place the same baskets from a shelf of its own, and compare with what is recomputed."""
    seed = int(os.environ.get("ATRIUM_TEST_SEED") or secrets.randbits(40))
    chance, acme = random.Random(seed), both.world.acme
    connection, tally = both.world.connection, Counter[str]()
    member = next(caller for caller in both.people if caller.name == "member")
    clients = member.compiled, member.reference
    shops = [(client, await fill_shelf(connection, acme.tenant_id)) for client in clients]
    number = 1000  # none was placed before; those of the world were numbered by hand
    for _ in range(baskets):
        client, shop = chance.choice([*shops, shops[0]])  # oftener by the compiler
        text = chance.choice([PLACE, PLACE, PLACE, PLACE_WITH_ITEMS])
        basket = random_basket(chance, shop)
        both.compiled_results.clear()
        expected = shop.place(basket, number + 1)
        found = await place(client, basket.input, text)
        story = f"seed {seed}: {basket}\n{found}\n{expected}"
        assert {name: value for name, value in found.items() if name not in {"id", "user", "items"}} == expected, story
        number += expected.get("number") == number + 1
        tally[expected.get("code", "ORDER")] += 1
        tally["COMPILED"] += bool(both.compiled_results) and both.compiled_results[0].declined is None
    for _, shop in shops:
        await compare_rows(both, shop)
    return tally


async def compare_rows(both: BothExecutors, shop: Shop) -> None:
    """Compare stock, orders, items, events and audit entries with what is recomputed."""
    connection, acme = both.world.connection, both.world.acme
    for product in shop.shelf.values():
        left = "SELECT stock_quantity FROM products WHERE id = $1"
        assert await connection.fetchval(left, UUID(product.id.partition(":")[2])) == product.stock
    for basket, order in shop.placed:
        items = [f"{product_id} {quantity}" for product_id, quantity in basket.wanted.items()]
        row = await connection.fetchrow(PLACED, order["number"], acme.tenant_id)
        assert dict(row) == {"items": items, "lines": items, "adds_up": True, "audited": 1, "as_of_the_event": True}


async def test_both_executors_place_orders_as_recomputed(executors: BothExecutors) -> None:
    tally = await compare_random_baskets(executors, SHARE)
    assert tally["COMPILED"] > 0.1 * SHARE, tally
    assert min(tally[code] for code in ("ORDER", "OUT_OF_STOCK", "BAD_USER_INPUT")) > 0.05 * SHARE, tally


@pytest.mark.exhaustive
async def test_both_executors_place_orders_as_recomputed_for_long(
    executors: BothExecutors, record_property: Callable[[str, object], None]
) -> None:
    record_property("summary", str(await compare_random_baskets(executors, ALL)))


async def tea(executors: BothExecutors, stock: int = 9) -> UUID:
    row = {"sku": "tea", "name": "Tea", "price_minor": 199, "currency": "EUR", "stock_quantity": stock}
    return await insert(executors.world.connection, "products", tenant_id=executors.world.acme.tenant_id, **row)


def one(product_id: UUID, key: str | None = None) -> dict[str, Any]:
    given = {"items": [{"productId": f"Product:{product_id}", "quantity": 1}], "shippingAddress": "x"}
    return given | ({"idempotencyKey": key} if key else {})


CHANGES = [
    ("price_minor = 300", {"totalAmount": {"amount": "3.00", "currency": "EUR"}}),
    ("currency = 'JPY'", {"totalAmount": {"amount": "199", "currency": "JPY"}}),
    ("stock_quantity = 1", {"totalAmount": {"amount": "1.99", "currency": "EUR"}}),
    ("stock_quantity = 0", {"code": "OUT_OF_STOCK"}),
    ("is_active = false", {"code": "BAD_USER_INPUT"}),
]
WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
"""Whether somebody waits for the one who asks."""


@pytest.mark.parametrize(("change", "outcome"), CHANGES)
async def test_what_changes_while_it_waits_is_decided_anew(
    executors: BothExecutors, change: str, outcome: dict[str, Any]
) -> None:
    product_id, world = await tea(executors), executors.world
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        async with world.connection.transaction():
            await world.connection.execute(f"UPDATE products SET {change} WHERE id = $1", product_id)
            placing = group.create_task(place(world.acme.member.client, one(product_id, "key")))
            while not await world.connection.fetchval(WAITS):
                assert not placing.done()
        found = await placing
    assert {name: found.get(name) for name in outcome} == outcome
    assert (executors.compiled_results[-1].declined is None) == (change == "stock_quantity = 1")
    left = await world.connection.fetchval("SELECT stock_quantity FROM products WHERE id = $1", product_id)
    assert left == (0 if "stock" in change else 9 if "code" in outcome else 8)


@pytest.mark.parametrize(("change", "outcome"), CHANGES)
async def test_what_changes_after_it_was_read_is_decided_anew(
    executors: BothExecutors, change: str, outcome: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    product_id, world = await tea(executors), executors.world
    database = executors.compiled.components.database
    answer = database.execute_update

    async def changed(*args: Any, **options: Any) -> str:
        await world.connection.execute(f"UPDATE products SET {change} WHERE id = $1", product_id)
        return await answer(*args, **options)

    monkeypatch.setattr(database, "execute_update", changed)
    found = await place(world.acme.member.client, one(product_id, "key"))
    assert {name: found.get(name) for name in outcome} == outcome
    assert await world.connection.fetchval("SELECT count(*) FROM idempotency_keys") == ("code" not in outcome)


@pytest.mark.parametrize("failure", [ConnectionLost(), PoolTimeout()])
@pytest.mark.parametrize("fails_at", ["SELECT", "WITH"])
async def test_an_order_of_which_nobody_knows_is_not_tried_again(
    executors: BothExecutors, failure: Exception, fails_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    product_id, world = await tea(executors), executors.world
    database = executors.compiled.components.database
    answer, sent = database.fetch_value, []

    async def fails(statement: str, *args: Any, **options: Any) -> str:
        sent.append(statement)
        if statement.startswith(fails_at):
            raise failure
        return await answer(statement, *args, **options)

    monkeypatch.setattr(database, "fetch_value", fails)
    before = await world.connection.fetchval("SELECT count(*) FROM orders")
    assert await world.acme.member.client.error_codes(PLACE, input=one(product_id)) == ["SERVICE_UNAVAILABLE"]
    assert sum(statement.startswith("WITH") for statement in sent) == (fails_at == "WITH")
    assert await world.connection.fetchval("SELECT count(*) FROM orders") == before


async def test_who_was_shut_out_orders_nothing(executors: BothExecutors) -> None:
    product_id, world = await tea(executors), executors.world
    client = world.acme.member.client
    await place(client, one(product_id))
    await world.connection.execute("UPDATE sessions SET revoked_at = now() WHERE id = $1", world.acme.member.session_id)
    assert await client.error_codes(PLACE, input=one(product_id)) == ["UNAUTHENTICATED"]
    assert await world.connection.fetchval("SELECT stock_quantity FROM products WHERE id = $1", product_id) == 8


def test_what_the_row_does_not_show_is_left_to_the_reference_executor() -> None:
    declined, statements = compile_statements(
        f'mutation {{ placeOrder(input: {{items: [{{productId: "Product:{new_id()}", quantity: 1}}], '
        'shippingAddress: "x"}) { ... on Order { items { totalCount } } } }'
    )
    assert declined is not None
    assert statements == []


async def test_a_plan_weighs_what_both_statements_take(
    executors: BothExecutors, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, int] = {}
    database = executors.compiled.components.database
    product_id, compiler = await tea(executors), executors.compiled.components.schema.compiler
    assert compiler is not None
    answer, before = database.fetch_value, compiler.usage["plans"].bytes

    async def noted(statement: str, values: Any, **options: Any) -> str:
        sent[statement] = len(values) - len(ENTER_PARAMETERS)
        return await answer(statement, values, **options)

    monkeypatch.setattr(database, "fetch_value", noted)
    assert "id" in await place(executors.world.acme.member.client, one(product_id))
    taken = sum(PREPARED_BYTES + size_of(text) + own * PARAMETER_BYTES for text, own in sent.items())
    assert len(sent) == 2
    assert compiler.usage["plans"].bytes - before == taken


PLANNER_SETTINGS = [
    {},
    {"plan_cache_mode": "force_generic_plan"},
    {"plan_cache_mode": "force_custom_plan"},
    {"enable_indexscan": "off", "enable_bitmapscan": "off", "enable_indexonlyscan": "off"},
    {"enable_seqscan": "off", "jit": "on"},
    {"enable_nestloop": "off"},
]


@pytest.mark.parametrize("planner", PLANNER_SETTINGS, ids=lambda planner: ",".join(planner) or "as it is")
@pytest.mark.parametrize("key", [None, "key"])
async def test_whoever_orders_is_let_in_before_a_row_is_looked_for(
    executors: BothExecutors, urls: Urls, planner: dict[str, str], key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, list[Any]]] = []
    database, acme = executors.compiled.components.database, executors.world.acme

    async def noted(statement: str, values: Any, **_options: Any) -> str:
        sent.append((statement, list(values)))
        raise PoolTimeout

    product_id = await tea(executors)
    monkeypatch.setattr(database, "execute_update", noted)
    await acme.member.client.error_codes(PLACE, input=one(product_id, key))
    ((statement, values),) = sent
    width = len(enter_arguments(Identity()))
    connection = await asyncpg.connect(urls.plain("runtime"), server_settings={"timezone": "UTC", **planner})
    try:
        prepared = await connection.prepare(statement)
        strangers = [*enter_arguments(Identity())], [executors.world.globex.tenant_id, *values[1:width]]
        for stranger in strangers:
            assert await prepared.fetchval(*stranger, *values[width:]) is None
        for _ in range(7):  # PostgreSQL keeps a plan from the sixth on
            undone = connection.transaction()
            await undone.start()
            assert await prepared.fetchval(*values) is not None
            await undone.rollback()
        assert await executors.world.connection.fetchval("SELECT count(*) FROM idempotency_keys") == 0
    finally:
        await connection.close()
