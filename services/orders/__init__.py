"""Orders, from what one can do to who may do it.

`state_machine` is what an order can do, purely; `projection` its rows; `rules` who may do what, and see it; `rebuild`
makes the rows anew from the events.
"""

from services.orders.events import EVENTS
from services.orders.rules import (
    FILTERED_ITEMS,
    ITEMS,
    ORDERS,
    Item,
    as_of,
    confirm_all,
    delete,
    place,
    place_command,
    transition,
)
from services.orders.state_machine import next_statuses

__all__ = [
    "EVENTS",
    "FILTERED_ITEMS",
    "ITEMS",
    "ORDERS",
    "Item",
    "as_of",
    "confirm_all",
    "delete",
    "next_statuses",
    "place",
    "place_command",
    "transition",
]
