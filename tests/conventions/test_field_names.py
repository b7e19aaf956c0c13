"""Each name is said twice, once as SQL in services and once as GraphQL in graph, and both are the same."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import BindParameter, ColumnElement, Text, bindparam
from sqlalchemy.sql import visitors
from strawberry.types.base import StrawberryObjectDefinition, StrawberryOptional, get_object_definition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

from graph import schema
from graph.fields.columns import Column, ExpressionField
from graph.fields.declared import NODE_TYPES
from graph.fields.match_fields import ArticleSearchField, MatchField
from graph.fields.relations import ToMany, ToOne
from graph.fields.sorting import order_input
from models.base import table_of
from services import documents
from services.permissions import Permission
from services.queries.collection import Collection, DefaultFilter, SortOrder
from services.queries.filters import id_filter

SCHEMA = schema.create_schema()
LISTED_COLLECTIONS = {
    name: definition.collection for name, definition in NODE_TYPES.items() if definition.collection.filters
}
LISTED_COLLECTIONS["Trash"] = documents.TRASH
UNLISTED_COLLECTIONS = {
    name: definition.collection for name, definition in NODE_TYPES.items() if not definition.collection.filters
}

Field = Column | ToOne | ToMany | ExpressionField

IDENTITY_BINDS = {"tenant_id", "user_id"}


COMBINATORS = {"and_", "or_", "not_"}


def filter_names(type_name: str) -> set[str]:
    definition = SCHEMA.get_type_by_name(f"{type_name}Filter")
    assert isinstance(definition, StrawberryObjectDefinition)
    return {field.python_name for field in definition.fields} - COMBINATORS


def order_names(type_name: str) -> set[str]:
    definition = SCHEMA.get_type_by_name(f"{type_name}OrderField")
    assert isinstance(definition, StrawberryEnumDefinition)
    return {value.value for value in definition.values}


def bind_names(expression: ColumnElement[Any]) -> set[str]:
    """The names of the values that an expression waits for; constants have none."""
    parts = visitors.iterate(expression)
    return {part.key for part in parts if isinstance(part, BindParameter) and not part.unique}


def takes_value(operator: str) -> bool:
    """Whether an operator compares with a value of the client's."""
    return not operator.startswith("is_")


def inconsistencies(collection: Collection) -> set[str]:
    """Names that a collection uses and does not define, and filters that wait for other values than their own."""
    filters, orders = set(collection.filters), set(collection.orders)
    stray = {
        name
        for name, field in collection.filters.items()
        for operator in field.operators
        if bind_names(field.condition(operator, "value")) - IDENTITY_BINDS
        != ({"value"} if takes_value(operator) else set())
    }
    defaults = set().union(*(each.unless | set(each.filter) for each in collection.defaults))
    timeless = {
        name for name, order in collection.orders.items() if bind_names(order.ascending) | bind_names(order.descending)
    }
    return (
        stray
        | timeless
        | (defaults - filters)
        | (set(collection.restricted) - filters - set(collection.expressions))
        | ({collection.default_order[0]} - orders)
    )


@pytest.mark.parametrize("name", LISTED_COLLECTIONS)
def test_filters_and_orders_have_the_same_names_in_both_layers(name: str) -> None:
    collection = LISTED_COLLECTIONS[name]
    table = collection.model.__tablename__
    one_sided = filter_names(name) ^ {*collection.filters, *collection.relations}
    assert not one_sided, (
        f"Write the filters {sorted(one_sided)} into `filters` of the collection in services/{table}.py, of which"
        f" `filter_input` in graph/{table}.py makes {name}Filter."
    )
    one_sided = order_names(name) ^ set(collection.orders)
    assert not one_sided, (
        f"Write the orders {sorted(one_sided)} into {name}OrderField of graph/{table}.py, and into `orders` of the"
        f" collection in services/{table}.py; `order_input` makes the first of the second."
    )


def test_the_input_for_sorting_has_the_collection_s_orders() -> None:
    tasks = LISTED_COLLECTIONS["Task"]
    definition = get_object_definition(order_input(tasks, title="what they are called"), strict=True)
    assert (definition.name, definition.description) == ("TaskOrder", "Sort order of tasks; by default newest first.")
    enum_type = definition.fields[0].type
    assert isinstance(enum_type, StrawberryEnumDefinition)
    assert {value.value: value.description for value in enum_type.values} == {
        "status": "Sort tasks by status.",
        "created_at": "Sort tasks by the date and time they were created.",
        "updated_at": "Sort tasks by the date and time they last changed.",
        "due_date": "Sort tasks by due date; tasks without one come last in both directions.",
        "title": "Sort tasks by what they are called.",
        "priority": "Sort tasks by priority.",
        "position": "Sort tasks by position.",
    }
    with pytest.raises(TypeError, match="cannot be sorted by size"):
        order_input(tasks, size="how big they are")


@pytest.mark.parametrize("name", UNLISTED_COLLECTIONS)
def test_a_list_without_filters_has_one_order(name: str) -> None:
    advice = f"Hand `filter=` and `order=` to @backed_by of {name}, or take its filters and its other orders out."
    assert NODE_TYPES[name].filter is None, advice
    assert SCHEMA.get_type_by_name(f"{name}OrderField") is None, advice
    assert list(UNLISTED_COLLECTIONS[name].orders) == [UNLISTED_COLLECTIONS[name].default_order[0]], advice


