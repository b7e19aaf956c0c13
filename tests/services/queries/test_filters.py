"""Filter fields: the conditions that each kind makes, and which of them an index serves."""

from typing import Any

import pytest
from sqlalchemy import Date, Text, bindparam, column, func, true

from models import Document, TaskStatus
from models.base import table_of
from models.products import Product
from models.tasks import Task
from services.errors import InvalidInput
from services.permissions import USER_ID
from services.queries.filters import (
    FilterField,
    FilterKind,
    choice_filter,
    flag_filter,
    id_filter,
    id_list_filter,
    money_filter,
    scalar_filter,
    substring_condition,
    substring_filter,
    substring_pattern,
    text_filter,
    viewer_filter,
)

TASK, PRODUCT = table_of(Task).c, table_of(Product).c
BY_TEXT = substring_condition("tasks_text", TASK.id)

FIELDS: dict[FilterKind, FilterField] = {
    FilterKind.ID: id_filter(TASK.project_id),
    FilterKind.CHOICE: choice_filter(TASK.status, TaskStatus),
    FilterKind.FLAG: flag_filter(PRODUCT.is_active),
    FilterKind.NUMBER: scalar_filter(PRODUCT.stock_quantity),
    FilterKind.MOMENT: scalar_filter(TASK.created_at),
    FilterKind.DAY: scalar_filter(column("due", Date())),
    FilterKind.MONEY: money_filter(PRODUCT.price_minor, PRODUCT.currency, 100),
    FilterKind.TEXT: text_filter(TASK.title_key),
    FilterKind.SUBSTRING: substring_filter("tasks_text", TASK.id),
    FilterKind.ID_LIST: id_list_filter("tasks_search", TASK.id),
    FilterKind.VIEWER: viewer_filter(TASK.assignee_id == USER_ID),
}


@pytest.mark.parametrize("kind", FilterKind)
def test_every_operator_makes_a_condition_over_its_bind(kind: FilterKind) -> None:
    field = FIELDS[kind]
    assert field.kind is kind
    for operator in field.operators:
        text = str(field.condition(operator, "given"))
        has_value = ":given" in text or "%(given)s" in text  # an array is written as PostgreSQL has it
        assert has_value == (not operator.startswith("is_")), (operator, text)


@pytest.mark.parametrize(
    ("field", "operator", "expected"),
    [
        (id_filter(TASK.project_id), "eq", "tasks.project_id = :given"),
        (id_filter(TASK.project_id), "not", "(tasks.project_id = :given) IS NOT true"),
        (id_filter(TASK.project_id), "is_null", "tasks.project_id IS NULL"),
        (id_filter(TASK.project_id), "is_not_null", "tasks.project_id IS NOT NULL"),
        (id_filter(TASK.project_id), "in", "tasks.project_id = ANY (:given)"),
        (FIELDS[FilterKind.NUMBER], "gte", "products.stock_quantity >= :given"),
        (FIELDS[FilterKind.MONEY], "currency", "products.currency = :given"),
        (FIELDS[FilterKind.TEXT], "eq", "tasks.title_key = lower(:given)"),
        (FIELDS[FilterKind.VIEWER], "is_false", "(tasks.assignee_id = :user_id) IS NOT true"),
    ],
)
def test_conditions_read_as_they_should(field: FilterField, operator: str, expected: str) -> None:
    assert str(field.condition(operator, "given")) == expected


def test_what_is_sorted_with_nulls_last_is_compared_as_it_is_indexed() -> None:
    least, most = column("least"), column("most")
    field = scalar_filter(TASK.due_date, least=least, most=most)
    for operator, side in (("gt", "least"), ("gte", "least"), ("lt", "most"), ("lte", "most"), ("eq", "most")):
        assert str(field.condition(operator, "given")).startswith(side)


def test_what_no_index_serves_is_known() -> None:
    assert text_filter(TASK.title_key).unindexed == {"contains"}
    assert text_filter(TASK.title_key, contains=BY_TEXT).unindexed == frozenset()
    assert text_filter(func.lower(TASK.title)).unindexed == {"contains", "starts_with"}
    assert scalar_filter(TASK.due_date, least=TASK.due_date, most=TASK.due_date).unindexed == {"is_null"}
    unindexed = scalar_filter(TASK.due_date, is_indexed=False)
    assert unindexed.unindexed == set(unindexed.operators)


def test_only_what_may_be_null_can_be_asked_for_null() -> None:
    assert {"is_null", "is_not_null"} <= set(id_filter(TASK.project_id).operators)
    assert not {"is_null", "is_not_null"} & set(id_filter(table_of(Document).c.created_by).operators)
    assert scalar_filter(TASK.created_at, is_null=true()).is_null is not None


def test_patterns_escape_what_like_would_read() -> None:
    text = str(substring_pattern("given"))
    assert text.count("replace(") == 3
    assert "lower(:given)" in text
    assert "found_by_given" in str(BY_TEXT("given"))


@pytest.mark.parametrize("text", ["\0", "\ud800", "x" * 256])
def test_what_no_text_can_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        FIELDS[FilterKind.TEXT].check("filter.title.eq", text)


def test_a_text_is_compared_as_it_is_kept() -> None:
    normal: Any = text_filter(bindparam("kept", type_=Text()), normalize=str.strip)
    assert normal.check("filter.title.eq", " e\u0301 ") == "\u00e9"
