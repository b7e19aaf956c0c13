"""Reading what an actor may see: one row by a key, a page of rows, how many there are, and the same for many parents.

Every function takes one statement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, Select, Uuid, bindparam, func, literal, select, true
from sqlalchemy import column as sa_column
from sqlalchemy.sql.visitors import replacement_traverse

from models.base import Row, row_class, table_of
from models.database import ReadSession
from services.permissions import Actor, require_permission
from services.queries.collection import Collection
from services.queries.cursors import encode_cursor
from services.queries.page_request import PageRequest
from services.queries.statements import OrderKey, apply_page, order_by, order_keys, select_list

__all__ = [
    "Edge",
    "Page",
    "abilities_by_id",
    "bind_values",
    "count_rows",
    "counts_by_parent",
    "cursors_by_id",
    "expression_by_id",
    "load_page",
    "pages_by_parent",
    "past_cursor",
    "past_expression",
    "rows_by_key",
    "slice_page",
]


LIMIT = bindparam("limit", type_=Integer())

PARENT = (
    func.unnest(bindparam("parents", type_=ARRAY(Uuid())))
    .table_valued(sa_column("id", Uuid()), name="parent")
    .render_derived()
)
"""The ids in the bind `parents`, as a table."""


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


async def load_page(session: ReadSession, actor: Actor, collection: Collection, request: PageRequest) -> Page:
    """Load one page of everything that the actor sees of a collection."""
    rows = _visible_rows(actor, collection, request)
    rows = rows.add_columns(encode_cursor(*(key for key, _ in order_keys(collection, request))).label("cursor"))
    result = await session.exec(apply_page(rows, collection, request, LIMIT), params=bind_values(actor, request))
    return _to_page([tuple(row) for row in result], collection, request)


async def count_rows(session: ReadSession, actor: Actor, collection: Collection, request: PageRequest) -> int:
    """Count the rows of the whole list."""
    rows = _visible_rows(actor, collection, request)
    statement = select(func.count()).select_from(rows.subquery())
    return int((await session.exec(statement, params=bind_values(actor, request))).scalar_one())


async def pages_by_parent(
    session: ReadSession,
    actor: Actor,
    collection: Collection,
    request: PageRequest,
    key: str,
    parents: Sequence[UUID],
) -> dict[UUID, Page]:
    """Load the same page under each of many parents, whose ids are in the column `key`; one statement."""
    rows = _visible_rows(actor, collection, request, (key, PARENT.c.id))
    *keys, row_id = order_keys(collection, request)
    sorts = [key.expression.label(f"sort_{number}") for number, key in enumerate(keys)]
    inner = apply_page(rows.add_columns(*sorts), collection, request, LIMIT).lateral("page")
    columns, outer_sorts = list(inner.c)[: -len(keys)], list(inner.c)[-len(keys) :]
    outer_keys = [*outer_sorts, inner.c["id"]]
    order = [OrderKey(column, key.downwards) for column, key in zip(outer_keys, [*keys, row_id], strict=True)]
    statement = (  # a cursor costs more to make than its row to read, so none is made for rows beyond the limit
        select(PARENT.c.id.label("parent_id"), *columns, encode_cursor(*outer_keys))
        .select_from(PARENT.join(inner, true()))
        .order_by(*order_by(order))
    )
    result = await session.exec(statement, params={**bind_values(actor, request), "parents": list(parents)})
    found: dict[UUID, list[tuple[Any, ...]]] = {parent_id: [] for parent_id in parents}
    for parent_id, *row in result:
        found[parent_id].append(tuple(row))
    return {parent_id: _to_page(rows_, collection, request) for parent_id, rows_ in found.items()}


async def counts_by_parent(
    session: ReadSession,
    actor: Actor,
    collection: Collection,
    request: PageRequest,
    key: str,
    parents: Sequence[UUID],
) -> dict[UUID, int]:
    """Count the rows of the whole list under each of many parents; one statement."""
    rows = _visible_rows(actor, collection, request, (key, PARENT.c.id))
    each = select(func.count()).select_from(rows.correlate(PARENT).subquery()).scalar_subquery()
    values = {**bind_values(actor, request), "parents": list(parents)}
    result = await session.exec(select(PARENT.c.id, each).select_from(PARENT), params=values)
    return dict(tuple(row) for row in result)


async def rows_by_key(
    session: ReadSession, actor: Actor, collection: Collection, key: str, ids: Sequence[Any]
) -> dict[Any, Any]:
    """Load the visible rows whose column `key`, unique in the tenant, has one of these values; by these values."""
    rows = collection.visible(actor.permissions)
    statement = rows.where(collection.reachable, _is_any_of_ids(table_of(collection.model).c[key]))
    result = await session.exec(statement, params={**bind_values(actor), "ids": list(ids)})
    return {getattr(row, key): row for row in map(row_class(collection.model).of, result)}


async def expression_by_id(
    session: ReadSession, actor: Actor, collection: Collection, name: str, ids: Sequence[UUID]
) -> dict[UUID, Any]:
    """Compute a named expression for the rows with these ids; one statement."""
    rows = collection.visible(actor.permissions)
    if name in collection.restricted:
        require_permission(actor.permissions, collection.restricted[name])
    key = table_of(collection.model).c.id
    statement = rows.with_only_columns(key, collection.expressions[name], maintain_column_froms=True)
    result = await session.exec(statement.where(_is_any_of_ids(key)), params={**bind_values(actor), "ids": list(ids)})
    return dict(tuple(row) for row in result)


async def abilities_by_id(
    session: ReadSession, actor: Actor, collection: Collection, ids: Sequence[UUID]
) -> dict[UUID, Mapping[str, bool]]:
    """Return by name whether each ability of the collection is the actor's, for visible rows with these ids."""
    allowed = {name: ability.condition(actor.permissions) for name, ability in collection.abilities.items()}
    found = await _values_by_id(session, actor, collection, ids, list(allowed.values()))
    return {row_id: dict(zip(allowed, values, strict=True)) for row_id, values in found.items()}


