"""Power cuts: what was acknowledged is there exactly once, after server or database were killed under load."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest

from atrium.embedded.server import Server

LOGIN = """mutation { login(input: {email: "owner@acme.example.com", password: "Atrium-demo-1!", tenant: "acme"})
{ ... on Session { accessToken } } }"""
CREATE = """mutation { createProduct(input: {sku: "crash", name: "Crash", price: {amount: "1", currency: EUR},
stockQuantity: 100000}) { ... on Product { id } } }"""
PLACE = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { __typename ... on Order { id } } }"
CLIENTS = 6


class Serving:
    """`atrium serve` in a process group of its own, on a folder that outlives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        command = [sys.executable, "-m", "atrium", "serve", "--no-web", "--port", str(self.port)]
        environment = {**os.environ, "ATRIUM_DATA_DIR": str(self.folder), "ATRIUM_LOG_LEVEL": "error"}
        self.process = subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(60), httpx.AsyncClient() as http:
            while True:
                assert self.process.poll() is None, "the server ended by itself"
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get(f"{self.url}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop_database_at_once(self) -> None:
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        postmaster = next(p for p in children if p.name() == "postgres" and p.parent().name() != "postgres")
        postmaster.send_signal(signal.SIGQUIT)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path / "data")
    yield serving
    if serving.process is not None:
        serving.kill()


async def ask(http: httpx.AsyncClient, query: str, token: str = "", **variables: Any) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    body: dict[str, Any] = answer.json()
    return body


async def wait_for_ten_more(acknowledged: asyncio.Semaphore) -> None:
    """Wait until ten orders were acknowledged from now on."""
    async with asyncio.timeout(60):
        while not acknowledged.locked():
            await acknowledged.acquire()
        for _ in range(10):
            await acknowledged.acquire()


@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.exhaustive)])
async def test_acknowledged_orders_survive_exactly_once(serving: Serving, times: int) -> None:
    await serving.start()
    acknowledged: dict[str, str] = {}
    stop, progress = asyncio.Event(), asyncio.Semaphore(0)
    async with httpx.AsyncClient(base_url=serving.url, timeout=10) as http:
        token = (await ask(http, LOGIN))["data"]["login"]["accessToken"]
        product = (await ask(http, CREATE, token))["data"]["createProduct"]["id"]

        async def order(key: str) -> str | None:
            given = {"items": [{"productId": product, "quantity": 1}], "shippingAddress": "x", "idempotencyKey": key}
            with contextlib.suppress(httpx.HTTPError, ValueError):
                placed = ((await ask(http, PLACE, token, input=given)).get("data") or {}).get("placeOrder")
                return placed["id"] if placed else None
            return None

        async def client(number: int) -> None:
            count = 0
            while not stop.is_set():
                key = f"{number}-{count}"
                while (made := await order(key)) is None:
                    await asyncio.sleep(0.02)
                acknowledged[key] = made
                progress.release()
                count += 1

        async def accidents() -> None:
            for cut in [serving.kill, serving.stop_database_at_once] * times:
                await wait_for_ten_more(progress)
                cut()
                if cut == serving.stop_database_at_once:
                    assert serving.process is not None
                    serving.process.send_signal(signal.SIGKILL)
                    serving.process.wait()
                await serving.start()
            stop.set()

        async with asyncio.timeout(150 * times), asyncio.TaskGroup() as group:
            group.create_task(accidents())
            for number in range(CLIENTS):
                group.create_task(client(number))
    serving.kill()

    with Server.start(serving.folder) as server:
        connection = await asyncpg.connect(server.owner_url.replace("+asyncpg", ""))
        ours = f"SELECT order_id FROM order_items WHERE product_id = '{product.partition(':')[2]}'"
        found = [f"Order:{row['order_id']}" for row in await connection.fetch(ours)]
        events = f"SELECT count(*) FROM events WHERE stream_id IN ({ours}) AND type = 'OrderPlaced'"
        counted = await connection.fetchval(events)
        await connection.close()
        replayed = subprocess.run(
            [sys.executable, "-m", "atrium", "replay"],
            env={**os.environ, "ATRIUM_DATA_DIR": str(serving.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert sorted(found) == sorted(acknowledged.values())
    assert counted == len(acknowledged) == len(set(found))
    assert replayed.returncode == 0, replayed.stderr
