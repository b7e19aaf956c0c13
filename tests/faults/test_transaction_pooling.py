"""Behind a PgBouncer that gives each connection to another client after each transaction: no error, no wrong answer."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import websockets

from tests.conftest import Urls
from tests.support.client import UNLIMITED_COST
from tests.support.factories import Person, World
from tests.support.pooler import run_pooler, set_role_settings
from tests.support.server_process import Process, served

CLIENTS = 40
# The client keeps connections for five seconds, and so would the server: it could close one that is just used again.
PATIENT = {**UNLIMITED_COST, "admission_wait_seconds": 30, "keep_alive_seconds": 60}
POOLER_CONNECTIONS = 10  # fewer than the processes have, so that all of them are given from one to the other
ROWS = 20

CREATE_TASK = "mutation($title: String!) { createTask(input: {title: $title}) { ... on Task { id } } }"
TASK = "query($id: ID!) { task(id: $id) { id title creator { fullName } } }"
TASKS = "query($title: String!) { tasks(first: 5, filter: {title: {eq: $title}}) { totalCount nodes { id title } } }"
RENAME = "mutation($id: ID!, $title: String!) { updateTask(input: {id: $id, title: $title}) { ... on Task { title } } }"
VIEWER = "{ viewer { email tenant { slug } } }"
TASK_CHANGED = "subscription { taskChanged { task { title } } }"


@pytest.fixture
async def processes(urls: Urls, tmp_path: Path) -> AsyncIterator[list[Process]]:
    """Two processes behind one pooler."""
    await set_role_settings(urls)
    async with AsyncExitStack() as stack:
        pooler = run_pooler(urls, "transaction", size=POOLER_CONNECTIONS, ignored="")
        address = (await stack.enter_async_context(pooler)).runtime
        started = []
        for number in range(2):
            (folder := tmp_path / str(number)).mkdir()
            settings = {"database_url": address, "database_direct_url": urls.runtime}
            started.append(await stack.enter_async_context(served(urls, folder, **settings, **PATIENT)))
        yield started


@dataclass
class Reader:
    """Somebody who asks through both processes, and knows every answer."""

    people: list[Person]
    clients: list[httpx.AsyncClient]
    chance: Random
    titles: dict[str, list[tuple[str, str]]]
    """The ids and titles of tasks that nobody changes, by tenant."""

    async def ask(self, person: Person, query: str, **variables: Any) -> Any:
        answer = await self.chance.choice(self.clients).post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {person.client.token}"},
        )
        body = answer.json()
        assert "errors" not in body, body
        return body["data"]

    async def check_one(self) -> None:
        """Ask for something at random."""
        person = self.chance.choice(self.people)
        slug = "acme" if "acme" in person.email else "globex"
        task_id, title = self.chance.choice(self.titles[slug])
        checks: list[Callable[[], Awaitable[None]]] = [
            lambda: self._check_task(person, task_id, title),
            lambda: self._check_list(person, task_id, title),
            lambda: self._check_viewer(person, slug),
            lambda: self._check_write(person),
        ]
        await self.chance.choice(checks)()

    async def _check_task(self, person: Person, task_id: str, title: str) -> None:
        task = (await self.ask(person, TASK, id=task_id))["task"]
        assert (task["id"], task["title"]) == (task_id, title)

    async def _check_list(self, person: Person, task_id: str, title: str) -> None:
        found = (await self.ask(person, TASKS, title=title))["tasks"]
        assert found == {"totalCount": 1, "nodes": [{"id": task_id, "title": title}]}

    async def _check_viewer(self, person: Person, slug: str) -> None:
        assert await self.ask(person, VIEWER) == {"viewer": {"email": person.email, "tenant": {"slug": slug}}}

    async def _check_write(self, person: Person) -> None:
        first, second = (str(self.chance.getrandbits(64)) for _ in range(2))
        task_id = (await self.ask(person, CREATE_TASK, title=first))["createTask"]["id"]
        renamed = await self.ask(person, RENAME, id=task_id, title=second)
        assert renamed == {"updateTask": {"title": second}}
        await self._check_list(person, task_id, second)


async def create_titles(world: World) -> dict[str, list[tuple[str, str]]]:
    made: dict[str, list[tuple[str, str]]] = {}
    for tenant in (world.acme, world.globex):
        titles = [f"{tenant.slug} {number}" for number in range(ROWS)]
        created = [await tenant.owner.client.run(CREATE_TASK, title=title) for title in titles]
        made[tenant.slug] = [(task["createTask"]["id"], title) for task, title in zip(created, titles, strict=True)]
    return made


@pytest.mark.parametrize(
    "count", [pytest.param(1_000, marks=pytest.mark.slow), pytest.param(10_000, marks=pytest.mark.exhaustive)]
)
async def test_no_error_and_no_wrong_answer(
    world: World, processes: list[Process], count: int, record_property: Callable[[str, object], None]
) -> None:
    people = [person for each in (world.acme, world.globex) for person in (each.owner, each.admin, each.member)]
    titles, numbers, seed = await create_titles(world), itertools.count(), Random().getrandbits(32)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=each.url, timeout=60)) for each in processes
        ]

        async def client(number: int) -> None:
            reader = Reader(people, clients, Random(seed + number), titles)
            while next(numbers) < count:
                await reader.check_one()

        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(client(number))
    record_property("summary", f"Behind PgBouncer: {count:,} checks, {CLIENTS} at a time, seed {seed}: all right")
    logged = [line for process in processes for line in process.lines]
    assert [line for line in logged if " warning " in line.lower() or " error " in line.lower()] == []


@pytest.mark.slow
async def test_what_one_process_writes_is_followed_through_the_other(world: World, processes: list[Process]) -> None:
    writer, follower = processes
    token = {"authorization": f"Bearer {world.acme.owner.client.token}"}
    url, protocol = follower.url.replace("http", "ws") + "/graphql", websockets.Subprotocol("graphql-transport-ws")
    async with (
        asyncio.timeout(30),
        websockets.connect(url, subprotocols=[protocol]) as connection,
        httpx.AsyncClient(base_url=writer.url, headers=token) as http,
    ):
        await connection.send(json.dumps({"type": "connection_init", "payload": token}))
        await connection.recv()
        await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": TASK_CHANGED}}))
        await connection.send(json.dumps({"type": "ping"}))
        assert json.loads(await connection.recv()) == {"type": "pong"}
        for number in range(20):
            await http.post("/graphql", json={"query": CREATE_TASK, "variables": {"title": f"New {number}"}})
        seen = [json.loads(await connection.recv())["payload"]["data"]["taskChanged"] for _ in range(20)]
    assert [each["task"]["title"] for each in seen] == [f"New {number}" for number in range(20)]
