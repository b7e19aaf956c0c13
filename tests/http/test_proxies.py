"""nginx and Caddy, as deploy/ has them, in front of a process: what they pass on, at once, and what they keep back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets import Origin, Subprotocol

from atrium.settings import Settings
from tests.conftest import Urls
from tests.support.factories import World
from tests.support.proxies import PROXIES, RunningProxy, run_proxy
from tests.support.server_process import Process, served

pytestmark = pytest.mark.slow

SUBSCRIPTION = "subscription { taskChanged { action } }"
CREATE = {"query": 'mutation { createTask(input: { title: "seen" }) { __typename } }'}
SOON = 10  # seconds; Atrium's first heartbeat comes later
ELSEWHERE = "127.0.0.2"  # an address of this machine that is no proxy's


class Behind:
    """A process behind a proxy."""

    def __init__(self, process: Process, proxy: RunningProxy, token: str) -> None:
        self.process, self.proxy = process, proxy
        self.headers = {"authorization": f"Bearer {token}"}

    def client(self, **options: Any) -> httpx.AsyncClient:
        """Somebody who comes through the proxy, from an address that is trusted by nobody."""
        transport = httpx.AsyncHTTPTransport(verify=self.proxy.tls or False, local_address=ELSEWHERE)
        return httpx.AsyncClient(transport=transport, base_url=self.proxy.url("http"), headers=self.headers, **options)


@pytest.fixture(params=PROXIES)
async def behind(request: pytest.FixtureRequest, urls: Urls, world: World, tmp_path: Path) -> AsyncIterator[Behind]:
    settings = {"environment": "production", "trusted_proxies": "127.0.0.1/32", "keep_alive_seconds": 75}
    folder = tmp_path / "proxy"
    folder.mkdir()
    async with served(urls, tmp_path, **settings) as process, run_proxy(request.param, folder, [process.port]) as proxy:
        yield Behind(process, proxy, world.acme.owner.client.token or "")


async def wait_for_event(next_message: Callable[[], Any], behind: Behind) -> str:
    """The next message, for which tasks are created, since nobody can see when a subscription begins."""
    async with behind.client() as other, asyncio.timeout(SOON):
        waiting = asyncio.ensure_future(next_message())
        while not waiting.done():
            assert (await other.post("/graphql", json=CREATE)).status_code == 200
            await asyncio.wait([waiting], timeout=0.5)
        return str(await waiting)


async def test_queries_and_refusals_pass(behind: Behind) -> None:
    async with behind.client() as client:
        for _ in range(3):  # on one connection
            answer = await client.post("/graphql", json={"query": "{ viewer { tenant { slug } } }"})
            assert answer.json() == {"data": {"viewer": {"tenant": {"slug": "acme"}}}}
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        large = await client.post("/graphql", json={"query": "x" * Settings().body_limit_bytes})
        assert large.status_code == 413
        assert large.json()["errors"][0]["extensions"]["code"], "Atrium itself refuses it"


async def test_metrics_are_kept_back(behind: Behind) -> None:
    async with behind.client() as client, httpx.AsyncClient() as inside:
        assert (await client.get("/metrics")).status_code == 404
        assert (await inside.get(f"{behind.process.url}/metrics")).status_code == 200


async def test_event_streams_are_passed_on_at_once(behind: Behind) -> None:
    body, accept = {"query": SUBSCRIPTION}, {"accept": "text/event-stream"}
    async with behind.client() as client, client.stream("POST", "/graphql", json=body, headers=accept) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()

        async def data() -> str:
            return next(iter([line async for line in first_data(lines)]))

        assert '"taskChanged"' in await wait_for_event(data, behind)


async def first_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        if line.startswith("data:"):
            yield line
            return


def connect(behind: Behind) -> AbstractAsyncContextManager[Any]:
    protocol = [Subprotocol("graphql-transport-ws")]
    address = f"{behind.proxy.url('ws')}/graphql"
    origin = Origin(behind.proxy.url("http"))  # as a page of the same origin sends it
    return websockets.connect(address, subprotocols=protocol, ssl=behind.proxy.tls, origin=origin)


async def test_websockets_are_passed_on(behind: Behind) -> None:
    async with connect(behind) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": behind.headers}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": SUBSCRIPTION}}))
        assert '"taskChanged"' in await wait_for_event(socket.recv, behind)


async def test_the_address_is_the_clients_and_not_what_it_says(behind: Behind) -> None:
    async with behind.client() as client:
        headers = {"x-forwarded-for": "203.0.113.9", "x-request-id": "asked"}
        assert (await client.post("/graphql", json=CREATE, headers=headers)).status_code == 200
    async with asyncio.timeout(SOON):
        while not (lines := [line for line in behind.process.lines if '"request_id":"asked"' in line]):
            await asyncio.sleep(0.05)  # the line is written after the answer
    assert [json.loads(line)["client_address"] for line in lines] == [ELSEWHERE]
