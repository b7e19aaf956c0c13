"""Page requests: which rows of a list a client asks for, checked against the list's collection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.errors import InvalidInput
from services.queries.collection import Collection
from services.queries.cursors import decode_cursor, list_fingerprint
from services.queries.filter_parsing import Filter, parse_filter

__all__ = ["DEFAULT_PAGE_SIZE", "MAX_PAGE_SIZE", "PageRequest"]

DEFAULT_PAGE_SIZE = 20


MAX_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which rows of a list are wanted; checked, and fit to be a key."""

    limit: int
    backwards: bool
    order: str
    descending: bool
    filter: Filter
    cursor: tuple[str, UUID] | None
    fingerprint: str
    search: str | None = None
    """What is searched for, where the list is what a search finds."""

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
        order: tuple[str, bool | None] | None = None,
        filter: Mapping[str, Any] | None = None,
        search: str | None = None,
    ) -> "PageRequest":
        """Check what a client asks for.

        Args:
            collection: what is listed.
            name: the list's own name; a cursor is good for one list only.
            first: rows after `after`, 1 to 100; 20 when neither `first` nor `last` is given.
            after: a cursor of this list, or none for its beginning.
            last: rows before `before`, 1 to 100.
            before: a cursor of this list, or none for its end.
            order: a name of the collection's orders, and whether descending; None for its natural direction.
            filter: what the rows must meet; see `services.queries.filter_parsing.parse_filter`.
            search: what is searched for, where the list is what a search finds.

        Raises:
            InvalidInput: out of range, both directions at once, another list's cursor, or what `parse_filter` refuses.
        """
        backwards = last is not None
        if backwards and (first is not None or after is not None):
            raise InvalidInput.of("last", "Use `first` with `after`, or `last` with `before`, not both.")
        if before is not None and not backwards:
            raise InvalidInput.of("before", "Use `before` together with `last`.")
        size = last if last is not None else DEFAULT_PAGE_SIZE if first is None else first
        if not 1 <= size <= MAX_PAGE_SIZE:
            raise InvalidInput.of("last" if backwards else "first", f"A page has 1 to {MAX_PAGE_SIZE} rows.")
        order_name, descending = order or collection.default_order
        if descending is None:
            descending = collection.orders[order_name].is_descending
        parsed = parse_filter(collection, filter)
        fingerprint = list_fingerprint(name, (order_name, descending), parsed.condition, (search, *parsed.values))
        token = before if backwards else after
        sort = collection.orders[order_name].ascending
        cursor = None if token is None else decode_cursor(token, sort.type.python_type, fingerprint)
        return cls(size, backwards, order_name, descending, parsed, cursor, fingerprint, search)
