"""What an `Accept` header comes to, by both editions of GraphQL over HTTP, and what every error gets by each."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from atrium.http.negotiation import Accepted, negotiate

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
STREAM = "text/event-stream"

URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, {STREAM}, multipart/mixed"
APOLLO = f"{GRAPHQL},{JSON};q=0.9"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

WHOLE = (JSON, 200, True)
PARTIAL = (GRAPHQL, 294, True)


@pytest.mark.parametrize(
    ("accept", "legacy", "edition_2026"),
    [
        (None, JSON, WHOLE),
        ("", JSON, WHOLE),
        ("*/*", JSON, WHOLE),
        ("application/*", JSON, WHOLE),
        (JSON, JSON, WHOLE),
        (f"{JSON}, text/plain, */*", JSON, WHOLE),
        (GRAPHQL, GRAPHQL, PARTIAL),
        (GRAPHQL.upper(), GRAPHQL, PARTIAL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL, PARTIAL),
        (f"{GRAPHQL}; charset=utf-8, {JSON};q=0.9", GRAPHQL, PARTIAL),
        (f"{GRAPHQL};q=0.2, */*;q=0.1", GRAPHQL, PARTIAL),
        (f"*/*;q=0.1, {GRAPHQL}", GRAPHQL, PARTIAL),
        (URQL, GRAPHQL, PARTIAL),
        (APOLLO, GRAPHQL, PARTIAL),
        (BROWSER, JSON, WHOLE),
        (f"{JSON}, {GRAPHQL}", JSON, WHOLE),
        (f"{GRAPHQL};q=0.5, {JSON};q=0.9", JSON, WHOLE),
        (f"{JSON};q=0, */*", GRAPHQL, (GRAPHQL, 200, True)),
        (STREAM, JSON, WHOLE),
        ("a" * 1_001, JSON, WHOLE),
        ("text/html", JSON, (JSON, 200, False)),
        ("text/*", JSON, (JSON, 200, False)),
        ("multipart/mixed", JSON, (JSON, 200, False)),
        ("*/*;q=0", JSON, (JSON, 200, False)),
        (f"{GRAPHQL};q=0", JSON, (JSON, 200, False)),
        (f"{GRAPHQL};q=nonsense", JSON, (JSON, 200, False)),
        (f"{STREAM};q=0", JSON, (JSON, 200, False)),
    ],
)
def test_media_type_is_negotiated(accept: str | None, legacy: str, edition_2026: tuple[str, int, bool]) -> None:
    by_legacy, found = negotiate(accept, "legacy"), negotiate(accept, "2026")
    assert (found.media_type, found.partial_status, found.is_acceptable) == edition_2026
    assert (found.refusal_media_type, found.hides_refusals) == (GRAPHQL, False)
    expected = {"streams": found.streams, "prefers_stream": found.prefers_stream}
    assert by_legacy == Accepted(legacy, legacy, hides_refusals=legacy == JSON, **expected)


Send = Callable[[Any, str], Awaitable[Any]]
TYPENAME = {"query": "{ __typename }"}


def by_post(**parameters: Any) -> Send:
    """Send this body by POST."""
    return lambda toy, accept: toy.post(json.dumps(parameters), accept=accept)


def by_get(**parameters: str) -> Send:
    """Send this query string by GET."""
    return lambda toy, accept: toy.get("/graphql", parameters, accept=accept)


def with_headers(method: str = "POST", content: str = json.dumps(TYPENAME), **headers: str) -> Send:
    """Send something with these headers."""
    given = {"content-type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return lambda toy, accept: toy.send(method, "/graphql", content=content, headers={**given, "accept": accept})


NUMBER = "query($v: Int!) { number(value: $v) }"
NO_OPERATION = "query A { __typename } query B { __typename }"

# The code, the status by the first edition, and the statuses by the drafts before it for both media types.
ERRORS: dict[str, tuple[Send, str, int, tuple[int, int]]] = {
    "no JSON": (with_headers(content="{"), "BAD_REQUEST", 400, (400, 400)),
    "no query": (by_post(), "BAD_REQUEST", 422, (400, 400)),
    "empty query": (by_post(query=""), "BAD_REQUEST", 400, (400, 400)),
    "wrong type": (by_post(query="{ who }", variables=[7]), "BAD_REQUEST", 422, (400, 400)),
    "batch": (with_headers(content=json.dumps([TYPENAME])), "BAD_REQUEST", 422, (400, 400)),
    "GET without a query": (by_get(), "BAD_REQUEST", 422, (400, 400)),
    "variables of a GET": (by_get(query="{ who }", variables="{"), "BAD_REQUEST", 400, (400, 400)),
    "unknown hash": (by_post(documentId="a"), "PERSISTED_QUERY_NOT_SUPPORTED", 422, (400, 400)),
    "parsing": (by_post(query="{"), "GRAPHQL_PARSE_FAILED", 400, (400, 200)),
    "validation": (by_post(query="{ nowhere }"), "GRAPHQL_VALIDATION_FAILED", 422, (400, 200)),
    "operation": (by_post(query=NO_OPERATION, operationName="C"), "GRAPHQL_VALIDATION_FAILED", 422, (400, 200)),
    "variables": (by_post(query=NUMBER, variables={"v": "a"}), "BAD_USER_INPUT", 422, (400, 200)),
    "mutation by GET": (by_get(query="mutation { change }"), "METHOD_NOT_ALLOWED", 405, (405, 405)),
    "method": (with_headers("DELETE"), "METHOD_NOT_ALLOWED", 405, (405, 405)),
    "subscription": (by_post(query="subscription { count(to: 1) }"), "BAD_REQUEST", 400, (400, 400)),
    "content type": (with_headers(content_type="text/plain"), "UNSUPPORTED_MEDIA_TYPE", 415, (415, 415)),
    "charset": (with_headers(content_type=f"{JSON}; charset=utf-16"), "UNSUPPORTED_MEDIA_TYPE", 415, (415, 415)),
    "gzip": (with_headers(content_encoding="gzip"), "UNSUPPORTED_MEDIA_TYPE", 415, (415, 415)),
    "large body": (with_headers(content="{}".ljust(65_537)), "PAYLOAD_TOO_LARGE", 413, (413, 413)),
    "long URI": (by_get(query="#" * 16_384), "URI_TOO_LONG", 414, (414, 414)),
    "no token": (with_headers(authorization="Bearer expired"), "UNAUTHENTICATED", 401, (401, 401)),
    "not permitted": (with_headers(authorization="Bearer forbidden"), "FORBIDDEN", 403, (403, 403)),
    "too many": (with_headers(authorization="Bearer hasty"), "RATE_LIMITED", 429, (429, 429)),
    "overload": (with_headers(authorization="Bearer unlucky"), "SERVICE_UNAVAILABLE", 503, (503, 503)),
    "fault": (with_headers(authorization="Bearer bug"), "INTERNAL", 500, (500, 500)),
    "late": (by_post(query="{ stuck }"), "TIMEOUT", 504, (504, 504)),
}


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
@pytest.mark.parametrize("name", ERRORS)
async def test_every_error_has_its_status_and_its_type(make_toy: Any, name: str, accept: str) -> None:
    send, code, status, by_drafts = ERRORS[name]
    for setting, expected, media_type in (
        ("2026", status, GRAPHQL),
        ("legacy", by_drafts[accept == JSON], accept),
    ):
        toy = make_toy(http_status=setting, request_timeout_seconds=0.2 if name == "late" else 60)
        response = await send(toy, accept)
        assert (response.status_code, toy.error(response)["code"]) == (expected, code)
        assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert "data" not in response.json()
        assert toy.records[-1].outcome != "ok"


@pytest.mark.parametrize("accept", ["text/html", "multipart/mixed"])
async def test_legacy_disregards_what_it_has_not(make_toy: Any, accept: str) -> None:
    response = await make_toy(http_status="legacy").post(json.dumps(TYPENAME), accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, f"{JSON}; charset=utf-8")


async def test_legacy_answers_fields_that_fail_with_200(make_toy: Any) -> None:
    for accept in (GRAPHQL, JSON):
        response = await make_toy(http_status="legacy").post(json.dumps({"query": "{ forbidden }"}), accept=accept)
        assert (response.status_code, response.json()["data"]) == (200, {"forbidden": None})


@pytest.mark.parametrize(("token", "status"), [("hasty", 429), ("unlucky", 503)])
async def test_who_is_to_come_back_is_told_when(toy: Any, token: str, status: int) -> None:
    origin = {"authorization": f"Bearer {token}", "origin": "http://localhost:3000"}
    response = await toy.post(json.dumps(TYPENAME), **origin)
    assert (response.status_code, response.headers["retry-after"]) == (status, "7")
    assert toy.error(response)["retryAfter"] == 7
    assert "retry-after" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("setting", ["2026", "legacy"])
async def test_other_paths_are_no_graphql(make_toy: Any, setting: str) -> None:
    toy = make_toy(http_status=setting)
    for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/healthz", 405)):
        response = await toy.send(method, path, headers={"accept": GRAPHQL})
        assert (response.status_code, response.headers["content-type"]) == (status, f"{JSON}; charset=utf-8")
