"""A tenant's slow statements wait for each other, and a quarter of the connections is free of them at any time."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from models.base import new_id
from models.database import Database
from models.database.errors import PoolTimeout
from models.database.identity import ENTER_CALL, NOBODY, enter_arguments
from models.database.limiter import PartitionedLimiter, Slot
from models.database.partitions import BRIEF_MILLISECONDS, reserve_size
from models.database.read_routing import ReadRouter
from models.database.topology import ServerGroup
from tests.conftest import Urls
from tests.support.client import App
from tests.support.factories import World
from tests.support.service_client import wait_until_blocked, wait_until_unblocked

LOCKS = 10
WRITTEN = "... on Task { id } ... on Error { code }"
SLOW = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'atrium'"
    " AND state = 'active' AND clock_timestamp() - query_start > interval '300 ms'"
)
SECONDS = f"${len(enter_arguments(NOBODY)) + 1}::float8"
SLEEP = f"SELECT pg_sleep({SECONDS})::text || 'x' FROM {ENTER_CALL} entered"
KILL = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'atrium'"
)


async def locked_task(world: World) -> tuple[str, asyncpg.transaction.Transaction]:
    """A task of acme's, and the transaction that holds its row."""
    made = await world.acme.admin.client.mutate("createTask", WRITTEN, title="Plan")
    transaction = world.connection.transaction()
    await transaction.start()
    await world.connection.execute("SELECT FROM tasks WHERE id = $1 FOR UPDATE", UUID(made["id"].removeprefix("Task:")))
    return made["id"], transaction


@pytest.mark.parametrize("mutation", ["updateTask", "deleteTask"])
async def test_ten_locks_of_one_tenant_are_no_matter_to_another(world: World, urls: Urls, mutation: str) -> None:
    """By an edit, which is one statement, and by a rule."""
    task, transaction = await locked_task(world)
    superuser, database = await asyncpg.connect(urls.plain("superuser")), world.app.components.database
    given = {"title": "Plan B"} if mutation == "updateTask" else {}
    client, other = world.acme.member.client, world.globex.member.client
    waiting = [asyncio.create_task(client.mutate(mutation, WRITTEN, id=task, **given)) for _ in range(LOCKS)]
    await asyncio.sleep(2 * BRIEF_MILLISECONDS / 1000)  # time that passes is what makes a statement slow
    took, slow = [], []
    for _ in range(100):
        began = time.perf_counter()
        await other.run("{ tasks { totalCount } projects { totalCount } }")
        took.append(time.perf_counter() - began)
        slow.append(await superuser.fetchval(SLOW))
    assert sorted(took)[98] < 1.0, "generously; it is a few milliseconds where nothing else runs"
    assert max(slow) <= database.pool_size - reserve_size(database.pool_size)
    assert (await world.app.http.get("/readyz")).status_code == 200
    assert not any(task.done() for task in waiting)
    await transaction.commit()
    answers = await asyncio.gather(*waiting)
    done = [answer for answer in answers if "id" in answer]
    assert len(done) == (LOCKS if mutation == "updateTask" else 1)
    assert database.in_use == 0
    await superuser.close()


