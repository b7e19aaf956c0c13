"""Requests as bytes, and a server that answers them with the fast path or without it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from atrium import http
from atrium.http.fast_path import FastPath
from tests.support.factories import World

ORIGIN = "https://shop.example"
TASKS = "query Tasks($first: Int) { tasks(first: $first) { totalCount nodes { title } } }"
UPDATE = """mutation Rename($input: UpdateTaskInput!) {
  updateTask(input: $input) { __typename ... on Task { title version } }
}"""
CHANGING = re.compile(rb"(?m)^(date|x-request-id): .*$|\"requestId\":\"[^\"]*\"|\"version\":\d+")


def request(body: object, *lines: str, token: str = "", drop: Sequence[str] = ()) -> bytes:
    """The bytes of a request as a client sends it; LENGTH in a line is that of its body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = {
        "host": "host: 127.0.0.1",
        "accept": "accept: application/graphql-response+json, application/json",
        "content-type": "content-type: application/json",
        "authorization": f"authorization: Bearer {token}",
        "content-length": f"content-length: {len(data)}",
    }
    kept = [line for name, line in head.items() if name not in drop]
    more = [line.replace("LENGTH", str(len(data))) for line in lines]
    return "\r\n".join(["POST /graphql HTTP/1.1", *kept, *more, "", ""]).encode("latin-1") + data


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
            if b"transfer-encoding: chunked" in head:
                return head + await self.reader.readuntil(b"\r\n0\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            return head + (await self.reader.readexactly(int(length[1])) if length else b"")

    async def ask(self, *pieces: bytes) -> bytes:
        await self.send(*pieces)
        return await self.answer()


VARYING = {"request_id", "duration_ms"}


@dataclass(frozen=True)
class Exchange:
    """What was answered, and what it left behind."""

    answers: bytes
    lines: list[dict[str, Any]]
    counted: dict[str, float]


@dataclass
class Server:
    """The application on a port, with a switch for the fast path."""

    app: http.Application
    fast_path: FastPath
    world: World
    port: int
    listening: AsyncExitStack
    """Ends the server when it is closed."""
    lines: list[dict[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def connect(self, *, fast: bool) -> AsyncIterator[Connection]:
        self.app.fast_path = self.fast_path if fast else None  # a connection looks once
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

    async def warm_update(self, task: str) -> None:
        """Have an update known, and a connection at hand on which it is prepared.

        The last update changes nothing, and runs in a transaction, whose connection is not kept at hand.
        """
        await self.warm(rename(self, task, "A"), rename(self, task, "B"))
        await self.warm(*[request(body_of(TASKS), token=token_of(self))] * 2)

    async def wait_until_begun(self) -> None:
        """Wait until a statement is under way."""
        async with asyncio.timeout(10):
            while not self.world.app.components.database.in_use:
                await asyncio.sleep(0.005)  # it announces in no other way that it has begun

    async def count_fast(self) -> float:
        """How many requests took the fast path."""
        text = (await self.world.app.http.get("/metrics")).text
        return float(text.partition("\natrium_fast_path_operations_total ")[2].partition("\n")[0])

    async def counts(self) -> dict[str, float]:
        """Counts of operations."""
        text = (await self.world.app.http.get("/metrics")).text
        found = re.findall(r"(?m)^(atrium_(?:operations|executions|reads|operation_\w+_count)\S*) (\S+)$", text)
        return {name: float(value) for name, value in found}

    async def exchange(self, *pieces: bytes, answers: int = 1, fast: bool) -> Exchange:
        """What these pieces are answered with, and what that leaves behind."""
        before = await self.counts()
        self.lines.clear()
        async with self.connect(fast=fast) as connection:
            await connection.send(*pieces)
            got = [await connection.answer() for _ in range(answers)]
        after = await self.counts()
        lines = [{name: value for name, value in line.items() if name not in VARYING} for line in self.lines]
        counted = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
        return Exchange(comparable(b"".join(got)), lines, counted)

    async def assert_equal(self, *pieces: bytes, answers: int = 1) -> int:
        """The same is answered and left behind both ways; returns how many took the fast path."""
        long = await self.exchange(*pieces, answers=answers, fast=False)
        before = await self.count_fast()
        fast = await self.exchange(*pieces, answers=answers, fast=True)
        assert fast == long
        assert long.answers
        return await self.count_fast() - before


def comparable(answer: bytes) -> bytes:
    return CHANGING.sub(b"*", answer)


def token_of(server: Server) -> str:
    token = server.world.acme.member.client.token
    assert token is not None
    return token


def body_of(text: str) -> dict[str, object]:
    return {"query": text}


def rename(server: Server, task: str, title: str) -> bytes:
    body = {"query": UPDATE, "variables": {"input": {"id": task, "title": title}}}
    return request(body, "user-agent: tests/1", token=token_of(server))
