"""What can be read of a table, and which page of it is wanted.

A `Collection` says once what may be read of a table: who sees which rows, by what they are filtered and ordered, what
can be computed of them. Everything that reads starts from it: `services.queries.statements`
makes statements of it, `services.queries.loading` and the compiler in graph run them.

Pages are keyset pages: a cursor names the last row seen by its order key and id, so that a deep page costs what the
first one does, and rows that come and go in between move nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, literal_column, true

from models.base import Model, nulls_last_expressions, table_of
from services.permissions import Permission
from services.queries.filters import FilterField

__all__ = ["Collection", "DefaultFilter", "RelationFilter", "SortOrder", "related_row", "related_rows"]


@dataclass(frozen=True, slots=True)
class SortOrder:
    """What a collection can be sorted by.

    The two expressions differ only where nulls are possible, since nulls come last in both directions. Each has an
    index (tenant_id, expression, id).
    """

    ascending: ColumnElement[Any]
    descending: ColumnElement[Any]
    is_descending: bool = False
    """Its natural direction, which a list has that is not told another."""

    @classmethod
    def by(cls, expression: Any) -> "SortOrder":
        """Sort by something that is never null."""
        return cls(expression, expression)

    @classmethod
    def newest_first(cls, expression: Any) -> "SortOrder":
        """Sort by a moment that is never null, from the newest to the oldest unless told otherwise."""
        return cls(expression, expression, is_descending=True)

    @classmethod
    def nulls_last(cls, column: Any) -> "SortOrder":
        """Sort by a column that may be null; see `models.base.indexes`."""
        expressions = nulls_last_expressions(f"{column.table.name}.{column.name}", column.type)
        type_ = BigInteger() if isinstance(column.type, Integer) else column.type
        return cls(literal_column(expressions["asc"], type_), literal_column(expressions["desc"], type_))


@dataclass(frozen=True, slots=True, eq=False)
class DefaultFilter:
    """A condition that a list applies when it is not told otherwise."""

    filter: Mapping[str, Any]
    """The condition, as a client would write it."""
    unless: AbstractSet[str]
    """Fields of which one condition, anywhere in a client's filter, takes the place of this."""


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


def related_row(target: "Callable[[], Collection]", column: str, key: str = "id") -> RelationFilter:
    """Return the filter by the row whose `key` is in a column of the list's table."""
    return RelationFilter(target, column, key, is_many=False)


def related_rows(target: "Callable[[], Collection]", key: str, column: str = "id") -> RelationFilter:
    """Return the filter by the rows whose `key` is the value of a column of the list's table."""
    return RelationFilter(target, column, key, is_many=True)


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """What can be read of one table, and by whom; each is one of a kind, and fit to be a key."""

    model: type[Model]
    visible: Callable[[AbstractSet[Permission]], Select[Any]]
    """The rows, with their columns in the table's order, that these permissions let one see, over the binds
    `tenant_id` and `user_id`. Raises Forbidden when there is nothing to see."""
    filters: Mapping[str, FilterField]
    """What it can be filtered by, under the names of the output fields."""
    relations: dict[str, RelationFilter] = field(default_factory=dict, kw_only=True)
    """Related rows that it can be filtered by, under the names of the output fields; those of domains that know this
    one are added by them."""
    orders: Mapping[str, SortOrder]
    default_order: tuple[str, bool]
    """Its name, and whether descending: the natural direction, wherever a client can name this order."""
    expressions: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    """What can be computed of a row, by name."""
    defaults: Sequence[DefaultFilter] = ()
    """Conditions that a list applies when it is not told otherwise."""
    reachable: ColumnElement[bool] = field(default_factory=true)
    """What holds for every row that can be reached by other ways than a list."""
    restricted: Mapping[str, Permission] = field(default_factory=dict)
    """Filters and expressions over what not everybody sees, and what it takes to use them."""
    history_filter: Callable[[AbstractSet[Permission], Any, Any], ColumnElement[bool]] = (
        lambda _permissions, _row, _entry: true()
    )
    """What must hold, besides, for an entry of the audit log about a row that is visible; over the columns of both."""
    join_conditions: Mapping[str, Callable[[ColumnElement[Any]], ColumnElement[bool]]] = field(default_factory=dict)
    """How rows are found under a parent that is in none of their columns: a condition over the parent's id."""
    row_id: ColumnElement[Any] | None = None
    """What breaks ties, where a list is read from something else than the table itself."""

    def may_lack(self, relation: str) -> bool:
        """Return whether there may be no related row of a relation to one."""
        related = self.relations[relation]
        return not related.is_many and bool(table_of(self.model).c[related.column].nullable)
