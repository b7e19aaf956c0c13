"""Orders in GraphQL."""

from collections.abc import AsyncGenerator
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import subscriptions
from graph.fields.as_of import by_id_as_of
from graph.fields.columns import expression, money
from graph.fields.connection import Connection, OrderDirection
from graph.fields.descriptions import enum, input_type, object_type, result_union
from graph.fields.errors import (
    IdempotencyConflict,
    IllegalTransition,
    InvalidInput,
    NotFound,
    OutOfStock,
    VersionConflict,
)
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.money import Money
from graph.fields.mutations import Mutation, mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_many, to_one
from graph.products import Product
from graph.runtime.context import Info
from models import OrderStatus
from models.database import WriteSession
from services import orders
from services.permissions import Actor, Permission

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = ["MUTATIONS", "Order", "OrderEvent", "OrderFilter", "OrderItem", "OrderOrder", "Queries", "Subscriptions"]

enum(OrderStatus)


@enum
class OrderEventType(Enum):
    """What can happen to an order."""

    PLACED = "OrderPlaced"
    CONFIRMED = "OrderConfirmed"
    SHIPPED = "OrderShipped"
    DELIVERED = "OrderDelivered"
    CANCELLED = "OrderCancelled"


@backed_by(orders.ITEMS)
class OrderItem(Node):
    """One line of an order."""

    line: int
    """Its place in the order, from 1."""
    product: Product = to_one("product_id")
    """What was bought."""
    quantity: int
    """How many."""
    unit_price: Money = money("unit_price_minor")
    """What one cost on the day."""
    subtotal: Money = money("subtotal_minor")
    """What the line costs."""
    order: Annotated["Order", strawberry.lazy("graph.orders")] = to_one("order_id")
    """The order that it belongs to."""


@backed_by(orders.EVENTS)
class OrderEvent(Node):
    """One thing that happened to an order. Events never change, and the order is what they amount to."""

    type: OrderEventType
    """What happened."""
    version: int
    """Which one of its order's events it is, from 1."""
    created_at: datetime
    """When."""
    actor: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("actor_id", key="user_id")
    """Who did it."""
    reason: str | None = expression("reason")
    """Why, if they said."""
    order: Annotated["Order", strawberry.lazy("graph.orders")] = to_one("stream_id")
    """The order as it is now."""


@backed_by(orders.ORDERS)
class Order(Node):
    """One purchase."""

    status: OrderStatus
    """How far it has come."""
    next_statuses: list[OrderStatus] = expression("next_statuses")
    """What it may become next."""
    total_amount: Money = money("total_minor")
    """What it costs: the sum of its lines."""
    shipping_address: str
    """Where it goes."""
    user: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("user_id", key="user_id")
    """Who bought; still there when they have left the tenant."""
    items: Connection[OrderItem] = to_many("order_id")
    """Its lines."""
    events: Connection[OrderEvent] = to_many("stream_id")
    """What happened to it, in order."""
    created_at: datetime
    """When it was placed."""
    updated_at: datetime
    """When it last moved."""
    version: int
    """How many events it has; for `expectedVersion`."""


@input_type
class OrderFilter:
    """Which orders are listed."""

    status: OrderStatus | None = UNSET
    """Those that have come this far."""
    placed_by: strawberry.ID | None = id_of("User", default=UNSET)
    """Those of this person."""
    product_id: strawberry.ID | None = id_of("Product", default=UNSET)
    """Those that this product is in."""
    created_from: datetime | None = UNSET
    """Those placed at this moment or later."""
    created_before: datetime | None = UNSET
    """Those placed before this moment."""


@enum
class OrderOrderField(Enum):
    """What orders can be sorted by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    TOTAL_AMOUNT = "total_amount"


@input_type
class OrderOrder:
    """How orders are sorted; by default the newest first."""

    field: OrderOrderField
    """By what. TOTAL_AMOUNT compares minor units."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@object_type
class Queries:
    """Orders at the root."""

    order: Order | None = by_id_as_of(orders.as_of)
    """One order by its id; null when there is none, or it is not yours to see."""
    orders: Connection[Order] = connection()
    """Your own orders; all of the tenant's for admins and owners."""


