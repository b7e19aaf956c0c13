"""What belongs to one tenant does not exist for another, whatever the operation, whatever it is asked by.

For every operation of the schema somebody of globex names acme's things, one at a time, and gets, byte for byte, what
they get for things that there are not. Nothing of acme is in any answer, nothing of acme changes, and then acme
succeeds with the very same names, which shows that they were good.

The same once more with the predicates about tenants taken out of every statement, so that the policies alone hold.
And once more like that, as a role that no policy binds: there acme must leak, or all of this proves nothing.
"""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import reduce
from operator import getitem
from typing import Any

import graphql
import pytest
import pytest_asyncio
from sqlalchemy import BinaryExpression, BindParameter, ClauseElement, Column, event, make_url, true
from sqlalchemy.sql import visitors

from models.database import Database
from tests.support import case_objects
from tests.support.case_context import CaseContext, enter_as, table_digests
from tests.support.client import COMPILER_ENABLED
from tests.support.derived_cases import names_nothing
from tests.support.domain_cases import CASES_FILE, merged
from tests.support.factories import World
from tests.support.operation_cases import (
    ALL_OPERATIONS,
    NODE_BUILDERS,
    OPERATION_CASES,
    ROOTS,
    SCHEMA,
    TENANT_OPERATIONS,
    OperationCase,
    Path,
    argument_paths,
    build_values,
    built_paths,
    field_of,
    identifiers_in,
    is_id,
    outcome_code,
    replace_at,
    run_world,
)

in_module = pytest.mark.asyncio(loop_scope="module")
each_operation = pytest.mark.parametrize("operation", TENANT_OPERATIONS, ids=lambda operation: operation.case)


EXPECTED_OUTCOMES = merged("owner_outcomes")
"""What an owner gets, where it is not what they asked for."""


def _reason_not_to_leak(operation: OperationCase) -> str:
    """Why an operation leaks nothing even without the policies; empty if it leaks."""
    given = OPERATION_CASES[operation.case]
    if operation.is_mutation and names_nothing(given):
        return "names nothing that there is"
    conditions = given.get("filter", {}).values() if isinstance(given, dict) else ()
    if any(isinstance(each, dict) and "contains" in each for each in conditions):
        return "reads a view that is a wall itself"
    return WRITTEN_REASONS.get(operation.case, "")


WRITTEN_REASONS: dict[str, str] = merged("cannot_leak")
TESTED_ELSEWHERE = {o.case: reason for o in ALL_OPERATIONS if (reason := _reason_not_to_leak(o))}
"""Why some operations leak nothing even without the policies."""


LONG_LIST = 4

FAILS_WITHOUT_CONDITIONS = {"viewer"} if COMPILER_ENABLED else set[str]()
"""Cases that are refused then: a statement finds one's own memberships of all tenants instead of one. The reference
executor asks for the one."""


class Leak(AssertionError):
    """Something of one tenant was visible to another, or was changed by it."""


def test_every_root_field_has_a_case() -> None:
    fields = {name for root in ROOTS.values() for name in root.fields}
    fields.remove("query")  # of mutations: its fields have cases of their own
    missing = fields - {field_of(case) for case in OPERATION_CASES}
    assert not missing, f"Write what {sorted(missing)} are given into `operations` of {CASES_FILE}."
    assert {field_of(case) for case in OPERATION_CASES} <= fields


def test_every_id_is_given_by_a_case() -> None:
    # Statistics take the filters of their lists, whose cases give these ids.
    paths = {path for path in argument_paths(is_id) if not path[0].endswith("Stats")}
    missing = paths - set().union(*map(built_paths, OPERATION_CASES))
    assert not missing, f"Write a case that gives an id to {sorted(missing)} into `operations` of {CASES_FILE}."


def test_every_type_with_an_id_has_a_maker() -> None:
    node = SCHEMA.type_map["Node"]
    assert isinstance(node, graphql.GraphQLInterfaceType)
    missing = {type_.name for type_ in SCHEMA.get_possible_types(node)} - set(NODE_BUILDERS)
    assert not missing, f"Write what makes a row of {sorted(missing)} into `nodes` of {CASES_FILE}."


async def ask(stage: CaseContext, body: dict[str, Any]) -> bytes:
    """An answer, to the byte; the request's id is always the same."""
    headers = {"authorization": f"Bearer {stage.client.token}", "x-request-id": "leaks"}
    return (await stage.client.http.post("/graphql", json=body, headers=headers)).content


