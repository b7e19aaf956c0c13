"""Nobody's next click is older than their last one, whichever process and whichever node answers it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import websockets
from sqlalchemy import text

from atrium.http.consistency import HEADER_NAME, ConsistencyTokens
from models.database.identity import Identity
from models.database.positions import LogPosition
from models.database.read_routing import ReadRouter, RoutingReason
from tests.support.client import App, listen
from tests.support.replication import CREATE_TASK, GET_TASK, RENAME_TASK, CookieClient, ReplicatedCluster

TASKS = "{ tasks(first: 1) { nodes { id } } }"
LONG = 300  # seconds of lag: nothing arrives while a test lasts


@pytest.fixture
async def one(place: ReplicatedCluster) -> AsyncIterator[App]:
    """A process that reads from the first standby, which has nothing to catch up with."""
    async with place.app(database_replica_urls=place.replica_urls[:1]) as made:
        yield made


@pytest.fixture
async def two(place: ReplicatedCluster, one: App) -> AsyncIterator[App]:  # noqa: ARG001  # it comes second
    """Another process, as far as they know of each other."""
    async with place.app(database_replica_urls=place.replica_urls[:1]) as made:
        yield made


@pytest.fixture
def member(place: ReplicatedCluster) -> CookieClient:
    return place.member()


def routing_extension(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer says of the node that gave it."""
    return {name: value for name, value in answer["extensions"].items() if name not in {"executor", "declined"}}


async def test_a_write_tells_its_position_and_the_next_read_presents_it(
    one: App, two: App, member: CookieClient, place: ReplicatedCluster
) -> None:
    await member.run(one, TASKS)
    assert (member.node, member.why, member.cookie) == ("replica-1", "recent", "")

    headers = {"authorization": f"Bearer {member.token}"}
    wanted = {"query": CREATE_TASK, "variables": {"input": {"title": "one"}}}
    answer = await one.http.post("/graphql", json=wanted, headers=headers)
    position = answer.headers[HEADER_NAME]
    assert answer.headers["set-cookie"] == f"{HEADER_NAME}={position}; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"
    assert routing_extension(answer.json()) == {"node": "primary", "why": "write"}

    await place.wait_until_replayed()
    for presented in (
        {"cookie": f"{HEADER_NAME}={position}"},
        {HEADER_NAME: position},
        {HEADER_NAME: f"{position},{position}"},
    ):
        two.http.cookies.clear()
        answer = await two.http.post("/graphql", json={"query": TASKS}, headers=headers | presented)
        assert routing_extension(answer.json()) == {"node": "replica-1", "why": "replayed"}
        assert HEADER_NAME not in answer.headers
        assert "set-cookie" not in answer.headers


async def test_a_position_that_is_not_ours_leads_to_the_primary(one: App, member: CookieClient) -> None:
    foreign = ConsistencyTokens(b"another key" * 3, one.components.servers).signed(LogPosition(1, 1))
    for presented in (foreign, "forged", "5025bb0.aNTGtOCMpJkEgTq8EGtJtA", "", "null", "ffffffffffffffff.x"):
        member.cookie = f"{HEADER_NAME}={presented}"
        await member.run(one, TASKS)
        assert (member.node, member.why) == ("primary", "untrusted"), presented


async def test_an_old_position_costs_nothing(one: App, two: App, member: CookieClient) -> None:
    member.cookie = f"{HEADER_NAME}={two.components.consistency.signed(LogPosition(1, 1))}"
    await member.run(one, TASKS)
    assert (member.node, member.why) == ("replica-1", "replayed")


async def test_requests_and_code_can_ask_for_the_primary(
    one: App, member: CookieClient, place: ReplicatedCluster
) -> None:
    headers = {"authorization": f"Bearer {member.token}", HEADER_NAME: "primary"}
    answer = await one.http.post("/graphql", json={"query": TASKS}, headers=headers)
    assert routing_extension(answer.json()) == {"node": "primary", "why": "asked"}
    route = ReadRouter(one.components.servers)
    route.operation_kind_reason, route.primary_reason = None, RoutingReason.ASKED
    async with route.read(place.world.acme.member.identity):
        assert route.routed_to is not None
    assert route.routed_to.server == "primary"


