"""The nodes of Atrium that run, and the clients' way to them, which leads past those that are not ready."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil

from tests.support.ports import free_port

__all__ = ["Balancer", "Node", "run_node"]

START_SECONDS = 240
END_SECONDS = 120
PROBE_SECONDS = 0.25  # between two looks at a node, as a balancer has them
REQUEST_SECONDS = 40  # longer than a request may take by the server's own limit


@dataclass
class Node:
    """One `atrium serve`, with one process or several, whose settings may change while it runs."""

    name: str
    folder: Path
    workers: int
    variables: Mapping[str, str]
    """The settings that stay."""
    settings: dict[str, str]
    """Those in its `.env`, which each start of a worker reads."""
    port: int = field(default_factory=free_port)
    is_ready: bool = False
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; what it says is appended to `log` in its folder."""
        self.write_settings()
        command = [sys.executable, "-m", "atrium", "serve", "--no-web", "--port", str(self.port)]
        command += ["--workers", str(self.workers)]
        with (self.folder / "log").open("ab") as log:
            environment = {**os.environ, **self.variables}
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)  # noqa: S603  # a command of ours

    def run_command(self, *words: str) -> str:
        """Run an operator's command with its settings; return what it says.

        Raises:
            RuntimeError: the command did not end well.
        """
        done = subprocess.run(  # noqa: S603  # a command of ours
            [sys.executable, "-m", "atrium", *words],
            env={**os.environ, **self.variables},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"atrium {' '.join(words)}: {done.stdout}{done.stderr}")
        return (done.stdout or done.stderr).strip()

    def write_settings(self) -> None:
        """Write its `.env`."""
        text = "".join(f"ATRIUM_{name.upper()}={value}\n" for name, value in self.settings.items())
        (self.folder / ".env").write_text(text)

    async def wait_until_ready(self) -> None:
        """Wait until it takes requests."""
        async with asyncio.timeout(START_SECONDS):
            while not self.is_ready:
                await asyncio.sleep(PROBE_SECONDS)

    async def end(self) -> None:
        """End it as a deployment does, and wait until it has ended."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill it; its workers end with it."""
        await self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Kill it at once, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def _end(self, sent: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sent)
            await asyncio.to_thread(self._process.wait, END_SECONDS)

    async def replace_workers(self) -> None:
        """Have it read its settings anew: by SIGHUP where it has several workers, else by a restart."""
        self.write_settings()
        if self.workers == 1:
            await self.end()
            self.start()
            self.is_ready = False
            await self.wait_until_ready()
            return
        assert self._process is not None
        before = set(self.serving())
        self._process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(START_SECONDS):
            while before & set(self.serving()) or len(self.serving()) < self.workers:
                await asyncio.sleep(PROBE_SECONDS)
        await self.wait_until_ready()

    def serving(self) -> list[psutil.Process]:
        """Return the processes that answer requests."""
        if self._process is None or self._process.poll() is not None:
            return []
        own = psutil.Process(self._process.pid)
        if self.workers == 1:
            return [own]
        return [each for each in own.children() if _is_worker(each)]

    def resources(self) -> tuple[float, int]:
        """Return the memory of its processes that answer requests, in MB, and how many file handles they have open."""
        memory, handles = 0.0, 0
        for process in self.serving():
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss / 2**20
                handles += process.num_fds()
        return memory, handles


def _is_worker(child: psutil.Process) -> bool:
    """Whether it is no helper of the supervisor's, and has not just ended."""
    try:
        return "resource_tracker" not in " ".join(child.cmdline())
    except psutil.Error:
        return False


@contextmanager
def run_node(node: Node) -> Iterator[Node]:
    """Run a node for as long as this lasts."""
    node.start()
    try:
        yield node
    finally:
        node.stop()


class Balancer:
    """Sends requests to the nodes that are ready, and tries again elsewhere what a node did not answer.

    All that is sent may be sent twice: a query, or a change with a key or of a kind that a second time changes nothing.
    """

    def __init__(self, nodes: list[Node], chance: Random) -> None:
        """Take the nodes."""
        self.nodes = nodes
        self.chance = chance
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=2)
        self._http = httpx.AsyncClient(timeout=REQUEST_SECONDS, limits=limits)

    async def watch(self) -> None:
        """Look at the nodes, again and again."""
        while True:
            for node in self.nodes:
                try:
                    node.is_ready = (await self._http.get(f"{node.url}/readyz", timeout=2)).is_success
                except httpx.TransportError:
                    node.is_ready = False
            await asyncio.sleep(PROBE_SECONDS)

    def choose(self, *, but: Node | None = None) -> Node:
        """Return a node to send to, if possible another than one."""
        ready = [each for each in self.nodes if each.is_ready] or self.nodes
        return self.chance.choice([each for each in ready if each is not but] or ready)

    async def post(self, node: Node, body: dict[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        """Send a request to a node.

        Raises:
            httpx.TransportError: it did not answer.
        """
        address = f"198.51.100.{secrets.randbelow(250)}"  # so that nobody is held for one client
        head = {"x-forwarded-for": address, "content-type": "application/json", **headers}
        return await self._http.post(f"{node.url}/graphql", json=body, headers=head)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
