"""Writers, measured: how many tasks and orders 1, 8 and 32 clients write a second, beside another checkout.

`uv run python -m bench.write_changes --before FOLDER` takes some fifteen minutes and needs wrk. Each checkout serves a
database of its own, with fsync on and the feed running, and they are loaded in turns. What a sample left in the outbox
is sequenced before its CPU is read. Meanwhile `pg_stat_activity` is looked at a hundred times a second: in what share
of the looks some connection of the server waited for the lock that NOTIFY takes (`object`), or for the log to reach the
disk. Without `--before` it measures this checkout alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

WRITERS = (1, 8, 32)
OPERATIONS = ("updateTask", "createTask", "placeOrder")
ROUNDS = 7
SECONDS = 3
FIGURES = {
    "per_second": "writes/s",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "server_cpu": "server CPU ms",
    "database_cpu": "DB CPU ms",
    "notify_waits": "waits for NOTIFY",
    "log_waits": "waits for the log",
}

WORKER = Path(__file__).with_name("write_changes_worker.py")


class Checkout:
    """A checkout that is measured, by a process that runs in it."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self._process = process
        self._answer()  # it has begun

    def measure(self, operation: str, writers: int, seconds: int) -> dict[str, float]:
        """Load it for some seconds; return the figures."""
        assert self._process.stdin is not None
        request = {"operation": operation, "writers": writers, "seconds": seconds}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        figures: dict[str, float] = json.loads(self._answer())
        return figures

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return line


@contextmanager
def open_checkout(name: str, folder: Path) -> Iterator[Checkout]:
    """Serve a checkout for as long as this lasts; its own modules are imported, whoever starts it."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    process = subprocess.Popen(  # noqa: S603  # a command of ours
        [sys.executable, "-P", str(WORKER)],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Checkout(name, process)
    finally:
        assert process.stdin is not None
        process.stdin.close()  # upon which it ends
        process.wait()


def main(arguments: argparse.Namespace, console: Console) -> None:
    """Measure and print."""
    own = Path(__file__).parent.parent
    folders = {"before": arguments.before, "now": own} if arguments.before else {"now": own}
    with ExitStack() as stack:
        checkouts = [stack.enter_context(open_checkout(name, folder)) for name, folder in folders.items()]
        for operation in arguments.operations:
            table = Table("writers", "", *FIGURES.values(), title=f"{operation}: median of {arguments.rounds} rounds")
            for writers in WRITERS:
                add_rows(table, writers, measure(checkouts, operation, writers, arguments))
            console.print(table)


def measure(
    checkouts: list[Checkout], operation: str, writers: int, arguments: argparse.Namespace
) -> dict[str, list[dict[str, float]]]:
    """Return the figures of all rounds, by checkout; the first round is for warming up."""
    found: dict[str, list[dict[str, float]]] = {checkout.name: [] for checkout in checkouts}
    for round_ in range(arguments.rounds + 1):
        for checkout in checkouts if round_ % 2 else reversed(checkouts):
            figures = checkout.measure(operation, writers, arguments.seconds if round_ else 1)
            if round_:
                found[checkout.name].append(figures)
    return found


def add_rows(table: Table, writers: int, found: dict[str, list[dict[str, float]]]) -> None:
    """Add the medians, and how many times the one before is now."""
    for name, rounds in found.items():
        medians = [statistics.median(figures[key] for figures in rounds) for key in FIGURES]
        least, most = (choose(figures["per_second"] for figures in rounds) for choose in (min, max))
        cells = [f"{medians[0]:,.0f} ({least:,.0f} to {most:,.0f})", *(f"{each:.2f}" for each in medians[1:-2])]
        table.add_row(str(writers), name, *cells, *(f"{each:.1%}" for each in medians[-2:]))
    if len(found) > 1:
        pairs: Any = zip(*found.values(), strict=True)
        ratios = [now["per_second"] / before["per_second"] for before, now in pairs]
        span = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        table.add_row(str(writers), "times", span, end_section=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="the folder of another checkout, such as a worktree of a tag")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"samples of each ({ROUNDS})")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"that a sample takes ({SECONDS})")
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=OPERATIONS, help="which ones (all)")
    main(parser.parse_args(), Console(width=None if sys.stdout.isatty() else 160))
