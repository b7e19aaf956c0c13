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

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    true,
)

from models.base import Model, nulls_last_expressions
from services.abilities import Ability
from services.permissions import Permission

__all__ = ["Collection", "SortOrder", "substring_filter"]


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
    """Its name, and whether descending: the natural direction, wherever a client can name this order."""
    expressions: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    """What can be computed of a row, by name."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Filters that a list applies when it is not told otherwise."""
    reachable: ColumnElement[bool] = field(default_factory=true)
    """What holds for every row that can be reached by other ways than a list."""
    restricted: Mapping[str, Permission] = field(default_factory=dict)
    """Filters and expressions over what not everybody sees, and what it takes to use them."""
    abilities: Mapping[str, Ability] = field(default_factory=dict)
    """What can be done with a row, by name."""
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


def substring_filter(view: str, row_id: Any) -> ColumnElement[bool]:
    """Return the filter for rows whose text contains the bind `text`, in any case, over a view (tenant_id, id, text).

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
