"""Orders in GraphQL: what is read and followed of them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import UNSET

from graph import subscriptions
from graph.fields.as_of import by_id_as_of
from graph.fields.columns import column, expression, global_id, money
from graph.fields.connection import Connection
from graph.fields.descriptions import docstring_summary, enum, object_type
from graph.fields.filtering import filter_input
from graph.fields.money import Money
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_key, connection, to_many, to_one
from graph.fields.scalars import to_global_id
from graph.fields.sorting import order_input
from graph.fields.statistics import statistics_field
from graph.products import Product
from graph.runtime.context import Context, Info
from models import OrderStatus
from services import orders
from services.api_keys import ALL_API_KEYS
from services.orders.statistics import ORDER_STATISTICS
from services.permissions import Permission

if TYPE_CHECKING:
    from graph.api_keys import ApiKey
    from graph.tenants import User

__all__ = [
    "Order",
    "OrderEvent",
    "OrderFilter",
    "OrderItem",
    "OrderItemFilter",
    "OrderOrder",
    "Queries",
    "Subscriptions",
]

enum(OrderStatus)


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
    text="number or shipping address",
    mine="that the viewer placed",
    created_at="date and time of placement",
    updated_at="date and time of the last status change",
)


OrderOrder = order_input(
    orders.ORDERS,
    created_at="the date and time they were placed",
    updated_at="the date and time of their last status change",
    status="status, from placed to delivered, and then the cancelled ones",
    total_amount="total amount, compared as a number of minor units (such as cents) whatever the currency",
)


@backed_by(orders.ORDERS, filter=OrderFilter, order=OrderOrder, listed_as="orders")
class Order(Node):
    """An order of products by a member of the tenant: its items, total amount and status.

    Visible to the member who placed it, and to admins and owners.
    """

    number: int
    """Number of the order for people to read and say: 1001 for the first order of the tenant, one more for each that is
    placed after it. Never changes, and is never given again, even after the order was deleted."""
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
class OrderStatsGroupKey:
    """What the orders of one group in statistics have in common."""

    status: OrderStatus | None = column()
    """Status that the orders of the group have; null if they are not grouped by it."""
    user: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("user_id", key="user_id")
    """Member who placed the orders of the group; null if they are not grouped by it."""


@object_type
class OrderStatsGroup:
    """A group of orders in statistics."""

    key: OrderStatsGroupKey
    """What the orders of this group have in common."""
    period: date | None = column()
    """First day of the period of these orders; null if they are not grouped by periods, or have no such date."""
    count: int = column()
    """Number of orders in this group, 1 or more."""
    sum: Money = money("sum_minor")
    """Sum of the total amounts of the orders in this group, which all have one currency."""
    min: Money = money("min_minor")
    """Smallest total amount of an order in this group."""
    max: Money = money("max_minor")
    """Largest total amount of an order in this group."""


@object_type
class OrderStats:
    """Statistics of orders."""

    total_count: int
    """Number of orders in all groups."""
    groups: list[OrderStatsGroup]
    """Groups of orders, by period and then by what they have in common; what no row is in is left out."""


@object_type
class Queries:
    """Orders at the root."""

    order: Order | None = by_id_as_of("Order", orders.as_of)
    """Order by its global ID; null if there is no such order or the viewer may not see it. Members see their own
    orders, admins and owners all orders of the tenant. With `asOf`, null if the order did not exist at that time; how a
    deleted order was before it was deleted is shown to admins and owners, without its items."""
    order_by_number: Order | None = by_key("number", int, "Number of the Order to read, such as 1001.")
    """Order by its number; null if there is no such order or the viewer may not see it."""
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
    deleted_order_id: strawberry.ID | None
    """Global ID of the order if this event is its deletion, for Relay's `@deleteRecord`; null for other events."""


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
    is_deletion = entry.type == OrderEventType.DELETED.value
    deleted = strawberry.ID(to_global_id("Order", entry.stream_id)) if is_deletion else None
    return OrderEventMessage(cursor=cursor, event=entry, deleted_order_id=deleted)


@object_type
class Subscriptions:
    """Orders, live."""

    order_events: AsyncGenerator[OrderEventMessage, None] = strawberry.subscription(
        resolver=_order_events, description=docstring_summary(_order_events)
    )