async def cursors_by_id(
    session: ReadSession, actor: Actor, collection: Collection, request: PageRequest, ids: Sequence[UUID]
) -> dict[UUID, str]:
    """Return the cursors that visible rows with these ids have in a list."""
    cursor = encode_cursor(*(key.expression for key in order_keys(collection, request)))
    found = await _values_by_id(session, actor, collection, ids, [cursor], request)
    return {row_id: values[0] for row_id, values in found.items()}


async def _values_by_id(
    session: ReadSession,
    actor: Actor,
    collection: Collection,
    ids: Sequence[UUID],
    expressions: Sequence[ColumnElement[Any]],
    request: PageRequest | None = None,
) -> dict[UUID, tuple[Any, ...]]:
    """Compute expressions over rows that the actor was shown already, by their ids; of what is gone there is none."""
    key = table_of(collection.model).c.id
    columns = [expression.label(f"value_{number}") for number, expression in enumerate(expressions)]
    statement = select(key, *columns).select_from(key.table).where(_is_any_of_ids(key))
    result = await session.exec(statement, params={**bind_values(actor, request), "ids": list(ids)})
    return {row_id: tuple(values) for row_id, *values in result}


async def past_cursor(
    session: ReadSession, actor: Actor, collection: Collection, request: PageRequest, row: Any
) -> str:
    """Return the cursor that a row has in a list by its own values, even if the row is gone; one statement."""
    cursor = _over_row(encode_cursor(*(key.expression for key in order_keys(collection, request))), collection, row)
    return str((await session.exec(select(cursor), params=bind_values(actor, request))).scalar_one())


async def past_expression(session: ReadSession, actor: Actor, collection: Collection, name: str, row: Row) -> Any:
    """Return what a named expression over a row's own columns gives for a past row; one statement."""
    if name in collection.restricted:
        require_permission(actor.permissions, collection.restricted[name])
    shown = _over_row(collection.expressions[name], collection, row)
    return (await session.exec(select(shown), params=bind_values(actor))).scalar_one()


def _over_row(expression: ColumnElement[Any], collection: Collection, row: Any) -> ColumnElement[Any]:
    """Return an expression over a row's own columns with the values of a row in their place."""
    table = table_of(collection.model)

    def value(element: Any, **_options: Any) -> Any:
        return literal(getattr(row, element.key), element.type) if getattr(element, "table", None) is table else None

    replaced: ColumnElement[Any] = replacement_traverse(expression, {}, value)
    return replaced


def bind_values(actor: Actor, request: PageRequest | None = None) -> dict[str, Any]:
    """Return the values of all binds: the caller, the filters, the cursor, and the limit plus one row."""
    values: dict[str, Any] = {"tenant_id": actor.identity.tenant_id, "user_id": actor.identity.user_id}
    if request is None:
        return values
    values |= {**request.filter.binds(), "limit": request.limit + 1, "fingerprint": request.fingerprint}
    if request.search is not None:
        values["query"] = request.search
    if request.cursor:
        keys, values["after_id"] = request.cursor
        values |= {f"after_key_{number}": key for number, key in enumerate(keys)}
    return values


def slice_page(edges_found: Sequence[Edge], request: PageRequest) -> Page:
    """Return a page from the rows that were read, which may be one more than requested."""
    more = len(edges_found) > request.limit
    edges = edges_found[: request.limit]
    if request.backwards:
        return Page(edges[::-1], has_next_page=request.cursor is not None, has_previous_page=more)
    return Page(edges, has_next_page=more, has_previous_page=request.cursor is not None)


def _visible_rows(
    actor: Actor, collection: Collection, request: PageRequest, parent: tuple[str, ColumnElement[Any]] | None = None
) -> Select[Any]:
    return select_list(collection, actor.permissions, request.filter.condition, parent)


def _is_any_of_ids(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return column == func.any(bindparam("ids", type_=ARRAY(column.type)))


def _to_page(rows: Sequence[tuple[Any, ...]], collection: Collection, request: PageRequest) -> Page:
    make = row_class(collection.model).of
    return slice_page([Edge(make(row[:-1]), row[-1]) for row in rows], request)
