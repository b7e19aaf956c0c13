"""Events of orders, which their buyers see, and who manages orders sees of all of them."""

from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Select, Text, cast, exists, or_, select
from sqlmodel import col

from models import Event, Order
from models.base import table_of
from services.orders.state_machine import STREAM
from services.permissions import TENANT_ID, USER_ID, Permission, require_permission
from services.queries.collection import Collection, SortOrder

__all__ = ["EVENTS", "visible_events"]


def visible_events(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the events of the actor's own orders; all of the tenant's for who manages orders. Of deleted ones too."""
    require_permission(permissions, Permission.ORDERS_READ)
    theirs = select(*table_of(Event).c).where(col(Event.tenant_id) == TENANT_ID, col(Event.stream_type) == STREAM)
    return theirs if Permission.ORDERS_WRITE in permissions else theirs.where(_is_of_own_order())


def _is_of_own_order() -> Any:
    """Return the condition for events of orders that the actor placed, also of those of which no row is left."""
    row = exists().where(
        col(Order.tenant_id) == TENANT_ID, col(Order.id) == col(Event.stream_id), col(Order.user_id) == USER_ID
    )
    placed = table_of(Event).alias()
    first = exists().where(
        placed.c.tenant_id == TENANT_ID,
        placed.c.stream_id == col(Event.stream_id),
        placed.c.version == 1,
        placed.c.payload["user_id"].astext == cast(USER_ID, Text()),
    )
    return or_(row, first)


EVENTS = Collection(
    model=Event,
    visible=visible_events,
    filters={},
    orders={"created_at": SortOrder.by(col(Event.created_at))},
    default_order=("created_at", False),
    expressions={"reason": col(Event.payload)["reason"].astext, "via_api_key": col(Event.api_key_id).is_not(None)},
)
