"""The guard: makes sure that Atrium's operations cost what they did, in CPU and in statements.

`uv run python -m bench --guard` takes less than a minute and needs neither wrk nor Node. Requests per second tell
little on a machine that others use as well, so it looks at two figures that stay: how much CPU of its server an
operation takes, beside what the usual way of writing the same with Strawberry takes in the same run, and how many
statements it takes.
"""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from bench.environment import open_environment
from bench.load import build_requests, count_statements
from bench.normalize import require_equal_answers
from bench.queries import OPERATIONS
from bench.servers import ATRIUM, PEERS, RunningServer, run_server

__all__ = ["main", "measure_cost"]

SCALE = 0.03  # of the demo data: 150 orders
ROUNDS = 4  # the first is for warming up
MAX_ROUNDS = 12  # for as long as an operation seems to cost more than it may
CONCURRENCY = 8
REQUESTS_PER_ROUND = {"atrium": 500, "strawberry_plain": 40}  # operations in a round

RECORDED_RATIOS = {"Q1": 24.0, "Q2": 70.0, "Q3": 14.0, "Q4": 8.0, "Q5": 12.0}
"""How many times Atrium's CPU the usual way took when this was last measured."""
TOLERANCE = 0.25  # of the recorded figure is enough: where system calls are dear or others busy, it is half of it
MAX_STATEMENTS = 1


async def main(console: Console) -> int:
    """Measure, print, and say 1 if something costs more than it may."""
    table = Table("operation", "Atrium, CPU ms", "the usual way", "times", "at least", "statements", "at most")
    failed = False
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder, ExitStack() as stack:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as environment:
            usual = next(kind for kind in PEERS if kind.name == "strawberry_plain")
            servers = [stack.enter_context(run_server(kind, environment)) for kind in (ATRIUM, usual)]
            for name, recorded in RECORDED_RATIOS.items():
                operation = OPERATIONS[name]
                require_equal_answers(operation, servers)
                requests = build_requests(operation, servers[0], draw=-1)
                counted = await count_statements(environment, servers[0], requests)
                least = recorded * TOLERANCE
                own, other = await _measure_costs(name, servers, least)
                failed |= other / own < least or counted > MAX_STATEMENTS
                figures = (f"{own:.2f}", f"{other:.1f}", f"{other / own:.1f}", f"{least:.1f}", f"{counted:g}")
                table.add_row(name, *figures, str(MAX_STATEMENTS))
            stack.close()
    console.print(table)
    console.print(f"Atrium's operations cost {'more than' if failed else 'what'} they did.")
    return int(failed)


async def _measure_costs(name: str, servers: list[RunningServer], least: float) -> list[float]:
    """Milliseconds of CPU an operation, of each server; in turns, the least, since what others do only adds to it."""
    best = [float("inf")] * len(servers)
    for round_ in range(MAX_ROUNDS):
        taken = [
            await measure_cost(
                name, server, draw=1 + round_ * len(servers) + number, times=REQUESTS_PER_ROUND[server.kind.name]
            )
            for number, server in enumerate(servers)
        ]
        if round_:
            best = [min(pair) for pair in zip(best, taken, strict=True)]
        if round_ + 1 >= ROUNDS and best[1] / best[0] >= least:
            break
    return best


async def measure_cost(name: str, server: RunningServer, *, draw: int, times: int) -> float:
    """Return the milliseconds of CPU that one operation takes, of so many that are sent."""
    await server.environment.drain()  # or the server seals what another one wrote
    waiting = iter(build_requests(OPERATIONS[name], server, draw=draw)[:times])  # an update that was sent is no change
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=60) as http:

        async def client() -> None:
            for body in waiting:
                (await http.post("/graphql", json=body)).raise_for_status()

        before = server.cpu()
        await asyncio.gather(*(client() for _ in range(CONCURRENCY)))
        return 1000 * (server.cpu() - before) / times