async def test_a_reserved_connection_that_is_cut_off_while_it_opens_is_no_matter(
    urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server counts what the driver asks of a new connection among its brief statements."""
    prepare, cut_off = asyncpg.Connection.prepare, list[str]()

    async def prepared(connection: asyncpg.Connection, query: str, *given: Any, **options: Any) -> Any:
        if not cut_off:
            cut_off.append(query)
            raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")
        return await prepare(connection, query, *given, **options)

    async def read(database: Database) -> bool:
        async with ReadRouter(ServerGroup(database)).read(NOBODY) as session:
            return (await session.exec(text("SELECT true"))).scalar_one()

    for ask in (read, Database.current_position):
        database = Database(urls.runtime, pool_size=2, wait=10)
        cut_off.clear()
        async with database.read(NOBODY):
            monkeypatch.setattr(asyncpg.Connection, "prepare", prepared)
            asked = asyncio.create_task(ask(database))
            async with asyncio.timeout(10):
                while not cut_off:
                    await asyncio.sleep(0.005)  # it announces in no other way that it was tried
            monkeypatch.setattr(asyncpg.Connection, "prepare", prepare)
        assert await asked
        await database.close()


async def test_short_statements_have_all_connections(app: App) -> None:
    database = app.components.database
    async with AsyncExitStack() as held:
        units = [await held.enter_async_context(database.read(NOBODY)) for _ in range(database.pool_size)]
        assert len(units) == database.in_use == database.pool_size


async def test_a_slow_query_is_run_once_more_where_it_may_take_long(world: World) -> None:
    database = world.app.components.database
    values = [*enter_arguments(world.acme.member.identity), 3 * BRIEF_MILLISECONDS / 1000]
    began = time.perf_counter()
    answers = await asyncio.gather(*(database.fetch_value(SLEEP, values) for _ in range(database.pool_size)))
    assert answers == ["x"] * database.pool_size
    assert time.perf_counter() - began >= 2 * 3 * BRIEF_MILLISECONDS / 1000, (
        "those that were cut off waited for the others"
    )


@pytest.mark.parametrize("executor", ["compiler", "reference"])
async def test_a_query_is_run_once_more_when_the_primary_broke_off(
    world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    if executor == "reference":
        monkeypatch.setattr(world.app.components.schema, "compiler", None)
    superuser, client = await asyncpg.connect(urls.plain("superuser")), world.acme.member.client
    query = "{ tasks { totalCount } projects { totalCount } }"
    for _ in range(3):
        assert await client.run(query)
        assert await superuser.fetchval(KILL) > 0
    assert await client.run(query)
    await superuser.close()


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("{ tasks { totalCount } }", {"tasks": {"totalCount": 0}}),
        (
            'mutation { createTask(input: {title: "Once"}) { ... on Task { title comments { totalCount } } } }',
            {"createTask": {"title": "Once", "comments": {"totalCount": 0}}},
        ),
    ],
    ids=["query", "what-a-mutation-shows"],
)
async def test_what_was_cut_off_in_the_middle_is_read_once_more(
    world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch, operation: str, answer: dict[str, Any]
) -> None:
    monkeypatch.setattr(world.app.components.schema, "compiler", None)
    superuser, killed = await asyncpg.connect(urls.plain("superuser")), list[str]()
    read = Database.read

    def losing(database: Database, *given: Any, **options: Any) -> Any:
        unit = read(database, *given, **options)
        enter = unit.__aenter__

        async def entered() -> Any:
            session = await enter()
            if not killed:
                killed.append("once")
                await superuser.fetchval(KILL)
            return session

        return _Unit(entered, unit)

    monkeypatch.setattr(Database, "read", losing)
    assert await world.acme.member.client.run(operation) == answer
    assert killed
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == operation.count("createTask")
    await superuser.close()


async def test_what_mutations_show_is_read_once_more_where_it_may_take_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are done once."""
    monkeypatch.setattr(world.app.components.schema, "compiler", None)
    database = world.app.components.database
    two = """mutation Two($task: CreateTaskInput!) {
        first: createTask(input: $task) { ... on Task { title version comments { totalCount } } }
        second: createTask(input: $task) { ... on Task { title comments { totalCount } project { name } } }
    }"""
    async with AsyncExitStack() as held:
        for _ in range(database.pool_size - reserve_size(database.pool_size)):
            await held.enter_async_context(database.read(NOBODY))
        async with world.connection.transaction():
            await world.connection.execute("LOCK comments IN ACCESS EXCLUSIVE MODE")
            asking = asyncio.create_task(world.acme.member.client.run(two, task={"title": "Slow"}))
            await wait_until_blocked(world.connection)
            await wait_until_unblocked(world.connection)  # it was cut off, since the lock is still held
            assert not asking.done()
            assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 1
    assert await asking == {
        "first": {"title": "Slow", "version": 1, "comments": {"totalCount": 0}},
        "second": {"title": "Slow", "comments": {"totalCount": 0}, "project": None},
    }
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 2


class _Unit:
    def __init__(self, enter: Any, unit: Any) -> None:
        self._enter, self._unit = enter, unit

    async def __aenter__(self) -> Any:
        return await self._enter()

    async def __aexit__(self, *failure: object) -> Any:
        return await self._unit.__aexit__(*failure)


# --- who gets which connection ---


async def test_a_tenant_whose_statements_were_cut_off_leaves_one_to_the_others() -> None:
    busy, other = new_id(), new_id()
    limiter = PartitionedLimiter(6, 2, wait=0.1)
    held = [await limiter.acquire(busy) for _ in range(4)]
    cut_off = asyncio.create_task(limiter.acquire(busy, general_only=True))
    await asyncio.sleep(0)
    brief = await limiter.acquire(busy)
    with pytest.raises(PoolTimeout):
        await limiter.acquire(busy)
    others = await limiter.acquire(other)
    assert (brief.is_reserved, others.is_reserved, limiter.is_full) == (True, True, True)
    limiter.release(held.pop())
    assert not (await cut_off).is_reserved
    for slot in [*held, brief, others, cut_off.result()]:
        limiter.release(slot)
    assert limiter.in_use == 0


async def test_the_tenant_with_the_fewest_slow_statements_is_next() -> None:
    busy, other = new_id(), new_id()
    limiter, order = PartitionedLimiter(3, 1, wait=10), list[UUID | None]()
    held = [await limiter.acquire(busy) for _ in range(2)]

    async def wait_for_general(tenant: UUID) -> Slot:
        slot = await limiter.acquire(tenant, general_only=True)
        order.append(tenant)
        return slot

    waiting = [asyncio.create_task(wait_for_general(tenant)) for tenant in (busy, busy, other)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    for slot in held:
        limiter.release(slot)
    for task in waiting[1:]:
        limiter.release(await task)
    assert order == [other, busy]
    assert (limiter.in_use, limiter.is_full) == (0, False)


async def test_whoever_is_cancelled_as_a_connection_comes_free_does_not_get_it() -> None:
    limiter = PartitionedLimiter(1, 0, wait=10)
    held = await limiter.acquire(None)
    first, second = (asyncio.create_task(limiter.acquire(None)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    limiter.release(held)
    limiter.release(await second)
    assert first.cancelled()
    assert (limiter.in_use, limiter.is_full) == (0, False)
