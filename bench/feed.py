"""The feed, measured: how long after its commit an event reaches subscribers of two processes.

`uv run python -m bench.feed` takes two minutes. Two servers run on one database; one of them sequences. Tasks are
updated by the one and by the other, one at a time, and somebody follows `taskChanged` on each. An update is one
statement, whose answer leaves as soon as it is committed: time counts from its arrival. It ends with 1 if a bound is
exceeded; what a process that does not sequence writes goes through the other one, also to its own subscribers.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import websockets
from rich.console import Console
from rich.table import Table

from bench.environment import asyncpg_url, open_environment
from bench.followers import percentile
from bench.servers import ATRIUM, RunningServer, run_server

SCALE = 0.01  # of the demo data
EVENTS = 500  # by each server
PAUSE_SECONDS = (0.01, 0.06)  # between two of them
SAME_PROCESS_MS, OTHER_PROCESS_MS = 20.0, 150.0  # bounds of the 99th percentile
EVENT_SECONDS = 30  # after which an event is lost

UPDATE = "mutation($input: UpdateTaskInput!) { updateTask(input: $input) { ... on Task { title } } }"
SUBSCRIPTION = "subscription { taskChanged { task { title } } }"
LEADER_PORT = """
SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'atrium feed'
"""


@dataclass
class Follower:
    """Somebody who follows on one server, and when each title came."""

    connection: websockets.ClientConnection
    arrivals: dict[str, float] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def collect(self) -> None:
        """Note all that comes while it is open."""
        async for text in self.connection:
            message = json.loads(text)
            if message["type"] == "next":
                self.arrivals[message["payload"]["data"]["taskChanged"]["task"]["title"]] = time.perf_counter()
                self.came.set()

    async def arrival(self, title: str) -> float:
        """Wait for a title; return when it came."""
        async with asyncio.timeout(EVENT_SECONDS):
            while title not in self.arrivals:
                self.came.clear()
                await self.came.wait()
        return self.arrivals[title]


async def main(console: Console, events: int) -> int:
    """Measure, print, and say 1 if a bound is exceeded."""
    table = Table("written by", "followed on", "p50 ms", "p99 ms", "longest ms", "at most")
    exceeded = False
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="atrium-bench-"))
        environment = await stack.enter_async_context(
            open_environment(Path(folder), scale=SCALE, console=Console(quiet=True))
        )
        servers = [stack.enter_context(run_server(ATRIUM, environment)) for _ in range(2)]
        superuser = await asyncpg.connect(asyncpg_url(environment.server.superuser_url))
        leader = await _find_leader(superuser, servers)
        await superuser.close()
        servers.sort(key=lambda server: server is not leader)
        followers = [await _follow(stack, server) for server in servers]
        task = f"Task:{environment.data.tasks[0]}"
        for writer, name in zip(servers, ("the sequencing process", "another process"), strict=True):
            delays = await _measure(writer, followers, task, events)
            for follower, seconds in zip((0, 1), delays, strict=True):
                bound = SAME_PROCESS_MS if servers[follower] is writer is leader else OTHER_PROCESS_MS
                p50, p99 = (1000 * percentile(seconds, share) for share in (0.5, 0.99))
                exceeded |= p99 > bound
                figures = [f"{each:.1f}" for each in (p50, p99, 1000 * seconds[-1])]
                table.add_row(name, "the same" if servers[follower] is writer else "the other", *figures, f"{bound:g}")
    console.print(table)
    console.print("A bound is exceeded." if exceeded else "All bounds hold.")
    return int(exceeded)


async def _measure(writer: RunningServer, followers: list[Follower], task: str, events: int) -> list[list[float]]:
    """Return in order, for each follower, how many seconds after their answers updates arrived."""
    chance = random.Random(1)  # noqa: S311  # the same each time
    delays: list[list[float]] = [[] for _ in followers]
    async with httpx.AsyncClient(base_url=writer.url, headers=writer.headers, timeout=EVENT_SECONDS) as http:
        for number in range(-20, events):  # the first ones are for warming up
            title = f"{writer.port} {number}"
            answer = await http.post(
                "/graphql", json={"query": UPDATE, "variables": {"input": {"id": task, "title": title}}}
            )
            answered = time.perf_counter()
            if answer.json()["data"]["updateTask"]["title"] != title:
                raise RuntimeError(answer.text)
            arrivals = [await follower.arrival(title) for follower in followers]
            if number >= 0:
                for found, arrival in zip(delays, arrivals, strict=True):
                    found.append(arrival - answered)
            await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
    return [sorted(each) for each in delays]


async def _follow(stack: AsyncExitStack, server: RunningServer) -> Follower:
    connection = await stack.enter_async_context(
        websockets.connect(
            server.url.replace("http", "ws") + "/graphql",
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            compression=None,
        )
    )
    payload = {"Authorization": server.headers["authorization"]}
    await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
    await connection.recv()
    await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": SUBSCRIPTION}}))
    follower = Follower(connection)
    task = asyncio.create_task(follower.collect())
    stack.callback(task.cancel)
    async with asyncio.timeout(EVENT_SECONDS), httpx.AsyncClient(base_url=server.url) as http:
        while "atrium_subscriptions 1.0" not in (await http.get("/metrics")).text:
            await asyncio.sleep(0.05)
    return follower


async def _find_leader(superuser: asyncpg.Connection, servers: list[RunningServer]) -> RunningServer:
    """Return the server that sequences, once there is one."""
    async with asyncio.timeout(EVENT_SECONDS):
        while (port := await superuser.fetchval(LEADER_PORT)) is None:
            await asyncio.sleep(0.05)
    ports = {server.port: {each.laddr.port for each in server.process.net_connections()} for server in servers}
    return next(server for server in servers if port in ports[server.port])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help=f"how many by each server ({EVENTS})")
    asked = parser.parse_args()
    sys.exit(asyncio.run(main(Console(), asked.events)))
