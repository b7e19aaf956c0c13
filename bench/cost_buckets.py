"""What the cost buckets cost: CPU of an operation with them and without, in one run.

`uv run python -m bench.cost_buckets` runs two servers on one database, one of which limits nothing, loads them in
turns, and prints the least CPU that an operation took of each, and the median of the rounds' ratios.
"""

import asyncio
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.environment import BenchEnvironment, open_environment
from bench.regression import measure_cost
from bench.servers import ATRIUM, COST_VARIABLES, run_server

SCALE = 0.03  # of the demo data
ROUNDS = 6  # after the first, which is for warming up
REQUESTS = 1000  # in a round
NAMES = ("Q1", "Q2")


def _without_buckets(environment: BenchEnvironment) -> dict[str, str]:
    off = {name: "0" for name in COST_VARIABLES if name.endswith("_MAXIMUM")}
    return {**ATRIUM.peer_variables(environment), **off}


async def main() -> None:
    """Measure and print."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder, ExitStack() as stack:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as environment:
            off = replace(ATRIUM, name="atrium_without", peer_variables=_without_buckets)
            servers = [stack.enter_context(run_server(kind, environment)) for kind in (off, ATRIUM)]
            cases = [*servers, replace(servers[1], headers={**servers[1].headers, "atrium-cost": "1"})]
            for name in NAMES:
                rounds = [
                    [await measure_cost(name, server, draw=1 + round_, times=REQUESTS) for server in cases]
                    for round_ in range(ROUNDS + 1)
                ][1:]
                least = [min(times) for times in zip(*rounds, strict=True)]
                ratios = [statistics.median(times[case] / times[0] for times in rounds) for case in (1, 2)]
                off_ms, on_ms, told_ms = (f"{each:.3f} ms" for each in least)
                on, told = (f"{ratio:.3f} times" for ratio in ratios)
                console.print(f"{name}: {off_ms} of CPU without buckets, {on_ms} with ({on}), {told_ms} told ({told})")
            stack.close()


if __name__ == "__main__":
    asyncio.run(main())
