"""Units of work: one connection and one transaction each, entered by who is live, and nothing left behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import func, text
from sqlalchemy.exc import DBAPIError

from graph.runtime.context import Context
from models.base import new_id
from models.database import Database, WriteSession, extend_context, pool
from models.database.errors import ConnectionLost, DatabaseUnavailable, PoolTimeout, SessionNotLive, TransactionConflict
from models.database.identity import NOBODY
from services import tasks
from services.writes.rows import set_change_time
from tests.conftest import Cluster, Urls
from tests.support.factories import World
from tests.support.leak_checks import LOG_SETTINGS, SELECT_SETTINGS, SESSION_SETTINGS, leaked_settings
from tests.support.service_client import ServiceClient, wait_until_blocked

BACKEND = text("SELECT pg_backend_pid()")
COUNT = text("SELECT count(*) FROM tasks")


@pytest.fixture
async def single(urls: Urls) -> AsyncIterator[Database]:
    """A pool of one connection, so that every unit meets what the one before left."""
    database = Database(urls.runtime, pool_size=1, wait=0.05)
    yield database
    await database.close()


async def scalar(session: Any, statement: Any) -> Any:
    return (await session.exec(statement)).scalar_one()


async def backend_pid(database: Database) -> int:
    async with database.read(NOBODY) as session:
        return int(await scalar(session, BACKEND))


async def leaked_settings_of(database: Database) -> dict[str, str]:
    """What a connection of the pool still carries."""
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        return await leaked_settings(driver)


async def create_task(session: WriteSession, rules: ServiceClient, world: World, title: str = "Noted") -> Any:
    return await tasks.create(session, rules.actor(world.acme.member), values={"title": title})


@pytest.mark.parametrize(("recycle", "is_replaced"), [(0, True), (3600, False)])
async def test_a_connection_is_replaced_when_it_is_old(urls: Urls, recycle: float, *, is_replaced: bool) -> None:
    database = Database(urls.runtime, pool_size=1, recycle=recycle)
    pids = [await backend_pid(database) for _ in range(3)]
    assert len(set(pids)) == (3 if is_replaced else 1)
    await database.close()


# --- one connection, one transaction ---


async def test_two_units_never_share_a_connection(rules: ServiceClient) -> None:
    async with AsyncExitStack() as stack:
        units: list[Any] = [await stack.enter_async_context(rules.database.read(NOBODY)) for _ in range(5)]
        units += [await stack.enter_async_context(rules.database.write(NOBODY)) for _ in range(5)]
        backends = await asyncio.gather(*(scalar(unit, BACKEND) for unit in units))
        assert len(set(backends)) == rules.database.in_use == rules.database.pool_size == 10
    assert rules.database.in_use == 0


async def test_the_statements_of_one_unit_take_turns_on_its_connection(urls: Urls) -> None:
    cold = Database(urls.runtime, pool_size=2)
    async with cold.read(NOBODY) as session:
        statements = [text(f"SELECT {number}, pg_backend_pid()") for number in range(20)]
        rows = [result.one() for result in await asyncio.gather(*map(session.exec, statements))]
        assert [number for number, _ in rows] == list(range(20))
        assert len({backend for _, backend in rows}) == 1
        assert session.statements == 22
    await cold.close()


async def test_a_read_unit_is_one_picture(rules: ServiceClient, world: World) -> None:
    member = rules.identity(world.acme.member)
    async with rules.database.read(member) as before:
        async with rules.database.write(member) as session:
            await create_task(session, rules, world)
            assert await scalar(before, COUNT) == 0
        assert await scalar(before, COUNT) == 0
        async with rules.database.read(member) as after:
            assert await scalar(after, COUNT) == 1


async def test_a_read_unit_writes_nothing(rules: ServiceClient, world: World) -> None:
    async with rules.database.read(rules.identity(world.acme.member)) as session:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await session.exec(text("UPDATE users SET full_name = 'x'"))


async def test_what_raises_is_taken_back_and_the_rest_is_kept(rules: ServiceClient, world: World) -> None:
    member = rules.identity(world.acme.member)

    async def work(outcome: BaseException | None) -> None:
        async with rules.database.write(member) as session:
            await create_task(session, rules, world)
            if outcome is not None:
                raise outcome

    for outcome in (ZeroDivisionError(), asyncio.CancelledError()):
        with pytest.raises(type(outcome)):
            await work(outcome)
        assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 0
    await work(None)
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 1


# --- waiting, and what is away ---


async def test_a_unit_waits_for_a_free_connection_and_no_longer_than_it_may(single: Database) -> None:
    async with single.read(NOBODY):
        with pytest.raises(PoolTimeout):
            await backend_pid(single)
        with pytest.raises(PoolTimeout):
            await single.ping()
    await single.ping()


async def test_a_place_is_not_lost_with_who_stops_waiting(urls: Urls) -> None:
    database = Database(urls.runtime, pool_size=1, wait=10)
    for _ in range(3):
        async with database.read(NOBODY):
            waiting = [asyncio.create_task(backend_pid(database)) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[1].cancel()
        waiting[0].cancel()  # at the moment at which its turn has come
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(outcomes[2], int)
    assert database.in_use == 0
    await database.close()


async def test_a_server_that_is_away_is_unreachable() -> None:
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable):
        await nowhere.ping()
    with pytest.raises(DatabaseUnavailable):
        await backend_pid(nowhere)
    assert nowhere.in_use == 0
    await nowhere.close()


async def test_a_lost_connection_costs_one_unit_at_most(
    single: Database, urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser = await asyncpg.connect(urls.plain("superuser"))

    async def lose() -> None:
        async with single.read(NOBODY) as session:
            await superuser.execute("SELECT pg_terminate_backend($1, 5000)", await scalar(session, BACKEND))
            await session.exec(BACKEND)

    with pytest.raises(DatabaseUnavailable):
        await lose()
    await superuser.execute("SELECT pg_terminate_backend($1, 5000)", await backend_pid(single))
    monkeypatch.setattr(pool, "IDLE_BEFORE_PING", 0)  # as if it had been idle for long
    assert await backend_pid(single) > 0
    await superuser.close()


# --- who is let in ---


async def test_only_who_is_live_is_let_in(rules: ServiceClient, world: World) -> None:
    acme, live = world.acme, rules.identity(world.acme.member)
    assert await rules.is_live(live)
    for other in (
        replace(live, session_id=new_id()),
        replace(live, session_id=None),
        replace(live, session_id=acme.admin.session_id),
        replace(live, user_id=new_id()),
        replace(live, user_id=None),
        replace(live, role="OWNER"),
        replace(live, role=None),
        replace(live, tenant_id=world.globex.tenant_id),
        replace(live, tenant_id=new_id()),
        rules.identity(acme.removed),
    ):
        assert not await rules.is_live(other), other
        with pytest.raises(SessionNotLive):
            async with rules.database.write(other):
                pass
    for table, change, back, row_id in (
        ("sessions", "revoked_at = now()", "revoked_at = NULL", live.session_id),
        ("sessions", "expires_at = now()", "expires_at = now() + interval '1 day'", live.session_id),
        ("users", "is_active = false", "is_active = true", live.user_id),
        ("tenants", "is_active = false", "is_active = true", live.tenant_id),
        ("memberships", "is_active = false", "is_active = true", acme.member.member_id),
        ("memberships", "ended_at = now()", "ended_at = NULL", acme.member.member_id),
        ("memberships", "role = 'ADMIN'", "role = 'MEMBER'", acme.member.member_id),
    ):
        await world.connection.execute(f"UPDATE {table} SET {change} WHERE id = $1", row_id)
        assert not await rules.is_live(live), change
        await world.connection.execute(f"UPDATE {table} SET {back} WHERE id = $1", row_id)
        assert await rules.is_live(live), back
    assert await rules.is_live(replace(live, tenant_id=None, role=None))
    assert await rules.is_live(NOBODY)


# --- nothing is left behind ---


async def test_nothing_is_left_on_a_connection(single: Database, rules: ServiceClient, world: World) -> None:
    asking = replace(rules.identity(world.acme.member), request_id="request", ip="203.0.113.9", user_agent="browser")
    who, first = replace(asking, operation="updateTask"), await backend_pid(single)

    async def widen(outcome: BaseException | None, *, write: bool) -> None:
        async with single.write(who) if write else single.read(who) as session:
            unit = WriteSession(session)
            known = {"tenant_id": world.globex.tenant_id, "email": "a@b.example", "presented": new_id()}
            await extend_context(unit, **known, creating=[new_id()])
            await set_change_time(unit, func.now())
            carried = {name for name, value in await session.exec(text(SELECT_SETTINGS)) if value}
            assert set(SESSION_SETTINGS) - carried == ({"api_key_id"} if write else set(LOG_SETTINGS))
            if outcome is not None:
                raise outcome

    for write in (True, False):
        await widen(None, write=write)
        assert await leaked_settings_of(single) == {}
        for outcome in (ZeroDivisionError(), asyncio.CancelledError()):
            with pytest.raises(type(outcome)):
                await widen(outcome, write=write)
            assert await leaked_settings_of(single) == {}
    with pytest.raises(SessionNotLive):
        async with single.write(replace(who, role="OWNER")):
            pass
    assert await leaked_settings_of(single) == {}
    async with single.operator_transaction(world.acme.tenant_id):
        pass
    assert await leaked_settings_of(single) == {}
    assert await backend_pid(single) == first


async def test_nothing_is_left_of_who_is_cancelled_within_a_statement(
    single: Database, rules: ServiceClient, world: World
) -> None:
    who = rules.identity(world.acme.member)

    async def stuck() -> None:
        async with single.write(who) as session:
            await create_task(session, rules, world)
            await session.exec(text("UPDATE memberships SET version = version"))

    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM memberships FOR UPDATE")
        task = asyncio.create_task(stuck())
        await wait_until_blocked(world.connection)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert single.in_use == 0
        assert await leaked_settings_of(single) == {}
        async with single.read(who) as session:
            assert await scalar(session, COUNT) == 0


# --- trying again ---


def context(rules: ServiceClient, world: World) -> Context:
    """One operation of a member's."""
    feed = world.app.components.feed
    return Context(rules.database, rules.actor(world.acme.member), rules.auth, feed)


