"""Statistics of orders in GraphQL."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import strawberry

from graph.fields.columns import column, money
from graph.fields.descriptions import enum, object_type
from graph.fields.money import Money
from graph.fields.relations import to_one
from models import OrderStatus

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = ["OrderStats"]

enum(OrderStatus)


@object_type
class OrderStatsGroupKey:
    """What the orders of one group in statistics have in common."""

    status: OrderStatus | None = column()
    """Status that the orders of the group have; null if they are not grouped by it."""
    user: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("user_id", key="user_id")
    """Member who placed the orders of the group; null if they are not grouped by it."""


@object_type
class OrderStatsGroup:
    """A group of orders in statistics."""

    key: OrderStatsGroupKey
    """What the orders of this group have in common."""
    period: date | None = column()
    """First day of the period of these orders; null if they are not grouped by periods, or have no such date."""
    count: int = column()
    """Number of orders in this group, 1 or more."""
    sum: Money = money("sum_minor")
    """Sum of the total amounts of the orders in this group, which all have one currency."""
    min: Money = money("min_minor")
    """Smallest total amount of an order in this group."""
    max: Money = money("max_minor")
    """Largest total amount of an order in this group."""


@object_type
class OrderStats:
    """Statistics of orders."""

    total_count: int
    """Number of orders in all groups."""
    groups: list[OrderStatsGroup]
    """Groups of orders, by period and then by what they have in common; what no row is in is left out."""
