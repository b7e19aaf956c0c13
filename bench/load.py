"""Load, and what it costs: wrk's 32 connections on one server, CPU and statements read beside it."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

import psutil

from bench.effects import require_created
from bench.environment import BenchEnvironment
from bench.queries import BenchOperation
from bench.servers import RunningServer, ServerUnavailable

__all__ = ["Sample", "build_requests", "count_statements", "find_wrk", "measure_sample", "measure_undisturbed"]

CONNECTIONS = 32
REQUEST_COUNT = 20_000  # that differ, of which each next one is drawn: few updates are what is so already
COUNTED_REQUESTS = 20  # operations over which statements are counted
MAX_STOLEN = 0.01  # of the processors' time may go to other machines during a sample
MAX_ATTEMPTS = 4

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Sample:
    """What some seconds of load gave."""

    per_second: float
    p50: float
    """Milliseconds."""
    p99: float
    server_cpu: float
    """Milliseconds an operation."""
    database_cpu: float
    """The same, of the database's processes."""
    stolen: float
    """The share of the processors' time that went to other machines on the same hardware."""
    requests: int = 0
    unsealed: int = 0
    """Entries that waited in the outbox at the end."""


def find_wrk() -> str:
    """Return where wrk is.

    Raises:
        Missing: it is not there.
    """
    found = shutil.which("wrk")
    if found is None:
        raise ServerUnavailable("wrk is not installed; it is Debian's package of that name")
    return found


def build_requests(operation: BenchOperation, server: RunningServer, *, draw: int = 0) -> list[dict[str, Any]]:
    """Requests with variables drawn at random, the same for every server; others for each `draw`."""
    chance = Random(f"{operation.name}{draw or ''}")  # noqa: S311  # the same each time
    data = server.environment.data
    drawn = (operation.variables(chance, data) for _ in range(REQUEST_COUNT))
    made = (operation.body(given, data, own_schema=server.kind.has_own_schema) for given in drawn)
    return [body for body in made if body is not None]


async def measure_sample(
    servers: Sequence[RunningServer],
    requests: Sequence[dict[str, Any]],
    seconds: float,
    *,
    head: Mapping[str, str] | None = None,
    connections: int = CONNECTIONS,
) -> Sample:
    """Load one server, or several together, for a while, once what was written before is out of the way.

    Args:
        servers: which of them.
        requests: the bodies, of which each next one is drawn.
        seconds: how long.
        head: headers besides the usual ones; see `bench.templates`.
        connections: how many, shared among the servers.

    Raises:
        RuntimeError: some request was refused or not answered.
    """
    environment = servers[0].environment
    if any(server.kind.is_atrium for server in servers):
        await environment.wait_for_feed()
    await environment.settle()
    file = environment.folder / "requests"
    file.write_text("".join(json.dumps(body) + "\n" for body in requests))
    stolen = _read_stolen_seconds()
    before = sum(server.cpu() for server in servers), environment.database_cpu()
    share = connections // len(servers)
    found = await asyncio.gather(*(_run_wrk(server, file, seconds, share, head or {}) for server in servers))
    after = sum(server.cpu() for server in servers), environment.database_cpu()
    done = sum(each["requests"] for each in found)
    if any(each["failed"] for each in found):
        raise RuntimeError(f"{servers[0].kind.title}: {found}")
    if not done:  # the first answer takes longer than that
        return await measure_sample(servers, requests, 4 * seconds, head=head, connections=connections)
    worked = done + connections / 2  # those under way at the end are half done, on average
    return Sample(
        sum(each["requests"] / each["seconds"] for each in found),
        max(each["p50"] for each in found),
        max(each["p99"] for each in found),
        1000 * (after[0] - before[0]) / worked,
        1000 * (after[1] - before[1]) / worked,
        (_read_stolen_seconds() - stolen) / (seconds * psutil.cpu_count()),
        done,
        await environment.count_unsealed(),
    )


async def measure_undisturbed(
    server: RunningServer, operation: BenchOperation, requests: Sequence[dict[str, Any]], seconds: float
) -> Sample:
    """Load a server until nobody else had much of the processors meanwhile; after a few tries, the best of them.

    Raises:
        RuntimeError: some request was refused or not answered, or did not create what it was to create.
    """
    best: Sample | None = None
    for _ in range(MAX_ATTEMPTS):
        async with require_created(operation, server) as made:
            taken = await measure_sample([server], requests, seconds, head=operation.head)
            made.append(taken.requests)
        best = min(best or taken, taken, key=lambda each: each.stolen)
        if best.stolen <= MAX_STOLEN:
            break
    assert best is not None
    return best


async def count_statements(
    environment: BenchEnvironment,
    server: RunningServer,
    requests: Sequence[dict[str, Any]],
    head: Mapping[str, str] | None = None,
) -> float:
    """Return how many statements the database is asked for by one operation, once it has been asked a few times."""
    asked = islice(cycle(requests), 2 * COUNTED_REQUESTS)
    for body in islice(asked, COUNTED_REQUESTS):
        server.post(body, head)
    async with environment.count_statements() as counted:
        for body in asked:
            server.post(body, head)
    return round(counted[0] / COUNTED_REQUESTS, 1)


def _read_stolen_seconds() -> float:
    """Return seconds of the processors that went to other machines so far; none where that is not known."""
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


async def _run_wrk(
    server: RunningServer, file: Path, seconds: float, connections: int, head: Mapping[str, str]
) -> dict[str, Any]:
    duration = f"{max(1, round(seconds))}s"
    command = [find_wrk(), "-t1", f"-c{connections}", f"-d{duration}", "--timeout", "30s", "-s", str(SCRIPT)]
    for name, value in {**server.headers, **head}.items():
        command += ["-H", f"{name}: {value}"]
    process = await asyncio.create_subprocess_exec(*command, server.url, "--", str(file), stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"wrk: {said.decode()}")
    figures: dict[str, Any] = json.loads(said.decode().splitlines()[-1])
    return figures
