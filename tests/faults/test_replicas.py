"""Replicas that break off, hang, give up or go away midway: a fallback each time, never an error nor an old answer."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from atrium.embedded import standby as embedded_standby
from atrium.embedded.standby import Standby
from models.database import Database, topology
from models.database.identity import NOBODY
from models.database.topology import ServerGroup
from tests.conftest import Urls
from tests.support.client import App, run_app
from tests.support.factories import make_superuser
from tests.support.replication import (
    CREATE_TASK,
    GET_TASK,
    RENAME_TASK,
    ReplicatedCluster,
    asyncpg_url,
    connect,
    list_processes,
    run_as_superuser,
    suspend,
)

ROOT = Path(__file__).parents[2]
PROJECTS_AND_TASKS = "{ projects(first: 1) { nodes { id } } tasks(first: 1) { totalCount } }"

# A little Atrium: it starts a standby of a running server, says which processes that took, and waits.
OWNER = """\
import json, sys
from pathlib import Path
import psutil
from sqlalchemy import make_url
from atrium.embedded import standby
from atrium.embedded.server import Server
folder, *urls = sys.argv[1:]
passwords = {make_url(url).username: make_url(url).password for url in urls}
server = Server(make_url(urls[0]).port, True, passwords)
with standby.run_standbys(server, Path(folder), 1):
    print(json.dumps([process.pid for process in psutil.Process().children(recursive=True)]), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
async def reader(place: ReplicatedCluster) -> AsyncIterator[App]:
    """A process that reads from both standbys."""
    async with place.app() as made:
        yield made


@pytest.fixture
def preferred(place: ReplicatedCluster) -> int:
    """Which of two standbys the member reads from."""
    session_id = place.world.acme.member.session_id
    assert session_id is not None
    return session_id.int % 2


@contextlib.asynccontextmanager
async def lock_table(place: ReplicatedCluster, table: str) -> AsyncIterator[None]:
    """A table that nobody can read, on the primary and thereby on its standbys."""
    async with place.owner() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        await place.wait_until_replayed()
        yield
        await transaction.rollback()


async def waiting_clients(standby: Standby) -> list[int]:
    """The clients that wait for a lock, by their processes."""
    query = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND backend_type = 'client backend'"
    async with asyncio.timeout(30), connect(standby.superuser_url) as connection:
        while not (rows := await connection.fetch(query)):
            await asyncio.sleep(0.02)
    return [row["pid"] for row in rows]


async def test_a_query_whose_replica_breaks_off_is_run_again_whole(
    place: ReplicatedCluster, reader: App, preferred: int
) -> None:
    browser, standby = place.member(), place.standbys[preferred]
    await browser.run(reader, CREATE_TASK, input={"title": "there"})
    async with lock_table(place, "tasks"):
        asked = asyncio.create_task(browser.run(reader, PROJECTS_AND_TASKS))
        for pid in await waiting_clients(standby):
            await run_as_superuser(standby, f"SELECT pg_terminate_backend({pid})")
    assert (await asked)["tasks"]["totalCount"] >= 1
    assert (browser.node, browser.why) == ("primary", "lost")
    metrics = (await reader.http.get("/metrics")).text.splitlines()
    assert 'atrium_reads_total{node="primary",why="lost"} 1.0' in metrics


async def test_a_query_that_stands_in_the_way_of_recovery_is_run_again_whole(
    place: ReplicatedCluster, reader: App, preferred: int
) -> None:
    browser, standby = place.member(), place.standbys[preferred]
    for delay in ("0", "'30s'"):
        await run_as_superuser(
            standby, f"ALTER SYSTEM SET max_standby_streaming_delay = {delay}", "SELECT pg_reload_conf()"
        )
        if delay == "0":
            async with lock_table(place, "tasks"):
                asked = asyncio.create_task(browser.run(reader, PROJECTS_AND_TASKS))
                await waiting_clients(standby)  # it has read projects
                async with lock_table(place, "projects"):
                    pass
    assert set(await asked) == {"projects", "tasks"}
    assert (browser.node, browser.why) == ("primary", "lost")


async def test_replicas_that_hang_delay_but_fail_nobody(
    place: ReplicatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "PROBE_TIMEOUT_SECONDS", 0.5)
    async with place.app(replica_max_lag_seconds=2) as reader:
        nodes, browser = reader.components.servers, place.member()
        await browser.run(reader, PROJECTS_AND_TASKS)
        assert browser.node.startswith("replica-")  # there is an open connection now
        with suspend(*place.standbys):
            answers = await asyncio.gather(*(place.member().send(reader, PROJECTS_AND_TASKS) for _ in range(4)))
            assert [body.get("errors") for body in answers] == [None] * 4
            assert {body["extensions"]["node"] for body in answers} == {"primary"}
            await nodes.probe_all()
            assert [replica.unhealthy_reason for replica in nodes.replicas] == ["it does not answer"] * 2
        monkeypatch.setattr(topology, "PROBE_TIMEOUT_SECONDS", 10)
        await place.wait_until_replayed()
        await nodes.probe_all()
        assert [replica.unhealthy_reason for replica in nodes.replicas] == [None, None]
        await browser.run(reader, PROJECTS_AND_TASKS)
        assert browser.node.startswith("replica-")


async def test_a_replica_that_hangs_does_not_keep_a_process_from_ending(place: ReplicatedCluster) -> None:
    database = Database(place.replica_urls[0])
    async with database.read(NOBODY):
        pass
    with suspend(place.standbys[0]):
        async with asyncio.timeout(20):
            await database.close()


async def test_standbys_of_another_cluster_or_in_another_role_are_not_read_from(
    place: ReplicatedCluster, urls: Urls
) -> None:
    nodes = ServerGroup(Database(urls.runtime), [Database(place.replica_urls[0]), Database(place.runtime)])
    await nodes.probe_all()
    assert [replica.unhealthy_reason for replica in nodes.replicas] == ["it belongs to another cluster"] * 2
    await nodes.stop()

    superuser = place.standbys[0].superuser_url.rpartition("/")[0] + "/atrium"
    nodes = ServerGroup(Database(place.runtime), [Database(superuser)])
    await nodes.probe_all()
    assert nodes.replicas[0].unhealthy_reason == "it is entered as another role than the primary"
    await nodes.stop()


async def write_and_read(
    place: ReplicatedCluster, apps: tuple[App, App], count: int, halfway: Callable[[], object]
) -> Counter[str]:
    """Write by one process and read by the other; something happens halfway."""
    seen: Counter[str] = Counter()
    browser = place.member()
    made = (await browser.run(apps[0], CREATE_TASK, input={"title": "none yet"}))["createTask"]["id"]
    for turn in range(count):
        if turn == count // 2:
            halfway()
        await browser.run(apps[turn % 2], RENAME_TASK, input={"id": made, "title": str(turn)})
        task = (await browser.run(apps[1 - turn % 2], GET_TASK, id=made))["task"]
        seen[browser.node] += 1
        seen["stale"] += task != {"title": str(turn)}
    return seen


@pytest.fixture
def spare(place: ReplicatedCluster) -> Iterator[Standby]:
    """A standby that may be killed."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        embedded_standby.run_standbys(place.server, Path(folder), 1) as (started,),
    ):
        yield started


async def test_no_read_is_stale_or_fails_when_a_replica_is_killed(
    place: ReplicatedCluster, spare: Standby, preferred: int
) -> None:
    urls = list(place.replica_urls)
    urls[preferred] = spare.runtime_url

    def kill() -> None:
        for process in list_processes(spare):
            process.kill()

    async with place.app(database_replica_urls=urls) as one, place.app(database_replica_urls=urls) as two:
        seen = await write_and_read(place, (one, two), 40, kill)
        await one.components.servers.probe_all()
        assert one.components.servers.replicas[preferred].unhealthy_reason == "it does not answer"
    assert seen["stale"] == 0
    assert seen[f"replica-{preferred + 1}"] > 0
    assert seen[f"replica-{2 - preferred}"] > 0


@pytest.mark.exhaustive
async def test_of_a_thousand_reads_none_is_stale_while_a_replica_is_halted(
    place: ReplicatedCluster, preferred: int, record_property: Callable[[str, object], None]
) -> None:
    with contextlib.ExitStack() as stack:
        async with place.app() as one, place.app() as two:
            halt = suspend(place.standbys[preferred])
            seen = await write_and_read(place, (one, two), 1000, lambda: stack.enter_context(halt))
    stale = seen.pop("stale")
    record_property("summary", f"A replica halted midway: {stale} of {seen.total()} reads stale, {dict(seen)}")
    assert (stale, seen.total()) == (0, 1000)


class BreakableLink:
    """A way to a server that can be cut."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._to = urlsplit(asyncpg_url(url))
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self.url.replace(f":{self._to.port}/", f":{port}/")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onwards = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._writers += [writer, onwards]
        await asyncio.gather(_copy_stream(reader, onwards), _copy_stream(there, writer))


async def _copy_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass
class RelayedUrls:
    """The primary by way of a cable."""

    runtime: str


async def test_without_the_primary_there_is_one_coded_error_and_never_an_old_answer(place: ReplicatedCluster) -> None:
    async with (
        BreakableLink(place.runtime) as cable,
        run_app(RelayedUrls(cable.url), database_replica_urls=place.replica_urls) as app,
    ):
        await app.components.servers.probe_all()
        browser = place.member()
        await browser.run(app, PROJECTS_AND_TASKS)
        assert browser.node.startswith("replica-")
        cable.cut()
        for query, variables in ((PROJECTS_AND_TASKS, {}), (CREATE_TASK, {"input": {"title": "lost"}})):
            body = await browser.send(app, query, **variables)
            assert {error["extensions"]["code"] for error in body["errors"]} == {"SERVICE_UNAVAILABLE"}


async def test_without_any_replica_the_primary_answers(place: ReplicatedCluster) -> None:
    urls = [url.replace(f":{urlsplit(asyncpg_url(url)).port}/", ":1/") for url in place.replica_urls]
    async with place.app(database_replica_urls=urls) as app:
        browser = place.member()
        await browser.run(app, PROJECTS_AND_TASKS)
        assert (browser.node, browser.why) == ("primary", "no_replica")


async def test_a_killed_owner_takes_its_standbys_with_it(place: ReplicatedCluster) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        urls = place.server.runtime_url, place.server.superuser_url
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, folder, *urls],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert owner.stdout is not None
        standby = [psutil.Process(pid) for pid in json.loads(owner.stdout.readline())]
        assert len(standby) > 3
        owner.kill()
        owner.wait()
        _, alive = psutil.wait_procs(standby, timeout=30)
        assert alive == []


