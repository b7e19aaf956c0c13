"""How answers leave: a head waits for its body, and for nothing else."""

import asyncio
from typing import Any, cast

import httpx
import pytest

from atrium.http.uvicorn_protocol import MAX_COALESCED_BYTES, CoalescingTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire:
    """A transport that remembers what was sent in one piece."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed_after: int | None = None

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed_after = len(self.sent)

    def is_closing(self) -> bool:
        return self.closed_after is not None

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def joined(wire: Any) -> CoalescingTransport:
    return CoalescingTransport(wire, asyncio.get_running_loop())


async def run_pending_callbacks() -> None:
    """Let everything run that was called for before."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_soon(done.set)
    await done.wait()


async def test_head_and_body_are_one_piece(joined: CoalescingTransport, wire: Wire) -> None:
    for _ in range(2):
        joined.write(HEAD)
        assert wire.sent == []
        joined.write(b"{}")
        assert wire.sent == [HEAD + b"{}"]
        await run_pending_callbacks()
        assert wire.sent == [HEAD + b"{}"]
        wire.sent.clear()


async def test_a_head_alone_leaves_at_the_next_turn(joined: CoalescingTransport, wire: Wire) -> None:
    joined.write(HEAD)
    await run_pending_callbacks()
    joined.write(b"data: 1\n\n")
    joined.write(b"data: 2\n\n")
    assert wire.sent == [HEAD, b"data: 1\n\n", b"data: 2\n\n"]


async def test_a_large_body_is_not_copied(joined: CoalescingTransport, wire: Wire) -> None:
    body = b"x" * (MAX_COALESCED_BYTES + 1)
    joined.write(HEAD)
    joined.write(body)
    assert wire.sent == [HEAD, body]
    assert wire.sent[1] is body


async def test_nothing_is_lost_at_the_end(joined: CoalescingTransport, wire: Wire) -> None:
    joined.write(HEAD)
    joined.close()
    assert (wire.sent, wire.closed_after, joined.is_closing()) == ([HEAD], 1, True)
    await run_pending_callbacks()
    assert wire.sent == [HEAD]


async def test_the_rest_is_the_transports(joined: CoalescingTransport, wire: Wire) -> None:
    assert joined.get_extra_info("peername") == "peername"
    joined.write(HEAD)
    assert joined.unwrap() is wire  # type: ignore[comparison-overlap]  # it stands for one
    assert wire.sent == [HEAD]


class Tapped(Wire):
    """A transport that remembers what was sent, and sends it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self.transport = transport

    def write(self, data: bytes) -> None:
        super().write(data)
        self.transport.write(data)

    def close(self) -> None:
        super().close()
        self.transport.close()

    def get_extra_info(self, name: str) -> Any:
        return self.transport.get_extra_info(name)


async def test_a_real_server_answers_in_one_piece(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wires = []

    def tapped(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> CoalescingTransport:
        wires.append(Tapped(transport))
        return CoalescingTransport(cast("asyncio.Transport", wires[-1]), loop)

    monkeypatch.setattr("atrium.http.uvicorn_protocol.CoalescingTransport", tapped)
    async with toy.serving() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        answers = [
            await http.post("/graphql", json={"query": "{ __typename }"}),
            await http.get("/schema.graphql"),
            await http.head("/graphql"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 405]
    assert answers[0].json()["data"] == {"__typename": "Query"}
    [wire] = wires  # one connection
    assert len(wire.sent) == len(answers)
    for sent, answer in zip(wire.sent, answers, strict=True):
        assert sent.startswith(b"HTTP/1.1 ")
        assert sent.endswith(b"\r\n\r\n" + answer.content)
