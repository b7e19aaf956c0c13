"""Requests by GET, those of programs with an API key, and heads of many clients: they take the fast path too."""

import json
import time
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest

from bench.queries import BROWSER_HEAD
from bench.templates import fill_head
from models.base import now
from services import api_keys
from tests.support.raw_http import ORIGIN, TASKS, UPDATE, Server, body_of, rename, request, token_of

LATER_SECONDS = 301  # after which it is noted again that a key is used
ADDED_BY_PROXIES = (
    *("x-real-ip", "x-request-start", "forwarded", "true-client-ip", "cf-connecting-ip", "cf-ray", "fly-request-id"),
    *("x-amz-cf-id", "x-azure-ref", "x-vercel-id", "x-client-request-id", "x-correlation-id", "x-cloud-trace-context"),
    *("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-tags", "elastic-apm-traceparent", "newrelic"),
    *("uber-trace-id", "sentry-trace", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-amzn-trace-id"),
    *("tracestate", "baggage", "traceparent", "atrium-consistency"),
)


def get(server: Server, *lines: str, target: str = "", **parameters: object) -> bytes:
    """The bytes of a GET."""
    given = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    head = [
        f"GET {target or '/graphql?' + urlencode(given)} HTTP/1.1",
        *("host: 127.0.0.1", "accept: application/graphql-response+json, application/json"),
        *(f"authorization: Bearer {token_of(server)}", *lines, "", ""),
    ]
    return "\r\n".join(head).encode("latin-1")


GETS: dict[str, dict[str, object]] = {
    "query": {"query": TASKS},
    "variables": {"query": TASKS, "variables": {"first": 1}},
    "empty variables": {"query": TASKS, "variables": "", "extensions": ""},
    "operation name": {"query": TASKS, "operationName": "Tasks"},
    "not only ASCII": {"query": TASKS, "variables": {"first": 2, "more": "ä"}},
    "unknown parameters": {"query": TASKS, "a": "b", "extensions": {"a": 1}},
}


@pytest.mark.parametrize("case", GETS)
async def test_a_query_by_get_is_answered_alike(server: Server, case: str) -> None:
    await server.warm(get(server, query=TASKS))
    assert await server.assert_equal(get(server, **GETS[case])) == 1


async def test_a_get_is_answered_as_the_post_is(server: Server) -> None:
    asked = request(body_of(TASKS), token=token_of(server))
    await server.warm(asked, get(server, query=TASKS))
    by_post, by_get = [await server.exchange(each, fast=True) for each in (asked, get(server, query=TASKS))]
    assert by_get == by_post


ODD_TARGETS = {
    "no query string": "/graphql",
    "empty query string": "/graphql?",
    "fragment": f"/graphql?query={quote(TASKS)}#end",
    "plain": f"/graphql?query={quote(TASKS).replace('%7B', '{')}",
    "bytes": f"/graphql?query={quote(TASKS)}&a=\xe4",
    "half a code": f"/graphql?query={quote(TASKS)}&variables=%7",
    "no UTF-8": f"/graphql?query={quote(TASKS)}&variables=%ff",
    "no JSON": f"/graphql?query={quote(TASKS)}&variables=x",
    "twice": f"/graphql?query={quote(TASKS)}&query=x",
    "no text": "/graphql?variables=%7B%7D",
    "too long": f"/graphql?query={quote(TASKS)}&a={'a' * 16_384}",
    "other path": f"/graphql/?query={quote(TASKS)}",
    "coded path": f"/%67raphql?query={quote(TASKS)}",
    "with a host": f"http://127.0.0.1/graphql?query={quote(TASKS)}",
    "space": f"/graphql?query={quote(TASKS)} &a=b",
}


@pytest.mark.parametrize("case", ODD_TARGETS)
@pytest.mark.parametrize("settings", [{"header_limit_bytes": 40_000}])
async def test_an_odd_get_is_answered_alike(server: Server, case: str) -> None:
    await server.warm(get(server, query=TASKS))
    await server.assert_equal(get(server, target=ODD_TARGETS[case]))


@pytest.mark.parametrize(
    "lines", ["content-length: 0", "content-length: 2", "x-request-id: a\r\nx-request-id: b", "expect: 100-continue"]
)
async def test_a_get_with_an_odd_head_is_answered_alike(server: Server, lines: str) -> None:
    await server.warm(get(server, query=TASKS))
    body = b"{}" if lines.endswith("2") else b""
    assert await server.assert_equal(get(server, lines, query=TASKS) + body) == 0


async def test_an_update_by_get_is_refused(server: Server, task: str) -> None:
    await server.warm(rename(server, task, "A"), rename(server, task, "B"), get(server, query=TASKS))
    variables = {"input": {"id": task, "title": "C"}}
    assert await server.assert_equal(get(server, query=UPDATE, variables=variables)) == 0
    assert await server.world.connection.fetchval("SELECT title FROM tasks") == "B"


async def test_gets_cut_at_every_byte_and_pipelined_are_answered_alike(server: Server) -> None:
    asked = get(server, query="{ tasks { totalCount } }")
    await server.warm(asked)
    for cut in range(1, len(asked), 7):
        await server.assert_equal(asked[:cut], asked[cut:])
    await server.assert_equal(asked + asked + asked, answers=3)


async def make_key(server: Server, **given: object) -> str:
    key = await server.world.acme.owner.client.mutate(
        "createApiKey", "... on ApiKey { token }", name="Robot", role="ADMIN", **given
    )
    return str(key["token"])


async def test_requests_with_an_api_key_are_answered_alike(server: Server, task: str) -> None:
    key = await make_key(server)
    query = request(body_of(TASKS), token=key)
    await server.warm(query)
    assert await server.assert_equal(query) == 1
    body = {"query": UPDATE, "variables": {"input": {"id": task, "title": "by a program"}}}
    await server.warm(request({**body, "variables": {"input": {"id": task, "title": "first"}}}, token=key))
    before = await server.count_fast()
    assert b"by a program" in (await server.exchange(request(body, token=key), fast=True)).answers
    assert await server.count_fast() == before + 1
    entry = await server.world.connection.fetchrow("SELECT * FROM audit_log ORDER BY id DESC LIMIT 1")
    assert entry["api_key_id"] is not None
    assert (entry["operation"], entry["ip"]) == ("updateTask", "127.0.0.1")


async def test_a_key_that_is_revoked_is_out_at_once(server: Server) -> None:
    asked = request(body_of(TASKS), token=await make_key(server))
    await server.warm(asked)
    await server.world.connection.execute("UPDATE api_keys SET revoked_at = now()")
    assert await server.assert_equal(asked) == 0
    assert b"UNAUTHENTICATED" in (await server.exchange(asked, fast=True)).answers


async def test_it_is_noted_again_that_a_key_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(body_of(TASKS), token=await make_key(server, expiresAt=(now() + timedelta(days=1)).isoformat()))
    await server.warm(asked)
    await server.world.connection.execute("UPDATE api_keys SET last_used_at = now() - interval '1 hour'")
    for clock in ("time", "monotonic"):
        moved = getattr(time, clock)
        monkeypatch.setattr(time, clock, lambda moved=moved: moved() + LATER_SECONDS)
    before = await server.count_fast()
    for _ in range(2):
        assert b"200 OK" in await server.ask(asked, fast=True)
    assert await server.count_fast() == before + 1  # the first one took the long way, and noted it
    used = "SELECT last_used_at > now() - interval '10 minutes' FROM api_keys"
    assert await server.world.connection.fetchval(used)


async def test_what_proxies_and_tracing_add_makes_no_other_head(server: Server) -> None:
    heads = server.fast_path.heads
    for number in range(3):
        lines = [f"{name}: {number}" for name in ADDED_BY_PROXIES]
        await server.warm(request(body_of(TASKS), *lines, token=token_of(server)))
    assert heads.usage.entries == 1
    for name in ADDED_BY_PROXIES:
        assert await server.assert_equal(request(body_of(TASKS), f"{name}: other", token=token_of(server))) == 1


async def test_the_head_of_a_browser_behind_a_proxy_is_ordinary(server: Server) -> None:
    asked = [
        request(
            body_of(TASKS),
            *(f"{name}: {value}" for name, value in {**fill_head(BROWSER_HEAD), "origin": ORIGIN}.items()),
            token=token_of(server),
            drop=("accept",),
        )
        for _ in range(3)
    ]
    await server.warm(asked[0])
    for each in asked:
        assert await server.assert_equal(each) == 1
    assert server.fast_path.heads.usage.entries == 1


async def test_a_key_is_known_once_its_use_was_noted(server: Server) -> None:
    cache = api_keys.ApiKeyCache(server.world.app.components.database)
    key = await make_key(server)
    assert cache.find_known(key) is None
    client = server.world.acme.owner.identity.without_user()
    await cache.authenticate(key, client)
    known = cache.find_known(key)
    assert known is not None
    assert 0 < known.seconds <= api_keys.LAST_USED_PRECISION.total_seconds()
    assert cache.find_known(key + "x") is None
