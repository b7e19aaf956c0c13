"""Orders: `machine` is what an order can do, purely; `projection` its rows; `rules` who may do what, and see it."""

from services.orders.rules import EVENTS, ITEMS, ORDERS, Item, as_of, move, place

__all__ = ["EVENTS", "ITEMS", "ORDERS", "Item", "as_of", "move", "place"]
