"""What a connection may cost before anybody knows who is at its other end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HOST = b"Host: a\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"
LOGGED = b"GET /nowhere HTTP/1.1\r\n"
LIMIT = 16_384


class Wire:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers and body."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def is_ended(self) -> bool:
        """Whether the server ends it, and says no more."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    async def error(self) -> tuple[int, str]:
        """The status and code of an answer that ends the connection."""
        status, headers, body = await self.answer()
        [error] = json.loads(body)["errors"]
        assert headers["connection"] == "close"
        assert headers["x-request-id"] == error["extensions"]["requestId"]
        assert headers["x-content-type-options"] == "nosniff"
        assert await self.is_ended()
        return status, error["extensions"]["code"]


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def connected(toy: Any) -> AsyncIterator[Wire]:
    async with toy.serving() as port, wire(port) as made:
        yield made


def padded(size: int, start: bytes = GET + HOST) -> bytes:
    """A head of so many bytes, with one long header."""
    return start + b"X-A: " + b"a" * (size - len(start) - 9) + b"\r\n\r\n"


# Heads


@pytest.mark.parametrize("pieces", [1, 2, 7, 1_000])
async def test_head_limit_is_exact(toy: Any, pieces: int) -> None:
    for size, expected in ((LIMIT, 200), (LIMIT + 1, 431)):
        head = padded(size)
        assert len(head) == size
        async with connected(toy) as made:
            step = -(-size // pieces)
            for start in range(0, size, step):
                await made.send(head[start : start + step])
            status, _, _ = await made.answer()
            assert status == expected


@pytest.mark.parametrize(
    ("before", "error"),
    [
        (b"GET /", (414, "URI_TOO_LONG")),
        (GET, (431, "HEADERS_TOO_LARGE")),
        (GET + HOST + b"X-", (431, "HEADERS_TOO_LARGE")),
        (GET + HOST + b"X-A: ", (431, "HEADERS_TOO_LARGE")),
    ],
)
async def test_endless_head_is_refused_and_costs_little(toy: Any, before: bytes, error: tuple[int, str]) -> None:
    async with connected(toy) as made:
        process = psutil.Process()
        began, resident = time.process_time(), process.memory_info().rss
        await made.send(before, *[b"a" * 65_536] * 160)
        assert await made.error() == error
        assert time.process_time() - began < 1
        assert process.memory_info().rss - resident < 20 * 2**20


async def test_many_headers_are_refused(toy: Any) -> None:
    for count, expected in ((100, 200), (101, 431)):
        async with connected(toy) as made:
            await made.send(GET + HOST + b"".join(b"X-%d: 1\r\n" % number for number in range(count - 1)) + b"\r\n")
            assert (await made.answer())[0] == expected


async def test_limits_are_settings(make_toy: Any) -> None:
    toy = make_toy(header_limit_bytes=1024, header_limit_count=10)
    for head in (padded(1025), GET + HOST + b"A: 1\r\n" * 10 + b"\r\n"):
        async with connected(toy) as made:
            await made.send(head)
            assert await made.error() == (431, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize("piece", [b"X-A: " + b"a" * 65_536, b"X-A: 1\r\n" * 8_192])
async def test_trailers_are_headers_too(toy: Any, piece: bytes) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n"
    )
    async with connected(toy) as made:
        await made.send(head, b"2\r\n{}\r\n0\r\n", *[piece] * 10)
        assert await made.error() == (431, "HEADERS_TOO_LARGE")


async def test_trailers_are_not_blamed_on_the_uri(toy: Any) -> None:
    head = b"POST /graphql?%s HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" % (
        b"a" * 9_000
    )
    async with connected(toy) as made:
        await made.send(head + HOST + b"\r\n", b"2\r\n{}\r\n0\r\n", *[b"X-A: " + b"a" * 65_536] * 10)
        assert await made.error() == (431, "HEADERS_TOO_LARGE")


async def test_trailers_are_no_headers_of_the_request(toy: Any) -> None:
    body = b'{"query":"{ who }"}'
    head = (
        b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n"
    )
    async with connected(toy) as made:
        await made.send(head + b"%x\r\n%s\r\n0\r\nAuthorization: Bearer mine\r\n\r\n" % (len(body), body))
        assert json.loads((await made.answer())[2])["data"] == {"who": "nobody"}


async def test_endless_chunk_extension_is_refused(toy: Any) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n"
    )
    async with connected(toy) as made:
        await made.send(head, b"2;a=", *[b"a" * 65_536] * 10)
        assert (await made.error())[0] in {400, 431}