@object_type
class OrderEventMessage:
    """One thing that happened to an order, as it happens."""

    cursor: str
    """Where it is in the feed; give it as `after` to go on behind it."""
    event: OrderEvent
    """What happened."""


async def _order_events(
    info: Info, after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET
) -> AsyncGenerator[OrderEventMessage]:
    """What happens to the orders that you may see, from now on or from behind a cursor: all of it, each once."""
    entries = subscriptions.follow_feed(info.context, Permission.ORDERS_READ, orders.EVENTS, after or None)
    async for cursor, event in entries:
        yield OrderEventMessage(cursor=cursor, event=event)


@object_type
class Subscriptions:
    """Orders, live."""

    order_events: AsyncGenerator[OrderEventMessage, None] = strawberry.subscription(
        resolver=_order_events, description=_order_events.__doc__
    )


@input_type
class OrderItemInput:
    """How many of a product are ordered."""

    product_id: strawberry.ID = id_of("Product")
    """Which product; it must be active."""
    quantity: int
    """How many: 1 or more."""


@input_type
class PlaceOrderInput:
    """What is ordered."""

    items: list[OrderItemInput]
    """1 to 100 products of one currency; the same product twice is one line."""
    shipping_address: str
    """Where it goes: 1 to 500 characters."""
    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key orders once."""


@input_type
class ConfirmOrderInput:
    """Which order is confirmed."""

    id: strawberry.ID = id_of("Order")
    """Which order."""
    reason: str | None = UNSET
    """Why, in up to 500 characters."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class ShipOrderInput(ConfirmOrderInput):
    """Which order was shipped."""


@input_type
class DeliverOrderInput(ConfirmOrderInput):
    """Which order was delivered."""


@input_type
class CancelOrderInput(ConfirmOrderInput):
    """Which order is cancelled."""


TransitionResult = Order | NotFound | InvalidInput | IllegalTransition | VersionConflict
PlaceOrderResult = Annotated[Order | OutOfStock | InvalidInput | IdempotencyConflict, result_union("PlaceOrder")]


@mutation(PlaceOrderResult)
async def place_order(session: WriteSession, actor: Actor, input: PlaceOrderInput) -> models.Order:
    """Order products: all of it or nothing. Stock is reserved and prices are frozen."""
    given = to_kwargs(input)
    items = [orders.Item(**item) for item in given.pop("items")]
    return await orders.place(session, actor, items=items, **given)


@mutation(Annotated[TransitionResult, result_union("ConfirmOrder")])
async def confirm_order(session: WriteSession, actor: Actor, input: ConfirmOrderInput) -> models.Order:
    """Confirm a pending order. For admins and owners."""
    return await orders.transition(session, actor, status=OrderStatus.CONFIRMED, **to_kwargs(input))


@mutation(Annotated[TransitionResult, result_union("ShipOrder")])
async def ship_order(session: WriteSession, actor: Actor, input: ShipOrderInput) -> models.Order:
    """Say that a confirmed order was shipped. For admins and owners."""
    return await orders.transition(session, actor, status=OrderStatus.SHIPPED, **to_kwargs(input))


@mutation(Annotated[TransitionResult, result_union("DeliverOrder")])
async def deliver_order(session: WriteSession, actor: Actor, input: DeliverOrderInput) -> models.Order:
    """Say that a shipped order was delivered. For admins and owners."""
    return await orders.transition(session, actor, status=OrderStatus.DELIVERED, **to_kwargs(input))


@mutation(Annotated[TransitionResult, result_union("CancelOrder")])
async def cancel_order(session: WriteSession, actor: Actor, input: CancelOrderInput) -> models.Order:
    """Cancel an order that was not shipped yet; its stock returns. Your own, or any for admins and owners."""
    return await orders.transition(session, actor, status=OrderStatus.CANCELLED, **to_kwargs(input))


MUTATIONS: list[Mutation] = [place_order, confirm_order, ship_order, deliver_order, cancel_order]
