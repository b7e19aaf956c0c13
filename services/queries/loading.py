"""Reading what an actor may see: one row by a key, a page of rows, how many there are, and the same for many parents.

Every function takes one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, Select, Uuid, bindparam, func, select, true
from sqlalchemy import column as named

from models.base import Row, row_class, table_of
from models.database import AnySession
from services.permissions import Actor, permitted
from services.queries.collection import Collection, PageRequest
from services.queries.cursors import cursor_of
from services.queries.statements import directed, listed, order_keys, paged

__all__ = ["Edge", "Page", "by_keys", "count", "counts", "cut", "expression", "page", "related", "values_of"]


LIMIT = bindparam("limit", type_=Integer())

PARENT = (
    func.unnest(bindparam("parents", type_=ARRAY(Uuid())))
    .table_valued(named("id", Uuid()), name="parent")
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


async def page(session: AnySession, actor: Actor, collection: Collection, request: PageRequest) -> Page:
    """One page of everything that the actor sees of a collection."""
    rows = _visible(actor, collection, request)
    rows = rows.add_columns(cursor_of(*order_keys(collection, request)[:2]).label("cursor"))
    result = await session.exec(paged(rows, collection, request, LIMIT), params=values_of(actor, request))
    return _page([tuple(row) for row in result], collection, request)


async def count(session: AnySession, actor: Actor, collection: Collection, request: PageRequest) -> int:
    """How many rows the whole list has."""
    rows = _visible(actor, collection, request)
    statement = select(func.count()).select_from(rows.subquery())
    return int((await session.exec(statement, params=values_of(actor, request))).scalar_one())


async def related(
    session: AnySession,
    actor: Actor,
    collection: Collection,
    request: PageRequest,
    key: str,
    parents: Sequence[UUID],
) -> dict[UUID, Page]:
    """The same page under each of many parents, whose ids are in the rows' column `key`; one statement."""
    rows = _visible(actor, collection, request, (key, PARENT.c.id))
    sort, _row_id, downwards = order_keys(collection, request)
    inner = paged(rows.add_columns(sort.label("sort")), collection, request, LIMIT).lateral("page")
    *columns, outer_sort = inner.c
    outer_keys = (outer_sort, inner.c["id"])
    statement = (  # a cursor costs more to make than its row to read, so none is made for rows beyond the limit
        select(PARENT.c.id.label("parent_id"), *columns, cursor_of(*outer_keys))
        .select_from(PARENT.join(inner, true()))
        .order_by(*directed(outer_keys, downwards=downwards))
    )
    result = await session.exec(statement, params={**values_of(actor, request), "parents": list(parents)})
    found: dict[UUID, list[tuple[Any, ...]]] = {parent_id: [] for parent_id in parents}
    for parent_id, *row in result:
        found[parent_id].append(tuple(row))
    return {parent_id: _page(rows_, collection, request) for parent_id, rows_ in found.items()}


async def counts(
    session: AnySession,
    actor: Actor,
    collection: Collection,
    request: PageRequest,
    key: str,
    parents: Sequence[UUID],
) -> dict[UUID, int]:
    """How many rows the whole list has under each of many parents; one statement."""
    rows = _visible(actor, collection, request, (key, PARENT.c.id))
    each = select(func.count()).select_from(rows.correlate(PARENT).subquery()).scalar_subquery()
    values = {**values_of(actor, request), "parents": list(parents)}
    result = await session.exec(select(PARENT.c.id, each).select_from(PARENT), params=values)
    return dict(tuple(row) for row in result)


async def by_keys(
    session: AnySession, actor: Actor, collection: Collection, key: str, ids: Sequence[UUID]
) -> dict[UUID, Row]:
    """The rows whose column `key`, unique in the tenant, is one of these; what is not visible is not there."""
    rows = collection.visible(actor.permissions)
    statement = rows.where(collection.live, _any(table_of(collection.model).c[key]))
    result = await session.exec(statement, params={**values_of(actor), "ids": list(ids)})
    return {getattr(row, key): row for row in map(row_class(collection.model).of, result)}


async def expression(
    session: AnySession, actor: Actor, collection: Collection, name: str, ids: Sequence[UUID]
) -> dict[UUID, Any]:
    """What a named expression gives for the rows with these ids; one statement."""
    rows = collection.visible(actor.permissions)
    if name in collection.guarded:
        permitted(actor.permissions, collection.guarded[name])
    key = table_of(collection.model).c.id
    statement = rows.with_only_columns(key, collection.expressions[name], maintain_column_froms=True)
    result = await session.exec(statement.where(_any(key)), params={**values_of(actor), "ids": list(ids)})
    return dict(tuple(row) for row in result)


def values_of(actor: Actor, request: PageRequest | None = None) -> dict[str, Any]:
    """The values of the binds of everything here: who asks, the filters, the cursor, and one row more than asked."""
    values: dict[str, Any] = {"tenant_id": actor.identity.tenant_id, "user_id": actor.identity.user_id}
    if request is None:
        return values
    values |= {**dict(request.filters), "limit": request.limit + 1, "fingerprint": request.fingerprint}
    if request.cursor:
        values["after_key"], values["after_id"] = request.cursor
    return values


def cut(found: Sequence[Edge], request: PageRequest) -> Page:
    """A page from what was found, in the order in which it was walked: one row more than asked for, if there is one."""
    more = len(found) > request.limit
    edges = found[: request.limit]
    if request.backwards:
        return Page(edges[::-1], has_next_page=request.cursor is not None, has_previous_page=more)
    return Page(edges, has_next_page=more, has_previous_page=request.cursor is not None)


def _visible(
    actor: Actor, collection: Collection, request: PageRequest, under: tuple[str, ColumnElement[Any]] | None = None
) -> Select[Any]:
    return listed(collection, actor.permissions, [name for name, _ in request.filters], under)


def _any(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return column == func.any(bindparam("ids", type_=ARRAY(Uuid())))


def _page(rows: Sequence[tuple[Any, ...]], collection: Collection, request: PageRequest) -> Page:
    make = row_class(collection.model).of
    return cut([Edge(make(row[:-1]), row[-1]) for row in rows], request)
