"""Any text in any place that takes one: a success or a coded refusal, never a fault of ours."""

import json
from typing import Any

import graphql
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.assertions import error_codes
from tests.support.case_context import CaseContext, enter_as
from tests.support.operation_cases import ALL_OPERATIONS, SCHEMA, argument_paths

CODES = {
    "ALREADY_EXISTS",
    "BAD_REQUEST",
    "BAD_USER_INPUT",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "IDEMPOTENCY_CONFLICT",
    "ILLEGAL_TRANSITION",
    "INVALID_CREDENTIALS",
    "INVALID_TOKEN",
    "NOT_FOUND",
    "RATE_LIMITED",
    "VERSION_CONFLICT",
}
TEXTS = {"String", "ID", "DateTime"}
ENUM_VALUES = {value for type_ in SCHEMA.type_map.values() for value in getattr(type_, "values", ())}

texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=300),  # lone surrogates too
    st.text(
        st.sampled_from("\0\x01\x1f\x7f\u0085\u200b\u202e\ufeff\ufffe\uffff\U0010ffff\ud800\udfff aA1!@.-_%\\'\"$:{}")
    ),
    st.from_regex(r"[A-Z][a-z]+:[0-9a-f-]{30,40}", fullmatch=True),
    st.datetimes().map(str),
    st.emails(),
)


def takes_text(type_: Any) -> bool:
    """Whether an argument or input field of this type takes one text."""
    is_list = graphql.is_list_type(graphql.get_nullable_type(type_))
    return graphql.get_named_type(type_).name in TEXTS and not is_list


TEXT_PLACES = [
    place for place in argument_paths(takes_text) if "filter" not in place or place[-1] in {"eq", "contains"}
]
"""Where a text can be given; the other operators of a filter treat theirs in the same way."""


def replace_text(given: Any, path: tuple[str, ...], text: str) -> Any:
    """The same arguments with a text in one place, which may be a new one; of a list it is in the first row."""
    if isinstance(given, list):
        return [replace_text(given[0], path, text), *given[1:]]
    first, *rest = path
    return {**given, first: replace_text(given.get(first) or {}, tuple(rest), text) if rest else text}


def literal(value: Any) -> str:
    """A value as GraphQL writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {literal(item)}' for name, item in value.items())}}}"
    return value if isinstance(value, str) and value.isupper() and value in ENUM_VALUES else json.dumps(value)


@pytest.fixture
def made() -> dict[str, Any]:
    """The arguments of a query, which takes nothing away: they serve all examples of a test."""
    return {}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("place", TEXT_PLACES, ids=".".join)
@settings(max_examples=5, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
@example(text="\0")
@example(text="\ud800")
@example(text="x" * 3_000)
@example(text="")
async def test_any_text(stage: CaseContext, made: dict[str, Any], place: tuple[str, ...], text: str) -> None:
    field, *path = place
    if field == "resetPassword":
        stage = await enter_as(stage.world, stage.world.acme, "owner")  # of whoever asks it ends all sessions
    operation = next(operation for operation in ALL_OPERATIONS if operation.field == field)
    if operation.is_mutation or not made:
        made |= await operation.arguments(stage)
    arguments = replace_text(made, tuple(path), text)
    body = operation.body(arguments, depth=0)
    written = ", ".join(f"{name}: {literal(value)}" for name, value in arguments.items())
    within = operation.body({}, depth=0)["query"].replace(field, f"{field}({written})", 1)
    for sent in (body, {"query": within}):
        headers = {"content-type": "application/json", "authorization": f"Bearer {stage.client.token}"}
        answer = await stage.client.http.post("/graphql", content=json.dumps(sent), headers=headers)
        assert answer.status_code < 500, answer.text
        assert error_codes(answer.json()) <= CODES, answer.text
