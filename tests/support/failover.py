"""How tests lose a primary, promote a standby in its place, and have others follow it; and who writes meanwhile."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import psutil
from pydantic import TypeAdapter
from sqlalchemy import make_url

from atrium.embedded.server import Server
from atrium.embedded.standby import Standby
from atrium.setting_types import DatabaseUrl
from models.database.positions import CURRENT_POSITION_QUERY
from tests.support.client import App, run_app
from tests.support.pooler import PooledUrls
from tests.support.replication import (
    CREATE_TASK,
    GET_TASK,
    RENAME_TASK,
    CookieClient,
    ReplicatedCluster,
    asyncpg_url,
    connect,
    run_as_superuser,
)

__all__ = [
    "RETRYABLE",
    "AcknowledgedWrite",
    "WriteAndReadPairs",
    "detach",
    "follow",
    "halted_primary",
    "kill_primary",
    "promote",
    "run_two_apps",
    "urls_of_all",
    "wait_until_used",
]

CHANGE_SECONDS = 60
RETRYABLE = {"SERVICE_UNAVAILABLE", "CONFLICT"}
"""What clients may be told while there is no primary: each of them may be sent again."""


async def signal_primary(superuser_url: str, number: int) -> list[int]:
    """Send a signal to all processes of a server; gives their numbers."""
    connection = await asyncpg.connect(asyncpg_url(superuser_url))
    postmaster = psutil.Process(psutil.Process(connection.get_server_pid()).ppid())
    pids = [process.pid for process in (postmaster, *postmaster.children())]
    for pid in pids:
        os.kill(pid, number)
    connection.terminate()
    return pids


async def kill_primary(superuser_url: str) -> None:
    """Kill a server's processes, all at once."""
    await signal_primary(superuser_url, signal.SIGKILL)


@asynccontextmanager
async def halted_primary(superuser_url: str) -> AsyncIterator[None]:
    """A server that answers nothing while this lasts, like a machine that is off; killed afterwards."""
    pids = await signal_primary(superuser_url, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


async def promote(standby: Standby) -> None:
    """Have a standby take the primary's place, and wait for nobody who confirms."""
    await run_as_superuser(
        standby,
        "SELECT pg_promote()",
        "ALTER SYSTEM SET synchronous_standby_names = ''",
        "SELECT pg_reload_conf()",
    )


async def follow(standby: Standby, primary: Standby) -> None:
    """Have a standby follow another one that was promoted."""
    url = make_url(primary.superuser_url)
    source = f"host={url.host} port={url.port} user={url.username} password={url.password}"
    await run_as_superuser(standby, f"ALTER SYSTEM SET primary_conninfo = '{source}'", "SELECT pg_reload_conf()")


async def detach(standby: Standby) -> None:
    """Have a standby follow nobody."""
    await run_as_superuser(standby, "ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
    async with asyncio.timeout(CHANGE_SECONDS), connect(standby.superuser_url) as connection:
        while await connection.fetchval("SELECT count(*) FROM pg_stat_wal_receiver"):
            await asyncio.sleep(0.02)  # nothing tells


def urls_of_all(server: Server, standbys: Sequence[Standby]) -> PooledUrls:
    """The addresses by role, each of which names all hosts."""
    ports = server.port, *(make_url(standby.runtime_url).port for standby in standbys)
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return PooledUrls(
        *(url.replace(f"127.0.0.1:{server.port}", hosts) for url in (server.owner_url, server.runtime_url))
    )


@asynccontextmanager
async def run_two_apps(cluster: ReplicatedCluster) -> AsyncIterator[tuple[App, App]]:
    """Two processes, as far as they know of each other, whose addresses name all servers of a cluster."""
    address = TypeAdapter(DatabaseUrl).validate_python(urls_of_all(cluster.server, cluster.standbys).runtime)
    urls, settings = PooledUrls("", address.get_secret_value()), {"database_replica_urls": cluster.replica_urls}
    async with run_app(urls, **settings) as one, run_app(urls, **settings) as two:
        for app in (one, two):
            await app.components.servers.probe_all()
        yield one, two


async def wait_until_used(apps: Sequence[App], number: int, primary: Standby) -> None:
    """Wait until each process has looked at the primary that was promoted, and reads from this replica again."""
    async with asyncio.timeout(CHANGE_SECONDS):
        async with connect(primary.superuser_url) as connection:
            timeline, _ = await connection.fetchval(CURRENT_POSITION_QUERY)
        for servers in (app.components.servers for app in apps):
            while servers.timeline != timeline or servers.replicas[number - 1].unhealthy_reason is not None:
                await asyncio.sleep(0.02)  # nothing tells


@dataclass(frozen=True)
class AcknowledgedWrite:
    """What somebody was told to have written: which task has which title, and the position in the answer."""

    task_id: str
    title: str
    cookie: str


@dataclass
class WriteAndReadPairs:
    """Clients that write through one process and read it through the other, and try again what may be tried again."""

    cluster: ReplicatedCluster
    apps: tuple[App, App]
    clients: int = 4
    count: int = field(default=0, init=False)
    stale: int = field(default=0, init=False)
    nodes: Counter[str] = field(default_factory=Counter, init=False)
    """How many reads each server answered."""
    reasons: Counter[str] = field(default_factory=Counter, init=False)
    codes: Counter[str] = field(default_factory=Counter, init=False)
    """What clients were told instead."""

    async def run(self, count: int) -> list[AcknowledgedWrite]:
        """Have so many pairs done, and return what was acknowledged; each client has a task of its own."""
        self.nodes.clear()
        self.reasons.clear()
        done = await asyncio.gather(
            *(self._run_client(number, count // self.clients) for number in range(self.clients))
        )
        return [write for writes in done for write in writes]

    async def _run_client(self, number: int, count: int) -> list[AcknowledgedWrite]:
        browser, done = self.cluster.member(), []
        key = f"{number}-{self.count}"
        made = await self.send(browser, 0, CREATE_TASK, input={"title": "none yet", "idempotencyKey": key})
        task_id = made["createTask"]["id"]
        for turn in range(count):
            writer, title = (number + turn) % 2, f"{key}-{turn}"
            written = await self.send(browser, writer, RENAME_TASK, input={"id": task_id, "title": title})
            assert written["updateTask"].get("title") == title, written
            done.append(AcknowledgedWrite(task_id, title, browser.cookie))
            task = (await self.send(browser, 1 - writer, GET_TASK, id=task_id))["task"]
            self.count += 1
            self.stale += task != {"title": title}
            self.nodes[browser.node] += 1
            self.reasons[browser.why] += 1
        return done

    async def send(self, browser: CookieClient, number: int, query: str, /, **variables: Any) -> dict[str, Any]:
        """The data of an operation, which is sent to a process until there is an answer."""
        async with asyncio.timeout(CHANGE_SECONDS):
            while "errors" in (body := await browser.send(self.apps[number], query, **variables)):
                codes = {error["extensions"]["code"] for error in body["errors"]}
                assert codes <= RETRYABLE, body
                self.codes.update(codes)
                await asyncio.sleep(0.05)  # a client that is told to come back waits, too
        data: dict[str, Any] = body["data"]
        return data
