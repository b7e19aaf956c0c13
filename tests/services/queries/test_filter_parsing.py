"""Parsing filters: what they come to, what is refused, and what one plan serves."""

from decimal import Decimal
from typing import Any

import pytest

from services import orders, products, projects, tasks
from services.errors import InvalidInput
from services.queries.filter_parsing import (
    MAX_COMBINATOR_DEPTH,
    MAX_CONDITIONS,
    MAX_VALUES,
    AllOf,
    AnyOf,
    FieldCondition,
    Not,
    Related,
    parse_filter,
)
from tests.support.service_client import invalid_paths


def test_a_filter_is_a_tree_and_its_values_apart() -> None:
    given = {
        "status": {"in": ["TODO", "DONE"]},
        "or": [{"assignee_id": None}, {"title": {"contains": "x", "starts_with": "a"}}],
        "not": {"mine": True},
    }
    parsed = parse_filter(tasks.TASKS, given)
    assert parsed.condition == AllOf(
        (
            FieldCondition("status", "in", 0),
            AnyOf(
                (
                    FieldCondition("assignee_id", "is_null"),
                    AllOf((FieldCondition("title", "contains", 1), FieldCondition("title", "starts_with", 2))),
                )
            ),
            Not(FieldCondition("mine", "is_true")),
        )
    )
    assert parsed.values == (("TODO", "DONE"), "x", "a")
    assert parsed.binds() == {"filter_0": ("TODO", "DONE"), "filter_1": "x", "filter_2": "a"}
    assert parsed.value("filter_1") == "x"
    assert hash(parsed.condition) == hash(parse_filter(tasks.TASKS, given).condition)