async def update_in_both_orders(rules: ServiceClient, world: World, titles: Sequence[str], met: asyncio.Barrier) -> int:
    """Lock two rows, while another locks them the other way round; says how many tries it took."""
    tries = 0

    async def work(session: WriteSession) -> None:
        nonlocal tries
        tries += 1
        for title in titles:
            await session.exec(text(f"UPDATE tasks SET description = title WHERE title = '{title}'"))
            if tries == 1 and title == titles[0]:
                await met.wait()

    await context(rules, world).write(work)
    return tries


async def test_a_deadlock_is_tried_again(cluster: Cluster, urls: Urls, rules: ServiceClient, world: World) -> None:
    name = urls.runtime.rpartition("/")[2]
    await cluster.admin(f"ALTER DATABASE {name} SET deadlock_timeout = '20ms'")
    await world.app.components.database.engine.dispose()
    async with rules.database.write(rules.identity(world.acme.member)) as session:
        for title in ("a", "b"):
            await create_task(session, rules, world, title)
    met = asyncio.Barrier(2)
    tries = await asyncio.gather(
        update_in_both_orders(rules, world, "ab", met), update_in_both_orders(rules, world, "ba", met)
    )
    assert sorted(tries) == [1, 2]
    versions = await world.connection.fetch("SELECT version FROM tasks")
    assert [row["version"] for row in versions] == [3, 3]


