"""Edits by one statement: the same answers, rows and entries in the log as by the rules, and what surrounds that."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from graphql import get_named_type
from strawberry.utils.str_converters import to_camel_case

from graph.fields.scalars import to_global_id
from graph.schema import DOMAINS
from models.base import new_id
from models.database.errors import ConnectionLost, PoolTimeout
from models.database.identity import Identity, enter_arguments
from tests.conftest import Urls
from tests.support.compiled_operations import is_compiled
from tests.support.differential import BothExecutors, Tally, run_both
from tests.support.differential_ports import serve_both_paths
from tests.support.differential_updates import compare_update
from tests.support.factories import insert
from tests.support.graph_schema import input_type_of, reference_of

SHARE = 150
ALL = 3_000

RENAME = """mutation Rename($id: ID!, $title: String!, $seen: Int) {
    updateTask(input: {id: $id, title: $title, expectedVersion: $seen}) {
        ... on Task { title version } ... on VersionConflict { currentVersion } ... on NotFound { message }
    }
}"""


@pytest.fixture
async def executors(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[BothExecutors]:
    async with run_both(urls, owner_connection) as found:
        yield found


async def compare_random_updates(executors: BothExecutors, edits: int) -> Tally:
    seed = int(os.environ.get("ATRIUM_TEST_SEED") or secrets.randbits(40))
    tally = Tally()
    async with serve_both_paths(executors.compiled) as executors.paths:
        before = await executors.paths.count_fast()
        while tally.queries < edits:
            await compare_update(executors, seed, tally)
            seed += 1
        tally.sent_to_ports = tally.compiled
        tally.took_fast_path = await executors.paths.count_fast() - before
    return tally


def assert_often_fast(tally: Tally) -> None:
    """Some have their ids in their texts, which nobody has sent before."""
    assert tally.compiled > 0.05 * tally.queries, str(tally)
    assert tally.took_fast_path > 0.4 * tally.compiled, str(tally)


async def test_both_executors_and_the_fast_path_carry_edits_out_alike(executors: BothExecutors) -> None:
    assert_often_fast(await compare_random_updates(executors, SHARE))


@pytest.mark.exhaustive
async def test_both_executors_and_the_fast_path_carry_edits_out_alike_for_long(
    executors: BothExecutors, record_property: Callable[[str, object], None]
) -> None:
    tally = await compare_random_updates(executors, ALL)
    record_property("summary", str(tally))
    assert_often_fast(tally)


async def task(executors: BothExecutors) -> str:
    acme = executors.world.acme
    row = {"title": "old", "status": "TODO", "created_by": acme.owner.user_id}
    return f"Task:{await insert(executors.world.connection, 'tasks', tenant_id=acme.tenant_id, **row)}"


async def test_of_many_who_saw_the_same_version_one_edits(executors: BothExecutors) -> None:
    row, client = await task(executors), executors.world.acme.member.client
    answers = await asyncio.gather(*(client.run(RENAME, id=row, title=f"{n}", seen=1) for n in range(20)))
    versions = [answer["updateTask"].get("version") for answer in answers]
    assert sorted(versions, key=str) == [2, *[None] * 19]
    assert all(
        answer["updateTask"] == {"currentVersion": 2} for answer in answers if "version" not in answer["updateTask"]
    )


async def test_without_a_version_all_of_them_do(executors: BothExecutors) -> None:
    row, client = await task(executors), executors.world.acme.member.client
    answers = await asyncio.gather(*(client.run(RENAME, id=row, title=f"{n}") for n in range(20)))
    assert sorted(answer["updateTask"]["version"] for answer in answers) == list(range(2, 22))


async def test_who_was_shut_out_edits_nothing(executors: BothExecutors) -> None:
    world, row = executors.world, await task(executors)
    await world.acme.member.client.run(RENAME, id=row, title="first")
    await world.connection.execute("UPDATE sessions SET revoked_at = now() WHERE id = $1", world.acme.member.session_id)
    assert await world.acme.member.client.error_codes(RENAME, id=row, title="second") == ["UNAUTHENTICATED"]
    assert await world.connection.fetchval("SELECT title FROM tasks WHERE id = $1::uuid", row[5:]) == "first"


@pytest.mark.parametrize("failure", [ConnectionLost(), PoolTimeout()])
async def test_an_edit_of_which_nobody_knows_is_not_tried_again(
    executors: BothExecutors, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, client = await task(executors), executors.world.acme.member.client
    database = executors.compiled.components.database

    async def fails(*_args: Any, **_options: Any) -> str:
        raise failure

    monkeypatch.setattr(database, "fetch_value", fails)
    assert await client.error_codes(RENAME, id=row, title="new") == ["SERVICE_UNAVAILABLE"]
    assert await executors.world.connection.fetchval("SELECT title FROM tasks WHERE id = $1::uuid", row[5:]) == "old"


async def test_a_link_edits_nothing(executors: BothExecutors) -> None:
    row, client = await task(executors), executors.world.acme.member.client
    text = f'mutation {{ updateTask(input: {{id: "{row}", title: "new"}}) {{ __typename ... on Task {{ title }} }} }}'
    headers = {"authorization": f"Bearer {client.token}"}
    answer = await client.http.get("/graphql", params={"query": text}, headers=headers)
    assert answer.status_code == 405
    assert await executors.world.connection.fetchval("SELECT title FROM tasks WHERE id = $1::uuid", row[5:]) == "old"


UPDATES = {field.python_name: field for domain in DOMAINS for field in domain.mutations if field.row_update is not None}
"""The mutations that say what row update they come down to."""


def smallest_input(mutation: str) -> tuple[str, str]:
    """Return an input of a mutation with what it requires, and the first text that it may change; and its type."""
    fields, type_name = input_type_of(mutation).fields, ""
    given = []
    first = next((name for name, field in fields.items() if get_named_type(field.type).name == "String"), None)
    for name, field in fields.items():
        if target := name == "id" and reference_of(field):
            type_name = target
            given.append(f'id: "{to_global_id(target, new_id())}"')
        elif name == first:
            given.append(f'{name}: "New"')
    return ", ".join(given), type_name


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_that_looks_at_no_other_row_is_one_statement(name: str) -> None:
    mutation = to_camel_case(name)
    given, type_name = smallest_input(mutation)
    operation = f"mutation {{ {mutation}(input: {{ {given} }}) {{ ... on {type_name} {{ id version }} }} }}"
    assert is_compiled(operation), (
        f"Give {mutation} the `update_command` of its services as `row_update`, which returns a RowUpdate for {given}."
    )


PLANNER_SETTINGS = [
    {},
    {"plan_cache_mode": "force_generic_plan"},
    {"plan_cache_mode": "force_custom_plan"},
    {"enable_indexscan": "off", "enable_bitmapscan": "off", "enable_indexonlyscan": "off"},
    {"enable_seqscan": "off", "jit": "on"},
]


@pytest.mark.parametrize("planner", PLANNER_SETTINGS, ids=lambda planner: ",".join(planner) or "as it is")
async def test_whoever_edits_is_let_in_before_a_row_is_looked_for(
    executors: BothExecutors, urls: Urls, planner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, list[Any]]] = []
    database, acme = executors.compiled.components.database, executors.world.acme
    answer = database.fetch_value

    async def noted(statement: str, values: Any, **options: Any) -> str:
        sent.append((statement, list(values)))
        return await answer(statement, values, **options)

    monkeypatch.setattr(database, "fetch_value", noted)
    await acme.member.client.run(RENAME, id=await task(executors), title="new")
    ((statement, values),) = sent
    connection = await asyncpg.connect(urls.plain("runtime"), server_settings={"timezone": "UTC", **planner})
    try:
        for number in range(8):  # PostgreSQL keeps a plan from the sixth on
            values = [f"new {number}" if str(value).startswith("new") else value for value in values]
            assert await connection.fetchval(statement, *values) is not None
            plan = await connection.fetch(f"EXPLAIN {statement}", *values)
            assert any("One-Time Filter" in row[0] for row in plan)
        width = len(enter_arguments(Identity()))
        other = await connection.fetchval(statement, *enter_arguments(Identity()), *values[width:])
        assert other is None
        stranger = [executors.world.globex.tenant_id, *values[1:]]
        assert await connection.fetchval(statement, *stranger) is None
    finally:
        await connection.close()
