"""Orders in GraphQL that go on many at a time."""

from typing import Annotated

from graph.fields.bulk import Outcome, Outcomes, parse_changes, to_outcomes
from graph.fields.descriptions import input_type, object_type, result_union
from graph.fields.domain import Domain
from graph.fields.errors import IllegalTransition, InvalidInput, NotFound, VersionConflict
from graph.fields.mutations import mutation
from graph.orders import ConfirmOrderInput, Order
from models.database import WriteSession
from services import orders
from services.permissions import Actor

__all__ = ["DOMAIN"]


@input_type
class ConfirmOrdersInput:
    """Input of `confirmOrders`: the orders to confirm."""

    orders: list[ConfirmOrderInput]
    """Orders to confirm: 1 to 1,000, each order once."""


ConfirmedOrderResult = Annotated[
    Order | NotFound | InvalidInput | IllegalTransition | VersionConflict,
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


DOMAIN = Domain(mutations=[confirm_orders])
