"""The sequencer: who sequences, what wakes it, how often it asks, and that no writer notifies anybody."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import URL, make_url

from models import Order
from models.base import new_id
from models.database import Database
from models.database.pool import connect_dedicated
from services.eventlog import sequencer
from services.eventlog.sequencer import COMMITTED, SEQUENCED, Sequencer
from services.eventlog.store import NewEvent, append_events
from services.permissions import Actor
from tests.conftest import Urls
from tests.support.factories import World
from tests.support.service_client import stop_sequencer

LONG = 3600.0
WAITING = "SELECT count(*) FROM unsealed"
SEAL = "SELECT atrium_seal($1)"


@dataclass
class Process:
    """What one process has of the feed: its sequencer and a database that tells it of commits."""

    sequencer: Sequencer
    database: Database
    told: list[AbstractSet[UUID] | None] = field(default_factory=list)
    statements: list[tuple[float, str]] = field(default_factory=list)
    """When each of its sequencer's statements had ended, and which it was."""
    connection: asyncpg.Connection | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def times(self, query: str) -> list[float]:
        """When statements of this kind had ended."""
        return [at for at, statement in self.statements if statement == query]

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true of it."""
        async with asyncio.timeout(30):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def start(
    urls: Urls, world: World, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[], Awaitable[Process]]]:
    """Starts one process after the other; the application's own sequencer is stopped."""
    await stop_sequencer(world)
    while await world.connection.fetchval(SEAL, 1000):
        pass
    by_task: dict[asyncio.Task[Any] | None, Process] = {}

    async def connect(url: URL, name: str) -> asyncpg.Connection:
        connection = await connect_dedicated(url, name)
        process = by_task[asyncio.current_task()]
        process.connection = connection

        def note(query: Any) -> None:
            process.statements.append((time.monotonic(), query.query))
            process.changed.set()

        connection.add_query_logger(note)
        return connection

    monkeypatch.setattr(sequencer, "connect_dedicated", connect)
    async with AsyncExitStack() as stack:

        async def run() -> Process:
            def tell(tenants: AbstractSet[UUID] | None) -> None:
                process.told.append(tenants)
                process.changed.set()

            part = Sequencer(make_url(urls.runtime), tell)
            process = Process(part, Database(urls.runtime, pool_size=10, on_commit=part.note_commit))
            stack.push_async_callback(process.database.close)
            task = asyncio.create_task(part.run())
            by_task[task] = process
            stack.callback(task.cancel)
            await process.wait_until(lambda: None in process.told)
            return process

        yield run


async def write_event(world: World, database: Database) -> None:
    """Commit one event of acme's."""
    given = {"stream_type": "order", "stream_id": new_id(), "expected_version": 0}
    async with database.operator_transaction(world.acme.tenant_id) as session:
        actor = Actor.of(world.acme.owner.identity)
        await append_events(session, actor, Order, **given, new_events=[NewEvent("OrderConfirmed", {})])


async def until_none_waits(world: World) -> None:
    """Wait until all that was committed has its position."""
    async with asyncio.timeout(10):
        while await world.connection.fetchval(WAITING):
            await asyncio.sleep(0.005)  # it announces it in no way


