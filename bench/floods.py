"""Connections that abuse HTTP: what they get, what they cost, and what a usual client notices meanwhile.

`uv run python -m bench.floods` opens connections whose headers are too long, too many, or never end, and connections
that say nothing, while a usual client sends queries. It prints the statuses, the server's memory and the client's
response times without and with them, and ends with 1 if a connection is not refused or the server keeps the memory.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx
from rich.console import Console
from rich.table import Table

from bench.environment import open_environment
from bench.load import build_requests
from bench.queries import OPERATIONS
from bench.servers import ATRIUM, RunningServer, run_server

__all__ = ["main"]

SCALE = 0.03  # of the demo data
QUERIES = 400  # of the usual client, without and with the floods
OPERATION = "Q1"
PIECE = b"a" * 65_536
LONG_HEADER_BYTES = 40_000_000
HEADERS = 20_000
SILENT_CONNECTIONS = 200
MAX_KEPT_MB = 20.0
MAX_SECONDS = 30  # the header timeout is 10 s

START = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@dataclass
class Attacks:
    """How many connections were ended how: a status, or `closed` without one."""

    ends: dict[str, dict[str, int]] = field(default_factory=dict)

    def note(self, kind: str, end: str) -> None:
        """Count one."""
        kinds = self.ends.setdefault(kind, {})
        kinds[end] = kinds.get(end, 0) + 1


async def long_header() -> AsyncIterator[bytes]:
    """One header of 40 MB."""
    yield START + b"X-A: "
    for _ in range(LONG_HEADER_BYTES // len(PIECE)):
        yield PIECE


async def many_headers() -> AsyncIterator[bytes]:
    """20,000 short headers."""
    yield START
    for number in range(HEADERS):
        yield b"x-%d: a\r\n" % number
    yield b"\r\n"


async def unfinished() -> AsyncIterator[bytes]:
    """A header that goes on slowly and never ends."""
    yield START
    for _ in range(MAX_SECONDS):
        yield b"x-a: b\r\n"
        await asyncio.sleep(1)


async def silent() -> AsyncIterator[bytes]:
    """A connection on which nothing is sent."""
    return
    yield


KINDS: Mapping[str, tuple[int, Callable[[], AsyncIterator[bytes]]]] = {
    "a header of 40 MB": (3, long_header),
    "20,000 headers": (3, many_headers),
    "headers that never end": (50, unfinished),
    "nothing": (SILENT_CONNECTIONS, silent),
}


async def _attack(port: int, kind: str, attacks: Attacks) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read())

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            async for piece in KINDS[kind][1]():
                writer.write(piece)
                await writer.drain()

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(MAX_SECONDS):
            status = (await answer).split(b" ")[1:2]
            attacks.note(kind, status[0].decode() if status else "closed")
    except TimeoutError:
        attacks.note(kind, "still open")
    except ConnectionError:
        attacks.note(kind, "closed")
    finally:
        sending.cancel()
        writer.close()


async def _usual(server: RunningServer) -> list[float]:
    """Send the usual client's queries one after another; return their response times in milliseconds."""
    taken = []
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=60) as http:
        for body in (build_requests(OPERATIONS[OPERATION], server) * QUERIES)[:QUERIES]:
            began = time.perf_counter()
            (await http.post("/graphql", json=body)).raise_for_status()
            taken.append(1000 * (time.perf_counter() - began))
    return taken


async def main(console: Console) -> int:
    """Measure, print, and return 1 if a connection was not refused or memory is kept."""
    attacks = Attacks()
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as place:
            with run_server(ATRIUM, place) as server:
                port = httpx.URL(server.url).port
                assert port is not None
                await _usual(server)
                alone, before = await _usual(server), server.memory()
                kinds = [kind for kind, (number, _) in KINDS.items() for _ in range(number)]
                floods = [asyncio.create_task(_attack(port, kind, attacks)) for kind in kinds]
                meanwhile = await _usual(server)
                peak = server.memory()
                await asyncio.gather(*floods)
                after = server.memory()
    table = Table("a usual client", "p50 ms", "p99 ms")
    for name, taken in (("alone", alone), ("meanwhile", meanwhile)):
        table.add_row(name, f"{median(taken):.1f}", f"{quantiles(taken, n=100)[98]:.1f}")
    console.print(table)
    ends = Table("connections that send", "how they end")
    for kind, counted in attacks.ends.items():
        ends.add_row(kind, ", ".join(f"{number}: {end}" for end, number in sorted(counted.items())))
    console.print(ends)
    console.print(f"The server's memory: {before:.0f} MB before, {peak:.0f} MB meanwhile, {after:.0f} MB after.")
    refused = all("200" not in counted and "still open" not in counted for counted in attacks.ends.values())
    return int(not refused or after - before > MAX_KEPT_MB)


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m bench.floods", description=__doc__).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no server is left behind
    sys.exit(asyncio.run(main(Console(highlight=False))))
