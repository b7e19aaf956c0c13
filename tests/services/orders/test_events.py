"""Events of orders are seen by who placed the order, and by who manages orders."""

import pytest

from services import orders
from services.errors import Forbidden
from services.orders.events import visible_events
from services.permissions import Permission
from tests.support.factories import World
from tests.support.order_helpers import place, product
from tests.support.service_client import ServiceClient


async def test_members_see_the_events_of_their_own_orders_alone(rules: ServiceClient, world: World) -> None:
    tea = await product(world)
    mine, theirs = await place(rules, world.acme.member, (tea, 1)), await place(rules, world.acme.owner, (tea, 1))
    seen = [event.stream_id for event in await rules.rows(world.acme.member, orders.EVENTS)]
    managed = {event.stream_id for event in await rules.rows(world.acme.admin, orders.EVENTS)}
    assert (seen, managed) == ([mine.id], {mine.id, theirs.id})
    assert await rules.rows(world.globex.owner, orders.EVENTS) == []


def test_without_permission_no_event_is_visible() -> None:
    with pytest.raises(Forbidden):
        visible_events({Permission.TENANT_READ})
