"""A primary with streaming standbys, shared by the tests of one worker, and the switches to make them lag and halt."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import psutil
import pytest

from atrium import migrate
from atrium.embedded import standby as embedded_standby
from atrium.embedded.server import Server
from atrium.embedded.standby import Standby
from tests.support import tmpfs
from tests.support.client import App, run_app
from tests.support.factories import World, create_world

__all__ = [
    "CREATE_TASK",
    "GET_TASK",
    "RENAME_TASK",
    "CookieClient",
    "ReplicatedCluster",
    "asyncpg_url",
    "connect",
    "list_processes",
    "run_as_superuser",
    "run_cluster",
    "shared_cluster",
    "suspend",
]

CREATE_TASK = (
    "mutation($input: CreateTaskInput!) { createTask(input: $input) { ... on Task { id } ... on Error { code } } }"
)
RENAME_TASK = """mutation($input: UpdateTaskInput!) { updateTask(input: $input) {
    ... on Task { id title } ... on Error { code }
} }"""
GET_TASK = "query($id: ID!) { task(id: $id) { title } }"


@dataclass
class ReplicatedCluster:
    """A primary, its standbys, and people whose tokens are good in any process."""

    server: Server
    standbys: tuple[Standby, ...]
    world: World

    @property
    def runtime(self) -> str:
        return self.server.runtime_url

    @property
    def replica_urls(self) -> tuple[str, ...]:
        return tuple(standby.runtime_url for standby in self.standbys)

    def owner(self) -> Any:
        """A connection to the primary as the owner role, which sees every tenant."""
        return connect(self.server.owner_url)

    async def set_lag(self, seconds: int) -> None:
        """Have the standbys apply each commit so much later."""
        setting = f"ALTER SYSTEM SET recovery_min_apply_delay = '{seconds}s'"
        for standby in self.standbys:
            await run_as_superuser(standby, setting, "SELECT pg_reload_conf()")

    async def wait_until_replayed(self) -> None:
        """Wait until the standbys have replayed all that there is."""
        async with connect(self.server.superuser_url) as primary:
            await primary.execute("SELECT pg_logical_emit_message(true, 'test', 'a commit of its own')")
            newest = await primary.fetchval("SELECT pg_current_wal_flush_lsn() - '0/0'")
        for standby in self.standbys:
            async with asyncio.timeout(30), connect(standby.superuser_url) as connection:
                while await connection.fetchval("SELECT pg_last_wal_replay_lsn() - '0/0'") < newest:
                    await asyncio.sleep(0.01)

    async def catch_up(self) -> None:
        """Have the standbys apply each commit at once, and wait until they have replayed all that there is."""
        await self.set_lag(0)
        await self.wait_until_replayed()

    @asynccontextmanager
    async def app(self, **settings: Any) -> AsyncIterator[App]:
        """A process that reads from the standbys, and has looked at them."""
        async with run_app(self, **{"database_replica_urls": self.replica_urls, **settings}) as app:
            await app.components.servers.probe_all()
            yield app

    def member(self) -> "CookieClient":
        """A member of acme."""
        return CookieClient(self.world.acme.member.client.token or "")


@dataclass
class CookieClient:
    """Somebody who knows nothing of positions, but keeps the cookie, and reaches any process."""

    token: str
    cookie: str = ""
    node: str = ""
    why: str = ""

    async def send(self, app: App, query: str, /, **variables: Any) -> dict[str, Any]:
        """The whole answer; notes which node gave it."""
        headers = {"authorization": f"Bearer {self.token}", "cookie": self.cookie}
        app.http.cookies.clear()
        answer = await app.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        if given := answer.headers.get("set-cookie"):
            self.cookie = given.partition(";")[0]
        body: dict[str, Any] = answer.json()
        served = body.get("extensions", {})
        self.node, self.why = served.get("node", ""), served.get("why", "")
        return body

    async def run(self, app: App, query: str, /, **variables: Any) -> dict[str, Any]:
        """The data of an operation that must succeed."""
        body = await self.send(app, query, **variables)
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data


def asyncpg_url(url: str) -> str:
    """The address as asyncpg itself takes it."""
    return url.replace("+asyncpg", "")


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(asyncpg_url(url))
    try:
        yield connection
    finally:
        await connection.close()


async def run_as_superuser(standby: Standby, *statements: str) -> None:
    """Have a standby's superuser run statements."""
    async with connect(standby.superuser_url) as connection:
        for statement in statements:
            await connection.execute(statement)


def list_processes(standby: Standby) -> list[psutil.Process]:
    """All processes of a standby; each client has one of its own."""
    postmaster = psutil.Process(standby.process.pid)
    return [postmaster, *postmaster.children(recursive=True)]


@contextmanager
def suspend(*chosen: Standby) -> Iterator[None]:
    """Halt standbys like machines that hang."""
    frozen = [process for standby in chosen for process in list_processes(standby)]
    for process in frozen:
        process.suspend()
    try:
        yield
    finally:
        for process in frozen:
            if process.is_running():
                process.resume()


SHARED_CLUSTER = pytest.StashKey[ReplicatedCluster]()


def shared_cluster(config: pytest.Config) -> ReplicatedCluster:
    """A primary and two standbys, started when the first test of this process needs them."""
    if SHARED_CLUSTER not in config.stash:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[SHARED_CLUSTER] = stack.enter_context(run_cluster(2))
    return config.stash[SHARED_CLUSTER]


@contextmanager
def run_cluster(count: int) -> Iterator[ReplicatedCluster]:
    """A primary and so many standbys, for as long as this lasts."""
    with (
        tmpfs.temporary_folder() as folder,
        Server.start(folder, fast=True) as server,
    ):
        migrate.upgrade(server.owner_url, server.runtime_url)
        with embedded_standby.run_standbys(server, folder, count) as started:
            made = ReplicatedCluster(server, started, None)  # type: ignore[arg-type]  # it is founded next
            made.world = asyncio.run(_create_world(made))
            yield made


async def _create_world(replicated: ReplicatedCluster) -> World:
    # A fast server flushes its log late, and what is not flushed is not sent.
    async with connect(replicated.server.superuser_url) as connection:
        await connection.execute("ALTER ROLE ALL SET synchronous_commit = on")
    async with replicated.owner() as connection, run_app(replicated) as app:
        return await create_world(app, connection)
