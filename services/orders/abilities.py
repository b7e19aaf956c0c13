"""What may be done with an order, by who asks and by its status."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_
from sqlmodel import col

from models import Order, OrderStatus
from services.abilities import Ability
from services.orders.state_machine import TRANSITIONS
from services.permissions import USER_ID, Permission

__all__ = ["ORDER_ABILITIES"]


def _may_become(status: OrderStatus) -> ColumnElement[bool]:
    """Return the condition for orders that may become this next."""
    return col(Order.status).in_([str(before) for before, allowed in TRANSITIONS.items() if status in allowed])


OWN = col(Order.user_id) == USER_ID
FINAL = col(Order.status).in_([str(status) for status, allowed in TRANSITIONS.items() if not allowed])

ORDER_ABILITIES: Mapping[str, Ability] = {
    "confirm": Ability.by(Permission.ORDERS_WRITE, _may_become(OrderStatus.CONFIRMED)),
    "ship": Ability.by(Permission.ORDERS_WRITE, _may_become(OrderStatus.SHIPPED)),
    "deliver": Ability.by(Permission.ORDERS_WRITE, _may_become(OrderStatus.DELIVERED)),
    "cancel": Ability.by(Permission.ORDERS_WRITE, _may_become(OrderStatus.CANCELLED)).or_by(
        Permission.ORDERS_PLACE, and_(_may_become(OrderStatus.CANCELLED), OWN)
    ),
    "delete": Ability.by(Permission.ORDERS_WRITE, FINAL),
}
"""Of cancelling it does not say whether the stock has room for what comes back: that is found out when it is done."""
