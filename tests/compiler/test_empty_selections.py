"""Empty selection sets and descriptions of documents (GraphQL, September 2026), on both executors."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.conftest import Urls
from tests.support.differential import BothExecutors, comparable_answer, run_both

UNKNOWN = "Task:01a20fde-f7ff-7215-86f0-0ceedb365d65"


@pytest.fixture
async def executors(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[BothExecutors]:
    async with run_both(urls, owner_connection) as found:
        yield found


async def task_id(executors: BothExecutors) -> str:
    """A task that everybody of acme sees."""
    found = await executors.world.connection.fetchval(
        "SELECT id FROM tasks WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1",
        executors.world.acme.tenant_id,
    )
    return f"Task:{found}"


async def ask_both(executors: BothExecutors, query: str, who: str = "owner") -> tuple[dict[str, Any], str | None]:
    """What both executors answer, which is the same, and why the compiler declined; None if it did not."""
    caller = next(each for each in executors.people if each.name == who)
    executors.compiled_results.clear()
    compiled = await comparable_answer(caller.compiled, {"query": query})
    assert compiled == await comparable_answer(caller.reference, {"query": query})
    [result] = executors.compiled_results
    return compiled, result.declined


TASKS = 29
"""How many there are."""

COMPILED = {
    "{ tasks {} }": {"tasks": {}},
    "{ tasks(first: 2) { nodes {} } }": {"tasks": {"nodes": [{}, {}]}},
    "{ tasks(last: 2) { nodes {} pageInfo { hasPreviousPage } } }": {
        "tasks": {"nodes": [{}, {}], "pageInfo": {"hasPreviousPage": True}}
    },
    "{ tasks(first: 1) { edges {} pageInfo {} totalCount } }": {
        "tasks": {"edges": [{}], "pageInfo": {}, "totalCount": TASKS}
    },
    "{ tasks(first: 1) { edges { node {} } } }": {"tasks": {"edges": [{"node": {}}]}},
    "{ tasks(first: 1) { nodes { creator {} } } }": {"tasks": {"nodes": [{"creator": {}}]}},
    "{ orders(first: 1) { nodes { totalAmount {} items {} } } }": {
        "orders": {"nodes": [{"totalAmount": {}, "items": {}}]}
    },
    "{ tasks(first: 1) { ... on TaskConnection {} nodes { ...F ... {} } } } fragment F on Task {}": {
        "tasks": {"nodes": [{}]}
    },
    "{ tasks @include(if: true) {} ... on Query {} }": {"tasks": {}},
    "{ tasks {} tasks { totalCount } }": {"tasks": {"totalCount": TASKS}},
    "{ viewer { tenant {} } }": {"viewer": {"tenant": {}}},
    '{ node(id: "TASK") {} }': {"node": {}},
    '{ node(id: "TASK") { ... on Task {} ... on Order { version } } }': {"node": {}},
    f'{{ nodes(ids: ["TASK", "{UNKNOWN}"]) {{}} }}': {"nodes": [{}, None]},
    f'{{ task(id: "TASK") {{}} other: task(id: "{UNKNOWN}") {{}} }}': {"task": {}, "other": None},
    '{ searchArticles(query: "winter", first: 1) { nodes {} } }': {"searchArticles": {"nodes": [{}]}},
    '"words" query Q("a page" $n: Int = 1) { tasks(first: $n) { nodes { ...F } } } """words""" fragment F on Task {}': {
        "tasks": {"nodes": [{}]}
    },
}


@pytest.mark.parametrize("query", COMPILED)
async def test_what_reads_a_table_is_compiled(executors: BothExecutors, query: str) -> None:
    answer, declined = await ask_both(executors, query.replace("TASK", await task_id(executors)))
    assert (answer["data"], answer.get("errors"), declined) == (COMPILED[query], None, None)


REFERENCE = {
    "{}": {},
    "query {}": {},
    "{ ... on Query {} }": {},
    "{ tasks @skip(if: true) {} }": {},
    "{ __schema {} }": {"__schema": {}},
    "mutation {}": {},
    'mutation { updateTask(input: {id: "TASK", title: "new"}) {} }': {"updateTask": {}},
    'mutation { updateTask(input: {id: "TASK", title: ""}) {} }': {"updateTask": {}},
    'mutation { createTask(input: {title: "new"}) { ... on Task {} } }': {"createTask": {}},
    '"words" mutation M("the title" $t: String = "new") { createTask(input: {title: $t}) {} }': {"createTask": {}},
}


@pytest.mark.parametrize("query", REFERENCE)
async def test_the_rest_is_declined(executors: BothExecutors, query: str) -> None:
    answer, declined = await ask_both(executors, query.replace("TASK", await task_id(executors)))
    assert declined is not None
    assert answer.get("data") == REFERENCE[query]


async def test_an_empty_selection_shows_who_may_not_see_it_an_error(executors: BothExecutors) -> None:
    for who, query, code in (
        ("outsider", "{ tasks {} }", "FORBIDDEN"),
        ("member", "{ invitations {} }", "FORBIDDEN"),
        ("member", "{ invitations { nodes {} } }", "FORBIDDEN"),
        ("removed", "{ tasks {} }", "UNAUTHENTICATED"),
        ("owner", "{ tasks(first: 1000) {} }", "BAD_USER_INPUT"),
    ):
        answer, _ = await ask_both(executors, query, who)
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code], query


@pytest.mark.parametrize(
    "query",
    [
        "{ tasks { totalCount {} } }",
        "{ tasks }",
        "{ tasks(first: 1) { nodes { status {} } } }",
        "{ ...F } fragment F on Nothing {}",
        "query($n: Int) {}",
    ],
)
async def test_what_is_not_valid_stays_so(executors: BothExecutors, query: str) -> None:
    caller = executors.people[0]
    answers = [await comparable_answer(each, {"query": query}) for each in (caller.compiled, caller.reference)]
    assert answers[0] == answers[1]
    assert {error["extensions"]["code"] for error in answers[0]["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


async def test_the_order_of_fields_is_that_of_the_document(executors: BothExecutors) -> None:
    query = "{ b: tasks(first: 1) {} a: __typename c: tasks(first: 1) { nodes {} totalCount } }"
    answer, _ = await ask_both(executors, query)
    assert json.dumps(answer["data"]) == f'{{"b": {{}}, "a": "Query", "c": {{"nodes": [{{}}], "totalCount": {TASKS}}}}}'
