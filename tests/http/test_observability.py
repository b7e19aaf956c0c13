"""What runs beside the queries: logs, metrics, probes and the published documents."""

import asyncio
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from atrium import health, logs
from atrium.logs import JsonFormatter, RequestRecord

SECRET = "s3cret-value"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What Atrium logs, without touching how pytest does."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("info", production=True, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def log_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines of the server; the client of these tests logs as well."""
    every = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in every if line["logger"] != "httpx"]


async def test_one_line_per_request_without_secrets(toy: Any, stream: io.StringIO) -> None:
    query = "query Mine($t: String!) { echo(text: $t) }"
    body = json.dumps({"query": query, "variables": {"t": SECRET}})
    await toy.post(body, authorization=f"Bearer {SECRET}", x_request_id="mine", cookie=SECRET)
    (line,) = log_lines(stream)
    assert line.pop("time").endswith("Z")
    assert line.pop("duration_ms") > 0
    assert line == {
        "level": "info",
        "logger": "atrium.request",
        "message": "POST /graphql",
        "request_id": "mine",
        "status": 200,
        "outcome": "ok",
        "operation_type": "query",
        "operation_name": "Mine",
        "statements": 3,
        "client_address": "203.0.113.7",
    }
    assert SECRET not in stream.getvalue()


TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("given", "is_known"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01-what-will-be", True),
        (f"00-{TRACE}-{PARENT}-01-more", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        (f"00-{TRACE}-{PARENT}", False),
        (SECRET, False),
    ],
)
async def test_the_trace_of_a_request_is_logged(toy: Any, stream: io.StringIO, given: str, *, is_known: bool) -> None:
    await toy.post(json.dumps({"query": "{ __typename }"}), traceparent=given)
    (line,) = log_lines(stream)
    assert (line.get("trace_id"), line.get("parent_id")) == ((TRACE, PARENT) if is_known else (None, None))
    assert SECRET not in stream.getvalue()


async def test_query_string_is_not_logged(toy: Any, stream: io.StringIO) -> None:
    await toy.get("/graphql", {"query": "{ __typename }", "token": SECRET})
    assert [line["message"] for line in log_lines(stream)] == ["GET /graphql"]
    assert SECRET not in str(log_lines(stream))


async def test_socket_leaves_a_line_for_itself_and_each_operation(toy: Any, stream: io.StringIO) -> None:
    async with toy.socket(x_request_id="mine") as socket:
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        await socket.send('{"type":"subscribe","id":"1","payload":{"query":"query Mine { __typename }"}}')
        await socket.recv()
        await socket.recv()
    own = [line for line in log_lines(stream) if line["logger"] == "atrium.request"]
    assert [(line["request_id"], line.get("operation_name")) for line in own] == [("mine.1", "Mine"), ("mine", None)]
    assert not [line for line in log_lines(stream) if "WebSocket" in line["message"]]


async def test_probes_are_quiet(toy: Any, stream: io.StringIO) -> None:
    for path in ("/healthz", "/metrics"):
        await toy.get(path)
    assert log_lines(stream) == []


def test_record_cuts_names_and_knows_people() -> None:
    record = RequestRecord("id", operation_name="n" * 300, tenant_id="t", user_id="u", status=200)
    assert record.fields()["operation_name"] == "n" * 100
    assert (record.fields()["tenant_id"], record.fields()["user_id"]) == ("t", "u")


def test_fault_is_logged_with_its_trace(stream: io.StringIO) -> None:
    try:
        int("broken")
    except ValueError:
        logging.getLogger("test").exception("failed")
    (line,) = log_lines(stream)
    assert (line["level"], line["message"]) == ("error", "failed")
    assert "ValueError: invalid literal" in line["exception"]


def test_half_a_surrogate_pair_is_still_a_line() -> None:
    record = logging.LogRecord("test", logging.INFO, "", 0, "\ud800", None, None)
    assert json.loads(JsonFormatter().format(record))["message"] == "\ud800"


