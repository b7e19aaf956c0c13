"""The rules of products: what a tenant sells, for how much, and how much of it is there."""

from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Select, Text, and_, bindparam, func, select, update
from sqlmodel import col

from models import Order, OrderItem, OrderStatus, Product
from models.base import table_of
from models.database import WriteSession
from models.money import Currency, minor_units
from services.access import TENANT_ID, Actor, Permission, permitted
from services.errors import InvalidInput
from services.idempotency import once
from services.pagination import Collection, containing
from services.pagination import Order as SortOrder
from services.rows import found, inserted, taken, updated
from services.validation import Checks, checking

__all__ = ["PRODUCTS", "Price", "ProductChanges", "change", "create", "restock", "visible"]

LONGEST_NAME = 200
LONGEST_SKU = 64
LONGEST_DESCRIPTION = 2000
HIGHEST_PRICE = 9_999_999_999  # minor units: ten digits
MOST_STOCK = 2**31 - 1
TAKEN = {"products_tenant_id_sku_key_key": "sku"}


class Price(TypedDict):
    """An amount in a currency."""

    amount: Decimal
    currency: Currency


class ProductChanges(TypedDict, total=False):
    """What an update says; what is absent stays as it is."""

    sku: str
    name: str
    description: str | None
    price: Price
    is_active: bool


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """All of the tenant's products."""
    permitted(permissions, Permission.PRODUCTS_READ)
    return select(*table_of(Product).c).where(col(Product.tenant_id) == TENANT_ID)


def _sold(what: Any) -> Any:
    """An aggregate over the items of this product in orders that were not cancelled."""
    theirs = and_(col(OrderItem.tenant_id) == col(Product.tenant_id), col(OrderItem.product_id) == col(Product.id))
    its_order = and_(col(Order.tenant_id) == col(OrderItem.tenant_id), col(Order.id) == col(OrderItem.order_id))
    items = select(what).join(Order, its_order).where(theirs, col(Order.status) != OrderStatus.CANCELLED)
    return items.correlate(table_of(Product)).scalar_subquery()


def _priced(given: dict[str, Any]) -> dict[str, Any]:
    """Prices to filter by, in minor units of the currency that is filtered by."""
    for name in ("price_from", "price_to"):
        if name in given:
            minor = minor_units(given[name], given["currency"]) if "currency" in given else None
            if minor is None or not 0 <= minor <= HIGHEST_PRICE:
                raise InvalidInput.of(f"filter.{name}", "A price needs `currency` beside it, and fit it.")
            given = {**given, name: minor}
    return given


SAME_CURRENCY = col(OrderItem.currency) == col(Product.currency)

PRODUCTS = Collection(
    model=Product,
    visible=visible,
    filters={
        "text": containing("products_text", col(Product.id)),
        "sku": col(Product.sku_key) == func.lower(bindparam("sku", type_=Text())),
        "is_active": col(Product.is_active) == bindparam("is_active", type_=Boolean()),
        "in_stock": col(Product.is_in_stock) == bindparam("in_stock", type_=Boolean()),
        "currency": col(Product.currency) == bindparam("currency", type_=Text()),
        "price_from": col(Product.price_minor) >= bindparam("price_from", type_=BigInteger()),
        "price_to": col(Product.price_minor) <= bindparam("price_to", type_=BigInteger()),
    },
    orders={
        "created_at": SortOrder.by(col(Product.created_at)),
        "updated_at": SortOrder.by(col(Product.updated_at)),
        "name": SortOrder.by(col(Product.name_key)),
        "price": SortOrder.by(col(Product.price_minor)),
        "stock_quantity": SortOrder.by(col(Product.stock_quantity)),
    },
    default_order=("name", False),
    expressions={
        "units_sold": _sold(func.coalesce(func.sum(col(OrderItem.quantity)), 0).cast(BigInteger)),
        "revenue_minor": _sold(
            func.coalesce(func.sum(col(OrderItem.subtotal_minor)).filter(SAME_CURRENCY), 0).cast(BigInteger)
        ),
    },
    prepare=_priced,
    guarded={"units_sold": Permission.ORDERS_WRITE, "revenue_minor": Permission.ORDERS_WRITE},
)