async def test_what_was_refused_is_seen_as_it_was_refused(
    one: App, two: App, member: CookieClient, place: ReplicatedCluster
) -> None:
    made = await member.run(one, CREATE_TASK, input={"title": "contested"})
    await place.wait_until_replayed()
    await place.set_lag(LONG)
    colleague = CookieClient(place.world.acme.admin.client.token or "")
    await colleague.run(one, RENAME_TASK, input={"id": made["createTask"]["id"], "title": "theirs"})
    refused = await member.run(
        two, RENAME_TASK, input={"id": made["createTask"]["id"], "title": "mine", "expectedVersion": 1}
    )
    assert refused["updateTask"]["code"] == "VERSION_CONFLICT"
    assert (await member.run(two, GET_TASK, id=made["createTask"]["id"]))["task"]["title"] == "theirs"


async def test_nobody_who_is_not_let_in_gets_a_position(one: App, place: ReplicatedCluster) -> None:
    stranger = CookieClient(place.world.acme.removed.client.token or "")
    body = await stranger.send(one, CREATE_TASK, input={"title": "no"})
    assert [error["extensions"]["code"] for error in body["errors"]] == ["UNAUTHENTICATED"]
    assert stranger.cookie == ""


async def write_and_read_pairs(
    apps: tuple[App, App], place: ReplicatedCluster, count: int, readers: int
) -> tuple[int, Counter[str]]:
    """Write by one process and read by the other; says how many reads were stale, and which nodes answered."""
    nodes: Counter[str] = Counter()
    stale = 0

    async def go(number: int) -> None:
        nonlocal stale
        browser = place.member()
        made = (await browser.run(apps[number % 2], CREATE_TASK, input={"title": "none yet"}))["createTask"]["id"]
        for turn in range(count // readers):
            writer = (number + turn) % 2
            title = f"{number}.{turn}"
            await browser.run(apps[writer], RENAME_TASK, input={"id": made, "title": title})
            task = (await browser.run(apps[1 - writer], GET_TASK, id=made))["task"]
            nodes[browser.node] += 1
            stale += task is None or task["title"] != title

    await asyncio.gather(*(go(number) for number in range(readers)))
    return stale, nodes


@pytest.mark.parametrize("lag", [0, 2])
async def test_no_read_is_older_than_the_write_before_it(
    one: App, two: App, place: ReplicatedCluster, lag: int
) -> None:
    await place.set_lag(lag)
    stale, nodes = await write_and_read_pairs((one, two), place, 60, 3)
    assert stale == 0
    assert nodes.total() == 60
    assert nodes["primary" if lag else "replica-1"] > 30


@pytest.mark.exhaustive
@pytest.mark.parametrize("lag", [0, 2, 10])
async def test_of_a_thousand_reads_none_is_stale(
    one: App, two: App, place: ReplicatedCluster, lag: int, record_property: Callable[[str, object], None]
) -> None:
    await place.set_lag(lag)
    stale, nodes = await write_and_read_pairs((one, two), place, 1000, 4)
    record_property("summary", f"{lag} s of lag: {stale} of {nodes.total()} reads stale, {dict(nodes)}")
    assert (stale, nodes.total()) == (0, 1000)
    if not lag:
        assert nodes["replica-1"] > 800  # the others came before it had replayed the write, on a busy machine


async def test_readers_who_wrote_nothing_see_replicas_within_the_allowed_lag(
    one: App, place: ReplicatedCluster
) -> None:
    await place.set_lag(LONG)
    writer, reader = (
        CookieClient(person.client.token or "") for person in (place.world.acme.admin, place.world.acme.owner)
    )
    made = await writer.run(one, CREATE_TASK, input={"title": "young"})
    seen = await reader.run(one, GET_TASK, id=made["createTask"]["id"])
    assert (reader.node, seen["task"]) == ("replica-1", None)
    async with place.app(replica_max_lag_seconds=0.5) as strict:
        async with asyncio.timeout(20):
            while strict.components.servers.replicas[0].unhealthy_reason != "it is too far behind":
                await asyncio.sleep(0.05)
        assert (await reader.run(strict, GET_TASK, id=made["createTask"]["id"]))["task"] == {"title": "young"}
        assert (reader.node, reader.why) == ("primary", "no_replica")


LOGIN = """mutation($input: LoginInput!) { login(input: $input) {
    ... on Session { accessToken } ... on Error { code }
} }"""


async def log_in(app: App, email: str) -> CookieClient:
    browser = CookieClient("")
    wanted = {"email": email, "password": "Passw0rd!", "tenant": "acme"}
    browser.token = (await browser.run(app, LOGIN, input=wanted))["login"]["accessToken"]
    return browser


async def test_a_session_is_known_at_once_and_out_at_once_everywhere(
    one: App, two: App, place: ReplicatedCluster
) -> None:
    await place.set_lag(LONG)
    browser = await log_in(one, "member@acme.example.com")
    await browser.run(two, TASKS)
    assert browser.node == "primary"
    browser.cookie = ""  # as after a minute, or in a client that keeps none
    await browser.run(two, TASKS)
    assert (browser.node, browser.why) == ("primary", "unknown")
    await place.catch_up()
    await browser.run(two, TASKS)
    assert browser.node == "replica-1"

    await place.set_lag(LONG)
    await browser.run(one, "mutation { logout { count } }")
    browser.cookie = ""
    for app in (one, two):
        body = await browser.send(app, TASKS)
        assert [error["extensions"]["code"] for error in body["errors"]] == ["UNAUTHENTICATED"]


async def test_a_changed_role_is_out_at_once_everywhere(one: App, two: App, place: ReplicatedCluster) -> None:
    acme = place.world.acme
    browser, owner = CookieClient(acme.admin.client.token or ""), CookieClient(acme.owner.client.token or "")
    await browser.run(two, TASKS)
    assert browser.node == "replica-1"
    await place.set_lag(LONG)
    change = "mutation($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) { __typename } }"
    members = "{ users(first: 10) { nodes { id fullName } } }"
    listed = (await owner.run(one, members))["users"]["nodes"]
    admin = next(user["id"] for user in listed if user["fullName"] == "Admin")
    assert (await owner.run(one, change, input={"id": admin, "role": "MEMBER"}))["changeMemberRole"]
    for app in (one, two):
        body = await browser.send(app, TASKS)
        assert [error["extensions"]["code"] for error in body["errors"]] == ["UNAUTHENTICATED"]
    await owner.run(one, change, input={"id": admin, "role": "ADMIN"})


async def test_the_walls_stand_on_a_standby_too(one: App, two: App, place: ReplicatedCluster) -> None:
    world = place.world
    mine, theirs = (CookieClient(tenant.member.client.token or "") for tenant in (world.acme, world.globex))
    made = (await mine.run(one, CREATE_TASK, input={"title": "secret"}))["createTask"]["id"]
    await place.wait_until_replayed()
    assert (await mine.run(two, GET_TASK, id=made))["task"] == {"title": "secret"}
    assert (await theirs.run(two, GET_TASK, id=made))["task"] is None
    assert (mine.node, theirs.node) == ("replica-1", "replica-1")
    database = one.components.servers.replicas[0].database
    async with database.read(Identity()) as session:
        for table in ("tasks", "users", "memberships", "sessions", "tenants"):
            assert (await session.exec(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


@pytest.fixture
async def server(one: App) -> AsyncIterator[int]:
    """The first process on a port of its own."""
    async with listen(one.fastapi, log_config=None, access_log=False) as port:
        yield port


async def test_a_socket_sees_what_its_owner_did_elsewhere(
    two: App, place: ReplicatedCluster, server: int, member: CookieClient
) -> None:
    uri = f"ws://127.0.0.1:{server}/graphql"
    async with websockets.connect(uri, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]  # a str will do

        async def ask(query: str, **variables: Any) -> dict[str, Any]:
            payload = {"query": query, "variables": variables}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            message = json.loads(await socket.recv())
            assert json.loads(await socket.recv())["type"] == "complete"
            answer: dict[str, Any] = message["payload"]
            return answer

        params = {"authorization": f"Bearer {member.token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": params}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        async with asyncio.timeout(30):  # what the server itself writes meanwhile is replayed a moment later
            while routing_extension(await ask(TASKS)) != {"node": "replica-1", "why": "replayed"}:
                await place.wait_until_replayed()

        await place.set_lag(LONG)
        made = (await member.run(two, CREATE_TASK, input={"title": "elsewhere"}))["createTask"]["id"]
        answer = await ask(GET_TASK, id=made)
        assert answer["data"] == {"task": {"title": "elsewhere"}}
        assert routing_extension(answer) == {"node": "primary", "why": "behind"}
        renamed = await ask(RENAME_TASK, input={"id": made, "title": "here"})
        position = renamed["extensions"].pop(HEADER_NAME)
        assert routing_extension(renamed) == {"node": "primary", "why": "write"}
        assert (await ask(GET_TASK, id=made))["data"] == {"task": {"title": "here"}}

        elsewhere = place.member()
        elsewhere.cookie = f"{HEADER_NAME}={position}"
        assert (await elsewhere.run(two, GET_TASK, id=made))["task"] == {"title": "here"}


async def test_a_write_in_an_event_stream_tells_its_position(server: int, member: CookieClient) -> None:
    headers = {"authorization": f"Bearer {member.token}", "accept": "text/event-stream"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server}") as client:
        wanted = {"query": CREATE_TASK, "variables": {"input": {"title": "streamed"}}}
        answer = await client.post("/graphql", json=wanted, headers=headers)
    assert '"createTask"' in answer.text
    assert f'"{HEADER_NAME}":"{answer.headers[HEADER_NAME]}"' in answer.text


async def test_whoever_is_not_told_what_became_of_a_write_reads_from_the_primary(
    place: ReplicatedCluster, member: CookieClient
) -> None:
    async with place.app(request_timeout_seconds=1) as hasty, place.owner() as connection:
        async with connection.transaction():
            await connection.execute("LOCK TABLE tasks IN SHARE MODE")
            body = await member.send(hasty, CREATE_TASK, input={"title": "late"})
        assert [error["extensions"]["code"] for error in body["errors"]] == ["TIMEOUT"]
        assert member.cookie == f"{HEADER_NAME}=primary"
        await member.run(hasty, TASKS)
        assert (member.node, member.why) == ("primary", "asked")


async def test_reads_are_counted_by_node_and_reason(one: App, member: CookieClient) -> None:
    await member.run(one, TASKS)
    await member.run(one, TASKS)
    payload = (
        "mutation($input: CreateTaskInput!) { createTask(input: $input) { ... on Task { creator { fullName } } } }"
    )
    await member.run(one, payload, input={"title": "counted"})
    metrics = (await one.http.get("/metrics")).text.splitlines()
    assert 'atrium_reads_total{node="replica-1",why="recent"} 2.0' in metrics
    assert 'atrium_reads_total{node="primary",why="write"} 1.0' in metrics
    assert 'atrium_pool_connections{pool="replica-1",state="in_use"} 0.0' in metrics


async def test_nobody_learns_of_nodes_in_production_or_without_replicas(
    place: ReplicatedCluster, member: CookieClient
) -> None:
    async with place.app(environment="production") as production:
        assert "extensions" not in await member.send(production, TASKS)
    async with place.app(database_replica_urls=()) as alone:
        assert routing_extension(await member.send(alone, CREATE_TASK, input={"title": "alone"})) == {}
        assert member.cookie == ""
