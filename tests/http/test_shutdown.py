"""Sockets and event streams of a process that ends: not all of their clients come back in one moment."""

import asyncio
import socket

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from atrium.http import GraphQLServer, uvicorn_options
from atrium.http.shutdown import MAX_SPREAD_SECONDS, Shutdown
from atrium.settings import Settings

DRAWS = 2_000


async def nothing() -> None:
    """What ends a socket."""


@pytest.mark.parametrize(("sockets", "streams"), [(100, 0), (0, 100), (50, 50), (5_000, 0), (0, 5_000)])
async def test_the_more_are_open_the_longer_they_are_spread(sockets: int, streams: int) -> None:
    shutdown = Shutdown(1)
    shutdown.sockets = {lambda _number=number: nothing() for number in range(sockets)}
    shutdown.streams = streams
    longest = MAX_SPREAD_SECONDS if sockets + streams > 100 else 0.1
    drawn = [shutdown.draw_delay() for _ in range(DRAWS)]
    assert 0.9 * longest < max(drawn) <= longest
    assert min(drawn) < 0.1 * longest


async def test_who_has_connected_when_the_listening_ends_is_answered() -> None:
    async def answer(_request: object) -> PlainTextResponse:
        return PlainTextResponse("answered")

    options = uvicorn_options(Settings()) | {"host": "127.0.0.1", "port": 0}
    app = Starlette(routes=[Route("/", answer, methods=["POST"])])
    server = GraphQLServer(uvicorn.Config(app, lifespan="off", **options), Shutdown(5))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    address = server.servers[0].sockets[0].getsockname()
    client = socket.create_connection(address)  # without a turn of the loop, so it is not accepted
    ending = asyncio.ensure_future(server.shutdown())
    reader, writer = await asyncio.open_connection(sock=client)
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
    async with asyncio.timeout(10):
        text = await reader.read()
        await ending
    writer.close()
    assert text.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in text.lower()
    assert text.endswith(b"answered")