def test_values_and_their_number_are_not_part_of_the_shape() -> None:
    shapes = {
        parse_filter(tasks.TASKS, {"status": {"in": statuses}, "text": {"contains": text}}).condition
        for statuses in (["TODO"], ["DONE"], ["TODO", "DONE"])
        for text in ("a", "b", "")
    }
    assert len(shapes) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"and": [{"mine": True}, {"status": {"eq": "TODO"}}]}, {"or": [{"mine": True}, {"status": {"eq": "TODO"}}]}),
        ({"assignee_id": {"is_null": True}}, {"assignee_id": {"is_null": False}}),
        ({"mine": True}, {"mine": False}),
        ({"status": {"eq": "TODO"}}, {"status": {"not": "TODO"}}),
        ({"due_date": {"lt": 1}}, {"due_date": {"lte": 1}}),
        ({"assignee": {"role": {"eq": "ADMIN"}}}, {"creator": {"role": {"eq": "ADMIN"}}}),
    ],
)
def test_different_conditions_have_different_shapes(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert parse_filter(tasks.TASKS, left).condition != parse_filter(tasks.TASKS, right).condition


@pytest.mark.parametrize("given", [None, {}, {"status": {}}, {"and": [{}]}])
def test_nothing_is_no_condition(given: Any) -> None:
    parsed = parse_filter(tasks.TASKS, given)
    assert parsed.condition in {AllOf(), AllOf(())}
    assert parsed.values == ()


def test_null_asks_for_rows_without_a_value() -> None:
    for given in (None, {"eq": None}, {"is_null": True}):
        assert parse_filter(tasks.TASKS, {"due_date": given}).condition == FieldCondition("due_date", "is_null")
    for given in ({"not": None}, {"is_null": False}):
        assert parse_filter(tasks.TASKS, {"due_date": given}).condition == FieldCondition("due_date", "is_not_null")
    assert parse_filter(tasks.TASKS, {"project": None}).condition == Not(Related("project", AllOf()))


def nested(depth: int) -> dict[str, Any]:
    given: dict[str, Any] = {"mine": True}
    for _ in range(depth):
        given = {"not": given}
    return given


MANY = [{"mine": True}] * (MAX_CONDITIONS // 2)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"status": None}, "filter.status.eq"),
        ({"status": {"eq": None}}, "filter.status.eq"),
        ({"status": {"not": None}}, "filter.status.not"),
        ({"status": {"in": None}}, "filter.status.in"),
        ({"due_date": {"gt": None}}, "filter.due_date.gt"),
        ({"due_date": {"is_null": None}}, "filter.due_date.is_null"),
        ({"mine": None}, "filter.mine"),
        ({"and": None}, "filter.and"),
        ({"or": None}, "filter.or"),
        ({"not": None}, "filter.not"),
        ({"and": []}, "filter.and"),
        ({"or": []}, "filter.or"),
        ({"or": [{"mine": True}, {"or": []}]}, "filter.or.1.or"),
        ({"status": {"in": []}}, "filter.status.in"),
        ({"status": {"in": ["TODO"] * (MAX_VALUES + 1)}}, "filter.status.in"),
        ({"title": {"in": ["a", "b\0"]}}, "filter.title.in.1"),
        ({"title": {"contains": "x" * 256}}, "filter.title.contains"),
        (nested(MAX_COMBINATOR_DEPTH + 1), "filter" + ".not" * (MAX_COMBINATOR_DEPTH + 1)),
        ({"or": [*MANY, {"mine": True}]}, "filter.or"),
        ({"or": [{}] * (MAX_CONDITIONS + 1)}, "filter.or"),
        ({"creator": None}, "filter.creator"),
        ({"project": {"tasks": {"some": {}}}}, "filter.project.tasks"),
    ],
)
def test_what_is_refused(given: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_filter(tasks.TASKS, given)
    [found] = invalid_paths(refused.value)
    assert found in {path, path.rpartition(".")[0]}


def test_the_most_is_taken() -> None:
    parse_filter(tasks.TASKS, {"or": MANY})
    parse_filter(tasks.TASKS, nested(MAX_COMBINATOR_DEPTH))
    parse_filter(tasks.TASKS, {"status": {"in": ["TODO"] * MAX_VALUES}})


def test_related_rows_are_some_or_none_and_within_a_combinator_too() -> None:
    given = {"not": {"items": {"some": {"quantity": {"gt": 2}}, "none": {"quantity": {"eq": 1}}}}}
    assert parse_filter(orders.ORDERS, given).condition == Not(
        AllOf(
            (
                Related("items", FieldCondition("quantity", "gt", 0)),
                Not(Related("items", FieldCondition("quantity", "eq", 1))),
            )
        )
    )
    for wrong in ({"items": None}, {"items": {"some": None}}):
        with pytest.raises(InvalidInput):
            parse_filter(orders.ORDERS, wrong)


def test_defaults_apply_unless_their_fields_are_named_anywhere() -> None:
    def fields(given: dict[str, Any]) -> list[str]:
        condition = parse_filter(projects.PROJECTS, given).condition
        parts = condition.conditions if isinstance(condition, AllOf) else (condition,)
        return [part.field for part in parts if isinstance(part, FieldCondition)]

    assert fields({}) == ["deleted_at", "is_archived"]
    assert fields({"name": {"eq": "a"}}) == ["name", "deleted_at", "is_archived"]
    assert fields({"not": {"is_archived": {"eq": True}}}) == ["deleted_at"]
    assert fields({"or": [{"archived_at": {"is_null": False}}, {}]}) == ["deleted_at"]
    assert fields({"deleted_at": {"is_null": False}}) == ["deleted_at"]
    assert fields({"tasks": {"none": {"status": {"eq": "DONE"}}}}) == ["deleted_at", "is_archived"]


def test_amounts_are_compared_in_minor_units() -> None:
    price = {"currency": "JPY", "gte": Decimal(5), "in": [Decimal(7), Decimal(8)]}
    assert parse_filter(products.PRODUCTS, {"price": price}).values == ("JPY", 5, (7, 8))
    euros = {"currency": "EUR", "gte": Decimal("5.01")}
    assert parse_filter(products.PRODUCTS, {"price": euros}).values == ("EUR", 501)
