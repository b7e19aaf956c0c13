"""The order as a state machine: `decide`, `apply` and `fold`, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import Event, OrderStatus
from models.base import new_id
from services.errors import IllegalTransition
from services.eventlog.store import NewEvent
from services.orders.state_machine import TRANSITIONS, Delete, Line, OrderState, Place, Transition, apply, decide, fold

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LINES = (Line(new_id(), new_id(), 3, 1990), Line(new_id(), new_id(), 1, 500))
BUYER = new_id()
PLACE = Place(BUYER, LINES, "EUR", "1 Main Street", 1001)
EVENT_TYPES = {
    OrderStatus.CONFIRMED: "OrderConfirmed",
    OrderStatus.SHIPPED: "OrderShipped",
    OrderStatus.DELIVERED: "OrderDelivered",
    OrderStatus.CANCELLED: "OrderCancelled",
}
LEGAL = {
    (OrderStatus.PENDING, OrderStatus.CONFIRMED),
    (OrderStatus.PENDING, OrderStatus.CANCELLED),
    (OrderStatus.CONFIRMED, OrderStatus.SHIPPED),
    (OrderStatus.CONFIRMED, OrderStatus.CANCELLED),
    (OrderStatus.SHIPPED, OrderStatus.DELIVERED),
}
ORDER_ID = new_id()


def event(version: int, fact: NewEvent) -> Event:
    """The event that a fact becomes when it is written, an hour after the one before."""
    return Event(
        tenant_id=new_id(),
        stream_type="order",
        stream_id=ORDER_ID,
        version=version,
        type=fact.type,
        payload=dict(fact.payload),
        created_at=START + timedelta(hours=version),
    )


def placed() -> OrderState:
    [fact] = decide(None, PLACE)
    return apply(None, event(1, fact))


def in_status(status: OrderStatus) -> OrderState:
    """An order that came to a status by legal steps."""
    steps: dict[OrderStatus, list[OrderStatus]] = {
        OrderStatus.PENDING: [],
        OrderStatus.CONFIRMED: [OrderStatus.CONFIRMED],
        OrderStatus.SHIPPED: [OrderStatus.CONFIRMED, OrderStatus.SHIPPED],
        OrderStatus.DELIVERED: [OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED],
        OrderStatus.CANCELLED: [OrderStatus.CANCELLED],
    }
    state = placed()
    for step in steps[status]:
        [fact] = decide(state, Transition(step))
        state = apply(state, event(state.version + 1, fact))
    return state


def test_a_placed_order_is_what_the_command_said() -> None:
    state = placed()
    assert (state.order_id, state.user_id, state.status, state.version) == (ORDER_ID, BUYER, OrderStatus.PENDING, 1)
    assert (state.lines, state.currency, state.shipping_address) == (LINES, "EUR", "1 Main Street")
    assert [line.subtotal_minor for line in state.lines] == [5970, 500]
    assert state.total_minor == 6470
    assert state.created_at == state.updated_at == START + timedelta(hours=1)


def test_an_order_is_placed_once_and_moves_only_then() -> None:
    with pytest.raises(AssertionError):
        decide(placed(), PLACE)
    with pytest.raises(AssertionError):
        decide(None, Transition(OrderStatus.CONFIRMED))
    with pytest.raises(AssertionError):
        apply(None, event(1, NewEvent("OrderConfirmed", {})))


@pytest.mark.parametrize("target", list(OrderStatus))
@pytest.mark.parametrize("source", list(OrderStatus))
def test_only_legal_transitions_are_decided(source: OrderStatus, target: OrderStatus) -> None:
    state = in_status(source)
    if (source, target) in LEGAL:
        assert decide(state, Transition(target)) == [NewEvent(EVENT_TYPES[target], {})]
        return
    with pytest.raises(IllegalTransition) as refused:
        decide(state, Transition(target))
    assert (refused.value.current, refused.value.allowed) == (source, TRANSITIONS[source])
    assert refused.value.message == f"This order is {source.lower()}, so it cannot become {target.lower()}."


@pytest.mark.parametrize("status", list(OrderStatus))
def test_only_an_order_at_its_end_is_deleted_and_then_nothing_is_decided(status: OrderStatus) -> None:
    state = in_status(status)
    if TRANSITIONS[status]:
        with pytest.raises(IllegalTransition) as refused:
            decide(state, Delete("why"))
        assert (refused.value.current, refused.value.allowed) == (status, TRANSITIONS[status])
        return
    assert decide(state, Delete()) == [NewEvent("OrderDeleted", {})]
    [fact] = decide(state, Delete("why"))
    assert fact == NewEvent("OrderDeleted", {"reason": "why"})
    deleted = apply(state, event(state.version + 1, fact))
    assert (deleted.is_deleted, deleted.status, deleted.version) == (True, status, state.version + 1)
    for command in (Delete(), Transition(OrderStatus.CONFIRMED)):
        with pytest.raises(AssertionError):
            decide(deleted, command)


def test_a_reason_is_kept_when_there_is_one() -> None:
    assert decide(placed(), Transition(OrderStatus.CANCELLED, "late")) == [
        NewEvent("OrderCancelled", {"reason": "late"})
    ]
    assert decide(placed(), Transition(OrderStatus.CANCELLED, "")) == [NewEvent("OrderCancelled", {})]


@pytest.mark.parametrize(("status", "type_"), EVENT_TYPES.items())
def test_an_event_moves_the_status_the_time_and_the_version_and_nothing_else(status: OrderStatus, type_: str) -> None:
    before = placed()
    after = apply(before, event(2, NewEvent(type_, {})))
    assert (after.status, after.version, after.updated_at) == (status, 2, START + timedelta(hours=2))
    kept = ("order_id", "user_id", "lines", "currency", "shipping_address", "created_at")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]


def test_a_fold_is_each_event_after_the_other() -> None:
    assert fold([]) is None
    facts: list[Any] = [*decide(None, PLACE), NewEvent("OrderConfirmed", {}), NewEvent("OrderShipped", {})]
    events = [event(version, fact) for version, fact in enumerate(facts, 1)]
    shipped = fold(events)
    assert shipped is not None
    assert (shipped.status, shipped.version, shipped.updated_at) == (OrderStatus.SHIPPED, 3, START + timedelta(hours=3))
    assert fold(events[1:], fold(events[:1])) == shipped
    assert fold([], shipped) == shipped
