"""Pipelined statements on PostgreSQL: who shares a connection with whom, who waits, and what is given up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from models.database import Database
from models.database.errors import ConnectionLost, PoolTimeout, Preempted
from models.database.identity import NOBODY
from models.database.pipeline import DEPTH, OVERDUE_SECONDS
from models.database.wire import NotPipelined, StatementPace
from tests.conftest import Urls
from tests.support.pipelined import ECHO_TEXT as ECHO
from tests.support.pipelined import FROM_TENANT, keep_at_hand
from tests.support.pipelined import SubmittedRun as Submitted
from tests.support.service_client import wait_until_blocked

SLEEP = f"SELECT 'slept' || pg_sleep($2::text::float)::text {FROM_TENANT}"
LOCK = 4_711_001
WAIT = f"SELECT 'got it' || pg_advisory_xact_lock_shared({LOCK} + length($2::text))::text {FROM_TENANT}"
EXCLUSIVE_LOCK, UNLOCK = f"SELECT pg_advisory_lock({LOCK})", f"SELECT pg_advisory_unlock({LOCK})"


@pytest.fixture
async def superuser(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.plain("superuser"))
    yield connection
    await connection.close()


@pytest.fixture
def committed() -> list[None]:
    """One entry for each time that somebody was told of a commit."""
    return []


@pytest.fixture
async def database(urls: Urls, committed: list[None]) -> AsyncIterator[Database]:
    """A pool of one connection, on which these statements are prepared."""
    database = Database(urls.runtime, pool_size=1, wait=0.3, on_commit=lambda: committed.append(None))
    for statement, value in ((ECHO, ""), (SLEEP, "0"), (WAIT, "")):
        await database.fetch_value(statement, [None, value])
    yield database
    await database.close()


def in_flight(database: Database) -> int:
    """How many statements have been sent to the one connection."""
    return sum(len(each.in_flight) for each in database.pipeline._connections)  # noqa: SLF001  # nothing public counts


# --- who shares a connection ---


async def test_short_statements_share_a_connection(database: Database, superuser: asyncpg.Connection) -> None:
    await superuser.execute(EXCLUSIVE_LOCK)
    runs = [Submitted(database, WAIT, ""), *(Submitted(database, ECHO, str(number)) for number in range(9))]
    assert in_flight(database) == DEPTH
    await superuser.execute(UNLOCK)
    assert [await run for run in runs] == [b"got it", *(str(number).encode() for number in range(9))]


ALONE: dict[str, dict[str, Any]] = {
    "update": {"is_update": True},
    "search": {"is_search": True},
    "unknown": {"pace": StatementPace()},
}


@pytest.mark.parametrize("kind", ALONE)
async def test_what_is_not_known_to_be_short_has_a_connection_for_itself(
    database: Database, superuser: asyncpg.Connection, kind: str
) -> None:
    for first, second in (({}, ALONE[kind]), (ALONE[kind], {})):
        await superuser.execute(EXCLUSIVE_LOCK)
        waiting = Submitted(database, WAIT, "", **first)
        behind, last = Submitted(database, ECHO, "behind", **second), Submitted(database, ECHO, "last")
        assert in_flight(database) == 1
        await superuser.execute(UNLOCK)
        assert [await waiting, await behind, await last] == [b"got it", b"behind", b"last"]


async def test_commits_are_told_of_updates_alone(database: Database, committed: list[None]) -> None:
    committed.clear()
    assert await Submitted(database, ECHO, "a") == b"a"
    assert committed == []
    assert await Submitted(database, ECHO, "a", is_update=True) == b"a"
    assert committed == [None]


async def test_others_get_their_turn_between_pipelined_statements(database: Database) -> None:
    """A stream of short statements that never ends does not keep a transaction waiting."""
    is_over = False

    async def stream() -> None:
        while not is_over:
            assert await Submitted(database, ECHO, "again") in {b"again", NotPipelined}

    streams = [asyncio.create_task(stream()) for _ in range(3 * DEPTH)]
    for _ in range(20):
        async with asyncio.timeout(5), database.read(NOBODY):
            pass
        await keep_at_hand(database)
    is_over = True
    await asyncio.gather(*streams)


async def test_what_waits_gets_every_connection_that_is_free(urls: Urls, superuser: asyncpg.Connection) -> None:
    """Several come free at once while updates wait, none of which may share one."""
    database = Database(urls.runtime, pool_size=3)
    await asyncio.gather(*(database.fetch_value(SLEEP, [None, "0.05"]) for _ in range(3)))
    await asyncio.gather(*(database.fetch_value(WAIT, [None, ""]) for _ in range(3)))
    limiter = database._pool.limiter  # noqa: SLF001  # nothing public takes a connection and does nothing with it
    slots = [limiter.try_acquire(None) for _ in range(3)]
    await superuser.execute(EXCLUSIVE_LOCK)
    waiting = [Submitted(database, WAIT, "", is_update=True) for _ in slots]
    for slot in slots:
        assert slot is not None
        limiter.release(slot)
    await asyncio.wait([each.outcome for each in waiting], timeout=0.05)  # else one after the other
    assert in_flight(database) == len(slots)
    await superuser.execute(UNLOCK)
    assert {await each for each in waiting} <= {b"got it", Preempted}
    assert database.in_use == 0
    await database.close()


# --- what is not run here ---


async def test_what_is_not_at_hand_is_left_to_the_driver(urls: Urls, database: Database) -> None:
    cold = Database(urls.runtime, pool_size=1)
    assert not Submitted(cold, ECHO, "a").is_taken
    await cold.close()
    assert not Submitted(database, "SELECT 'not prepared'").is_taken
    assert await Submitted(database, ECHO, "a") == b"a"


async def test_what_waited_for_a_connection_without_it_is_left_to_the_driver(database: Database) -> None:
    async with database.read(NOBODY):
        waiting = Submitted(database, ECHO, "a")
    assert await waiting is NotPipelined  # a transaction's connection goes back to the pool
    await keep_at_hand(database)
    assert await Submitted(database, ECHO, "a") == b"a"


@pytest.mark.parametrize("is_update", [False, True])
async def test_a_statement_that_fails_harms_nobody(database: Database, *, is_update: bool) -> None:
    divide = f"SELECT (1 / $2::text::integer)::text {FROM_TENANT}"
    assert await database.fetch_value(divide, [None, "1"]) == "1"
    runs = [
        Submitted(database, ECHO, "before"),
        Submitted(database, divide, "0", is_update=is_update),
        Submitted(database, ECHO, "behind"),
    ]
    assert [await run for run in runs] == [b"before", NotPipelined, b"behind"]


async def test_a_statement_whose_tables_have_changed_is_left_to_the_driver(
    database: Database, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("CREATE TABLE changing (a text); INSERT INTO changing VALUES ('x')")
    await superuser.execute("GRANT SELECT ON changing TO PUBLIC")
    star = "SELECT * FROM changing WHERE $1::uuid IS NULL AND $2::text = ''"
    await database.fetch_value(star, [None, ""])
    await superuser.execute("ALTER TABLE changing ALTER a TYPE varchar(9)")
    runs = [Submitted(database, ECHO, "a"), Submitted(database, star, ""), Submitted(database, ECHO, "b")]
    assert [await run for run in runs] == [b"a", NotPipelined, b"b"]
    assert await database.fetch_value(star, [None, ""]) == "x"
    await superuser.execute("DROP TABLE changing")


# --- what takes too long ---


async def test_nobody_waits_longer_for_a_connection_than_anybody_else(database: Database) -> None:
    async with database.read(NOBODY):
        assert await Submitted(database, ECHO, "a") is PoolTimeout
        assert await Submitted(database, ECHO, "a", seconds=0.05) is TimeoutError


@pytest.mark.parametrize("is_update", [False, True])
async def test_a_statement_out_of_time_is_broken_off(
    database: Database, superuser: asyncpg.Connection, *, is_update: bool
) -> None:
    await superuser.execute(EXCLUSIVE_LOCK)
    late = Submitted(database, WAIT, "", seconds=0.2, is_update=is_update)
    assert await late is TimeoutError
    await superuser.execute(EXCLUSIVE_LOCK)  # which it would hinder if it still waited
    assert await database.fetch_value(ECHO, [None, "a"]) == "a"
    assert await Submitted(database, ECHO, "a") == b"a"
    await superuser.execute(f"{UNLOCK}, pg_advisory_unlock({LOCK})")


async def test_what_is_behind_a_statement_that_hangs_is_run_elsewhere(
    database: Database, superuser: asyncpg.Connection
) -> None:
    await superuser.execute(EXCLUSIVE_LOCK)
    loop = asyncio.get_running_loop()
    began = loop.time()
    hanging, behind = Submitted(database, WAIT, ""), Submitted(database, ECHO, "a")
    assert await behind is NotPipelined
    assert loop.time() - began < OVERDUE_SECONDS + 2
    await superuser.execute(UNLOCK)
    assert await hanging == b"got it"
    assert await Submitted(database, ECHO, "a") == b"a"


async def test_a_cancel_request_reaches_no_other_statement(database: Database, superuser: asyncpg.Connection) -> None:
    """One is broken off while others wait behind it: these have their results, or are run once more."""
    for _ in range(10):
        await superuser.execute(EXCLUSIVE_LOCK)
        late = Submitted(database, WAIT, "", seconds=0.01)
        behind = [Submitted(database, ECHO, str(number)) for number in range(3)]
        assert await late is TimeoutError
        for number, each in enumerate(behind):
            assert await each in {str(number).encode(), NotPipelined}
        await superuser.execute(UNLOCK)
        assert await database.fetch_value(ECHO, [None, "next"]) == "next"


async def test_a_cancel_request_that_never_ends_keeps_no_connection(
    database: Database, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = asyncio.Event()

    async def hang(_driver: asyncpg.Connection, _waiter: object) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncpg.Connection, "_cancel", hang)
    await superuser.execute(EXCLUSIVE_LOCK)
    assert await Submitted(database, WAIT, "", seconds=0.01) is TimeoutError
    await began.wait()
    await superuser.execute(UNLOCK)
    async with asyncio.timeout(10), database._pool.partition(None, general_only=True):  # noqa: SLF001  # waits longer
        pass
    assert database.in_use == 0
    assert await database.fetch_value(ECHO, [None, "a"]) == "a"


async def test_everything_can_be_broken_off_at_once(database: Database, superuser: asyncpg.Connection) -> None:
    await superuser.execute(EXCLUSIVE_LOCK)
    runs = [Submitted(database, WAIT, "", is_update=True), Submitted(database, ECHO, "a")]
    database.pipeline.expire_all()
    assert [await run for run in runs] == [TimeoutError, TimeoutError]
    await superuser.execute(UNLOCK)
    assert await database.fetch_value(ECHO, [None, "a"]) == "a"
    database.pipeline.expire_all()  # of nothing


# --- what is lost ---


async def test_a_connection_that_is_lost_is_replaced(database: Database, superuser: asyncpg.Connection) -> None:
    await superuser.execute(EXCLUSIVE_LOCK)
    runs: Sequence[Submitted] = [Submitted(database, WAIT, ""), Submitted(database, ECHO, "a")]
    await wait_until_blocked(superuser)
    await superuser.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event = 'advisory'"
    )
    assert [await run for run in runs] == [ConnectionLost, ConnectionLost]
    await superuser.execute(UNLOCK)
    assert await database.fetch_value(ECHO, [None, "a"]) == "a"
    assert database.in_use == 0


async def test_a_server_process_that_hangs_is_given_up(database: Database, superuser: asyncpg.Connection) -> None:
    """It hears no cancel request; what is behind is run elsewhere, and the connection is replaced."""
    pid = int(await database.fetch_value(f"SELECT pg_backend_pid()::text {FROM_TENANT}", [None]))
    os.kill(pid, signal.SIGSTOP)
    try:
        hanging = Submitted(database, ECHO, "a", seconds=0.2)
        behind = Submitted(database, ECHO, "b")
        assert await hanging is TimeoutError
        assert await behind in {NotPipelined, ConnectionLost}
        async with asyncio.timeout(10), database._pool.partition(None, general_only=True):  # noqa: SLF001  # waits longer
            pass
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await database.fetch_value(ECHO, [None, "a"]) == "a"
    assert await superuser.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid) == 0


async def test_closing_waits_for_what_is_in_flight(database: Database, superuser: asyncpg.Connection) -> None:
    runs = [Submitted(database, SLEEP, "0.2"), Submitted(database, ECHO, "a")]
    await database.close()
    assert [await run for run in runs] == [b"slept", b"a"]
    assert not Submitted(database, ECHO, "a").is_taken
    assert await superuser.fetchval("SELECT 1") == 1


async def test_closing_ends_what_hangs(database: Database, superuser: asyncpg.Connection) -> None:
    await superuser.execute(EXCLUSIVE_LOCK)
    hanging = Submitted(database, WAIT, "")
    await database.close()
    assert hanging.outcome.result() is ConnectionLost
    assert database.in_use == 0
    await superuser.execute(UNLOCK)
