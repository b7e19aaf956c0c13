"""Subscriptions, measured: what events cost with 1,000 followers, and what another tenant notices of that and of locks.

`uv run python -m bench.followers` takes three minutes. It follows `taskChanged` as a member of one tenant on 10
sockets, then as members of twenty tenants, each time of a server that has just started: all subscribe at once, then
events come one by one and in a burst. Then ten mutations of one tenant wait for a lock. Meanwhile another tenant
queries. It ends with 1 if an event is lost, doubled or out of order, or if a bound is exceeded: another tenant's p99
may grow threefold, or as much as it does when the same is written and nobody follows.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from bench.environment import asyncpg_url, open_environment
from bench.follower_client import FollowerSocket, Member, create_member, open_sockets
from bench.servers import ATRIUM, RunningServer, run_server

__all__ = ["main"]

FOLLOWERS = 1000
SOCKETS = 10
TENANTS = 20
EVENTS = 8  # one at a time
BURST = 50
WRITERS = 10  # at the same time
LOCKED = 10  # mutations that wait for one row
QUIET_SECONDS = 5
PAUSE_SECONDS = 0.5  # between two events
ROUND_SECONDS = 300  # that all deliveries of a round may take
SCALE = 0.01  # of the demo data
POOL = 10  # connections, the default

OPEN_SECONDS = 15  # in which all are to be open
OPEN_AT_ONCE = 500  # that are to be let in at once
P99_FACTOR = 3  # by which another tenant's p99 may grow
LOCKED_P99_SECONDS = 0.1

CREATE = 'mutation { createTask(input: { title: "Plan" }) { ... on Task { id } } }'
UPDATE = 'mutation($id: ID!) { updateTask(input: { id: $id, title: "Plan B" }) { ... on Task { id } } }'
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'atrium feed reader'"


@dataclass
class Bench:
    """A server that has just started, and what was measured of it."""

    server: RunningServer
    table: Table
    exceeded: list[str] = field(default_factory=list)
    usual_p99: float = 0.0
    query_cpu: float = 0.0
    """CPU seconds of one query of the other tenant."""
    write_cpu: float = 0.0
    """CPU seconds of writing one task that nobody follows."""
    write_p99: float = 0.0
    """The other tenant's p99 while the burst is written and nobody follows."""

    async def query_while(self, name: str, work: Awaitable[object]) -> list[float]:
        """Measure another tenant's queries, one after the other for as long as some work lasts."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.probe", self.server.url, self.server.environment.token),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()  # it has begun
        await work
        output, _ = await process.communicate(b"\n")
        if process.returncode:
            raise RuntimeError(f"{name}: a query of another tenant failed")
        return sorted(json.loads(output))

    async def measure_usual(self) -> None:
        """Measure the other tenant's queries while nothing else happens."""
        await self.query_while("warming", asyncio.sleep(1))
        cpu = self.server.cpu()
        seconds = await self.query_while("nothing", asyncio.sleep(QUIET_SECONDS))
        self.query_cpu, self.usual_p99 = (self.server.cpu() - cpu) / len(seconds), percentile(seconds, 0.99)
        self.add_row("nothing", seconds)

    async def measure_writes(self, members: list[Member]) -> None:
        """Measure the burst while nobody follows."""
        await write(self.server, members[:1] * WRITERS)  # the first one is compiled
        cpu = self.server.cpu()
        seconds = await self.query_while("writes", write(self.server, members * BURST))
        used = self.server.cpu() - cpu - self.query_cpu * len(seconds)
        self.write_cpu = used / (len(members) * BURST)
        self.write_p99 = percentile(seconds, 0.99)
        self.add_row(f"burst of {BURST}, nobody follows", seconds)

    def add_row(self, name: str, seconds: list[float], *cells: str) -> None:
        """Add a row with the percentiles of the other tenant's queries."""
        p50, p99 = (percentile(seconds, share) for share in (0.5, 0.99))
        figures = f"{1000 * p50:.1f}", f"{1000 * p99:.1f}", f"{p99 / self.usual_p99:.1f}"
        self.table.add_row(name, *(cells or ("", "", "", "")), *figures)

    def require(self, condition: bool, text: str) -> None:  # noqa: FBT001  # as an assertion's
        """Note a bound that was exceeded."""
        if not condition:
            self.exceeded.append(text)

    async def measure_opening(self, sockets: list[FollowerSocket], followers: int) -> None:
        """Have all subscribe at once; measure how long it takes until all are open."""
        began, took = time.perf_counter(), 0.0

        async def subscribe() -> None:
            nonlocal took
            for number in range(followers):
                await sockets[number % len(sockets)].subscribe(str(number))
            async with httpx.AsyncClient(base_url=self.server.url, timeout=60) as http:
                while f"atrium_subscriptions {followers}.0" not in (await http.get("/metrics")).text:
                    await asyncio.sleep(0.1)
            took = time.perf_counter() - began

        async with asyncio.timeout(ROUND_SECONDS):
            seconds = await self.query_while("opening", subscribe())
        at_once = followers - sum(socket.refused for socket in sockets)
        self.require(at_once >= min(OPEN_AT_ONCE, followers), f"{at_once} were let in at once")
        self.require(took <= OPEN_SECONDS, f"opening took {took:.1f} s")
        self.add_row("opening", seconds, f"{at_once:,} at once", "", f"{took:.1f}", "")

    async def measure_events(
        self, name: str, sockets: list[FollowerSocket], events: int, work: Awaitable[None], *, tenants: int = 1
    ) -> None:
        """Measure what the delivery of events costs."""
        for socket in sockets:
            socket.forget()
        cpu, began = self.server.cpu(), time.perf_counter()
        seconds = await self.query_while(name, wait_for_delivery(sockets, events, work))
        used, took = self.server.cpu() - cpu - self.query_cpu * len(seconds), time.perf_counter() - began
        used -= self.write_cpu * events * tenants
        cursors = [each for socket in sockets for each in socket.cursors.values()]
        wrong = sum(len(each) != events or each != sorted(set(each)) for each in cursors)
        failures = [failure for socket in sockets for failure in socket.failures]
        if wrong or failures:
            raise RuntimeError(f"{name}: {wrong} subscriptions did not get all in order; {failures[:3]}")
        deliveries = sum(map(len, cursors))
        each = f"{1000 * used / deliveries:.3f}" if deliveries else ""
        connections = await self.server.environment.superuser.fetchval(CONNECTIONS)
        self.add_row(name, seconds, f"{deliveries:,}", each, f"{took:.1f}", str(connections))
        bound = max(P99_FACTOR * self.usual_p99, self.write_p99)
        p99 = percentile(seconds, 0.99)
        self.require(p99 <= bound, f"{name}: another tenant's p99 was {1000 * p99:.0f} ms")


