"""Subscriptions, measured: what one event and a burst cost with 1,000 followers, and what others notice of it.

`uv run python -m bench.followers` takes two minutes. It follows `taskChanged` as members of one tenant on 10 sockets,
then as members of twenty tenants, and prints the CPU that the server takes for each delivery, the connections that
following takes, and how long a query of another tenant takes meanwhile, beside what it takes when nothing happens.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import websockets
from rich.console import Console
from rich.table import Table

from atrium.app import build_auth_config, load_signing_keys
from atrium.settings import Settings
from bench.environment import TOKEN_MINUTES, BenchEnvironment, asyncpg_url, open_environment
from bench.servers import ATRIUM, RunningServer, run_server
from models.base import new_id, now

FOLLOWERS = 1000
SOCKETS = 10
TENANTS = 20
EVENTS = 8  # one at a time
BURST = 50
WRITERS = 10  # at the same time
QUIET = 5  # seconds
PAUSE = 0.5  # seconds between two events
ROUND_SECONDS = 300  # that all deliveries of a round may take
OPEN_SECONDS = 60  # that opening them all may take
SCALE = 0.01  # of the demo data

SUBSCRIPTION = "subscription { taskChanged { cursor action taskId fields task { id title status version } } }"
CREATE = 'mutation { createTask(input: { title: "Plan" }) { ... on Task { id } } }'
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'atrium feed reader'"


@dataclass
class Member:
    """Somebody who follows, and a token of theirs."""

    tenant_id: UUID
    token: str


@dataclass
class Socket:
    """One socket, and what came by it: the cursors, by subscription."""

    connection: websockets.ClientConnection
    cursors: dict[str, list[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    refused: int = 0
    again: set[asyncio.Task[None]] = field(default_factory=set)

    async def subscribe(self, identifier: str, after: float = 0.0) -> None:
        """Subscribe, after some seconds."""
        await asyncio.sleep(after)
        self.cursors.setdefault(identifier, [])
        await self.connection.send(
            json.dumps({"type": "subscribe", "id": identifier, "payload": {"query": SUBSCRIPTION}})
        )

    async def collect(self) -> None:
        """Note all that comes, for as long as it is open; try again what is refused, when the server says."""
        async for text in self.connection:
            message = json.loads(text)
            payload = message.get("payload") or {}
            if message["type"] == "next" and not payload.get("errors"):
                self.cursors[message["id"]].append(int(payload["data"]["taskChanged"]["cursor"]))
            elif message["type"] in {"next", "error"}:
                self._refused(message["id"], (payload if message["type"] == "error" else payload["errors"])[0])

    def _refused(self, identifier: str, error: dict[str, Any]) -> None:
        after = error["extensions"].get("retryAfter")
        if after is None:
            self.failures.append(str(error))
            return
        self.refused += 1
        task = asyncio.create_task(self.subscribe(identifier, after))
        self.again.add(task)
        task.add_done_callback(self.again.discard)


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--followers", type=int, default=FOLLOWERS, help=f"how many ({FOLLOWERS})")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as place:
            with run_server(ATRIUM, place) as server:
                owner = await asyncpg.connect(asyncpg_url(place.server.owner_url))
                members = [member for _ in range(TENANTS) for member in await found(owner, place)]
                for title, who in (("one tenant", members[:1]), (f"{TENANTS} tenants", members)):
                    console.print(await measured(place, server, title, who, asked.followers))
                await owner.close()


async def found(owner: asyncpg.Connection, place: BenchEnvironment) -> list[Member]:
    """Found a tenant with one member; the token is like one that they would get by a login."""
    settings = Settings(secret_key=place.secret, access_token_minutes=TOKEN_MINUTES)
    tenant_id, user_id, session_id = new_id(), new_id(), new_id()
    await owner.execute("INSERT INTO tenants (id, name, slug) VALUES ($1, $2, $2)", tenant_id, f"t-{tenant_id}")
    await owner.execute(
        "INSERT INTO users (id, email, full_name, password_hash) VALUES ($1, $2, 'M', '')", user_id, f"{user_id}@x.org"
    )
    await owner.execute(
        "INSERT INTO memberships (tenant_id, id, user_id, full_name, email) VALUES ($1, $2, $3, '', '')",
        tenant_id,
        new_id(),
        user_id,
    )
    await owner.execute(
        "INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at) VALUES ($1, $2, $3, 'none', $4)",
        session_id,
        user_id,
        tenant_id,
        now() + timedelta(days=1),
    )
    tokens = build_auth_config(settings, load_signing_keys(settings)).tokens
    token, _ = tokens.issue(user_id=user_id, tenant_id=tenant_id, role="MEMBER", session_id=session_id)
    return [Member(tenant_id, token)]


async def measured(
    place: BenchEnvironment, server: RunningServer, title: str, members: list[Member], followers: int
) -> Table:
    """Follow, let things happen, and look what they cost."""
    table = Table(
        *("", "deliveries", "CPU ms each", "seconds", "feed connections", "p50 ms", "p99 ms"),
        title=f"{followers:,} followers of {title}; the last two columns are a query of another tenant",
    )
    async with AsyncExitStack() as stack:
        cpu = server.cpu()
        idle = await queries(server, place, asyncio.sleep(QUIET))
        query_cpu = (server.cpu() - cpu) / len(idle)
        table.add_row("nothing", "", "", "", "", *percentiles(idle))
        sockets = await connected(stack, server, members)
        opening = Opening()
        took = await queries(server, place, opening.run(server, sockets, followers))
        at_once = followers - sum(socket.refused for socket in sockets)
        table.add_row("opening", f"{at_once:,} at once", "", f"{opening.seconds:.1f}", "", *percentiles(took))
        rounds = {
            "all wait": (0, asyncio.sleep(QUIET)),
            f"{EVENTS} events": (EVENTS, singles(server, members)),
            f"burst of {BURST}": (BURST, burst(server, members)),
        }
        for name, (events, work) in rounds.items():
            for socket in sockets:
                socket.cursors = {key: [] for key in socket.cursors}
            cpu, began = server.cpu(), time.perf_counter()
            took = await queries(server, place, delivered(sockets, events, work))
            used, seconds = server.cpu() - cpu - query_cpu * len(took), time.perf_counter() - began
            seen = [seen for socket in sockets for seen in socket.cursors.values()]
            wrong = sum(len(each) != events or each != sorted(set(each)) for each in seen)
            failures = [failure for socket in sockets for failure in socket.failures]
            if wrong or failures:
                raise RuntimeError(f"{wrong} did not get all in order; {failures[:3]}")
            deliveries = sum(map(len, seen))
            each = f"{1000 * used / deliveries:.3f}" if deliveries else ""
            connections = str(await place.superuser.fetchval(CONNECTIONS))
            table.add_row(name, f"{deliveries:,}", each, f"{seconds:.1f}", connections, *percentiles(took))
    return table


async def connected(stack: AsyncExitStack, server: RunningServer, members: list[Member]) -> list[Socket]:
    """Open the sockets."""
    sockets = []
    for number in range(max(SOCKETS, len(members))):
        connection = await stack.enter_async_context(
            websockets.connect(
                server.url.replace("http", "ws") + "/graphql",
                subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
                compression=None,
                max_queue=None,
            )
        )
        token = members[number % len(members)].token
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        await connection.send(json.dumps(init))
        await connection.recv()
        sockets.append(Socket(connection))
        stack.callback(asyncio.create_task(sockets[-1].collect()).cancel)
    return sockets


@dataclass
class Opening:
    """The opening of all subscriptions at once, and how long it took until all were open."""

    seconds: float = 0.0

    async def run(self, server: RunningServer, sockets: list[Socket], followers: int) -> None:
        """Open them."""
        began = time.perf_counter()
        for number in range(followers):
            await sockets[number % len(sockets)].subscribe(str(number))
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http, asyncio.timeout(OPEN_SECONDS):
            while f"atrium_subscriptions {followers}.0" not in (await http.get("/metrics")).text:
                await asyncio.sleep(0.1)
        self.seconds = time.perf_counter() - began


async def singles(server: RunningServer, members: list[Member]) -> None:
    """One event after the other, in every tenant."""
    for _ in range(EVENTS):
        await create(server, members)
        await asyncio.sleep(PAUSE)


async def burst(server: RunningServer, members: list[Member]) -> None:
    """Fifty events as fast as they come, in every tenant."""
    await create(server, members * BURST)


async def create(server: RunningServer, members: list[Member]) -> None:
    """Create a task in the name of each of these."""
    limits = httpx.Limits(max_connections=WRITERS)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=ROUND_SECONDS) as http:

        async def one(member: Member) -> None:
            headers = {"authorization": f"Bearer {member.token}"}
            said = (await http.post("/graphql", json={"query": CREATE}, headers=headers)).json()
            if said.get("errors"):
                raise RuntimeError(said)

        await asyncio.gather(*map(one, members))


async def delivered(sockets: list[Socket], events: int, work: Any) -> None:
    """Do something, and wait until all of it has come to everybody."""
    async with asyncio.timeout(ROUND_SECONDS):
        await work
        while any(len(seen) < events for socket in sockets for seen in socket.cursors.values()):
            await asyncio.sleep(0.05)


async def queries(server: RunningServer, place: BenchEnvironment, work: Any) -> list[float]:
    """Return how many seconds queries of another tenant take, one after the other for as long as some work lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.probe", server.url, place.token),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()  # it has begun
    await work
    said, _ = await process.communicate(b"\n")
    took: list[float] = json.loads(said)
    return took


def percentiles(took: list[float]) -> list[str]:
    """Return the median and the 99th percentile, in milliseconds."""
    return [f"{1000 * sorted(took)[int(len(took) * share)]:.1f}" for share in (0.5, 0.99)]


if __name__ == "__main__":
    asyncio.run(main())
