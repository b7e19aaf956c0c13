"""Relation filters: conditions on the rows that a row points at, or that point at it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.base import table_of

if TYPE_CHECKING:
    from services.queries.collection import Collection

__all__ = ["RelationFilter", "related_row", "related_rows"]


@dataclass(frozen=True, slots=True, eq=False)
class RelationFilter:
    """Related rows that a list can be filtered by; only those count that the caller may see."""

    target: "Callable[[], Collection]"
    """Gives the collection of the related rows; its defaults do not apply."""
    column: str
    """Column of the list's own table."""
    key: str
    """Column of the related rows' table that equals it."""
    is_many: bool
    """Whether there may be many, so that a client says `some` or `none`."""

    def is_nullable(self, collection: "Collection") -> bool:
        """Return whether there may be no related row of a relation to one."""
        return not self.is_many and bool(table_of(collection.model).c[self.column].nullable)


def related_row(target: "Callable[[], Collection]", column: str, key: str = "id") -> RelationFilter:
    """Return the filter by the row whose `key` is in a column of the list's table."""
    return RelationFilter(target, column, key, is_many=False)


def related_rows(target: "Callable[[], Collection]", key: str, column: str = "id") -> RelationFilter:
    """Return the filter by the rows whose `key` is the value of a column of the list's table."""
    return RelationFilter(target, column, key, is_many=True)
