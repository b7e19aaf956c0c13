"""The fast path answers as the long way does: the same bytes, log lines and metrics, whatever is sent."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from atrium import http
from atrium.http.fast_path import FastPath
from tests.conftest import Urls
from tests.support.client import listen, run_app
from tests.support.factories import World, create_world

ORIGIN = "https://shop.example"
TASKS = "query Tasks($first: Int) { tasks(first: $first) { totalCount nodes { title } } }"
UPDATE = "mutation Rename($input: UpdateTaskInput!) { updateTask(input: $input) { ... on Task { title version } } }"
CHANGING = re.compile(rb"(?m)^(date|x-request-id): .*$|\"requestId\":\"[^\"]*\"|\"version\":\d+")


def request(body: object, *lines: str, token: str = "", drop: Sequence[str] = ()) -> bytes:
    """The bytes of a request as a client sends it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = {
        "host": "host: 127.0.0.1",
        "accept": "accept: application/graphql-response+json, application/json",
        "content-type": "content-type: application/json",
        "authorization": f"authorization: Bearer {token}",
        "content-length": f"content-length: {len(data)}",
    }
    kept = [line for name, line in head.items() if name not in drop]
    return "\r\n".join(["POST /graphql HTTP/1.1", *kept, *lines, "", ""]).encode("latin-1") + data


@dataclass
class Connection:
    """A connection to the server, and what it answers."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def answer(self) -> bytes:
        """The next answer; nothing where the connection ends."""
        async with asyncio.timeout(10):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return b""
            length = re.search(rb"(?i)content-length: (\d+)", head)
            return head + (await self.reader.readexactly(int(length[1])) if length else b"")

    async def ask(self, *pieces: bytes) -> bytes:
        await self.send(*pieces)
        return await self.answer()


@dataclass
class Server:
    """The application on a port, with a switch for the fast path."""

    app: http.Application
    fast_path: FastPath
    world: World
    port: int
    lines: list[dict[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def connect(self, *, fast: bool) -> AsyncIterator[Connection]:
        self.app.fast_path = self.fast_path if fast else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()

    async def ask(self, *pieces: bytes, fast: bool) -> bytes:
        async with self.connect(fast=fast) as connection:
            return await connection.ask(*pieces)

    async def warm(self, *requests: bytes) -> None:
        """Have these requests known: their documents, plans and heads."""
        async with self.connect(fast=True) as connection:
            for each in requests:
                for _ in range(2):
                    assert b"200 OK" in await connection.ask(each)

    def metrics(self) -> dict[str, float]:
        """Counts of operations."""
        found = re.findall(r"(?m)^(atrium_(?:operations|executions|reads|operation_\w+_count)\S*) (\S+)$", self.text())
        return {name: float(value) for name, value in found}

    def text(self) -> str:
        return self.app.state.components_metrics.render().decode()


@pytest.fixture
async def server(
    urls: Urls, owner_connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(logging.getLogger("atrium.request"), "handle", lambda record: lines.append(record.fields))
    logging.getLogger("atrium.request").setLevel(logging.INFO)
    async with run_app(urls, cors_origins=[ORIGIN], cors_credentials=True) as app:
        assert app.fastapi.fast_path is not None, "these tests need the compiler"
        world = await create_world(app, owner_connection)
        options = http.uvicorn_options(app.components.settings)
        async with listen(app.fastapi, **options) as port:
            yield Server(app.fastapi, app.fastapi.fast_path, world, port, lines)


def comparable(answer: bytes) -> bytes:
    return CHANGING.sub(b"*", answer)


def token_of(server: Server) -> str:
    token = server.world.acme.member.client.token
    assert token is not None
    return token


async def test_an_ordinary_query_is_answered_alike(server: Server) -> None:
    asked = request({"query": TASKS, "variables": {"first": 2}}, token=token_of(server))
    long = await server.ask(asked, fast=False)
    await server.warm(asked)
    before = server.fast_path.answered
    fast = await server.ask(asked, fast=True)
    assert server.fast_path.answered == before + 1
    assert comparable(fast) == comparable(long)