@pytest.fixture
def no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody is told of stays unnoticed."""
    monkeypatch.setattr(sequencer, "POLL_SECONDS", LONG)
    monkeypatch.setattr(sequencer, "SILENT_SECONDS", 0)  # no limit: who does not poll says nothing for long


async def test_writers_notify_nobody(world: World) -> None:
    await stop_sequencer(world)
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = world.connection
    for channel in (COMMITTED, SEQUENCED):
        await listener.add_listener(channel, lambda *given: heard.put_nowait(given[3]))
    client = world.acme.owner.client
    task = (await client.mutate("createTask", "... on Task { id }", title="Plan"))["id"]
    await client.mutate("updateTask", "... on Task { id }", id=task, title="Plan B")
    await write_event(world, world.app.components.database)
    assert await world.connection.fetchval(SEAL, 1000) > 2
    await listener.execute(f"NOTIFY {SEQUENCED}, 'the only one'")
    async with asyncio.timeout(30):
        assert await heard.get() == "the only one"
    callers = (
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc ~* '\\mnotify|pg_notify'"
    )
    assert await world.connection.fetch(callers) == []


async def update_task(world: World) -> None:
    task_id = await world.connection.fetchval("SELECT id FROM tasks")
    updated = await world.acme.owner.client.mutate(
        "updateTask", "... on Task { title }", id=f"Task:{task_id}", title="Plan B"
    )
    assert updated == {"__typename": "Task", "title": "Plan B"}


COMMITS: dict[str, Callable[[World], Awaitable[Any]]] = {
    "a rule's transaction": lambda world: world.acme.owner.client.mutate("createTask", "__typename", title="Plan"),
    "an operator's transaction": lambda world: write_event(world, world.app.components.database),
    "a compiled update": update_task,
}


@pytest.mark.usefixtures("no_polls")
class TestWithoutPolls:
    """What is sequenced although nobody looks whether there is something."""

    @pytest.mark.parametrize("kind", COMMITS)
    async def test_what_its_own_process_commits_is_sequenced(self, kind: str, world: World) -> None:
        await world.acme.owner.client.mutate("createTask", "__typename", title="Plan A")
        await until_none_waits(world)
        await COMMITS[kind](world)
        await until_none_waits(world)

    async def test_what_an_operator_commits_for_the_installation_is_told(
        self, start: Callable[[], Awaitable[Process]], world: World
    ) -> None:
        first = await start()
        async with first.database.installation_transaction():
            await write_event(world, world.app.components.database)  # of which this process learns nothing else
        await until_none_waits(world)

    async def test_what_another_process_commits_is_sequenced_and_announced(
        self, start: Callable[[], Awaitable[Process]], world: World
    ) -> None:
        first, second = await start(), await start()
        assert (first.sequencer.leads, second.sequencer.leads) == (True, False)
        for database in (first.database, second.database):
            await write_event(world, database)
            for process in (first, second):
                await process.wait_until(lambda: {world.acme.tenant_id} in process.told)  # noqa: B023  # awaited here
                process.told.clear()
        assert second.times(SEAL) == []

    async def test_what_is_refused_wakes_nobody(self, start: Callable[[], Awaitable[Process]]) -> None:
        first = await start()
        await first.wait_until(lambda: len(first.times(SEAL)) == 1)
        with pytest.raises(ZeroDivisionError):
            async with first.database.installation_transaction():
                raise ZeroDivisionError
        assert not first.sequencer._signal.is_set()  # noqa: SLF001  # nothing else would show it at once


async def test_a_load_is_sequenced_and_announced_in_batches(
    start: Callable[[], Awaitable[Process]], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "PAUSE_SECONDS", 0.1)
    first, second = await start(), await start()
    writes, began = 60, time.monotonic()
    for database in (first.database, second.database):
        await asyncio.gather(*(write_event(world, database) for _ in range(writes // 2)))
    await until_none_waits(world)
    seals, notices = first.times(SEAL), second.times(sequencer.NOTIFY_QUERY)
    assert 1 <= len(notices) < writes / 4
    for times in (seals, notices):
        assert (len(times) - 1) * sequencer.PAUSE_SECONDS * 0.95 < times[-1] - began
    assert len(first.times(sequencer.NOTIFY_QUERY)) <= len(seals)
    asked = second.times(sequencer.LEAD_QUERY)
    assert (len(asked) - 2) * sequencer.POLL_SECONDS * 0.95 < asked[-1] - began


async def test_more_than_a_batch_is_sequenced_without_a_pause(
    start: Callable[[], Awaitable[Process]], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "BATCH_SIZE", 10)
    monkeypatch.setattr(sequencer, "PAUSE_SECONDS", LONG)
    for _ in range(35):
        await write_event(world, world.app.components.database)
    first = await start()
    await first.wait_until(lambda: len(first.times(SEAL)) == 4)
    assert await world.connection.fetchval(WAITING) == 0
    head = await world.connection.fetchval("SELECT atrium_feed_head()")
    await first.wait_until(lambda: first.sequencer.position == head)


async def test_what_no_process_wrote_is_found(start: Callable[[], Awaitable[Process]], world: World) -> None:
    first = await start()
    given = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id}
    began = time.monotonic()
    await world.add("tasks", **given, title="By hand")
    await first.wait_until(lambda: {world.acme.tenant_id} in first.told)
    assert time.monotonic() - began < 10 * sequencer.POLL_SECONDS


async def test_an_idle_process_asks_once_in_each_interval(
    start: Callable[[], Awaitable[Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "POLL_SECONDS", 0.05)
    first, second = await start(), await start()
    for process in (first, second):
        process.statements.clear()
        began = time.monotonic()
        await process.wait_until(lambda: len(process.statements) >= 20)  # noqa: B023  # awaited here
        assert time.monotonic() - began > 18 * sequencer.POLL_SECONDS * 0.95


async def test_another_process_goes_on_where_the_connection_is_lost(
    start: Callable[[], Awaitable[Process]], world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "RETRY_SECONDS", LONG)
    first, second = await start(), await start()
    assert first.connection is not None
    superuser = await asyncpg.connect(urls.plain("superuser"))
    await superuser.execute("SELECT pg_terminate_backend($1)", first.connection.get_server_pid())
    await superuser.close()
    began = time.monotonic()
    await second.wait_until(lambda: second.sequencer.leads)
    assert time.monotonic() - began < 10 * sequencer.POLL_SECONDS
    await write_event(world, second.database)
    await second.wait_until(lambda: {world.acme.tenant_id} in second.told)
    assert not first.sequencer.leads


async def test_what_was_sequenced_and_not_announced_is_told(
    start: Callable[[], Awaitable[Process]], world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "POLL_SECONDS", 0.05)
    dying = await asyncpg.connect(urls.plain("owner"))
    assert (await dying.fetchrow(sequencer.LEAD_QUERY))["leads"]
    other = await start()
    await write_event(world, world.app.components.database)
    assert await dying.fetchval(SEAL, 1000) == 1
    await other.wait_until(lambda: {world.acme.tenant_id} in other.told)
    assert not other.sequencer.leads
    await dying.close()
    await other.wait_until(lambda: other.sequencer.leads)
