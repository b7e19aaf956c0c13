"""The fast path answers as the long way does: the same bytes, log lines and metrics, whatever is sent."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from atrium import http
from atrium.http.fast_path import FastPath
from models.database.identity import NOBODY
from tests.conftest import Urls
from tests.support.client import listen, run_app
from tests.support.factories import World, create_world

KILL_WAITING = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'atrium' AND wait_event_type = 'Lock'"
)
ORIGIN = "https://shop.example"
TASKS = "query Tasks($first: Int) { tasks(first: $first) { totalCount nodes { title } } }"
UPDATE = """mutation Rename($input: UpdateTaskInput!) {
  updateTask(input: $input) { __typename ... on Task { title version } }
}"""
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
        before = self.fast_path.answered
        fast = await self.exchange(*pieces, answers=answers, fast=True)
        assert fast == long
        assert long.answers
        return self.fast_path.answered - before


@pytest.fixture
def settings() -> dict[str, Any]:
    """What a test sets differently."""
    return {}


@pytest.fixture
async def server(
    urls: Urls, owner_connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> AsyncIterator[Server]:
    lines: list[dict[str, Any]] = []
    logger = logging.getLogger("atrium.request")
    monkeypatch.setattr(logger, "handle", lambda record: lines.append(record.fields))
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()  # noqa: SLF001  # what loggers remember of their levels
    async with run_app(urls, cors_origins=[ORIGIN], cors_credentials=True, **settings) as app:
        assert app.fastapi.fast_path is not None, "these tests need the compiler"
        world = await create_world(app, owner_connection)
        options = http.uvicorn_options(app.components.settings)
        async with AsyncExitStack() as listening:
            port = await listening.enter_async_context(listen(app.fastapi, **options))
            yield Server(app.fastapi, app.fastapi.fast_path, world, port, listening, lines)


def comparable(answer: bytes) -> bytes:
    return CHANGING.sub(b"*", answer)


def token_of(server: Server) -> str:
    token = server.world.acme.member.client.token
    assert token is not None
    return token


@pytest.fixture
async def task(server: Server) -> str:
    made = await server.world.acme.admin.client.mutate("createTask", "... on Task { id }", title="Plan")
    return str(made["id"])


# --- what takes the fast path ---

BROWSER = (
    *(f"origin: {ORIGIN}", "cookie: theme=dark; session=x", "user-agent: Mozilla/5.0 (X11; Linux x86_64)"),
    *(
        "accept-encoding: gzip, deflate, br",
        "accept-language: en,de;q=0.7",
        "connection: keep-alive",
        "sec-fetch-mode: cors",
    ),
)
ORDINARY: dict[str, tuple[object, tuple[str, ...]]] = {
    "query": ({"query": TASKS, "variables": {"first": 2}}, ()),
    "other variables": ({"query": TASKS, "variables": {"first": 1}}, ()),
    "operation name": ({"query": TASKS, "operationName": "Tasks", "variables": None}, ()),
    "browser": ({"query": TASKS}, BROWSER),
    "tracing": (
        {"query": TASKS},
        ("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "baggage: a=b"),
    ),
    "request id": ({"query": TASKS}, ("X-Request-Id: my.id-1",)),
    "useless request id": ({"query": TASKS}, ("X-Request-Id: not one",)),
    "empty request id": ({"query": TASKS}, ("X-Request-Id: ",)),
    "names in capitals": ({"query": TASKS}, ("Accept-Language: en", "TraceParent: x")),
    "spaces around a value": ({"query": TASKS}, ("x-request-id:   spaced   ",)),
    "proxy": ({"query": TASKS}, ("x-forwarded-for: 203.0.113.7, 10.0.0.1",)),
    "unknown members": ({"query": TASKS, "extensions": {"a": 1}, "more": []}, ()),
}


@pytest.mark.parametrize("case", ORDINARY)
async def test_an_ordinary_query_is_answered_alike(server: Server, case: str) -> None:
    body, lines = ORDINARY[case]
    asked = request(body, *lines, token=token_of(server))
    await server.warm(asked)
    assert await server.assert_equal(asked) == 1


def rename(server: Server, task: str, title: str) -> bytes:
    body = {"query": UPDATE, "variables": {"input": {"id": task, "title": title}}}
    return request(body, "user-agent: tests/1", token=token_of(server))


async def test_an_update_is_answered_alike(server: Server, task: str) -> None:
    await server.warm(rename(server, task, "A"), rename(server, task, "B"))
    long = await server.exchange(rename(server, task, "title 1"), fast=False)
    before = server.fast_path.answered
    fast = await server.exchange(rename(server, task, "title 2"), fast=True)
    assert server.fast_path.answered == before + 1
    assert fast.answers.replace(b"title 2", b"title 1") == long.answers
    assert (fast.lines, fast.counted) == (long.lines, long.counted)
    rows = await server.world.connection.fetch(
        "SELECT DISTINCT operation, ip, user_agent, request_id IS NOT NULL AS has_id FROM audit_log"
        " WHERE operation = 'updateTask'"
    )
    assert [tuple(row) for row in rows] == [("updateTask", "127.0.0.1", "tests/1", True)]


async def test_an_update_that_changes_nothing_is_answered_alike(server: Server, task: str) -> None:
    await server.warm(rename(server, task, "A"), rename(server, task, "B"))
    assert await server.assert_equal(rename(server, task, "B")) == 0
    missing = task[:-12] + "0" * 12
    assert b"NotFound" in (await server.exchange(rename(server, missing, "B"), fast=True)).answers
    assert await server.assert_equal(rename(server, missing, "B")) == 0


# --- what takes the long way ---


def body_of(text: str) -> dict[str, object]:
    return {"query": text}


ODD: dict[str, tuple[object, tuple[str, ...], tuple[str, ...]]] = {
    "no token": (body_of(TASKS), (), ("authorization",)),
    "two tokens": (body_of(TASKS), ("authorization: Bearer x",), ()),
    "basic": (body_of(TASKS), ("authorization: Basic x",), ("authorization",)),
    "no host": (body_of(TASKS), (), ("host",)),
    "two hosts": (body_of(TASKS), ("host: other",), ()),
    "no length": (body_of(TASKS), (), ("content-length",)),
    "two lengths": (body_of(TASKS), ("content-length: 5",), ()),
    "two equal lengths": (b"{}   ", ("content-length: 5",), ()),
    "negative length": (body_of(TASKS), ("content-length: -1",), ("content-length",)),
    "length with a sign": (b"12345", ("content-length: +5",), ("content-length",)),
    "chunked": (b"2\r\n{}\r\n0\r\n\r\n", ("transfer-encoding: chunked",), ("content-length",)),
    "chunked and a length": (b"2\r\n{}\r\n0\r\n\r\n", ("transfer-encoding: chunked",), ()),
    "continued line": (body_of(TASKS), ("x-a: b", " c: d"), ()),
    "continued changing line": (body_of(TASKS), ("x-request-id: b", "\tc"), ()),
    "no colon": (body_of(TASKS), ("nonsense",), ()),
    "space before the colon": (body_of(TASKS), ("x-request-id : a",), ()),
    "tab in a changing line": (body_of(TASKS), ("x-request-id:\tmine",), ()),
    "no name": (body_of(TASKS), (": a",), ()),
    "text": (body_of(TASKS), ("content-type: text/plain",), ("content-type",)),
    "compressed": (body_of(TASKS), ("content-encoding: gzip",), ()),
    "closes": (body_of(TASKS), ("connection: close",), ()),
    "event stream": (body_of(TASKS), ("accept: text/event-stream",), ("accept",)),
    "accepts nothing": (body_of(TASKS), ("accept: image/png",), ("accept",)),
    "cost": (body_of(TASKS), ("atrium-cost: 1",), ()),
    "consistency": (body_of(TASKS), ("atrium-consistency: primary",), ()),
    "other origin": (body_of(TASKS), ("origin: https://other.example",), ()),
    "hundred headers": (body_of(TASKS), tuple(f"x-{n}: 1" for n in range(95)), ()),
    "too many headers": (body_of(TASKS), tuple(f"x-{n}: 1" for n in range(96)), ()),
    "large head": (body_of(TASKS), (f"x-large: {'x' * 20_000}",), ()),
    "no JSON": (b"{", (), ()),
    "a list": ([body_of(TASKS)], (), ()),
    "a number": (b"1", (), ()),
    "deep": (b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 40 + b"1" + b"}" * 41, (), ()),
    "NUL": (b'{"query": "{ __typename }", "variables": {"a": "\\u0000"}}', (), ()),
    "empty": (b"", (), ()),
    "no query": ({}, (), ()),
    "wrong type": ({"query": 1}, (), ()),
    "invalid document": (body_of("{ nothing }"), (), ()),
    "introspection": (body_of("{ __schema { queryType { name } } }"), (), ()),
    "wrong variable": ({"query": TASKS, "variables": {"first": "x"}}, (), ()),
    "too many": ({"query": TASKS, "variables": {"first": 1000}}, (), ()),
    "subscription": (body_of("subscription { changes { __typename } }"), (), ()),
    "unknown hash": ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}, (), ()),
}


@pytest.mark.parametrize("case", ODD)
async def test_what_is_odd_is_answered_alike(server: Server, case: str) -> None:
    """After heads that differ from these in one line have been remembered."""
    body, lines, drop = ODD[case]
    token = token_of(server)
    await server.warm(request(body_of(TASKS), token=token), request(body_of(TASKS), *BROWSER, token=token))
    await server.assert_equal(request(body, *lines, token=token, drop=drop))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"POST", b"PUT", 1),
        lambda data: data.replace(b"POST /graphql", b"POST /graphql?a=b", 1),
        lambda data: data.replace(b"POST /graphql", b"POST /Graphql", 1),
        lambda data: data.replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        lambda data: data.replace(b"HTTP/1.1", b"HTTP/2.0", 1),
        lambda data: data.replace(b"\r\n", b"\n"),
        lambda data: data.replace(b"\r\nhost", b"\r\n\r\nhost", 1),
        lambda data: b"\r\n" + data,
        lambda data: data.replace(b"Bearer ", b"Bearer  ", 1),
        lambda data: data.replace(b"Bearer ", b"bearer ", 1),
        lambda data: data.replace(b"Bearer ", b"Bearer x", 1),
    ],
    ids=[
        "PUT",
        "query string",
        "other path",
        "1.0",
        "2.0",
        "line feeds",
        "head ends early",
        "line break before",
        "spaces",
        "small",
        "token",
    ],
)
async def test_what_is_malformed_is_answered_alike(server: Server, change: Callable[[bytes], bytes]) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    await server.assert_equal(change(asked))


# --- requests that come in pieces, and several at once ---


async def test_requests_cut_at_every_byte_are_answered_alike(server: Server) -> None:
    asked = request(body_of("{ tasks { totalCount } }"), "x-request-id: a", token=token_of(server))
    await server.warm(asked)
    answers = set()
    before = server.fast_path.answered
    async with server.connect(fast=True) as connection:
        for cut in range(1, len(asked)):
            answers.add(comparable(await connection.ask(asked[:cut], asked[cut:])))
    assert len(answers) == 1
    assert server.fast_path.answered > before
    assert answers == {(await server.exchange(asked, fast=False)).answers}


@pytest.mark.parametrize("pieces", [1, 2, 7])
async def test_pipelined_requests_are_answered_in_their_order(server: Server, pieces: int) -> None:
    token = token_of(server)
    first, second = (request({"query": TASKS, "variables": {"first": n}}, token=token) for n in (1, 2))
    odd = request(body_of("{ nothing }"), token=token)
    await server.warm(first, second)
    data = first + second + odd + first + second
    step = -(-len(data) // pieces)
    await server.assert_equal(*[data[at : at + step] for at in range(0, len(data), step)], answers=5)


async def test_what_follows_a_request_that_is_under_way_stops_the_reading(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    async with server.connect(fast=True) as connection:
        await connection.send(asked)
        await connection.send(asked * 3)
        answers = [comparable(await connection.answer()) for _ in range(4)]
    assert len(set(answers)) == 1


async def test_a_body_that_does_not_come_is_answered_as_ever(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    async with server.connect(fast=True) as connection:
        await connection.send(asked[:-1])
        connection.writer.close()
        async with asyncio.timeout(10):
            while not server.lines or server.lines[-1]["outcome"] != "abandoned":
                await asyncio.sleep(0.005)  # the server announces it in no other way


# --- who asks ---


async def test_two_clients_with_one_head_are_told_apart(server: Server, task: str) -> None:
    """The same bytes from another address are another client's; addresses of this machine are 127.0.0.0/8."""
    await server.warm(rename(server, task, "A"), rename(server, task, "B"))
    server.app.fast_path = server.fast_path
    for number, address in enumerate(("127.0.0.2", "127.0.0.3", "127.0.0.2")):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))
        assert b"200 OK" in await Connection(reader, writer).ask(rename(server, task, f"title {number}"))
        writer.close()
    found = await server.world.connection.fetch(
        "SELECT ip FROM audit_log WHERE operation = 'updateTask' ORDER BY id DESC LIMIT 3"
    )
    assert [row["ip"] for row in found] == ["127.0.0.2", "127.0.0.3", "127.0.0.2"]


