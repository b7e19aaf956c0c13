"""GraphQL over HTTP: methods, media types, status codes, the shape of errors, and what every answer carries."""

import asyncio
import json
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from atrium.http.middleware import resolve_client_address
from atrium.http.negotiation import PARTIAL_SUCCESS
from graph.fields.errors import STATUS

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
TYPENAME = '{"query":"{ __typename }"}'
COERCION = json.dumps({"query": "query($v: Int!) { number(value: $v) }", "variables": {"v": None}})


def body(query: str, **more: Any) -> str:
    return json.dumps({"query": query, **more})


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
@pytest.mark.parametrize(
    "text",
    [
        TYPENAME,
        body("query Name { __typename }", operationName="Name"),
        body("{ __typename }", operationName=None, variables=None, extensions=None),
        body("{ __typename }", operationName="", extensions={"some": "value"}),
        body("query($t: String!) { echo(text: $t) }", variables={"t": "Run🏃"}),
    ],
)
async def test_well_formed_request_is_answered(toy: Any, accept: str, text: str) -> None:
    response = await toy.post(text, accept=accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert "errors" not in response.json()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (body("{"), "GRAPHQL_PARSE_FAILED"),
        (body("{ nowhere }"), "GRAPHQL_VALIDATION_FAILED"),
        (COERCION, "BAD_USER_INPUT"),
        (body("query A { __typename } query B { __typename }", operationName="C"), "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_what_is_not_executed_has_no_data(toy: Any, text: str, code: str) -> None:
    for accept in (GRAPHQL, JSON):
        response = await toy.post(text, accept=accept)
        assert (response.status_code, toy.error(response)["code"]) == (STATUS[code], code)
        assert "data" not in response.json()
    assert [record.outcome for record in toy.records] == ["refused", "refused"]


async def test_field_error_keeps_its_code_and_the_data(toy: Any) -> None:
    response = await toy.post(body('{ forbidden echo(text: "a") }'), accept=GRAPHQL)
    assert response.status_code == PARTIAL_SUCCESS
    assert toy.error(response)["code"] == "FORBIDDEN"
    assert response.json()["data"] == {"forbidden": None, "echo": "a"}
    assert toy.records[0].outcome == "error"


async def test_unforeseen_error_is_masked(toy: Any) -> None:
    response = await toy.post(body("{ broken }"), accept=GRAPHQL)
    assert response.status_code == PARTIAL_SUCCESS
    assert response.json()["data"] is None
    assert toy.error(response)["code"] == "INTERNAL"
    assert "hunter2" not in response.text
    assert toy.records[0].outcome == "internal"


async def test_refused_client_gets_401_and_a_challenge(toy: Any) -> None:
    for accept in (GRAPHQL, JSON):
        response = await toy.post(TYPENAME, accept=accept, authorization="Bearer expired")
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert toy.error(response)["code"] == "UNAUTHENTICATED"


async def test_fault_of_ours_is_500_without_a_word_of_it(toy: Any, caplog: pytest.LogCaptureFixture) -> None:
    response = await toy.post(TYPENAME, authorization="Bearer bug")
    assert response.status_code == 500
    assert toy.error(response)["code"] == "INTERNAL"
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text


async def test_get_runs_queries(toy: Any) -> None:
    parameters = {"query": "query($t: String!) { echo(text: $t) }", "variables": '{"t":"a"}', "extensions": "{}"}
    response = await toy.get("/graphql", parameters, accept=GRAPHQL)
    assert (response.status_code, response.json()) == (200, {"data": {"echo": "a"}})


async def test_get_never_changes_anything(toy: Any) -> None:
    for accept in (GRAPHQL, JSON, "text/event-stream"):
        response = await toy.get("/graphql", {"query": "mutation { change }"}, accept=accept)
        assert "not allowed" in response.text or toy.error(response)["code"] == "METHOD_NOT_ALLOWED"
    assert toy.ended == []
    assert (await toy.post(body("mutation { change }"))).json() == {"data": {"change": "done"}}
    assert toy.ended == ["changed"]


async def test_get_of_a_mutation_names_the_method(toy: Any) -> None:
    response = await toy.get("/graphql", {"query": "mutation { change }"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_refused(toy: Any, method: str) -> None:
    response = await toy.send(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonp",
    ],
)
async def test_only_json_is_read(toy: Any, content_type: str) -> None:
    response = await toy.post(body("mutation { change }"), content_type=content_type)
    assert response.status_code == 415
    assert toy.error(response)["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert toy.ended == []


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", 'Application/JSON ;charset="utf-8"'])
async def test_json_may_name_its_charset(toy: Any, content_type: str) -> None:
    assert (await toy.post(TYPENAME, content_type=content_type)).status_code == 200


async def test_a_batch_is_refused_in_so_many_words(toy: Any) -> None:
    for text in (f"[{TYPENAME}]", "[]", f"[{TYPENAME},{TYPENAME}]"):
        response = await toy.post(text)
        assert (response.status_code, toy.error(response)["code"]) == (422, "BAD_REQUEST")
        assert "atch" in toy.error(response)["message"]


async def test_the_single_connection_of_graphql_sse_is_refused_in_so_many_words(toy: Any) -> None:
    token = {"x-graphql-event-stream-token": "t"}
    answers = [
        await toy.send("PUT", "/graphql", headers={"accept": "text/event-stream"}),
        await toy.get("/graphql", accept="text/event-stream", x_graphql_event_stream_token="t"),
        await toy.post(TYPENAME, **token),
        await toy.send("DELETE", "/graphql", headers=token),
    ]
    assert [answer.status_code for answer in answers] == [405, 400, 400, 405]
    for answer in answers:
        assert toy.error(answer)["code"] in {"BAD_REQUEST", "METHOD_NOT_ALLOWED"}
        assert "single connection" in toy.error(answer)["message"]
    assert toy.calls == []


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "deflate", "nonsense"])
async def test_coded_bodies_are_refused(toy: Any, coding: str) -> None:
    response = await toy.post(body("mutation { change }"), content_encoding=coding)
    assert (response.status_code, toy.error(response)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert response.headers["accept-encoding"] == "identity"
    assert toy.ended == []


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
async def test_plain_bodies_may_say_so(toy: Any, coding: str) -> None:
    assert (await toy.post(TYPENAME, content_encoding=coding)).status_code == 200


async def test_subscription_needs_a_stream(toy: Any) -> None:
    response = await toy.post(body("subscription { count(to: 1) }"))
    assert response.status_code == 400
    assert "text/event-stream" in toy.error(response)["message"]


async def test_late_request_is_cancelled(make_toy: Any) -> None:
    toy = make_toy(request_timeout_seconds=0.05)
    response = await toy.post(body("{ stuck }"))
    assert response.status_code == 504
    assert toy.error(response)["code"] == "TIMEOUT"
    assert toy.ended == ["stuck"]
    assert toy.records[0].outcome == "timeout"


async def test_begun_stream_outlives_the_limit(make_toy: Any) -> None:
    toy = make_toy(request_timeout_seconds=0.05)
    async with toy.serving() as port, httpx.AsyncClient() as client:
        request = client.stream(
            "POST",
            f"http://127.0.0.1:{port}/graphql",
            json={"query": "subscription { endless }"},
            headers={"accept": "text/event-stream"},
        )
        async with request as response:
            lines = response.aiter_lines()
            assert await anext(lines) == "event: next"
            with pytest.raises(TimeoutError):  # neither ended nor broken off
                async with asyncio.timeout(0.2):
                    await _until(lines, "event: complete")
        await toy.until_ended("endless")


async def _until(lines: AsyncIterator[str], last: str) -> None:
    while await anext(lines) != last:
        pass


@pytest.mark.parametrize("offered", ["a", "Abc-1.2_3", "x" * 128])
async def test_request_id_of_the_client_is_kept(toy: Any, offered: str) -> None:
    response = await toy.post(TYPENAME, x_request_id=offered)
    assert response.headers["x-request-id"] == toy.records[0].request_id == offered


@pytest.mark.parametrize("offered", ["", "x" * 129, "a b", "a\tb", "ä", "'; drop"])
async def test_other_request_ids_are_replaced(toy: Any, offered: str) -> None:
    headers = {"content-type": JSON, "x-request-id": offered.encode()}
    response = await toy.send("POST", "/graphql", content=TYPENAME, headers=headers)
    assert len(response.headers["x-request-id"]) == 36


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "1.1.1.1", "203.0.113.7"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.9", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, nonsense, 10.0.0.9", "10.0.0.9"),
        ("10.0.0.1", "1.1.1.1:5000", "1.1.1.1"),
        ("10.0.0.1", "[2001:db8::1]:5000", "2001:db8::1"),
        ("::ffff:10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("fe80::1%eth0", "1.1.1.1", "fe80::1"),
        (None, "1.1.1.1", None),
        ("x" * 99, None, "x" * 45),
    ],
)
def test_client_address(peer: str | None, forwarded: str | None, expected: str | None) -> None:
    assert resolve_client_address(peer, forwarded, [ip_network("10.0.0.0/8")]) == expected


@pytest.mark.parametrize("peer", ["203.0.113.7", "10.0.0.1", "::1"])
def test_without_trusted_proxies_nobody_is_believed(peer: str) -> None:
    for forwarded in ("1.1.1.1", "6.6.6.6, 1.1.1.1", "10.0.0.1"):
        assert resolve_client_address(peer, forwarded, []) == peer


async def test_by_default_the_client_is_who_connects(toy: Any) -> None:
    await toy.post(TYPENAME)
    peer = toy.calls[0].record.client_address
    await toy.post(TYPENAME, x_forwarded_for="198.51.100.4")
    assert toy.calls[1].record.client_address == peer != "198.51.100.4"


async def test_record_names_the_client(make_toy: Any) -> None:
    toy = make_toy(trusted_proxies="203.0.113.0/24")
    await toy.post(TYPENAME, x_forwarded_for="198.51.100.4", user_agent="u" * 600)
    record = toy.calls[0].record
    assert (record.client_address, record.user_agent) == ("198.51.100.4", "u" * 500)


async def test_headers_of_the_context_reach_the_client(toy: Any) -> None:
    response = await toy.post(body("{ cookie }"))
    assert response.headers["set-cookie"].startswith("taste=sweet; HttpOnly")


@pytest.mark.parametrize("path", ["/graphql", "/explorer", "/nowhere", "/healthz", "/schema.graphql"])
async def test_every_answer_has_safe_headers(toy: Any, path: str) -> None:
    headers = (await toy.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-request-id"]


async def test_unknown_path_has_the_shape_of_every_error(toy: Any) -> None:
    response = await toy.get("/nowhere")
    assert (response.status_code, toy.error(response)["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/healthz", 405), ("PUT", "/graphql", 405)]
)
async def test_what_is_refused_is_not_logged_as_ok(
    toy: Any, caplog: pytest.LogCaptureFixture, method: str, path: str, status: int
) -> None:
    caplog.set_level("DEBUG", "atrium.request")
    response = await toy.send(method, path)
    [fields] = [record.__dict__["fields"] for record in caplog.records if record.name == "atrium.request"]
    assert (response.status_code, fields["status"], fields["outcome"]) == (status, status, "refused")


@pytest.mark.parametrize(
    ("settings", "origin", "allowed"),
    [
        ({}, "http://localhost:5173", True),
        ({}, "http://127.0.0.1", True),
        ({}, "https://evil.example", False),
        ({}, "http://localhost.evil.example", False),
        ({"cors_origins": "https://app.example"}, "https://app.example", True),
        ({"cors_origins": "https://app.example"}, "http://localhost:5173", False),
        ({"environment": "production"}, "http://localhost:5173", False),
    ],
)
async def test_cross_origin_by_setting(make_toy: Any, settings: dict[str, str], origin: str, *, allowed: bool) -> None:
    toy = make_toy(**settings)
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    preflight = await toy.send("OPTIONS", "/graphql", headers={"origin": origin, **asked})
    answer = await toy.post(TYPENAME, origin=origin)
    assert preflight.status_code == (200 if allowed else 400)
    for response in (preflight, answer):
        assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
    assert answer.headers["access-control-expose-headers"] == "x-request-id, atrium-consistency, retry-after"


CLIENT_HEADERS = (
    *("traceparent", "tracestate", "baggage", "sentry-trace", "x-requested-with", "idempotency-key"),
    *(
        "apollographql-client-name",
        "apollographql-client-version",
        "apollo-require-preflight",
        "graphql-require-preflight",
        "x-apollo-operation-name",
    ),
    *("graphql-client-name", "graphql-client-version", "authorization", "content-type", "x-request-id"),
    "atrium-consistency",
)
ORIGIN = "https://app.example"


async def preflight(toy: Any, headers: str, origin: str = ORIGIN) -> httpx.Response:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": headers}
    response: httpx.Response = await toy.send("OPTIONS", "/graphql", headers={"origin": origin, **asked})
    return response


@pytest.mark.parametrize("name", [*CLIENT_HEADERS, ",".join(CLIENT_HEADERS)])
async def test_headers_of_known_clients_are_allowed(make_toy: Any, name: str) -> None:
    response = await preflight(make_toy(cors_origins=ORIGIN), name)
    assert response.status_code == 200, response.text


async def test_other_headers_are_allowed_by_setting(make_toy: Any) -> None:
    assert (await preflight(make_toy(cors_origins=ORIGIN), "x-tenant-hint")).status_code == 400
    toy = make_toy(cors_origins=ORIGIN, cors_headers="X-Tenant-Hint, x-other")
    for name in ("x-tenant-hint", "x-other", "traceparent"):
        assert (await preflight(toy, name)).status_code == 200


async def test_credentials_are_allowed_by_setting_for_listed_origins(make_toy: Any) -> None:
    closed, opened = make_toy(cors_origins=ORIGIN), make_toy(cors_origins=ORIGIN, cors_credentials=True)
    for toy, expected in ((closed, None), (opened, "true")):
        for response in (await preflight(toy, "content-type"), await toy.post(TYPENAME, origin=ORIGIN)):
            assert response.headers.get("access-control-allow-credentials") == expected
            assert response.headers["access-control-allow-origin"] == ORIGIN
    elsewhere = "https://evil.example"
    for response in (await preflight(opened, "content-type", elsewhere), await opened.post(TYPENAME, origin=elsewhere)):
        assert "access-control-allow-origin" not in response.headers


async def test_refused_preflight_has_the_shape_of_every_error(toy: Any) -> None:
    response = await preflight(toy, "content-type", "https://evil.example")
    assert (response.status_code, toy.error(response)["code"]) == (400, "BAD_REQUEST")
