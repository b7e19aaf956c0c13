"""Stock of orders: taken when an order is placed, put back when it is cancelled."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Uuid, and_, update
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

__all__ = ["MAX_TOTAL", "Item", "reserve_stock", "return_stock"]

MAX_TOTAL = 999_999_999_999  # minor units: twelve digits


class Item(NamedTuple):
    """How many of which product."""

    product_id: UUID
    quantity: int


async def reserve_stock(
    session: WriteSession, actor: Actor, items: Sequence[Item], wanted: Mapping[UUID, int]
) -> tuple[list[Line], str]:
    """Take what is wanted out of the stock, and say at which prices."""
    products = await lock_rows(session, actor, Product, wanted)
    with validating() as validator:
        for number, item in enumerate(items):
            product = products.get(item.product_id)
            if product is None or not product.is_active:
                validator.add_problem(f"items.{number}.product_id", "There is no such product for sale.")
        currencies = {product.currency for product in products.values()}
        if len(currencies) > 1:
            validator.add_problem("items", "All products of an order have the same currency.")
        lines = [
            Line(new_id(), product_id, quantity, products[product_id].price_minor)
            for product_id, quantity in wanted.items()
            if product_id in products
        ]
        if sum(line.subtotal_minor for line in lines) > MAX_TOTAL:
            validator.add_problem("items", "The total may have twelve digits at most.")
    reserved = await _adjust_stock(session, actor, wanted, -1, has_stock)
    short = [
        Shortage(product_id, products[product_id].name, quantity, products[product_id].stock_quantity)
        for product_id, quantity in wanted.items()
        if product_id not in reserved
    ]
    if short:
        raise OutOfStock(short)
    return lines, currencies.pop()


def has_stock(quantity: Any) -> Any:
    """Return the condition under which stock is taken."""
    return col(Product.stock_quantity) >= quantity


def has_room(quantity: Any) -> Any:
    """Return the condition under which stock is put back."""
    return col(Product.stock_quantity) <= MAX_STOCK - quantity


async def _adjust_stock(
    session: WriteSession, actor: Actor, quantities: Mapping[UUID, int], sign: int, condition: Callable[[Any], Any]
) -> set[UUID]:
    """Take stock (-1) or put it back (1), of those products for which a condition holds; says which those are."""
    given = unnest_table("given", {"id": Uuid(), "n": Integer()})
    these = and_(
        col(Product.tenant_id) == actor.identity.tenant_id, col(Product.id) == given.c.id, condition(given.c.n)
    )
    shifted = update(Product).where(these).values(stock_quantity=col(Product.stock_quantity) + sign * given.c.n)
    rows = [{"id": product_id, "n": quantity} for product_id, quantity in quantities.items()]
    return set((await session.exec(shifted.returning(col(Product.id)), params=unnest_params("given", rows))).scalars())


async def return_stock(session: WriteSession, actor: Actor, state: OrderState) -> None:
    """Put the stock of a cancelled order back; its row is locked, so this happens once."""
    quantities = {line.product_id: line.quantity for line in state.lines}
    await lock_rows(session, actor, Product, quantities)
    if await _adjust_stock(session, actor, quantities, 1, has_room) != quantities.keys():
        raise IllegalTransition(
            f"What was ordered does not fit into the stock again. {STOCK_LIMIT_MESSAGE}", current=state.status
        )
