"""Several processes on one port: one that dies is started again, and all are replaced without a lost request."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import psutil
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Urls
from tests.support.client import UNLIMITED_COST
from tests.support.factories import World
from tests.support.server_process import Process, served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WORKERS = 2
CLIENTS = 4
START_SECONDS = 150
END_SECONDS = 30
CREATE_TASK = "mutation($title: String!) { createTask(input: {title: $title}) { ... on Task { title } } }"
VIEWER = "{ viewer { email } }"
TASK_CHANGED = {"type": "subscribe", "id": "1", "payload": {"query": "subscription { taskChanged { task { title } } }"}}
SERVICE_RESTART = 1012


@pytest.fixture
async def process(urls: Urls, tmp_path: Path) -> AsyncIterator[Process]:
    """A server of two workers, which both serve."""
    async with served(urls, tmp_path, workers=WORKERS, **UNLIMITED_COST) as process:
        await until(lambda: len(ready_workers(process)) == WORKERS)
        yield process


def ready_workers(process: Process) -> set[int]:
    """The workers that have started, and live."""
    said = [line.partition("Started server process [")[2] for line in process.lines]
    started = {int(rest.partition("]")[0]) for rest in said if rest}
    return {pid for pid in started if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE}


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that no event tells of."""
    async with asyncio.timeout(START_SECONDS):
        while not holds():
            await asyncio.sleep(0.05)


class Load:
    """Clients that keep their connections, each with one request after the other."""

    def __init__(self, process: Process, world: World) -> None:
        self.headers = {"authorization": f"Bearer {world.acme.owner.client.token}"}
        self.url = process.url
        self.answered = 0
        self.stops = asyncio.Event()

    async def client(self, number: int) -> None:
        async with httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=30) as http:
            while not self.stops.is_set():
                title = f"{number}-{self.answered}"
                query = {"query": CREATE_TASK, "variables": {"title": title}} if number % 2 else {"query": VIEWER}
                answer = await http.post("/graphql", json=query)
                data = answer.raise_for_status().json()["data"]
                assert data == ({"createTask": {"title": title}} if number % 2 else {"viewer": data["viewer"]})
                self.answered += 1


async def test_all_are_replaced_under_load_without_a_lost_request(
    process: Process, world: World, record_property: Callable[[str, object], None]
) -> None:
    before, load = ready_workers(process), Load(process, world)
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(load.client(number))
        await until(lambda: load.answered > CLIENTS)
        process.popen.send_signal(signal.SIGHUP)
        await until(lambda: not before & ready_workers(process) and len(ready_workers(process)) == WORKERS)
        so_far = load.answered
        await until(lambda: load.answered > so_far + CLIENTS)
        load.stops.set()
    record_property("summary", f"Workers replaced by SIGHUP under load: {load.answered} requests, none lost")


async def test_one_that_is_killed_is_started_again_and_all_are_scraped_at_once(process: Process, world: World) -> None:
    victim, other = ready_workers(process)
    psutil.Process(victim).kill()
    await until(lambda: victim not in ready_workers(process) and len(ready_workers(process)) == WORKERS)
    headers = {"authorization": f"Bearer {world.acme.owner.client.token}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers) as http:
        for _ in range(20):
            assert (await http.post("/graphql", json={"query": VIEWER})).json()["data"]
    async with httpx.AsyncClient(base_url=process.url) as http:
        text = (await http.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert text.count("# TYPE atrium_operations_total") == 1
    served_by = {
        int(sample.labels["worker"]): sample.value
        for sample in families["atrium_operations"].samples
        if (sample.labels["type"], sample.labels["outcome"]) == ("query", "ok")
    }
    assert set(served_by) == ready_workers(process)
    assert sum(served_by.values()) == 20
    assert other in served_by


async def test_what_one_writes_is_followed_through_all_and_followers_are_told_of_the_end(
    process: Process, world: World
) -> None:
    token = f"Bearer {world.acme.owner.client.token}"
    url, protocol = process.url.replace("http", "ws") + "/graphql", websockets.Subprotocol("graphql-transport-ws")
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(base_url=process.url) as http:
        sockets = [await websockets.connect(url, subprotocols=[protocol]) for _ in range(6)]
        for socket in sockets:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": token}}))
            await socket.recv()
            await socket.send(json.dumps(TASK_CHANGED))
            await socket.send(json.dumps({"type": "ping"}))
            assert "pong" in str(await socket.recv())
        body = {"query": CREATE_TASK, "variables": {"title": "Seen by all"}}
        await http.post("/graphql", json=body, headers={"authorization": token})
        assert all(["Seen by all" in str(await socket.recv()) for socket in sockets])
        process.terminate()
        for socket in sockets:
            await socket.wait_closed()
    assert {socket.close_code for socket in sockets} == {SERVICE_RESTART}
    await process.wait(END_SECONDS)
    assert process.popen.returncode == 0


async def test_workers_end_with_their_supervisor(process: Process) -> None:
    workers = ready_workers(process)
    process.popen.kill()
    process.popen.wait()
    await until(lambda: not any(psutil.pid_exists(pid) for pid in workers))


async def test_settings_that_do_not_allow_a_start_leave_the_old_workers(
    process: Process, world: World, tmp_path: Path
) -> None:
    before = ready_workers(process)
    (tmp_path / ".env").write_text("ATRIUM_LOG_LEVEL=loud\n")
    process.popen.send_signal(signal.SIGHUP)
    await until(lambda: any("aborting the restart" in line for line in process.lines))
    assert ready_workers(process) == before
    headers = {"authorization": f"Bearer {world.acme.owner.client.token}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers) as http:
        assert (await http.post("/graphql", json={"query": VIEWER})).json()["data"]


async def test_a_port_that_is_taken_is_said(process: Process, urls: Urls, tmp_path: Path) -> None:
    (folder := tmp_path / "second").mkdir()
    with pytest.raises(AssertionError, match="Address already in use"):
        async with served(urls, folder, workers=WORKERS, port=process.port):
            pass