async def succeed(stage: CaseContext, operation: OperationCase, arguments: dict[str, Any]) -> bytes:
    """An answer that is no refusal, and shows something."""
    answer = await ask(stage, operation.body(arguments))
    body = json.loads(answer)
    assert outcome_code(body, operation.field) == EXPECTED_OUTCOMES.get(operation.case, "ok"), body
    found = body["data"][operation.field]
    if isinstance(found, str):  # a value of its own, as the cursor of the feed
        return answer
    rows = found.get("nodes", [found]) if isinstance(found, dict) else found
    assert rows, body
    assert None not in rows, body
    return answer


async def check_isolation(world: World, operation: OperationCase, *, succeeds: bool = True) -> None:
    """Globex tries an operation on its own things, and on acme's; acme succeeds with its own.

    Raises:
        Leak: it found something.
    """
    acme, globex = await enter_as(world, world.acme, "owner"), await enter_as(world, world.globex, "owner")
    theirs, ours = await operation.arguments(acme), await operation.arguments(globex)
    before = await table_digests(world.connection, acme.tenant.tenant_id)
    await _check_indistinguishable(globex, operation, theirs, ours)
    own = await ask(globex, operation.body(ours))
    if b"acme" in own:
        raise Leak(own)
    _check_equal(await table_digests(world.connection, acme.tenant.tenant_id), before)
    with contextlib.nullcontext() if succeeds else pytest.raises(AssertionError):
        await succeed(acme, operation, theirs)


