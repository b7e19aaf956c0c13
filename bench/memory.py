"""Memory under hostile documents: what the server and its connections' processes hold before, at the peak and after.

`uv run python -m bench.memory` sends 10,000 documents that all differ (`bench.hostile`), some of them twice, over
every protocol, and ends with 1 if the server or the processes of its connections keep more than 50 MB of them.
"""

import argparse
import asyncio
import contextlib
import json
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import websockets
from rich.console import Console
from rich.table import Table

from bench.environment import open_environment
from bench.hostile import Hostile, hostile_documents
from bench.load import build_requests
from bench.queries import OPERATIONS
from bench.servers import ATRIUM, RunningServer, run_server

__all__ = ["Memory", "attack", "main", "warm"]

DOCUMENTS = 10_000
SCALE = 0.03  # of the demo data: 150 orders
AT_ONCE = 16
WARMING = 300  # usual operations, so that everything is there that a busy server has
LOOK_SECONDS = 0.5
MOST_MB = 50.0
POOL = 10  # connections, the default

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE usename = 'atrium_app'"
PRIVATE = re.compile(r"^Private_\w+:\s+(\d+) kB", re.MULTILINE)


@dataclass
class Memory:
    """What was seen, in MB: of the server, and of all the processes of its connections together."""

    server: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)

    async def look(self, server: RunningServer) -> None:
        """Look once more."""
        self.server.append(server.memory())
        pids = [row["pid"] for row in await server.environment.superuser.fetch(BACKENDS)]
        self.database.append(sum(map(_private, pids)))

    def rows(self) -> Iterator[tuple[str, float, float, float, float]]:
        """Each one's name, and its MB before, at the peak, after, and what it keeps."""
        for name, seen in (("server, RSS", self.server), ("its connections' processes, private", self.database)):
            yield name, seen[0], max(seen), seen[-1], seen[-1] - seen[0]


def _private(pid: int) -> float:
    with contextlib.suppress(OSError):  # it may have ended
        kilobytes = PRIVATE.findall(Path(f"/proc/{pid}/smaps_rollup").read_text())
        return sum(map(int, kilobytes)) / 2**10
    return 0.0


async def main(console: Console, count: int) -> int:
    """Measure, print, and say 1 if too much is kept."""
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True), pool=POOL) as place:
            with run_server(ATRIUM, place) as server:
                memory = Memory()
                await warm(server)
                await memory.look(server)
                codes = await attack(server, hostile_documents(count), memory)
                await memory.look(server)
    table = Table("MB", "before", "peak", "after", "kept", "at most")
    for name, *figures in memory.rows():
        table.add_row(name, *(f"{figure:.0f}" for figure in figures), f"{MOST_MB:.0f}")
    console.print(table)
    console.print(f"{count:,} documents in {sum(codes.values()):,} requests: {json.dumps(codes)}")
    failed = any(kept > MOST_MB for *_, kept in memory.rows())
    console.print(f"{'More' if failed else 'No more'} is kept than {MOST_MB:.0f} MB.")
    return int(failed)


async def warm(server: RunningServer) -> None:
    """Have every connection open and busy with what is usual."""
    usual = iter([body for name in OPERATIONS for body in build_requests(OPERATIONS[name], server)[:WARMING]])
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=60) as http:

        async def client() -> None:
            for body in usual:
                (await http.post("/graphql", json=body)).raise_for_status()

        await asyncio.gather(*(client() for _ in range(AT_ONCE)))


async def attack(server: RunningServer, documents: Iterable[Hostile], memory: Memory) -> dict[str, int]:
    """Send these documents, and look at the memory meanwhile; says how often each code was answered."""
    waiting, codes = iter(documents), dict[str, int]()

    async def attacker() -> None:
        async with _Attacker.opened(server) as one:
            for document in waiting:
                for _ in range(document.times):
                    code = await one.send(document)
                    codes[code] = codes.get(code, 0) + 1

    async def watch() -> None:
        while True:
            await memory.look(server)
            await asyncio.sleep(LOOK_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        await asyncio.gather(*(attacker() for _ in range(AT_ONCE)))
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    return dict(sorted(codes.items()))


@dataclass
class _Attacker:
    """Somebody who sends documents, by connections of their own, with and without a token."""

    server: RunningServer
    http: httpx.AsyncClient
    sockets: dict[bool, Any] = field(default_factory=dict)
    sent: int = 0

    @classmethod
    @asynccontextmanager
    async def opened(cls, server: RunningServer) -> AsyncIterator["_Attacker"]:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
            one = cls(server, http)
            try:
                yield one
            finally:
                for socket in one.sockets.values():
                    await socket.close()

    async def send(self, document: Hostile) -> str:
        """Send one; say the code that it was answered with."""
        send = {"post": self._post, "get": self._get, "sse": self._stream, "websocket": self._socket}[document.protocol]
        return await send(document)

    def _headers(self, document: Hostile) -> dict[str, str]:
        return {"authorization": self.server.headers["authorization"]} if document.signed_in else {}

    async def _post(self, document: Hostile) -> str:
        answer = await self.http.post("/graphql", json={"query": document.text}, headers=self._headers(document))
        return _code(answer.json())

    async def _get(self, document: Hostile) -> str:
        answer = await self.http.get("/graphql", params={"query": document.text}, headers=self._headers(document))
        return _code(answer.json())

    async def _stream(self, document: Hostile) -> str:
        headers = {**self._headers(document), "accept": "text/event-stream"}
        try:
            answer = await self.http.post("/graphql", json={"query": document.text}, headers=headers)
        except httpx.RemoteProtocolError:
            return "CLOSED"
        found = re.search(r"^data: ?(\{.*)$", answer.text, re.MULTILINE)
        return _code(json.loads(found[1])) if found else "NOTHING"

    async def _socket(self, document: Hostile) -> str:
        for _ in range(2):
            socket = await self._connected(document)
            self.sent += 1
            payload = {"query": document.text}
            try:
                await socket.send(json.dumps({"id": str(self.sent), "type": "subscribe", "payload": payload}))
                code = "NOTHING"
                async for message in socket:
                    given = json.loads(message)
                    if given["type"] == "next":
                        code = _code(given["payload"])
                    elif given["type"] == "error":
                        return _code({"errors": given["payload"]})
                    elif given["type"] == "complete":
                        return code
            except websockets.ConnectionClosed:
                pass
            self.sockets.pop(document.signed_in, None)
        return "CLOSED"

    async def _connected(self, document: Hostile) -> Any:
        socket = self.sockets.get(document.signed_in)
        if socket is None:
            address = f"{self.server.url.replace('http', 'ws', 1)}/graphql"
            protocol = websockets.Subprotocol("graphql-transport-ws")
            socket = await websockets.connect(address, subprotocols=[protocol], compression=None, max_size=None)
            token = self._headers(document)
            payload = {"Authorization": token["authorization"]} if token else {}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            await socket.recv()
            self.sockets[document.signed_in] = socket
        return socket


def _code(answer: dict[str, Any]) -> str:
    errors = answer.get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else "ANSWERED"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help=f"how many ({DOCUMENTS:,})")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no server is left behind
    sys.exit(asyncio.run(main(Console(highlight=False), asked.documents)))
