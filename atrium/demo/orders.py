"""What the demo's companies sell and have sold: products, and orders with the histories that made them so."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from atrium.demo.builders import Part, Row, Stage
from atrium.demo.vocabulary import GOODS, KINDS, STREETS, pair
from models import Event, Order, OrderItem, OrderStatus, Product
from models.base import new_id, row_class, table_of
from services.orders.projection import item_rows, order_row
from services.orders.state_machine import STREAM, Line, Move, Place, decide, fold

__all__ = ["PARTS"]

COURSES: Sequence[tuple[OrderStatus, ...]] = (
    (),
    (OrderStatus.CONFIRMED,),
    (OrderStatus.CONFIRMED, OrderStatus.SHIPPED),
    (OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED),
    (OrderStatus.CANCELLED,),
    (OrderStatus.CONFIRMED, OrderStatus.CANCELLED),
)
"""How orders go; the longer ago, the more likely to the end."""

REASONS = ("Ordered by mistake", "Found it nearer", "No longer needed", "Took too long")


def _products(stage: Stage, numbers: range) -> Iterator[Row]:
    """Products, a few of them sold out or no longer for sale."""
    draw = stage.random
    for number in numbers:
        kind, thing, turn = pair(number, KINDS, GOODS)
        created = stage.ago(200, 600)
        product = {
            "tenant_id": stage.tenant_id,
            "id": new_id(),
            "sku": f"{thing[:3].upper()}-{number:05}",
            "name": f"{kind} {thing.lower()}" + (f" No. {turn + 1}" if turn else ""),
            "description": f"A {kind.lower()} {thing.lower()}, made to last." if stage.chance(0.8) else None,
            "price_minor": draw.randrange(190, 19_990, 10),
            "currency": "EUR",
            "stock_quantity": 0 if number % 9 == 4 else draw.randrange(1, 500),  # noqa: PLR2004  # one in nine
            "is_active": number % 15 != 7,  # noqa: PLR2004  # likewise
            "created_at": created,
            "updated_at": created,
        }
        stage.products.append(product)
        yield Product, product


def _orders(stage: Stage, numbers: range) -> Iterator[Row]:
    """Orders of one to seven products, in every state."""
    draw = stage.random
    buyers = [person.user_id for person in stage.people if not person.is_former]
    for number in numbers:
        placed = stage.ago(0, 120)
        lines = [
            Line(new_id(), product["id"], draw.randint(1, 5), product["price_minor"])
            for product in draw.sample(stage.products, min(len(stage.products), draw.randint(1, 7)))
        ]
        age = (stage.now - placed) / timedelta(days=120)
        course = draw.choices(COURSES, weights=(1.2 - age, 1 - age / 2, 0.6, 0.2 + 3 * age, 0.15, 0.1))[0]
        buyer = buyers[number % len(buyers)]
        address = f"{draw.randint(1, 99)} {draw.choice(STREETS)}"
        yield from _order(stage, Place(buyer, lines, "EUR", address), course, placed)


def _order(stage: Stage, place: Place, course: Sequence[OrderStatus], placed: datetime) -> Iterator[Row]:
    """An order's events, and the rows that they amount to."""
    order_id, state, moment = new_id(), None, placed
    commands: list[Place | Move] = [place]
    for status in course:
        cancelled = status is OrderStatus.CANCELLED
        commands.append(Move(status, stage.random.choice(REASONS) if cancelled else None))
    columns = [column.name for column in table_of(Event).c]
    for version, command in enumerate(commands, 1):
        fact = decide(state, command)[0]
        actor = place.user_id if version == 1 else stage.people[0].user_id
        event: dict[str, Any] = {
            "tenant_id": stage.tenant_id,
            "id": new_id(),
            "stream_type": STREAM,
            "stream_id": order_id,
            "version": version,
            "type": fact.type,
            "schema_version": fact.schema_version,
            "payload": dict(fact.payload),
            "actor_id": actor,
            "request_id": "demo",
            "created_at": moment,
        }
        state = fold([row_class(Event).of(event[name] for name in columns)], state)  # type: ignore[list-item]  # a row is typed as its model
        yield Event, {**event, "payload": json.dumps(event["payload"])}
        moment += stage.random.random() * (stage.now - moment) / 2
    assert state is not None, "it was placed"
    yield Order, order_row(stage.tenant_id, state)
    yield from ((OrderItem, item) for item in item_rows(stage.tenant_id, state))


PARTS = (
    Part(Product, _products, least=24, full=500),
    Part(Order, _orders, least=60, full=5_000),
)
"""Products first, since orders are of them."""
