"""The servers that are measured, each a process of its own; all are tuned as their own documents advise."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psutil

from atrium.web.node import NodeFailed, NodeMissing, find_node, run_npm
from bench.environment import TOKEN_MINUTES, BenchEnvironment, asyncpg_url
from bench.node import cache_folder
from bench.peers.statements import STATEMENTS
from bench.queries import BenchOperation
from bench.templates import APP_ORIGIN, fill_head, fill_template
from tests.support.ports import free_port

__all__ = [
    "ATRIUM",
    "COST_VARIABLES",
    "PEERS",
    "REFERENCE",
    "RunningServer",
    "ServerKind",
    "ServerUnavailable",
    "run_server",
]

PEER_FOLDER = Path(__file__).with_name("peers")
COST_VARIABLES = (
    *("ATRIUM_ACTOR_COST_MAXIMUM", "ATRIUM_ACTOR_COST_RATE"),
    *("ATRIUM_TENANT_COST_MAXIMUM", "ATRIUM_TENANT_COST_RATE"),
)
UNLIMITED = str(10**12)  # points: costs are counted as in production, and one user can send as much as this takes
START_SECONDS = 60  # seconds
POLL_SECONDS, MAX_POLLS = 0.1, 50


class ServerUnavailable(Exception):
    """A server cannot be run here; the message says why."""


@dataclass(frozen=True)
class ServerKind:
    """A server: how it is called and started."""

    name: str
    title: str
    command: Callable[[int], list[str]]
    has_rls: bool
    """Whether row-level security holds for what it does."""
    has_own_schema: bool = False
    """Whether it has a schema of its own, made from the tables."""
    is_atrium: bool = False
    """Whether it is Atrium, with whatever settings."""
    is_python: bool = True
    """Whether it runs on this interpreter."""
    peer_variables: Callable[[BenchEnvironment], dict[str, str]] = lambda place: place.peer_variables
    unsupported: Mapping[str, str] = field(default_factory=dict)
    """Operations that it has no words for, and why, besides those that its whole kind of schema has none for."""


@dataclass
class RunningServer:
    """A server that runs."""

    kind: ServerKind
    port: int
    process: psutil.Process
    environment: BenchEnvironment
    headers: dict[str, str]
    http: httpx.Client = field(repr=False)
    is_paused: bool = False

    def blank_reason(self, operation: BenchOperation) -> str:
        """Return why this server has no words for an operation; empty if it has."""
        if reason := self.kind.unsupported.get(operation.name):
            return reason
        if self.kind.has_own_schema:
            return "" if operation.postgraphile is not None else operation.unsupported_reason
        if operation.is_in_handwritten_schema or self.kind.is_atrium:
            return ""
        return "its schema, written by hand, has no such filters and no statistics"

    def execute(self, operation: BenchOperation, given: dict[str, Any]) -> Any:
        """Return the data of an operation; None where this server has no words for it."""
        body = operation.body(given, self.environment.data, own_schema=self.kind.has_own_schema)
        return None if body is None else self.post(body, operation.head)

    def post(self, body: dict[str, Any], head: Mapping[str, str] | None = None) -> Any:
        """Return the data of a request."""
        content = fill_template(json.dumps(body))
        answer = self.http.post("/graphql", content=content, headers=fill_head(head or {}))
        said = answer.json() if "json" in answer.headers.get("content-type", "") else {"errors": answer.text[:300]}
        if said.get("errors"):
            raise RuntimeError(f"{self.kind.title}: {said['errors']}")
        return said["data"]

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """CPU seconds used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def pause(self) -> None:
        """Stop it in its tracks, as soon as it has done with what nobody waits for any more."""
        for _ in range(MAX_POLLS):
            before = self.cpu()
            time.sleep(POLL_SECONDS)
            if self.cpu() - before < POLL_SECONDS / 4:
                break
        self.process.suspend()
        self.is_paused = True

    def resume(self) -> None:
        """Let it go on."""
        self.process.resume()
        self.is_paused = False

    def memory(self) -> float:
        """Resident memory, in MB."""
        return float(self.process.memory_info().rss) / 2**20


@contextmanager
def run_server(kind: ServerKind, environment: BenchEnvironment) -> Iterator[RunningServer]:
    """Run a server for as long as this lasts.

    Raises:
        Missing: it cannot be run here.
    """
    port = free_port()
    variables = {**os.environ, "NODE_ENV": "production", "BENCH_PORT": str(port), **kind.peer_variables(environment)}
    log = environment.folder / f"{kind.name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(kind.command(port), env=variables, stdout=said, stderr=said)  # noqa: S603  # a command of ours
        try:
            headers = _headers(kind, environment)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as http:
                server = RunningServer(kind, port, psutil.Process(process.pid), environment, headers, http)
                _wait_until_ready(server, process, log)
                if kind.is_atrium:
                    environment.sealers.append(server)
                yield server
        finally:
            environment.sealers[:] = [each for each in environment.sealers if each.process.pid != process.pid]
            with contextlib.suppress(psutil.Error):
                psutil.Process(process.pid).resume()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(server: RunningServer, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(START_SECONDS * 10):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            raise ServerUnavailable(f"it ended: {log.read_text()[-500:].strip()}")
    raise ServerUnavailable("it did not answer in time")


def _headers(kind: ServerKind, environment: BenchEnvironment) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "application/json"}
    return headers | ({"authorization": f"Bearer {environment.token}"} if kind.is_atrium else {})