async def test_a_session_that_ends_is_out_at_once(server: Server) -> None:
    member = server.world.acme.member
    asked = request(body_of("{ tasks { totalCount } }"), token=token_of(server))
    await server.warm(asked)
    await server.world.connection.execute("UPDATE sessions SET revoked_at = now() WHERE user_id = $1", member.user_id)
    assert await server.assert_equal(asked) == 0
    assert b"UNAUTHENTICATED" in (await server.exchange(asked, fast=True)).answers


# --- what goes wrong on the way ---


def error_code(exchange: Exchange) -> str:
    found = re.search(rb'"code":"(\w+)"', exchange.answers)
    assert found is not None, exchange.answers
    return found[1].decode()


@pytest.mark.parametrize("settings", [{"request_timeout_seconds": 0.5}])
async def test_a_request_that_takes_too_long_is_answered_alike(server: Server, task: str) -> None:
    read = request(body_of(TASKS), token=token_of(server))
    await server.warm(read, rename(server, task, "A"), rename(server, task, "B"))
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        for asked in (read, rename(server, task, "C")):
            assert await server.assert_equal(asked) == 0
            assert error_code(await server.exchange(asked, fast=True)) == "TIMEOUT"
    assert (await server.world.connection.fetchval("SELECT title FROM tasks")) == "B"


