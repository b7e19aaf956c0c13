"""Orders in GraphQL: what is done with them, one by one and many at a time."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET

import models
from graph.fields.bulk import Outcome, Outcomes, parse_changes, to_outcomes
from graph.fields.descriptions import input_type, object_type, result_union
from graph.fields.errors import (
    IdempotencyConflict,
    IllegalTransition,
    InvalidInput,
    NotFound,
    OutOfStock,
    VersionConflict,
)
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation
from graph.orders.types import Order
from models import OrderStatus
from models.database import WriteSession
from services import orders
from services.permissions import Actor

__all__ = ["MUTATIONS"]


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
class TransitionOrderInput:
    """Order whose status changes; the fields that all such inputs have."""

    id: strawberry.ID = id_of("Order")
    """Global ID of the order whose status changes."""
    reason: str | None = UNSET
    """Reason for the new status of the order, at most 500 characters; null for none."""
    expected_version: int | None = UNSET


@input_type
class ConfirmOrderInput(TransitionOrderInput):
    """Order to confirm, which must be pending; for admins and owners."""


@input_type
class ShipOrderInput(TransitionOrderInput):
    """Input of `shipOrder`: the confirmed order that was shipped."""


@input_type
class DeliverOrderInput(TransitionOrderInput):
    """Shipped order to mark as delivered; for admins and owners."""


@input_type
class CancelOrderInput(TransitionOrderInput):
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


def _place_kwargs(input: PlaceOrderInput) -> dict[str, Any]:
    given = to_kwargs(input)
    return {**given, "items": [orders.Item(**item) for item in given["items"]]}


@mutation(
    Order | OutOfStock | InvalidInput | IdempotencyConflict | NotFound,
    decided_write=lambda actor, input: orders.place_command(actor, **_place_kwargs(input)),
    result="the placed order",
)
async def place_order(session: WriteSession, actor: Actor, input: PlaceOrderInput) -> models.Order:
    """Place an order of products, completely or not at all.

    The stock is reserved and the current prices are kept in the order. Open to all members.
    """
    return await orders.place(session, actor, **_place_kwargs(input))


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


@input_type
class ConfirmOrdersInput:
    """Input of `confirmOrders`: the orders to confirm."""

    orders: list[ConfirmOrderInput]
    """Orders to confirm: 1 to 1,000, each order once."""


ConfirmedOrderResult = Annotated[
    TransitionResult,
    result_union("ConfirmedOrder", "Result of `confirmOrders` for one order: the confirmed order, or a typed error."),
]


@object_type
class OrderOutcome(Outcome):
    """Outcome for one order of `confirmOrders`."""

    result: ConfirmedOrderResult
    """Confirmed order, or a typed error if this order was not confirmed."""


@object_type
class OrderOutcomes(Outcomes):
    """Outcomes of `confirmOrders`: one for each order of the input."""

    outcomes: list[OrderOutcome]
    """Outcomes of all orders in the input of `confirmOrders`, in the order of the input."""


ConfirmOrdersResult = Annotated[
    OrderOutcomes | InvalidInput,
    result_union(
        "ConfirmOrders",
        "Result of `confirmOrders`: the outcomes for the orders to confirm, or a typed error that concerns the whole "
        "call.",
    ),
]


@mutation(ConfirmOrdersResult)
async def confirm_orders(session: WriteSession, actor: Actor, input: ConfirmOrdersInput) -> OrderOutcomes:
    """Confirm 1 to 1,000 pending orders, each as `confirmOrder` does; failed rows do not affect the others.

    For admins and owners.
    """
    results = await orders.confirm_all(session, actor, rows=parse_changes(input.orders, "orders"))
    return to_outcomes(OrderOutcomes, OrderOutcome, results)


MUTATIONS = [
    place_order,
    confirm_order,
    confirm_orders,
    ship_order,
    deliver_order,
    cancel_order,
    delete_order,
]
