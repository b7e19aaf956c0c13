"""How the cost grows: with rows, with depth, with processes, with data."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.environment import BenchEnvironment, load_demo
from bench.load import Sample, build_requests, count_statements, measure_sample
from bench.queries import OPERATIONS, build_deep_query, build_wide_query
from bench.servers import ATRIUM, RunningServer, run_server

__all__ = ["measure_scaling"]

ROWS = (10, 100)
DEPTHS = (1, 2, 3, 4, 5)
LARGE = 10  # times the data
MEASURED_SERVERS = ("atrium", "postgraphile", "limit")


async def measure_scaling(console: Console, servers: Sequence[RunningServer], seconds: float, *, large: bool) -> None:
    """Measure and print."""
    few = [server for server in servers if server.kind.name in MEASURED_SERVERS]
    graphql = [server for server in few if server.kind.name != "limit"]
    queries = {f"{rows} orders a page": (build_wide_query(rows), {"status": "DELIVERED"}) for rows in ROWS}
    queries |= {f"depth {depth}": (build_deep_query(depth), {}) for depth in DEPTHS}
    table = _new_table("what is asked", "The cost of a query by its rows and its depth")
    for title, (texts, variables) in queries.items():
        for server in graphql:
            body = {"query": texts[server.kind.has_own_schema], "variables": variables}
            await _add_row(table, title, server, [body], seconds)
    console.print(table)
    await _measure_processes(console, servers[0].environment, seconds)
    if large:
        await _measure_data(console, few, seconds)


async def _measure_processes(console: Console, environment: BenchEnvironment, seconds: float) -> None:
    """Return one process and two, on whatever cores there are."""
    table = Table("operation", "1 process, requests/s", "2 processes", "times", title="Processes", title_justify="left")
    for name in ("Q1", "Q2", "Q3"):
        figures = []
        for count in (1, 2):
            with ExitStack() as stack:
                several = [stack.enter_context(run_server(ATRIUM, environment)) for _ in range(count)]
                requests = list(_build_requests(name, several[0]))
                await measure_sample(several, requests, 1)
                figures.append((await measure_sample(several, requests, seconds)).per_second)
        table.add_row(name, *(f"{figure:,.0f}" for figure in figures), f"{figures[1] / figures[0]:.2f}")
    console.print(table)


async def _measure_data(console: Console, servers: Sequence[RunningServer], seconds: float) -> None:
    """Return the same operations on ten times the data."""
    table = _new_table("operation", "The cost of a query by the data")
    for scale in (1, LARGE):
        if scale > 1:
            await load_demo(servers[0].environment.server, scale, console)
        for name in ("Q1", "Q2", "Q3", "Q5", "Q6"):
            for server in servers:
                if requests := list(_build_requests(name, server)):
                    await _add_row(table, f"{name}, scale {scale}", server, requests, seconds)
    console.print(table)


def _build_requests(name: str, server: RunningServer) -> Iterable[dict[str, Any]]:
    return build_requests(OPERATIONS[name], server)


async def _add_row(
    table: Table, title: str, server: RunningServer, requests: Sequence[dict[str, Any]], seconds: float
) -> None:
    server.resume()
    counted = await count_statements(server.environment, server, requests)
    await measure_sample([server], requests, 1)
    taken = await measure_sample([server], requests, seconds)
    server.pause()
    table.add_row(title, server.kind.title, *_format_sample(taken), f"{counted:g}")


def _format_sample(taken: Sample) -> list[str]:
    costs = f"{taken.server_cpu:.2f}", f"{taken.database_cpu:.2f}"
    return [f"{taken.per_second:,.0f}", f"{taken.p50:.1f}", f"{taken.p99:.1f}", *costs]


def _new_table(first: str, title: str) -> Table:
    names = ("requests/s", "p50 ms", "p99 ms", "server CPU ms", "database CPU ms", "statements")
    table = Table(first, "server", *names, title=title, title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
    return table
