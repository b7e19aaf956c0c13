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

from sqlalchemy import and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import Event, Order, OrderItem
from models.base import Model, table_of
from models.database import WriteSession, fetch
from services.orders.machine import STREAM, State, fold
from services.orders.projection import item_rows, order_row

__all__ = ["Batch", "batch", "orders_and_events"]

BATCH = 500  # orders


@dataclass(slots=True)
class Batch:
    """What a replay of some orders found."""

    last: UUID | None = None
    """The last order of the batch; None when there was none left."""
    orders: int = 0
    events: int = 0
    different: list[UUID] = field(default_factory=list)
    """The orders whose rows are not what their events say."""


async def orders_and_events(session: WriteSession, tenant_id: UUID) -> tuple[int, int]:
    """How many orders and events a replay of a tenant goes through."""
    theirs = and_(col(Event.tenant_id) == tenant_id, col(Event.stream_type) == STREAM)
    counted = select(func.count(func.distinct(col(Event.stream_id))), func.count()).where(theirs)
    orders, events = (await session.exec(counted)).one()
    return orders, events


async def batch(session: WriteSession, tenant_id: UUID, after: UUID | None, *, repair: bool) -> Batch:
    """Replay the next orders of a tenant behind one; with `repair`, set right what differs.

    The session is one of the operator's, inside the tenant.
    """
    theirs = [col(Event.tenant_id) == tenant_id, col(Event.stream_type) == STREAM, col(Event.version) == 1]
    if after is not None:
        theirs.append(col(Event.stream_id) > after)
    streams = select(col(Event.stream_id)).where(*theirs).order_by(col(Event.stream_id)).limit(BATCH)
    ids = list((await session.exec(streams)).scalars())
    if not ids:
        return Batch()
    rows = await _rows(session, tenant_id, Order, col(Order.id), ids, lock=repair)
    items = await _rows(session, tenant_id, OrderItem, col(OrderItem.order_id), ids, lock=False)
    events = await _events(session, tenant_id, ids)
    found = Batch(last=ids[-1], orders=len(ids), events=sum(map(len, events.values())))
    for order_id in ids:
        state = fold(events[order_id])
        assert state is not None, "a stream begins with its first event"
        if _differs(tenant_id, state, rows[order_id], items[order_id]):
            found.different.append(order_id)
            if repair:
                await _repair(session, tenant_id, state)
    return found


async def _rows(
    session: WriteSession, tenant_id: UUID, model: type[Model], key: Any, ids: Sequence[UUID], *, lock: bool
) -> dict[UUID, list[dict[str, Any]]]:
    table = table_of(model)
    statement = select(*table.c).where(table.c.tenant_id == tenant_id, key.in_(ids)).order_by(table.c.id)
    rows = await fetch(session, model, statement.with_for_update() if lock else statement)
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[getattr(row, key.key)].append(row._asdict())  # type: ignore[attr-defined]  # rows are named tuples
    return found


async def _events(session: WriteSession, tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, list[Event]]:
    statement = (
        select(*table_of(Event).c)
        .where(col(Event.tenant_id) == tenant_id, col(Event.stream_id).in_(ids))
        .order_by(col(Event.stream_id), col(Event.version))
    )
    found: dict[UUID, list[Event]] = defaultdict(list)
    for event in await fetch(session, Event, statement):
        found[event.stream_id].append(event)
    return found


def _differs(tenant_id: UUID, state: State, rows: list[dict[str, Any]], items: list[dict[str, Any]]) -> bool:
    by_line = sorted(items, key=lambda item: item["line"])
    return rows != [order_row(tenant_id, state)] or by_line != item_rows(tenant_id, state)


async def _repair(session: WriteSession, tenant_id: UUID, state: State) -> None:
    row = order_row(tenant_id, state)
    kept = {name: value for name, value in row.items() if name not in {"tenant_id", "id"}}
    await session.exec(insert(Order).values(**row).on_conflict_do_update(index_elements=["tenant_id", "id"], set_=kept))
    theirs = and_(col(OrderItem.tenant_id) == tenant_id, col(OrderItem.order_id) == state.order_id)
    await session.exec(delete(OrderItem).where(theirs))
    await session.exec(insert(OrderItem).values(item_rows(tenant_id, state)))
