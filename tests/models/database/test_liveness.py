"""The rows of the liveness check are what the tables say, whoever changes what at the same time as somebody else."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from random import Random
from time import perf_counter
from typing import Any

import asyncpg
import pytest

from tests.conftest import Urls
from tests.support.factories import World
from tests.support.liveness import (
    CHANGES,
    ENTER_BY_TABLES,
    Gate,
    Universe,
    compare_verdicts,
    create_universe,
    differences,
    is_let_in,
    open_gate,
    random_transaction,
)
from tests.support.service_client import ServiceClient

TRANSACTIONS = 300
WRITERS = 4
LIVE_SESSIONS = 10_000
MANY_SESSIONS = """
    WITH people AS (
        INSERT INTO users (id, email, full_name)
        SELECT gen_random_uuid(), 'user' || n || '@example.com', '' FROM generate_series(1, $2::integer / 10) n
        RETURNING id
    ), members AS (
        INSERT INTO memberships (tenant_id, id, user_id, full_name, email)
        SELECT $1, gen_random_uuid(), id, '', '' FROM people
    )
    INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at)
    SELECT gen_random_uuid(), id, $1, '', now() + interval '1 day' FROM people, generate_series(1, 10)
"""


@pytest.fixture
async def connect(urls: Urls) -> AsyncIterator[Callable[[], Any]]:
    """Opens connections of an operator, who sees all and to whom deadlocks are told at once."""
    async with AsyncExitStack() as stack:

        async def opened() -> asyncpg.Connection:
            connection = await asyncpg.connect(urls.plain("superuser"), server_settings={"deadlock_timeout": "50ms"})
            stack.push_async_callback(connection.close)
            return connection

        yield opened


# --- one after the other ---


async def test_after_any_changes_the_rows_and_the_verdicts_are_what_the_tables_say(
    owner_connection: asyncpg.Connection,
) -> None:
    chance = Random(2026)  # the same each time
    await owner_connection.execute(ENTER_BY_TABLES)
    universes = [await create_universe(owner_connection) for _ in range(3)]
    let_in = refused = 0
    for number in range(TRANSACTIONS):
        done = random_transaction(universes, chance)
        transaction = owner_connection.transaction()
        await transaction.start()
        for universe, statement in done:
            await universe.change(owner_connection, statement)
        await (transaction.rollback if chance.random() < 0.1 else transaction.commit)()
        assert await differences(owner_connection) == [], [statement for _, statement in done]
        if number % 20 == 0:
            verdicts = await compare_verdicts(owner_connection)
            assert verdicts.different == 0, [statement for _, statement in done]
            let_in, refused = let_in + verdicts.let_in, refused + verdicts.refused
    assert let_in > TRANSACTIONS / 20
    assert refused > let_in


async def test_in_no_snapshot_the_rows_differ_while_many_change_them(
    connect: Callable[[], Any], owner_connection: asyncpg.Connection
) -> None:
    chance = Random(2027)  # the same each time
    universes = [await create_universe(owner_connection) for _ in range(3)]
    deadlocks = 0

    async def write(connection: asyncpg.Connection) -> None:
        nonlocal deadlocks
        for _ in range(TRANSACTIONS // WRITERS):
            try:
                async with connection.transaction():
                    for universe, statement in random_transaction(universes, chance):
                        await universe.change(connection, statement)
            except asyncpg.DeadlockDetectedError:  # over what they change, in any order
                deadlocks += 1
            except asyncpg.ForeignKeyViolationError:  # a key of a membership that is deleted
                pass

    writing = asyncio.gather(*[write(await connect()) for _ in range(WRITERS)])
    while not writing.done():
        assert await differences(owner_connection) == []
        await asyncio.sleep(0)
    await writing
    assert await differences(owner_connection) == []
    assert deadlocks < TRANSACTIONS / 2


async def test_the_row_is_asked_first_and_without_it_the_tables(owner_connection: asyncpg.Connection) -> None:
    universe = await create_universe(owner_connection)
    claims = {
        "live_sessions": (universe.tenant, universe.user, "ADMIN", universe.session, None),
        "live_api_keys": (universe.tenant, universe.user, "ADMIN", None, universe.key),
    }
    demote, promote = (CHANGES["demote"][1].replace("MEMBER", role) for role in ("MEMBER", "ADMIN"))
    for table, claimed in claims.items():
        transaction = owner_connection.transaction()
        await transaction.start()
        await owner_connection.execute("ALTER TABLE users RENAME TO out_of_reach")
        assert await is_let_in(owner_connection, *claimed)
        await owner_connection.execute(f"DELETE FROM {table}")
        with pytest.raises(asyncpg.UndefinedTableError):
            await is_let_in(owner_connection, *claimed)
        await transaction.rollback()
        await owner_connection.execute(f"DELETE FROM {table}")
        assert await is_let_in(owner_connection, *claimed)
        await universe.change(owner_connection, demote)
        assert not await is_let_in(owner_connection, *claimed)
        await universe.change(owner_connection, promote)


@pytest.mark.parametrize("expired", ["sessions", "api_keys"])
async def test_a_row_does_not_outlast_its_expiry(owner_connection: asyncpg.Connection, expired: str) -> None:
    universe = await create_universe(owner_connection)
    session, key = (universe.session, None) if expired == "sessions" else (None, universe.key)
    claimed = universe.tenant, universe.user, "ADMIN", session, key
    await owner_connection.execute(f"UPDATE {expired} SET expires_at = clock_timestamp() + interval '1 hour'")
    assert await is_let_in(owner_connection, *claimed)
    await owner_connection.execute(f"UPDATE {expired} SET expires_at = clock_timestamp()")
    assert not await is_let_in(owner_connection, *claimed)


async def test_what_does_not_matter_writes_no_row(owner_connection: asyncpg.Connection) -> None:
    await create_universe(owner_connection)
    written = "SELECT ARRAY(SELECT ctid::text FROM live_sessions UNION ALL SELECT ctid::text FROM live_api_keys)"
    before = await owner_connection.fetchval(written)
    for change in (
        "UPDATE users SET last_login = now(), full_name = 'Anew', is_active = true",
        "UPDATE sessions SET refresh_digest = 'x', previous_tenant_id = tenant_id, revoked_at = revoked_at",
        "UPDATE memberships SET role = role, is_active = is_active, email = 'x'",
        "UPDATE tenants SET name = slug || 'x', is_active = true",
        "UPDATE api_keys SET last_used_at = now(), name = 'Anew'",
    ):
        await owner_connection.execute(change)
        assert await owner_connection.fetchval(written) == before, change
    await owner_connection.execute("UPDATE sessions SET expires_at = expires_at + interval '1 day'")
    assert await owner_connection.fetchval(written) != before


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_a_transaction_that_cannot_see_what_others_changed_changes_nobodys_access(
    owner_connection: asyncpg.Connection, isolation: Any
) -> None:
    universe = await create_universe(owner_connection)
    for _, change in (CHANGES["log in"], CHANGES["demote"], CHANGES["suspend the account"], CHANGES["make a key"]):
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="READ COMMITTED"):
            async with owner_connection.transaction(isolation=isolation):
                await universe.change(owner_connection, change)
    assert await differences(owner_connection) == []


async def test_tables_that_are_emptied_leave_no_row_behind(owner_connection: asyncpg.Connection) -> None:
    await create_universe(owner_connection)
    with pytest.raises(asyncpg.FeatureNotSupportedError):
        await owner_connection.execute("TRUNCATE sessions")
    for table in ("memberships", "sessions"):
        await owner_connection.execute(f"TRUNCATE {table} CASCADE")
        assert await differences(owner_connection) == []
    assert await owner_connection.fetchval("SELECT count(*) FROM live_sessions") == 0


# --- two at the same time ---


class Change:
    """A change in a transaction of its own."""

    def __init__(self, connection: asyncpg.Connection, universe: Universe, statement: str) -> None:
        self.connection, self._universe, self._statement = connection, universe, statement
        self._transaction = connection.transaction()

    async def begin(self) -> None:
        """Make the change, and do not commit it yet."""
        await self._transaction.start()
        await self._universe.change(self.connection, self._statement)

    async def commit(self, begun: asyncio.Task[None] | None = None) -> None:
        """Commit it, as soon as it was made."""
        await (begun or self.begin())
        await self._transaction.commit()


async def meet(gate: Gate, first: Change, second: Change, *, both_begun: bool) -> bool:
    """Have the second begin, or commit, when the first has looked and not yet written; says if the first did so."""
    tasks: list[asyncio.Task[None] | None] = [None, None]
    if both_begun:
        for place, change in enumerate((first, second)):
            tasks[place] = begun = asyncio.create_task(change.begin())
            await gate.wait(change.connection, begun)
    await gate.close()
    committed, met = [], []
    for change, begun in zip((first, second), tasks, strict=True):
        committed.append(asyncio.create_task(change.commit(begun)))
        met.append(await gate.wait(change.connection, committed[-1]))
    await gate.open()
    await asyncio.gather(*committed)
    return met[0]


@pytest.mark.parametrize("first", CHANGES, ids=lambda name: name.replace(" ", "_"))
async def test_two_changes_of_which_one_has_looked_and_not_yet_written(
    first: str, urls: Urls, connect: Callable[[], Any], owner_connection: asyncpg.Connection
) -> None:
    one, two, met = await connect(), await connect(), 0
    async with open_gate(urls.plain("owner")) as gate:
        for second, both_begun in itertools.product(CHANGES, (False, True)):
            universe = await create_universe(owner_connection)
            for prepare, _ in (CHANGES[first], CHANGES[second]):
                await universe.change(owner_connection, prepare)
            changes = Change(one, universe, CHANGES[first][1]), Change(two, universe, CHANGES[second][1])
            met += await meet(gate, *changes, both_begun=both_begun)
            assert await differences(owner_connection) == [], (second, both_begun)
    assert met >= len(CHANGES) - 1  # all but what the other has to have done before


# --- who waits for what ---


async def test_suspending_a_tenant_with_many_sessions_is_quick_and_keeps_nobody_else_from_logging_in(
    rules: ServiceClient, world: World, urls: Urls, record_property: Callable[[str, object], None]
) -> None:
    await world.connection.execute(MANY_SESSIONS, world.acme.tenant_id, LIVE_SESSIONS)
    suspend, active = "SELECT atrium_set_active('tenant', $1, $2)", "SELECT is_active FROM tenants WHERE id = $1"
    took = []
    for is_active in (False, True, False):
        began = perf_counter()
        await world.connection.execute(suspend, world.acme.tenant_id, is_active)
        took.append(perf_counter() - began)
    roles = "SELECT count(role) FROM live_sessions WHERE tenant_id = $1"
    assert await world.connection.fetchval(roles, world.acme.tenant_id) == 0
    figures = [f"{1000 * seconds:.0f}" for seconds in took]
    record_property(
        "summary",
        "A tenant with {:,} live sessions is suspended in {} ms, resumed in {}, suspended in {}".format(
            LIVE_SESSIONS, *figures
        ),
    )
    assert max(took) < 1
    async with open_gate(urls.plain("owner"), ["UPDATE"]) as gate:
        await gate.close()
        resuming = asyncio.create_task(world.connection.execute(suspend, world.acme.tenant_id, True))
        assert await gate.wait(world.connection, resuming)
        opened = await rules.login(world.globex.member.email)
        assert await rules.is_live(opened.identity)
        assert not resuming.done()
        await gate.open()
        await resuming
    assert await world.connection.fetchval(active, world.acme.tenant_id)
    assert await differences(world.connection) == []
