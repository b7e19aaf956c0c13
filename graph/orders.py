"""Orders in GraphQL."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET

import models
from graph import subscriptions
from graph.fields.as_of import by_id_as_of
from graph.fields.columns import expression, global_id, money
from graph.fields.connection import Connection
from graph.fields.descriptions import enum, input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import (
    IdempotencyConflict,
    IllegalTransition,
    InvalidInput,
    NotFound,
    OutOfStock,
    VersionConflict,
)
from graph.fields.filtering import filter_input
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.money import Money
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_many, to_one
from graph.fields.sorting import order_input
from graph.fields.statistics import statistics_field
from graph.order_statistics import OrderStats
from graph.products import Product
from graph.runtime.context import Context, Info
from models import OrderStatus
from models.database import WriteSession
from services import orders
from services.api_keys import ALL_API_KEYS
from services.orders.statistics import ORDER_STATISTICS
from services.permissions import Actor, Permission

if TYPE_CHECKING:
    from graph.api_keys import ApiKey
    from graph.tenants import User

__all__ = [
    "DOMAIN",
    "Order",
    "OrderEvent",
    "OrderFilter",
    "OrderItem",
    "OrderItemFilter",
    "OrderOrder",
    "Queries",
    "Subscriptions",
]


@enum
class OrderEventType(Enum):
    """Types of events that can happen to an order."""

    PLACED = "OrderPlaced"
    """The order was placed and its stock reserved."""
    CONFIRMED = "OrderConfirmed"
    """The order was confirmed by an admin or owner."""
    SHIPPED = "OrderShipped"
    """The order was shipped to its shipping address."""
    DELIVERED = "OrderDelivered"
    """The order was delivered; it cannot change any more."""
    CANCELLED = "OrderCancelled"
    """The order was cancelled and its stock returned."""
    DELETED = "OrderDeleted"
    """The order and its items were deleted by an admin or owner; its events remain."""


@backed_by(orders.ITEMS)
class OrderItem(Node):
    """An item of an order: one product with its quantity, and its price when the order was placed."""

    line: int
    """Line number of the item in its order, starting at 1."""
    product: Product = to_one("product_id")
    """Product that was ordered with this item, as the product is now."""
    quantity: int
    """Number of units of the product in this item, 1 or more."""
    unit_price: Money = money("unit_price_minor")
    """Price of one unit when the order of this item was placed; later price changes do not affect it."""
    subtotal: Money = money("subtotal_minor")
    """Subtotal of the item: its unit price times its quantity."""
    order: Annotated["Order", strawberry.lazy("graph.orders")] | None = to_one("order_id")
    """Order that the item belongs to; never null. Nullable in the schema so that it can be selected together with
    `OrderEvent.order`."""


@backed_by(orders.EVENTS)
class OrderEvent(Node):
    """An event of an order, such as its placement or cancellation.

    Events never change; the state of the order is computed from them.
    """

    type: OrderEventType
    """Type of the event: what happened to the order."""
    version: int
    """Position of the event among the events of its order, starting at 1."""
    created_at: datetime
    """Date and time the event of the order occurred (UTC)."""
    actor: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("actor_id", key="user_id")
    """Member who caused the event, or who created the API key that caused it; null if no member did."""
    via_api_key: bool = expression("via_api_key")
    """True if the event was caused with an API key, in the name of the actor."""
    api_key: Annotated["ApiKey", strawberry.lazy("graph.api_keys")] | None = to_one("api_key_id", of=ALL_API_KEYS)
    """API key with which the event was caused, even if it has been revoked since; null if none was used, if the viewer
    may not see the API key, or a year after the API key ended."""
    reason: str | None = expression("reason")
    """Reason given for the event, at most 500 characters; null if none was given."""
    order_id: strawberry.ID = global_id("stream_id", "Order")
    """Global ID of the order that the event belongs to, even if the order has been deleted."""
    order: Annotated["Order", strawberry.lazy("graph.orders")] | None = to_one("stream_id")
    """Order that the event belongs to, as the order is now; null once the order has been deleted."""


OrderItemFilter = filter_input(orders.FILTERED_ITEMS, ids={"product_id": "Product"}, quantity="number of units")
OrderFilter = filter_input(
    orders.ORDERS,
    ids={"user_id": "User"},
    related={"user": ("UserFilter", "graph.tenants"), "items": ("OrderItemFilter", "graph.orders")},
    total_amount="total amount",
    user_id="member who placed them, by global ID,",
    mine="that the viewer placed",
    created_at="date and time of placement",
    updated_at="date and time of the last status change",
)


OrderOrder = order_input(
    orders.ORDERS,
    created_at="the date and time they were placed",
    updated_at="the date and time of their last status change",
    total_amount="total amount, compared as a number of minor units (such as cents) whatever the currency",
)


@backed_by(orders.ORDERS, filter=OrderFilter, order=OrderOrder)
class Order(Node):
    """An order of products by a member of the tenant: its items, total amount and status.

    Visible to the member who placed it, and to admins and owners.
    """

    status: OrderStatus
    """Status of the order: how far it has been processed."""
    next_statuses: list[OrderStatus] = expression(
        "next_statuses", from_row=lambda order: orders.next_statuses(order.status)
    )
    """Statuses that the order can change to next; empty if it is delivered or cancelled."""
    total_amount: Money = money("total_minor")
    """Total amount of the order: the sum of the subtotals of its items, at most twelve digits including decimals."""
    shipping_address: str
    """Shipping address of the order, 1 to 500 characters."""
    user: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("user_id", key="user_id")
    """Member who placed the order; stays set after the member has left the tenant."""
    items: Connection[OrderItem] = to_many("order_id")
    """Items of the order, one for each product, sorted by line number."""
    events: Connection[OrderEvent] = to_many("stream_id")
    """Events of the order since it was placed, oldest first."""
    created_at: datetime
    """Date and time the order was placed (UTC)."""
    updated_at: datetime
    """Date and time of the last status change of the order (UTC); the time it was placed if there was none."""
    version: int
    """Version of this object: 1 at first, one more with each change; send it as `expectedVersion` to detect
    concurrent changes."""


@object_type
class Queries:
    """Orders at the root."""

    order: Order | None = by_id_as_of("Order", orders.as_of)
    """Order by its global ID; null if there is no such order or the viewer may not see it. Members see their own
    orders, admins and owners all orders of the tenant. With `asOf`, null if the order did not exist at that time; how a
    deleted order was before it was deleted is shown to admins and owners, without its items."""
    orders: Connection[Order] = connection()
    """Orders placed by the viewer, or all orders of the tenant for admins and owners; newest first by default."""
    order_stats: OrderStats = statistics_field(ORDER_STATISTICS, filter=OrderFilter)
    """Numbers of orders by group: of the orders that the list `orders` holds for the viewer with the same filter.
    Orders of different currencies are in different groups."""


@object_type
class OrderEventMessage:
    """Message of the subscription `orderEvents`: one event of an order."""

    cursor: str
    """Cursor of the order event in the stream of events; send it as `after` of `orderEvents` to continue after it."""
    event: OrderEvent
    """Order event that occurred, with its order."""


async def _order_events(
    info: Info, after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET
) -> AsyncGenerator[OrderEventMessage]:
    """Events of the viewer's own orders, or of all orders of the tenant for admins and owners.

    Each is delivered once and in order, from now on or after the given cursor.
    """
    events = subscriptions.follow_shared(info, Permission.ORDERS_READ, orders.EVENTS, after or None, _to_order_event)
    async with aclosing(events):
        async for event in events:
            yield event


async def _to_order_event(_context: Context, cursor: str, entry: Any) -> OrderEventMessage:
    return OrderEventMessage(cursor=cursor, event=entry)


@object_type
class Subscriptions:
    """Orders, live."""

    order_events: AsyncGenerator[OrderEventMessage, None] = strawberry.subscription(
        resolver=_order_events, description=_order_events.__doc__
    )


@input_type
class OrderItemInput:
    """Input of one item of `placeOrder`: a product and its quantity."""

    product_id: strawberry.ID = id_of("Product")
    """Global ID of the product to order; the product must be active."""
    quantity: int
    """Number of units of the product to order, 1 or more."""


@input_type
class PlaceOrderInput:
    """Input of `placeOrder`: items and shipping address of the order to place."""

    items: list[OrderItemInput]
    """Items of the order to place: 1 to 100 different products, all in one currency; quantities of the same product are
    added up."""
    shipping_address: str
    """Shipping address of the order to place: 1 to 500 characters."""
    idempotency_key: str | None = UNSET
    """Client-chosen key, 1 to 255 characters, that makes retries of `placeOrder` safe: a repeated call with the same
    input places no second order and returns the first one, or NotFound if that has been deleted. A repeated key with a
    different input gives an IdempotencyConflict."""


@input_type
class ConfirmOrderInput:
    """Order to confirm, which must be pending; for admins and owners."""

    id: strawberry.ID = id_of("Order")
    """Global ID of the order to confirm."""
    reason: str | None = UNSET
    """Reason why the order is confirmed, at most 500 characters; null for none."""
    expected_version: int | None = UNSET
    """Version of the order that the client last saw; if the order has changed since, nothing is written and a
    VersionConflict is returned. Omit it to confirm the order without the check."""


@input_type
class ShipOrderInput(ConfirmOrderInput):
    """Input of `shipOrder`: the confirmed order that was shipped."""


@input_type
class DeliverOrderInput(ConfirmOrderInput):
    """Shipped order to mark as delivered; for admins and owners."""


@input_type
class CancelOrderInput(ConfirmOrderInput):
    """Order to cancel, which must be pending or confirmed; the ordered units go back to the stock.

    Members may cancel their own orders, admins and owners every order.
    """


@input_type
class DeleteOrderInput:
    """Order to delete permanently, which must be cancelled or delivered; for admins and owners."""

    id: strawberry.ID = id_of("Order")
    """Global ID of the order to delete."""
    reason: str | None = UNSET
    """Reason why the order is deleted, at most 500 characters; null for none."""
    expected_version: int | None = UNSET
    """Version of the order that the client last saw; if the order has changed since, nothing is deleted and a
    VersionConflict is returned. Omit it to delete the order without the check."""


TransitionResult = Order | NotFound | InvalidInput | IllegalTransition | VersionConflict


@mutation(Order | OutOfStock | InvalidInput | IdempotencyConflict | NotFound, result="the placed order")
async def place_order(session: WriteSession, actor: Actor, input: PlaceOrderInput) -> models.Order:
    """Place an order of products, completely or not at all.

    The stock is reserved and the current prices are kept in the order. Open to all members.
    """
    given = to_kwargs(input)
    items = [orders.Item(**item) for item in given.pop("items")]
    return await orders.place(session, actor, items=items, **given)


@mutation(TransitionResult, result="the confirmed order")
async def confirm_order(session: WriteSession, actor: Actor, input: ConfirmOrderInput) -> models.Order:
    """Confirm a pending order.

    For admins and owners.
    """
    return await orders.transition(session, actor, status=OrderStatus.CONFIRMED, **to_kwargs(input))


@mutation(TransitionResult, result="the shipped order")
async def ship_order(session: WriteSession, actor: Actor, input: ShipOrderInput) -> models.Order:
    """Mark a confirmed order as shipped.

    For admins and owners.
    """
    return await orders.transition(session, actor, status=OrderStatus.SHIPPED, **to_kwargs(input))


@mutation(TransitionResult, result="the delivered order")
async def deliver_order(session: WriteSession, actor: Actor, input: DeliverOrderInput) -> models.Order:
    """Mark a shipped order as delivered.

    For admins and owners.
    """
    return await orders.transition(session, actor, status=OrderStatus.DELIVERED, **to_kwargs(input))


@mutation(TransitionResult, result="the cancelled order")
async def cancel_order(session: WriteSession, actor: Actor, input: CancelOrderInput) -> models.Order:
    """Cancel an order that has not been shipped, and return its units to the stock.

    Members cancel their own orders; admins and owners cancel any.
    """
    return await orders.transition(session, actor, status=OrderStatus.CANCELLED, **to_kwargs(input))


@mutation(TransitionResult, result="the deleted order as it was before")
async def delete_order(session: WriteSession, actor: Actor, input: DeleteOrderInput) -> models.Order:
    """Delete a cancelled or delivered order with its items permanently, and return it as it was before, without items.

    Its events remain, and sales figures still count what was delivered. For admins and owners.
    """
    return await orders.delete(session, actor, **to_kwargs(input))


DOMAIN = Domain(
    queries=Queries,
    mutations=[place_order, confirm_order, ship_order, deliver_order, cancel_order, delete_order],
    subscriptions=Subscriptions,
)
