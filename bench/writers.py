"""Writers beside each other: how many writes a second 1, 8 and 32 of them do, and what the database waits for.

Each server is started anew with a connection for each writer. A write is answered when it is committed, so its latency
is that of the commit and what goes before it.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from atrium.embedded.server import DATABASE, SUPERUSER_ROLE
from bench.effects import require_created
from bench.environment import BenchEnvironment, asyncpg_url
from bench.load import Sample, build_requests, measure_sample
from bench.queries import MUTATIONS, BenchOperation
from bench.results import Results, Spread, spread_of
from bench.servers import RunningServer, ServerKind, run_server

__all__ = ["WRITER_SERVERS", "measure_writers"]

WRITER_SERVERS = ("atrium", "mercurius_jit", "limit")
LOOK_SECONDS = 0.02
SHOWN_WAITS = 4
TITLE = "Writers beside each other"

# A transaction that notified waits for a lock of the whole cluster until another one's commit is on disk. It is one on
# an object, and nothing else here locks any.
NOTIFY_LOCK = "the notify lock"
WAITS_QUERY = """
SELECT CASE WHEN wait_event_type = 'Lock' AND wait_event = 'object' THEN $1
        WHEN wait_event IS NULL THEN 'none' ELSE wait_event_type || ' ' || wait_event END AS wait,
    count(*) AS backends
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()
    AND application_name NOT LIKE 'atrium feed%'
GROUP BY 1
"""


@dataclass
class Waits:
    """What backends were seen to wait for."""

    looks: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def render(self) -> str:
        """Return how many backends waited for what, on average."""
        waits = [(name, count) for name, count in self.seen.most_common() if name != "none"]
        shown = [f"{name} {count / max(1, self.looks):.2f}" for name, count in waits[:SHOWN_WAITS]]
        return ", ".join([*shown, f"none {self.seen['none'] / max(1, self.looks):.2f}"])


async def measure_writers(
    environment: BenchEnvironment,
    kinds: Sequence[ServerKind],
    results: Results,
    *,
    counts: Sequence[int],
    names: Sequence[str],
    rounds: int,
    seconds: float,
) -> None:
    """Measure each mutation with so many writers, all servers in turns, and add the rows to the results."""
    rows = results.tables.setdefault(TITLE, [])
    for count in counts:
        with ExitStack() as stack:
            place = replace(environment, pool=count)
            servers = [stack.enter_context(run_server(k, place)) for k in kinds if k.name in WRITER_SERVERS]
            for server in servers:
                server.pause()
            for operation in (each for each in MUTATIONS if each.name in names):
                rows += await _measure_operation(operation, servers, count, rounds, seconds)
            for server in servers:
                server.resume()


async def _measure_operation(
    operation: BenchOperation, servers: Sequence[RunningServer], count: int, rounds: int, seconds: float
) -> list[dict[str, Any]]:
    samples: dict[str, list[Sample]] = {server.kind.name: [] for server in servers}
    waits = {server.kind.name: Waits() for server in servers}
    for number in range(-1, rounds):  # the first is for warming up
        for server in servers if number % 2 == 0 else reversed(servers):
            seen = waits[server.kind.name] if number >= 0 else Waits()
            server.resume()
            taken = await _measure(operation, server, count, seconds if number >= 0 else 1, seen)
            server.pause()
            if number >= 0:
                samples[server.kind.name].append(taken)
    return [_row(operation, count, server, samples[server.kind.name], waits[server.kind.name]) for server in servers]


def _row(
    operation: BenchOperation, count: int, server: RunningServer, samples: Sequence[Sample], waits: Waits
) -> dict[str, Any]:
    return {
        "operation": operation.name,
        "writers": count,
        "server": server.kind.title,
        "writes/s": spread_of(samples, "per_second").render(0),
        "p50 until committed, ms": spread_of(samples, "p50").render(1),
        "p99 until committed, ms": spread_of(samples, "p99").render(1),
        "CPU, ms": Spread.of(each.server_cpu + each.database_cpu for each in samples).render(3),
        "backends that wait, on average": waits.render(),
        "on the notify lock": f"{waits.seen[NOTIFY_LOCK]} times",
    }


async def _measure(
    operation: BenchOperation, server: RunningServer, count: int, seconds: float, waits: Waits
) -> Sample:
    requests = build_requests(operation, server)
    async with require_created(operation, server) as made, _watch(server.environment, waits):
        taken = await measure_sample([server], requests, seconds, head=operation.head, connections=count)
        made.append(taken.requests)
    return taken


@asynccontextmanager
async def _watch(environment: BenchEnvironment, waits: Waits) -> AsyncIterator[None]:
    """Look at what backends wait for, while this lasts and they are at work."""
    connection = await asyncpg.connect(asyncpg_url(environment.server.database_url(SUPERUSER_ROLE, DATABASE)))

    async def look() -> None:
        while True:
            if found := await connection.fetch(WAITS_QUERY, NOTIFY_LOCK):
                waits.looks += 1
                waits.seen.update({row["wait"]: row["backends"] for row in found})
            await asyncio.sleep(LOOK_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await connection.close()
