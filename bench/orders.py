"""Orders, measured: placing them, replaying them, and how the cost grows with history.

`uv run python -m bench.orders` takes some minutes and needs wrk, which places them; `--events 1000000` also measures
after a million events. Figures of one run on one machine are good for comparing with each other, and for nothing else.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from bench.effects import require_created
from bench.environment import BenchEnvironment, asyncpg_url, open_environment
from bench.load import build_requests, measure_sample
from bench.queries import OPERATIONS
from bench.servers import ATRIUM, RunningServer, run_server

SECONDS = 5.0  # of a measurement
SCALE = 0.01  # of the demo data

# One placed and confirmed order per two events, with one item; the projection alongside.
INSERT_HISTORY = """
WITH numbers AS (SELECT n, gen_random_uuid() AS stream, gen_random_uuid() AS item FROM generate_series(1, $1) n),
who AS (SELECT m.tenant_id, m.user_id, (SELECT id FROM products p WHERE p.tenant_id = m.tenant_id LIMIT 1) AS product,
        least(0, (SELECT min(number) FROM orders o WHERE o.tenant_id = m.tenant_id)) AS lowest
    FROM memberships m JOIN tenants t ON t.id = m.tenant_id WHERE t.slug = 'acme' AND m.role = 'OWNER'),
placed AS (
    INSERT INTO events (tenant_id, id, stream_type, stream_id, version, type, payload, actor_id, created_at)
    SELECT w.tenant_id, gen_random_uuid(), 'order', stream, v,
        CASE v WHEN 1 THEN 'OrderPlaced' ELSE 'OrderConfirmed' END,
        CASE v WHEN 1 THEN jsonb_build_object(
            'number', w.lowest - n, 'user_id', w.user_id, 'currency', 'EUR',
            'shipping_address', 'x', 'lines', jsonb_build_array(
                jsonb_build_object('item_id', item, 'product_id', w.product, 'quantity', 1, 'unit_price_minor', 100)
            )) ELSE '{}' END,
        w.user_id, '2026-01-01'::timestamptz + n * interval '1 second' + v * interval '1 ms'
    FROM numbers, who w, generate_series(1, 2) v),
projected AS (INSERT INTO orders SELECT w.tenant_id, stream, w.user_id, 'CONFIRMED', 100, 'EUR', 'x',
    '2026-01-01'::timestamptz + n * interval '1 second' + interval '1 ms',
    '2026-01-01'::timestamptz + n * interval '1 second' + interval '2 ms', 2, w.lowest - n FROM numbers, who w)
INSERT INTO order_items SELECT w.tenant_id, item, stream, w.product, 1, 1, 100, 100, 'EUR' FROM numbers, who w
"""


@dataclass
class OrderBench:
    """A server, a client that asks it as acme's owner, and the database beside it."""

    environment: BenchEnvironment
    server: RunningServer
    http: httpx.AsyncClient
    owner: asyncpg.Connection

    async def execute(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of an operation."""
        body = (await self.http.post("/graphql", json={"query": query, "variables": variables})).json()
        if body.get("errors"):
            raise RuntimeError(body["errors"])
        data: dict[str, Any] = body["data"]
        return data


@asynccontextmanager
async def open_bench() -> AsyncIterator[OrderBench]:
    """Serve for as long as this lasts, from an empty folder."""
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as environment:
            with run_server(ATRIUM, environment) as server:
                owner_connection = await asyncpg.connect(asyncpg_url(environment.server.owner_url))
                async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=60) as http:
                    yield OrderBench(environment, server, http, owner_connection)
                await owner_connection.close()


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="how many events to grow the history to")
    events = parser.parse_args().events
    console = Console()
    async with open_bench() as shop:
        console.print(await measure_throughput(shop))
        console.print(await measure_history_growth(shop, events))


async def measure_throughput(bench: OrderBench) -> Table:
    """Return how many orders are placed by 1, 8 and 32 clients at once."""
    table = Table(
        "clients", "orders/s", "p50 ms", "p99 ms", "server CPU ms", "database CPU ms", title="placeOrder, one item"
    )
    for clients in (1, 8, 32):
        table.add_row(str(clients), *await _place_orders(bench, clients))
    return table


async def measure_history_growth(bench: OrderBench, events: int) -> Table:
    """Return what an order costs after a short history and after a long one, and how long replaying it takes."""
    table = Table(
        "events", "orders/s", "p50 ms", "p99 ms", "server CPU ms", "database CPU ms", "replay s", title="history"
    )
    for size in sorted({10_000, events}):
        have = await bench.owner.fetchval("SELECT count(*) FROM events")
        while have < size:
            await bench.owner.execute(INSERT_HISTORY, min(25_000, (size - have + 1) // 2))
            have = await bench.owner.fetchval("SELECT count(*) FROM events")
        await bench.owner.execute("ANALYZE")
        await bench.environment.drain()
        table.add_row(f"{have:,}", *await _place_orders(bench, 1), f"{await _time_replay(bench):.1f}")
    return table


async def _place_orders(bench: OrderBench, clients: int) -> list[str]:
    operation = OPERATIONS["Q9"]
    async with require_created(operation, bench.server) as made:
        requests = build_requests(operation, bench.server)
        taken = await measure_sample([bench.server], requests, SECONDS, connections=clients)
        made.append(taken.requests)
    figures = (taken.per_second, taken.p50, taken.p99, taken.server_cpu, taken.database_cpu)
    return [f"{figure:.1f}" for figure in figures]


async def _time_replay(bench: OrderBench) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "atrium", "replay"]
    process = await asyncio.create_subprocess_exec(
        *command, env=bench.server.process.environ(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(said.decode()[-2000:])
    return time.perf_counter() - began


if __name__ == "__main__":
    asyncio.run(main())
