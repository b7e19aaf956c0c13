"""A server to measure: `atrium serve` in a process of its own, on an empty folder, with the demo data."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil

from atrium.demo import OWNER, PASSWORD, TENANT
from atrium.postgres import Server

__all__ = ["Serving", "serving"]

LOGIN = """mutation($input: LoginInput!) { login(input: $input) { ... on Session { accessToken } } }"""
WAIT = 120  # seconds until a server must answer


@dataclass
class Serving:
    """The server, a client that is logged in as acme's owner, and the database beside it."""

    process: psutil.Process
    http: httpx.AsyncClient
    owner: asyncpg.Connection

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation."""
        body = (await self.http.post("/graphql", json={"query": query, "variables": variables})).json()
        if body.get("errors"):
            raise RuntimeError(body["errors"])
        data: dict[str, Any] = body["data"]
        return data

    def memory(self) -> float:
        """Resident memory of the server process, in MB."""
        return float(self.process.memory_info().rss) / 2**20

    def cpu(self) -> tuple[float, float]:
        """CPU seconds used so far by the server, and by the database's processes."""
        database = 0.0
        for child in self.process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                times = child.cpu_times()
                database += times.user + times.system + times.children_user + times.children_system
        own = self.process.cpu_times()
        return own.user + own.system, database


@asynccontextmanager
async def serving() -> AsyncIterator[Serving]:
    """Serve for as long as this lasts."""
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {**os.environ, "ATRIUM_DATA_DIR": folder, "ATRIUM_LOG_LEVEL": "warning"}
        environment |= {"ATRIUM_ADMISSION_WAIT_SECONDS": "30"}
        command = [sys.executable, "-m", "atrium", "serve", "--port", str(port)]
        process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.DEVNULL)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                await _ready(http)
                given = {"email": OWNER, "password": PASSWORD, "tenant": TENANT}
                body = (await http.post("/graphql", json={"query": LOGIN, "variables": {"input": given}})).json()
                http.headers["authorization"] = f"Bearer {body['data']['login']['accessToken']}"
                owner = await asyncpg.connect(_owner_url(Path(folder)))
                yield Serving(psutil.Process(process.pid), http, owner)
                await owner.close()
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def _ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(WAIT):
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get("/readyz")).is_success:
                    return
            await asyncio.sleep(0.05)


def _owner_url(folder: Path) -> str:
    """The owner's address of the server that the process runs; a second start attaches to it."""
    return Server.start(folder).owner_url.replace("+asyncpg", "")