@pytest.mark.parametrize("settings", [{"admission_wait_seconds": 0.1, "pool_size": 2}])
async def test_a_full_pool_is_answered_alike(server: Server, task: str) -> None:
    read = request(body_of(TASKS), token=token_of(server))
    await server.warm(read, rename(server, task, "A"), rename(server, task, "B"))
    database = server.world.app.components.database
    async with database.read(NOBODY), database.read(NOBODY):
        for asked in (read, rename(server, task, "C")):
            assert await server.assert_equal(asked) == 0
            assert error_code(await server.exchange(asked, fast=True)) == "SERVICE_UNAVAILABLE"


async def test_an_update_whose_connection_is_lost_is_not_done_again(server: Server, task: str, urls: Urls) -> None:
    await server.warm(rename(server, task, "A"), rename(server, task, "B"))
    superuser = await asyncpg.connect(urls.plain("superuser"))
    async with server.world.connection.transaction():
        await server.world.connection.execute("SELECT FROM tasks FOR UPDATE")
        async with server.connect(fast=True) as connection:
            await connection.send(rename(server, task, "C"))
            async with asyncio.timeout(10):
                while not await superuser.fetchval(KILL_WAITING):
                    await asyncio.sleep(0.005)  # it announces in no other way that it waits
            answer = await connection.answer()
    assert b'"code":"SERVICE_UNAVAILABLE"' in answer
    assert (await server.world.connection.fetchval("SELECT title FROM tasks")) == "B"
    await superuser.close()


