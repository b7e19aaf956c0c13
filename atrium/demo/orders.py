"""What the demo's companies sell and have sold: products, and orders with the histories that made them so."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from atrium.demo.builders import CompanyContext, RowBuilder, RowValues
from atrium.demo.vocabulary import MATERIALS, PRODUCT_NAMES, STREETS, pick_pair
from models import Event, Order, OrderItem, OrderStatus, Product
from models.base import new_id, row_class, table_of
from services.orders.projection import item_rows, order_row
from services.orders.state_machine import STREAM, Line, Place, Transition, decide, fold

__all__ = ["BUILDERS"]

STATUS_SEQUENCES: Sequence[tuple[OrderStatus, ...]] = (
    (),
    (OrderStatus.CONFIRMED,),
    (OrderStatus.CONFIRMED, OrderStatus.SHIPPED),
    (OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED),
    (OrderStatus.CANCELLED,),
    (OrderStatus.CONFIRMED, OrderStatus.CANCELLED),
)
"""How orders go; the longer ago, the more likely to the end."""

REASONS = ("Ordered by mistake", "Found it nearer", "No longer needed", "Took too long")


def _build_products(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Products, a few of them sold out or no longer for sale."""
    draw = context.random
    for number in numbers:
        kind, thing, turn = pick_pair(number, MATERIALS, PRODUCT_NAMES)
        created = context.random_past(200, 600)
        product = {
            "tenant_id": context.tenant_id,
            "id": new_id(),
            "sku": f"{thing[:3].upper()}-{number:05}",
            "name": f"{kind} {thing.lower()}" + (f" No. {turn + 1}" if turn else ""),
            "description": f"A {kind.lower()} {thing.lower()}, made to last." if context.chance(0.8) else None,
            "price_minor": draw.randrange(190, 19_990, 10),
            "currency": "EUR",
            "stock_quantity": 0 if number % 9 == 4 else draw.randrange(1, 500),  # noqa: PLR2004  # one in nine
            "is_active": number % 15 != 7,  # noqa: PLR2004  # likewise
            "created_at": created,
            "updated_at": created,
        }
        context.products.append(product)
        yield Product, product


def _build_orders(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Orders of one to seven products, in every state."""
    draw = context.random
    buyers = [person.user_id for person in context.people if not person.is_former]
    for number, placed in zip(numbers, sorted(context.random_past(0, 120) for _ in numbers), strict=True):
        context.last_order_number += 1
        lines = [
            Line(new_id(), product["id"], draw.randint(1, 5), product["price_minor"])
            for product in draw.sample(context.products, min(len(context.products), draw.randint(1, 7)))
        ]
        age = (context.now - placed) / timedelta(days=120)
        statuses = draw.choices(STATUS_SEQUENCES, weights=(1.2 - age, 1 - age / 2, 0.6, 0.2 + 3 * age, 0.15, 0.1))[0]
        buyer = buyers[number % len(buyers)]
        address = f"{draw.randint(1, 99)} {draw.choice(STREETS)}"
        yield from _build_order_rows(
            context, Place(buyer, lines, "EUR", address, context.last_order_number), statuses, placed
        )


def _build_order_rows(
    context: CompanyContext, place: Place, statuses: Sequence[OrderStatus], placed: datetime
) -> Iterator[RowValues]:
    """An order's events, and the rows that they amount to."""
    order_id, state, moment = new_id(), None, placed
    commands: list[Place | Transition] = [place]
    for status in statuses:
        cancelled = status is OrderStatus.CANCELLED
        commands.append(Transition(status, context.random.choice(REASONS) if cancelled else None))
    columns = [column.name for column in table_of(Event).c]
    for version, command in enumerate(commands, 1):
        fact = decide(state, command)[0]
        actor = place.user_id if version == 1 else context.people[0].user_id
        event: dict[str, Any] = {
            "tenant_id": context.tenant_id,
            "id": new_id(),
            "stream_type": STREAM,
            "stream_id": order_id,
            "version": version,
            "type": fact.type,
            "schema_version": fact.schema_version,
            "payload": dict(fact.payload),
            "actor_id": actor,
            "api_key_id": None,
            "request_id": "demo",
            "created_at": moment,
        }
        state = fold([row_class(Event).of(event[name] for name in columns)], state)  # type: ignore[list-item]  # a row is typed as its model
        yield Event, {**event, "payload": json.dumps(event["payload"])}
        moment += context.random.random() * (context.now - moment) / 2
    assert state is not None, "it was placed"
    yield Order, order_row(context.tenant_id, state)
    yield from ((OrderItem, item) for item in item_rows(context.tenant_id, state))


BUILDERS = (
    RowBuilder(Product, _build_products, minimum=24, at_full_scale=500),
    RowBuilder(Order, _build_orders, minimum=60, at_full_scale=5_000),
)
"""Products first, since orders are of them."""
