"""In production no message names anything of the schema that the client did not name itself."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema

from tests.conftest import Urls
from tests.support.client import SECRET_KEY, App, run_app

SCHEMA = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8"))


def names() -> set[str]:
    """Every name in the schema that is no common word: those with a capital letter within or at the start."""
    found = set()
    for type_ in SCHEMA.type_map.values():
        found.add(type_.name)
        for name, field in getattr(type_, "fields", {}).items():
            found |= {name, *getattr(field, "args", {})}
        found |= set(getattr(type_, "values", {}))
    return {name for name in found if re.search(r"[A-Z]", name) and not name.startswith("__")} - {"Subscription"}


NAMES = names()
CASES: list[tuple[str, dict[str, Any]]] = [
    ("{ nowhere }", {}),
    ("{ task }", {}),
    ("{ tasks }", {}),
    ("{ tasks { nodes } }", {}),
    ("{ tasks { nodes { titel } } }", {}),
    ("{ tasks { totalCount { a } } }", {}),
    ("{ tasks(firs: 1) { totalCount } }", {}),
    ('{ tasks(first: "a") { totalCount } }', {}),
    ("{ tasks(filter: {statu: 1}) { totalCount } }", {}),
    ("{ tasks(filter: {status: {eq: TOD}}) { totalCount } }", {}),
    ("{ tasks(orderBy: {}) { totalCount } }", {}),
    ("{ node(id: 1.5) { id } }", {}),
    ("{ node { id } }", {}),
    ("{ ... on Nothing { id } }", {}),
    ("fragment f on Taskk { id } { ...f }", {}),
    ("query($a: Strin) { tasks(after: $a) { totalCount } }", {}),
    ("query($a: Boolean) { tasks(after: $a) { totalCount } }", {}),
    ("query($a: Int) { tasks { totalCount } }", {}),
    ("query { tasks(first: $a) { totalCount } }", {}),
    ("mutation { createTask { __typename } }", {}),
    ("mutation { createTask(input: {}) { __typename } }", {}),
    ("mutation { createTask(input: 1) { __typename } }", {}),
    ('mutation { createTask(input: {title: "t", x: 1}) { __typename } }', {}),
    ('mutation { createTask(input: {title: "t"}) { title } }', {}),
    ('mutation { createTask(input: {title: "t"}) { ... on Task { a: id a: title } } }', {}),
    ("mutation($i: CreateTaskInput!) { createTask(input: $i) { __typename } }", {}),
    ("mutation($i: CreateTaskInput!) { createTask(input: $i) { __typename } }", {"i": None}),
    ("mutation($i: CreateTaskInput!) { createTask(input: $i) { __typename } }", {"i": {}}),
    ("mutation($i: CreateTaskInput!) { createTask(input: $i) { __typename } }", {"i": {"titl": "a"}}),
    ("mutation($i: CreateTaskInput!) { createTask(input: $i) { __typename } }", {"i": {"title": 1}}),
    ("mutation($i: CreateTaskInput!) { createTask(input: $i) { __typename } }", {"i": {"title": "a", "status": "T"}}),
    ("mutation($i: UpdateTaskInput!) { updateTask(input: $i) { __typename } }", {"i": {"id": "a", "title": 1}}),
    ("mutation($i: CreateProductInput!) { createProduct(input: $i) { __typename } }", {"i": {"price": {}}}),
    ("query($n: Int) { tasks(first: $n) { totalCount } }", {"n": "a"}),
    ("query($n: Int!) { tasks(first: $n) { totalCount } }", {}),
    ("query($n: Int = true) { tasks(first: $n) { totalCount } }", {}),
    ("subscription { taskChange { cursor } }", {}),
    ("subscription { taskChanged { nothing } }", {}),
    ("subscription { taskChanged { cursor } orderEvents { cursor } }", {}),
    ("{ __schema { queryType { name } } }", {}),
    ("{ tasks @nothing { totalCount } }", {}),
    ("{ tasks @skip { totalCount } }", {}),
]


@pytest.fixture(params=[True, False], ids=["compiled", "reference"])
async def closed(urls: Urls, request: pytest.FixtureRequest) -> AsyncIterator[App]:
    """The application as it is in production."""
    async with run_app(urls, environment="production", secret_key=SECRET_KEY, compiler=request.param) as app:
        yield app


async def test_messages_name_nothing_that_the_client_did_not(closed: App) -> None:
    headers, found = {"accept": "application/json, text/event-stream"}, []
    for query, variables in CASES:
        body = {"query": query, "variables": variables}
        answer = await closed.http.post("/graphql", json=body, headers=headers)
        stream = answer.headers["content-type"].startswith("text/event-stream")
        errors = json.loads(answer.text.split("data: ")[1].split("\n")[0] if stream else answer.text)["errors"]
        known = set(re.findall(r"\w+", json.dumps(body)))
        for error in errors:
            assert error["message"], query
            assert error["extensions"]["code"] != "INTERNAL", query
            leaked = set(re.findall(r"\w+", error["message"])) & NAMES - known
            found += [(query, error["message"])] if leaked else []
    assert found == []


async def test_what_the_client_named_itself_is_said(closed: App) -> None:
    client = closed.client_with()
    for query, variables, message in [
        ("query($a: Int) { __typename }", {}, "Variable '$a' is never used."),
        ("{ ...f }", {}, "Unknown fragment 'f'."),
        ("{ nowhere }", {}, "The document does not fit the schema: 'nowhere'."),
        ("query($n: Int) { tasks(first: $n) { totalCount } }", {"n": "a"}, "The value of variable '$n' does not fit."),
    ]:
        [error] = (await client.send(query, **variables))["errors"]
        assert error["message"] == message
