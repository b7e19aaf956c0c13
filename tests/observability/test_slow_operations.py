"""The log of operations that took long: what it says of each way, and that it says nothing of others."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import websockets

from atrium import http
from atrium.logs import RequestRecord
from atrium.manifests import document_digest
from atrium.slow_operations import SlowOperationLog
from models.timings import OperationTimings
from tests.conftest import Urls
from tests.support.client import App, listen, run_app
from tests.support.factories import create_world

QUERY = "query Mine($t: String!) { tasks(filter: { title: { contains: $t } }, first: 3) { nodes { title } } }"
CREATE = "mutation Make($input: CreateTaskInput!) { createTask(input: $input) { ... on Task { id title } } }"
TITLE = "Something personal"


def slow(caplog: pytest.LogCaptureFixture, message: str = "an operation took long") -> list[dict[str, Any]]:
    found = [line for line in caplog.records if line.name == "atrium.slow" and line.getMessage() == message]
    assert all(line.levelno == logging.WARNING for line in found)
    return [line.__dict__["fields"] for line in found]


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"slow_operation_seconds": 1e-6, "compiler": True}


@pytest.fixture
async def app(urls: Urls, settings: dict[str, Any]) -> AsyncIterator[App]:
    async with run_app(urls, **settings) as app:
        yield app


@pytest.fixture
async def token(app: App, owner_connection: asyncpg.Connection) -> str:
    return str((await create_world(app, owner_connection)).acme.admin.client.token)


async def post(app: App, token: str, query: str, accept: str = "*/*", **variables: Any) -> str:
    headers = {"authorization": f"Bearer {token}", "accept": accept}
    answer = await app.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    return answer.text


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_query_is_told_with_its_statement(
    app: App, token: str, caplog: pytest.LogCaptureFixture, accept: str
) -> None:
    caplog.clear()
    assert "nodes" in await post(app, token, QUERY, accept, t=TITLE)
    (line,) = slow(caplog)
    assert line.pop("request_id")
    assert 0 < line.pop("database_ms") < line.pop("duration_ms")
    assert line.pop("waiting_ms") > 0, "the first connection was opened"
    [statement] = line.pop("slowest")
    assert line == {
        "operation_type": "query",
        "operation_name": "Mine",
        "document_hash": document_digest(QUERY),
        "outcome": "ok",
        "statements": 1,
    }
    assert statement["times"] == 1
    assert statement["ms"] > 0
    assert "FROM tasks" in statement["sql"]
    assert "$1" in statement["sql"]
    assert TITLE not in str(slow(caplog))


async def test_a_mutation_is_told_with_its_slowest_statements(
    app: App, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    await post(app, token, CREATE, input={"title": TITLE})
    (line,) = slow(caplog)
    assert (line["operation_type"], line["operation_name"]) == ("mutation", "Make")
    assert line["statements"] > len(line["slowest"]) == 3
    assert [one["ms"] for one in line["slowest"]] == sorted((one["ms"] for one in line["slowest"]), reverse=True)
    assert TITLE not in str(line)


async def test_operations_on_a_socket_are_told_and_subscriptions_are_not(
    app: App, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    protocol = websockets.Subprotocol("graphql-transport-ws")
    async with (
        listen(app.fastapi, **http.uvicorn_options(app.components.settings)) as port,
        websockets.connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[protocol]) as socket,
    ):
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        await socket.recv()
        caplog.clear()
        for name, query in (("1", "subscription { tasksChanged { __typename } }"), ("2", QUERY)):
            payload = {"query": query, "variables": {"t": TITLE}}
            await socket.send(json.dumps({"type": "subscribe", "id": name, "payload": payload}))
        while json.loads(await socket.recv()) != {"id": "2", "type": "complete"}:
            pass
        await socket.send(json.dumps({"type": "complete", "id": "1"}))
    assert [line["operation_type"] for line in slow(caplog)] == ["query"]
    assert slow(caplog)[0]["statements"] == 1


@pytest.mark.parametrize("settings", [{"slow_operation_seconds": 0}, {"slow_operation_seconds": 3600}, {}])
async def test_nothing_is_told_of_what_is_quick(app: App, token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    await post(app, token, QUERY, t=TITLE)
    assert slow(caplog) == []


@pytest.mark.parametrize("settings", [{"slow_operation_seconds": 1e-6, "slow_operation_plans": True, "compiler": True}])
async def test_plans_are_told_one_in_a_while(app: App, token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    for _ in range(3):
        await post(app, token, QUERY, t=TITLE)
    async with asyncio.timeout(10):
        while not slow(caplog, "the plan of a slow statement"):
            await asyncio.sleep(0.01)
    (line,) = slow(caplog, "the plan of a slow statement")
    assert line["request_id"] == slow(caplog)[0]["request_id"]
    assert line["sql"] == slow(caplog)[0]["slowest"][0]["sql"]
    assert any("tasks" in row for row in line["plan"])
    assert TITLE not in str(line)


async def test_a_plan_that_cannot_be_made_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def explain(_: str) -> list[str]:
        raise asyncpg.PostgresSyntaxError(TITLE)

    with caplog.at_level(logging.INFO, "atrium.slow"):
        timings = OperationTimings.of_statement("SELECT 1", 2.0)
        record = RequestRecord("id", document=QUERY, duration=2.0, timings=timings)
        log = SlowOperationLog(1.0, explain)
        assert log.is_slow(record)
        log.write(record)
        async with asyncio.timeout(10):
            while len(caplog.records) < 2:
                await asyncio.sleep(0)
    assert caplog.records[-1].getMessage() == "there is no plan of a slow statement: PostgresSyntaxError"
    assert slow(caplog)[0]["database_ms"] == pytest.approx(2000, abs=1)
