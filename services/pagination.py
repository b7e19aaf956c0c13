"""Reading: one row by a key, a page of rows, and the same for many parents at once.

A `Collection` says once what may be read of a table: who sees which rows, by what they are filtered and ordered, what
can be computed of them. Everything that reads starts from it: the functions here, and the compiler in graph.

Pages are keyset pages: a cursor names the last row seen by its order key and id, so that a deep page costs what the
first one does, and rows that come and go in between move nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    select,
    table,
    true,
    tuple_,
)
from sqlalchemy import column as named

from models.base import Model, Row, row_class, table_of
from models.database import ReadSession, WriteSession
from services.access import Actor, Permission, permitted
from services.cursors import cursor_of, fingerprint_of, place_of
from services.errors import InvalidInput
from services.validation import storable

__all__ = [
    "DEFAULT_PAGE",
    "MOST",
    "Collection",
    "Edge",
    "Order",
    "Page",
    "PageRequest",
    "by_keys",
    "containing",
    "count",
    "counts",
    "cursor_of",
    "cut",
    "directed",
    "expression",
    "filtered",
    "order_keys",
    "page",
    "related",
    "seek",
    "values_of",
]

DEFAULT_PAGE = 20
MOST = 100
LONGEST_FILTER = 255  # characters; a pattern is matched against every row that the index cannot rule out

Session = ReadSession | WriteSession


@dataclass(frozen=True, slots=True)
class Order:
    """What a collection can be sorted by.

    The two expressions differ only where nulls are possible, since nulls come last in both directions. Each has an
    index (tenant_id, expression, id).
    """

    ascending: ColumnElement[Any]
    descending: ColumnElement[Any]

    @classmethod
    def by(cls, expression: Any) -> "Order":
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
    orders: Mapping[str, Order]
    default_order: tuple[str, bool]
    """Its name, and whether descending."""
    expressions: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    """What can be computed of a row, by name."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Filters that a list applies when it is not told otherwise."""
    live: ColumnElement[bool] = field(default_factory=true)
    """What holds for every row that can be reached by other ways than a list."""
    guarded: Mapping[str, Permission] = field(default_factory=dict)
    """Filters and expressions over what not everybody sees, and what it takes to use them."""
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """Turns what a client filters by into the values of the binds; may raise InvalidInput."""
    links: Mapping[str, Callable[[ColumnElement[Any]], ColumnElement[bool]]] = field(default_factory=dict)
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
        size = last if last is not None else DEFAULT_PAGE if first is None else first
        if not 1 <= size <= MOST:
            raise InvalidInput.of("last" if backwards else "first", f"A page has 1 to {MOST} rows.")
        order = order or collection.default_order
        given = {key: value for key, value in (filters or {}).items() if value is not None}
        for key, value in given.items():
            if isinstance(value, str) and not storable(value):
                raise InvalidInput.of(f"filter.{key}", "This holds characters that can be found nowhere.")
            if isinstance(value, str) and len(value) > LONGEST_FILTER:
                raise InvalidInput.of(f"filter.{key}", f"This may have {LONGEST_FILTER} characters at most.")
        values = tuple(sorted({**collection.defaults, **collection.prepare(given)}.items()))
        fingerprint = fingerprint_of(name, order, values)
        token = before if backwards else after
        sort = collection.orders[order[0]].ascending
        cursor = None if token is None else place_of(token, sort.type.python_type, fingerprint)
        return cls(size, backwards, *order, values, cursor, fingerprint)


