"""The overview of the back office: its figures are those of the API, in the reader's days, for whoever may see them."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import Person, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LAST_HOUR = 23
ZONES = ("Pacific/Auckland", "Asia/Tokyo")
"""Where a day begins while it is still the day before in UTC; one of them is not about to change its day."""


def readers_zone() -> str:
    """Return a zone in which today stays today for the time that a test takes."""
    return next(zone for zone in ZONES if datetime.now(ZoneInfo(zone)).hour != LAST_HOUR)


def moment(zone: str, days_ago: int, hour: int, minute: int) -> datetime:
    """Return a time of a day as the clocks of a zone show it."""
    today = datetime.now(ZoneInfo(zone)).date()
    local = datetime.combine(today - timedelta(days=days_ago), time(hour, minute), tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


async def add_orders(world: World, placed: list[tuple[Person, datetime, int, str, str]]) -> None:
    """Add orders without what they consist of: who, when, how much, and what has become of it."""
    for number, (buyer, at, total_minor, currency, status) in enumerate(placed, 1001):
        order: Mapping[str, Any] = {"user_id": buyer.user_id, "status": status, "shipping_address": "x", "version": 1}
        times = {"created_at": at, "updated_at": at}
        sum_ = {"total_minor": total_minor, "currency": currency}
        await world.add("orders", tenant_id=world.acme.tenant_id, number=number, **order, **times, **sum_)


async def add_products(world: World, stocks: Mapping[str, tuple[int, bool]]) -> None:
    for name, (stock, is_active) in stocks.items():
        product = {"sku": name.upper(), "name": name, "price_minor": 100, "currency": "EUR"}
        state = {"stock_quantity": stock, "is_active": is_active}
        await world.add("products", tenant_id=world.acme.tenant_id, **product, **state)


async def add_task(world: World, title: str, status: str, assignee: Person | None, due: datetime | None = None) -> UUID:
    acme = world.acme
    whose = {"created_by": acme.admin.user_id, "assignee_id": assignee.user_id if assignee else None}
    return await world.add("tasks", tenant_id=acme.tenant_id, title=title, status=status, due_date=due, **whose)


async def test_the_figures_are_those_of_the_api(scenarios: BrowserScenarios, world: World) -> None:
    zone, acme = readers_zone(), world.acme
    await add_orders(
        world,
        [
            (acme.member, moment(zone, 29, 0, 0), 1990, "EUR", "DELIVERED"),
            (acme.owner, moment(zone, 30, 23, 59), 777, "EUR", "DELIVERED"),  # a minute too old
            (acme.owner, moment(zone, 10, 0, 30), 10, "EUR", "CONFIRMED"),
            (acme.admin, moment(zone, 10, 23, 30), 20, "EUR", "PENDING"),
            (acme.admin, moment(zone, 10, 12, 0), 999_999_999_999, "EUR", "SHIPPED"),
            (acme.owner, moment(zone, 10, 12, 0), 1990, "JPY", "SHIPPED"),
            (acme.owner, moment(zone, 9, 12, 0), 5000, "EUR", "CANCELLED"),
        ],
    )
    stocks = {"Pot": (10, True), "Tea": (0, True), "Cup": (3, True), "Pan": (11, True), "Old": (1, False)}
    await add_products(world, stocks)
    late, soon = moment(zone, 2, 12, 0), moment(zone, -9, 12, 0)
    await add_task(world, "Whenever", "TODO", acme.owner)
    await add_task(world, "Soon", "IN_PROGRESS", acme.owner, soon)
    await add_task(world, "Late", "TODO", acme.owner, late)
    await add_task(world, "Finished", "DONE", acme.owner, late)
    await add_task(world, "Theirs", "TODO", acme.member)
    other = world.globex.owner.email
    await scenarios.run("dashboard.mjs", ZONE=zone, MEMBER_EMAIL=acme.member.email, OTHER_EMAIL=other)


async def test_it_is_fresh_for_who_comes_back(scenarios: BrowserScenarios, world: World) -> None:
    await add_products(world, {"Cup": (30, True)})
    await scenarios.run("dashboard_refresh.mjs", ADMIN_TOKEN=world.acme.admin.client.token or "")
