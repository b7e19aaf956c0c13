"""From collections to statements: the rows that there are to see, filtered, beneath a parent, in order, page by page.

Whoever runs such a statement binds `tenant_id`, `user_id`, and a value of its name for each filter; see
`services.queries.loading.bind_values`. The compiler in graph puts them into statements of its own.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, Uuid, bindparam, cast, tuple_

from models.base import table_of
from services.errors import Forbidden, Unauthenticated
from services.permissions import Permission, require_permission
from services.queries.collection import Collection
from services.queries.page_request import PageRequest

__all__ = [
    "apply_filters",
    "apply_page",
    "is_readable",
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


def is_readable(collection: Collection, permissions: AbstractSet[Permission]) -> bool:
    """Return whether these permissions let one see anything of a collection."""
    try:
        collection.visible(permissions)
    except (Forbidden, Unauthenticated):
        return False
    return True


def parent_condition(collection: Collection, key: str, parent: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for rows under a parent, by their column `key` or a join of that name."""
    link = collection.join_conditions.get(key)
    return link(parent) if link else table_of(collection.model).c[key] == parent


def apply_filters(
    rows: Select[Any], collection: Collection, permissions: AbstractSet[Permission], filters: Iterable[str]
) -> Select[Any]:
    """Apply filters, by their names.

    Raises:
        Forbidden: these permissions do not let one filter like that.
    """
    for name in filters:
        if name in collection.restricted:
            require_permission(permissions, collection.restricted[name])
        rows = rows.where(collection.filters[name])
    return rows


def select_list(
    collection: Collection,
    permissions: AbstractSet[Permission],
    filters: Iterable[str],
    parent: tuple[str, ColumnElement[Any]] | None = None,
) -> Select[Any]:
    """Select all rows of a list: filtered, and under a parent by the column that holds its key.

    Raises:
        Unauthenticated, Forbidden: these permissions let one see nothing of the collection, or not filter like that.
    """
    rows = collection.visible(permissions)
    if parent is not None:
        rows = rows.where(parent_condition(collection, *parent))
    return apply_filters(rows, collection, permissions, filters)


def order_keys(collection: Collection, request: PageRequest) -> tuple[ColumnElement[Any], ColumnElement[Any], bool]:
    """Return what a page is sorted by: its key, the id that breaks ties, and whether it is read in descending order."""
    order = collection.orders[request.order]
    key = order.descending if request.descending else order.ascending
    row_id = table_of(collection.model).c.id if collection.row_id is None else collection.row_id
    return key, row_id, request.descending != request.backwards


def keyset_condition(collection: Collection, request: PageRequest) -> ColumnElement[bool]:
    """Return the keyset predicate for the page's cursor, over the binds `after_key` and `after_id`."""
    key, row_id, downwards = order_keys(collection, request)
    here = tuple_(key, row_id)
    there = tuple_(cast(bindparam("after_key", type_=Text()), key.type), bindparam("after_id", type_=Uuid()))
    return here < there if downwards else here > there


def apply_page(
    rows: Select[Any], collection: Collection, request: PageRequest, limit: ColumnElement[int]
) -> Select[Any]:
    """Limit a list to one page: the rows after the cursor, in the order in which they are read."""
    key, row_id, downwards = order_keys(collection, request)
    if request.cursor:
        rows = rows.where(keyset_condition(collection, request))
    return rows.order_by(*order_by((key, row_id), downwards=downwards)).limit(limit)


def order_by(keys: Iterable[ColumnElement[Any]], *, downwards: bool) -> list[ColumnElement[Any]]:
    """Return the keys with their direction, for ORDER BY."""
    return [key.desc() if downwards else key.asc() for key in keys]
