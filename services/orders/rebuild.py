"""Replay: the projection made anew from the events, and held against what the tables say.

It runs while the server does, tenant by tenant and some hundred orders at a time. Each batch is folded from its events
into a shadow in memory and compared, row by row and column by column. To compare, the events and the rows are read in
one snapshot; to repair, the rows are locked first, so nothing can move in between.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import ArchivedSale, Event, Order, OrderItem
from models.base import Model, table_of
from models.database import ReadSession, WriteSession, fetch
from services.orders.numbers import with_numbers
from services.orders.projection import item_rows, order_row, sale_rows, write_items, write_sales
from services.orders.state_machine import STREAM, OrderState, fold

__all__ = ["RebuildBatch", "count_orders", "rebuild_batch"]

REBUILD_BATCH_SIZE = 500  # orders


@dataclass(slots=True)
class RebuildBatch:
    """What a replay of some orders found."""

    last: UUID | None = None
    """The last order of the batch; None when there was none left."""
    orders: int = 0
    mismatched: list[UUID] = field(default_factory=list)
    """The orders whose rows are not what their events say."""


async def count_orders(session: ReadSession, tenant_id: UUID) -> int:
    """Return how many orders a rebuild of a tenant covers."""
    return int((await session.exec(select(func.count()).select_from(_order_ids(tenant_id).subquery()))).scalar_one())


async def rebuild_batch(session: ReadSession, tenant_id: UUID, after: UUID | None, *, repair: bool) -> RebuildBatch:
    """Rebuild the next orders of a tenant; with `repair`, in a transaction, correct what differs.

    The session is one of the operator's, inside the tenant. An order that no event stands behind is taken out.
    """
    ids = await _next_order_ids(session, tenant_id, after)
    if not ids:
        return RebuildBatch()
    rows = await _rows_by_order(session, tenant_id, Order, col(Order.id), ids, lock=repair)
    items = await _rows_by_order(session, tenant_id, OrderItem, col(OrderItem.order_id), ids, lock=False)
    sales = await _rows_by_order(session, tenant_id, ArchivedSale, col(ArchivedSale.order_id), ids, lock=False)
    events = await _events_by_order(session, tenant_id, ids)
    folded = [state for state in map(fold, events.values()) if state is not None]
    states = {state.order_id: state for state in await with_numbers(session, tenant_id, folded)}
    found = RebuildBatch(last=ids[-1], orders=len(ids))
    for order_id in ids:
        state = states.get(order_id)
        if _differs(tenant_id, state, rows[order_id], items[order_id], sales[order_id]):
            found.mismatched.append(order_id)
            if repair:
                await _repair(WriteSession(session), tenant_id, order_id, state)
    return found


def _order_ids(tenant_id: UUID) -> CompoundSelect[Any]:
    """Return all orders that have an event or a row."""
    happened: Select[Any] = select(col(Event.stream_id).label("id")).where(
        col(Event.tenant_id) == tenant_id, col(Event.stream_type) == STREAM, col(Event.version) == 1
    )
    return happened.union(select(col(Order.id)).where(col(Order.tenant_id) == tenant_id))


async def _next_order_ids(session: ReadSession, tenant_id: UUID, after: UUID | None) -> list[UUID]:
    orders = _order_ids(tenant_id).subquery()
    behind = () if after is None else (orders.c.id > after,)
    return list(
        (
            await session.exec(select(orders.c.id).where(*behind).order_by(orders.c.id).limit(REBUILD_BATCH_SIZE))
        ).scalars()
    )


async def _rows_by_order(
    session: ReadSession, tenant_id: UUID, model: type[Model], key: Any, ids: Sequence[UUID], *, lock: bool
) -> dict[UUID, list[dict[str, Any]]]:
    table = table_of(model)
    statement = select(*table.c).where(table.c.tenant_id == tenant_id, key.in_(ids)).order_by(table.c.id)
    rows = await fetch(session, model, statement.with_for_update() if lock else statement)
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    written = [column.name for column in table.c if not column.computed]
    for row in rows:
        found[getattr(row, key.key)].append({name: getattr(row, name) for name in written})
    return found


async def _events_by_order(session: ReadSession, tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, list[Event]]:
    statement = (
        select(*table_of(Event).c)
        .where(col(Event.tenant_id) == tenant_id, col(Event.stream_id).in_(ids))
        .order_by(col(Event.stream_id), col(Event.version))
    )
    found: dict[UUID, list[Event]] = defaultdict(list)
    for event in await fetch(session, Event, statement):
        found[event.stream_id].append(event)
    return found


def _differs(
    tenant_id: UUID,
    state: OrderState | None,
    rows: list[dict[str, Any]],
    items: list[dict[str, Any]],
    sales: list[dict[str, Any]],
) -> bool:
    by_line = sorted(items, key=lambda item: item["line"])
    if sorted(sales, key=lambda sale: sale["id"]) != ([] if state is None else sale_rows(tenant_id, state)):
        return True
    if state is None or state.is_deleted:
        return bool(rows or items)
    return rows != [order_row(tenant_id, state)] or by_line != item_rows(tenant_id, state)


async def _repair(session: WriteSession, tenant_id: UUID, order_id: UUID, state: OrderState | None) -> None:
    theirs = and_(col(OrderItem.tenant_id) == tenant_id, col(OrderItem.order_id) == order_id)
    sales = and_(col(ArchivedSale.tenant_id) == tenant_id, col(ArchivedSale.order_id) == order_id)
    await session.exec(delete(OrderItem).where(theirs))
    await session.exec(delete(ArchivedSale).where(sales))
    if state is not None:
        await write_sales(session, tenant_id, state)
    if state is None or state.is_deleted:
        await session.exec(delete(Order).where(col(Order.tenant_id) == tenant_id, col(Order.id) == order_id))
        return
    row = order_row(tenant_id, state)
    kept = {name: value for name, value in row.items() if name not in {"tenant_id", "id"}}
    await session.exec(insert(Order).values(**row).on_conflict_do_update(index_elements=["tenant_id", "id"], set_=kept))
    await write_items(session, tenant_id, state)
