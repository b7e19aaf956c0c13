"""What an operation costs: told to those who ask, the same by both executors, and refused where it cannot be paid."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
import websockets
from graphql import get_introspection_query
from websockets import Subprotocol

from atrium.settings import Settings
from graph.runtime.operation_cost import MINIMUM_COST, count_fields
from services.cost_buckets import BucketLimit
from tests.conftest import Urls
from tests.support.client import Client, listen, run_app
from tests.support.factories import World, create_world

JSON_ANSWER = {"accept": "application/json"}
GRAPHQL_ANSWER = {"accept": "application/graphql-response+json"}
STREAMED_ANSWER = {"accept": "text/event-stream"}
TOLD = {"atrium-cost": "1"}
LEAST = "{ __typename }"
PAGE = "query($n: Int) { tasks(first: $n) { totalCount nodes { id title status } } }"
CREATE = 'mutation { createTask(input: { title: "one" }) { ... on Task { id title } } }'
UPDATE = "mutation($id: ID!) { updateTask(input: { id: $id, title: "  # an update that is compiled
UPDATE += '"two" }) { ... on Task { title } } }'
BULK = "mutation($input: UpdateTasksInput!) { updateTasks(input: $input) { ... on TaskOutcomes { succeeded } } }"

Start = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def start(urls: Urls, owner_connection: asyncpg.Connection) -> Start:
    """Start an application with buckets of this size, which fill up by one point a second."""

    @asynccontextmanager
    async def start(maximum: int = 10**12, **settings: Any) -> AsyncIterator[World]:
        limits = {"actor_cost_maximum": maximum, "actor_cost_rate": 1, "tenant_cost_maximum": 0}
        async with run_app(urls, **{**limits, **settings}) as app:
            yield await create_world(app, owner_connection)

    return start


async def post(client: Client, query: str, headers: dict[str, str] = TOLD, **variables: Any) -> httpx.Response:
    authorization = {"authorization": f"Bearer {client.token}"} if client.token else {}
    body = {"query": query, "variables": variables}
    return await client.http.post("/graphql", json=body, headers={**authorization, **headers})


async def costs(client: Client, query: str, **variables: Any) -> tuple[int, int]:
    """What is told of an operation that succeeds: what it asks for, and what it has cost."""
    answer = (await post(client, query, **variables)).json()
    assert "errors" not in answer, answer
    cost = answer["extensions"]["cost"]
    return cost["requestedQueryCost"], cost["actualQueryCost"]


@pytest.mark.parametrize("compiler", [True, False])
async def test_both_executors_tell_the_same(start: Start, *, compiler: bool) -> None:
    async with start(compiler=compiler) as world:
        client = world.acme.member.client
        ids = [(await client.run(CREATE))["createTask"]["id"] for _ in range(30)]
        # A field and its page's count, then each of 100 rows with three fields; 30 rows are there.
        assert await costs(client, PAGE, n=100) == (1 + 11 + 1 + 300, 1 + 11 + 1 + 90)
        assert await costs(client, PAGE, n=2) == (MINIMUM_COST, MINIMUM_COST)
        assert await costs(client, LEAST) == (MINIMUM_COST, MINIMUM_COST)
        assert await costs(client, CREATE) == (1 + 400 + 10 + 2, 1 + 400 + 10 + 2)
        assert await costs(client, UPDATE, id=ids[0]) == (1 + 400 + 10 + 1, 1 + 400 + 10 + 1)
        refused = await costs(client, UPDATE, id=f"Task:{world.acme.tenant_id}")
        assert refused == (1 + 400 + 10 + 1, 1 + 400 + 10)
        rows = [{"id": each, "title": "three"} for each in ids]
        assert await costs(client, BULK, input={"tasks": rows}) == (1 + 400 + 300 + 1, 1 + 400 + 300 + 1)


async def test_rows_of_a_mutation_cost_where_they_stand_in_the_document_too(start: Start) -> None:
    async with start() as world:
        client = world.acme.member.client
        ids = [(await client.run(CREATE))["createTask"]["id"] for _ in range(3)]
        rows = ", ".join(f'{{ id: "{each}", title: "two" }}' for each in ids)
        literal = f"mutation {{ updateTasks(input: {{ tasks: [{rows}] }}) {{ ... on TaskOutcomes {{ succeeded }} }} }}"
        assert await costs(client, literal) == (1 + 400 + 30 + 1, 1 + 400 + 30 + 1)
        twice = f"mutation {{ ...F b: {CREATE[11:-2]} }} fragment F on Mutation {{ a: {CREATE[11:-2]} }}"
        assert await costs(client, twice) == (2 * 413, 2 * 413)


async def test_who_does_not_ask_is_not_told(start: Start) -> None:
    async with start() as world:
        for headers in ({}, {"atrium-cost": "0"}):
            answer = await post(world.acme.member.client, PAGE, headers)
            assert "cost" not in answer.json().get("extensions", {})


async def test_where_nothing_is_limited_the_cost_is_told_without_a_status(start: Start) -> None:
    async with start(0) as world:
        answer = (await post(world.acme.member.client, PAGE, n=100)).json()
        assert answer["extensions"]["cost"] == {
            "requestedQueryCost": 313,
            "actualQueryCost": MINIMUM_COST,
            "throttleStatus": None,
        }


async def test_the_status_says_what_is_left(start: Start) -> None:
    async with start(5_000) as world:
        client = world.acme.member.client
        await costs(client, CREATE)
        status = (await post(client, PAGE, n=100)).json()["extensions"]["cost"]["throttleStatus"]
        assert status["maximumAvailable"] == 5_000
        assert status["currentlyAvailable"] == pytest.approx(5_000 - 413 - MINIMUM_COST, abs=20)
        assert status["restoreRate"] == 1
        other = (await post(world.acme.admin.client, LEAST)).json()["extensions"]["cost"]["throttleStatus"]
        assert other["currentlyAvailable"] == 5_000 - MINIMUM_COST


@pytest.mark.parametrize("accept", [JSON_ANSWER, GRAPHQL_ANSWER])
@pytest.mark.parametrize("compiler", [True, False])
async def test_an_empty_bucket_refuses_once_and_does_nothing(
    accept: dict[str, str], start: Start, *, compiler: bool
) -> None:
    async with start(1_000, compiler=compiler) as world:
        client, buckets = world.acme.member.client, world.app.components.cost_buckets
        for _ in range(2):
            await client.run(CREATE)
            await buckets.report()
        answer = await post(client, CREATE, accept)
        assert answer.status_code == 429
        body = answer.json()
        (error,) = body["errors"]
        assert set(body) == {"errors", "extensions"}
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert error["extensions"]["cost"] == body["extensions"]["cost"]
        cost = body["extensions"]["cost"]
        assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (413, None)
        left = cost["throttleStatus"]["currentlyAvailable"]
        assert left == pytest.approx(1_000 - 2 * 413, abs=20)
        assert error["extensions"]["retryAfter"] == pytest.approx(413 - left, abs=1)
        assert answer.headers["retry-after"] == str(error["extensions"]["retryAfter"])
        assert (await client.run(PAGE))["tasks"]["totalCount"] == 2  # a query is still paid
        now = buckets.clock()
        buckets.clock = lambda: now + 2 * error["extensions"]["retryAfter"]
        assert (await post(client, CREATE, accept)).status_code == 200


async def test_by_the_drafts_an_empty_bucket_is_an_answer_like_any_other(start: Start) -> None:
    async with start(MINIMUM_COST, http_status="legacy") as world:
        client = world.acme.member.client
        assert (await post(client, LEAST, JSON_ANSWER)).status_code == 200
        for accept, status, has_header in ((JSON_ANSWER, 200, False), (GRAPHQL_ANSWER, 429, True)):
            answer = await post(client, LEAST, accept)
            (error,) = answer.json()["errors"]
            assert (error["extensions"]["code"], answer.status_code) == ("RATE_LIMITED", status)
            assert error["extensions"]["retryAfter"] > 0
            assert ("retry-after" in answer.headers) == has_header


@pytest.mark.parametrize("document", ["{ nothing }", "{ tasks", "query A { __typename } query B { __typename }"])
async def test_a_document_that_is_refused_costs_the_least(document: str, start: Start) -> None:
    async with start(5_000) as world:
        client = world.acme.member.client
        for _ in range(2):
            await post(client, document)
        status = (await post(client, LEAST)).json()["extensions"]["cost"]["throttleStatus"]
        assert status["currentlyAvailable"] == pytest.approx(5_000 - 3 * MINIMUM_COST, abs=20)


async def test_documents_that_were_never_seen_are_refused_unread(start: Start) -> None:
    async with start(1_000) as world:
        client, cache = world.acme.member.client, world.app.components.schema.document_cache
        for number in range(10):
            await post(client, f"{{ nothing{number} }}")
            await world.app.components.cost_buckets.report()
        before = cache.usage
        assert (await post(client, "{ tasks { totalCount } }")).status_code == 429
        assert cache.usage == before


async def test_a_document_over_the_limit_is_too_complex_whatever_is_left(start: Start) -> None:
    nested = "query($n: Int) { projects(first: $n) { nodes { tasks(first: $n) { nodes { id title status } } } } }"
    async with start(2_000, limit_cost=1_000) as world:
        client = world.acme.member.client
        for _ in range(2):
            await post(client, nested, n=1)
            codes = [error["extensions"]["code"] for error in (await post(client, nested, n=100)).json()["errors"]]
            assert codes == ["DOCUMENT_TOO_COMPLEX"]


async def test_what_two_processes_answer_is_paid_from_one_bucket(
    urls: Urls, owner_connection: asyncpg.Connection
) -> None:
    limits = {"actor_cost_maximum": 2_000, "actor_cost_rate": 1, "tenant_cost_maximum": 0}
    async with run_app(urls, **limits) as one, run_app(urls, **limits) as other:
        world = await create_world(one, owner_connection)
        elsewhere = other.client_with(world.acme.member.client.token)
        answered = 0
        for client, app in [(world.acme.member.client, one), (elsewhere, other)] * 5:
            answered += (await post(client, CREATE)).status_code == 200
            await app.components.cost_buckets.report()
        assert answered in {2_000 // 413, 2_000 // 413 + 1}  # the other one had begun before this one told
        assert await owner_connection.fetchval("SELECT count(*) FROM tasks") == answered


async def get(client: Client, query: str, headers: dict[str, str]) -> dict[str, Any]:
    headers = {**TOLD, **headers, "authorization": f"Bearer {client.token}"}
    answer: dict[str, Any] = (await client.http.get("/graphql", params={"query": query}, headers=headers)).json()
    return answer


async def stream(client: Client, query: str) -> dict[str, Any]:
    """The only result of an event stream."""
    text = (await post(client, query, {**TOLD, **STREAMED_ANSWER})).text
    assert text.endswith("event: complete\ndata:\n\n")
    (data,) = [line for line in text.split("\n") if line.startswith("data: ")]
    answer: dict[str, Any] = json.loads(data.removeprefix("data: "))
    return answer


async def test_by_get_and_in_a_stream_the_cost_is_told_and_the_refusal_says_it(start: Start) -> None:
    async with start(2 * MINIMUM_COST) as world:
        client = world.acme.member.client
        for answer in (get(client, LEAST, GRAPHQL_ANSWER), stream(client, LEAST)):
            assert (await answer)["extensions"]["cost"]["actualQueryCost"] == MINIMUM_COST
            await world.app.components.cost_buckets.report()
        subscription = stream(client, "subscription { taskChanged { cursor } }")
        for answer in (get(client, LEAST, GRAPHQL_ANSWER), stream(client, LEAST), subscription):
            (error,) = (await answer)["errors"]
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert error["extensions"]["cost"]["throttleStatus"]["maximumAvailable"] == 2 * MINIMUM_COST


async def test_on_a_socket_the_cost_is_told_and_the_refusal_says_it(start: Start) -> None:
    async with start(1_000) as world, listen(world.app.fastapi) as port:
        client, address = world.acme.member.client, f"ws://127.0.0.1:{port}/graphql"
        async with websockets.connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:

            async def send(**message: Any) -> None:
                await socket.send(json.dumps(message))

            async def receive() -> dict[str, Any]:
                message: dict[str, Any] = json.loads(await socket.recv())
                return message

            token = f"Bearer {client.token}"
            await send(type="connection_init", payload={"Authorization": token, "Atrium-Cost": "1"})
            assert (await receive())["type"] == "connection_ack"
            for number in ("1", "2"):
                await send(type="subscribe", id=number, payload={"query": CREATE})
                assert (await receive())["payload"]["extensions"]["cost"]["actualQueryCost"] == 413
                assert (await receive())["type"] == "complete"
                await world.app.components.cost_buckets.report()
            await client.run(LEAST)
            for query in (CREATE, LEAST, "subscription { taskChanged { cursor } }"):
                await send(type="subscribe", id="3", payload={"query": query})
                refused = await receive()
                assert refused["type"] == "error"
                (error,) = refused["payload"]
                assert error["extensions"]["code"] == "RATE_LIMITED"
                assert error["extensions"]["retryAfter"] > 0
                assert error["extensions"]["cost"]["throttleStatus"]["maximumAvailable"] == 1_000


async def test_pages_of_other_origins_may_ask(start: Start) -> None:
    async with start() as world:
        asked = {"origin": "http://localhost:5173", "access-control-request-method": "POST"}
        headers = {**asked, "access-control-request-headers": "atrium-cost"}
        assert (await world.nobody.http.options("/graphql", headers=headers)).status_code == 200


def test_what_one_user_sends_in_a_row_is_limited() -> None:
    """Limit 3,000 of the smallest queries within 30 seconds, and 600 of the smallest mutations within 20."""
    actor = Settings().actor_cost_limit
    most = actor.maximum + 30 * actor.rate
    assert most < 3_000 * MINIMUM_COST
    assert actor.maximum + 20 * actor.rate < 600 * (1 + 400 + 10)
    assert Settings().limit_cost <= actor.maximum
    assert Settings().tenant_cost_limit == BucketLimit(10 * actor.maximum, 10 * actor.rate)


async def test_the_introspection_of_a_tool_is_paid_several_times(start: Start) -> None:
    async with start(Settings().actor_cost_maximum) as world:
        for _ in range(6):
            answer = await post(world.acme.member.client, get_introspection_query())
            assert answer.status_code == 200
            await world.app.components.cost_buckets.report()


@pytest.mark.parametrize(
    "data",
    [
        {"a": {"b": [{"c": 1, "d": None}, {"c": 2, "d": {"e": []}}]}},
        {"a": 'says "b": and \\"c\\": and \\', "b": ['":', '\\":', {"c": '"'}]},
        {},
    ],
)
def test_fields_are_counted_in_text_as_in_data(data: dict[str, Any]) -> None:
    def count(value: Any) -> int:
        if isinstance(value, dict):
            return len(value) + sum(map(count, value.values()))
        return sum(map(count, value)) if isinstance(value, list) else 0

    assert count_fields(data) == count_fields(json.dumps(data)) == count(data)
    assert count_fields(json.dumps(data, separators=(",", ":"))) == count(data)
