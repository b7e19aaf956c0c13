"""Samples of variables, by which trusted documents are planned before anybody sends them."""

from typing import Any

import pytest
from graphql import get_operation_ast, parse

from graph.compiler.sample_variables import SAMPLE_UUID, sample_variables
from graph.schema import create_schema

SCHEMA = create_schema(compiler=False).graphql


def samples(text: str) -> list[dict[str, Any]]:
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    return sample_variables(SCHEMA, document, operation)


def test_what_needs_no_variables_is_planned_once() -> None:
    assert samples("{ tasks { totalCount } }") == [{}]


def test_what_is_required_and_everything() -> None:
    found = samples("query($id: ID!, $first: Int = 5) { task(id: $id) { id } tasks(first: $first) { totalCount } }")
    task_id = f"Task:{SAMPLE_UUID}"
    assert found == [{"id": task_id}, {"id": task_id, "first": 1}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("query($x: ID!) { project(id: $x) { id } }", "Project"),
        ("query($x: ID!) { order(id: $x) { id } }", "Order"),
        ("query($projectId: ID!) { node(id: $projectId) { id } }", "Project"),
        ("query($x: ID!) { node(id: $x) { id } }", "Task"),
    ],
)
def test_an_id_is_of_the_type_that_is_asked_for(text: str, expected: str) -> None:
    [values] = samples(text)
    assert set(values.values()) == {f"{expected}:{SAMPLE_UUID}"}


def test_an_input_has_what_it_requires() -> None:
    [values] = samples("mutation($input: UpdateProjectInput!) { updateProject(input: $input) { __typename } }")
    assert values["input"] == {"id": f"Project:{SAMPLE_UUID}", "name": "sample"}


def test_a_time_zone_is_one() -> None:
    [values] = samples("query($timeZone: String!) { orderStats(by: DAY, timeZone: $timeZone) { totalCount } }")
    assert values == {"timeZone": "UTC"}


def test_types_that_there_are_not_are_left_to_validation() -> None:
    assert samples("query($x: Nothing!) { tasks { totalCount } }")[0].get("x") is None
