"""What traces cost: the same operations with them off, on and nothing sampled, and on and everything sampled.

`uv run python -m bench.tracing` needs wrk. It runs three servers on one database and loads them in turns; their spans
go to a collector that takes them and throws them away.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.environment import BenchEnvironment, open_environment
from bench.servers import ATRIUM, ServerKind, run_server
from bench.side_by_side import compare_servers

SCALE = 0.1  # of the demo data
ROUNDS = 5
NAMES = ("Q1", "Q4")
TAKEN = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
RATIOS = {"off": None, "on, ratio 0": "0", "on, ratio 1": "1"}
"""What of all requests is sampled, by what the table calls it; None where nothing is traced."""


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        async with (
            open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as environment,
            _collect() as port,
        ):
            await _compare(environment, port)


async def _compare(environment: BenchEnvironment, port: int) -> None:
    with ExitStack() as stack:
        servers = {
            way: stack.enter_context(run_server(_kind(environment, f"atrium{number}", ratio, port), environment))
            for number, (way, ratio) in enumerate(RATIOS.items())
        }
        Console().print(await compare_servers(servers, NAMES, ROUNDS))


def _kind(environment: BenchEnvironment, name: str, ratio: str | None, port: int) -> ServerKind:
    variables = dict(ATRIUM.peer_variables(environment))
    if ratio is not None:
        variables |= {
            "ATRIUM_TRACING": "on",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": ratio,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        }
    return replace(ATRIUM, name=name, peer_variables=lambda _: variables)


@asynccontextmanager
async def _collect() -> AsyncIterator[int]:
    """Run a collector; yields its port."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                writer.write(TAKEN)

    async with await asyncio.start_server(take, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]


if __name__ == "__main__":
    asyncio.run(main())
