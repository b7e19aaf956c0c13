"""Numbers of orders: 1001, 1002, … in each tenant; a number is never given twice, even after its order is deleted.

One row of a tenant counts them. Whoever places an order holds it until the transaction ends, so numbers rise in the
order in which orders are committed, and an order that is refused uses up none. The number is part of the event that
places the order, which gets it when it is written. Orders placed before numbers existed have theirs from their rank
among those.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CTE, ColumnElement, Uuid, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import Event, OrderNumber
from models.base import table_of
from models.database import ReadSession
from services.orders.state_machine import PLACED, STREAM, OrderState

__all__ = ["FIRST_NUMBER", "next_number", "with_number", "with_numbers"]

FIRST_NUMBER = 1001


def next_number(tenant_id: ColumnElement[Any], condition: ColumnElement[bool]) -> CTE:
    """Return the next number of a tenant's orders, as a CTE with the column `last`, if a condition holds.

    Others who want one wait until the transaction ends.
    """
    names = ["tenant_id", "last"]
    first = insert(OrderNumber).from_select(names, select(tenant_id, literal(FIRST_NUMBER)).where(condition))
    count = first.on_conflict_do_update(index_elements=["tenant_id"], set_={"last": table_of(OrderNumber).c.last + 1})
    return count.returning(col(OrderNumber.last)).cte("counted")


async def with_number(session: ReadSession, tenant_id: UUID, state: OrderState) -> OrderState:
    """Return the state of an order with its number."""
    return (await with_numbers(session, tenant_id, [state]))[0]


async def with_numbers(session: ReadSession, tenant_id: UUID, states: Sequence[OrderState]) -> list[OrderState]:
    """Return states of orders with their numbers: those that have none in their event, from the order of the events."""
    missing = [state.order_id for state in states if state.number is None]
    numbers: dict[UUID, int] = {}
    if missing:
        events = table_of(Event).c
        rank = (FIRST_NUMBER - 1 + func.row_number().over(order_by=(events.created_at, events.stream_id))).label("rank")
        placed = (
            select(events.stream_id, rank)
            .where(events.tenant_id == tenant_id, events.stream_type == STREAM, events.type == PLACED)
            .where(~events.payload.has_key("number"))
            .subquery()
        )
        wanted = placed.c.stream_id == func.any(bindparam("ids", type_=ARRAY(Uuid())))
        result = await session.exec(select(placed).where(wanted), params={"ids": missing})
        numbers = dict(tuple(row) for row in result)
    return [replace(state, number=numbers.get(state.order_id, state.number)) for state in states]
