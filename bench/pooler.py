"""What a pooler of transactions costs: operations straight to PostgreSQL and through PgBouncer, in one run.

`uv run python -m bench.pooler` needs wrk and PgBouncer. It runs two servers on one database and loads them in turns.
Through the pooler statements have no names, so that each is parsed and planned anew, and there is no fast path.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.environment import BenchEnvironment, asyncpg_url, open_environment
from bench.load import Sample, build_requests, measure_undisturbed
from bench.queries import OPERATIONS
from bench.servers import ATRIUM, RunningServer, run_server
from tests.support.pooler import run_pooler, set_role_settings

SCALE = 0.1  # of the demo data
ROUNDS = 3
SECONDS = 2.0  # of load in a round
NAMES = ("Q1", "Q3", "Q4")


@dataclass(frozen=True)
class Addresses:
    """The addresses of the database, by role."""

    superuser: str
    owner: str
    runtime: str


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        async with (
            AsyncExitStack() as stack,
            open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as environment,
        ):
            server = environment.server
            urls = Addresses(server.superuser_url, server.owner_url, server.runtime_url)
            await set_role_settings(urls)
            pooled = await stack.enter_async_context(run_pooler(urls, "transaction", ignored=""))
            await _compare(environment, pooled.runtime)


async def _compare(environment: BenchEnvironment, pooler_url: str) -> None:
    straight = ATRIUM.peer_variables(environment)
    variables = {
        **straight,
        "ATRIUM_DATABASE_URL": asyncpg_url(pooler_url),
        "ATRIUM_DATABASE_DIRECT_URL": straight["ATRIUM_DATABASE_URL"],
    }
    pooled = replace(ATRIUM, name="atrium_pooled", title="through PgBouncer", peer_variables=lambda _: variables)
    columns = ("requests/s", "p50 ms", "server CPU ms", "database CPU ms")
    table = Table("operation", "way", *columns, title="Medians of the rounds", title_justify="left")
    with run_server(ATRIUM, environment) as first, run_server(pooled, environment) as second:
        for name in NAMES:
            rounds = [
                [await _measure(name, server, draw=1 + round_) for server in (first, second)]
                for round_ in range(ROUNDS + 1)
            ][1:]
            for way, samples in zip(("straight", "through PgBouncer"), zip(*rounds, strict=True), strict=True):
                table.add_row(name, way, *_medians(samples))
    Console().print(table)


async def _measure(name: str, server: RunningServer, *, draw: int) -> Sample:
    requests = build_requests(OPERATIONS[name], server, draw=draw)
    return await measure_undisturbed(server, OPERATIONS[name], requests, SECONDS)


def _medians(samples: Sequence[Sample]) -> list[str]:
    figures = ("per_second", "p50", "server_cpu", "database_cpu")
    found = [statistics.median(getattr(sample, figure) for sample in samples) for figure in figures]
    return [f"{found[0]:.0f}", f"{found[1]:.1f}", f"{found[2]:.3f}", f"{found[3]:.3f}"]


if __name__ == "__main__":
    asyncio.run(main())
