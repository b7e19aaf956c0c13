"""What may be done with orders, and who may see them."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, Uuid, bindparam, case, cast, func, select
from sqlalchemy.dialects.postgresql import array
from sqlmodel import col

from models import Order, OrderItem, OrderStatus
from models.base import past_row_class, table_of
from models.database import ReadSession, WriteSession, fetch
from services import tenants
from services.errors import DomainError, IllegalTransition, InvalidInput, NotFound, VersionConflict
from services.eventlog import store
from services.orders.abilities import ORDER_ABILITIES
from services.orders.numbers import with_number
from services.orders.placement import PlaceOrder
from services.orders.projection import delete_order, order_row, write_transition, write_transitions
from services.orders.state_machine import STREAM, TRANSITIONS, Delete, OrderState, Transition, decide, fold
from services.orders.stock import MAX_TOTAL, Item, return_stock
from services.permissions import TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, related_row, related_rows
from services.queries.filters import (
    choice_filter,
    id_filter,
    money_filter,
    scalar_filter,
    substring_filter,
    viewer_filter,
)
from services.queries.loading import bind_values
from services.tenants import member_filter
from services.validation import Validator, validating
from services.writes.bulk import Batch, RowChange, reject_missing
from services.writes.decided_write import apply_decided
from services.writes.idempotency import KeyedCall, key_scope

__all__ = [
    "FILTERED_ITEMS",
    "ITEMS",
    "ORDERS",
    "Item",
    "as_of",
    "confirm_all",
    "delete",
    "place",
    "place_command",
    "transition",
]

MAX_LINES = 100
MAX_LINE_QUANTITY = 2**31 - 1
MAX_ADDRESS_LENGTH = 500
MAX_REASON_LENGTH = 500


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the actor's own orders; all of the tenant's for who manages orders."""
    require_permission(permissions, Permission.ORDERS_READ)
    return select(*table_of(Order).c).where(
        col(Order.tenant_id) == TENANT_ID, *_own_condition(permissions, col(Order.user_id))
    )


