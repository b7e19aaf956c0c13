"""From collections to statements: the rows that there are to see, filtered, beneath a parent, in order, page by page.

Whoever runs such a statement binds `tenant_id`, `user_id`, and the values of the filter; see
`services.queries.loading.bind_values`. The compiler in graph puts them into statements of its own.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import takewhile
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, Uuid, and_, bindparam, cast, or_, true, tuple_

from models.base import table_of
from services.permissions import Permission, require_permission
from services.queries.collection import Collection, RelationFilter
from services.queries.filter_parsing import AllOf, AnyOf, Condition, FieldCondition, Not, Related, bind_name
from services.queries.page_request import PageRequest

__all__ = [
    "OrderKey",
    "apply_filter",
    "apply_page",
    "filter_condition",
    "keyset_condition",
    "order_by",
    "order_keys",
    "parent_condition",
    "select_list",
    "select_one",
]


def select_one(
    collection: Collection, permissions: AbstractSet[Permission], key: str, value: ColumnElement[Any]
) -> Select[Any]:
    """Select the row whose column `key`, unique in the tenant, has this value.

    Raises:
        Unauthenticated, Forbidden: these permissions let one see nothing of the collection.
    """
    return collection.visible(permissions).where(collection.reachable, table_of(collection.model).c[key] == value)


def parent_condition(collection: Collection, key: str, parent: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for rows under a parent, by their column `key` or a join of that name."""
    link = collection.join_conditions.get(key)
    return link(parent) if link else table_of(collection.model).c[key] == parent


def apply_filter(
    rows: Select[Any], collection: Collection, permissions: AbstractSet[Permission], condition: Condition
) -> Select[Any]:
    """Apply a filter besides what is visible, which no filter widens; bind its values with `Filter.binds`.

    Raises:
        Forbidden: these permissions do not let one filter like that.
    """
    parts = condition.conditions if isinstance(condition, AllOf) else (condition,)
    return rows.where(*(filter_condition(collection, permissions, each) for each in parts))


def filter_condition(
    collection: Collection, permissions: AbstractSet[Permission], condition: Condition
) -> ColumnElement[bool]:
    """Return a filter's condition over the collection's columns; it is true or not, whatever is null.

    Raises:
        Forbidden: these permissions do not let one filter like that, wherever the field stands in it.
    """
    match condition:
        case FieldCondition(field, operator, bind):
            if field in collection.restricted:
                require_permission(permissions, collection.restricted[field])
            return collection.filters[field].condition(operator, "" if bind is None else bind_name(bind))
        case Not(inner):
            return filter_condition(collection, permissions, inner).is_not(true())
        case AllOf(conditions):
            parts = (filter_condition(collection, permissions, each) for each in conditions)
            return and_(*parts) if conditions else true()
        case AnyOf(conditions):
            return or_(*(filter_condition(collection, permissions, each) for each in conditions))
        case Related(name, inner):
            return _related_condition(collection, permissions, collection.relations[name], inner)


def _related_condition(
    collection: Collection, permissions: AbstractSet[Permission], relation: RelationFilter, condition: Condition
) -> ColumnElement[bool]:
    """Return the condition for rows that some related row which these permissions let one see makes true."""
    target = relation.target()
    key = table_of(target.model).c[relation.key]
    rows = target.visible(permissions).with_only_columns(key, maintain_column_froms=True)
    rows = apply_filter(rows.where(target.reachable), target, permissions, condition)
    matching: ColumnElement[bool] = table_of(collection.model).c[relation.column].in_(rows.correlate(None))
    return matching


def select_list(
    collection: Collection,
    permissions: AbstractSet[Permission],
    condition: Condition,
    parent: tuple[str, ColumnElement[Any]] | None = None,
) -> Select[Any]:
    """Select all rows of a list: filtered, and under a parent by the column that holds its key.

    Raises:
        Unauthenticated, Forbidden: these permissions let one see nothing of the collection, or not filter like that.
    """
    rows = collection.visible(permissions)
    if parent is not None:
        rows = rows.where(parent_condition(collection, *parent))
    return apply_filter(rows, collection, permissions, condition)


class OrderKey(NamedTuple):
    """One of the keys that a page is sorted by."""

    expression: ColumnElement[Any]
    downwards: bool
    """Whether it is read in descending order."""


def order_keys(collection: Collection, request: PageRequest) -> list[OrderKey]:
    """Return what a page is sorted by, in the direction in which it is read; the id, which breaks ties, comes last."""
    keys = []
    for name, descending in request.order:
        order = collection.orders[name]
        keys.append(OrderKey(order.descending if descending else order.ascending, descending != request.backwards))
    row_id = table_of(collection.model).c.id if collection.row_id is None else collection.row_id
    return [*keys, OrderKey(row_id, keys[-1].downwards)]


def keyset_condition(collection: Collection, request: PageRequest) -> ColumnElement[bool]:
    """Return the keyset predicate for the page's cursor, over the binds `after_key_0`, … and `after_id`."""
    *keys, row_id = order_keys(collection, request)
    there: list[ColumnElement[Any]] = [
        cast(bindparam(f"after_key_{number}", type_=Text()), key.expression.type) for number, key in enumerate(keys)
    ]
    return _is_beyond([*keys, row_id], [*there, bindparam("after_id", type_=Uuid())])


def _is_beyond(keys: Sequence[OrderKey], there: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    """Return the condition for rows behind a place: one comparison as far as all keys have the same direction."""
    first = keys[0]
    same = list(takewhile(lambda key: key.downwards == first.downwards, keys))
    row, place = tuple_(*(key.expression for key in same)), tuple_(*there[: len(same)])
    beyond = row < place if first.downwards else row > place
    if len(same) == len(keys):
        return beyond
    further = _is_beyond(keys[len(same) :], there[len(same) :])
    # Said twice, so that an index on the first keys is entered at the place: a condition with OR enters none.
    reached = row <= place if first.downwards else row >= place
    return and_(reached, or_(beyond, and_(row == place, further)))


def apply_page(
    rows: Select[Any], collection: Collection, request: PageRequest, limit: ColumnElement[int]
) -> Select[Any]:
    """Limit a list to one page: the rows after the cursor, in the order in which they are read."""
    if request.cursor:
        rows = rows.where(keyset_condition(collection, request))
    return rows.order_by(*order_by(order_keys(collection, request))).limit(limit)


def order_by(keys: Iterable[OrderKey]) -> list[ColumnElement[Any]]:
    """Return the keys with their direction, for ORDER BY."""
    return [expression.desc() if downwards else expression.asc() for expression, downwards in keys]
