"""The compiler: random queries get the same answers as from the reference executor, and what surrounds that."""

import asyncio
import itertools
import json
import logging
import os
import random
import secrets
from collections.abc import AsyncIterator, Callable
from math import sqrt
from typing import Any

import asyncpg
import pytest

from graph.compiler import Compiler
from models.database.identity import ENTER_CALL, Identity, enter_arguments
from tests.conftest import Urls
from tests.support.client import App, run_app
from tests.support.differential import COMPILER_FAILED, BothExecutors, Tally, compare_query, run_both
from tests.support.differential_ports import serve_both_paths
from tests.support.factories import World, create_person, create_world
from tests.support.leak_checks import leaked_settings

SHARE = int(os.environ.get("ATRIUM_TEST_QUERIES") or 200)  # the gate asks for 1,000
ALL = 20_000

ORDERS = "query Mine($n: Int!) { orders(first: $n) { nodes { id user { fullName } } totalCount } }"
ADDRESSES = "{ users { nodes { email } } }"


@pytest.fixture
async def app(urls: Urls) -> AsyncIterator[App]:
    """The application with its compiler, whatever the others run on."""
    async with run_app(urls, compiler=True) as made:
        yield made


@pytest.fixture
async def executors(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[BothExecutors]:
    async with run_both(urls, owner_connection) as found:
        yield found


@pytest.fixture
async def on_ports(executors: BothExecutors) -> AsyncIterator[BothExecutors]:
    """Both executors, with ports where the one that compiles is asked again, with the fast path and without."""
    async with serve_both_paths(executors.compiled) as executors.paths:
        yield executors


async def compare_random_queries(executors: BothExecutors, queries: int) -> Tally:
    """Ask random queries of both; a seed that is given asks the same ones again, about the same things.

    Only people, tenants and the log's entries have other ids each time.
    """
    seed = int(os.environ.get("ATRIUM_TEST_SEED") or secrets.randbits(40))
    tally = Tally()
    assert executors.paths is not None
    before = await executors.paths.count_fast()
    while tally.queries < queries:
        await compare_query(executors, seed, tally)
        executors.reference_answers.clear()
        seed += 1
    tally.took_fast_path = await executors.paths.count_fast() - before
    return tally


def assert_mostly_compiled_and_fast(tally: Tally) -> None:
    assert COMPILER_FAILED not in tally.declined, str(tally)
    assert tally.compiled >= least_expected(0.95, tally.answered), str(tally)
    assert tally.took_fast_path >= least_expected(0.95, tally.sent_to_ports), str(tally)
    assert tally.with_rows >= least_expected(0.7, tally.queries), str(tally)


def least_expected(share: float, queries: int) -> float:
    """How many of so many random queries are at least that share, but for chance: four standard deviations fewer."""
    return queries * share - 4 * sqrt(queries * share * (1 - share))


async def test_both_executors_and_paths_give_equal_answers(on_ports: BothExecutors) -> None:
    assert_mostly_compiled_and_fast(await compare_random_queries(on_ports, SHARE))


@pytest.mark.exhaustive
async def test_both_executors_and_paths_give_equal_answers_for_long(
    on_ports: BothExecutors, record_property: Callable[[str, object], None]
) -> None:
    tally = await compare_random_queries(on_ports, ALL)
    record_property("summary", f"{tally}\n{tally.feature_table()}")
    assert_mostly_compiled_and_fast(tally)
    rare = {name: count for name, count in tally.by_feature.items() if count < 100}
    assert not rare, rare
    often_declined = {
        name: tally.compiled_by_feature[name] / count
        for name, count in tally.by_feature.items()
        if tally.compiled_by_feature[name] < least_expected(0.9, count)
    }
    assert not often_declined, often_declined


def compiler_of(app: App) -> Compiler:
    compiler = app.components.schema.compiler
    assert isinstance(compiler, Compiler)
    return compiler


async def executor_extension(app: App, token: str | None, query: str, **variables: Any) -> dict[str, Any]:
    """What an answer says of who gave it."""
    extensions: dict[str, Any] = (await app.client_with(token).send(query, **variables)).get("extensions", {})
    return extensions


# Plans


async def test_members_with_equal_permissions_share_a_plan_and_no_row(executors: BothExecutors) -> None:
    world, app = executors.world, executors.compiled
    other = await create_person(app, world.connection, "other@acme.example.com", world.acme.tenant_id, "member")
    clients = [world.acme.member.client, other.client]
    seen = [[(await client.run(ORDERS, n=50))["orders"] for client in clients] for _ in range(3)]
    assert seen[0] == seen[1] == seen[2]
    mine, theirs = seen[0]
    assert {node["user"]["fullName"] for node in mine["nodes"]} == {"Member"}
    assert theirs == {"nodes": [], "totalCount": 0}
    emails = [(await client.run(ADDRESSES))["users"]["nodes"] for client in clients]
    assert emails[0] != emails[1]
    assert all(sum(node["email"] is not None for node in nodes) == 1 for nodes in emails)


async def test_a_plan_serves_any_value(executors: BothExecutors) -> None:
    compiler, client = compiler_of(executors.compiled), executors.world.acme.owner.client
    await client.run(ORDERS, n=1)
    before = len(compiler._plans)  # noqa: SLF001  # how many there are is no one else's business
    sizes = [len((await client.run(ORDERS, n=n))["orders"]["nodes"]) for n in (2, 3, 1)]
    assert sizes == [2, 3, 1]
    assert len(compiler._plans) == before  # noqa: SLF001  # likewise


async def test_a_flood_of_texts_evicts_no_plan(executors: BothExecutors) -> None:
    compiler, client = compiler_of(executors.compiled), executors.world.acme.owner.client
    for _ in range(2):
        await client.run(ORDERS, n=1)
    kept = set(map(id, compiler._plans._protected.values()))  # noqa: SLF001  # whether it is still the same
    for number in range(700):
        await client.send(f"{{ a{number}: __typename viewer {{ id }} }}")
    await client.run(ORDERS, n=1)
    assert kept <= set(map(id, compiler._plans._protected.values()))  # noqa: SLF001  # likewise


# Who is let in


async def test_who_was_shut_out_is_out_with_the_next_statement(executors: BothExecutors) -> None:
    world, member = executors.world, executors.world.acme.member
    assert (await member.client.run(ORDERS, n=1))["orders"]["totalCount"] > 0
    await world.connection.execute("UPDATE sessions SET revoked_at = now() WHERE id = $1", member.session_id)
    assert await member.client.error_codes(ORDERS, n=1) == ["UNAUTHENTICATED"]


async def test_another_role_gets_no_old_plan(executors: BothExecutors) -> None:
    world, admin = executors.world, executors.world.acme.admin
    await admin.client.run(ORDERS, n=1)
    await world.connection.execute("UPDATE memberships SET role = 'MEMBER' WHERE id = $1", admin.member_id)
    assert await admin.client.error_codes(ORDERS, n=1) == ["UNAUTHENTICATED"]


# What is told


@pytest.mark.parametrize(
    ("query", "declined"),
    [
        (ADDRESSES, None),
        ("{ __typename }", "no table to read"),
        ("{ __schema { queryType { name } } }", "introspection"),
        ("{ tasks(first: 101) { totalCount } }", "invalid arguments"),
        ("{ invitations { totalCount } }", "Forbidden"),
        (
            '{ order(id: "Order:01a20fde-f7ff-7215-86f0-0ceedb365d65", asOf: "2026-01-01T00:00:00Z") { id } }',
            "the arguments of order",
        ),
        ('{ searchArticles(query: "nothing") { totalCount } }', "no search result"),
        ('{ searchArticles(query: " ") { totalCount } }', "the arguments of searchArticles"),
        ("mutation { logout { count } }", ""),
    ],
)
async def test_developers_are_told_who_answered(world: World, query: str, declined: str | None) -> None:
    found = await executor_extension(world.app, world.acme.member.client.token, query)
    expected = {"executor": "compiler"} if declined is None else {"executor": "reference", "declined": declined}
    if declined == "":
        del expected["declined"]
    assert found == expected


async def test_nobody_is_told_in_production(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    async with run_app(urls, environment="production", compiler=True) as app:
        world = await create_world(app, owner_connection)
        assert await executor_extension(app, world.acme.owner.client.token, ADDRESSES) == {}


async def test_both_executors_are_counted(world: World) -> None:
    for query in (ADDRESSES, ADDRESSES, "{ __typename }"):
        await world.acme.owner.client.run(query)
    metrics = (await world.app.http.get("/metrics")).text
    assert 'atrium_executions_total{executor="compiler"} 2.0' in metrics
    assert 'atrium_executions_total{executor="reference"} 1.0' in metrics


async def test_the_log_says_why_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    query = (
        'query Past { order(id: "Order:01a20fde-f7ff-7215-86f0-0ceedb365d65", asOf: "2026-01-01T00:00:00Z") { id } }'
    )
    with caplog.at_level(logging.INFO, "atrium.compiler"):
        for _ in range(3):
            await world.acme.owner.client.send(query)
    lines = [record.getMessage() for record in caplog.records if record.name == "atrium.compiler"]
    assert lines == ["not compiled: the arguments of order"]
    assert "01a20fde" not in caplog.text


async def test_it_can_be_turned_off(executors: BothExecutors) -> None:
    found = await executor_extension(executors.reference, executors.world.acme.owner.client.token, ADDRESSES)
    assert found == {"executor": "reference"}


# What is left behind

SET = "SELECT name FROM pg_settings WHERE source = 'session'"


async def cancel_statements(app: App, identity: Identity, times: int) -> int:
    """Break off statements at any moment of theirs; gives how many were."""
    database, chance = app.components.database, random.Random(secrets.randbits(40))
    entered = enter_arguments(identity)
    statement = f"SELECT pg_sleep(${len(entered) + 1}::float8)::text FROM {ENTER_CALL} entered"
    await asyncio.gather(*(database.fetch_value(statement, [*entered, 0.1]) for _ in range(database.pool_size)))
    backends = {warm.driver.get_server_pid() for warm in database.autocommit_connections}
    broken_off = 0
    for _ in range(times // database.pool_size):
        tasks = [
            asyncio.create_task(
                database.fetch_value(statement, [*entered, chance.choice([0.0, 30.0])], prepare=chance.random() < 0.7)
            )
            for _ in range(database.pool_size)
        ]
        await asyncio.sleep(chance.choice([0, 0, 0.0002, 0.0005, 0.001, 0.002]))
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        broken_off += sum(isinstance(each, asyncio.CancelledError) for each in done)
    assert backends & {warm.driver.get_server_pid() for warm in database.autocommit_connections}, (
        "none was in use all the time"
    )
    return broken_off


async def assert_nothing_left(app: App) -> None:
    """No connection carries anything from one statement to the next."""
    at_hand = [warm.driver for warm in app.components.database.autocommit_connections]  # as they are, cleaned by nobody
    assert at_hand
    for driver in at_hand:
        assert await leaked_settings(driver) == {}
        assert await driver.fetch(SET) == []
        assert not driver.is_in_transaction()


async def _cancel_operations(urls: Urls, connection: asyncpg.Connection, times: int) -> None:
    async with run_app(urls, pool_size=4, compiler=True) as app:
        world = await create_world(app, connection)
        member = world.acme.member
        identity = Identity(member.tenant_id, member.user_id, member.role, member.session_id, "r", "203.0.113.9", "b")
        assert await cancel_statements(app, identity, times) > times // 2
        await world.acme.owner.client.run(ADDRESSES)
        await assert_nothing_left(app)
        assert app.components.database.in_use == 0


async def test_cancelled_operations_leave_nothing(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    await _cancel_operations(urls, owner_connection, 200)


@pytest.mark.exhaustive
async def test_ten_thousand_cancelled_operations_leave_nothing(
    urls: Urls, owner_connection: asyncpg.Connection
) -> None:
    await _cancel_operations(urls, owner_connection, 10_000)


async def test_answers_leave_nothing(executors: BothExecutors) -> None:
    for who in itertools.islice(executors.people, 3):
        await who.compiled.run(ADDRESSES)
        await assert_nothing_left(executors.compiled)


# Whatever the planner does

PLANNERS = [
    {},
    {"plan_cache_mode": "force_generic_plan"},
    {"plan_cache_mode": "force_custom_plan"},
    {"enable_nestloop": "off"},
    {"enable_hashjoin": "off", "enable_mergejoin": "off"},
    {"enable_indexscan": "off", "enable_bitmapscan": "off", "enable_indexonlyscan": "off"},
    {"enable_material": "off", "enable_memoize": "off", "enable_sort": "off"},
    {"parallel_setup_cost": "0", "parallel_tuple_cost": "0", "min_parallel_table_scan_size": "0", "jit": "on"},
]
NESTED = """{
    users(first: 5) { nodes { fullName email orders(first: 2) { totalCount nodes { id items { totalCount } } } } }
    orders(last: 3) { edges { cursor node { id user { fullName } items { nodes { product { name } } } } } }
    projects(filter: {name: {contains: "a"}}) { totalCount pageInfo { endCursor hasNextPage } } viewer { email }
    searchArticles(query: "river", first: 2) { totalCount edges { rank cursor node { title } titleSegments { text } } }
}"""


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda planner: ",".join(planner) or "as it is")
async def test_the_walls_stand_before_anything_is_read(
    executors: BothExecutors, urls: Urls, planner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, list[Any]]] = []
    database, member = executors.compiled.components.database, executors.world.acme.member
    answer = database.fetch_value

    async def noted(statement: str, values: Any, **options: Any) -> str:
        sent.append((statement, list(values)))
        return await answer(statement, values, **options)

    monkeypatch.setattr(database, "fetch_value", noted)
    expected = await member.client.run(NESTED)
    ((statement, values),) = sent
    settings = {"timezone": "UTC", **planner}
    connection = await asyncpg.connect(urls.plain("runtime"), server_settings=settings)
    try:
        for _ in range(3):
            assert json.loads(await connection.fetchval(statement, *values)) == expected
        other = [executors.world.globex.tenant_id, *values[1:]]  # they belong to it, by another role and session
        assert await connection.fetchval(statement, other[0], values[1], "OWNER", *values[3:]) is None
        assert (
            await connection.fetchval(statement, *values[:3], executors.world.outsider.session_id, *values[4:]) is None
        )
        assert await leaked_settings(connection) == {}
    finally:
        await connection.close()


# What is skipped

SKIPPED = [
    "query($no: Boolean!) { tasks @skip(if: $no) { totalCount } }",
    "query($no: Boolean!) { ... @skip(if: $no) { tasks { totalCount } } }",
    "query($no: Boolean!) { tasks { nodes @skip(if: $no) { id } } }",
    "query($no: Boolean!) { tasks { nodes { id @skip(if: $no) } } }",
    "query($no: Boolean!) { tasks { edges { node { project { id @skip(if: $no) } } } } }",
    'query($no: Boolean!) { searchArticles(query: "a") { edges { node { id @skip(if: $no) } } } }',
    'mutation($no: Boolean!, $id: ID!) { updateTask(input: {id: $id, title: "t"}) @skip(if: $no) { __typename } }',
    'mutation($no: Boolean!, $id: ID!) { updateTask(input: {id: $id, title: "t"}) { __typename @skip(if: $no) } }',
    "mutation($no: Boolean!, $id: ID!) { updateTask(input: {id: $id}) { ... on Task { id @skip(if: $no) } } }",
    "mutation($no: Boolean!) { logout @skip(if: $no) { count } }",
    "mutation($no: Boolean!) { ... @skip(if: $no) { logout { count } } }",
]


@pytest.mark.parametrize("query", SKIPPED)
async def test_what_is_skipped_logs_no_fault(
    executors: BothExecutors, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    acme = executors.world.acme
    task = await executors.world.add(
        "tasks", tenant_id=acme.tenant_id, title="t", status="TODO", created_by=acme.owner.user_id
    )
    variables = {"no": True, **({"id": f"Task:{task}"} if "$id" in query else {})}
    answers = [
        await app.client_with(acme.owner.client.token).send(query, **variables)
        for app in (executors.compiled, executors.reference)
    ]
    for answer in answers:
        answer.pop("extensions", None)
    assert answers[0] == answers[1]
    assert "errors" not in answers[0]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
