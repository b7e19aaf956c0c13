"""From collections to statements: what is seen, filtered, sorted and paged, and who is refused."""

import pytest
from sqlalchemy import Uuid, bindparam

from models.base import table_of
from models.products import Product
from services import orders, projects, tasks, tenants
from services.errors import Forbidden, Unauthenticated
from services.permissions import Permission
from services.products import PRODUCTS
from services.queries.filter_parsing import AllOf, AnyOf, FieldCondition, Not
from services.queries.page_request import PageRequest
from services.queries.statements import (
    apply_filter,
    keyset_condition,
    order_by,
    order_keys,
    parent_condition,
    select_list,
    select_one,
)

READS = {Permission.TENANT_READ, Permission.TASKS_READ, Permission.PRODUCTS_READ, Permission.PROJECTS_READ}
PARENT = bindparam("parent", type_=Uuid())


@pytest.mark.parametrize(
    ("options", "downwards"),
    [
        ({"order": [("title", False)], "first": 1}, False),
        ({"order": [("title", True)], "first": 1}, True),
        ({"order": [("title", False)], "last": 1}, True),
        ({"order": [("title", True)], "last": 1}, False),
    ],
)
def test_a_backward_page_is_walked_the_other_way(options: dict[str, object], *, downwards: bool) -> None:
    request = PageRequest.of(tasks.TASKS, "tasks", **options)  # type: ignore[arg-type]  # as its signature says
    keys = order_keys(tasks.TASKS, request)
    assert [(expression.key, found) for expression, found in keys] == [("title_key", downwards), ("id", downwards)]
    directions = [str(part) for part in order_by(keys)]
    ending = "DESC" if downwards else "ASC"
    assert directions == [f"tasks.title_key {ending}", f"tasks.id {ending}"]
    condition = str(keyset_condition(tasks.TASKS, request))
    assert f"(tasks.title_key, tasks.id) {'<' if downwards else '>'} " in condition


def test_a_parent_is_in_a_column_or_behind_a_condition() -> None:
    assert str(parent_condition(tasks.TASKS, "project_id", PARENT)) == "tasks.project_id = :parent"
    assert "order_items" in str(parent_condition(orders.ORDERS, "product_id", PARENT))


def test_a_list_is_what_is_visible_beneath_its_parent_and_left_by_its_filters() -> None:
    text = str(select_list(tasks.TASKS, READS, FieldCondition("status", "eq", 0), ("project_id", PARENT)))
    where = text.partition("WHERE")[2]
    for part in ("tasks.tenant_id = :tenant_id", "tasks.project_id = :parent", "tasks.status = "):
        assert part in where
    assert "tasks.status" not in str(select_list(tasks.TASKS, READS, AllOf())).partition("WHERE")[2]


def test_one_row_is_what_can_be_reached() -> None:
    key = table_of(Product).c.id == PARENT
    assert str(key) in str(select_one(PRODUCTS, READS, "id", PARENT))
    text = str(select_one(projects.PROJECTS, READS, "id", PARENT))
    assert str(projects.PROJECTS.reachable) in text


def test_without_permission_there_is_no_statement() -> None:
    for permissions, error in ((set(), Unauthenticated), ({Permission.TENANT_READ}, Forbidden)):
        with pytest.raises(error):
            select_list(tasks.TASKS, permissions, AllOf())
        with pytest.raises(error):
            select_one(tasks.TASKS, permissions, "id", PARENT)


def test_a_restricted_filter_takes_its_permission() -> None:
    restricted = [(c, name) for c in (tenants.USERS, PRODUCTS) for name in c.filters if name in c.restricted]
    assert restricted
    for collection, name in restricted:
        allowed = set(Permission)
        inner = FieldCondition(name, "eq", 0)
        for condition in (inner, Not(inner), AllOf((inner, inner)), AnyOf((AllOf((inner,)), Not(inner)))):
            apply_filter(collection.visible(allowed), collection, allowed, condition)
            fewer = allowed - {collection.restricted[name]}
            with pytest.raises(Forbidden):
                apply_filter(collection.visible(allowed), collection, fewer, condition)
