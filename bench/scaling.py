"""How the cost grows: with rows, with depth, with processes, with data."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.environment import Place, grow
from bench.load import Sample, bodies, sample, statements
from bench.queries import OPERATIONS, deep, wide
from bench.servers import ATRIUM, Running, running

__all__ = ["show"]

ROWS = (10, 100)
DEPTHS = (1, 2, 3, 4, 5)
LARGE = 10  # times the data
MEASURED = ("atrium", "postgraphile", "limit")


async def show(console: Console, servers: Sequence[Running], seconds: float, *, large: bool) -> None:
    """Measure and print."""
    few = [server for server in servers if server.kind.name in MEASURED]
    graphql = [server for server in few if server.kind.name != "limit"]
    queries = {f"{rows} orders a page": (wide(rows), {"status": "DELIVERED"}) for rows in ROWS}
    queries |= {f"depth {depth}": (deep(depth), {}) for depth in DEPTHS}
    table = _table("what is asked", "The cost of a query by its rows and its depth")
    for title, (texts, variables) in queries.items():
        for server in graphql:
            body = {"query": texts[server.kind.own], "variables": variables}
            await _row(table, title, server, [body], seconds)
    console.print(table)
    await _processes(console, servers[0].place, seconds)
    if large:
        await _data(console, few, seconds)


async def _processes(console: Console, place: Place, seconds: float) -> None:
    """One process and two, on whatever cores there are."""
    table = Table("operation", "1 process, requests/s", "2 processes", "times", title="Processes", title_justify="left")
    for name in ("Q1", "Q2", "Q3"):
        figures = []
        for count in (1, 2):
            with ExitStack() as stack:
                several = [stack.enter_context(running(ATRIUM, place)) for _ in range(count)]
                requests = list(_requests(name, several[0]))
                await sample(several, requests, 1)
                figures.append((await sample(several, requests, seconds)).per_second)
        table.add_row(name, *(f"{figure:,.0f}" for figure in figures), f"{figures[1] / figures[0]:.2f}")
    console.print(table)


async def _data(console: Console, servers: Sequence[Running], seconds: float) -> None:
    """The same operations on ten times the data."""
    table = _table("operation", "The cost of a query by the data")
    for scale in (1, LARGE):
        if scale > 1:
            await grow(servers[0].place.server, scale, console)
        for name in ("Q1", "Q2", "Q3", "Q5", "Q6"):
            for server in servers:
                if requests := list(_requests(name, server)):
                    await _row(table, f"{name}, scale {scale}", server, requests, seconds)
    console.print(table)


def _requests(name: str, server: Running) -> Iterable[dict[str, Any]]:
    return bodies(OPERATIONS[name], server)


async def _row(table: Table, title: str, server: Running, requests: Sequence[dict[str, Any]], seconds: float) -> None:
    server.wake()
    counted = await statements(server.place, server, requests)
    await sample([server], requests, 1)
    taken = await sample([server], requests, seconds)
    server.rest()
    table.add_row(title, server.kind.title, *_figures(taken), f"{counted:g}")


def _figures(taken: Sample) -> list[str]:
    costs = f"{taken.server_cpu:.2f}", f"{taken.database_cpu:.2f}"
    return [f"{taken.per_second:,.0f}", f"{taken.p50:.1f}", f"{taken.p99:.1f}", *costs]


def _table(first: str, title: str) -> Table:
    names = ("requests/s", "p50 ms", "p99 ms", "server CPU ms", "database CPU ms", "statements")
    table = Table(first, "server", *names, title=title, title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
    return table