# Time


@pytest.mark.parametrize("sent", [b"G", GET + HOST + b"X-A: 1", GET + HOST])
async def test_unfinished_head_is_given_up(make_toy: Any, sent: bytes) -> None:
    async with connected(make_toy(header_timeout_seconds=0.2)) as made:
        await made.send(sent)
        assert await made.error() == (408, "REQUEST_TIMEOUT")


async def test_head_that_trickles_is_given_up(make_toy: Any) -> None:
    async with connected(make_toy(header_timeout_seconds=0.3)) as made:
        began = time.monotonic()

        async def trickle() -> None:
            for _ in range(200):
                await made.send(b"X-A: 1\r\n")
                await asyncio.sleep(0.02)

        await made.send(GET + HOST)
        trickling = asyncio.create_task(trickle())
        assert (await made.answer())[0] == 408
        assert time.monotonic() - began < 2
        trickling.cancel()


async def test_second_head_has_its_own_time(make_toy: Any) -> None:
    async with connected(make_toy(header_timeout_seconds=0.2)) as made:
        await made.send(GET + HOST + b"\r\n")
        assert (await made.answer())[0] == 200
        await made.send(b"GET /heal")
        assert await made.error() == (408, "REQUEST_TIMEOUT")


async def test_finished_head_is_not_given_up(make_toy: Any) -> None:
    async with connected(make_toy(header_timeout_seconds=0.1)) as made:
        await made.send(
            b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 25\r\n" + HOST + b"\r\n"
        )
        await asyncio.sleep(0.3)  # longer than a head may take; the body has the request's own time
        await made.send(b'{"query":"{__typename  }"}'[:25])
        assert (await made.answer())[0] in {200, 400}


