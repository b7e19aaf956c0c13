"""What a document costs with the values of its variables."""

from dataclasses import replace

import pytest
from graphql import parse as parse_unbounded

from graph.runtime import complexity
from graph.runtime.filter_cost import UNINDEXED_COST
from tests.support import graph_schema
from tests.support.complexity_cases import LIMITS, SCHEMA, measure_cost


def test_one_outline_serves_many_variables() -> None:
    text = "query($n: Int = 2) { users(first: $n) { totalCount edges { node { orders(last: $n) { totalCount } } } } }"
    outline = complexity.analyze(SCHEMA, parse_unbounded(text), None)
    for variables in (None, {}, {"n": 3}, {"n": 50}, None):
        assert outline.measure(variables) == measure_cost(text, variables)
    assert outline.measure({"n": 50}).limit_error(replace(LIMITS, cost=500)) is not None
    assert outline.measure(None).limit_error(replace(LIMITS, cost=500)) is None


def test_figures_that_are_kept_are_those_of_their_values() -> None:
    text = "query($n: Int = 7, $i: [ID!]) { users(first: $n) { nodes { id } } nodes(ids: $i) { id } }"
    outline = complexity.analyze(SCHEMA, parse_unbounded(text), None)
    values: list[object] = [None, True, 1, 1.0, "1", 50, -1, {}, [1]]
    for _ in range(2):
        for first in [{}, *({"n": value} for value in values)]:
            for ids in ({}, {"i": ["a"] * 3}, {"i": None}):
                fresh = complexity.analyze(SCHEMA, parse_unbounded(text), None)
                assert outline.cost_and_work({**first, **ids}) == fresh.cost_and_work({**first, **ids})
    assert 0 < len(outline.known) <= complexity.MAX_KNOWN


FILTERED = "query($f: TaskFilter, $s: TaskStatus) { tasks(first: 1, filter: %s) { totalCount } }"


@pytest.mark.parametrize(
    ("literal", "variables", "points"),
    [
        ("{}", {}, 0),
        ("{status: {eq: $s}}", {}, 1),
        ("{status: {in: [TODO, DONE], not: DONE}, assigneeId: null}", {}, 3),
        ("{or: [{status: {eq: TODO}}, {not: {mine: true}}]}", {}, 2),
        ('{project: {name: {eq: "x"}}}', {}, 1 + 2),
        ('{project: {name: {eq: "x"}}, or: [{project: null}, {status: {eq: DONE}}]}', {}, 3 + 2),
        ('{title: {contains: "x"}}', {}, UNINDEXED_COST),
        ("$f", {}, 0),
        ("$f", {"f": {"status": {"eq": "TODO"}, "project": {"name": {"eq": "x"}}}}, 1 + 3),
        ("{and: [$f, {status: {eq: $s}}]}", {"f": {"or": [{"mine": True}, {"mine": False}]}, "s": "TODO"}, 3),
        ("{unknown: {eq: 1}}", {}, 0),
    ],
)
def test_operators_of_a_filter_cost_points(literal: str, variables: dict[str, object], points: int) -> None:
    def cost(filter: str) -> int:
        return complexity.analyze(graph_schema.SCHEMA, parse_unbounded(FILTERED % filter), None).cost(variables)

    assert cost(literal) - cost("{}") == points
