"""What an operation costs the database: how many statements, how many connections, and what it leaves behind.

Statements are counted at the driver, so BEGIN, the entry and COMMIT are among them. Their number depends on the text
of an operation, never on how many rows it finds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import event
from sqlalchemy.pool import AsyncAdaptedQueuePool

from models.base import new_id
from models.database import Database
from models.database.identity import Identity
from tests.support.client import COMPILER_ENABLED, App, Client, run_app
from tests.support.factories import Tenant, World, create_world
from tests.support.leak_checks import leaked_settings

TASKS = """query($first: Int!) {
    tasks(first: $first) { nodes { title project { name } assignee { fullName } creator { fullName } } totalCount }
}"""
PROJECTS = """query($first: Int!) {
    projects(first: $first) { nodes { name tasks(first: 3) { nodes { title assignee { fullName } } totalCount } } }
}"""
USERS = """query($first: Int!) {
    users(first: $first) {
        nodes { fullName tasks(first: 3, orderBy: {field: DUE_DATE}) { nodes { title project { name } } totalCount } }
        totalCount
    }
}"""
SEARCH = """{
    searchArticles(query: "river", first: 2) {
        edges { rank node { title } titleSegments { text match } snippetSegments { text match } } totalCount
    }
}"""
TWENTY = """query($task: ID!, $project: ID!) {
    viewer { email sessions { nodes { id } totalCount } memberships { nodes { tenant { name } } } }
    tenant { name }
    users { nodes { fullName tasks { nodes { title } } } }
    invitations { nodes { email } }
    a: task(id: $task) { title project { name } }
    b: project(id: $project) { name tasks { totalCount } }
    c: node(id: $task) { id }
    d: nodes(ids: [$task, $project]) { id }
    e: tasks { totalCount }
    f: tasks(last: 3) { nodes { title assignee { email } } }
    g: tasks(filter: {status: {eq: TODO}}) { nodes { title } }
    h: tasks(filter: {text: {contains: "task"}}) { nodes { title } totalCount }
    i: tasks(orderBy: {field: TITLE}) { nodes { creator { fullName } } }
    j: projects { nodes { name } }
    k: projects(filter: {isArchived: {eq: true}}) { nodes { name } }
    l: projects(filter: {deletedAt: {isNull: false}}) { totalCount }
    m: users(filter: {isFormer: {eq: true}}) { nodes { fullName } }
    n: users(filter: {role: {eq: ADMIN}}) { nodes { email } }
    o: users(orderBy: {field: CREATED_AT, direction: DESC}) { nodes { id } }
    p: viewer { invitations { totalCount } }
}"""


@dataclass
class StatementLog:
    """What the driver sends."""

    sent: list[str] = field(default_factory=list)
    doomed: asyncio.Task[Any] | None = None
    countdown: int = 0

    def interrupt(self, task: asyncio.Task[Any], number: int) -> None:
        """Cancel a task once this many statements were sent, while the next is on its way."""
        self.doomed, self.countdown = task, number

    def record(self, query: str) -> None:
        self.sent += [query] * ("pg_notify" not in query)  # which is the sequencer's, in the background
        self.countdown -= 1
        if self.doomed is not None and self.countdown < 0:
            asyncio.get_running_loop().call_soon(self.doomed.cancel)
            self.doomed = None


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> StatementLog:
    """Everything that the driver sends from here on."""
    noted = StatementLog()
    execute, fetch = asyncpg.Connection.execute, PreparedStatement.fetch
    fetchval, fetchval_prepared = asyncpg.Connection.fetchval, PreparedStatement.fetchval

    async def noted_execute(self: Any, query: str, *args: Any, **options: Any) -> Any:
        noted.record(query)
        return await execute(self, query, *args, **options)

    async def noted_fetch(self: Any, *args: Any, **options: Any) -> Any:
        noted.record(self.get_query())
        return await fetch(self, *args, **options)

    async def noted_fetchval(self: Any, query: str, *args: Any, **options: Any) -> Any:
        if "atrium_enter" in query:  # what works in the background is no operation's
            noted.record(query)
        return await fetchval(self, query, *args, **options)

    async def noted_fetchval_prepared(self: Any, *args: Any, **options: Any) -> Any:
        noted.record(self.get_query())
        return await fetchval_prepared(self, *args, **options)

    monkeypatch.setattr(asyncpg.Connection, "execute", noted_execute)
    monkeypatch.setattr(asyncpg.Connection, "fetchval", noted_fetchval)
    monkeypatch.setattr(PreparedStatement, "fetchval", noted_fetchval_prepared)
    monkeypatch.setattr(PreparedStatement, "fetch", noted_fetch)
    return noted


async def insert_rows(world: World, tenant: Tenant, *, parents: int, rows: int) -> None:
    """As many projects and members more, and as many tasks under each pair of them."""
    await world.connection.execute(
        """
        WITH n AS (SELECT n, gen_random_uuid() AS person FROM generate_series(1, $2) n),
        u AS (INSERT INTO users (id, email, full_name) SELECT person, person || '@example.com', 'A' || n FROM n),
        p AS (
            INSERT INTO projects (tenant_id, id, name) SELECT $1, gen_random_uuid(), 'project' FROM n RETURNING id
        ),
        q AS (SELECT id, row_number() OVER () AS n FROM p)
        INSERT INTO tasks (tenant_id, id, title, created_by, project_id)
        SELECT $1, gen_random_uuid(), 'task', $4, q.id FROM q, generate_series(1, $3)
        """,
        tenant.tenant_id,
        parents,
        rows,
        tenant.owner.user_id,
    )
    await world.connection.execute(
        """
        INSERT INTO memberships (tenant_id, id, user_id, full_name, email)
        SELECT $1, gen_random_uuid(), id, '', '' FROM users WHERE full_name ~ '^A[0-9]' AND id NOT IN (
            SELECT user_id FROM memberships
        )
        """,
        tenant.tenant_id,
    )
    await world.connection.execute(
        """
        UPDATE tasks t SET assignee_id = m.user_id FROM
            (SELECT user_id, row_number() OVER (ORDER BY id) AS n FROM memberships
                WHERE tenant_id = $1 AND full_name ~ '^A[0-9]') m,
            (SELECT id, row_number() OVER (ORDER BY id) AS n FROM projects WHERE tenant_id = $1) p
        WHERE m.n = p.n AND t.project_id = p.id
        """,
        tenant.tenant_id,
    )


@pytest.mark.parametrize(
    ("query", "listed", "nested"),
    [(TASKS, "tasks", ()), (PROJECTS, "projects", ("tasks",)), (USERS, "users", ("tasks",))],
    ids=["tasks", "projects", "users"],
)
async def test_statements_do_not_depend_on_rows(
    world: World, statements: StatementLog, query: str, listed: str, nested: tuple[str, ...]
) -> None:
    await insert_rows(world, world.acme, parents=1, rows=1)
    await insert_rows(world, world.globex, parents=50, rows=100)
    few, many = world.acme.owner.client, world.globex.owner.client
    for client in (few, many):  # the driver looks types up once per connection
        await client.run(query, first=1)

    async def sent(client: Client, first: int) -> tuple[list[str], list[dict[str, Any]]]:
        statements.sent.clear()
        nodes = (await client.run(query, first=first))[listed]["nodes"]
        return list(statements.sent), nodes

    once, rows = await sent(few, 1)
    assert len(rows) == 1
    often, rows = await sent(many, 100 if listed == "tasks" else 50)
    assert len(rows) == (100 if listed == "tasks" else 50)
    for name in nested:
        assert all(len(row[name]["nodes"]) == 3 and row[name]["totalCount"] == 100 for row in rows)
    if COMPILER_ENABLED:
        assert len(often) == len(once) == 1
        assert "atrium_enter" in once[0]
        return
    assert often == once
    assert once[0].startswith("BEGIN")
    assert "atrium_enter" in once[1]
    assert once[-1].startswith("COMMIT")


async def test_a_search_is_one_statement(world: World, statements: StatementLog) -> None:
    acme, client = world.acme, world.acme.owner.client
    for number in range(3):
        article = {"tenant_id": acme.tenant_id, "author_id": acme.owner.user_id, "title": f"River {number}"}
        await world.add("articles", **article, content="By the river.")
    await client.run(SEARCH)  # the driver looks types up once per connection
    statements.sent.clear()
    found = (await client.run(SEARCH))["searchArticles"]
    assert [len(edge["titleSegments"]) for edge in found["edges"]] == [2, 2]
    assert found["totalCount"] == 3
    assert len(statements.sent) == (1 if COMPILER_ENABLED else 5)  # and BEGIN, the entry, COMMIT


async def test_twenty_root_fields_on_a_cold_process(urls: Any, owner_connection: asyncpg.Connection) -> None:
    for pool_size in (1, 10):
        async with run_app(urls, pool_size=pool_size) as app:
            if pool_size == 1:
                world = await create_world(app, owner_connection)
                await insert_rows(world, world.acme, parents=2, rows=3)
            row = await owner_connection.fetchrow(
                "SELECT id, project_id FROM tasks WHERE tenant_id = $1", world.acme.tenant_id
            )
            assert row is not None
            task, project = row
            client = app.client_with(world.acme.owner.client.token)
            data = await client.run(TWENTY, task=f"Task:{task}", project=f"Project:{project}")
            assert data["e"]["totalCount"] == data["h"]["totalCount"] == 6
            assert data["b"]["tasks"]["totalCount"] == 3
            pool = app.components.database.engine.pool
            assert isinstance(pool, AsyncAdaptedQueuePool)
            assert pool.checkedin() + pool.checkedout() == 1  # one operation, one connection


@asynccontextmanager
async def hold_all_connections(database: Database) -> AsyncIterator[None]:
    """Units that hold every connection for as long as this lasts."""
    async with AsyncExitStack() as held:
        for _ in range(database.pool_size):
            await held.enter_async_context(database.operator_transaction(new_id()))
        yield


async def wait_until_returned(app: App) -> None:
    """Wait until every connection is back in the pool."""
    async with asyncio.timeout(20):
        while app.components.database.in_use:  # seen from outside, it is no event
            await asyncio.sleep(0.005)


async def test_more_at_once_than_connections(urls: Any, owner_connection: asyncpg.Connection) -> None:
    async with run_app(urls, pool_size=2, admission_wait_seconds=60) as app:
        world = await create_world(app, owner_connection)
        await insert_rows(world, world.acme, parents=5, rows=5)
        client = world.acme.owner.client
        expected = await client.run(USERS, first=20)
        answers = await asyncio.gather(*(client.run(USERS, first=20) for _ in range(20)))
        assert answers == [expected] * 20
        assert app.components.database.in_use == 0


async def test_overload_is_said_and_is_over_when_it_is_over(urls: Any, owner_connection: asyncpg.Connection) -> None:
    async with run_app(urls, pool_size=2, admission_wait_seconds=0.1) as app:
        world = await create_world(app, owner_connection)
        client = world.acme.owner.client
        async with hold_all_connections(app.components.database):
            assert await client.error_codes("{ tasks { totalCount } }") == ["SERVICE_UNAVAILABLE"]
            assert await client.error_codes('mutation { createTask(input: {title: "t"}) { __typename } }') == [
                "SERVICE_UNAVAILABLE"
            ]
            assert await client.error_codes(
                'mutation { login(input: {email: "a@b.c", password: "x"}) { __typename } }'
            ) == ["SERVICE_UNAVAILABLE"]
        assert (await client.run("{ tasks { totalCount } }"))["tasks"]["totalCount"] == 0


async def test_an_overloaded_operation_waits_once(
    urls: Any, owner_connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_app(urls, pool_size=1, admission_wait_seconds=0.1) as app:
        world = await create_world(app, owner_connection)
        waits, read, answer = [], app.components.database.read, app.components.database.fetch_value

        def noted_read(identity: Identity, **options: Any) -> Any:
            waits.append(identity)
            return read(identity, **options)

        async def noted_answer(*given: Any, **options: Any) -> str:
            waits.append(given)
            return await answer(*given, **options)

        monkeypatch.setattr(app.components.database, "read", noted_read)
        monkeypatch.setattr(app.components.database, "fetch_value", noted_answer)
        fields = " ".join(f"t{number}: tasks {{ totalCount }}" for number in range(20))
        async with hold_all_connections(app.components.database):
            codes = await world.acme.owner.client.error_codes(f"{{ {fields} }}")
        assert set(codes) == {"SERVICE_UNAVAILABLE"}
        assert len(waits) == 1


async def test_what_needs_no_connection_waits_for_none(urls: Any, owner_connection: asyncpg.Connection) -> None:
    async with run_app(urls, pool_size=1, admission_wait_seconds=60) as app:
        world = await create_world(app, owner_connection)
        client = world.acme.owner.client
        async with hold_all_connections(app.components.database):
            waiting = asyncio.create_task(client.run("{ tasks { totalCount } }"))
            assert await client.run("{ __typename }") == {"__typename": "Query"}
            assert not waiting.done()
        assert (await waiting)["tasks"]["totalCount"] == 0


@pytest.mark.parametrize(
    ("query", "code"),
    [
        # refused before its neighbours' loaders have begun
        (
            '{ task(id: "Task:01a20fde-f7ff-7215-86f0-0ceedb365d65") { id } tasks(first: -1) { totalCount } }',
            "BAD_USER_INPUT",
        ),
        (
            "{ viewer { memberships { nodes { tenant { name } } } sessions(first: 101) { totalCount } } }",
            "BAD_USER_INPUT",
        ),
        ("{ a: tasks { totalCount } b: users { totalCount } c: projects(last: 101) { totalCount } }", "BAD_USER_INPUT"),
        # and while they wait for the connection, or for each other
        ("{ a: tasks { totalCount } invitations { totalCount } b: users { totalCount } tenant { name } }", "FORBIDDEN"),
    ],
)
async def test_a_refused_field_keeps_no_connection(
    urls: Any, owner_connection: asyncpg.Connection, query: str, code: str
) -> None:
    async with run_app(urls, pool_size=2, admission_wait_seconds=0.5) as app:
        opened: list[Any] = []
        event.listen(app.components.database.engine.sync_engine, "connect", lambda *arguments: opened.append(arguments))
        client = (await create_world(app, owner_connection)).acme.member.client
        for _ in range(5):
            assert await client.error_codes(query) == [code]
        assert (await client.run("{ tasks { totalCount } }"))["tasks"]["totalCount"] == 0
        await wait_until_returned(app)
        assert len(opened) <= 2


async def test_a_refused_field_harms_no_neighbour(world: World) -> None:
    answer = await world.acme.owner.client.send(
        "{ viewer { memberships { totalCount } sessions(first: 101) { totalCount } } tasks { totalCount }"
        " users { nodes { tasks { totalCount } } } }"
    )
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert answer["data"]["viewer"] is None
    assert answer["data"]["tasks"] == {"totalCount": 0}
    assert len(answer["data"]["users"]["nodes"]) == 3


async def assert_nothing_left(app: App) -> None:
    """No connection of the pool is in a transaction, or carries anything from one to the next."""
    database = app.components.database
    at_hand = [warm.driver for warm in database.autocommit_connections]  # as they are, cleaned by nobody
    for driver in at_hand:
        assert (driver.is_in_transaction(), await leaked_settings(driver)) == (False, {})
    pool = database.engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    for connection in [await database.engine.connect() for _ in range(pool.size() - len(at_hand))]:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        assert (driver.is_in_transaction(), await leaked_settings(driver)) == (False, {})
        await connection.close()


READ = "{ viewer { email } tasks { totalCount } users { nodes { email tasks { totalCount } } } }"
CREATE = 'mutation { createTask(input: {title: "t"}) { ... on Task { id creator { fullName } } } }'
LOGIN = """mutation {
    login(input: {email: "owner@acme.example.com", password: "Passw0rd!"}) { ... on Session { viewer { id } } }
}"""


@pytest.mark.parametrize("query", [READ, CREATE, LOGIN], ids=["read", "create", "login"])
async def test_nothing_outlives_a_transaction(
    urls: Any, owner_connection: asyncpg.Connection, statements: StatementLog, query: str
) -> None:
    async with run_app(urls, pool_size=2, login_attempts_per_account=100) as app:
        client = (await create_world(app, owner_connection)).acme.owner.client
        await client.run(query)
        await assert_nothing_left(app)
        statements.sent.clear()
        await client.run(query)
        assert statements.sent
        for number in range(len(statements.sent)):  # an operation that is given up while its nth statement runs
            operation = asyncio.create_task(client.send(query))
            statements.interrupt(operation, number)
            await asyncio.wait([operation])
            assert operation.cancelled()
            await wait_until_returned(app)
            await assert_nothing_left(app)
        await client.run(query)


async def test_a_late_operation_gives_its_connection_back(
    world: World, urls: Any, owner_connection: asyncpg.Connection
) -> None:
    task = await world.add("tasks", tenant_id=world.acme.tenant_id, title="t", created_by=world.acme.owner.user_id)
    update = f'mutation {{ updateTask(input: {{id: "Task:{task}", title: "u"}}) {{ __typename }} }}'
    async with run_app(urls, pool_size=1, request_timeout_seconds=0.5) as app:
        async with owner_connection.transaction():
            await owner_connection.execute("SELECT FROM tasks WHERE id = $1 FOR UPDATE", task)
            assert await app.client_with(world.acme.owner.client.token).error_codes(update) == ["TIMEOUT"]
        await wait_until_returned(app)
        await assert_nothing_left(app)
    assert await owner_connection.fetchval("SELECT title FROM tasks WHERE id = $1", task) == "t"
    assert (await world.acme.owner.client.run(update))["updateTask"]["__typename"] == "Task"
