"""Server-sent events: who gets them, how they are written, and how they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

STREAM = "text/event-stream"
JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, {STREAM}, multipart/mixed"
QUERY, MUTATION = '{"query":"{ __typename }"}', '{"query":"mutation { change }"}'
SUBSCRIPTION = '{"query":"subscription { count(to: 2) }"}'
ENDLESS = {"query": "subscription { endless }"}


def kind(response: httpx.Response) -> str:
    """The media type of an answer."""
    return response.headers["content-type"].partition(";")[0]


def events(text: str) -> list[tuple[str, Any]]:
    """The events of a stream, whose lines end with a line feed alone."""
    assert "\r" not in text
    assert text.endswith("\n\n")
    found = []
    for part in text.removesuffix("\n\n").split("\n\n"):
        if part.startswith(":"):
            continue
        event, data = part.split("\n")
        value = data.removeprefix("data:")
        found.append((event.removeprefix("event: "), json.loads(value) if value else None))
    return found


@pytest.mark.parametrize("text", [QUERY, MUTATION])
async def test_queries_and_mutations_of_urql_get_json(toy: Any, text: str) -> None:
    response = await toy.post(text, accept=URQL)
    assert (response.status_code, kind(response)) == (200, GRAPHQL)
    assert set(response.json()) == {"data"}


async def test_subscriptions_of_urql_get_a_stream(toy: Any) -> None:
    response = await toy.post(SUBSCRIPTION, accept=URQL)
    assert (response.status_code, kind(response)) == (200, STREAM)
    assert events(response.text) == [
        ("next", {"data": {"count": 0}}),
        ("next", {"data": {"count": 1}}),
        ("complete", None),
    ]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (STREAM, STREAM),
        (f"{STREAM}, {JSON}", STREAM),
        (f"{STREAM}, */*", STREAM),
        (f"{JSON}, {STREAM}", JSON),
        (f"{JSON};q=0.5, {STREAM};q=0.9", STREAM),
        (f"{STREAM};q=0.5, {JSON}", JSON),
        (f"{STREAM};q=0.5, {GRAPHQL};q=0.6, {JSON};q=0.4", GRAPHQL),
        (f"{STREAM};Q=0.2, */*;q=0.3", JSON),
        (f"*/*, {STREAM}", JSON),
        (f"{STREAM};q=0, {JSON}", JSON),
        (f"x{STREAM}, */*", JSON),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"application/*;q=0.5, {STREAM};q=0.4", JSON),
        (f"*/*;q=0.1, {GRAPHQL};q=0.5, {JSON};q=0.2", GRAPHQL),
    ],
)
async def test_the_preferred_type_wins(toy: Any, accept: str, expected: str) -> None:
    for text in (QUERY, MUTATION):
        response = await toy.post(text, accept=accept)
        assert (response.status_code, kind(response)) == (200, expected)
        if expected == STREAM:
            [(name, _), last] = events(response.text)
            assert (name, last) == ("next", ("complete", None))


@pytest.mark.parametrize("accept", ["multipart/mixed", f"{STREAM};q=0", f"x{STREAM}", "text/*"])
async def test_without_an_acceptable_type_nothing_is_executed(toy: Any, accept: str) -> None:
    response = await toy.post(MUTATION, accept=accept)
    assert (response.status_code, toy.error(response)["code"]) == (406, "NOT_ACCEPTABLE")
    assert toy.ended == []


@pytest.mark.parametrize("accept", [STREAM, URQL, f"{JSON}, {STREAM};q=0.1"])
async def test_a_subscription_gets_a_stream_wherever_it_is_accepted(toy: Any, accept: str) -> None:
    assert kind(await toy.post(SUBSCRIPTION, accept=accept)) == STREAM


@pytest.mark.parametrize("accept", ["*/*", JSON, f"{JSON}, {STREAM};q=0"])
async def test_a_subscription_gets_none_elsewhere(toy: Any, accept: str) -> None:
    assert (await toy.post(SUBSCRIPTION, accept=accept)).status_code == 400


async def test_a_subscription_to_nothing_is_not_valid(toy: Any) -> None:
    for text in ("subscription {}", "subscription { ... on Subscription {} }"):
        [(name, payload), last] = events((await toy.post(json.dumps({"query": text}), accept=STREAM)).text)
        assert (name, payload["errors"][0]["extensions"]["code"]) == ("next", "GRAPHQL_VALIDATION_FAILED")
        assert last == ("complete", None)


async def test_a_mutation_by_get_is_refused_before_a_stream_begins(toy: Any) -> None:
    response = await toy.get("/graphql", {"query": "mutation { change }"}, accept=STREAM)
    assert (response.status_code, toy.error(response)["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert toy.ended == []


async def test_a_subscription_by_get_gets_a_stream(toy: Any) -> None:
    response = await toy.get("/graphql", {"query": "subscription { count(to: 1) }"}, accept=STREAM)
    assert [name for name, _ in events(response.text)] == ["next", "complete"]


@asynccontextmanager
async def followed(toy: Any) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of an endless subscription's stream, after its first event."""
    async with toy.serving() as port, httpx.AsyncClient(timeout=20) as client:
        address, headers = f"http://127.0.0.1:{port}/graphql", {"accept": STREAM}
        async with client.stream("POST", address, json=ENDLESS, headers=headers) as response:
            lines = response.aiter_lines()
            assert [await anext(lines) for _ in range(3)] == ["event: next", 'data: {"data":{"endless":1}}', ""]
            yield lines


async def test_a_stream_ends_with_its_token(toy: Any) -> None:
    toy.expires_at = datetime.now(UTC) + timedelta(seconds=0.5)
    async with followed(toy) as lines:
        async with asyncio.timeout(10):
            rest = [line async for line in lines]
        [error] = json.loads(rest[1].removeprefix("data: "))["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
        assert error["extensions"]["requestId"] == toy.calls[0].record.request_id
        assert [rest[0], *rest[2:]] == ["event: next", "", "event: complete", "data:", ""]
    await toy.until_ended("endless")


async def test_a_stream_ends_with_its_client(toy: Any) -> None:
    async with followed(toy):
        pass
    await toy.until_ended("endless")


async def test_a_quiet_stream_shows_that_it_lives(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atrium.http.streams.HEARTBEAT_SECONDS", 0.05)
    async with followed(toy) as lines, asyncio.timeout(10):
        assert await anext(lines) == ":"


async def test_a_fault_in_a_stream_is_masked(toy: Any) -> None:
    response = await toy.post('{"query":"subscription { failing }"}', accept=STREAM)
    *_, (name, payload), last = events(response.text)
    assert (name, last) == ("next", ("complete", None))
    assert payload["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "hunter2" not in response.text
    assert toy.records[0].outcome == "internal"
