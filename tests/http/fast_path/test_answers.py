"""The fast path answers as the long way does: the same bytes, log lines and counts, whatever is sent."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.support.raw_http import ORIGIN, TASKS, Connection, Server, body_of, comparable, rename, request, token_of

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


async def test_an_update_is_answered_alike(server: Server, task: str) -> None:
    await server.warm(rename(server, task, "A"), rename(server, task, "B"))
    long = await server.exchange(rename(server, task, "title 1"), fast=False)
    before = await server.count_fast()
    fast = await server.exchange(rename(server, task, "title 2"), fast=True)
    assert await server.count_fast() == before + 1
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


ODD: dict[str, tuple[object, tuple[str, ...], tuple[str, ...]]] = {
    "no token": (body_of(TASKS), (), ("authorization",)),
    "two tokens": (body_of(TASKS), ("authorization: Bearer x",), ()),
    "basic": (body_of(TASKS), ("authorization: Basic x",), ("authorization",)),
    "no host": (body_of(TASKS), (), ("host",)),
    "two hosts": (body_of(TASKS), ("host: other",), ()),
    "no length": (body_of(TASKS), (), ("content-length",)),
    "two lengths": (body_of(TASKS), ("content-length: 5",), ()),
    "two equal lengths": (body_of(TASKS), ("content-length: LENGTH",), ()),
    "two request ids": (body_of(TASKS), ("x-request-id: a", "x-request-id: b"), ()),
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
    before = await server.count_fast()
    async with server.connect(fast=True) as connection:
        for cut in range(1, len(asked)):
            answers.add(comparable(await connection.ask(asked[:cut], asked[cut:])))
    assert len(answers) == 1
    assert await server.count_fast() > before
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
    before = await server.count_fast()
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        async with server.connect(fast=True) as connection:
            await connection.send(asked)
            await server.wait_until_begun()
            await connection.send(asked, asked + asked, b"")
            await server.world.connection.execute("ROLLBACK")
            answers = [comparable(await connection.answer()) for _ in range(4)]
    assert len(set(answers)) == 1
    assert await server.count_fast() > before


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


async def test_a_token_that_expires_is_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 86_400)
    assert await server.assert_equal(asked) == 0
    assert b"UNAUTHENTICATED" in (await server.exchange(asked, fast=True)).answers


async def test_a_session_that_ends_is_out_at_once(server: Server) -> None:
    member = server.world.acme.member
    asked = request(body_of("{ tasks { totalCount } }"), token=token_of(server))
    await server.warm(asked)
    await server.world.connection.execute("UPDATE sessions SET revoked_at = now() WHERE user_id = $1", member.user_id)
    assert await server.assert_equal(asked) == 0
    assert b"UNAUTHENTICATED" in (await server.exchange(asked, fast=True)).answers