@dataclass(frozen=True, slots=True)
class Edge:
    """A row and its place in the list."""

    node: Any
    cursor: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, in its order."""

    edges: Sequence[Edge]
    has_next_page: bool
    has_previous_page: bool


async def page(session: Session, actor: Actor, collection: Collection, request: PageRequest) -> Page:
    """One page of everything that the actor sees of a collection."""
    rows = collection.visible(actor.permissions)
    rows = rows.add_columns(cursor_of(*order_keys(collection, request)[:2]).label("cursor"))
    result = await session.exec(_paged(rows, collection, request, actor), params=values_of(actor, request))
    return _page([tuple(row) for row in result], collection, request)


async def count(session: Session, actor: Actor, collection: Collection, request: PageRequest) -> int:
    """How many rows the whole list has."""
    rows = collection.visible(actor.permissions)
    statement = select(func.count()).select_from(filtered(rows, collection, request, actor).subquery())
    return int((await session.exec(statement, params=values_of(actor, request))).scalar_one())


async def related(
    session: Session,
    actor: Actor,
    collection: Collection,
    request: PageRequest,
    key: str,
    parents: Sequence[UUID],
) -> dict[UUID, Page]:
    """The same page under each of many parents, whose ids are in the rows' column `key`; one statement."""
    rows = collection.visible(actor.permissions)
    parent = _parents()
    beneath = rows.where(_under(collection, key, parent.c.id))
    sort, _row_id, downwards = order_keys(collection, request)
    inner = _paged(beneath.add_columns(sort.label("sort")), collection, request, actor).lateral("page")
    *columns, outer_sort = inner.c
    outer_keys = (outer_sort, inner.c["id"])
    statement = (  # a cursor costs more to make than its row to read, so none is made for rows beyond the limit
        select(parent.c.id.label("parent_id"), *columns, cursor_of(*outer_keys))
        .select_from(parent.join(inner, true()))
        .order_by(*directed(outer_keys, downwards=downwards))
    )
    result = await session.exec(statement, params={**values_of(actor, request), "parents": list(parents)})
    found: dict[UUID, list[tuple[Any, ...]]] = {parent_id: [] for parent_id in parents}
    for parent_id, *row in result:
        found[parent_id].append(tuple(row))
    return {parent_id: _page(rows_, collection, request) for parent_id, rows_ in found.items()}


async def counts(
    session: Session,
    actor: Actor,
    collection: Collection,
    request: PageRequest,
    key: str,
    parents: Sequence[UUID],
) -> dict[UUID, int]:
    """How many rows the whole list has under each of many parents; one statement."""
    rows = collection.visible(actor.permissions)
    parent = _parents()
    beneath = filtered(rows.where(_under(collection, key, parent.c.id)), collection, request, actor)
    each = select(func.count()).select_from(beneath.correlate(parent).subquery()).scalar_subquery()
    values = {**values_of(actor, request), "parents": list(parents)}
    result = await session.exec(select(parent.c.id, each).select_from(parent), params=values)
    return dict(tuple(row) for row in result)


async def by_keys(
    session: Session, actor: Actor, collection: Collection, key: str, ids: Sequence[UUID]
) -> dict[UUID, Row]:
    """The rows whose column `key`, unique in the tenant, is one of these; what is not visible is not there."""
    rows = collection.visible(actor.permissions)
    statement = rows.where(collection.live, _any(_column(collection, key)))
    result = await session.exec(statement, params={**values_of(actor), "ids": list(ids)})
    return {getattr(row, key): row for row in map(row_class(collection.model).of, result)}


async def expression(
    session: Session, actor: Actor, collection: Collection, name: str, ids: Sequence[UUID]
) -> dict[UUID, Any]:
    """What a named expression gives for the rows with these ids; one statement."""
    rows = collection.visible(actor.permissions)
    if name in collection.guarded:
        permitted(actor.permissions, collection.guarded[name])
    key = _column(collection, "id")
    statement = rows.with_only_columns(key, collection.expressions[name], maintain_column_froms=True)
    result = await session.exec(statement.where(_any(key)), params={**values_of(actor), "ids": list(ids)})
    return dict(tuple(row) for row in result)


def containing(view: str, row_id: Any) -> ColumnElement[bool]:
    """The rows whose text holds the bind `text`, in any case; as a filter over a view (tenant_id, id, text).

    The view reads with its owner's rights, since no policy lets LIKE reach an index.
    """
    texts = table(view, named("id", Uuid()), named("text", Text()))
    wanted = func.lower(bindparam("text", type_=Text()))
    for special in ("\\", "%", "_"):
        wanted = func.replace(wanted, special, f"\\{special}")
    anything = literal("%", Text())
    pattern = anything + wanted + anything  # not concat(), which the planner does not work out beforehand
    # Materialized: looked for once, and not once more for each row, as a planner without statistics would.
    found = select(texts.c.id).where(texts.c.text.like(pattern)).cte("found").prefix_with("MATERIALIZED")
    matching: ColumnElement[bool] = row_id.in_(select(found.c.id))
    return matching