def visible_items(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the items of visible orders."""
    require_permission(permissions, Permission.ORDERS_READ)
    items = select(*table_of(OrderItem).c).where(col(OrderItem.tenant_id) == TENANT_ID)
    return items if Permission.ORDERS_WRITE in permissions else items.where(_is_in_own_orders(col(OrderItem.order_id)))


def _own_condition(permissions: AbstractSet[Permission], user_id: Any) -> list[Any]:
    return [] if Permission.ORDERS_WRITE in permissions else [user_id == USER_ID]


def _is_in_own_orders(order_id: Any) -> Any:
    own = select(col(Order.id)).where(col(Order.tenant_id) == TENANT_ID, col(Order.user_id) == USER_ID)
    return order_id.in_(own)


def _contains_product(product_id: Any) -> Any:
    """Return the condition for orders that have an item of a product.

    The tenant is the actor's and not the order's, so that the items are looked up once and not for each order.
    """
    items = select(col(OrderItem.order_id)).where(
        col(OrderItem.tenant_id) == TENANT_ID, col(OrderItem.product_id) == product_id
    )
    return col(Order.id).in_(items.correlate_except(table_of(OrderItem)))


NEXT_STATUSES = case(
    *(
        (col(Order.status) == status, cast(array([str(s) for s in allowed], type_=Text()), ARRAY(Text())))
        for status, allowed in TRANSITIONS.items()
    )
)

ITEMS = Collection(
    model=OrderItem,
    visible=visible_items,
    filters={},
    orders={"line": SortOrder.by(col(OrderItem.line))},
    default_order=("line", False),
)

FILTERED_ITEMS = replace(
    ITEMS,
    filters={"product_id": id_filter(col(OrderItem.product_id)), "quantity": scalar_filter(col(OrderItem.quantity))},
)
"""Items, as orders are filtered by them."""

ORDERS = Collection(
    model=Order,
    visible=visible,
    filters={
        "number": scalar_filter(col(Order.number)),
        "text": substring_filter("orders_text", col(Order.id)),
        "status": choice_filter(col(Order.status), OrderStatus),
        "total_amount": money_filter(col(Order.total_minor), col(Order.currency), MAX_TOTAL),
        "user_id": member_filter(col(Order.user_id)),
        "mine": viewer_filter(col(Order.user_id) == USER_ID),
        "created_at": scalar_filter(col(Order.created_at)),
        "updated_at": scalar_filter(col(Order.updated_at)),
    },
    relations={
        "user": related_row(lambda: tenants.USERS, "user_id", "user_id"),
        "items": related_rows(lambda: FILTERED_ITEMS, "order_id"),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Order.created_at)),
        "updated_at": SortOrder.newest_first(col(Order.updated_at)),
        "status": SortOrder.by(col(Order.status_rank)),
        "total_amount": SortOrder.by(col(Order.total_minor)),
        "number": SortOrder.by(col(Order.number)),
    },
    default_order=("created_at", True),
    expressions={"next_statuses": NEXT_STATUSES},
    join_conditions={"product_id": _contains_product},
    abilities=ORDER_ABILITIES,
)


async def place(
    session: WriteSession,
    actor: Actor,
    *,
    items: Sequence[Item],
    shipping_address: str,
    idempotency_key: str | None = None,
) -> Order:
    """Place an order: all of it or nothing. The same product twice is one line; prices are frozen.

    Raises:
        InvalidInput: no items, more than 100 products, a quantity below 1, an unknown or inactive product, mixed
            currencies, a total of more than twelve digits, an address that is empty or longer than 500 characters.
        OutOfStock: there is not enough of some products; names every one of them.
        IdempotencyConflict: see `services.writes.idempotency`.
        NotFound: the order that was placed with this key has been deleted.
    """
    actor.require(Permission.ORDERS_PLACE)
    command = place_command(actor, items=items, shipping_address=shipping_address, idempotency_key=idempotency_key)
    return await apply_decided(session, actor, command)


def place_command(
    actor: Actor, *, items: Sequence[Item], shipping_address: str, idempotency_key: str | None = None
) -> PlaceOrder:
    """Return the write that `place` comes down to.

    Raises:
        InvalidInput: what is wrong with the order whatever the products are; see `place`.
    """
    actor.require(Permission.ORDERS_PLACE)
    with validating() as validator:
        shipping_address = validator.check_text(
            "shipping_address", shipping_address, min_length=1, max_length=MAX_ADDRESS_LENGTH
        )
        wanted = _merge_items(validator, items)
    call = None
    if idempotency_key is not None:
        values = {"items": {str(key): value for key, value in wanted.items()}, "shipping_address": shipping_address}
        call = KeyedCall.of(key_scope("place", Order), idempotency_key, values)
    return PlaceOrder(items, wanted, shipping_address, call)


async def transition(
    session: WriteSession,
    actor: Actor,
    *,
    id: UUID,
    status: OrderStatus,
    reason: str | None = None,
    expected_version: int | None = None,
) -> Order:
    """Move an order to another status. Cancelling returns its stock; members may cancel their own.

    Raises:
        NotFound: no such order, or not one's own.
        IllegalTransition: it may not become that now, or the stock has no room for what comes back.
        InvalidInput: a reason longer than 500 characters.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.ORDERS_PLACE if status is OrderStatus.CANCELLED else Permission.ORDERS_WRITE)
    with validating() as validator:
        reason = _check_reason(validator, reason)
    await _lock(session, actor, id, expected_version)
    state = fold(await store.read_stream(session, actor, id))
    tenant_id, reached = await _record(session, actor, id, state, Transition(status, reason))
    moved = await write_transition(session, tenant_id, reached)
    if status is OrderStatus.CANCELLED and state is not None:
        await return_stock(session, actor, state)
    return moved


async def confirm_all(
    session: WriteSession, actor: Actor, *, rows: Sequence[RowChange | InvalidInput]
) -> list[Order | DomainError]:
    """Confirm up to 1,000 orders, each as `transition` does; give what became of each, in their order.

    Of the changes of a row there is its `reason`.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
    """
    actor.require(Permission.ORDERS_WRITE)
    batch = Batch[RowChange, Order]("orders", rows)
    batch.reject_duplicates("id", lambda row: row.id)
    reasons: dict[UUID, str | None] = {}
    for index, row in batch.pending_rows():
        with batch.validating(index) as validator:
            reasons[row.id] = _check_reason(validator, row.changes.get("reason"))
    current = await _lock_all(session, actor, [row.id for row in batch.pending.values()])
    reject_missing(batch, Order, current)
    streams = await store.read_streams(session, actor, [row.id for row in batch.pending.values()])
    states: dict[UUID, OrderState] = {}
    decisions: list[store.Decision] = []
    for index, row in batch.pending_rows():
        state = fold(streams[row.id])
        try:
            decided = decide(state, Transition(OrderStatus.CONFIRMED, reasons[row.id]))
        except IllegalTransition as refusal:
            batch.finish(index, refusal)
        else:
            assert state is not None
            states[row.id] = state
            decisions.append(store.Decision(row.id, state.version, decided))
    written = await store.append_all(session, actor, Order, STREAM, decisions)
    reached = [fold(written[order_id], state) for order_id, state in states.items()]
    confirmed = await write_transitions(session, actor.identity.tenant_id, [each for each in reached if each])
    batch.finish_all({index: confirmed[row.id] for index, row in batch.pending_rows()})
    return batch.outcomes()


