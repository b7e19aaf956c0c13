"""What bad input gets: a clear coded refusal, nothing stored, and little work. Never a 500, never `INTERNAL`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from models.base import new_id
from tests.support.assertions import error_codes, post_operation, post_raw
from tests.support.case_context import CaseContext, Identifier, enter_as, table_digests
from tests.support.factories import PASSWORD
from tests.support.operation_cases import (
    ALL_OPERATIONS,
    OperationCase,
    argument_paths,
    built_paths,
    identifiers_in,
    is_id,
    replace_at,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD_IDS = [
    "",
    ":",
    "Task",
    "Task:",
    "Task:1",
    f"Nothing:{new_id()}",
    f"Task{new_id()}",
    "x" * 10_000,
    "😀:😀",
    "Task:\x01",
]


IDS = set(argument_paths(is_id))
naming = [operation for operation in ALL_OPERATIONS if built_paths(operation.case) & IDS]
"""Those that give an id."""


def ids_in(given: dict[str, Any]) -> list[tuple[tuple[str | int, ...], Identifier]]:
    """Where the arguments give an id, in at least one place."""
    found = [(path, name) for path, name in identifiers_in(given) if ":" in name]
    assert found
    return found


REFETCH = {"node", "nodes"}
"""Fields that answer null for what is no id."""


@pytest.mark.parametrize(
    "operation", [o for o in naming if o.field not in REFETCH], ids=lambda operation: operation.case
)
async def test_malformed_ids(stage: CaseContext, operation: OperationCase) -> None:
    given = await operation.arguments(stage)
    for path, name in ids_in(given):
        other = "Project" if name.startswith("Task:") else "Task"
        for bad in (*BAD_IDS, f"{other}:{name.partition(':')[2]}", name.lower(), *name.other_spellings()):
            if "rowId" in path and bad.startswith(f"{other}:0"):
                continue
            body = operation.body(replace_at(given, path, bad))
            assert await post_operation(stage, body["query"], body["variables"]) == {"BAD_USER_INPUT"}, bad


async def test_what_is_no_id_names_no_node(stage: CaseContext) -> None:
    operation = OperationCase("node: Task")
    [(_, name)] = ids_in(await operation.arguments(stage))
    bad = [*BAD_IDS, name.lower(), *name.other_spellings(), f"{name}@", f"{name}@2026-01-31"]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert (await stage.client.run(query, ids=[name, *bad, name]))["nodes"] == [
        {"id": name},
        *[None] * len(bad),
        {"id": name},
    ]
    for text in bad:
        assert (await stage.client.run("query($id: ID!) { node(id: $id) { id } }", id=text))["node"] is None


@pytest.mark.parametrize(
    "operation",
    [o for o in naming if o.is_mutation and o.field != "setUsersActive"],
    ids=lambda operation: operation.case,
)
async def test_unknown_ids(stage: CaseContext, operation: OperationCase) -> None:
    given = await operation.arguments(stage)
    for path, name in ids_in(given):
        body = operation.body(replace_at(given, path, name.unknown()))
        code = "NOT_FOUND" if path[-1] == "id" else "BAD_USER_INPUT"
        assert await post_operation(stage, body["query"], body["variables"]) == {code}


async def test_ids_of_nobody_switch_nobody(stage: CaseContext) -> None:
    before = await table_digests(stage.world.connection)
    ids = [f"User:{new_id()}" for _ in range(2)]
    switched = await stage.client.mutate("setUsersActive", "... on UsersSwitched { count }", ids=ids, isActive=False)
    assert switched == {"__typename": "UsersSwitched", "count": 0}
    assert await table_digests(stage.world.connection) == before


def _invalid_input(operation: str, path: str, *values: Any) -> Iterator[Any]:
    for number, value in enumerate(values):
        yield pytest.param(operation, path, value, id=f"{operation}.{path}-{number}")


@pytest.mark.parametrize(
    ("case", "path", "value"),
    [
        *_invalid_input("createTask", "title", "", " \t\n", "x" * 201, "\0", "\u200b", "a\nb"),
        *_invalid_input("createTask", "description", "x" * 2001, "a\0b"),
        *_invalid_input("createTask", "idempotencyKey", "", "x" * 256, "\0"),
        *_invalid_input("updateTask", "title", "", " ", "x" * 201),
        *_invalid_input("updateTask", "description", "x" * 2001),
        *_invalid_input("createProject", "name", "", "\u2003", "x" * 201, "\0"),
        *_invalid_input("updateProject", "name", "", "x" * 201),
        *_invalid_input("createTenant", "name", "", " ", "x" * 101),
        *_invalid_input("createTenant", "slug", "", "-", "-a", "a-", "a b", "a_b", "é", "x" * 51, "a.b", "\0", "²"),
        *_invalid_input("updateTenant", "name", "", "x" * 101),
        *_invalid_input("updateViewer", "fullName", "", " ", "x" * 101, "\0"),
        *_invalid_input("register", "fullName", "", "x" * 101),
        *_invalid_input(
            "register", "email", "", "x", "x@", "@x.com", "a b@example.com", "x" * 250 + "@example.com", "\0@x.com"
        ),
        *_invalid_input(
            "register", "password", "", "Sh0rt!", "n0-upper!", "No-digit!", "N0symbol", "Aa1!" * 33, "Passw0rd!\0"
        ),
        *_invalid_input(
            "changePassword", "newPassword", "", "Sh0rt!", "n0-upper!", "No-digit!", "N0symbol", "Aa1!" * 33
        ),
        *_invalid_input("inviteMember", "email", "", "x", "x@", "a@b@example.com", "\0@example.com"),
        *_invalid_input("switchTenant", "tenant", "", "nowhere", "\0", "x" * 10_000),
        *_invalid_input("login: to a tenant", "tenant", "", "nowhere", "\0"),
        *_invalid_input("refresh: in a tenant", "tenant", "", "nowhere"),
    ],
)
async def test_broken_rules(stage: CaseContext, case: str, path: str, value: Any) -> None:
    operation = OperationCase(case)
    given = await operation.arguments(stage)
    assert await _post_literal(stage, operation, {**given["input"], path: value}) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize(
    ("case", "path", "value"),
    [
        *_invalid_input("createTask", "title", "x" * 200, " " * 300 + "x", "😀" * 200, "x\u200b"),
        *_invalid_input("createTask", "description", "x" * 2000, "😀" * 2000, "", None),
        *_invalid_input("createTask", "idempotencyKey", "x" * 255, "😀" * 255),
        *_invalid_input("createTask", "dueDate", "0001-01-02T00:00", "9999-12-31T00:00", "2026-01-31T09:30:00+14:00"),
        *_invalid_input("updateTask", "title", "x" * 200),
        *_invalid_input("createProject", "name", "x" * 200),
        *_invalid_input("createTenant", "name", "x" * 100),
        *_invalid_input("createTenant", "slug", "x" * 50),
        *_invalid_input("updateViewer", "fullName", "x" * 100),
        *_invalid_input("changePassword", "newPassword", "Aa1!" * 32),
    ],
)
async def test_limits_are_exact(stage: CaseContext, case: str, path: str, value: Any) -> None:
    fresh = await enter_as(stage.world, stage.tenant, "owner")
    operation = OperationCase(case)
    given = await operation.arguments(fresh)
    body = operation.body({"input": {**given["input"], path: value}})
    answer = await fresh.client.run(body["query"], **body["variables"])
    assert error_codes(answer) == set(), answer


async def _post_literal(stage: CaseContext, operation: OperationCase, given: dict[str, Any]) -> set[str]:
    """Send an input within the document, where strings have escapes that JSON is not asked about."""
    enums = {"role", "status"}
    fields = ", ".join(f"{name}: {value if name in enums else json.dumps(value)}" for name, value in given.items())
    query = operation.body({})["query"].replace(operation.field, f"{operation.field}(input: {{{fields}}})", 1)
    return await post_operation(stage, query)


@pytest.mark.parametrize(
    ("case", "path", "value"),
    [
        *_invalid_input(
            "createTask", "dueDate", *("tomorrow", "", "2026-02-30T00:00", "2026-02-28", 0, 1e30, True, [1], {"a": 1})
        ),
        *_invalid_input(
            "createTask", "dueDate", "9999-12-31T23:59:59.999999", "9999-12-31T23:59:59-01:00", "x" * 10_000
        ),
        *_invalid_input("createTask", "status", "", "todo", "DELETED", 1, True, [], None),
        *_invalid_input("createTask", "title", None, 1, True, ["x"], {}),
        *_invalid_input("createTask", "nothing", "x"),
        *_invalid_input("updateTask", "title", None),
        *_invalid_input("updateTask", "status", None, "todo"),
        *_invalid_input("updateTask", "id", None, 1.5, {}, ["x"]),
        *_invalid_input("updateTask", "expectedVersion", 2**31, -(2**31) - 1, 1.5, "1"),
        *_invalid_input("inviteMember", "role", "owner", "GOD", None, 0),
        *_invalid_input("archiveProject", "archived", None, "true", 1),
        *_invalid_input("login", "password", None, 1),
    ],
)
async def test_wrong_types(stage: CaseContext, case: str, path: str, value: Any) -> None:
    operation = OperationCase(case)
    given = await operation.arguments(stage)
    body = operation.body({"input": {**given["input"], path: value}})
    assert await post_operation(stage, body["query"], body["variables"]) == {"BAD_USER_INPUT"}


async def test_what_is_said_of_null_is_not_about_python(stage: CaseContext) -> None:
    operation = OperationCase("updateTask")
    given = await operation.arguments(stage)
    refused = await stage.client.mutate(
        "updateTask", "... on InvalidInput { fields { message } }", **{**given["input"], "status": None}
    )
    assert refused["fields"] == [{"message": "This must not be null: leave it out, or give it a value."}]
    literal = await stage.client.run('mutation { updateTask(input: {id: "x", status: null}) { __typename } }')
    assert literal["updateTask"] == {"__typename": "InvalidInput"}


async def test_stale_versions(stage: CaseContext) -> None:
    for case in ("updateTask", "updateProject", "archiveProject", "deleteProject", "changeMemberRole"):
        given = (await OperationCase(case).arguments(stage))["input"]
        body = OperationCase(case).body({"input": {**given, "expectedVersion": 99}})
        assert await post_operation(stage, body["query"], body["variables"]) == {"VERSION_CONFLICT"}
    for case in ("updateTenant", "updateViewer"):
        given = (await OperationCase(case).arguments(stage))["input"]
        body = OperationCase(case).body({"input": {**given, "expectedVersion": -1}})
        assert await post_operation(stage, body["query"], body["variables"]) == {"VERSION_CONFLICT"}


async def test_what_is_taken_is_taken_in_any_case(stage: CaseContext) -> None:
    assert stage.actor is not None
    for case, given in (
        ("register", {"email": stage.actor.email.upper(), "fullName": "x", "password": PASSWORD}),
        ("register", {"email": f" {stage.actor.email.title()} ", "fullName": "x", "password": PASSWORD}),
        ("createTenant", {"name": "ACME", "slug": "another"}),
        ("createTenant", {"name": " acme ", "slug": "another"}),
        ("createTenant", {"name": "another", "slug": "ACME"}),
        ("updateTenant", {"name": "GLOBEX"}),
        ("inviteMember", {"email": stage.actor.email.upper()}),
    ):
        body = OperationCase(case).body({"input": given})
        assert await post_operation(stage, body["query"], body["variables"]) == {"ALREADY_EXISTS"}, given


CREATE = "mutation($title: String!) { createTask(input: {title: $title}) { ... on Error { code } } }"


@pytest.mark.parametrize(
    "raw",
    [
        "NaN",
        "-Infinity",
        "1e99999",
        "9" * 10_000,
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\u0000"',
        '"\0"',
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
    ],
    ids=range(10),
)
async def test_json_that_is_none(stage: CaseContext, raw: str) -> None:
    body = f'{{"query":{json.dumps(CREATE)},"variables":{{"title":{raw}}}}}'
    assert await post_raw(stage, body) == {"BAD_REQUEST"}


async def test_bytes_that_are_no_text(stage: CaseContext) -> None:
    body = json.dumps({"query": CREATE, "variables": {"title": "@"}}).encode()
    for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"):
        assert await post_raw(stage, body.replace(b"@", bad)) == {"BAD_REQUEST"}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ('mutation { createTask(input: {title: "\\ud800"}) { __typename } }', "GRAPHQL_PARSE_FAILED"),
        ('mutation { createTask(input: {title: "\\u{d800}"}) { __typename } }', "GRAPHQL_PARSE_FAILED"),
        ('mutation { createTask(input: {title: "\\u{110000}"}) { __typename } }', "GRAPHQL_PARSE_FAILED"),
        ("mutation { createTask(input: {title: " + "[" * 3_000, "DOCUMENT_TOO_COMPLEX"),
        ("mutation { createTask(input: {title: 1}) { __typename } }", "GRAPHQL_VALIDATION_FAILED"),
        ('mutation { deleteTask(input: {id: "x", expectedVersion: 1}) { __typename } }', "GRAPHQL_VALIDATION_FAILED"),
        ('{ users(filter: {email: {eq: "\\u0000"}}) { totalCount } }', "BAD_USER_INPUT"),
        ("{ viewer { passwordHash } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
    ],
    ids=range(9),
)
async def test_documents(stage: CaseContext, document: str, code: str) -> None:
    assert await post_operation(stage, document) == {code}


async def test_a_chain_of_fragments(stage: CaseContext) -> None:
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    document = f"{{ ...F0 }} {chain} fragment F20 on Query {{ tasks {{ totalCount }} }}"
    assert await post_operation(stage, document) == {"DOCUMENT_TOO_COMPLEX"}


SEARCHED = sorted(field for field, *path in argument_paths(lambda _: True) if path == ["filter", "text", "contains"])
"""The lists that can be asked for a text."""


@pytest.mark.parametrize(
    "text",
    ["", "%", "_", "\\", "x" * 255, "%_" * 127, "'; DROP TABLE tasks --", "\x01", "😀"],
    ids=range(9),
)
async def test_texts_to_look_for_may_be_anything(stage: CaseContext, text: str) -> None:
    for listed in SEARCHED:
        query = f"query($text: String!) {{ {listed}(filter: {{text: {{contains: $text}}}}) {{ totalCount }} }}"
        assert await post_operation(stage, query, {"text": text}) == set()
        assert await post_operation(stage, query, {"text": text.ljust(256, "%")}) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("listed", SEARCHED)
async def test_no_text_to_look_for_has_a_zero_in_it(stage: CaseContext, listed: str) -> None:
    for zero in ("\\u0000", "\\u{0}"):
        query = f'{{ {listed}(filter: {{text: {{contains: "a{zero}"}}}}) {{ totalCount }} }}'
        assert await post_operation(stage, query) == {"BAD_USER_INPUT"}
