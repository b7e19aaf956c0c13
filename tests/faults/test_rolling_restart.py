"""Two processes behind nginx, as deploy/ has it, are replaced one after the other under load, and nobody notices."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Urls
from tests.support.client import UNLIMITED_COST
from tests.support.factories import World
from tests.support.ports import free_port
from tests.support.proxies import RunningProxy, run_proxy
from tests.support.server_process import Process, served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROUNDS = 2  # in each of which both processes are replaced
QUERIES_PER_SECOND, MUTATIONS_PER_SECOND = 10, 5
AT_ONCE = 20  # of each kind; a machine that is too slow for the rate is not to fail for that
END_SECONDS = 30
SOON = 60
PAUSE_SECONDS = 3.0  # nginx leaves a process alone for 2 s that did not answer; see `fail_timeout`

VIEWER = "{ viewer { email } }"
CREATE_TASK = "mutation($title: String!) { createTask(input: {title: $title}) { ... on Task { title } } }"
FOLLOW = "subscription($after: String) { taskChanged(after: $after) { cursor task { title } } }"


class Load:
    """Queries and mutations at a fixed rate, while not too many wait for answers, and two followers of the changes.

    Each is sent once, and never again.
    """

    def __init__(self, proxy: RunningProxy, token: str) -> None:
        self.proxy, self.headers = proxy, {"authorization": f"Bearer {token}"}
        self.stops = asyncio.Event()
        self.seconds: list[float] = []
        """That each answer took."""
        self.failures: list[str] = []
        self.created: list[str] = []
        self.followed: dict[str, list[str]] = {"WebSocket": [], "event stream": []}
        self.began: dict[str, int] = {"WebSocket": 0, "event stream": 0}
        """How often each follower has subscribed."""

    async def run(self) -> None:
        """Make it until it is to stop; then wait for what is under way."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        transport = httpx.AsyncHTTPTransport(verify=self.proxy.tls or False, limits=limits)
        url = self.proxy.url("http")
        async with (
            httpx.AsyncClient(transport=transport, base_url=url, headers=self.headers, timeout=30) as http,
            asyncio.TaskGroup() as group,
        ):
            answer = await http.post("/graphql", json={"query": "{ feedCursor }"})
            after = answer.json()["data"]["feedCursor"]
            listeners = {"WebSocket": self.listen_to_socket, "event stream": lambda at: self.listen_to_stream(http, at)}
            following = [group.create_task(self.follow(name, after, listen)) for name, listen in listeners.items()]
            await asyncio.gather(
                self.send_at(QUERIES_PER_SECOND, lambda _: self.query(http)),
                self.send_at(MUTATIONS_PER_SECOND, lambda number: self.mutate(http, f"task {number}")),
            )
            async with asyncio.timeout(SOON):
                while any(len(titles) < len(self.created) for titles in self.followed.values()):
                    await asyncio.sleep(0.05)  # the last events are on their way
            for task in following:
                task.cancel()

    async def send_at(self, per_second: float, send: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        """Send something so often until it is to stop, without waiting for answers, and wait for those in the end."""
        began, number, free = time.monotonic(), 0, asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while not self.stops.is_set():
                await free.acquire()
                group.create_task(send(number)).add_done_callback(lambda _: free.release())
                number += 1
                await asyncio.sleep(max(0, began + number / per_second - time.monotonic()))

    async def query(self, http: httpx.AsyncClient) -> None:
        """Ask for something."""
        await self.post(http, {"query": VIEWER}, lambda data: data["viewer"]["email"])

    async def mutate(self, http: httpx.AsyncClient, title: str) -> None:
        """Create a task."""
        body = {"query": CREATE_TASK, "variables": {"title": title}}
        if await self.post(http, body, lambda data: data["createTask"]["title"] == title):
            self.created.append(title)

    async def post(self, http: httpx.AsyncClient, body: dict[str, Any], is_good: Callable[[Any], object]) -> bool:
        """Send an operation, and write down how that went."""
        began, said, good = time.monotonic(), "", False
        try:
            answer = await http.post("/graphql", json=body)
            said = f"{answer.status_code} {answer.text}"
            good = (
                answer.status_code == httpx.codes.OK
                and '"errors"' not in answer.text
                and bool(is_good(answer.json()["data"]))
            )
        except httpx.HTTPError as error:
            said = repr(error)
        self.seconds.append(time.monotonic() - began)
        if not good:
            self.failures.append(f"{body}: {said}")
        return good

    async def follow(self, name: str, after: str, listen: Callable[[str], AsyncIterator[Any]]) -> None:
        """Subscribe, and again from the last cursor whenever that ends, as a client does."""
        while True:
            self.began[name] += 1
            with suppress(websockets.ConnectionClosed, websockets.InvalidStatus, httpx.HTTPError):
                async for data in listen(after):
                    after = data["taskChanged"]["cursor"]
                    self.followed[name].append(data["taskChanged"]["task"]["title"])
            await asyncio.sleep(0.05)  # as a client waits a little

    async def listen_to_socket(self, after: str) -> AsyncIterator[Any]:
        """What comes by WebSocket, until it is closed."""
        protocol = [websockets.Subprotocol("graphql-transport-ws")]
        url = f"{self.proxy.url('ws')}/graphql"
        async with websockets.connect(url, subprotocols=protocol, ssl=self.proxy.tls) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": self.headers}))
            payload = {"query": FOLLOW, "variables": {"after": after}}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "next":
                    yield message["payload"]["data"]

    async def listen_to_stream(self, http: httpx.AsyncClient, after: str) -> AsyncIterator[Any]:
        """What comes as server-sent events, until the stream ends."""
        body = {"query": FOLLOW, "variables": {"after": after}}
        async with http.stream("POST", "/graphql", json=body, headers={"accept": "text/event-stream"}) as answer:
            async for line in answer.aiter_lines():
                data = json.loads(line.removeprefix("data:")) if line.startswith("data: {") else {}
                if "data" in data:
                    yield data["data"]


class Node:
    """One of the two processes, which is ended and started again on its port."""

    def __init__(self, urls: Urls, folder: Path) -> None:
        self.urls, self.folder, self.port = urls, folder, free_port()
        self.stack = AsyncExitStack()
        folder.mkdir()

    async def start(self) -> None:
        """Start it; returns when it answers."""
        settings = {"environment": "production", "trusted_proxies": "127.0.0.1/32", "keep_alive_seconds": 75}
        running = served(self.urls, self.folder, port=self.port, **settings, **UNLIMITED_COST)
        self.process: Process = await self.stack.enter_async_context(running)

    async def end(self) -> float:
        """End it by SIGTERM; gives the seconds that took."""
        self.process.terminate()
        seconds = await self.process.wait(END_SECONDS)
        assert self.process.popen.returncode == -signal.SIGTERM
        await self.stack.aclose()
        return seconds

    async def wait_until_busy(self) -> None:
        """Wait until requests come to it."""
        async with asyncio.timeout(SOON), httpx.AsyncClient() as http:
            while True:
                text = (await http.get(f"{self.process.url}/metrics")).text
                families = {family.name: family for family in text_string_to_metric_families(text)}
                if sum(sample.value for sample in families["atrium_operations"].samples) > 0:
                    return
                await asyncio.sleep(0.1)


async def test_nobody_notices_that_both_are_replaced(
    urls: Urls, world: World, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    nodes = [Node(urls, tmp_path / name) for name in ("one", "two")]
    (folder := tmp_path / "proxy").mkdir()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for node in nodes:
            stack.push_async_callback(node.stack.aclose)
            await node.start()
        proxy = await stack.enter_async_context(run_proxy("nginx", folder, [node.port for node in nodes]))
        load = Load(proxy, world.acme.owner.client.token or "")
        group.create_task(load.run())
        ends = []
        for _ in range(ROUNDS):
            for node in nodes:
                await node.wait_until_busy()
                await asyncio.sleep(PAUSE_SECONDS)  # as a deployment waits between two
                ends.append(await node.end())
                await node.start()
        await nodes[-1].wait_until_busy()
        load.stops.set()
    assert load.failures == []
    connection = await asyncpg.connect(urls.plain("owner"))
    kept = [row[0] for row in await connection.fetch("SELECT title FROM tasks WHERE title LIKE 'task %'")]
    await connection.close()
    assert sorted(kept) == sorted(load.created), "each mutation was carried out once"
    for name, titles in load.followed.items():
        assert sorted(titles) == sorted(load.created), f"each event came once by {name}"
        assert load.began[name] > 1, "it was on a process that ended"
    began, slowest = load.began, max(load.seconds) * 1000
    record_property(
        "summary",
        f"Both of two processes replaced {ROUNDS} times behind nginx: {len(load.seconds)} requests, 0 failed, the"
        f" slowest took {slowest:.0f} ms; {len(load.created)} events by WebSocket and stream, each once, over"
        f" {began['WebSocket']} and {began['event stream']} subscriptions; ended in {max(ends):.1f} s at most",
    )
