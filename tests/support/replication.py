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
from tests.support.client import App, running
from tests.support.factories import World, found_world

__all__ = [
    "CREATE",
    "RENAME",
    "TASK",
    "Browser",
    "Replicated",
    "connected",
    "halted",
    "plain",
    "processes",
    "shared",
    "tell",
]

CREATE = "mutation($input: CreateTaskInput!) { createTask(input: $input) { ... on Task { id } ... on Error { code } } }"
RENAME = """mutation($input: UpdateTaskInput!) { updateTask(input: $input) {
    ... on Task { id title } ... on Error { code }
} }"""
TASK = "query($id: ID!) { task(id: $id) { title } }"


@dataclass
class Replicated:
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
        return connected(self.server.owner_url)

    async def set_lag(self, seconds: int) -> None:
        """Have the standbys apply each commit so much later."""
        setting = f"ALTER SYSTEM SET recovery_min_apply_delay = '{seconds}s'"
        for standby in self.standbys:
            await tell(standby, setting, "SELECT pg_reload_conf()")

    async def caught_up(self) -> None:
        """Wait until the standbys have replayed all that there is."""
        async with connected(self.server.superuser_url) as primary:
            await primary.execute("SELECT pg_logical_emit_message(true, 'test', 'a commit of its own')")
            newest = await primary.fetchval("SELECT pg_current_wal_flush_lsn() - '0/0'")
        for standby in self.standbys:
            async with asyncio.timeout(30), connected(standby.superuser_url) as connection:
                while await connection.fetchval("SELECT pg_last_wal_replay_lsn() - '0/0'") < newest:
                    await asyncio.sleep(0.01)

    @asynccontextmanager
    async def app(self, **settings: Any) -> AsyncIterator[App]:
        """A process that reads from the standbys, and has looked at them."""
        async with running(self, **{"database_replica_urls": self.replica_urls, **settings}) as app:
            await app.parts.nodes.look()
            yield app

    def member(self) -> "Browser":
        """A member of acme."""
        return Browser(self.world.acme.member.client.token or "")


@dataclass
class Browser:
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


def plain(url: str) -> str:
    """The address as asyncpg itself takes it."""
    return url.replace("+asyncpg", "")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(plain(url))
    try:
        yield connection
    finally:
        await connection.close()


async def tell(standby: Standby, *statements: str) -> None:
    """Have a standby's superuser run statements."""
    async with connected(standby.superuser_url) as connection:
        for statement in statements:
            await connection.execute(statement)


def processes(standby: Standby) -> list[psutil.Process]:
    """All processes of a standby; each client has one of its own."""
    postmaster = psutil.Process(standby.process.pid)
    return [postmaster, *postmaster.children(recursive=True)]


@contextmanager
def halted(*chosen: Standby) -> Iterator[None]:
    """Halt standbys like machines that hang."""
    frozen = [process for standby in chosen for process in processes(standby)]
    for process in frozen:
        process.suspend()
    try:
        yield
    finally:
        for process in frozen:
            if process.is_running():
                process.resume()


SHARED = pytest.StashKey[Replicated]()


def shared(config: pytest.Config) -> Replicated:
    """A primary and two standbys, started when the first test of this process needs them."""
    if SHARED not in config.stash:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[SHARED] = stack.enter_context(_replicated(2))
    return config.stash[SHARED]


@contextmanager
def _replicated(count: int) -> Iterator[Replicated]:
    with (
        tmpfs.folder() as folder,
        Server.start(folder, fast=True) as server,
    ):
        migrate.upgrade(server.owner_url, server.runtime_url)
        with embedded_standby.running(server, folder, count) as started:
            made = Replicated(server, started, None)  # type: ignore[arg-type]  # it is founded next
            made.world = asyncio.run(_found(made))
            yield made


async def _found(replicated: Replicated) -> World:
    # A fast server flushes its log late, and what is not flushed is not sent.
    async with connected(replicated.server.superuser_url) as connection:
        await connection.execute("ALTER ROLE ALL SET synchronous_commit = on")
    async with replicated.owner() as connection, running(replicated) as app:
        return await found_world(app, connection)