async def main(console: Console, followers: int) -> int:
    """Measure, print, and say 1 if a bound is exceeded."""
    exceeded: list[str] = []
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True), pool=POOL) as environment:
            owner = await asyncpg.connect(asyncpg_url(environment.server.owner_url))
            members = [await create_member(owner, environment) for _ in range(TENANTS)]
            for title, who in (("one tenant", members[:1]), (f"{TENANTS} tenants", members)):
                with run_server(ATRIUM, environment) as server:
                    bench = Bench(server, new_table(f"{followers:,} followers of {title}"))
                    await measure_followers(bench, who, followers)
                console.print(bench.table)
                exceeded += bench.exceeded
            with run_server(ATRIUM, environment) as server:
                bench = Bench(server, new_table(f"{LOCKED} mutations of one tenant that wait for a lock"))
                await measure_locks(bench, owner, members[0])
            console.print(bench.table)
            exceeded += bench.exceeded
            await owner.close()
    console.print("\n".join(exceeded) or "All bounds hold.")
    return int(bool(exceeded))


def new_table(title: str) -> Table:
    """Return a table without rows."""
    columns = ("", "deliveries", "CPU ms each", "seconds", "feed connections", "p50 ms", "p99 ms", "of usual")
    return Table(*columns, title=f"{title}; the last columns are a query of another tenant")