async def test_only_what_postgresql_asks_to_try_again_is_tried_again(rules: ServiceClient, world: World) -> None:
    async def tried(state: str) -> int:
        tries = 0

        async def fail(session: WriteSession) -> None:
            nonlocal tries
            tries += 1
            await session.exec(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))

        with pytest.raises((DBAPIError, TransactionConflict)):
            await context(rules, world).write(fail)
        return tries

    assert [await tried(state) for state in ("40001", "40P01", "22012")] == [4, 4, 1]
    assert rules.database.in_use == 0


async def test_a_connection_whose_transaction_was_not_begun_meets_nobody_else(
    single: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver would take the next transaction on it for a savepoint in the one that there never was."""
    pid, execute = await backend_pid(single), asyncpg.Connection.execute

    async def cancelled(connection: asyncpg.Connection, query: str, *given: Any, **options: Any) -> Any:
        if query.startswith("BEGIN"):
            raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")
        return await execute(connection, query, *given, **options)

    monkeypatch.setattr(asyncpg.Connection, "execute", cancelled)
    with pytest.raises(DBAPIError):
        await backend_pid(single)
    monkeypatch.setattr(asyncpg.Connection, "execute", execute)
    assert await backend_pid(single) != pid


async def test_a_connection_that_the_server_is_ending_counts_as_lost(
    single: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver has read the server's last message then, and not yet that the connection is closed."""
    pid, prepare, ending = await backend_pid(single), asyncpg.Connection.prepare, [True]

    async def prepared(connection: asyncpg.Connection, *given: Any, **options: Any) -> Any:
        if ending and ending.pop():
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
        return await prepare(connection, *given, **options)

    monkeypatch.setattr(asyncpg.Connection, "prepare", prepared)
    with pytest.raises(ConnectionLost):
        await single.fetch_value("SELECT $1::uuid::text", [new_id()])
    assert await backend_pid(single) != pid
    ending.append(True)
    with pytest.raises(ConnectionLost):
        async with single.read(NOBODY) as session:
            await session.exec(COUNT)
