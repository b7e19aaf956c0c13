"""The order as a state machine: two pure functions, and nothing that could fail but a decision.

`decide` says which facts a command leads to, given the state; `apply` what an event makes of the state. An order is
the fold of its events.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from models import Event, OrderStatus
from services.errors import IllegalTransition
from services.eventlog.store import NewEvent, upcast
from services.writes.transitions import require_transition

__all__ = [
    "PLACED",
    "STREAM",
    "TRANSITIONS",
    "Delete",
    "Line",
    "OrderState",
    "Place",
    "Transition",
    "apply",
    "decide",
    "fold",
    "next_statuses",
]

STREAM = "order"

TRANSITIONS: Mapping[OrderStatus, tuple[OrderStatus, ...]] = {
    OrderStatus.PENDING: (OrderStatus.CONFIRMED, OrderStatus.CANCELLED),
    OrderStatus.CONFIRMED: (OrderStatus.SHIPPED, OrderStatus.CANCELLED),
    OrderStatus.SHIPPED: (OrderStatus.DELIVERED,),
    OrderStatus.DELIVERED: (),
    OrderStatus.CANCELLED: (),
}
"""What an order may become next. The SQL expression `next_statuses` is made from this table."""

PLACED = "OrderPlaced"
DELETED = "OrderDeleted"
TRANSITION_EVENTS = {
    OrderStatus.CONFIRMED: "OrderConfirmed",
    OrderStatus.SHIPPED: "OrderShipped",
    OrderStatus.DELIVERED: "OrderDelivered",
    OrderStatus.CANCELLED: "OrderCancelled",
}
STATUS_AFTER_EVENT = {type_: status for status, type_ in TRANSITION_EVENTS.items()}


@dataclass(frozen=True, slots=True)
class Line:
    """One product in an order, at the price of its day, in minor units."""

    item_id: UUID
    product_id: UUID
    quantity: int
    unit_price_minor: int

    @property
    def subtotal_minor(self) -> int:
        """Return the price of the line, in minor units."""
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order at some point of its history."""

    order_id: UUID
    user_id: UUID
    status: OrderStatus
    lines: tuple[Line, ...]
    currency: str
    shipping_address: str
    created_at: datetime
    updated_at: datetime
    version: int
    number: int | None = None
    """Its number; None before it has one, and for an order that was placed before orders had them, see `numbers`."""
    is_deleted: bool = False
    """Whether the order was deleted; its status is the one that it had then."""

    @property
    def total_minor(self) -> int:
        """Return the price of the order, in minor units."""
        return sum(line.subtotal_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class Place:
    """The command to place an order; stock is taken by whoever gives it."""

    user_id: UUID
    lines: Sequence[Line]
    currency: str
    shipping_address: str
    number: int | None = None
    """Its number; None if the event gets it when it is written."""


@dataclass(frozen=True, slots=True)
class Transition:
    """The command to move an order to another status."""

    status: OrderStatus
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """The command to delete an order that has come to its end."""

    reason: str | None = None


def next_statuses(status: str) -> tuple[OrderStatus, ...]:
    """Return what an order in this status may become next."""
    return TRANSITIONS[OrderStatus(status)]


def decide(state: OrderState | None, command: Place | Transition | Delete) -> list[NewEvent]:
    """Return the events that follow from a command.

    Raises:
        IllegalTransition: the order may not become that now, or may not be deleted yet.
    """
    if isinstance(command, Place):
        assert state is None, "an order is placed once"
        return [NewEvent(PLACED, _placed_payload(command))]
    assert state is not None, "what was never placed cannot move"
    assert not state.is_deleted, "what was deleted stays as it is"
    payload = {"reason": command.reason} if command.reason else {}
    if isinstance(command, Delete):
        if allowed := TRANSITIONS[state.status]:
            message = f"This order is {state.status.lower()}; only a cancelled or delivered order can be deleted."
            raise IllegalTransition(message, current=state.status, allowed=allowed)
        return [NewEvent(DELETED, payload)]
    require_transition("order", state.status, command.status, TRANSITIONS)
    return [NewEvent(TRANSITION_EVENTS[command.status], payload)]


def apply(state: OrderState | None, event: Event) -> OrderState:
    """Return the state after an event."""
    payload = upcast(event)
    if event.type == PLACED:
        lines = tuple(
            Line(UUID(line["item_id"]), UUID(line["product_id"]), line["quantity"], line["unit_price_minor"])
            for line in payload["lines"]
        )
        return OrderState(
            order_id=event.stream_id,
            user_id=UUID(payload["user_id"]),
            status=OrderStatus.PENDING,
            lines=lines,
            currency=payload["currency"],
            shipping_address=payload["shipping_address"],
            created_at=event.created_at,
            updated_at=event.created_at,
            version=event.version,
            number=payload.get("number"),
        )
    assert state is not None, "the first event of an order places it"
    moved = replace(state, updated_at=event.created_at, version=event.version)
    if event.type == DELETED:
        return replace(moved, is_deleted=True)
    return replace(moved, status=STATUS_AFTER_EVENT[event.type])


def fold(events: Iterable[Event], state: OrderState | None = None) -> OrderState | None:
    """Return the state after all of these events; None before the first."""
    for event in events:
        state = apply(state, event)
    return state


def _placed_payload(command: Place) -> dict[str, Any]:
    number = {} if command.number is None else {"number": command.number}
    return number | {
        "user_id": str(command.user_id),
        "currency": command.currency,
        "shipping_address": command.shipping_address,
        "lines": [
            {
                "item_id": str(line.item_id),
                "product_id": str(line.product_id),
                "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor,
            }
            for line in command.lines
        ],
    }
