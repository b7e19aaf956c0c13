"""A cluster under Patroni: its leader is killed, and hands over, while clients write through two processes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx
import pytest
from pydantic import TypeAdapter

from atrium import migrate
from atrium.setting_types import DatabaseUrl
from tests.support.client import UNLIMITED_COST, run_app
from tests.support.factories import create_world
from tests.support.failover import RETRYABLE
from tests.support.patroni import PASSWORDS, PatroniCluster, PatroniServer, run_patroni
from tests.support.pooler import PooledUrls
from tests.support.server_process import Process, served
from tests.support.task_writers import TaskWriters

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(600)]

CLIENTS = 8
TOGETHER = 200  # acknowledged tasks before each change, and again afterwards
CHANGE_SECONDS = 120


@pytest.fixture
def cluster() -> Iterator[PatroniCluster]:
    """Three servers, which begin to form a cluster."""
    with run_patroni(3) as made:
        yield made


async def create_token(leader: PatroniServer) -> str:
    """Make the roles, the database and its tables; returns the access token of an owner."""
    connection = await asyncpg.connect(leader.url("postgres", "postgres"))
    for role in ("atrium_owner", "atrium_app"):
        await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORDS[role]}' NOSUPERUSER NOBYPASSRLS")
    await connection.execute("CREATE DATABASE atrium OWNER atrium_owner")
    await connection.close()
    urls = [TypeAdapter(DatabaseUrl).validate_python(leader.url(role)) for role in ("atrium_owner", "atrium_app")]
    owner, runtime = (url.get_secret_value() for url in urls)
    await asyncio.to_thread(migrate.upgrade, owner, runtime)
    connection = await asyncpg.connect(leader.url("atrium_owner"))
    async with run_app(PooledUrls(owner, runtime)) as app:
        world = await create_world(app, connection)
    await connection.close()
    return str(world.acme.owner.client.token)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What is ended with the test."""
    async with AsyncExitStack() as made:
        yield made


async def serve(stack: AsyncExitStack, cluster: PatroniCluster, folder: Path) -> Process:
    """A process that knows all servers, and reads from those that are standbys."""
    folder.mkdir()
    settings = {"environment": "production", "database_replica_urls": cluster.replica_urls, **UNLIMITED_COST}
    return await stack.enter_async_context(served(cluster.urls, folder, **settings))


async def count_reads(process: Process) -> int:
    """How many reads standbys have answered."""
    async with httpx.AsyncClient(base_url=process.url) as http:
        text = (await http.get("/metrics")).text
    return sum(int(float(count)) for count in re.findall(r'atrium_reads_total\{node="replica-.*\} (\S+)', text))


async def test_nothing_acknowledged_is_lost_when_the_leader_is_killed_and_when_it_hands_over(
    cluster: PatroniCluster, stack: AsyncExitStack, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    leader, _ = await cluster.wait_until_whole()
    token = await create_token(leader)
    processes = [await serve(stack, cluster, tmp_path / name) for name in ("one", "two")]
    writers, pauses = TaskWriters(processes, token), []
    async with writers.running(CLIENTS):
        await writers.until_more(TOGETHER)
        leader, _ = await cluster.wait_until_whole()
        killed_at = time.monotonic()
        leader.kill()
        await writers.until_more(TOGETHER, CHANGE_SECONDS)
        pauses.append(writers.longest_pause(killed_at))
        cluster.start(leader)
        leader, standby = await cluster.wait_until_whole()
        await writers.until_more(TOGETHER)
        switched_at = time.monotonic()
        await cluster.switch_over(leader, standby)
        await writers.until_more(TOGETHER, CHANGE_SECONDS)
        pauses.append(writers.longest_pause(switched_at))
        leader, _ = await cluster.wait_until_whole()
    connection = await asyncpg.connect(leader.url("atrium_owner"))
    async with asyncio.timeout(CHANGE_SECONDS):
        while await connection.fetchval("SELECT count(*) FROM unsealed"):
            await asyncio.sleep(0.05)  # nothing tells
    stored = await writers.count_stored(connection)
    await connection.close()
    from_standbys = sum([await count_reads(process) for process in processes])
    assert from_standbys > 0
    assert [line for process in processes for line in process.lines if '"level":"error"' in line] == []
    assert set(writers.codes) <= RETRYABLE
    assert writers.stale == 0
    record_property(
        "summary",
        f"Patroni: no write for {pauses[0]:.1f} s after the leader was killed, for {pauses[1]:.1f} s at a switchover; "
        f"{len(writers.acknowledged)} tasks acknowledged, 0 lost, 0 doubled of {stored}; {writers.stale} of "
        f"{writers.reads} reads through the other process stale, {from_standbys} of them from standbys; to be sent "
        f"again {dict(writers.codes)}",
    )
