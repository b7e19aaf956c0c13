"""The audit trail: one entry for each row that changes, whichever statement changes it, and nobody can take it back."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

import models
from models.base import Model, new_id, table_of
from services import articles, audit
from services.errors import Forbidden
from services.eventlog import row_history
from tests.conftest import Urls
from tests.support.audit_exemptions import EXEMPT
from tests.support.derived_rows import sample_values, text_columns
from tests.support.domain_cases import CASES_FILE, merged
from tests.support.factories import World, insert
from tests.support.service_client import ServiceClient

Values = dict[str, Any]
Log = Counter[tuple[UUID, str]]


MODELS: dict[str, type[Model]] = {
    table_of(model).name: model
    for model in vars(models).values()
    if isinstance(model, type) and hasattr(model, "__table__")
}


AUDITED = [table.name for table in Model.metadata.sorted_tables if table.name not in EXEMPT]
ROWS: dict[str, Callable[[World], Awaitable[Values]]] = merged("audited_rows")
CHANGED_COLUMNS: dict[str, str] = merged("audited_columns")


def changed_column(table: str) -> str:
    """Return a text column of a table that may be changed to anything."""
    found = [CHANGED_COLUMNS[table]] if table in CHANGED_COLUMNS else text_columns(Model.metadata.tables[table])
    assert found, f"Write a text column of {table} that may be changed into `audited_columns` of {CASES_FILE}."
    return found[0]


async def rows(world: World, table: str, count: int) -> list[Values]:
    """Return the values of new rows that nothing points at, by the domain's cases or else by the model."""
    acme, made = world.acme, []
    for _ in range(count):
        if table in ROWS:
            values = {"tenant_id": acme.tenant_id, **await ROWS[table](world)}
        else:
            columns = Model.metadata.tables[table]
            values = await sample_values(world, acme.tenant_id, acme.owner, columns, lambda _: f"text-{new_id()}")
        made.append({"id": new_id(), **values})
    return made


class AuditLog:
    """What was written into the log since it was last looked at."""

    def __init__(self, connection: asyncpg.Connection, table: str) -> None:
        self.connection, self.table = connection, table
        self.seen: set[UUID] = set()

    async def entries(self) -> list[asyncpg.Record]:
        found = await self.connection.fetch("SELECT * FROM audit_log WHERE table_name = $1", self.table)
        fresh = [entry for entry in found if entry["id"] not in self.seen]
        self.seen |= {entry["id"] for entry in fresh}
        return fresh

    async def log(self) -> Log:
        return Counter((entry["row_id"], entry["action"]) for entry in await self.entries())


def expected_log(made: list[Values], action: str) -> Log:
    return Counter((row["id"], action) for row in made)


async def run_over_rows(connection: asyncpg.Connection, statement: str, made: list[Values]) -> None:
    """Run a statement over the rows, which it reads as `r`."""
    table, columns = statement.rsplit(maxsplit=1)[-1], ", ".join(made[0])
    source = f"(SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1)) r"
    sql = statement.removesuffix(table).format(table=table, columns=columns, rows=source)
    await connection.execute(sql, orjson.dumps(made, default=str).decode())


