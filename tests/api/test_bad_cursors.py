"""What bad cursors get: the same clear coded refusal, whatever they hold."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest

from tests.support.assertions import post_operation
from tests.support.case_context import CaseContext
from tests.support.operation_cases import OPERATION_CASES

pytestmark = pytest.mark.asyncio(loop_scope="module")


def encode_cursor(value: str | bytes) -> str:
    """A cursor that holds this."""
    return urlsafe_b64encode(value.encode() if isinstance(value, str) else value).decode().rstrip("=")


GARBAGE = [
    "x",
    "====",
    "é",
    "😀",
    "x" * 100_000,
    *map(encode_cursor, ("null", "1", '"x"', "[]", "{}", "[1,2,3]", '["a","b"]', '["a","b","c","d"]')),
    *map(encode_cursor, ("[" * 50_000, "9" * 10_000, "NaN", '{"a":' * 5_000, "\0")),
    encode_cursor(b"\xff\xfe"),
]

AFTER = "query($after: String, $order: [TaskOrder!]) { tasks(after: $after, orderBy: $order) { nodes { id } } }"
CURSOR = "query($order: [TaskOrder!]) { tasks(first: 1, orderBy: $order) { pageInfo { endCursor } } }"


@pytest.mark.parametrize("cursor", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_cursors(stage: CaseContext, cursor: str) -> None:
    assert await post_operation(stage, AFTER, {"after": cursor}) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("field", ["CREATED_AT", "UPDATED_AT", "DUE_DATE"])
@pytest.mark.parametrize(
    "key",
    [
        "",
        "nonsense",
        "xinfinity",
        "epoch",
        "now",
        "2026-13-01 00:00:00+00",
        "2026-01-01 00:00:00+99",
        "2026-01-01' OR true --",
        "\0",
        "\ud800",
        "2026-01-01 00:00:00+00\0",
        "9" * 10_000,
        None,
        5,
        [],
        {},
        True,
    ],
    ids=repr,
)
async def test_forged_keys_of_moments(stage: CaseContext, field: str, key: Any) -> None:
    cursor = await _cursor(stage, field)
    mark, _key, row_id = json.loads(urlsafe_b64decode(cursor + "=="))
    forged = {"after": encode_cursor(json.dumps([mark, key, row_id])), "order": {"field": field}}
    assert await post_operation(stage, AFTER, forged) == {"BAD_USER_INPUT"}


@pytest.mark.parametrize("key", ["", "nonsense", "x" * 10_000, "' OR true --", "😀", "\x01\x7f"], ids=range(6))
async def test_forged_keys_of_texts_lead_somewhere(stage: CaseContext, key: str) -> None:
    cursor = await _cursor(stage, "TITLE")
    mark, _key, row_id = json.loads(urlsafe_b64decode(cursor + "=="))
    forged = {"after": encode_cursor(json.dumps([mark, key, row_id])), "order": {"field": "TITLE"}}
    assert await post_operation(stage, AFTER, forged) == set()


@pytest.mark.parametrize("row_id", ["", "x", None, 5, [], "0" * 10_000, "\0"], ids=range(7))
async def test_forged_ids(stage: CaseContext, row_id: Any) -> None:
    cursor = await _cursor(stage, "TITLE")
    mark, key, _row_id = json.loads(urlsafe_b64decode(cursor + "=="))
    forged = {"after": encode_cursor(json.dumps([mark, key, row_id])), "order": {"field": "TITLE"}}
    assert await post_operation(stage, AFTER, forged) == {"BAD_USER_INPUT"}


async def _cursor(stage: CaseContext, field: str) -> str:
    await OPERATION_CASES["task"]["id"](stage)
    found = await stage.client.run(CURSOR, order={"field": field})
    return str(found["tasks"]["pageInfo"]["endCursor"])


@pytest.mark.parametrize(
    "other",
    [
        'tasks(after: "{}", orderBy: {{field: TITLE}})',
        'tasks(after: "{}", orderBy: {{field: CREATED_AT, direction: ASC}})',
        'tasks(after: "{}", filter: {{status: {{eq: TODO}}}})',
        'tasks(last: 1, before: "{}", filter: {{text: {{contains: "x"}}}})',
        'projects(after: "{}")',
        'users(after: "{}")',
        'projects {{ nodes {{ tasks(after: "{}") {{ totalCount }} }} }} x: tasks',
        'viewer {{ sessions(after: "{}") {{ totalCount }} }} x: tasks',
    ],
)
async def test_cursors_of_other_lists(stage: CaseContext, other: str) -> None:
    await OPERATION_CASES["task"]["id"](stage)
    cursor = (await stage.client.run(CURSOR))["tasks"]["pageInfo"]["endCursor"]
    assert await post_operation(stage, AFTER, {"after": cursor}) == set()
    assert await post_operation(stage, f"{{ {other.format(cursor)} {{ totalCount }} }}") == {"BAD_USER_INPUT"}