async def test_body_that_does_not_come_is_given_up(make_toy: Any) -> None:
    async with connected(make_toy(request_timeout_seconds=0.2)) as made:
        await made.send(
            b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 25\r\n" + HOST + b"\r\n{"
        )
        assert await made.error() == (408, "REQUEST_TIMEOUT")


async def test_silent_connection_is_closed(make_toy: Any) -> None:
    async with connected(make_toy(header_timeout_seconds=0.2)) as made:
        assert await made.is_ended()


async def test_connection_kept_alive_is_closed_when_idle(make_toy: Any) -> None:
    async with connected(make_toy(keep_alive_seconds=0.2)) as made:
        await made.send(GET + HOST + b"\r\n")
        assert (await made.answer())[0] == 200
        assert await made.is_ended()


async def test_answered_request_cannot_go_on_for_ever(make_toy: Any) -> None:
    async with connected(make_toy(keep_alive_seconds=0.2)) as made:
        await made.send(b"POST /nowhere HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n1\r\na\r\n")
        assert (await made.answer())[0] == 404
        assert await made.is_ended()


# Numbers


async def test_connections_of_an_address_are_bounded(make_toy: Any) -> None:
    toy = make_toy(connections_per_address=2)
    async with toy.serving() as port:
        async with wire(port) as first, wire(port) as second:
            for made in (first, second):
                await made.send(GET + HOST + b"\r\n")
                assert (await made.answer())[0] == 200
            async with wire(port) as third:
                await third.send(GET + HOST + b"\r\n")
                assert await third.error() == (429, "TOO_MANY_CONNECTIONS")
            async with wire(port) as silent:
                assert await silent.is_ended()
        await _until_served(port)


async def test_sockets_count_too(make_toy: Any) -> None:
    toy = make_toy(connections_per_address=1)
    upgrade = (
        b"GET /graphql HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
        + HOST
        + b"\r\n"
    )
    async with toy.serving() as port:
        async with wire(port) as socket:
            await socket.send(upgrade)
            assert (await socket.reader.readline()).startswith(b"HTTP/1.1 101")
            async with wire(port) as other:
                await other.send(GET + HOST + b"\r\n")
                assert await other.error() == (429, "TOO_MANY_CONNECTIONS")
        await _until_served(port)


async def test_trusted_proxies_are_not_counted(make_toy: Any) -> None:
    toy = make_toy(connections_per_address=1, trusted_proxies="127.0.0.0/8")
    async with toy.serving() as port, wire(port), wire(port) as made:
        await made.send(GET + HOST + b"\r\n")
        assert (await made.answer())[0] == 200


async def _until_served(port: int) -> None:
    """Wait until what was closed is counted no more."""
    async with asyncio.timeout(10):
        while True:
            async with wire(port) as made:
                await made.send(GET + HOST + b"\r\n")
                if (await made.answer())[0] == 200:
                    return
            await asyncio.sleep(0.01)


async def test_pipelined_requests_are_bounded(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are sent at once, few wait, and all are answered."""
    count, request, waiting = 20_000, GET + HOST + b"\r\n", [0]
    complete = HttpToolsProtocol.on_response_complete

    def counted(protocol: HttpToolsProtocol) -> None:
        waiting.append(len(protocol.pipeline))
        complete(protocol)

    monkeypatch.setattr(HttpToolsProtocol, "on_response_complete", counted)
    async with connected(toy) as made:
        sending = asyncio.create_task(made.send(request * count))
        for _ in range(count):
            assert (await made.answer())[0] == 200
        await sending
    assert max(waiting) <= LIMIT // len(request) + 1


# What is no request


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
        LOGGED + HOST + b"no colon\r\n\r\n",
        LOGGED + HOST + b"Content-Length: x\r\n\r\n",
        LOGGED + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        LOGGED + b"\r\n",
        LOGGED + HOST + HOST + b"\r\n",
        LOGGED + HOST + b"Host: b\r\n\r\n",
        LOGGED + b"Host: a b\r\n\r\n",
        LOGGED + b"Host: a/b\r\n\r\n",
        LOGGED + b"Host: user@a\r\n\r\n",
    ],
)
async def test_what_is_no_request_has_a_code(toy: Any, head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with connected(toy) as made:
        await made.send(head)
        assert await made.error() == (400, "BAD_REQUEST")
    lines = [record for record in caplog.records if record.name in {"atrium.request", "uvicorn.error"}]
    [line] = [
        record
        for record in lines
        if not record.getMessage().startswith(("Started", "Uvicorn", "Shut", "Finish", "Wait"))
    ]
    fields = line.__dict__["fields"]
    assert (fields["status"], fields["outcome"], fields["client_address"]) == (400, "refused", "127.0.0.1")


@pytest.mark.parametrize("host", [b"Host: a\r\n", b"Host: a:80\r\n", b"Host: [::1]:80\r\n", b"host:\r\n"])
async def test_one_host_is_served(toy: Any, host: bytes) -> None:
    async with connected(toy) as made:
        await made.send(GET + host + b"\r\n")
        assert (await made.answer())[0] == 200


async def test_older_clients_need_no_host(toy: Any) -> None:
    async with connected(toy) as made:
        await made.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert (await made.answer())[0] == 200


@pytest.mark.parametrize(
    "drop",
    [b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n", b"Sec-WebSocket-Version: 13\r\n"],
)
async def test_bad_handshake_has_a_code(toy: Any, drop: bytes) -> None:
    upgrade = (
        b"GET /graphql HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n" + HOST + b"\r\n"
    )
    async with connected(toy) as made:
        await made.send(upgrade.replace(drop, b""))
        assert (await made.error())[1] == "BAD_REQUEST"


@pytest.mark.parametrize("path", [b"/graphql", b"/nowhere"])
async def test_refused_handshake_has_a_code(make_toy: Any, path: bytes) -> None:
    upgrade = (
        b"GET %s HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nOrigin: https://evil.example\r\n" % path + HOST + b"\r\n"
    )
    async with connected(make_toy(environment="production")) as made:
        await made.send(upgrade)
        assert await made.error() == (403, "FORBIDDEN")


async def test_large_body_is_refused_before_it_is_sent(toy: Any) -> None:
    head = b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\n" + HOST + b"\r\n"
    async with connected(toy) as made:
        await made.send(head, *[b" " * 65_536] * 100)
        assert await made.error() == (413, "PAYLOAD_TOO_LARGE")
