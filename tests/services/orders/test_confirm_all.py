"""Confirming many orders at once: each as it would be alone."""

from uuid import UUID

from models import Order, OrderStatus
from models.base import new_id
from services import orders
from services.errors import IllegalTransition, InvalidInput, NotFound, VersionConflict
from services.orders import Item
from services.writes.bulk import RowChange
from tests.support.factories import World
from tests.support.service_client import ServiceClient


async def placed(rules: ServiceClient, world: World) -> Order:
    product = {"sku": str(new_id()), "name": "Tea", "price_minor": 1, "currency": "EUR", "stock_quantity": 9}
    tea: UUID = await world.add("products", tenant_id=world.acme.tenant_id, **product)
    return await rules.apply(world.acme.member, orders.place, items=[Item(tea, 1)], shipping_address="x")


async def test_each_order_is_confirmed_or_refused_for_itself(rules: ServiceClient, world: World) -> None:
    made = [await placed(rules, world) for _ in range(6)]
    await rules.apply(world.acme.admin, orders.transition, id=made[2].id, status=OrderStatus.CANCELLED)
    rows = [
        RowChange(made[0].id, {"reason": "paid"}, expected_version=1),
        RowChange(made[1].id, {}, expected_version=2),
        RowChange(made[2].id, {}),
        RowChange(made[3].id, {"reason": "x" * 501}),
        RowChange(new_id(), {}),
        RowChange(made[0].id, {}),
        RowChange(made[4].id, {"reason": None}),
        InvalidInput.of("orders.7.id", "This is not an id."),
    ]
    found = await rules.apply(world.acme.admin, orders.confirm_all, rows=rows)
    assert [type(outcome) for outcome in found[1:6]] == [
        VersionConflict,
        IllegalTransition,
        InvalidInput,
        NotFound,
        InvalidInput,
    ]
    assert (found[0].status, found[0].version, found[0].number) == ("CONFIRMED", 2, made[0].number)
    assert found[6].status == "CONFIRMED"
    assert found[7] is rows[7]
    statuses = await world.connection.fetch("SELECT status FROM orders ORDER BY number")
    assert [row["status"][:4] for row in statuses] == ["CONF", "PEND", "CANC", "PEND", "CONF", "PEND"]
    reasons = "SELECT payload ->> 'reason' FROM events WHERE type = 'OrderConfirmed' ORDER BY payload"
    assert [row[0] for row in await world.connection.fetch(reasons)] == [None, "paid"]


async def test_what_was_confirmed_together_is_what_the_events_say(rules: ServiceClient, world: World) -> None:
    made = [await placed(rules, world) for _ in range(3)]
    found = await rules.apply(world.acme.admin, orders.confirm_all, rows=[RowChange(o.id, {}) for o in made])
    actor = rules.actor(world.acme.admin)
    for order in found:
        async with rules.database.write(actor.identity) as session:
            then = await orders.as_of(session, actor, id=order.id, moment=order.updated_at)
        assert then == order


async def test_orders_of_another_tenant_are_not_there(rules: ServiceClient, world: World) -> None:
    order = await placed(rules, world)
    (outcome,) = await rules.apply(world.globex.admin, orders.confirm_all, rows=[RowChange(order.id, {})])
    assert isinstance(outcome, NotFound)
