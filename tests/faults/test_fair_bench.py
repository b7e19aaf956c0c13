"""The bench counts what it says it counts: waits from the moment when a request was due, and nobody else's entries."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from rich.console import Console

from bench.effects import require_created
from bench.environment import asyncpg_url, open_environment
from bench.open_loop import Client, percentile
from bench.queries import OPERATIONS
from bench.templates import BODY_UUID, fill_head, fill_template
from tests.support import tmpfs

UPDATE = "UPDATE tasks SET title = title || '!' WHERE tenant_id = $1 AND deleted_at IS NULL"
RATE = 100  # requests a second
STALL_SECONDS = 0.4
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
)


@contextmanager
def stalling_server(answer: bytes, *, stalls_at: int) -> Iterator[str]:
    """A server of one connection that answers at once, but for one request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        number = 0
        while connection.recv(65536):
            number += 1
            if number == stalls_at:
                time.sleep(STALL_SECONDS)
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_stall_counts_for_all_who_were_due_meanwhile(answer: bytes) -> None:
    with stalling_server(answer, stalls_at=20) as url:
        outcome = Client(url, ["{}"], {}, connections=1).run(RATE, seconds=1)
    assert (outcome.answered, outcome.failed) == (RATE, RATE if answer == ANSWERS[2] else 0)
    # A client that waits for each answer before it sends the next would see one slow request.
    assert sum(took > STALL_SECONDS / 4 for took in outcome.latencies) >= RATE * STALL_SECONDS / 2
    assert percentile(outcome.latencies, 0.99) > STALL_SECONDS * 0.75


def test_what_is_never_answered_counts_with_the_time_until_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        outcome = Client(url, ["{}"], {}, connections=2).run(10, seconds=0.5)
    assert outcome.answered == 0
    assert len(outcome.latencies) == 5
    assert min(outcome.latencies) > 1


def test_marks_are_filled_anew_each_time() -> None:
    body = f'{{"a": "{BODY_UUID}", "b": "{BODY_UUID}"}}'
    first, second = fill_template(body), fill_template(body)
    assert len(first) == len(body)
    assert first != second
    assert BODY_UUID not in first
    head = OPERATIONS["Q3-browser"].head
    heads = [fill_head(head) for _ in range(2)]
    for name in ("traceparent", "x-request-id"):
        assert heads[0][name] != heads[1][name]
    assert not any("{" in value for value in heads[0].values())


class StoppedSealer:
    """A sealer that keeps the lock until it goes on."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.is_paused = True
        self.process: Any = None
        self.said: list[str] = []
        self._connection = connection
        self._released: asyncio.Task[Any] | None = None

    def pause(self) -> None:
        self.said.append("pause")

    def resume(self) -> None:
        self.said.append("resume")
        self._released = asyncio.create_task(self._connection.execute("SELECT pg_advisory_unlock_all()"))


async def test_entries_of_others_are_sealed_before_a_sample() -> None:
    with tmpfs.temporary_folder() as folder:
        async with open_environment(folder, scale=0.005, console=Console(quiet=True)) as place:
            await place.drain()
            await place.superuser.execute(UPDATE, place.data.tenant)
            waiting = await place.count_unsealed()
            assert waiting == len(place.data.tasks)
            assert (await place.drain(), await place.count_unsealed()) == (waiting, 0)

            await place.superuser.execute(UPDATE, place.data.tenant)
            other = await asyncpg.connect(asyncpg_url(place.server.database_url("postgres", "atrium")))
            await other.execute("SELECT pg_advisory_lock(hashtext('atrium sealer'))")
            stopped = StoppedSealer(other)
            place.sealers.append(stopped)
            await place.settle()
            assert await place.count_unsealed() == 0
            assert stopped.said == ["resume", "pause"]
            await other.close()

            server: Any = SimpleNamespace(environment=place, kind=SimpleNamespace(title="a server that only says yes"))
            async with require_created(OPERATIONS["Q3"], server) as made:
                made.append(100)
            with pytest.raises(RuntimeError, match="100 requests created 0 rows"):
                async with require_created(OPERATIONS["Q8"], server) as made:
                    made.append(100)
