"""What ends while a request is on the fast path: the client's connection, its time, the process."""

import asyncio
from collections.abc import Callable

import pytest

from atrium.http.fast_protocol import FastHttpProtocol
from tests.support.raw_http import TASKS, Server, body_of, rename, request, token_of


async def until(is_so: Callable[[], object]) -> None:
    """Wait for what announces itself in no other way."""
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.005)


async def until_begun(server: Server) -> None:
    await until(lambda: server.world.app.components.database.in_use)


# --- the client's connection ---


@pytest.mark.parametrize("settings", [{"request_timeout_seconds": 0.5}])
async def test_a_request_that_fails_when_its_client_has_gone_is_accounted_for(
    server: Server, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    await server.warm_update(task)
    server.lines.clear()
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        async with server.connect(fast=True) as connection:
            await connection.send(rename(server, task, "C"))
            await until_begun(server)
        await until(lambda: server.lines)
    assert [(line["outcome"], line["status"]) for line in server.lines] == [("abandoned", 499)]
    assert "a result could not be handed over" not in caplog.messages


async def test_a_request_that_succeeds_when_its_client_has_gone_is_accounted_for(
    server: Server, task: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_known, end = asyncio.Event(), FastHttpProtocol.connection_lost

    def note(protocol: FastHttpProtocol, exc: Exception | None) -> None:
        if protocol._is_busy:  # noqa: SLF001  # those that came before it are not
            is_known.set()
        end(protocol, exc)

    await server.warm_update(task)
    server.lines.clear()
    monkeypatch.setattr(FastHttpProtocol, "connection_lost", note)
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        async with server.connect(fast=True) as connection:
            await connection.send(rename(server, task, "C"))
            await until_begun(server)
        async with asyncio.timeout(10):
            await is_known.wait()
    await until(lambda: server.lines)
    assert [(line["outcome"], line["status"]) for line in server.lines] == [("abandoned", 499)]
    assert "a result could not be handed over" not in caplog.messages
    assert await server.world.connection.fetchval("SELECT title FROM tasks WHERE title = 'C'") == "C"


async def test_a_fault_ends_the_connection(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client would wait for ever otherwise."""
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(server.fast_path, "conclude", fail)
    assert await server.ask(asked, fast=True) == b""


@pytest.mark.parametrize("settings", [{"keep_alive_seconds": 0.5}])
async def test_a_connection_is_not_idle_while_a_body_arrives(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    for fast in (False, True):
        async with server.connect(fast=fast) as connection:
            assert b"200 OK" in await connection.ask(asked)
            await asyncio.sleep(0.3)  # time that passes is what ends it, and that of the body counts anew
            await connection.send(asked[:-3])
            await asyncio.sleep(0.4)
            assert b"200 OK" in await connection.ask(asked[-3:])


# --- the process ---


@pytest.mark.parametrize("settings", [{"shutdown_seconds": 0.3}])
@pytest.mark.parametrize("fast", [False, True])
async def test_a_request_that_hangs_is_told_that_the_process_ends(server: Server, task: str, *, fast: bool) -> None:
    await server.warm_update(task)
    pipelined = server.world.app.components.database.pipeline._connections  # noqa: SLF001  # nothing public counts
    async with server.world.connection.transaction():
        await server.world.connection.execute("LOCK tasks IN ACCESS EXCLUSIVE MODE")
        async with server.connect(fast=fast) as connection:
            await connection.send(rename(server, task, "C"))
            await until_begun(server)
            assert bool(pipelined) == fast
            ending = asyncio.create_task(server.listening.aclose())
            await ending  # the process is gone then
            async with asyncio.timeout(1):
                answer = await connection.answer()
            assert b'"code":"SERVICE_UNAVAILABLE"' in answer
            assert b"The server is restarting" in answer


@pytest.mark.parametrize("fast", [False, True])
async def test_a_request_whose_body_arrives_as_the_process_ends_is_answered(server: Server, *, fast: bool) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked)
    async with server.connect(fast=fast) as connection:
        await connection.send(asked[:-3])
        await asyncio.sleep(0.05)  # it announces in no way that it was read
        ending = asyncio.create_task(server.listening.aclose())
        await server.app.shutdown.has_begun.wait()
        assert b"200 OK" in await connection.ask(asked[-3:])
        await ending