async def create(
    session: WriteSession,
    actor: Actor,
    *,
    values: ProductChanges,
    stock_quantity: int = 0,
    idempotency_key: str | None = None,
) -> Product:
    """Offer a product; `sku`, `name` and `price` are required.

    Raises:
        InvalidInput: a name, SKU or description that is too long or empty; a price that is negative, has more than
            ten digits or more decimals than its currency; a negative stock.
        AlreadyExists: the tenant has a product with this SKU, whatever its case.
        IdempotencyConflict: see `services.idempotency`.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    columns = _checked(values, stock_quantity)

    async def make() -> UUID:
        async with taken(TAKEN):
            return (await inserted(session, actor, Product, columns)).id

    product_id = await once(session, actor, "createProduct", idempotency_key, columns, make)
    return await found(session, actor, Product, product_id)


async def change(
    session: WriteSession, actor: Actor, *, id: UUID, changes: ProductChanges, expected_version: int | None = None
) -> Product:
    """Change a product; what is absent stays as it is. Orders keep the price at which they were placed.

    Raises:
        NotFound: no such product.
        InvalidInput, AlreadyExists: as in `create`.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    columns = _checked(changes)
    async with taken(TAKEN):
        return await updated(session, actor, Product, id, columns, expected_version=expected_version)


async def restock(
    session: WriteSession, actor: Actor, *, id: UUID, quantity: int, idempotency_key: str | None = None
) -> Product:
    """Add to a product's stock.

    Raises:
        NotFound: no such product.
        InvalidInput: a quantity below 1, or one that makes the stock pass 2,147,483,647.
        IdempotencyConflict: see `services.idempotency`.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    with checking() as checks:
        if not 1 <= quantity <= MOST_STOCK:
            checks.problem("quantity", "A quantity is 1 or more.")

    async def make() -> UUID:
        room = col(Product.stock_quantity) <= MOST_STOCK - quantity
        more = {"stock_quantity": col(Product.stock_quantity) + quantity}
        product = await found(session, actor, Product, id)
        which = and_(col(Product.tenant_id) == actor.identity.tenant_id, col(Product.id) == product.id, room)
        raised = update(Product).where(which).values(**more).returning(col(Product.id))
        if not (await session.exec(raised)).all():
            raise InvalidInput.of("quantity", "The stock cannot pass 2,147,483,647.")
        return product.id

    values = {"id": id, "quantity": quantity}
    product_id = await once(session, actor, "restockProduct", idempotency_key, values, make)
    return await found(session, actor, Product, product_id)


def _checked(changes: ProductChanges, stock_quantity: int | None = None) -> dict[str, Any]:
    """The changes as columns."""
    columns: dict[str, Any] = {name: value for name, value in changes.items() if name != "price"}
    with checking() as checks:
        if "sku" in changes:
            columns["sku"] = checks.text("sku", changes["sku"], least=1, most=LONGEST_SKU)
        if "name" in changes:
            columns["name"] = checks.text("name", changes["name"], least=1, most=LONGEST_NAME)
        if description := changes.get("description"):
            columns["description"] = checks.text("description", description, most=LONGEST_DESCRIPTION)
        if "price" in changes:
            columns |= _price(checks, changes["price"])
        if stock_quantity is not None:
            columns["stock_quantity"] = stock_quantity
            if not 0 <= stock_quantity <= MOST_STOCK:
                checks.problem("stock_quantity", "A stock is 0 or more.")
    return columns


def _price(checks: Checks, price: Price) -> dict[str, Any]:
    minor = minor_units(price["amount"], price["currency"])
    if minor is None:
        checks.problem("price.amount", "This has more decimals than the currency.")
    elif not 0 <= minor <= HIGHEST_PRICE:
        checks.problem("price.amount", "A price is 0 or more, with ten digits at most.")
    return {"price_minor": minor, "currency": price["currency"]}