@pytest.mark.parametrize("settings", [{"actor_cost_maximum": 3_000, "actor_cost_rate": 1}])
async def test_what_an_actor_cannot_pay_is_answered_alike(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    async with server.connect(fast=True) as connection:
        while b"200 OK" in (answer := await connection.ask(asked)):
            pass
        assert b'"code":"RATE_LIMITED"' in answer
        assert b"retry-after: " in answer


@pytest.mark.parametrize("settings", [{"documents": "only"}])
async def test_trusted_documents_alone_are_answered(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    assert await server.assert_equal(asked) == 0
    assert error_code(await server.exchange(asked, fast=True)) == "DOCUMENT_NOT_TRUSTED"


async def test_a_connection_that_is_ended_meanwhile_gets_its_answer_first(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    before = server.fast_path.answered
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        async with server.connect(fast=True) as connection:
            await connection.send(asked)
            async with asyncio.timeout(10):
                while not server.world.app.components.database.in_use:
                    await asyncio.sleep(0.005)  # it announces in no other way that it has begun
            ending = asyncio.create_task(server.listening.aclose())
            await server.app.shutdown.has_begun.wait()
            await server.world.connection.execute("ROLLBACK")
            answer = await connection.answer()
            assert await connection.answer() == b""
            await ending
    assert b"connection: close\r\n" in answer
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert server.fast_path.answered == before + 1
