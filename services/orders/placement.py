"""Placing an order: what is read for it, and what the rule makes of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Select

from models import Event, Order
from models.base import new_id, row_class, table_of
from services.eventlog.store import event_row
from services.orders.placement_statements import read_basket, write_order
from services.orders.projection import item_rows, order_row
from services.orders.state_machine import STREAM, Place, apply, decide
from services.orders.stock import Item, price_items
from services.permissions import Actor
from services.writes.bulk import unnest_params
from services.writes.decided_write import DecidedWrite
from services.writes.idempotency import KeyedCall

__all__ = ["PlaceOrder"]


@dataclass(frozen=True, slots=True)
class PlaceOrder(DecidedWrite[Order]):
    """A checked order that is to be placed."""

    model = Order
    items: Sequence[Item]
    wanted: Mapping[UUID, int]
    """The quantity of each product."""
    shipping_address: str
    call: KeyedCall | None

    @property
    def is_keyed(self) -> bool:
        """Return whether it has a key."""
        return self.call is not None

    def read_values(self) -> dict[str, Any]:
        """Return the products, and the key."""
        values: dict[str, Any] = {"product_ids": list(self.wanted)}
        return values if self.call is None else {**values, "key_mutation": self.call.scope, "key_key": self.call.key}

    def decide(self, actor: Actor, found: Mapping[str, Any]) -> dict[str, Any] | UUID:
        """Return the rows to write, at the prices that were found."""
        if self.call is not None and found["key"] is not None:
            digest, made = found["key"]
            self.call.require_same(digest)
            return UUID(made[0])
        products = {UUID(product["id"]): product for product in found["products"] or ()}
        lines, currency = price_items(self.items, self.wanted, products)
        tenant_id, user_id = actor.identity.tenant_id, actor.identity.user_id
        assert tenant_id is not None
        assert user_id is not None
        event = _first_event(actor, Place(user_id, lines, currency, self.shipping_address))
        state = apply(None, event)
        taken = [
            {"id": line.product_id, "quantity": line.quantity, "price_minor": line.unit_price_minor}
            | {"currency": currency}
            for line in lines
        ]
        values = {
            "product_count": len(taken),
            **{f"event_{name}": value for name, value in event._asdict().items()},
            **{f"order_{name}": value for name, value in order_row(tenant_id, state).items()},
            **unnest_params("taken", taken),
            **unnest_params("given", item_rows(tenant_id, state)),
        }
        if self.call is None:
            return values
        key = {**self.call.row_key(actor), "input_digest": self.call.digest, "outcome_ids": [state.order_id]}
        return values | {f"key_{name}": value for name, value in key.items()}

    @classmethod
    def read_statement(cls, *, is_keyed: bool, locks: bool) -> Select[Any]:
        """Return the statement that reads the products, and what was made with the key."""
        return read_basket(is_keyed=is_keyed, locks=locks)

    @classmethod
    def write_rows(
        cls, name: str, returning: Sequence[ColumnElement[Any]], condition: ColumnElement[bool], *, is_keyed: bool
    ) -> tuple[CTE, CTE]:
        """Return the CTE that writes the order, and the one that writes its items."""
        return write_order(name, returning, condition, is_keyed=is_keyed)


def _first_event(actor: Actor, command: Place) -> Any:
    """Return the event of an order that is placed, as a row without its moment, which the database sets."""
    (placed,) = decide(None, command)
    row = {"created_at": None} | event_row(actor, STREAM, new_id(), 1, placed)
    return row_class(Event).of(row[column.name] for column in table_of(Event).c)
