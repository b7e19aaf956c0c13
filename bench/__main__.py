"""Atrium beside other GraphQL servers, measured: one database, one process each, the same operations.

`uv run python -m bench` brings everything up, makes sure that all answer the same and leave the same behind, loads one
server after the other, and prints how Atrium does beside each. It needs wrk; Node is installed with it. It has
parts: `compare` under wrk's full load, latency at fixed `rates`, `writers` beside each other, and `growth` with rows,
depth, processes and data. `--help` tells the rest.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import chart, regression, report, scaling
from bench.conditions import print_conditions
from bench.effects import require_equal_effects
from bench.environment import POOL, BenchEnvironment, open_environment
from bench.fixed_rate import measure_rates
from bench.load import Sample, build_requests, count_statements, find_wrk, measure_sample, measure_undisturbed
from bench.normalize import require_equal_answers
from bench.queries import OPERATIONS, BenchOperation
from bench.results import Results
from bench.servers import ATRIUM, PEERS, RunningServer, ServerUnavailable, run_server
from bench.writers import measure_writers

WARM_UP_SECONDS = 2  # seconds
PARTS = ("compare", "rates", "writers", "growth")
WRITERS = (1, 8, 32)

console = Console(highlight=False, width=None if sys.stdout.isatty() else 240)


def parse_arguments() -> argparse.Namespace:
    """Return what to do."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS, help="what to measure (all)")
    parser.add_argument("--seconds", type=float, default=3, help="length of one sample (3)")
    parser.add_argument("--rounds", type=int, default=7, help="samples of each server and operation, in turns (7)")
    parser.add_argument(
        "--only", nargs="*", default=list(OPERATIONS), choices=OPERATIONS, help="operations, such as Q2"
    )
    names = [kind.name for kind in PEERS]
    parser.add_argument("--peers", nargs="*", default=names, choices=names, help="servers to measure beside")
    parser.add_argument("--socket", choices=("tcp", "unix"), default="tcp", help="how all reach the database (tcp)")
    parser.add_argument(
        "--rates", nargs="*", type=float, default=[], help="requests a second (half of what the slowest server did)"
    )
    parser.add_argument("--writers", nargs="*", type=int, default=list(WRITERS), help="how many at once (1 8 32)")
    parser.add_argument(
        "--large", action="store_true", help="also with ten times the data, which takes minutes to load"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--svg", type=Path, help="where to draw them")
    parser.add_argument("--markdown", type=Path, help="where to write them as tables")
    parser.add_argument("--data", type=Path, help="keep the database in this folder, for the next run")
    parser.add_argument("--pool", type=int, default=POOL, help=f"connections of each server ({POOL}, two a core)")
    parser.add_argument("--guard", action="store_true", help="only make sure that Atrium costs no more than it did")
    parser.add_argument("--record", action="store_true", help="with --guard: what it costs now is what it may cost")
    return parser.parse_args()


async def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    find_wrk()
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as temporary, ExitStack() as stack:
        folder = arguments.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        async with open_environment(
            folder, scale=1, console=console, pool=arguments.pool, unix_socket=arguments.socket == "unix"
        ) as environment:
            servers, absent = _start_servers(stack, environment, arguments.peers)
            results = Results(conditions=await print_conditions(console, environment, servers))
            await _measure_parts(servers, absent, results, arguments)
            stack.close()


async def _measure_parts(
    servers: list[RunningServer], absent: dict[str, str], results: Results, arguments: argparse.Namespace
) -> None:
    """Measure each part, and write what was found after each, so that a long run that ends early leaves something."""
    operations = [OPERATIONS[name] for name in OPERATIONS if name in arguments.only]
    span = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    if "compare" in arguments.parts:
        for operation in operations:
            await _measure(operation, servers, absent, results, arguments)
        results.memory = {server.kind.name: server.memory() for server in servers}
        report.print_results(console, results)
        _write(results, arguments)
    if "rates" in arguments.parts:
        await measure_rates(servers, operations, results, rates=arguments.rates, **span)
        _write(results, arguments)
    if "writers" in arguments.parts:
        kinds = [server.kind for server in servers]
        await measure_writers(
            servers[0].environment, kinds, results, counts=arguments.writers, names=arguments.only, **span
        )
        _write(results, arguments)
    report.print_tables(console, results)
    if "growth" in arguments.parts:
        await scaling.measure_scaling(console, servers, arguments.seconds, large=arguments.large)


def _write(results: Results, arguments: argparse.Namespace) -> None:
    figures = report.to_figures(results)
    written: dict[Path | None, Any] = {
        arguments.json: lambda: json.dumps(figures, indent=2) + "\n",
        arguments.markdown: lambda: report.render_markdown(figures),
    }
    if figures["details"]:
        written[arguments.svg] = lambda: chart.draw_chart(figures)
    for path, text in written.items():
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text())


def _start_servers(
    stack: ExitStack, environment: BenchEnvironment, names: list[str]
) -> tuple[list[RunningServer], dict[str, str]]:
    """Return the servers, each stopped in its tracks until it is its turn; and why some are not there."""
    servers, absent = [stack.enter_context(run_server(ATRIUM, environment))], {}
    for kind in (kind for kind in PEERS if kind.name in names):
        try:
            servers.append(stack.enter_context(run_server(kind, environment)))
        except ServerUnavailable as reason:
            absent[kind.name] = str(reason)
            console.print(f"{kind.title} is left blank: {reason}", markup=False)
    for server in servers:
        server.pause()
    return servers, absent


async def _measure(
    operation: BenchOperation,
    servers: list[RunningServer],
    absent: dict[str, str],
    results: Results,
    arguments: argparse.Namespace,
) -> None:
    blanks = results.blanks.setdefault(operation.name, dict(absent))
    able = []
    for server in servers:
        if reason := server.blank_reason(operation):
            blanks[server.kind.name] = reason
            console.print(f"{operation.name}: {server.kind.title} is left blank: {reason}.", markup=False)
        else:
            able.append(server)
    for server in able:
        server.resume()
    require_equal_answers(operation, able)
    if not operation.is_query:
        await require_equal_effects(operation, able)
    for server in able:
        server.pause()
    samples: dict[str, list[Sample]] = {server.kind.name: [] for server in able}
    requests = {server.kind.name: build_requests(operation, server) for server in able}
    counted = results.statements.setdefault(operation.name, {})
    for server in able:
        server.resume()
        bodies, head = requests[server.kind.name], operation.head
        counted[server.kind.name] = await count_statements(server.environment, server, bodies, head)
        await measure_sample([server], bodies, min(WARM_UP_SECONDS, arguments.seconds), head=head)
        server.pause()
    for number in range(arguments.rounds):
        for server in able if number % 2 == 0 else reversed(able):
            server.resume()
            taken = await measure_undisturbed(server, operation, requests[server.kind.name], arguments.seconds)
            server.pause()
            samples[server.kind.name].append(taken)
    results.samples[operation.name] = samples
    report.print_operation(console, operation.name, results)


if __name__ == "__main__":
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no server is left behind
    if options.guard:
        sys.exit(asyncio.run(regression.main(console, record=options.record)))
    asyncio.run(main(options))
