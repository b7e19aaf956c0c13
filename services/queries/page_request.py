"""Page requests: which rows of a list a client asks for, checked against the list's collection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.errors import InvalidInput
from services.queries.collection import Collection
from services.queries.cursors import decode_cursor, list_fingerprint
from services.validation import is_storable_text, normalize_text

__all__ = ["DEFAULT_PAGE_SIZE", "MAX_FILTER_LENGTH", "MAX_PAGE_SIZE", "PageRequest"]

DEFAULT_PAGE_SIZE = 20


MAX_PAGE_SIZE = 100


MAX_FILTER_LENGTH = 255  # characters; a pattern is matched against every row that the index cannot rule out


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
        order: tuple[str, bool | None] | None = None,
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
            order: a name of the collection's orders, and whether descending; None for its natural direction.
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
        order_name, descending = order or collection.default_order
        if descending is None:
            descending = collection.orders[order_name].is_descending
        given = {
            key: normalize_text(value) if type(value) is str else value
            for key, value in (filters or {}).items()
            if value is not None
        }
        for key, value in given.items():
            if isinstance(value, str) and not is_storable_text(value):
                raise InvalidInput.of(f"filter.{key}", "This holds characters that can be found nowhere.")
            if isinstance(value, str) and len(value) > MAX_FILTER_LENGTH:
                raise InvalidInput.of(f"filter.{key}", f"This may have {MAX_FILTER_LENGTH} characters at most.")
        values = tuple(sorted({**collection.defaults, **collection.normalize_filters(given)}.items()))
        fingerprint = list_fingerprint(name, (order_name, descending), values)
        token = before if backwards else after
        sort = collection.orders[order_name].ascending
        cursor = None if token is None else decode_cursor(token, sort.type.python_type, fingerprint)
        return cls(size, backwards, order_name, descending, values, cursor, fingerprint)