async def delete(
    session: WriteSession, actor: Actor, *, id: UUID, reason: str | None = None, expected_version: int | None = None
) -> Order:
    """Delete a cancelled or delivered order with its items; give it as it was. Its events and its sales stay.

    Raises:
        NotFound: no such order.
        IllegalTransition: it is neither cancelled nor delivered.
        InvalidInput: a reason longer than 500 characters.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.ORDERS_WRITE)
    with validating() as validator:
        reason = _check_reason(validator, reason)
    order = await _lock(session, actor, id, expected_version)
    state = fold(await store.read_stream(session, actor, id))
    _, reached = await _record(session, actor, id, state, Delete(reason))
    await delete_order(session, order.tenant_id, reached)
    return order


async def as_of(session: ReadSession, actor: Actor, *, id: UUID, moment: datetime) -> Order | None:
    """Return the order as it was at a moment, as a past row; None if it did not exist then or is not visible.

    Of a deleted order the past is for who manages orders.
    """
    mine = visible(actor.permissions)
    rows = mine.where(col(Order.id) == bindparam("order_id", type_=Uuid()))
    has_row = bool(await fetch(session, Order, rows, {**bind_values(actor), "order_id": id}))
    if not has_row and Permission.ORDERS_WRITE not in actor.permissions:
        return None
    until = takewhile(lambda event: event.created_at <= moment, await store.read_stream(session, actor, id))
    state = fold(until)
    if state is None or state.is_deleted or actor.identity.tenant_id is None:
        return None
    row = order_row(actor.identity.tenant_id, await with_number(session, actor.identity.tenant_id, state))
    row |= {"status_rank": list(OrderStatus).index(row["status"]) + 1}  # which the database generates otherwise
    return past_row_class(Order).of(row[column.name] for column in table_of(Order).c)  # type: ignore[return-value]  # as in fetch


def _check_reason(validator: Validator, reason: str | None) -> str | None:
    return validator.check_text("reason", reason, max_length=MAX_REASON_LENGTH) if reason else None


def _merge_items(validator: Validator, items: Sequence[Item]) -> dict[UUID, int]:
    """Return the quantity of each product."""
    wanted: dict[UUID, int] = {}
    for number, item in enumerate(items):
        if item.quantity < 1:
            validator.add_problem(f"items.{number}.quantity", "A quantity is 1 or more.")
        wanted[item.product_id] = wanted.get(item.product_id, 0) + item.quantity
        if wanted[item.product_id] > MAX_LINE_QUANTITY:
            validator.add_problem(f"items.{number}.quantity", "That is more than can be ordered of one product.")
    if not 1 <= len(wanted) <= MAX_LINES:
        validator.add_problem("items", f"An order has 1 to {MAX_LINES} products.")
    return wanted


async def _lock(session: WriteSession, actor: Actor, order_id: UUID, expected_version: int | None) -> Order:
    """Read an order that the actor sees, and keep it from changing until the transaction ends.

    Raises:
        NotFound: no such order, or not one's own.
        VersionConflict: it is not at the expected version.
    """
    order = (await _lock_all(session, actor, [order_id])).get(order_id)
    if order is None:
        raise NotFound
    if expected_version is not None and order.version != expected_version:
        raise VersionConflict(Order, order_id, order.version)
    return order


async def _lock_all(session: WriteSession, actor: Actor, order_ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Read orders that the actor sees, by their ids, and keep them from changing until the transaction ends."""
    these = visible(actor.permissions).where(col(Order.id) == func.any(bindparam("order_ids", type_=ARRAY(Uuid()))))
    statement = these.order_by(col(Order.id)).with_for_update()
    orders = await fetch(session, Order, statement, {**bind_values(actor), "order_ids": list(order_ids)})
    return {order.id: order for order in orders}


async def _record(
    session: WriteSession, actor: Actor, order_id: UUID, state: OrderState | None, command: Transition | Delete
) -> tuple[UUID, OrderState]:
    """Decide on a command and append its events; return the tenant and the new state."""
    version = state.version if state else 0
    written = await store.append_events(session, actor, Order, STREAM, order_id, version, decide(state, command))
    reached = fold(written, state)
    assert reached is not None
    assert actor.identity.tenant_id is not None
    return actor.identity.tenant_id, reached
