"""What a document costs with the values of its variables."""

from dataclasses import replace

from graphql import parse as parse_unbounded

from graph.runtime import complexity
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
