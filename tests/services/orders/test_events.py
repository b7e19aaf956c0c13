"""Events of orders are seen by who placed the order, and by who manages orders."""

from uuid import UUID

import pytest

from models import Order
from services import orders
from services.errors import Forbidden
from services.orders.events import visible_events
from services.permissions import Permission
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient


async def place(rules: ServiceClient, person: Person, product_id: UUID) -> Order:
    values = {"shipping_address": "1 Main Street", "items": [orders.Item(product_id, 1)]}
    return await rules.apply(person, orders.place, **values)


async def test_members_see_the_events_of_their_own_orders_alone(rules: ServiceClient, world: World) -> None:
    given = {"sku": "tea", "name": "Tea", "price_minor": 1990, "currency": "EUR", "stock_quantity": 10}
    tea = await world.add("products", tenant_id=world.acme.tenant_id, **given)
    mine, theirs = await place(rules, world.acme.member, tea), await place(rules, world.acme.owner, tea)
    seen = [event.stream_id for event in await rules.rows(world.acme.member, orders.EVENTS)]
    managed = {event.stream_id for event in await rules.rows(world.acme.admin, orders.EVENTS)}
    assert (seen, managed) == ([mine.id], {mine.id, theirs.id})
    assert await rules.rows(world.globex.owner, orders.EVENTS) == []


def test_without_permission_no_event_is_visible() -> None:
    with pytest.raises(Forbidden):
        visible_events({Permission.TENANT_READ})
