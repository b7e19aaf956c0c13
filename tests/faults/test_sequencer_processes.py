"""The process that sequences dies or falls silent: another one goes on, and nothing is lost."""

import asyncio
import os
import signal
import time
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from services.eventlog.sequencer import SILENT_SECONDS
from tests.conftest import Urls
from tests.support.factories import World
from tests.support.server_process import Process, served
from tests.support.service_client import stop_sequencer

CREATE = 'mutation { createTask(input: { title: "Plan" }) { ... on Task { id } } }'
SLACK = 5.0  # seconds more than it may take, for a slow machine

HOLDER = """
SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() AND a.application_name = 'atrium feed'
"""


async def leader(connection: asyncpg.Connection, processes: list[Process]) -> Process:
    """The process that sequences, once there is one."""
    async with asyncio.timeout(30):
        while (port := await connection.fetchval(HOLDER)) is None:
            await asyncio.sleep(0.05)  # it announces it in no way
    (found,) = (
        process
        for process in processes
        if port in {each.laddr.port for each in psutil.Process(process.popen.pid).net_connections()}
    )
    return found


class Writer:
    """Somebody who creates tasks, one after the other, by each of some processes."""

    def __init__(self, world: World, processes: list[Process]) -> None:
        self.processes, self.written = processes, list[str]()
        self._headers = {"authorization": f"Bearer {world.acme.owner.client.token}"}

    async def write(self, count: int) -> None:
        async with httpx.AsyncClient(headers=self._headers, timeout=30) as http:
            for number in range(count):
                process = self.processes[number % len(self.processes)]
                answer = await http.post(f"{process.url}/graphql", json={"query": CREATE})
                self.written.append(answer.json()["data"]["createTask"]["id"].removeprefix("Task:"))


async def seconds_until_all_are_sequenced(connection: asyncpg.Connection) -> float:
    began = time.monotonic()
    async with asyncio.timeout(60):
        while await connection.fetchval("SELECT count(*) FROM unsealed"):
            await asyncio.sleep(0.02)  # it announces it in no way
    return time.monotonic() - began


@pytest.mark.parametrize(("how", "seconds"), [(signal.SIGKILL, 2.0), (signal.SIGSTOP, SILENT_SECONDS + 2.0)])
async def test_another_process_goes_on(
    how: signal.Signals, seconds: float, world: World, urls: Urls, tmp_path: Path
) -> None:
    await stop_sequencer(world)
    superuser = await asyncpg.connect(urls.plain("superuser"))  # the others see nothing of connections
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    async with served(urls, folders[0]) as first, served(urls, folders[1]) as second:
        dying = await leader(superuser, [first, second])
        living = second if dying is first else first
        both, one = Writer(world, [first, second]), Writer(world, [living])
        await asyncio.gather(*(both.write(10) for _ in range(3)))
        os.kill(dying.popen.pid, how)
        await one.write(10)
        assert await seconds_until_all_are_sequenced(world.connection) < seconds + SLACK
        assert await leader(superuser, [living]) is living
        await one.write(5)
        assert await seconds_until_all_are_sequenced(world.connection) < SLACK
        if how is signal.SIGSTOP:
            os.kill(dying.popen.pid, signal.SIGCONT)  # and now there are two again
            await both.write(10)
            assert await seconds_until_all_are_sequenced(world.connection) < SLACK
    await superuser.close()
    written = both.written + one.written
    positions = (
        "SELECT a.row_id::text FROM feed f JOIN audit_log a ON a.id = f.entry_id WHERE a.row_id::text = ANY ($1)"
    )
    found = await world.connection.fetch(positions, written)
    assert sorted(row["row_id"] for row in found) == sorted(written)
    assert await world.connection.fetchval("SELECT count(*) = max(position) FROM feed")
