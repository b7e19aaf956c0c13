"""The selects that reading starts from, for who puts them into statements of their own, as the compiler in graph does.

They find what `services.pagination` finds, over the same binds, and refuse what it refuses.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import ColumnElement, Select

from models.base import table_of
from services.access import Permission, permitted
from services.pagination import Collection, PageRequest, order_keys, seek

__all__ = ["listed", "one_of", "paged"]


def one_of(
    collection: Collection, permissions: AbstractSet[Permission], key: str, value: ColumnElement[Any]
) -> Select[Any]:
    """The row whose column `key`, unique in the tenant, has this value.

    Raises:
        Unauthenticated, Forbidden: these permissions let one see nothing of the collection.
    """
    return collection.visible(permissions).where(collection.live, table_of(collection.model).c[key] == value)


def listed(
    collection: Collection,
    permissions: AbstractSet[Permission],
    filters: Iterable[str],
    under: tuple[str, ColumnElement[Any]] | None = None,
) -> Select[Any]:
    """All rows of a list: by these filters, and beneath a parent by the column that holds its key.

    Raises:
        Unauthenticated, Forbidden: these permissions let one see nothing of the collection, or not filter like that.
    """
    rows = collection.visible(permissions)
    if under is not None:
        key, parent = under
        link = collection.links.get(key)
        rows = rows.where(link(parent) if link else table_of(collection.model).c[key] == parent)
    for name in filters:
        if name in collection.guarded:
            permitted(permissions, collection.guarded[name])
        rows = rows.where(collection.filters[name])
    return rows


def paged(rows: Select[Any], collection: Collection, request: PageRequest, limit: ColumnElement[int]) -> Select[Any]:
    """One page of a list: the rows beyond the cursor, in the order in which they are walked."""
    key, row_id, downwards = order_keys(collection, request)
    if request.cursor:
        rows = rows.where(seek(collection, request))
    return rows.order_by(*(each.desc() if downwards else each.asc() for each in (key, row_id))).limit(limit)
