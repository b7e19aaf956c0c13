"""The primary is lost and a standby takes its place: processes find it without a restart, and nothing is lost."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from atrium import migrate
from atrium.embedded.server import Server
from atrium.embedded.standby import Standby, run_standbys
from models.database.pool import connect_dedicated
from tests.support import tmpfs
from tests.support.client import UNLIMITED_COST, run_app
from tests.support.factories import World, create_world
from tests.support.failover import RETRYABLE, halted_primary, kill_primary, promote, urls_of_all
from tests.support.pooler import PooledUrls
from tests.support.replication import asyncpg_url
from tests.support.server_process import served
from tests.support.task_writers import TaskWriters

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CLIENTS = 6
TOGETHER = 30  # acknowledged tasks before the primary is lost, and again afterwards
CHANGE_SECONDS = 60


@dataclass
class Pair:
    """A primary and a standby that confirms each commit."""

    server: Server
    standby: Standby
    urls: PooledUrls
    """The addresses by role, each of which names both."""


@contextmanager
def run_pair() -> Iterator[Pair]:
    """A primary and its standby."""
    with ExitStack() as stack:
        folder = stack.enter_context(tmpfs.temporary_folder())
        server = stack.enter_context(Server.start(folder))
        migrate.upgrade(server.owner_url, server.runtime_url)
        (standby,) = stack.enter_context(run_standbys(server, folder, 1))
        yield Pair(server, standby, urls_of_all(server, [standby]))


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary that acknowledges what its standby has."""
    with run_pair() as made:
        yield made


async def wait_for_standby(pair: Pair) -> None:
    """Have commits wait for the standby from now on."""
    connection = await asyncpg.connect(asyncpg_url(pair.server.superuser_url))
    await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    await connection.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(CHANGE_SECONDS):
        while await connection.fetchval("SELECT sync_state FROM pg_stat_replication") != "sync":
            await asyncio.sleep(0.05)
    await connection.close()


async def create_token(pair: Pair) -> str:
    """The access token of an owner."""
    connection = await asyncpg.connect(asyncpg_url(pair.server.owner_url))
    async with run_app(PooledUrls(pair.server.owner_url, pair.server.runtime_url)) as app:
        world: World = await create_world(app, connection)
    await connection.close()
    return str(world.acme.owner.client.token)


@pytest.mark.parametrize("how", ["killed", "silent"])
async def test_a_promoted_standby_is_found_and_nothing_acknowledged_is_lost(
    pair: Pair, how: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    token = await create_token(pair)
    await wait_for_standby(pair)
    async with (
        AsyncExitStack() as stack,
        served(pair.urls, tmp_path, environment="production", **UNLIMITED_COST) as process,
    ):
        writers = TaskWriters([process], token)
        async with writers.running(CLIENTS):
            await writers.until_more(TOGETHER)
            if how == "killed":
                await kill_primary(pair.server.superuser_url)
            else:
                await stack.enter_async_context(halted_primary(pair.server.superuser_url))
            lost_at = time.monotonic()
            await promote(pair.standby)
            promoted_at = time.monotonic()
            await writers.until_more(1)
            written_at = time.monotonic()
            await writers.until_more(TOGETHER)
        standby = make_url(pair.standby.runtime_url)
        connection = await connect_dedicated(make_url(pair.server.owner_url).set(port=standby.port), "test")
        async with asyncio.timeout(CHANGE_SECONDS):
            while await connection.fetchval("SELECT count(*) FROM unsealed"):
                await asyncio.sleep(0.05)  # nothing tells
    stored = await writers.count_stored(connection)
    await connection.close()
    assert set(writers.codes) <= RETRYABLE
    after_loss, after_promotion = written_at - lost_at, written_at - promoted_at
    record_property(
        "summary",
        f"Failover, the primary {how}: first write {after_loss:.1f} s after that, {after_promotion:.1f} s after the "
        f"promotion; {stored} tasks acknowledged, 0 lost, 0 doubled",
    )
