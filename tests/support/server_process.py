"""How tests start `atrium serve` as a process of its own, and end it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Urls
from tests.support.client import SECRET_KEY

__all__ = ["Process", "served"]

START_SECONDS = 150


@dataclass
class Process:
    """`atrium serve` on a database of the test's, with its output in a file."""

    popen: "subprocess.Popen[bytes]"
    output: Path
    port: int = 0
    ended: float = field(default=0.0, init=False)

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        """What it has written so far."""
        return self.output.read_text().splitlines()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.popen.send_signal(signal.SIGTERM)

    async def wait(self, seconds: float) -> float:
        """Wait until it has ended; gives how many seconds that took."""
        began = time.monotonic()
        await asyncio.to_thread(self.popen.wait, seconds)
        return time.monotonic() - began


@asynccontextmanager
async def served(urls: Urls, folder: Path, **settings: Any) -> AsyncIterator[Process]:
    """A process with these settings, which answers; it is killed in the end, if it still runs."""
    values = {
        "database_url": urls.runtime,
        "database_owner_url": urls.owner,
        "secret_key": SECRET_KEY,
        "data_dir": folder / "data",
        "port": 0,
        **settings,
    }
    environment = os.environ | {f"ATRIUM_{name.upper()}": str(value) for name, value in values.items()}
    output = folder / "output"
    with output.open("wb") as file:
        command = [sys.executable, "-m", "atrium", "serve"]
        popen = subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=folder)
    process = Process(popen, output)
    try:
        await _until_it_answers(process)
        yield process
    finally:
        popen.kill()
        popen.wait()


async def _until_it_answers(process: Process) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as http:
        while True:
            assert process.popen.poll() is None, process.output.read_text()
            process.port = process.port or _port(process.lines)
            with contextlib.suppress(httpx.ConnectError):  # workers listen after the port is told
                if process.port and (await http.get(f"{process.url}/healthz")).status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.05)


def _port(lines: list[str]) -> int:
    """The port that it says it listens on, or 0."""
    for line in lines:
        if "running on http" in line:
            message = json.loads(line)["message"] if line.startswith("{") else line
            return int(message.partition("127.0.0.1:")[2].split()[0])
    return 0
