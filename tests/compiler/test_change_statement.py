"""Changes of rows: the compiler tells of every audit entry what the reference executor tells."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from models import AuditAction
from tests.conftest import Urls
from tests.support.differential import BothExecutors, comparable_answer, run_both

ENTRIES = """query($after: String) { auditLog(first: 100, after: $after) {
    nodes { id table rowId action version changes { field before after } renamed: changes { __typename f: field } }
    pageInfo { endCursor hasNextPage } } }"""
HISTORIES = """{
    tasks(first: 12) { nodes { history(first: 9) { nodes { rowId version changes { after before field } } } } }
    products(first: 12) { nodes { history(first: 9) { nodes { rowId version changes { after before field } } } } }
    articles(first: 12) { nodes { history(first: 9) { nodes { rowId version changes { after before field } } } } }
}"""


@pytest.fixture
async def executors(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[BothExecutors]:
    async with run_both(urls, owner_connection) as found:
        yield found


async def ask_both(executors: BothExecutors, name: str, query: str, **variables: Any) -> Any:
    """What both answer; the compiler has to be the one who did."""
    who = next(person for person in executors.people if person.name == name)
    body = {"query": query, "variables": variables}
    executors.compiled_results.clear()
    compiled, reference = await comparable_answer(who.compiled, body), await comparable_answer(who.reference, body)
    assert executors.compiled_results[0].declined is None
    assert compiled == reference
    return compiled["data"]


async def test_every_entry_of_the_log_is_told_alike(executors: BothExecutors) -> None:
    entries: list[dict[str, Any]] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        answer = (await ask_both(executors, "admin", ENTRIES, after=page["endCursor"]))["auditLog"]
        entries, page = entries + answer["nodes"], answer["pageInfo"]
    assert {entry["action"] for entry in entries} >= {action.value for action in AuditAction} - {"PURGE"}
    changes = [(entry, change) for entry in entries for change in entry["changes"]]
    told = {type(change[side]) for _, change in changes for side in ("before", "after")}
    assert told >= {str, int, bool, dict, type(None)}
    prices = [change for entry, change in changes if (entry["action"], change["field"]) == ("UPDATE", "price")]
    assert {"amount": "0.005", "currency": "KWD"} in [change["after"] for change in prices]
    assert all(change["before"] and change["after"] for change in prices)
    people = [change for entry, change in changes if (entry["action"], change["field"]) == ("UPDATE", "assignee")]
    assert any((change["after"] or "").startswith("User:") for change in people)
    dues = [change["after"] for entry, change in changes if (entry["action"], change["field"]) == ("UPDATE", "dueDate")]
    assert set(dues) == {"2026-05-01T08:00:00.000000Z"}


@pytest.mark.parametrize("name", ["owner", "member"])
async def test_histories_are_told_alike(executors: BothExecutors, name: str) -> None:
    data = await ask_both(executors, name, HISTORIES)
    for rows in data.values():
        assert any(len(row["history"]["nodes"]) > 1 for row in rows["nodes"])


async def test_what_was_forgotten_is_not_told(executors: BothExecutors) -> None:
    await executors.world.connection.execute("UPDATE documents SET deleted_at = now() WHERE project_id IS NULL")
    trash = await executors.world.acme.owner.client.run("{ trash { nodes { id } } }")
    document = trash["trash"]["nodes"][0]
    purge = "mutation($id: ID!) { purgeDocument(input: {id: $id}) { __typename } }"
    await executors.world.acme.owner.client.run(purge, id=document["id"])
    query = "{ auditLog(first: 100) { nodes { rowId action version changes { field } } } }"
    entries = (await ask_both(executors, "owner", query))["auditLog"]["nodes"]
    forgotten = {
        entry["action"]: (entry["version"], entry["changes"]) for entry in entries if entry["rowId"] == document["id"]
    }
    assert forgotten.keys() >= {"PURGE", "DELETE", "UPDATE"}
    assert set(map(str, forgotten.values())) == {"(0, [])"}