def order_keys(collection: Collection, request: PageRequest) -> tuple[ColumnElement[Any], ColumnElement[Any], bool]:
    """What a page is sorted by: its key, the id that breaks ties, and whether it is walked downwards."""
    order = collection.orders[request.order]
    key = order.descending if request.descending else order.ascending
    row_id = _column(collection, "id") if collection.row_id is None else collection.row_id
    return key, row_id, request.descending != request.backwards


def seek(collection: Collection, request: PageRequest) -> ColumnElement[bool]:
    """The rows beyond the cursor, as SQL, over the binds `after_key` and `after_id`."""
    key, row_id, downwards = order_keys(collection, request)
    here = tuple_(key, row_id)
    there = tuple_(cast(bindparam("after_key", type_=Text()), key.type), bindparam("after_id", type_=Uuid()))
    return here < there if downwards else here > there


def _parents() -> Any:
    """The ids in the bind `parents`, as a table."""
    ids = func.unnest(bindparam("parents", type_=ARRAY(Uuid())))
    return ids.table_valued(named("id", Uuid()), name="parent").render_derived()


def _under(collection: Collection, key: str, parent: ColumnElement[Any]) -> ColumnElement[bool]:
    link = collection.links.get(key)
    return link(parent) if link else _column(collection, key) == parent


def _column(collection: Collection, name: str) -> ColumnElement[Any]:
    return table_of(collection.model).c[name]


def _any(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return column == func.any(bindparam("ids", type_=ARRAY(Uuid())))


def filtered(rows: Select[Any], collection: Collection, request: PageRequest, actor: Actor) -> Select[Any]:
    """The rows that a request's filters leave; each is a condition over a bind of its own name."""
    for name, _value in request.filters:
        if name in collection.guarded:
            permitted(actor.permissions, collection.guarded[name])
        rows = rows.where(collection.filters[name])
    return rows


def _paged(rows: Select[Any], collection: Collection, request: PageRequest, actor: Actor) -> Select[Any]:
    key, row_id, downwards = order_keys(collection, request)
    rows = filtered(rows, collection, request, actor)
    if request.cursor:
        rows = rows.where(seek(collection, request))
    return rows.order_by(*directed((key, row_id), downwards=downwards)).limit(bindparam("limit", type_=Integer()))


def directed(keys: Iterable[ColumnElement[Any]], *, downwards: bool) -> list[ColumnElement[Any]]:
    """The keys as what to sort by."""
    return [key.desc() if downwards else key.asc() for key in keys]


def values_of(actor: Actor, request: PageRequest | None = None) -> dict[str, Any]:
    """The values of the binds of everything here: who asks, the filters, the cursor, and one row more than asked."""
    values: dict[str, Any] = {"tenant_id": actor.identity.tenant_id, "user_id": actor.identity.user_id}
    if request is None:
        return values
    values |= {**dict(request.filters), "limit": request.limit + 1, "fingerprint": request.fingerprint}
    if request.cursor:
        values["after_key"], values["after_id"] = request.cursor
    return values


def _page(rows: Sequence[tuple[Any, ...]], collection: Collection, request: PageRequest) -> Page:
    make = row_class(collection.model).of
    return cut([Edge(make(row[:-1]), row[-1]) for row in rows], request)


def cut(found: Sequence[Edge], request: PageRequest) -> Page:
    """A page from what was found, in the order in which it was walked: one row more than asked for, if there is one."""
    more = len(found) > request.limit
    edges = found[: request.limit]
    if request.backwards:
        return Page(edges[::-1], has_next_page=request.cursor is not None, has_previous_page=more)
    return Page(edges, has_next_page=more, has_previous_page=request.cursor is not None)
