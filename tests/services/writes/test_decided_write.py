"""Decided writes: read, decided and written, and begun anew where what was read no longer holds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import pytest

from models.database.errors import TransactionConflict
from services.errors import OutOfStock
from services.orders import Item, place_command
from services.orders.placement import PlaceOrder
from services.writes.decided_write import MAX_DECISIONS, apply_decided
from tests.support.factories import World
from tests.support.service_client import ServiceClient


@dataclass(frozen=True, slots=True)
class Watched(PlaceOrder):
    """An order that notes its decisions, and pays another price in the first of them."""

    decisions: list[Any]
    wrong_decisions: int

    def decide(self, actor: Any, found: Mapping[str, Any]) -> dict[str, Any] | UUID:
        """Return the rows to write."""
        self.decisions.append(found)
        decided = PlaceOrder.decide(self, actor, found)
        if isinstance(decided, dict) and len(self.decisions) <= self.wrong_decisions:
            decided["taken_price_minor"] = [1]
        return decided


async def watched(
    rules: ServiceClient, world: World, wrong_decisions: int = 0, *, stock: int = 3, key: str | None = None
) -> Watched:
    tea = {"sku": "tea", "name": "Tea", "price_minor": 5, "currency": "EUR", "stock_quantity": stock}
    items = [Item(await world.add("products", tenant_id=world.acme.tenant_id, **tea), 1)]
    order = place_command(rules.actor(world.acme.member), items=items, shipping_address="x", idempotency_key=key)
    return Watched(*(getattr(order, each.name) for each in fields(order)), [], wrong_decisions)


async def apply(rules: ServiceClient, world: World, order: Watched) -> Any:
    actor = rules.actor(world.acme.member)
    async with rules.database.write(actor.identity) as session:
        return await apply_decided(session, actor, order)


@pytest.mark.parametrize("key", [None, "key"])
async def test_what_no_longer_holds_is_decided_anew(rules: ServiceClient, world: World, key: str | None) -> None:
    order = await watched(rules, world, 1, key=key)
    assert (await apply(rules, world, order)).total_minor == 5
    assert len(order.decisions) == 2


async def test_it_gives_up_and_leaves_the_rest_to_the_next_transaction(rules: ServiceClient, world: World) -> None:
    order = await watched(rules, world, MAX_DECISIONS)
    with pytest.raises(TransactionConflict):
        await apply(rules, world, order)
    assert len(order.decisions) == MAX_DECISIONS
    assert await world.connection.fetchval("SELECT count(*) FROM orders") == 0


@pytest.mark.parametrize(("key", "decisions"), [(None, 1), ("key", 2)])
async def test_a_refusal_with_a_key_counts_when_it_was_decided_again(
    rules: ServiceClient, world: World, key: str | None, decisions: int
) -> None:
    order = await watched(rules, world, stock=0, key=key)
    with pytest.raises(OutOfStock):
        await apply(rules, world, order)
    assert len(order.decisions) == decisions


async def test_a_repeated_key_gives_what_was_written_first(rules: ServiceClient, world: World) -> None:
    order = await watched(rules, world, key="key")
    first, again = await apply(rules, world, order), await apply(rules, world, order)
    assert first == again
    assert await world.connection.fetchval("SELECT stock_quantity FROM products") == 2