@pytest.mark.parametrize("name", NODE_TYPES)
def test_a_collection_uses_only_names_that_it_defines(name: str) -> None:
    found = inconsistencies(NODE_TYPES[name].collection)
    assert not found, (
        f"Make {sorted(found)} of the collection of {name} in services name what there is: a filter has one bind, of"
        " the name that it is given, and `defaults`, `restricted` and `default_order` name filters, expressions and"
        " orders."
    )


def test_a_name_out_of_place_is_seen() -> None:
    tasks = LISTED_COLLECTIONS["Task"]
    title = table_of(tasks.model).c.title
    other = id_filter(title + bindparam("name", type_=Text()))
    assert inconsistencies(replace(tasks, filters={"title": other})) == {"title"}
    deleted = DefaultFilter({"deleted": {"eq": False}}, unless=frozenset({"gone"}))
    assert inconsistencies(replace(tasks, defaults=[deleted])) == {"deleted", "gone"}
    assert inconsistencies(replace(tasks, restricted={"secret": Permission.ACCOUNT})) == {"secret"}
    assert inconsistencies(replace(tasks, default_order=("size", True))) == {"size"}
    by_value = SortOrder.by(bindparam("size", type_=Text()))
    assert inconsistencies(replace(tasks, orders={**tasks.orders, "size": by_value})) == {"size"}


@pytest.mark.parametrize("name", NODE_TYPES)
def test_what_may_be_seen_of_a_row_has_its_columns_in_order(name: str) -> None:
    collection = NODE_TYPES[name].collection
    shown = collection.visible(frozenset(Permission)).selected_columns
    table = table_of(collection.model)
    assert [column.key for column in shown] == list(table.columns.keys()), (
        f"Begin `visible` of services/{table.name}.py with select(*table_of({collection.model.__name__}).c)."
    )


def declared_fields() -> dict[str, Field]:
    """Every field over a table that is data, by its place in the schema."""
    return {
        f"{definition.name}.{field.python_name}": field
        for name in SCHEMA.graphql.type_map
        if isinstance(definition := SCHEMA.get_type_by_name(name), StrawberryObjectDefinition)
        for field in definition.fields
        if isinstance(field, Field) and hasattr(field, "binding")
    }


def missing_names(field: Field) -> set[str]:
    """The names that a field uses and its tables and collections do not define; also where null would be no answer."""
    collection = field.binding.collection
    own = table_of(collection.model).c
    if isinstance(field, ExpressionField):
        return {field.expression} - set(collection.expressions)
    if isinstance(field, ToMany):
        there = field.target.collection
        reached = {*table_of(there.model).c.keys(), *there.join_conditions}
        return ({field.key} - set(own.keys())) | ({field.column} - reached)
    column = field.column or field.python_name
    if column not in own:
        return {column}
    if own[column].nullable and not isinstance(field.type, StrawberryOptional):
        return {f"{column} may be null"}
    return {field.key} - set(table_of(field.target.collection.model).c.keys()) if isinstance(field, ToOne) else set()


def fields_of(type_name: str) -> list[StrawberryField]:
    definition = SCHEMA.get_type_by_name(type_name)
    assert isinstance(definition, StrawberryObjectDefinition)
    return definition.fields


def match_fields_of(type_name: str) -> set[str]:
    return {field.expression for field in fields_of(type_name) if isinstance(field, MatchField)}


def shown_columns(type_name: str) -> set[str]:
    """The columns that the fields of a type without a table show."""
    return {field.column if isinstance(field, ToOne) else field.python_name for field in fields_of(type_name)}


def test_a_search_says_what_the_services_name() -> None:
    (found,) = {field.search_source for field in fields_of("Query") if isinstance(field, ArticleSearchField)}
    assert match_fields_of("ArticleSearchEdge") == set(found.match_expressions)
    assert match_fields_of("ArticleSearchConnection") == {*found.result_expressions, "facets"}
    assert match_fields_of("ArticleFacets") == set(found.facets)
    assert shown_columns("TextSegment") | {"place"} == set(
        found.segments(found.match_expressions["title"]).selected_columns.keys()
    )
    for name, type_name in (("languages", "Language"), ("authors", "Author"), ("months", "Month")):
        assert shown_columns(f"Article{type_name}Facet") | {"place"} == set(found.facets[name].selected_columns.keys())
    assert {"id", "key"} <= set(found.page.c.keys())


def test_every_declared_field_names_what_is_there() -> None:
    fields = declared_fields()
    assert {"Task.title", "Task.assignee", "Project.tasks", "Product.orders"} <= set(fields)
    wrong = {name: found for name, field in fields.items() if (found := missing_names(field))}
    assert wrong == {}, f"Declare these fields over columns, expressions and types that there are: {wrong}"


@pytest.mark.parametrize(
    ("name", "attribute", "value", "expected"),
    [
        ("Task.title", "column", "heading", "heading"),
        ("Task.title", "column", "description", "description may be null"),
        ("Task.creator", "column", "assignee_id", "assignee_id may be null"),
        ("Task.assignee", "key", "account_id", "account_id"),
        ("Project.tasks", "column", "plan_id", "plan_id"),
        ("Product.orders", "column", "plan_id", "plan_id"),
        ("Order.next_statuses", "expression", "later_statuses", "later_statuses"),
    ],
)
def test_a_declared_field_that_names_nothing_is_seen(
    name: str, attribute: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = declared_fields()[name]
    monkeypatch.setattr(field, attribute, value)
    assert missing_names(field) == {expected}
