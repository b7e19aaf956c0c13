"""The same random edit by both executors, each of a twin of its own, so that answers and rows can be compared.

Where the application is on ports, the fast path has a twin as well.
"""

import json
import random
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models.base import new_id
from tests.support.client import Client
from tests.support.differential import BothExecutors, Crashed, Tally, comparable_answer
from tests.support.factories import insert

__all__ = ["compare_update"]

LINK = "project { __typename id name } assignee { id fullName email } creator { fullName }"
MUTATION_CASES: Mapping[str, tuple[str, str, Mapping[str, list[Any]], list[str]]] = {
    "updateTask": (
        "tasks",
        "Task",
        {
            "title": ["new", " new ", "", "x" * 201, 'ü "quoted" \\ \n'],
            "description": ["words", None, "", "\u0001", "y" * 2001],
            "status": ["TODO", "DONE"],
            "dueDate": ["2026-03-01T12:00:00+02:00", None, "tomorrow"],
            "projectId": [None, "a project"],
        },
        [
            "id title status viewerCan { update delete }",
            f"__typename version dueDate description {LINK}",
            "title history { totalCount }",
        ],
    ),
    "updateProject": (
        "projects",
        "Project",
        {"name": ["new", "", " ü ", "x" * 201]},
        ["id name isArchived version", "name tasks { totalCount }", "__typename name"],
    ),
    "archiveProject": (
        "projects",
        "Project",
        {"archived": [True, False]},
        ["isArchived version name viewerCan { archive restore __typename }"],
    ),
    "updateProduct": (
        "products",
        "Product",
        {
            "sku": ["SKU-3", "", "own"],
            "name": ["new", "", "ü"],
            "description": ["words", None],
            "price": [{"amount": "12.34", "currency": "EUR"}, {"amount": "7", "currency": "JPY"}, {"amount": "0.001"}],
            "isActive": [True, False],
        },
        ["id sku name price { amount currency __typename } isActive", "description stockQuantity version unitsSold"],
    ),
}
"""The mutations that may come down to an edit: table, type, what the input may hold, and what may be shown."""

REQUIRED_FIELDS = {"updateProject": "name", "archiveProject": "archived"}
ROWS: Mapping[str, Mapping[str, Any]] = {
    "tasks": {"title": "old", "status": "TODO"},
    "projects": {"name": "old"},
    "products": {"name": "old", "price_minor": 5, "currency": "EUR", "stock_quantity": 3, "is_active": True},
}
REFUSED = "... on Error { message code } "
WRONG = "... on InvalidInput { fields { path message } }"
SELECT_ROW = """SELECT to_jsonb(t) - '{id,sku,sku_key,position,created_at,updated_at,archived_at,deleted_at}'::text[]
FROM %s t WHERE id = $1"""
SELECT_AUDIT = """SELECT table_name, action, actor_id, operation, ip,
    old_values - 'updated_at', new_values - '{%s}'::text[]
FROM audit_log WHERE row_id = $1 AND action = 'UPDATE' ORDER BY created_at"""
VOLATILE_COLUMNS = "updated_at,archived_at,sku,sku_key"