def test_path_cannot_forge_a_line(stream: io.StringIO) -> None:
    logs.log_request(RequestRecord("id", method="GET", path="/a\n{\x1b[31m"))
    (line,) = log_lines(stream)
    assert line["message"] == "GET /a%0A%7B%1B%5B31m"


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error", "uvicorn.access"])
def test_server_logs_through_us(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).error("said")
    logging.getLogger(name).info('%s - "WebSocket %s" [accepted]', "1.2.3.4", f"/graphql?token={SECRET}")
    said = [line["message"] for line in log_lines(stream) if not line["message"].startswith("1.2.3.4")]
    assert said == ([] if name == "uvicorn.access" else ["said"])


def test_terminal_in_development_gets_text(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "isatty", lambda: True)
    logs.configure("info", production=False, stream=stream)
    logs.log_request(RequestRecord("mine", method="POST", path="/graphql", status=200))
    assert re.search(r"info +POST /graphql request_id=mine status=200", stream.getvalue())
    logs.configure("info", production=True, stream=stream)
    logs.log_request(RequestRecord("mine", method="POST", path="/graphql", status=200))
    assert stream.getvalue().splitlines()[-1].startswith("{")


async def test_metrics_count_operations(toy: Any) -> None:
    await toy.post('{"query":"{ __typename }"}')
    await toy.post('{"query":"mutation { change }"}')
    await toy.post('{"query":"{ broken }"}')
    await toy.post("{")
    await toy.get("/healthz")
    text = (await toy.get("/metrics")).text
    for line in (
        'atrium_operations_total{outcome="ok",type="query"} 1.0',
        'atrium_operations_total{outcome="ok",type="mutation"} 1.0',
        'atrium_operations_total{outcome="internal",type="query"} 1.0',
        'atrium_operations_total{outcome="refused",type="unknown"} 1.0',
        'atrium_operation_seconds_count{type="query"} 2.0',
        'atrium_operation_statements_sum{type="mutation"} 3.0',
        'atrium_pool_connections{pool="primary",state="in_use"} 3.0',
    ):
        assert line in text.splitlines()


async def test_metrics_say_nothing_of_when_they_were_made(toy: Any) -> None:
    await toy.post('{"query":"{ __typename }"}')
    assert "_created" not in (await toy.get("/metrics")).text


async def test_applications_count_apart(make_toy: Any) -> None:
    first, second = make_toy(), make_toy()
    await first.post('{"query":"{ __typename }"}')
    assert 'atrium_operations_total{outcome="ok",type="query"} 0.0' in (await second.get("/metrics")).text


async def test_readiness(make_toy: Any) -> None:
    development = await make_toy().get("/readyz")
    production = await make_toy(environment="production").get("/readyz")
    assert (development.status_code, production.status_code) == (503, 503)
    assert development.json()["checks"] == {"database": "no route to db.internal", "migrations": "ok"}
    assert production.json() == {"status": "not ready", "checks": {"database": "failed", "migrations": "ok"}}


async def test_liveness_asks_nobody(toy: Any) -> None:
    response = await toy.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_slow_check_has_failed() -> None:
    async def slow() -> None:
        await asyncio.Event().wait()

    app = Starlette(routes=health.build_routes({"database": slow}, reveal=True, timeout=0.01))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://atrium.test") as client:
        response = await client.get("/readyz")
    assert response.json()["checks"] == {"database": "no answer within 0.01 s"}


async def test_production_shows_no_schema(make_toy: Any) -> None:
    assert (await make_toy(environment="production").get("/schema.graphql")).status_code == 404
    assert (await make_toy(environment="production", introspection=True).get("/schema.graphql")).status_code == 200


async def test_published_documents(toy: Any) -> None:
    assert (await toy.get("/schema.graphql")).text == toy.schema.as_str()
    keys = await toy.get("/.well-known/jwks.json")
    assert keys.json() == {"keys": [{"kty": "OKP"}]}
    assert keys.headers["cache-control"] == "public, max-age=300"


def test_stream_defaults_to_standard_error(stream: io.StringIO) -> None:
    logs.configure("info", production=True)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    assert stream.getvalue() == ""
