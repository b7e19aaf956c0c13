"""Orders in GraphQL: reading and following them in `types`, what is done with them in `mutations`."""

from graph.fields.domain import Domain
from graph.orders.mutations import MUTATIONS
from graph.orders.types import (
    Order,
    OrderEvent,
    OrderFilter,
    OrderItem,
    OrderItemFilter,
    OrderOrder,
    Queries,
    Subscriptions,
)

__all__ = [
    "DOMAIN",
    "Order",
    "OrderEvent",
    "OrderFilter",
    "OrderItem",
    "OrderItemFilter",
    "OrderOrder",
    "Queries",
    "Subscriptions",
]

DOMAIN = Domain(queries=Queries, mutations=MUTATIONS, subscriptions=Subscriptions)
