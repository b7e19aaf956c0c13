"""The feed misses nothing and repeats nothing, whoever seals and whoever dies."""

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from atrium.embedded.process import ServerHome
from atrium.embedded.server import Server
from graph import subscriptions
from graph.runtime.context import Context
from models import Order
from models.base import new_id
from services import orders
from services.eventlog import store
from services.eventlog.outbox import OutboxRelay
from services.eventlog.store import NewEvent
from services.orders.state_machine import STREAM
from services.permissions import Actor
from tests.conftest import Urls
from tests.support.client import run_app
from tests.support.factories import World
from tests.support.service_client import stop_sequencer

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'atrium feed'"
)


@pytest.fixture
async def sealers(urls: Urls, world: World) -> AsyncIterator[list[OutboxRelay]]:
    """Three processes' worth of feeds, the application's own among them."""
    others = [OutboxRelay(urls.runtime) for _ in range(2)]
    for feed in others:
        feed.start()
    yield [world.app.components.feed, *others]
    for feed in others:
        await feed.stop()


def actor(world: World) -> Actor:
    return Actor.of(world.acme.owner.identity)


async def write_events(world: World, streams: list[UUID], count: int, seed: int) -> None:
    """Write events in transactions that overlap: each holds its own open for a while before it commits."""
    dice = random.Random(seed)
    versions = dict.fromkeys(streams, 0)
    database, tenant_id = world.app.components.database, world.acme.tenant_id
    for _ in range(count):
        stream = dice.choice(streams)
        async with database.operator_transaction(tenant_id) as session:
            await store.append_events(
                session, actor(world), Order, STREAM, stream, versions[stream], [NewEvent("OrderConfirmed", {})]
            )
            for _ in range(dice.randrange(5)):
                await asyncio.sleep(0)  # lets others write and commit meanwhile
        versions[stream] += 1


async def read_entries(
    world: World, feeds: list[OutboxRelay], count: int, cuts: int, after: str = "0"
) -> list[tuple[int, Any]]:
    """Read `count` entries, cut off and resumed at random places, each time through another process's feed."""
    dice, found = random.Random(7), list[tuple[int, Any]]()
    places = [*sorted(dice.sample(range(1, count), cuts)), count]
    parts = world.app.components
    for turn, place in enumerate(places):
        feed = feeds[turn % len(feeds)]
        context = Context(parts.database, actor(world), parts.auth, feed)
        with feed.fanout.subscription(context.actor.identity) as session:
            entries = subscriptions.follow_pages(context, session, orders.EVENTS, after)
            async for page, index in entries:
                found.append(page.entries[index])
                after = str(found[-1][0])
                if len(found) == place:
                    break
            await entries.aclose()
        await context.close()
    return found


async def test_a_subscriber_cut_off_sees_all_of_it_once_and_in_order(
    world: World, sealers: list[OutboxRelay], owner_connection: asyncpg.Connection, urls: Urls
) -> None:
    total, writers = 1000, 5
    superuser = await asyncpg.connect(urls.plain("superuser"))

    async def kill_sealers() -> None:
        for part in range(1, 6):
            while await owner_connection.fetchval("SELECT count(*) FROM events") < part * total // 6:
                await asyncio.sleep(0.01)
            await superuser.execute(KILL)

    streams = [[new_id() for _ in range(10)] for _ in range(writers)]
    writing = [write_events(world, streams[n], total // writers, n) for n in range(writers)]
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        reading = group.create_task(read_entries(world, sealers, total, cuts=20))
        for work in (kill_sealers(), *writing):
            group.create_task(work)
    found = reading.result()
    await superuser.close()

    positions = [position for position, _ in found]
    assert positions == sorted(set(positions))
    assert len({entry.id for _, entry in found}) == total
    for stream in {entry.stream_id for _, entry in found}:
        versions = [entry.version for _, entry in found if entry.stream_id == stream]
        assert versions == list(range(1, len(versions) + 1))
    assert await owner_connection.fetchval("SELECT count(*) FROM unsealed") == 0


async def test_what_commits_late_comes_late_and_is_not_missed(world: World) -> None:
    database, tenant_id = world.app.components.database, world.acme.tenant_id
    fact = [NewEvent("OrderConfirmed", {})]
    early, late = new_id(), new_id()
    async with database.operator_transaction(tenant_id) as slow:
        await store.append_events(slow, actor(world), Order, STREAM, late, 0, fact)
        async with database.operator_transaction(tenant_id) as fast:
            await store.append_events(fast, actor(world), Order, STREAM, early, 0, fact)
        feeds = [world.app.components.feed]
        [first] = await read_entries(world, feeds, 1, cuts=0)
        assert first[1].stream_id == early
    again, second = await read_entries(world, feeds, 2, cuts=0)
    assert (again[0], again[1].stream_id) == (first[0], early)
    assert (second[0] > first[0], second[1].stream_id) == (True, late)


def dump_and_restore(source: str, target: Server, folder: Path) -> None:
    """Dump a database as docs/operations.md says, and restore it into another cluster."""
    binaries, dump = ServerHome.locate(folder).binaries, str(folder / "atrium.dump")
    commands = [
        ["pg_dump", "--format=custom", "--enable-row-security", f"--file={dump}", source],
        ["pg_restore", "--exit-on-error", f"--dbname={target.owner_url.replace('+asyncpg', '')}", dump],
    ]
    for program, *arguments in commands:
        subprocess.run([str(binaries / program), *arguments], check=True, capture_output=True)


async def test_the_feed_goes_on_in_a_fresh_cluster(world: World, urls: Urls, tmp_path: Path) -> None:
    streams = [new_id() for _ in range(3)]
    await write_events(world, streams, 20, seed=1)
    before = await read_entries(world, [world.app.components.feed], 20, cuts=0)
    await stop_sequencer(world)
    await write_events(world, [new_id()], 5, seed=2)  # which nobody sequences before the dump
    assert await world.connection.fetchval("SELECT count(*) FROM unsealed WHERE source = 'event'") == 5
    (tmp_path / "server").mkdir()
    with Server.start(tmp_path / "server", fast=True) as server:
        dump_and_restore(urls.plain("owner"), server, tmp_path)
        async with run_app(SimpleNamespace(runtime=server.runtime_url)) as app:
            restored = replace(world, app=app)
            feeds, cursor = [app.components.feed], str(before[9][0])
            found = await read_entries(restored, feeds, 15, cuts=3, after=cursor)
            assert [(at, entry.id) for at, entry in found[:10]] == [(at, entry.id) for at, entry in before[10:]]
            await write_events(restored, [new_id()], 5, seed=3)
            found += await read_entries(restored, feeds, 5, cuts=0, after=str(found[-1][0]))
            positions = [at for at, _ in found]
            assert positions == sorted(set(positions))
            assert len({entry.id for _, entry in found}) == 20
