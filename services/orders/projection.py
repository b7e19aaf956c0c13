"""The projection of orders: the rows that a state amounts to, and how they are written."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, update
from sqlmodel import col

from models import ArchivedSale, Order, OrderItem, OrderStatus
from models.base import table_of
from models.database import WriteSession, fetch
from services.orders.state_machine import OrderState
from services.writes.bulk import insert_statement, unnest_params, unnest_table

__all__ = [
    "delete_order",
    "item_rows",
    "order_row",
    "sale_rows",
    "write_items",
    "write_sales",
    "write_transition",
    "write_transitions",
]


INSERT_ITEMS = insert_statement(OrderItem, list(table_of(OrderItem).c.keys()), order_by="line")
INSERT_SALES = insert_statement(ArchivedSale, list(table_of(ArchivedSale).c.keys()), order_by="id")


def order_row(tenant_id: UUID, state: OrderState) -> dict[str, Any]:
    """Return the row of `orders` for a state."""
    return {
        "tenant_id": tenant_id,
        "id": state.order_id,
        "user_id": state.user_id,
        "status": state.status,
        "total_minor": state.total_minor,
        "currency": state.currency,
        "shipping_address": state.shipping_address,
        "created_at": state.created_at,
        "updated_at": state.updated_at,
        "version": state.version,
        "number": state.number,
    }


def item_rows(tenant_id: UUID, state: OrderState) -> list[dict[str, Any]]:
    """Return the rows of `order_items` for a state."""
    return [
        {
            "tenant_id": tenant_id,
            "id": line.item_id,
            "order_id": state.order_id,
            "product_id": line.product_id,
            "line": number,
            "quantity": line.quantity,
            "unit_price_minor": line.unit_price_minor,
            "subtotal_minor": line.subtotal_minor,
            "currency": state.currency,
        }
        for number, line in enumerate(state.lines, 1)
    ]


def sale_rows(tenant_id: UUID, state: OrderState) -> list[dict[str, Any]]:
    """Return the rows of `archived_sales` for a state, by id: none until a delivered order is deleted."""
    if not state.is_deleted or state.status is not OrderStatus.DELIVERED:
        return []
    kept = table_of(ArchivedSale).c.keys()
    rows = [{name: row[name] for name in kept} for row in item_rows(tenant_id, state)]
    return sorted(rows, key=lambda row: row["id"])


async def write_transition(session: WriteSession, tenant_id: UUID, state: OrderState) -> Order:
    """Write the projection of a new state of an order that exists; return its row. Items never change once written."""
    row = order_row(tenant_id, state)
    mine = and_(col(Order.tenant_id) == tenant_id, col(Order.id) == state.order_id)
    moved = {name: row[name] for name in ("status", "updated_at", "version")}
    return (await fetch(session, Order, update(Order).where(mine).values(**moved).returning(*table_of(Order).c)))[0]


async def write_transitions(
    session: WriteSession, tenant_id: UUID | None, states: Sequence[OrderState]
) -> dict[UUID, Order]:
    """Write the projection of new states of orders that exist, by one statement; return the rows by their ids."""
    if not states:
        return {}
    assert tenant_id is not None
    columns, names = table_of(Order).c, ("id", "status", "updated_at", "version")
    given = unnest_table("given", {name: columns[name].type for name in names})
    moved = {name: given.c[name] for name in names if name != "id"}
    these = and_(columns.tenant_id == tenant_id, columns.id == given.c.id)
    statement = update(table_of(Order)).where(these).values(moved).returning(*columns)
    rows = await fetch(session, Order, statement, unnest_params("given", [order_row(tenant_id, s) for s in states]))
    return {row.id: row for row in rows}


async def write_items(session: WriteSession, tenant_id: UUID, state: OrderState) -> None:
    """Write the items of an order that has none."""
    await session.exec(INSERT_ITEMS, params=unnest_params("given", item_rows(tenant_id, state)))


async def write_sales(session: WriteSession, tenant_id: UUID, state: OrderState) -> None:
    """Write what sales figures still count of a deleted order that has no such rows yet."""
    if rows := sale_rows(tenant_id, state):
        await session.exec(INSERT_SALES, params=unnest_params("given", rows))


async def delete_order(session: WriteSession, tenant_id: UUID, state: OrderState) -> None:
    """Delete the rows of an order and of its items; keep what sales figures still count."""
    await write_sales(session, tenant_id, state)
    await session.exec(delete(Order).where(col(Order.tenant_id) == tenant_id, col(Order.id) == state.order_id))