@pytest.fixture
async def runtime(world: World, urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the runtime role, in acme for as long as it lasts."""
    connection = await asyncpg.connect(urls.plain("runtime"))
    await connection.execute("SELECT set_config('app.tenant_id', $1, false)", str(world.acme.tenant_id))
    yield connection
    await connection.close()


INSERT = "INSERT INTO {table} ({columns}) SELECT * FROM {rows} "


@pytest.mark.parametrize("table", AUDITED)
async def test_every_kind_of_statement_leaves_one_entry_a_row(table: str, world: World) -> None:
    """As the owner, who may do everything to every table."""
    connection, column, trail = world.connection, changed_column(table), AuditLog(world.connection, table)
    made = await rows(world, table, 4)
    await trail.log()

    await insert(connection, table, **made[0])
    assert await trail.log() == expected_log(made[:1], "CREATE")
    await run_over_rows(connection, INSERT + table, made[1:3])
    assert await trail.log() == expected_log(made[1:3], "CREATE")
    mine = f"WHERE id IN (SELECT id FROM {{rows}}) {table}"
    changed = f"UPDATE {table} SET {column} = replace({column} || 'x', 'EURx', 'USD') "
    await run_over_rows(connection, changed + mine, made[:1])
    assert await trail.log() == expected_log(made[:1], "UPDATE")
    await run_over_rows(connection, changed + mine, made[1:3])
    assert await trail.log() == expected_log(made[1:3], "UPDATE")
    await run_over_rows(connection, f"UPDATE {table} SET {column} = {column} " + mine, made[:3])
    await run_over_rows(connection, changed + "WHERE false AND id IN (SELECT id FROM {rows}) " + table, made[:3])
    assert await trail.log() == Counter()
    again = f"{INSERT}ON CONFLICT ON CONSTRAINT {table}_pkey DO UPDATE SET {column} = EXCLUDED.{column} "
    await run_over_rows(connection, again + table, made[2:])
    assert await trail.log() == expected_log(made[2:3], "UPDATE") + expected_log(made[3:], "CREATE")
    await run_over_rows(connection, f"DELETE FROM {table} " + mine, made)
    assert await trail.log() == expected_log(made, "DELETE")


@pytest.mark.parametrize("table", AUDITED)
async def test_the_orm_and_the_runtime_role_leave_one_entry_a_row(table: str, world: World) -> None:
    column, trail, database = changed_column(table), AuditLog(world.connection, table), world.app.components.database
    [made] = await rows(world, table, 1)
    await trail.log()
    may_delete = await world.connection.fetchval("SELECT has_table_privilege('atrium_app', $1, 'DELETE')", table)
    async with database.operator_transaction(made.get("tenant_id", made["id"])) as session:
        row = MODELS[table](**made)
        session.add(row)
        await session.flush()
        setattr(row, column, "USD")
        await session.flush()
        if may_delete:
            await session.delete(row)
            await session.flush()
    done = ["CREATE", "UPDATE", *(["DELETE"] if may_delete else [])]
    assert await trail.log() == Counter((made["id"], action) for action in done)


async def test_a_table_that_is_not_tried_is_seen(world: World) -> None:
    audited = await world.connection.fetch(
        "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname ~ '^audit_'"
    )
    unknown = {name for (name,) in audited} ^ set(AUDITED)
    assert not unknown, (
        f"Call add_audit_triggers in the migrations of {sorted(unknown)} and write their models, or write into"
        " tests/support/audit_exemptions.py why their changes are not written down."
    )


async def test_an_entry_says_who_did_what_and_from_where(world: World) -> None:
    client = world.acme.admin.client
    mutation = 'mutation { createTask(input: {title: "Plan"}) { ... on Task { id } } }'
    headers = {"x-request-id": "request-1", "user-agent": "a browser" + "!" * 600}
    headers["authorization"] = f"Bearer {client.token}"
    answer = await client.http.post("/graphql", json={"query": mutation}, headers=headers)
    task_id = UUID(answer.json()["data"]["createTask"]["id"].partition(":")[2])
    entry = await world.connection.fetchrow("SELECT * FROM audit_log WHERE row_id = $1", task_id)
    assert entry["actor_id"] == world.acme.admin.user_id
    assert (entry["tenant_id"], entry["table_name"]) == (world.acme.tenant_id, "tasks")
    assert (entry["request_id"], entry["operation"]) == ("request-1", "createTask")
    assert (entry["user_agent"], entry["ip"]) == (("a browser" + "!" * 600)[:500], "127.0.0.1")
    assert entry["old_values"] is None
    values = orjson.loads(entry["new_values"])
    assert (values["title"], values["version"]) == ("Plan", 1)
    assert "title_key" not in values


async def test_members_see_what_changed_and_not_from_where(rules: ServiceClient, world: World) -> None:
    client = world.acme.admin.client
    await client.run('mutation { createTask(input: {title: "Plan"}) { __typename } }')
    for person, is_shown in ((world.acme.member, False), (world.acme.admin, True), (world.acme.owner, True)):
        [entry] = await rules.rows(person, audit.AUDIT, filter={"table": {"eq": "tasks"}})
        assert (entry.action, entry.actor_id, entry.operation) == ("CREATE", world.acme.admin.user_id, "createTask")
        assert [bool(value) for value in (entry.ip, entry.user_agent, entry.request_id)] == [is_shown] * 3
    with pytest.raises(Forbidden):
        await rules.rows(world.acme.member, audit.FULL_LOG)


async def test_members_see_entries_of_the_rows_that_they_see(rules: ServiceClient, world: World) -> None:
    own, others = [
        await rules.apply(person, articles.create, values={"title": "Draft", "content": ""})
        for person in (world.acme.member, world.acme.owner)
    ]
    for person, expected in ((world.acme.member, {own.id}), (world.acme.admin, {own.id, others.id})):
        seen = await rules.rows(person, audit.AUDIT, filter={"table": {"eq": "articles"}})
        assert {entry.row_id for entry in seen} == expected
    assert await rules.rows(world.globex.owner, audit.AUDIT, filter={"table": {"eq": "articles"}}) == []


async def test_an_update_keeps_what_changed_and_no_secret(world: World) -> None:
    trail = AuditLog(world.connection, "invitations")
    [made] = await rows(world, "invitations", 1)
    await insert(world.connection, "invitations", **made)
    await world.connection.execute(
        "UPDATE invitations SET digest = 'another', role = 'ADMIN' WHERE id = $1", made["id"]
    )
    await world.connection.execute("UPDATE invitations SET digest = 'a third' WHERE id = $1", made["id"])
    created, both, digest = sorted(await trail.entries(), key=lambda entry: entry["created_at"])
    assert "digest" not in orjson.loads(created["new_values"])
    assert orjson.loads(both["old_values"]) == {"digest": None, "role": "MEMBER"}
    assert orjson.loads(both["new_values"]) == {"digest": None, "role": "ADMIN"}
    assert orjson.loads(digest["new_values"]) == {"digest": None}


async def test_a_changed_key_is_one_row_gone_and_another_made(world: World) -> None:
    trail = AuditLog(world.connection, "projects")
    [made] = await rows(world, "projects", 1)
    await insert(world.connection, "projects", **made)
    await trail.log()
    moved = new_id()
    await world.connection.execute("UPDATE projects SET id = $2 WHERE id = $1", made["id"], moved)
    assert await trail.log() == Counter({(made["id"], "DELETE"): 1, (moved, "CREATE"): 1})


async def test_what_is_rolled_back_leaves_nothing(world: World) -> None:
    trail = AuditLog(world.connection, "projects")
    await trail.log()
    transaction = world.connection.transaction()
    await transaction.start()
    await world.add("projects", tenant_id=world.acme.tenant_id, name="Plans")
    assert len(await trail.log()) == 1
    await transaction.rollback()
    assert await world.connection.fetchval("SELECT count(*) FROM audit_log WHERE table_name = 'projects'") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_log SELECT * FROM audit_log",
        "UPDATE audit_log SET action = 'DELETE'",
        "UPDATE audit_log SET new_values = NULL",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "ALTER TABLE tasks DISABLE TRIGGER audit_update",
        "SELECT atrium_audit()",
    ],
)
async def test_the_runtime_role_reads_the_log_and_no_more(statement: str, runtime: asyncpg.Connection) -> None:
    assert await runtime.fetchval("SELECT count(*) FROM audit_log") > 0
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)):
        await runtime.execute(statement)


async def test_another_tenants_entries_are_out_of_sight(world: World, runtime: asyncpg.Connection) -> None:
    seen = await runtime.fetch("SELECT DISTINCT tenant_id FROM audit_log")
    assert [row[0] for row in seen] == [world.acme.tenant_id]


async def test_what_is_gone_can_be_forgotten_and_what_is_there_cannot(world: World) -> None:
    acme = world.acme.tenant_id
    task_id = await world.add("tasks", **(await rows(world, "tasks", 1))[0])
    await world.connection.execute("UPDATE tasks SET description = 'Something personal' WHERE id = $1", task_id)
    with pytest.raises(Exception, match="only what is gone"):
        async with world.app.components.database.operator_transaction(acme) as session:
            await row_history.redact(session, models.Task, task_id)
    await world.connection.execute("DELETE FROM tasks WHERE id = $1", task_id)
    async with world.app.components.database.operator_transaction(world.globex.tenant_id) as session:
        assert await row_history.redact(session, models.Task, task_id) == 0
    async with world.app.components.database.operator_transaction(acme) as session:
        assert await row_history.redact(session, models.Task, task_id) == 3
    entries = await world.connection.fetch("SELECT * FROM audit_log WHERE row_id = $1 ORDER BY created_at", task_id)
    assert [entry["action"] for entry in entries] == ["CREATE", "UPDATE", "DELETE", "PURGE"]
    assert {(e["old_values"], e["new_values"]) for e in entries} == {(None, None)}
    assert [entry["salt"] is None for entry in entries] == [True, True, True, False]