async def compare_update(both: BothExecutors, seed: int, tally: Tally) -> None:
    """Make an edit by a seed, and have each executor and the fast path do it; answers, rows and the log must agree."""
    chance = random.Random(seed)
    who = both.random_caller(chance)
    mutation = chance.choice(list(MUTATION_CASES))
    table, type_name, values, shown = MUTATION_CASES[mutation]
    clients = (who.compiled, who.reference, *([None] if both.paths else []))
    is_gone = chance.randrange(8) < 1
    twins = [await _insert_twin(both, table, is_gone=is_gone) for _ in clients]
    given = {name: chance.choice(each) for name, each in values.items() if chance.random() < 0.4}
    if mutation in REQUIRED_FIELDS:
        given.setdefault(REQUIRED_FIELDS[mutation], values[REQUIRED_FIELDS[mutation]][0])
    if given.get("projectId"):
        given["projectId"] = chance.choice(who.known.ids["Project"])
    if chance.random() < 0.3:
        given["expectedVersion"] = chance.choice([1, 1, 1, 2, None])
    selection = chance.choice(shown)
    is_written_out = chance.random() < 0.3
    answers, costs, states = [], [], []
    for client, twin in zip(clients, twins, strict=True):
        sent = {"id": f"{type_name}:{twin}", **given}
        if sent.get("sku") == "own":
            sent["sku"] = f"own {twin}"
        text, variables = _build_mutation(mutation, type_name, selection, sent, is_written_out=is_written_out)
        both.compiled_results.clear()
        answer = await _carry_out(both, client, who.compiled, {"query": text, "variables": variables})
        if "cost" in answer:
            costs.append(answer.pop("cost"))
        answers.append(json.dumps(answer).replace(str(twin), "it"))
        if client is who.compiled and both.compiled_results:
            tally.compiled += both.compiled_results[0].declined is None
            tally.declined[both.compiled_results[0].declined or "none"] += 1
        connection = both.world.connection
        rows = [
            await connection.fetchval(SELECT_ROW % table, twin),
            await connection.fetch(SELECT_AUDIT % VOLATILE_COLUMNS, twin),
        ]
        states.append(str(rows).replace(str(twin), "it"))
    tally.queries += 1
    story = f"seed {seed}, {who.name}: {text}\n{variables}"
    if "INTERNAL" in answers[0]:
        raise Crashed(f"{story}\n{answers}")
    for found in (answers, costs, states):
        assert all(each == found[0] for each in found), f"{story}\n{found}"


async def _carry_out(
    both: BothExecutors, client: Client | None, person: Client, body: dict[str, Any]
) -> dict[str, Any]:
    """Have an executor carry it out; the fast path without a client."""
    if client is not None:
        return await comparable_answer(client, body)
    assert both.paths is not None
    answer = await both.paths.ask_fast(person, body)
    answer.pop("extensions", None)
    answer.get("errors", []).sort(key=json.dumps)
    return answer


async def _insert_twin(both: BothExecutors, table: str, *, is_gone: bool) -> UUID:
    """A row of acme's, now and then one in the trash."""
    row = dict(ROWS[table])
    if table == "tasks":
        row |= {"created_by": both.world.acme.owner.user_id, "assignee_id": both.world.acme.member.user_id}
    if table == "products":
        row |= {"id": (twin := new_id()), "sku": f"old {twin}"}
    elif is_gone:
        row["deleted_at"] = await both.world.connection.fetchval("SELECT now()")
    return await insert(both.world.connection, table, tenant_id=both.world.acme.tenant_id, **row)


def _build_mutation(
    mutation: str, type_name: str, selection: str, given: dict[str, Any], *, is_written_out: bool
) -> tuple[str, dict[str, Any]]:
    """The mutation with its input in a variable, or some of it written into the text."""
    name = f"{mutation[0].upper()}{mutation[1:]}Input"
    refused = REFUSED + ("" if mutation == "archiveProject" else WRONG)
    shown = f"{{ __typename ... on {type_name} {{ {selection} }} {refused} }}"
    if not is_written_out:
        return f"mutation M($input: {name}!) {{ at: {mutation}(input: $input) {shown} }}", {"input": given}
    written = f'id: "{given["id"]}"' + "".join(f", {key}: {json.dumps(given[key])}" for key in _plain(given))
    variables = {key: value for key, value in given.items() if key != "id" and key not in _plain(given)}
    types = {"status": "TaskStatus", "price": "MoneyInput", "dueDate": "DateTime", "projectId": "ID"}
    declared = ", ".join(f"${key}: {types.get(key, 'String')}" for key in variables)
    written += "".join(f", {key}: ${key}" for key in variables)
    head = f"mutation M({declared})" if declared else "mutation M"
    return f"{head} {{ {mutation}(input: {{{written}}}) {shown} }}", variables


def _plain(given: Mapping[str, Any]) -> list[str]:
    return [
        key
        for key in ("title", "name", "archived", "expectedVersion", "isActive")
        if key in given and str(given[key]).isascii()
    ]
