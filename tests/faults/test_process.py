"""The process as an operator sees it: what it prints, and how it ends."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import websockets
from websockets import ConnectionClosed, Subprotocol

from tests.conftest import Urls
from tests.support.client import run_app
from tests.support.factories import create_world
from tests.support.server_process import served
from tests.support.service_client import wait_until_blocked


async def test_production_prints_nothing_but_json(urls: Urls, tmp_path: Path) -> None:
    async with served(urls, tmp_path, environment="production") as process:
        async with httpx.AsyncClient() as http:
            await http.get(f"{process.url}/nowhere")
        process.terminate()
        await process.wait(60)
    assert [line for line in process.lines if not line.startswith("{")] == []
    assert all(json.loads(line)["message"] for line in process.lines)
    assert process.lines


def test_a_refused_start_in_production_is_a_line_of_json(tmp_path: Path) -> None:
    environment = os.environ | {"ATRIUM_ENVIRONMENT": "production", "ATRIUM_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "atrium", "serve"]
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    [line] = (ended.stdout + ended.stderr).splitlines()
    assert json.loads(line)["level"] == "error"
    assert "ATRIUM_SECRET_KEY" in json.loads(line)["message"]


SOON = 5 * 3  # seconds, with slack for a slow machine

QUIET = {"query": "subscription { taskChanged { cursor } }"}
STREAM = {"accept": "text/event-stream"}
PROTOCOL = Subprotocol("graphql-transport-ws")


async def logged_in(urls: Urls) -> str:
    """The access token of an owner."""
    connection = await asyncpg.connect(urls.plain("owner"))
    try:
        async with run_app(urls) as app:
            return str((await create_world(app, connection)).acme.owner.client.token)
    finally:
        await connection.close()


async def follow_by_stream(http: httpx.AsyncClient, begun: asyncio.Semaphore) -> list[str]:
    """Everything that a subscription's stream says."""
    async with http.stream("POST", "/graphql", json=QUIET, headers=STREAM) as response:
        begun.release()
        return [line async for line in response.aiter_lines() if line]


