"""Statistics of orders."""

from sqlmodel import col

from models import Order
from services.orders.rules import ORDERS
from services.queries.statistics import Statistics

__all__ = ["ORDER_STATISTICS"]

ORDER_STATISTICS = Statistics(
    ORDERS,
    keys={"status": col(Order.status), "user_id": col(Order.user_id)},
    dates={"created_at": col(Order.created_at), "updated_at": col(Order.updated_at)},
    minor=col(Order.total_minor),
    currency=col(Order.currency),
)
