"""A client at a fixed rate: `python -m bench.open_loop URL FILE RATE SECONDS CONNECTIONS`, headers as JSON by stdin.

Requests are due at fixed moments, whatever becomes of those before, as they are where clients know nothing of each
other. The latency of each counts from the moment when it was due, so that it includes the wait for a connection while
the server is slow. What is not answered in the end counts with the time until then. It waits for sockets and moments by
`select`, whose timeouts are finer than a millisecond, and imports nothing of Atrium.
"""

import json
import random
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.templates import fill_head, fill_template

__all__ = ["Client", "Outcome", "percentile"]

GRACE_SECONDS = 2.0  # after the last request was due
BUFFER_BYTES = 262_144
HEAD_END = b"\r\n\r\n"
CHUNKS_END = b"0\r\n\r\n"


@dataclass
class Outcome:
    """What became of the requests."""

    latencies: list[float] = field(default_factory=list)
    """Seconds from the moment when each was due."""
    delays: list[float] = field(default_factory=list)
    """Seconds that this client itself was late, of each for which a connection was free when it was due."""
    answered: int = 0
    failed: int = 0
    """Those whose status was not 200."""
    seconds: float = 0.0


class Connection:
    """A connection with one request on its way at most."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Open it."""
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self.idle_since = 0.0
        self._answer = b""

    def fileno(self) -> int:
        """Return what `select` waits for."""
        return self.socket.fileno()

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at a moment."""
        self.due = due
        self._answer = b""
        self.socket.sendall(request)

    def receive(self) -> bool | None:
        """Take what has come; None while the answer is not whole, else whether its status is 200.

        Raises:
            ConnectionError: the server has closed it.
        """
        piece = self.socket.recv(BUFFER_BYTES)
        if not piece:
            raise ConnectionResetError("the server closed a connection")
        self._answer += piece
        head, found, body = self._answer.partition(HEAD_END)
        if not found:
            return None
        lines = head.lower().split(b"\r\n")
        length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), None)
        if not (body.endswith(CHUNKS_END) if length is None else len(body) >= length):
            return None
        return lines[0].split(b" ")[1] == b"200"


class Client:
    """Sends requests when they are due, and notes how long each took."""

    def __init__(self, url: str, bodies: Sequence[str], headers: dict[str, str], connections: int) -> None:
        """Open the connections."""
        parts = urlsplit(url)
        self._host = f"{parts.hostname}:{parts.port}"
        self._bodies, self._headers = bodies, headers
        self._idle = [Connection((parts.hostname or "", parts.port or 80)) for _ in range(connections)]
        self._busy: set[Connection] = set()
        self._waiting: deque[float] = deque()
        self._outcome = Outcome()

    def run(self, rate: float, seconds: float) -> Outcome:
        """Send so many requests a second for so long; return what became of them."""
        total, sent = round(rate * seconds), 0
        began = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds + GRACE_SECONDS:
            while sent < total and began + sent / rate <= now:
                self._waiting.append(began + sent / rate)
                sent += 1
            self._dispatch()
            if self._outcome.answered == total:
                break
            due = began + sent / rate if sent < total else now + GRACE_SECONDS
            self._receive(max(0.0, due - time.perf_counter()))
        ended = time.perf_counter()
        self._outcome.seconds = ended - began
        self._outcome.latencies += [ended - due for due in (*self._waiting, *(each.due for each in self._busy))]
        return self._outcome

    def _dispatch(self) -> None:
        while self._waiting and self._idle:
            connection, due = self._idle.pop(), self._waiting.popleft()
            request = self._next_request()
            now = time.perf_counter()
            if connection.idle_since <= due:
                self._outcome.delays.append(now - due)
            connection.send(request, due)
            self._busy.add(connection)

    def _receive(self, timeout: float) -> None:
        ready, _, _ = select.select(list(self._busy), [], [], timeout)
        for connection in ready:
            good = connection.receive()
            if good is None:
                continue
            now = time.perf_counter()
            self._outcome.latencies.append(now - connection.due)
            self._outcome.answered += 1
            self._outcome.failed += not good
            connection.idle_since = now
            self._busy.discard(connection)
            self._idle.append(connection)

    def _next_request(self) -> bytes:
        body = fill_template(random.choice(self._bodies)).encode()  # noqa: S311  # chance is for variety
        headers = {"host": self._host, "content-length": str(len(body)), **fill_head(self._headers)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST /graphql HTTP/1.1\r\n{lines}\r\n".encode() + body


def percentile(figures: Sequence[float], share: float) -> float:
    """Return a percentile of some figures; 0 of none."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def main(url: str, file: str, rate: str, seconds: str, connections: str) -> None:
    """Send, and print the figures as JSON."""
    bodies = Path(file).read_text().splitlines()
    client = Client(url, bodies, json.load(sys.stdin), int(connections))
    outcome = client.run(float(rate), float(seconds))
    figures: dict[str, Any] = {
        "sent": len(outcome.latencies),
        "answered": outcome.answered,
        "failed": outcome.failed,
        "seconds": outcome.seconds,
        "late_p99": 1000 * percentile(outcome.delays, 0.99),
    }
    figures |= {
        name: 1000 * percentile(outcome.latencies, share)
        for name, share in {"p50": 0.5, "p99": 0.99, "p999": 0.999}.items()
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
