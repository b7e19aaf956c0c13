"""The spans of each kind of operation: which there are, of which parent, and what they say."""

import json
from typing import Any

import pytest
import websockets
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from atrium import http
from models.database import Database
from models.timings import Timing
from tests.observability.conftest import Spans
from tests.support.client import listen
from tests.support.factories import World
from tests.support.sent_values import SENT

QUERY = """query Mine($t: String!) {
  tasks(filter: { title: { contains: $t } }, first: 3) { nodes { title description } }
  projects(filter: { name: { eq: "A literal of the text" } }) { nodes { name } }
}"""
CREATE = "mutation Make($input: CreateTaskInput!) { createTask(input: $input) { ... on Task { id title } } }"
RENAME = "mutation Rename($input: UpdateTaskInput!) { updateTask(input: $input) { ... on Task { id title } } }"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CHILD_OF = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=kept"}


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def post(world: World, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
    client = world.acme.admin.client
    answer = await world.app.http.post(
        "/graphql",
        json={"query": query, "variables": variables},
        headers={"authorization": f"Bearer {client.token}", **(headers or {})},
    )
    body: dict[str, Any] = answer.json()
    return body


async def test_a_query_is_one_span_with_its_steps(world: World, spans: Spans) -> None:
    spans.clear()
    assert "errors" not in await post(world, QUERY, CHILD_OF, t="needle in the stack")
    root = spans.root
    assert (root.name, root.kind, root.status.status_code) == ("query", SpanKind.SERVER, StatusCode.UNSET)
    assert root.parent is not None
    assert (f"{root.parent.trace_id:032x}", f"{root.parent.span_id:016x}") == (TRACE, PARENT)
    assert root.context.trace_state.to_header() == "vendor=kept"
    attributes = said(root)
    assert attributes.pop("atrium.request_id")
    assert attributes == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Mine",
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/graphql",
        "url.path": "/graphql",
        "url.scheme": "http",
        "atrium.outcome": "ok",
        "atrium.executor": "compiler",
        "atrium.tenant_id": str(world.acme.tenant_id),
    }
    names = spans.names_below(root)
    assert names == [
        *("graphql.parse", "graphql.validate", "graphql.plan", "graphql.plan", "db.connection.wait"),
        "SELECT tasks projects atrium_enter",
    ]
    statement = next(span for span in spans.all if span.name == names[-1])
    assert statement.kind is SpanKind.CLIENT
    described = said(statement)
    url = world.app.components.database.engine.url
    assert described["db.system.name"] == "postgresql"
    assert described["db.namespace"] == url.database
    assert described["server.address"] == (url.host or url.query["host"])
    assert described["db.query.summary"] == statement.name
    assert "$1" in described["db.query.text"]
    spans.clear()
    await post(world, QUERY, t="needle in the stack")
    assert len(spans.all) == 2, "what is known already is not planned again"


async def test_statements_of_the_reference_executor_are_spans(world: World, spans: Spans) -> None:
    task = await world.acme.admin.client.mutate("createTask", "... on Task { id }", title="Something personal")
    spans.clear()
    await post(world, CREATE, input={"title": "Another personal thing"})
    names = spans.names_below(spans.root)
    assert spans.root.name == "mutation"
    assert any(name.startswith("INSERT") and "tasks" in name for name in names)
    assert any(name.startswith("SELECT atrium_enter") for name in names)
    assert "COMMIT" in names
    spans.clear()
    await post(world, RENAME, input={"id": task["id"], "title": "Renamed by somebody"})
    assert said(spans.root)["graphql.operation.name"] == "Rename"
    assert any(name.startswith("UPDATE") for name in spans.names_below(spans.root))


async def test_a_bulk_mutation_is_one_span(world: World, spans: Spans) -> None:
    spans.clear()
    items = [{"title": f"Personal number {number}"} for number in range(30)]
    answer = await world.acme.admin.client.mutate("createTasks", "__typename", tasks=items)
    assert answer["__typename"] == "NewTaskOutcomes"
    assert len(spans.roots) == 1
    assert sum(name.startswith("INSERT") for name in spans.names_below(spans.root)) < len(items)