async def follow_by_socket(url: str, token: str, begun: asyncio.Semaphore) -> int:
    """The code that closes a socket with a subscription."""
    address = f"{url.replace('http', 'ws')}/graphql"
    async with websockets.connect(address, subprotocols=[PROTOCOL]) as socket:
        payload = {"Authorization": f"Bearer {token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        await socket.recv()
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": QUIET}))
        begun.release()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
        return socket.close_code or 0


@contextlib.asynccontextmanager
async def locked(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A lock that queries of tasks wait for; gives the connection that holds it."""
    connection = await asyncpg.connect(urls.plain("owner"))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
            yield connection
    finally:
        await connection.close()


async def test_an_idle_process_ends_at_once(urls: Urls, tmp_path: Path) -> None:
    async with served(urls, tmp_path) as process:
        process.terminate()
        assert await process.wait(60) < SOON


async def test_streams_and_sockets_are_told_and_requests_are_finished(urls: Urls, tmp_path: Path) -> None:
    token = await logged_in(urls)
    async with (
        served(urls, tmp_path) as process,
        httpx.AsyncClient(
            base_url=process.url,
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
            limits=httpx.Limits(max_connections=None),
        ) as http,
    ):
        begun = asyncio.Semaphore(0)
        streams = [asyncio.create_task(follow_by_stream(http, begun)) for _ in range(100)]
        sockets = [asyncio.create_task(follow_by_socket(process.url, token, begun)) for _ in range(100)]
        async with asyncio.timeout(60):
            for _ in range(200):
                await begun.acquire()
        async with locked(urls) as lock:
            query = {"query": "{ tasks { totalCount } }"}
            requests = [asyncio.create_task(http.post("/graphql", json=query)) for _ in range(5)]
            await wait_until_blocked(lock, 5)
            process.terminate()
            async with asyncio.timeout(SOON):
                told = await asyncio.gather(*streams)
                codes = await asyncio.gather(*sockets)
            assert process.popen.poll() is None, "requests are under way"
        answers = await asyncio.gather(*requests)
        assert await process.wait(60) < SOON
    assert set(codes) == {1012}
    for lines in told:
        assert lines[-2:] == ["event: complete", "data:"]
        [error] = json.loads(lines[-3].removeprefix("data: "))["errors"]
        assert (error["extensions"]["code"], error["extensions"]["retryAfter"]) == ("SERVICE_UNAVAILABLE", 5)
    assert [answer.json()["data"] for answer in answers] == [{"tasks": {"totalCount": 0}}] * 5


async def wait_until_refused(port: int) -> None:
    """Wait until nobody listens on a port any more."""
    async with asyncio.timeout(SOON):
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await asyncio.sleep(0.01)


async def test_a_socket_that_comes_late_is_told_too_and_takes_no_request_along(urls: Urls, tmp_path: Path) -> None:
    token = await logged_in(urls)
    headers = {"authorization": f"Bearer {token}"}
    async with served(urls, tmp_path) as process, httpx.AsyncClient(base_url=process.url, headers=headers) as http:
        early = socket.create_connection(("127.0.0.1", process.port))
        async with locked(urls) as lock:
            request = asyncio.create_task(http.post("/graphql", json={"query": "{ tasks { totalCount } }"}, timeout=60))
            await wait_until_blocked(lock)
            process.terminate()
            await wait_until_refused(process.port)
            address = f"{process.url.replace('http', 'ws')}/graphql"
            async with websockets.connect(address, subprotocols=[PROTOCOL], sock=early) as late:
                async with asyncio.timeout(SOON):
                    await late.wait_closed()
            assert late.close_code == 1012
            assert process.popen.poll() is None, "the request is under way"
        assert (await request).json()["data"] == {"tasks": {"totalCount": 0}}
        await process.wait(60)
    assert process.popen.returncode == -signal.SIGTERM
    assert not any("Traceback" in line for line in process.lines)


async def test_requests_that_take_too_long_are_told_to_try_again(urls: Urls, tmp_path: Path) -> None:
    token = await logged_in(urls)
    async with (
        served(urls, tmp_path, shutdown_seconds=1) as process,
        httpx.AsyncClient(base_url=process.url, headers={"authorization": f"Bearer {token}"}, timeout=60) as http,
        locked(urls) as lock,
    ):
        request = asyncio.create_task(http.post("/graphql", json={"query": "{ tasks { totalCount } }"}))
        await wait_until_blocked(lock, 1)
        process.terminate()
        answer = await request
        assert await process.wait(60) < SOON
    [error] = answer.json()["errors"]
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (error["extensions"]["code"], error["extensions"]["retryAfter"]) == ("SERVICE_UNAVAILABLE", 5)


async def test_clients_that_do_not_read_hold_up_nobody(urls: Urls, tmp_path: Path) -> None:
    """Neither a stream nor a socket with more to read than its client takes, nor connections that say nothing."""
    token = await logged_in(urls)
    async with served(urls, tmp_path) as process:
        query = "{ __schema { types { name description fields { name description args { name description } } } } }"
        message = json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}})
        async with websockets.connect(
            f"{process.url.replace('http', 'ws')}/graphql", subprotocols=[PROTOCOL]
        ) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
            await socket.recv()
            socket.transport.pause_reading()
            for number in range(200):
                await socket.send(message.replace('"1"', f'"{number}"'))
            silent = [await asyncio.open_connection("127.0.0.1", process.port) for _ in range(10)]
            silent[0][1].write(b"GET / HTTP/1.1\r\nHost")
            await asyncio.sleep(1)  # the server fills what the system keeps for a client that does not read
            process.terminate()
            assert await process.wait(60) < SOON + 5
            for _, writer in silent:
                writer.close()
