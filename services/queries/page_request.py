"""Page requests: which rows of a list a client asks for, checked against the list's collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.errors import InvalidInput
from services.queries.collection import Collection
from services.queries.cursors import decode_cursor, list_fingerprint
from services.queries.filter_parsing import Filter, parse_filter

__all__ = ["DEFAULT_PAGE_SIZE", "MAX_PAGE_SIZE", "MAX_SORT_KEYS", "PageRequest"]

DEFAULT_PAGE_SIZE = 20


MAX_PAGE_SIZE = 100

MAX_SORT_KEYS = 4


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which rows of a list are wanted; checked, and fit to be a key."""

    limit: int
    backwards: bool
    order: tuple[tuple[str, bool], ...]
    """What it is sorted by, and whether descending, the first key first."""
    filter: Filter
    cursor: tuple[tuple[str, ...], UUID] | None
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
        order: Sequence[tuple[str, bool | None]] | None = None,
        filter: Mapping[str, Any] | None = None,
        search: str | None = None,
    ) -> "PageRequest":
        """Check what a client asks for.

        Args:
            collection: what is listed.
            name: the list's own name; a cursor is good for one list only.
            first: rows after `after`, 0 to 100; 20 when neither `first` nor `last` is given.
            after: a cursor of this list, or none for its beginning.
            last: rows before `before`, 0 to 100.
            before: a cursor of this list, or none for its end.
            order: names of the collection's orders, each with whether descending, None for its natural direction; the
                first key first, at most four. Without one, the list's default order.
            filter: what the rows must meet; see `services.queries.filter_parsing.parse_filter`.
            search: what is searched for, where the list is what a search finds.

        Raises:
            InvalidInput: out of range, both directions at once, too many sort keys, one of them twice, another list's
                cursor, or what `parse_filter` refuses.
        """
        backwards = last is not None
        if backwards and (first is not None or after is not None):
            raise InvalidInput.of("last", "Use `first` with `after`, or `last` with `before`, not both.")
        if before is not None and not backwards:
            raise InvalidInput.of("before", "Use `before` together with `last`.")
        size = last if last is not None else DEFAULT_PAGE_SIZE if first is None else first
        if not 0 <= size <= MAX_PAGE_SIZE:
            raise InvalidInput.of("last" if backwards else "first", f"A page has 0 to {MAX_PAGE_SIZE} rows.")
        keys = _parse_order(collection, order or [collection.default_order])
        parsed = parse_filter(collection, filter)
        fingerprint = list_fingerprint(name, keys, parsed.condition, (search, *parsed.values))
        token = before if backwards else after
        cursor = None
        if token is not None:
            kinds = [collection.orders[key].ascending.type.python_type for key, _ in keys]
            cursor = decode_cursor(token, kinds, fingerprint)
        return cls(size, backwards, keys, parsed, cursor, fingerprint, search)


def _parse_order(collection: Collection, given: Sequence[tuple[str, bool | None]]) -> tuple[tuple[str, bool], ...]:
    if len(given) > MAX_SORT_KEYS:
        raise InvalidInput.of("order_by", f"A list is sorted by {MAX_SORT_KEYS} fields at most.")
    if len({name for name, _ in given}) < len(given):
        raise InvalidInput.of("order_by", "A list is sorted by each field once.")
    orders = collection.orders
    return tuple((name, orders[name].is_descending if down is None else down) for name, down in given)
