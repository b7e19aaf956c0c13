"""The guard: makes sure that Atrium's operations cost what they did, in CPU and in statements.

`uv run python -m bench --guard` takes about a minute and needs neither wrk nor Node. Requests per second tell little on
a machine that others use as well, so it looks at two figures that stay: how much CPU of its server an operation takes,
beside what the usual way of writing the same with Strawberry takes in the same run, and how many statements it takes.
It looks at each way that an operation can go: the fast path, the reference executor, and a write. What is recorded in
`guard.json` is how many times as much the usual way took; `--record` writes it anew.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.environment import open_environment
from bench.keep_alive import send_all
from bench.load import build_requests, count_statements
from bench.normalize import require_equal_answers
from bench.queries import OPERATIONS
from bench.servers import ATRIUM, PEERS, REFERENCE, RunningServer, ServerKind, run_server

__all__ = ["Cost", "Way", "find_dearer", "main", "measure_cost", "measure_way"]

SCALE = 0.03  # of the demo data: 150 orders
ROUNDS = 6  # turns; the first is for warming up
MAX_ROUNDS = 14  # for as long as an operation seems to cost more than it may
REQUESTS_PER_ROUND = {"atrium": 1_500, "atrium_reference": 60, "strawberry_plain": 60}  # operations in a turn
LEAST_FAST_SHARE = 0.9  # of the operations of a way that is to be the fast path

TOLERANCE = 0.6  # of the recorded figure is enough: others on the machine move it by a fifth
MAX_STATEMENTS = 1
RECORD = Path(__file__).with_name("guard.json")

USUAL = next(kind for kind in PEERS if kind.name == "strawberry_plain")


@dataclass(frozen=True)
class Way:
    """A way that operations go, of which each may cost so much."""

    name: str
    kind: ServerKind
    operations: tuple[str, ...]
    is_fast: bool = True
    """Whether they take the fast path, and so one statement."""


WAYS = (
    Way("fast path", ATRIUM, ("Q1", "Q2", "Q3", "Q5")),
    Way("one write", ATRIUM, ("Q4",)),
    Way("reference", REFERENCE, ("Q1", "Q2", "Q3"), is_fast=False),
)

Recorded = Mapping[str, Mapping[str, float]]
"""By way and operation, how many times as much CPU the usual way took."""


@dataclass(frozen=True)
class Cost:
    """What an operation takes of the server's CPU."""

    way: str
    operation: str
    own: float
    """Milliseconds of Atrium's."""
    usual: float
    """Milliseconds of the usual way."""
    statements: float | None = None
    """Statements of Atrium's, where they are bounded."""

    @property
    def times(self) -> float:
        """Return how many times as much the usual way takes."""
        return self.usual / self.own


def find_dearer(costs: Sequence[Cost], recorded: Recorded) -> list[Cost]:
    """Return those that cost more than they may."""
    return [cost for cost in costs if _is_dearer(cost, recorded) or (cost.statements or 0) > MAX_STATEMENTS]


def _is_dearer(cost: Cost, recorded: Recorded) -> bool:
    return cost.times < TOLERANCE * recorded[cost.way][cost.operation]


async def main(console: Console, *, record: bool = False) -> int:
    """Measure, print, and return 1 if something costs more than it may; with `record`, write down what it costs."""
    recorded = None if record else json.loads(RECORD.read_text())
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder, ExitStack() as stack:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as environment:
            usual = stack.enter_context(run_server(USUAL, environment))
            running = {kind.name: stack.enter_context(run_server(kind, environment)) for kind in (ATRIUM, REFERENCE)}
            for way in WAYS:
                costs += await measure_way(way, running[way.kind.name], usual, recorded)
            stack.close()
    if recorded is None:
        found = {
            way.name: {each.operation: round(each.times, 1) for each in costs if each.way == way.name} for way in WAYS
        }
        RECORD.write_text(json.dumps(found, indent=2) + "\n")
        recorded = found
    dearer = find_dearer(costs, recorded)
    _print(console, costs, recorded)
    for cost in dearer:
        console.print(f"{cost.operation} by the way `{cost.way}` costs more than it may.")
    console.print(f"Atrium's operations cost {'more than' if dearer else 'what'} they did.")
    return int(bool(dearer))


def _print(console: Console, costs: Sequence[Cost], recorded: Recorded) -> None:
    table = Table("way", "operation", "Atrium, CPU ms", "the usual way", "times", "recorded", "at least", "statements")
    for cost in costs:
        times = recorded[cost.way][cost.operation]
        figures = (
            f"{cost.own:.3f}",
            f"{cost.usual:.1f}",
            f"{cost.times:.1f}",
            f"{times:.1f}",
            f"{TOLERANCE * times:.1f}",
        )
        table.add_row(cost.way, cost.operation, *figures, "" if cost.statements is None else f"{cost.statements:g}")
    console.print(table)


async def measure_way(
    way: Way, server: RunningServer, usual: RunningServer, recorded: Recorded | None = None
) -> list[Cost]:
    """Return what the operations of a way cost; where they seem to cost more than recorded, measured for longer.

    Raises:
        RuntimeError: they do not go that way.
    """
    found = []
    for name in way.operations:
        operation = OPERATIONS[name]
        require_equal_answers(operation, [server, usual])
        counted = None
        if way.is_fast:
            requests = build_requests(operation, server, draw=-1)
            counted = await count_statements(server.environment, server, requests)
        found.append(await _measure_operation(way, name, [server, usual], counted, recorded))
    return found


async def _measure_operation(
    way: Way, name: str, servers: Sequence[RunningServer], statements: float | None, recorded: Recorded | None
) -> Cost:
    """Return the medians of several turns: what others do on the machine falls on a few of them."""
    taken: list[list[float]] = [[] for _ in servers]
    before, sent = count_fast(servers[0]), 0
    for round_ in range(MAX_ROUNDS):
        for number, server in enumerate(servers):
            times = REQUESTS_PER_ROUND[server.kind.name]
            milliseconds = await measure_cost(name, server, draw=1 + round_ * len(servers) + number, times=times)
            if round_:
                taken[number].append(milliseconds)
        sent += REQUESTS_PER_ROUND[servers[0].kind.name]
        if round_ + 1 < ROUNDS:
            continue
        cost = Cost(way.name, name, median(taken[0]), median(taken[1]), statements)
        if recorded is None or not _is_dearer(cost, recorded):
            break
    share = (count_fast(servers[0]) - before) / sent
    if way.is_fast != (share >= LEAST_FAST_SHARE):
        raise RuntimeError(f"{share:.0%} of {name} took the fast path, which is to be the way `{way.name}`")
    return cost


def count_fast(server: RunningServer) -> float:
    """Return how many operations took the fast path so far."""
    found = re.search(r"(?m)^atrium_fast_path_operations_total (\S+)$", server.http.get("/metrics").text)
    return float(found[1]) if found else 0.0


async def measure_cost(name: str, server: RunningServer, *, draw: int, times: int) -> float:
    """Return the milliseconds of CPU that one operation takes, of so many that are sent."""
    await server.environment.drain()  # or the server seals what another one wrote
    drawn = build_requests(OPERATIONS[name], server, draw=draw)  # an update that was sent is no change
    requests = list(islice(cycle(drawn), times))
    before = server.cpu()
    await send_all(server.port, server.headers, requests)
    return 1000 * (server.cpu() - before) / times
