"""Stock of orders: what of it a basket can have and at which prices, and how it is put back when one is cancelled."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, FromClause, Integer, Text, Uuid, and_, update
from sqlalchemy.types import TypeEngine
from sqlmodel import col

from models import Product
from models.base import new_id
from models.database import WriteSession
from services.errors import IllegalTransition, OutOfStock, Shortage
from services.orders.state_machine import Line, OrderState
from services.permissions import Actor
from services.products import MAX_STOCK, STOCK_LIMIT_MESSAGE
from services.validation import validating
from services.writes.bulk import unnest_params, unnest_table
from services.writes.rows import lock_rows

__all__ = ["MAX_TOTAL", "PRICED_COLUMNS", "TAKEN_COLUMNS", "Item", "is_still_for_sale", "price_items", "return_stock"]

MAX_TOTAL = 999_999_999_999  # minor units: twelve digits


PRICED_COLUMNS = ("id", "name", "price_minor", "currency", "stock_quantity", "is_active")
"""What is read of the products of a basket."""

TAKEN_COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "id": Uuid(),
    "quantity": Integer(),
    "price_minor": BigInteger(),
    "currency": Text(),
}
"""What is taken of which product, and at what it was priced."""


class Item(NamedTuple):
    """How many of which product."""

    product_id: UUID
    quantity: int


def price_items(
    items: Sequence[Item], wanted: Mapping[UUID, int], products: Mapping[UUID, Mapping[str, Any]]
) -> tuple[list[Line], str]:
    """Return the lines of a basket at today's prices, and their currency.

    Args:
        items: the basket, as it was given.
        wanted: the quantity of each product.
        products: those that there are, by their ids, with `PRICED_COLUMNS`.

    Raises:
        InvalidInput: a product that is not for sale, several currencies, or a total with too many digits.
        OutOfStock: there is not enough of some products.
    """
    with validating() as validator:
        for number, item in enumerate(items):
            product = products.get(item.product_id)
            if product is None or not product["is_active"]:
                validator.add_problem(f"items.{number}.product_id", "There is no such product for sale.")
        currencies = {product["currency"] for product in products.values()}
        if len(currencies) > 1:
            validator.add_problem("items", "All products of an order have the same currency.")
        lines = [
            Line(new_id(), product_id, quantity, products[product_id]["price_minor"])
            for product_id, quantity in wanted.items()
            if product_id in products
        ]
        if sum(line.subtotal_minor for line in lines) > MAX_TOTAL:
            validator.add_problem("items", "The total may have twelve digits at most.")
    short = [
        Shortage(product_id, products[product_id]["name"], quantity, products[product_id]["stock_quantity"])
        for product_id, quantity in wanted.items()
        if products[product_id]["stock_quantity"] < quantity
    ]
    if short:
        raise OutOfStock(short)
    return lines, currencies.pop()


def is_still_for_sale(taken: FromClause) -> ColumnElement[bool]:
    """Return the condition for products that can be had as they were priced: `taken` has `TAKEN_COLUMNS`."""
    return and_(
        col(Product.is_active),
        col(Product.price_minor) == taken.c.price_minor,
        col(Product.currency) == taken.c.currency,
        col(Product.stock_quantity) >= taken.c.quantity,
    )


async def return_stock(session: WriteSession, actor: Actor, state: OrderState) -> None:
    """Put the stock of a cancelled order back; its row is locked, so this happens once."""
    quantities = {line.product_id: line.quantity for line in state.lines}
    await lock_rows(session, actor, Product, quantities)
    given = unnest_table("given", {"id": Uuid(), "n": Integer()})
    these = and_(col(Product.tenant_id) == actor.identity.tenant_id, col(Product.id) == given.c.id)
    shifted = update(Product).where(these, col(Product.stock_quantity) <= MAX_STOCK - given.c.n)
    shifted = shifted.values(stock_quantity=col(Product.stock_quantity) + given.c.n)
    rows = [{"id": product_id, "n": quantity} for product_id, quantity in quantities.items()]
    returned = (await session.exec(shifted.returning(col(Product.id)), params=unnest_params("given", rows))).scalars()
    if set(returned) != quantities.keys():
        raise IllegalTransition(
            f"What was ordered does not fit into the stock again. {STOCK_LIMIT_MESSAGE}", current=state.status
        )