@pytest.mark.exhaustive
def test_serve_starts_replicas_and_reads_from_them(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "ATRIUM_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-c",
        "from atrium.cli import main; main()",
        "serve",
        "--no-web",
        "--port",
        "0",
        "--replicas",
        "2",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        lines = (re.search(r"running on http://127\.0\.0\.1:(\d+)", line) for line in process.stderr)
        port = next(int(match[1]) for match in lines if match)
        deadline = time.monotonic() + 30
        while not (node := _node_of_new_login(port)).startswith("replica-"):
            assert time.monotonic() < deadline, node
    finally:
        process.terminate()
        assert process.wait(60) in {0, -15}


def _node_of_new_login(port: int) -> str:
    """Which node answers somebody who has just logged in."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        login = 'mutation { login(input: {email: "owner@acme.example.com", password: "Atrium-demo-1!", tenant: "acme"})'
        answer = client.post("/graphql", json={"query": login + " { ... on Session { accessToken } } }"})
        headers = {"authorization": "Bearer " + answer.json()["data"]["login"]["accessToken"]}
        body: Any = client.post("/graphql", json={"query": PROJECTS_AND_TASKS}, headers=headers).json()
    node: str = body["extensions"]["node"]
    return node


ACCOUNTS = "{ accounts { totalCount } viewer { email } }"


async def test_only_the_primary_answers_superusers_and_knows_at_once_who_was_revoked(
    place: ReplicatedCluster, reader: App
) -> None:
    person = place.world.outsider
    client = reader.client_with(person.client.token)
    async with place.owner() as connection:
        await make_superuser(connection, person)
        assert (await client.run(ACCOUNTS))["accounts"]["totalCount"] > 0
        await place.wait_until_replayed()
        assert (await client.run(ACCOUNTS))["viewer"]["email"] == person.email
        with suspend(*place.standbys):  # which still have them as a superuser
            await connection.execute("UPDATE users SET is_superuser = false WHERE id = $1", person.user_id)
            assert await client.error_codes(ACCOUNTS) == ["FORBIDDEN"]
