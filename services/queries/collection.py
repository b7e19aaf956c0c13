"""What can be read of a table, and which page of it is wanted.

A `Collection` says once what may be read of a table: who sees which rows, by what they are filtered and ordered, what
can be computed of them. Everything that reads starts from it: `services.queries.statements`
makes statements of it, `services.queries.loading` and the compiler in graph run them.

Pages are keyset pages: a cursor names the last row seen by its order key and id, so that a deep page costs what the
first one does, and rows that come and go in between move nothing else.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    bindparam,
    column,
    func,
    literal,
    select,
    table,
    true,
)

from models.base import Model
from services.errors import InvalidInput
from services.permissions import Permission
from services.queries.cursors import decode_cursor, list_fingerprint
from services.validation import is_storable_text

__all__ = [
    "DEFAULT_PAGE_SIZE",
    "MAX_FILTER_LENGTH",
    "MAX_PAGE_SIZE",
    "Collection",
    "PageRequest",
    "SortOrder",
    "substring_filter",
]

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
MAX_FILTER_LENGTH = 255  # characters; a pattern is matched against every row that the index cannot rule out


@dataclass(frozen=True, slots=True)
class SortOrder:
    """What a collection can be sorted by.

    The two expressions differ only where nulls are possible, since nulls come last in both directions. Each has an
    index (tenant_id, expression, id).
    """

    ascending: ColumnElement[Any]
    descending: ColumnElement[Any]

    @classmethod
    def by(cls, expression: Any) -> "SortOrder":
        """Sort by something that is never null."""
        return cls(expression, expression)


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """What can be read of one table, and by whom; each is one of a kind, and fit to be a key."""

    model: type[Model]
    visible: Callable[[AbstractSet[Permission]], Select[Any]]
    """The rows, with their columns in the table's order, that these permissions let one see, over the binds
    `tenant_id` and `user_id`. Raises Forbidden when there is nothing to see."""
    filters: Mapping[str, ColumnElement[bool]]
    """By name, over one bind of the same name."""
    orders: Mapping[str, SortOrder]
    default_order: tuple[str, bool]
    """Its name, and whether descending."""
    expressions: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    """What can be computed of a row, by name."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Filters that a list applies when it is not told otherwise."""
    reachable: ColumnElement[bool] = field(default_factory=true)
    """What holds for every row that can be reached by other ways than a list."""
    restricted: Mapping[str, Permission] = field(default_factory=dict)
    """Filters and expressions over what not everybody sees, and what it takes to use them."""
    normalize_filters: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """Turns what a client filters by into the values of the binds; may raise InvalidInput."""
    history_filter: Callable[[AbstractSet[Permission], Any, Any], ColumnElement[bool]] = (
        lambda _permissions, _row, _entry: true()
    )
    """What must hold, besides, for an entry of the audit log about a row that is visible; over the columns of both."""
    join_conditions: Mapping[str, Callable[[ColumnElement[Any]], ColumnElement[bool]]] = field(default_factory=dict)
    """How rows are found under a parent that is in none of their columns: a condition over the parent's id."""
    row_id: ColumnElement[Any] | None = None
    """What breaks ties, where a list is read from something else than the table itself."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which rows of a list are wanted; checked, and fit to be a key."""

    limit: int
    backwards: bool
    order: str
    descending: bool
    filters: tuple[tuple[str, Any], ...]
    cursor: tuple[str, UUID] | None
    fingerprint: str

    @classmethod
    def of(
        cls,
        collection: Collection,
        name: str,
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        order: tuple[str, bool] | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> "PageRequest":
        """Check what a client asks for.

        Args:
            collection: what is listed.
            name: the list's own name; a cursor is good for one list only.
            first: rows after `after`, 1 to 100; 20 when neither `first` nor `last` is given.
            after: a cursor of this list, or none for its beginning.
            last: rows before `before`, 1 to 100.
            before: a cursor of this list, or none for its end.
            order: a name of the collection's orders, and whether descending.
            filters: values by names of the collection's filters; None does not filter.

        Raises:
            InvalidInput: out of range, both directions at once, another list's cursor, or a filter by what no text
                can hold, or by more than 255 characters.
        """
        backwards = last is not None
        if backwards and (first is not None or after is not None):
            raise InvalidInput.of("last", "Use `first` with `after`, or `last` with `before`, not both.")
        if before is not None and not backwards:
            raise InvalidInput.of("before", "Use `before` together with `last`.")
        size = last if last is not None else DEFAULT_PAGE_SIZE if first is None else first
        if not 1 <= size <= MAX_PAGE_SIZE:
            raise InvalidInput.of("last" if backwards else "first", f"A page has 1 to {MAX_PAGE_SIZE} rows.")
        order = order or collection.default_order
        given = {key: value for key, value in (filters or {}).items() if value is not None}
        for key, value in given.items():
            if isinstance(value, str) and not is_storable_text(value):
                raise InvalidInput.of(f"filter.{key}", "This holds characters that can be found nowhere.")
            if isinstance(value, str) and len(value) > MAX_FILTER_LENGTH:
                raise InvalidInput.of(f"filter.{key}", f"This may have {MAX_FILTER_LENGTH} characters at most.")
        values = tuple(sorted({**collection.defaults, **collection.normalize_filters(given)}.items()))
        fingerprint = list_fingerprint(name, order, values)
        token = before if backwards else after
        sort = collection.orders[order[0]].ascending
        cursor = None if token is None else decode_cursor(token, sort.type.python_type, fingerprint)
        return cls(size, backwards, *order, values, cursor, fingerprint)


def substring_filter(view: str, row_id: Any) -> ColumnElement[bool]:
    """The rows whose text holds the bind `text`, in any case; as a filter over a view (tenant_id, id, text).

    The view reads with its owner's rights, since no policy lets LIKE reach an index.
    """
    texts = table(view, column("id", Uuid()), column("text", Text()))
    wanted = func.lower(bindparam("text", type_=Text()))
    for special in ("\\", "%", "_"):
        wanted = func.replace(wanted, special, f"\\{special}")
    anything = literal("%", Text())
    pattern = anything + wanted + anything  # not concat(), which the planner does not work out beforehand
    # Materialized: looked for once, and not once more for each row, as a planner without statistics would.
    found = select(texts.c.id).where(texts.c.text.like(pattern)).cte("found").prefix_with("MATERIALIZED")
    matching: ColumnElement[bool] = row_id.in_(select(found.c.id))
    return matching