async def measure_followers(bench: Bench, members: list[Member], followers: int) -> None:
    """Have many follow; measure what events cost and what another tenant notices."""
    async with AsyncExitStack() as stack:
        await bench.measure_usual()
        await bench.measure_writes(members)
        sockets = await open_sockets(stack, bench.server, members, max(SOCKETS, len(members)))
        await bench.measure_opening(sockets, followers)
        await bench.measure_events("all wait", sockets, 0, quiet())
        await bench.measure_events(
            f"{EVENTS} events", sockets, EVENTS, write_singly(bench.server, members), tenants=len(members)
        )
        await bench.measure_events(
            f"burst of {BURST}", sockets, BURST, write(bench.server, members * BURST), tenants=len(members)
        )


async def measure_locks(bench: Bench, owner: asyncpg.Connection, member: Member) -> None:
    """Have mutations of one tenant wait for a row; measure what another tenant notices, and ask /readyz."""
    await bench.measure_usual()
    statuses = list[int]()
    async with httpx.AsyncClient(base_url=bench.server.url, headers=member.headers, timeout=ROUND_SECONDS) as http:
        task = (await http.post("/graphql", json={"query": CREATE})).json()["data"]["createTask"]["id"]
        lock = owner.transaction()
        await lock.start()
        await owner.execute("SELECT FROM tasks WHERE id = $1 FOR UPDATE", UUID(task.removeprefix("Task:")))
        body = {"query": UPDATE, "variables": {"id": task}}
        waiting = [asyncio.create_task(http.post("/graphql", json=body)) for _ in range(LOCKED)]

        async def ask_readiness() -> None:
            for _ in range(2 * QUIET_SECONDS):
                statuses.append((await http.get("/readyz")).status_code)
                await asyncio.sleep(PAUSE_SECONDS)

        seconds = await bench.query_while("locks", ask_readiness())
        blocked = sum(not each.done() for each in waiting)
        await lock.rollback()
        answers = await asyncio.gather(*waiting)
        done = sum(not answer.json().get("errors") for answer in answers)
    ready = f"/readyz {'/'.join(map(str, sorted(set(statuses))))}"
    bench.add_row(f"{blocked} wait", seconds, f"{done} done after", "", ready, "")
    p99 = percentile(seconds, 0.99)
    bench.require(p99 <= LOCKED_P99_SECONDS, f"locks: another tenant's p99 was {1000 * p99:.0f} ms")
    bench.require(set(statuses) == {200}, f"locks: /readyz answered {sorted(set(statuses))}")
    bench.require(blocked == done == LOCKED, f"locks: {blocked} waited and {done} were done")


async def quiet() -> None:
    """Let nothing happen for a while."""
    await asyncio.sleep(QUIET_SECONDS)


async def write_singly(server: RunningServer, members: list[Member]) -> None:
    """Write one event after the other, in every tenant."""
    for _ in range(EVENTS):
        await write(server, members)
        await asyncio.sleep(PAUSE_SECONDS)


async def write(server: RunningServer, members: list[Member]) -> None:
    """Create a task in the name of each of these."""
    limits = httpx.Limits(max_connections=WRITERS)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=ROUND_SECONDS) as http:

        async def create(member: Member) -> None:
            answer = (await http.post("/graphql", json={"query": CREATE}, headers=member.headers)).json()
            if answer.get("errors"):
                raise RuntimeError(answer)

        await asyncio.gather(*map(create, members))


async def wait_for_delivery(sockets: list[FollowerSocket], events: int, work: Awaitable[None]) -> None:
    """Do some work, and wait until all of it has come to everybody."""
    async with asyncio.timeout(ROUND_SECONDS):
        await work
        while any(len(seen) < events for socket in sockets for seen in socket.cursors.values()):
            await asyncio.sleep(0.05)


def percentile(ordered: list[float], share: float) -> float:
    """Return a percentile of figures that are in order."""
    return ordered[int(len(ordered) * share)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--followers", type=int, default=FOLLOWERS, help=f"how many ({FOLLOWERS})")
    asked = parser.parse_args()
    wide = Console(width=None if sys.stdout.isatty() else 150)
    sys.exit(asyncio.run(main(wide, asked.followers)))
