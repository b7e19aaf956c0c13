"""Latency at a fixed rate, which no server can slow down: what p50 and p99 mean to clients that do not wait in turn.

The rate is the same for all servers: as asked for, or half of what the slowest of them did under wrk.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.effects import require_created
from bench.load import CONNECTIONS, build_requests, measure_sample
from bench.queries import BenchOperation
from bench.results import Results, Spread, spread_of
from bench.servers import RunningServer

__all__ = ["RATE_SERVERS", "RateSample", "measure_rates"]

RATE_SERVERS = ("atrium", "mercurius_jit", "postgraphile", "limit")
SHARE = 0.5  # of what the slowest of them did
TRIAL_SECONDS = 1.0
KEPT_SHARE = 0.99  # of the requests must be answered for the server to have kept up
LATE_MILLISECONDS = 1.0  # that the client itself may be late, at its 99th percentile
TITLE = "At a fixed rate"


@dataclass(frozen=True)
class RateSample:
    """What some seconds at a rate gave; milliseconds from the moment when a request was due."""

    answered: float
    """Requests a second."""
    p50: float
    p99: float
    p999: float
    server_cpu: float
    database_cpu: float
    client_kept: bool
    """Whether the client sent each request when it was due, if a connection was free."""
    server_kept: bool
    """Whether the server answered them all."""


async def measure_rates(
    servers: Sequence[RunningServer],
    operations: Sequence[BenchOperation],
    results: Results,
    *,
    rates: Sequence[float],
    rounds: int,
    seconds: float,
) -> None:
    """Measure at each rate, all servers in turns, and add the rows to the results."""
    rows = results.tables.setdefault(TITLE, [])
    for operation in operations:
        able = [each for each in servers if each.kind.name in RATE_SERVERS and not each.blank_reason(operation)]
        for rate in rates or [await _choose_rate(operation, able, results)]:
            samples: dict[str, list[RateSample]] = {server.kind.name: [] for server in able}
            for number in range(-1, rounds):  # the first is for warming up
                for server in able if number % 2 == 0 else reversed(able):
                    server.resume()
                    taken = await _measure(operation, server, rate, seconds if number >= 0 else TRIAL_SECONDS)
                    samples[server.kind.name] += [taken] if number >= 0 else []
                    server.pause()
            rows += [_row(operation, server, rate, samples[server.kind.name]) for server in able]


async def _choose_rate(operation: BenchOperation, servers: Sequence[RunningServer], results: Results) -> float:
    measured = results.samples.get(operation.name, {})
    least = []
    for server in servers:
        if taken := measured.get(server.kind.name):
            least.append(spread_of(taken, "per_second").median)
            continue
        server.resume()
        requests = build_requests(operation, server)
        await measure_sample([server], requests, TRIAL_SECONDS, head=operation.head)  # for warming up
        trial = await measure_sample([server], requests, TRIAL_SECONDS, head=operation.head)
        least.append(trial.per_second)
        server.pause()
    return float(max(1, round(SHARE * min(least))))


async def _measure(operation: BenchOperation, server: RunningServer, rate: float, seconds: float) -> RateSample:
    environment = server.environment
    await environment.settle()
    file = environment.folder / "requests"
    file.write_text("".join(json.dumps(body) + "\n" for body in build_requests(operation, server)))
    given = (server.url, str(file), str(rate), str(seconds), str(CONNECTIONS))
    before = server.cpu(), environment.database_cpu()
    async with require_created(operation, server) as made:
        client = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.open_loop", *given), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        said, _ = await client.communicate(json.dumps({**server.headers, **operation.head}).encode())
        if client.returncode:
            raise RuntimeError(f"{server.kind.title}: the client failed")
        found: dict[str, Any] = json.loads(said)
        made.append(found["answered"])
    if found["failed"]:
        raise RuntimeError(f"{server.kind.title}: {found}")
    own, database = server.cpu() - before[0], environment.database_cpu() - before[1]
    answered = max(1, found["answered"])
    return RateSample(
        answered=found["answered"] / max(seconds, found["seconds"]),
        p50=found["p50"],
        p99=found["p99"],
        p999=found["p999"],
        server_cpu=1000 * own / answered,
        database_cpu=1000 * database / answered,
        client_kept=found["late_p99"] <= LATE_MILLISECONDS,
        server_kept=found["answered"] >= KEPT_SHARE * found["sent"],
    )


def _row(
    operation: BenchOperation, server: RunningServer, rate: float, samples: Sequence[RateSample]
) -> dict[str, Any]:
    kept = {
        "rate kept by the client": [each.client_kept for each in samples],
        "by the server": [each.server_kept for each in samples],
    }
    return {
        "operation": operation.name,
        "server": server.kind.title,
        "due/s": f"{rate:,.0f}",
        "answered/s": f"{spread_of(samples, 'answered').median:,.0f}",
        **{f"{name}, ms": spread_of(samples, name).render(2) for name in ("p50", "p99")},
        "p99.9, ms": spread_of(samples, "p999").render(2),
        "CPU, ms": Spread.of(each.server_cpu + each.database_cpu for each in samples).render(3),
        **{title: _format_rounds(found) for title, found in kept.items()},
    }


def _format_rounds(kept: list[bool]) -> str:
    return "yes" if all(kept) else f"in {sum(kept)} of {len(kept)} rounds"