async def test_operations_on_a_socket_have_a_span_each(world: World, spans: Spans) -> None:
    spans.clear()
    protocol, token = websockets.Subprotocol("graphql-transport-ws"), world.acme.admin.client.token
    subscription = "subscription Follow { tasksChanged { __typename } }"
    settings = world.app.components.settings
    async with (
        listen(world.app.fastapi, **http.uvicorn_options(settings)) as port,
        websockets.connect(
            f"ws://127.0.0.1:{port}/graphql", subprotocols=[protocol], additional_headers=CHILD_OF
        ) as socket,
    ):
        SENT.add(str(token))
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        await socket.recv()
        for name, query in (("1", QUERY), ("2", subscription)):
            payload = {"query": query, "variables": {"t": "needle in the stack"}}
            await socket.send(json.dumps({"type": "subscribe", "id": name, "payload": payload}))
        while json.loads(await socket.recv())["type"] != "complete":
            pass
        await socket.send(json.dumps({"type": "complete", "id": "2"}))
    assert {span.name for span in spans.roots} == {"query", "subscription"}
    assert {f"{span.parent.span_id:016x}" for span in spans.roots if span.parent} == {PARENT}
    assert all("http.request.method" not in said(span) for span in spans.roots)


async def test_a_query_in_an_event_stream_has_a_span(world: World, spans: Spans) -> None:
    spans.clear()
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {world.acme.admin.client.token}"}
    body = {"query": QUERY, "variables": {"t": "needle in the stack"}}
    answer = await world.app.http.post("/graphql", json=body, headers=headers)
    assert "event: complete" in answer.text
    assert spans.root.name == "query"


async def test_faults_are_errors_and_refusals_are_not(
    world: World, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans.clear()
    await post(world, "{ noSuchField }")
    await post(world, CREATE, input={"title": " "})
    assert [span.status.status_code for span in spans.roots] == [StatusCode.UNSET] * 2
    assert said(spans.roots[0])["atrium.outcome"] == "refused"

    def fail(*_: object, **_options: object) -> None:
        raise RuntimeError("what Mallory wrote")

    SENT.add("what Mallory wrote")
    spans.clear()
    monkeypatch.setattr(Database, "write", fail)
    await post(world, CREATE, input={"title": "Something personal"})
    root = spans.root
    assert root.status.status_code is StatusCode.ERROR
    assert root.status.description is None
    assert said(root)["error.type"] == "INTERNAL"
    assert root.events == ()


async def test_a_statement_that_fails_says_by_which_code(world: World, spans: Spans) -> None:
    await world.connection.execute("ALTER TABLE tasks RENAME COLUMN description TO gone")
    spans.clear()
    await post(world, CREATE, input={"title": "Something personal"})
    failed = [span for span in spans.all if said(span).get("db.response.status_code") == "42703"]
    assert failed
    assert {span.status.status_code for span in failed} == {StatusCode.ERROR}
    assert said(spans.root)["error.type"] == "INTERNAL"


@pytest.mark.parametrize("sampler", ["parentbased_always_off"])
async def test_a_parent_decides_whether_it_is_sampled(world: World, spans: Spans) -> None:
    await post(world, QUERY, t="needle in the stack")
    await post(world, QUERY, {"traceparent": f"00-{TRACE}-{PARENT}-00"}, t="needle in the stack")
    await post(world, QUERY, {"traceparent": "no such thing"}, t="needle in the stack")
    assert spans.all == []
    await post(world, QUERY, CHILD_OF, t="needle in the stack")
    assert len(spans.roots) == 1


async def test_what_fails_behind_an_answer_is_logged_and_harms_nobody(
    world: World, spans: Spans, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Timing, "sql", property(lambda _: 1 / 0))
        assert "errors" not in await post(world, QUERY, t="needle in the stack")
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["an operation's steps were lost"]
    spans.clear()
    assert "errors" not in await post(world, QUERY, t="needle in the stack")
    assert spans.root.name == "query"
