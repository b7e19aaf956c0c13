"""The projection of orders: what rows a state amounts to, and what writing them changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from models import OrderStatus
from models.base import new_id
from services import orders
from services.orders import Item
from services.orders.projection import item_rows, order_row, write_transition
from services.orders.state_machine import Line, OrderState
from tests.support.factories import World
from tests.support.service_client import ServiceClient

MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def state(world: World, *lines: Line) -> OrderState:
    """An order that the member of acme has just placed."""
    member = world.acme.member.user_id
    return OrderState(new_id(), member, OrderStatus.PENDING, lines, "EUR", "1 Main Street", MOMENT, MOMENT, 1, 1001)


def test_rows_hold_what_the_state_does(world: World) -> None:
    tea, cup = Line(new_id(), new_id(), 2, 1990), Line(new_id(), new_id(), 1, 500)
    order = replace(state(world, tea, cup), updated_at=MOMENT + timedelta(days=1), version=4)
    assert order_row(world.acme.tenant_id, order) == {
        "tenant_id": world.acme.tenant_id,
        "id": order.order_id,
        "user_id": world.acme.member.user_id,
        "status": "PENDING",
        "total_minor": 4480,
        "currency": "EUR",
        "shipping_address": "1 Main Street",
        "created_at": MOMENT,
        "updated_at": MOMENT + timedelta(days=1),
        "version": 4,
        "number": 1001,
    }
    first, second = item_rows(world.acme.tenant_id, order)
    assert (first["id"], first["line"], first["quantity"], first["subtotal_minor"]) == (tea.item_id, 1, 2, 3980)
    assert (second["product_id"], second["line"], second["unit_price_minor"]) == (cup.product_id, 2, 500)
    assert {row["order_id"] for row in (first, second)} == {order.order_id}
    assert {row["currency"] for row in (first, second)} == {"EUR"}


async def test_writing_a_new_state_moves_status_time_and_version(rules: ServiceClient, world: World) -> None:
    values: dict[str, Any] = {"sku": "tea", "name": "Tea", "price_minor": 1990, "currency": "EUR", "stock_quantity": 2}
    product_id = await world.add("products", tenant_id=world.acme.tenant_id, **values)
    given = {"items": [Item(product_id, 2)], "shipping_address": "1 Main Street"}
    placed = await rules.apply(world.acme.member, orders.place, **given)
    later = placed.created_at + timedelta(hours=1)
    order = replace(state(world), order_id=placed.id, status=OrderStatus.CONFIRMED, updated_at=later, version=2)
    async with rules.database.write(rules.identity(world.acme.member)) as session:
        confirmed = await write_transition(session, world.acme.tenant_id, order)
    assert (confirmed.status, confirmed.updated_at, confirmed.version) == ("CONFIRMED", later, 2)
    assert (confirmed.created_at, confirmed.total_minor) == (placed.created_at, 3980)
    assert await world.connection.fetchval("SELECT count(*) FROM order_items") == 1