async def _check_indistinguishable(
    stage: CaseContext, operation: OperationCase, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
    """Whoever asks cannot tell their things, named one at a time among our own, from things that there are not."""
    before = await table_digests(stage.world.connection, stage.world.acme.tenant_id)
    for path, name in identifiers_in(theirs):
        nothing = name.unknown()
        of_nothing = await ask(stage, operation.body(_put_among(ours, path, nothing)))
        of_theirs = await ask(stage, operation.body(_put_among(ours, path, name)))
        _check_equal(of_nothing.replace(nothing.encode(), b"it"), of_theirs.replace(name.encode(), b"it"))
        _check_equal(await table_digests(stage.world.connection, stage.world.acme.tenant_id), before)


def _put_among(ours: dict[str, Any], path: Path, name: str) -> dict[str, Any]:
    """Put a name into one place; of a long list, behind the one there, which is of the same type, and without the rest.

    Each item of such a list would be read for each other one.
    """
    *outer, last = path
    row = reduce(getitem, outer, ours)
    if not isinstance(row, list) or len(row) <= LONG_LIST:
        return replace_at(ours, path, name)
    return replace_at(ours, tuple(outer), [row[last], name])


def _check_equal(found: Any, expected: Any) -> None:
    if found != expected:
        raise Leak(found, expected)


TENANT_PREDICATE = re.compile(r"[\w.]+ = entered\.(tenant_id|user_id)")
"""The same predicates in compiled statements."""


def remove_tenant_predicates(database: Database) -> None:
    """Take every predicate about the tenant, or about whose a login session is, out of every statement."""

    def without(element: Any, **_options: Any) -> Any:
        if not isinstance(element, BinaryExpression) or not isinstance(element.right, BindParameter):
            return None
        column, bind = element.left, element.right
        scoped = isinstance(column, Column) and (column.name == "tenant_id" or str(column) == "sessions.user_id")
        return true() if scoped or bind.key in {"tenant_id", "user_id"} else None

    def strip(_connection: Any, statement: Any, multiparams: Any, params: Any, _options: Any) -> Any:
        if isinstance(statement, ClauseElement):
            statement = visitors.replacement_traverse(statement, {}, without)
        return statement, multiparams, params

    async def answer(statement: str, values: Any, **options: Any) -> str:
        return await compiled(TENANT_PREDICATE.sub("true", statement), values, **options)

    compiled, database.fetch_value = database.fetch_value, answer  # type: ignore[method-assign]  # they are made bare
    event.listen(database.engine.sync_engine, "before_execute", strip, retval=True)


Made = Callable[[], Awaitable[Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bare_world(make_database: Made) -> AsyncIterator[World]:
    """The same, where no statement says for which tenant it is."""
    async with run_world(await make_database()) as world:
        remove_tenant_predicates(world.app.components.database)
        yield world


@in_module
@each_operation
async def test_nothing_leaks(founded_world: World, operation: OperationCase) -> None:
    await check_isolation(founded_world, operation)


@in_module
@each_operation
async def test_the_policies_alone_hold(bare_world: World, operation: OperationCase) -> None:
    await check_isolation(bare_world, operation, succeeds=operation.case not in FAILS_WITHOUT_CONDITIONS)


NESTED = """query($first: Int, $after: String, $filter: TaskFilter) {
    projects { nodes { name tasks(first: $first, after: $after, filter: $filter) { nodes { title } totalCount } } }
    users { nodes { fullName tasks(first: $first, after: $after, filter: $filter) { nodes { title } totalCount } } }
}"""


@in_module
@pytest.mark.parametrize("is_bare", [False, True])
@pytest.mark.parametrize(
    "given",
    [
        {"filter": {"projectId": {"eq": case_objects.project}}},
        {"filter": {"assigneeId": {"eq": case_objects.member}}},
        {"filter": {"text": {"contains": case_objects.text_in_task}}},
    ],
    ids=lambda given: next(iter(given["filter"])),
)
async def test_lists_within_lists_leak_nothing(
    founded_world: World, bare_world: World, given: dict[str, Any], *, is_bare: bool
) -> None:
    found = bare_world if is_bare else founded_world
    acme, globex = await enter_as(found, found.acme, "owner"), await enter_as(found, found.globex, "owner")
    await case_objects.task(globex)
    theirs = await build_values(given, acme)
    assert b"acme secret" in await ask(acme, {"query": NESTED, "variables": theirs})
    answer = await ask(globex, {"query": NESTED, "variables": theirs})
    assert b"errors" not in answer
    assert b"acme" not in answer
    for path, name in identifiers_in(theirs):
        _check_equal(
            answer, await ask(globex, {"query": NESTED, "variables": replace_at(theirs, path, name.unknown())})
        )


WITHIN = """query($after: String) {
    projects(first: 1) { nodes { tasks(first: 1, after: $after) { nodes { id } pageInfo { endCursor } } } }
}"""


@in_module
@pytest.mark.parametrize("is_bare", [False, True])
async def test_a_cursor_within_a_list_leads_nowhere_else(
    founded_world: World, bare_world: World, *, is_bare: bool
) -> None:
    found = bare_world if is_bare else founded_world
    acme, globex = await enter_as(found, found.acme, "owner"), await enter_as(found, found.globex, "owner")
    for stage in (acme, globex):
        await case_objects.project(stage)

    async def tasks(stage: CaseContext, after: str | None) -> Any:
        body = json.loads(await ask(stage, {"query": WITHIN, "variables": {"after": after}}))
        return body["data"]["projects"]["nodes"][0]["tasks"]

    first = await tasks(acme, None)
    cursor = first["pageInfo"]["endCursor"]
    assert (await tasks(acme, cursor))["nodes"]
    theirs, nowhere = await tasks(globex, cursor), await tasks(globex, case_objects.forge_cursor(cursor))
    assert theirs == nowhere


@in_module
@pytest.mark.parametrize(
    "operation",
    [
        o for o in ALL_OPERATIONS if o.field not in {"login", "refresh", "switchTenant"}
    ],  # with these they may enter the other one
    ids=lambda o: o.case,
)
async def test_who_belongs_to_both_reaches_the_one_that_they_entered(
    founded_world: World, operation: OperationCase
) -> None:
    here = await enter_as(founded_world, founded_world.globex, "owner")
    there = await enter_as(founded_world, founded_world.acme, "owner")
    assert here.actor is not None
    await there.add("memberships", user_id=here.actor.user_id, role="OWNER", full_name="", email="")
    theirs, ours = await operation.arguments(there), await operation.arguments(here)
    await _check_indistinguishable(here, operation, theirs, ours)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unbound_world(make_database: Made, cluster: Any, worker_id: str) -> AsyncIterator[World]:
    """The same as a role that no policy binds."""
    urls, role = await make_database(), f"unbound_{worker_id}"
    runtime = make_url(urls.runtime)
    await cluster.admin(
        f"DROP ROLE IF EXISTS {role}",
        f"CREATE ROLE {role} LOGIN BYPASSRLS PASSWORD '{runtime.password}' IN ROLE {runtime.username}",
    )
    unbound = runtime.set(username=role).render_as_string(hide_password=False)
    async with run_world(replace(urls, runtime=unbound)) as world:
        remove_tenant_predicates(world.app.components.database)
        yield world
    await cluster.admin(f"DROP ROLE {role}")


def test_what_cannot_leak_is_a_case() -> None:
    assert set(WRITTEN_REASONS) <= set(OPERATION_CASES)


@in_module
@pytest.mark.parametrize(
    "operation", [o for o in TENANT_OPERATIONS if o.case not in TESTED_ELSEWHERE], ids=lambda o: o.case
)
async def test_without_walls_it_leaks(unbound_world: World, operation: OperationCase) -> None:
    with pytest.raises(Leak):
        await check_isolation(unbound_world, operation)
