"""Work that takes long on purpose, over HTTP and on sockets: it has its own time limit, and ends with its client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets
from websockets import Subprotocol

from tests.http.test_websockets import INIT, receive, send, subscribe

SOON, LATE, NEVER = 0.1, 0.4, 3600.0


def query(within: float, after: float) -> str:
    return f"{{ patient(within: {within}, after: {after}) }}"


async def by_post(toy: Any, text: str) -> tuple[Any, str | None]:
    """The data and the error's message of a request."""
    async with toy.serving() as port, httpx.AsyncClient() as client:
        answer = (await client.post(f"http://127.0.0.1:{port}/graphql", json={"query": text})).json()
    [error] = answer.get("errors") or [None]
    return answer.get("data"), error and f"{error['extensions']['code']}: {error['message']}"


async def by_socket(toy: Any, text: str) -> tuple[Any, str | None]:
    """The same on a socket."""
    async with toy.socket() as socket:
        await send(socket, INIT, subscribe(text))
        await receive(socket)
        answer = await receive(socket)
    if answer["type"] == "error":
        [error] = answer["payload"]
        return None, f"{error['extensions']['code']}: {error['message']}"
    return answer["payload"]["data"], None


@pytest.mark.parametrize("ask", [by_post, by_socket])
@pytest.mark.parametrize(
    ("within", "after", "late"),
    [(LATE, 0, None), (NEVER, 0, "1.5 seconds"), (0, NEVER, "0.1 seconds"), (LATE, NEVER, "0.1 seconds")],
)
async def test_it_has_a_limit_of_its_own(
    make_toy: Any, ask: Callable[..., Any], within: float, after: float, late: str | None
) -> None:
    toy = make_toy(request_timeout_seconds=SOON, bulk_password_timeout_seconds=1.5)
    data, error = await ask(toy, query(within, after))
    if late is None:
        assert (data, error) == ({"patient": "done"}, None)
    else:
        assert (data, error and error.split(":")[0]) == (None, "TIMEOUT")
        assert late in error
    assert toy.ended == ["patient has begun", "patient"]
    assert [record.outcome for record in toy.records] == ["ok" if late is None else "timeout"]


@asynccontextmanager
async def begun_by_post(toy: Any) -> AsyncIterator[Callable[[], Any]]:
    """A request that has begun; gives how its client goes."""
    async with toy.serving() as port, httpx.AsyncClient(timeout=60) as client:
        body = {"query": query(NEVER, 0)}
        asking = asyncio.create_task(client.post(f"http://127.0.0.1:{port}/graphql", json=body))
        await toy.until_ended("patient has begun")

        async def go() -> None:
            asking.cancel()
            await asyncio.wait([asking])

        yield go


@asynccontextmanager
async def begun_on_socket(toy: Any) -> AsyncIterator[Callable[[], Any]]:
    """The same on a socket, which is closed."""
    async with toy.serving() as port:
        address = f"ws://127.0.0.1:{port}/graphql"
        socket = await websockets.connect(address, subprotocols=[Subprotocol("graphql-transport-ws")])
        await send(socket, INIT, subscribe(query(NEVER, 0)))
        await toy.until_ended("patient has begun")
        yield socket.close


@asynccontextmanager
async def completed_on_socket(toy: Any) -> AsyncIterator[Callable[[], Any]]:
    """The same on a socket, which goes on."""
    async with toy.socket() as socket:
        await send(socket, INIT, subscribe(query(NEVER, 0)))
        await toy.until_ended("patient has begun")

        async def go() -> None:
            await send(socket, {"type": "complete", "id": "1"})

        yield go


@pytest.mark.parametrize("begun", [begun_by_post, begun_on_socket, completed_on_socket])
async def test_it_ends_when_the_client_goes(make_toy: Any, begun: Any, caplog: pytest.LogCaptureFixture) -> None:
    toy = make_toy()
    async with begun(toy) as go:
        await go()
        await toy.until_ended("patient")
        await toy.until(lambda: toy.records)
    assert [record for record in caplog.records if record.exc_info] == []
    if begun is begun_by_post:
        assert [(record.status, record.outcome) for record in toy.records] == [(499, "abandoned")]


async def test_it_ends_with_the_process(make_toy: Any) -> None:
    toy = make_toy(shutdown_seconds=SOON)
    async with toy.serving() as port, httpx.AsyncClient(timeout=60) as client:
        body = {"query": query(NEVER, 0)}
        asking = asyncio.create_task(client.post(f"http://127.0.0.1:{port}/graphql", json=body))
        await toy.until_ended("patient has begun")
        await toy.app.shutdown.begin()
        answer = await asking
    assert toy.error(answer)["code"] == "SERVICE_UNAVAILABLE"