def _atrium_variables(environment: BenchEnvironment) -> dict[str, str]:
    """As in production, where nobody waits in vain for a connection: 32 clients share a few."""
    return {
        "ATRIUM_ENVIRONMENT": "production",
        "ATRIUM_SECRET_KEY": environment.secret,
        "ATRIUM_DATABASE_URL": asyncpg_url(environment.server.runtime_url),
        "ATRIUM_DATABASE_OWNER_URL": asyncpg_url(environment.server.owner_url),
        "ATRIUM_DATA_DIR": str(environment.folder / "atrium"),
        "ATRIUM_LOG_LEVEL": "warning",
        "ATRIUM_POOL_SIZE": str(environment.pool),
        "ATRIUM_ADMISSION_WAIT_SECONDS": "30",
        "ATRIUM_ACCESS_TOKEN_MINUTES": str(TOKEN_MINUTES),
        "ATRIUM_CORS_ORIGINS": APP_ORIGIN,
        "ATRIUM_TRUSTED_PROXIES": "127.0.0.1/32",
        **dict.fromkeys(COST_VARIABLES, UNLIMITED),
    }


def _uvicorn_command(module: str) -> Callable[[int], list[str]]:
    options = ["--host", "127.0.0.1", "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    given = ["-m", "uvicorn", f"bench.peers.{module}:app", *options, "--log-level", "warning"]
    return lambda port: [sys.executable, *given, "--port", str(port)]


def _node_command(script: str) -> Callable[[int], list[str]]:
    def command(_port: int) -> list[str]:
        try:
            return [str(find_node()), str(_install_node_servers() / script)]
        except (NodeMissing, NodeFailed) as missing:
            raise ServerUnavailable(str(missing)) from missing

    return command


def _install_node_servers() -> Path:
    """Return the folder with the servers for Node and what they need, installed at the first use."""
    folder = cache_folder("atrium-bench/peers")
    wanted = (PEER_FOLDER / "package.json").read_text()
    mark = folder / "installed.json"
    for source in (*PEER_FOLDER.glob("*.mjs"), PEER_FOLDER / "package.json", PEER_FOLDER / "schema.graphql"):
        shutil.copy(source, folder)
    if not mark.exists() or mark.read_text() != wanted:
        run_npm(folder, "install", "--no-package-lock")
        mark.write_text(wanted)
    return folder


def _statement_variables(environment: BenchEnvironment) -> dict[str, str]:
    return {**environment.peer_variables, "BENCH_STATEMENTS": json.dumps(STATEMENTS)}


ATRIUM = ServerKind(
    "atrium",
    "Atrium",
    lambda port: [sys.executable, "-m", "atrium", "serve", "--no-web", "--port", str(port)],
    has_rls=True,
    is_atrium=True,
    peer_variables=_atrium_variables,
)

REFERENCE = replace(
    ATRIUM,
    name="atrium_reference",
    title="Atrium, by the reference executor",
    peer_variables=lambda place: {**_atrium_variables(place), "ATRIUM_COMPILER": "off"},
)
"""Atrium without its compiler, and so without the fast path."""

PEERS = (
    ServerKind(
        "postgraphile",
        "PostGraphile 5",
        _node_command("postgraphile.mjs"),
        has_rls=True,
        has_own_schema=True,
        is_python=False,
    ),
    ServerKind(
        "mercurius_jit",
        "Mercurius, JIT, loaders",
        _node_command("mercurius.mjs"),
        has_rls=False,
        is_python=False,
        peer_variables=_statement_variables,
    ),
    ServerKind(
        "yoga",
        "GraphQL Yoga, DataLoader",
        _node_command("yoga.mjs"),
        has_rls=False,
        is_python=False,
        peer_variables=_statement_variables,
    ),
    ServerKind("ariadne", "Ariadne, aiodataloader", _uvicorn_command("ariadne_server"), has_rls=False),
    ServerKind(
        "strawberry_plain",
        "Strawberry, SQLModel, aiodataloader",
        _uvicorn_command("strawberry_plain"),
        has_rls=False,
        unsupported={"Q9": "not written: it would be Atrium's own rules once more, entity by entity"},
    ),
    ServerKind("limit", "bare ASGI, one statement by hand", _uvicorn_command("bare_asgi"), has_rls=True),
)
