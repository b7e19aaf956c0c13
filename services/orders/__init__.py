"""Orders, from what one can do to who may do it.

`machine` is what an order can do, purely; `projection` its rows; `rules` who may do what, and see it; `replay` makes
the rows anew from the events.
"""

from services.orders.rules import EVENTS, FILTERED_ITEMS, ITEMS, ORDERS, Item, as_of, delete, place, transition
from services.orders.state_machine import next_statuses

__all__ = [
    "EVENTS",
    "FILTERED_ITEMS",
    "ITEMS",
    "ORDERS",
    "Item",
    "as_of",
    "delete",
    "next_statuses",
    "place",
    "transition",
]
