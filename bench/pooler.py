"""What a pooler of transactions costs: operations straight to PostgreSQL and through PgBouncer, in one run.

`uv run python -m bench.pooler` needs wrk and PgBouncer. It runs two servers on one database and loads them in turns.
Through the pooler statements have no names, so that each is parsed and planned anew, and there is no fast path.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from bench.environment import BenchEnvironment, asyncpg_url, open_environment
from bench.servers import ATRIUM, run_server
from bench.side_by_side import compare_servers
from tests.support.pooler import run_pooler, set_role_settings

SCALE = 0.1  # of the demo data
ROUNDS = 3
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
    with run_server(ATRIUM, environment) as first, run_server(pooled, environment) as second:
        Console().print(await compare_servers({"straight": first, "through PgBouncer": second}, NAMES, ROUNDS))


if __name__ == "__main__":
    asyncio.run(main())
