"""Clients that create tasks, each again and again with the same key until it is acknowledged, and read them back."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from atrium.http.consistency import HEADER_NAME
from tests.support.replication import CREATE_TASK, GET_TASK
from tests.support.server_process import Process

__all__ = ["TaskWriters"]

REQUEST_SECONDS = 90


@dataclass
class TaskWriters:
    """Clients of one process or several; each writes through one, and reads through the next."""

    processes: Sequence[Process]
    token: str
    acknowledged: dict[str, str] = field(default_factory=dict, init=False)
    """The ids of tasks by their titles."""
    moments: list[float] = field(default_factory=list, init=False)
    """When each was acknowledged."""
    codes: Counter[str] = field(default_factory=Counter, init=False)
    """What they were told instead."""
    reads: int = field(default=0, init=False)
    stale: int = field(default=0, init=False)
    _stops: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @asynccontextmanager
    async def running(self, clients: int) -> AsyncIterator[None]:
        """So many clients, for as long as this lasts; each ends with an answer."""
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._write(number))
            try:
                yield
            finally:
                self._stops.set()

    async def _write(self, number: int) -> None:
        count = len(self.processes)
        async with self._connect(number % count) as writer, self._connect((number + 1) % count) as reader:
            turn = 0
            while not self._stops.is_set():
                key = f"{number}-{turn}"
                data, position = await self._ask(
                    writer, CREATE_TASK, {"input": {"title": key, "idempotencyKey": key}}, ""
                )
                if task := data.get("createTask", {}).get("id"):
                    self.acknowledged[key] = task
                    self.moments.append(time.monotonic())
                    turn += 1
                    await self._read_back(reader, key, task, position)

    async def _read_back(self, reader: httpx.AsyncClient, title: str, task: str, position: str) -> None:
        while not (data := (await self._ask(reader, GET_TASK, {"id": task}, position))[0]):
            pass  # it was told to come back
        self.reads += 1
        self.stale += data["task"] != {"title": title}

    async def _ask(
        self, http: httpx.AsyncClient, query: str, variables: dict[str, Any], position: str
    ) -> tuple[dict[str, Any], str]:
        """Return the data, empty where there is none, and the position that the answer carries."""
        headers = {HEADER_NAME: position} if position else {}
        response = await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        answer = response.json()
        self.codes.update(error["extensions"]["code"] for error in answer.get("errors", ()))
        return ({} if "errors" in answer else answer["data"]), response.headers.get(HEADER_NAME, "")

    def _connect(self, number: int) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=self.processes[number].url, headers=headers, timeout=REQUEST_SECONDS)

    async def until_more(self, count: int, seconds: float = 60) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(seconds):
            while len(self.acknowledged) < wanted:
                await asyncio.sleep(0.005)  # nothing tells

    def longest_pause(self, since: float) -> float:
        """Return the most seconds in which nothing was acknowledged, from a moment on."""
        later = [since, *(moment for moment in self.moments if moment > since)]
        return max(after - before for before, after in itertools.pairwise(later))

    async def count_stored(self, connection: asyncpg.Connection) -> int:
        """Make sure that what was acknowledged is there, once; return how many tasks there are."""
        rows = await connection.fetch("SELECT id, title FROM tasks")
        stored = {f"Task:{row['id']}": row["title"] for row in rows}
        assert {title: stored.get(task) for title, task in self.acknowledged.items()} == {
            title: title for title in self.acknowledged
        }
        assert len(set(stored.values())) == len(stored)
        return len(stored)
