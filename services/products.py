"""The rules of products: what a tenant sells, for how much, and how much of it is there."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict, cast
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, Select, Text, Uuid, and_, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from models import Order, OrderItem, OrderStatus, Product
from models.base import table_of
from models.database import WriteSession, fetch
from models.money import Currency, minor_units
from services.errors import AlreadyExists, DomainError, InvalidInput, NotFound, Unavailable
from services.permissions import TENANT_ID, Actor, Permission, permitted
from services.queries.collection import Collection, containing
from services.queries.collection import Order as SortOrder
from services.validation import Checks, checking
from services.writes.bulk import Call, Change, arrays, as_table, refuse_absent, written
from services.writes.idempotency import once, once_each
from services.writes.row_update import Edit, edited
from services.writes.rows import broken_constraint, found, inserted, locked, taken

__all__ = [
    "PRODUCTS",
    "Arrival",
    "Price",
    "ProductChanges",
    "change",
    "change_all",
    "create",
    "edit",
    "restock",
    "restock_all",
    "visible",
]

LONGEST_NAME = 200
LONGEST_SKU = 64
LONGEST_DESCRIPTION = 2000
HIGHEST_PRICE = 9_999_999_999  # minor units: ten digits
MOST_STOCK = 2**31 - 1
TAKEN = {"products_tenant_id_sku_key_key": "sku"}
FULL = f"The stock cannot pass {MOST_STOCK:,}."
TRIES = 3


class Price(TypedDict):
    """An amount in a currency."""

    amount: Decimal
    currency: Currency


class Arrival(NamedTuple):
    """How many of which product arrived."""

    id: UUID
    quantity: int


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
        IdempotencyConflict: see `services.writes.idempotency`.
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
    async with taken(TAKEN):
        return await edited(session, actor, edit(actor, id=id, changes=changes, expected_version=expected_version))


def edit(actor: Actor, *, id: UUID, changes: ProductChanges, expected_version: int | None = None) -> Edit[Product]:
    """The edit that `change` comes down to.

    Raises:
        InvalidInput: as in `create`.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    return Edit(Product, id, _checked(changes), expected_version)


async def restock(
    session: WriteSession, actor: Actor, *, id: UUID, quantity: int, idempotency_key: str | None = None
) -> Product:
    """Add to a product's stock.

    Raises:
        NotFound: no such product.
        InvalidInput: a quantity below 1, or one that makes the stock pass 2,147,483,647.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    with checking() as checks:
        _check_quantity(checks, quantity)

    async def make() -> UUID:
        room = col(Product.stock_quantity) <= MOST_STOCK - quantity
        more = {"stock_quantity": col(Product.stock_quantity) + quantity}
        product = await found(session, actor, Product, id)
        which = and_(col(Product.tenant_id) == actor.identity.tenant_id, col(Product.id) == product.id, room)
        raised = update(Product).where(which).values(**more).returning(col(Product.id))
        if not (await session.exec(raised)).all():
            raise InvalidInput.of("quantity", FULL)
        return product.id

    values = {"id": id, "quantity": quantity}
    product_id = await once(session, actor, "restockProduct", idempotency_key, values, make)
    return await found(session, actor, Product, product_id)


async def change_all(
    session: WriteSession, actor: Actor, *, rows: Sequence[Change | InvalidInput]
) -> list[Product | DomainError]:
    """Change up to 1,000 products, each as in `change`; give what became of each, in their order.

    An SKU is taken if another product has it before the call, so no two products can swap theirs.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
        Unavailable: others kept taking the SKUs in the meantime.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    call = Call[Change, Product]("products", rows)
    call.refuse_repeated("id", lambda row: row.id)
    columns: dict[int, dict[str, Any]] = {}
    for index, row in call.rows():
        with call.checking(index) as checks:
            columns[index] = _columns(checks, cast("ProductChanges", row.changes))
    await _take_turns(session, actor, columns)
    current = await locked(session, actor, Product, [row.id for row in call.open.values()])
    refuse_absent(call, Product, current)
    for _ in range(TRIES):
        await _refuse_taken(session, actor, call, columns)
        changes = {row.id: columns[index] for index, row in call.rows()}
        try:
            async with session.begin_nested():
                changed = await written(session, actor, Product, current, changes)
        except IntegrityError as error:
            if broken_constraint(error) not in TAKEN:
                raise
        else:
            call.end_all({index: changed[row.id] for index, row in call.rows()})
            return call.outcomes()
    raise Unavailable


async def restock_all(
    session: WriteSession,
    actor: Actor,
    *,
    rows: Sequence[Arrival | InvalidInput],
    idempotency_key: str | None = None,
) -> list[Product | DomainError]:
    """Add to the stock of up to 1,000 products, each as in `restock`; give what became of each, in their order.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    call = Call[Arrival, Product]("products", rows)
    values = {"products": [None if isinstance(row, InvalidInput) else [row.id, row.quantity] for row in rows]}
    call.refuse_repeated("id", lambda row: row.id)
    for index, row in call.rows():
        with call.checking(index) as checks:
            _check_quantity(checks, row.quantity)
    arrived = {row.id: row.quantity for row in call.open.values()}

    async def make() -> Sequence[UUID]:
        return await _add(session, actor, arrived)

    done = set(await once_each(session, actor, "restockProducts", idempotency_key, values, make))
    products = await _present(session, actor, arrived)
    for index, row in call.rows():
        if row.id not in products:
            call.end(index, NotFound())
        elif row.id not in done:
            call.end(index, InvalidInput.of(call.path(index, "quantity"), FULL))
        else:
            call.end(index, products[row.id])
    return call.outcomes()


async def _add(session: WriteSession, actor: Actor, arrived: Mapping[UUID, int]) -> list[UUID]:
    """Add to the stock of those products that have room for it; says which they are."""
    current = await locked(session, actor, Product, arrived)
    stocks = {
        row_id: {"stock_quantity": product.stock_quantity + arrived[row_id]}
        for row_id, product in current.items()
        if product.stock_quantity <= MOST_STOCK - arrived[row_id]
    }
    return list(await written(session, actor, Product, current, stocks))


async def _present(session: WriteSession, actor: Actor, ids: Mapping[UUID, Any]) -> dict[UUID, Product]:
    mine = visible(actor.permissions).where(col(Product.id) == func.any(bindparam("ids", type_=ARRAY(Uuid()))))
    rows = await fetch(session, Product, mine, {"tenant_id": actor.identity.tenant_id, "ids": list(ids)})
    return {row.id: row for row in rows}


async def _take_turns(session: WriteSession, actor: Actor, columns: Mapping[int, Mapping[str, Any]]) -> None:
    """Let calls that change many SKUs of one tenant wait for each other here, before they could at each SKU."""
    if any("sku" in changes for changes in columns.values()):
        name = func.hashtextextended(f"SKUs of {actor.identity.tenant_id}", 0)
        await session.exec(select(func.pg_advisory_xact_lock(name)))


async def _refuse_taken(
    session: WriteSession, actor: Actor, call: Call[Change, Product], columns: Mapping[int, Mapping[str, Any]]
) -> None:
    """End the rows whose SKU another product has, or an earlier row wants."""
    wanted = [{"id": row.id, "sku": columns[index]["sku"]} for index, row in call.rows() if "sku" in columns[index]]
    if not wanted:
        return
    given = as_table("given", {"id": Uuid(), "sku": Text()})
    keys = select(given.c.id, func.lower(given.c.sku).label("key")).cte("keys").prefix_with("MATERIALIZED")
    same = and_(col(Product.tenant_id) == actor.identity.tenant_id, col(Product.sku_key) == keys.c.key)
    statement = select(keys.c.id, keys.c.key, col(Product.id)).select_from(keys.outerjoin(Product, same))
    result = await session.exec(statement, params=arrays("given", wanted))
    holders = {row_id: (key, holder) for row_id, key, holder in result}
    first: set[str] = set()
    for index, row in call.rows():
        key, holder = holders.get(row.id, (None, None))
        if key is None:
            continue
        if holder not in {None, row.id} or key in first:
            call.end(index, AlreadyExists(call.path(index, "sku")))
        first.add(key)


def _checked(changes: ProductChanges, stock_quantity: int | None = None) -> dict[str, Any]:
    """The changes as columns."""
    with checking() as checks:
        columns = _columns(checks, changes)
        if stock_quantity is not None:
            columns["stock_quantity"] = stock_quantity
            if not 0 <= stock_quantity <= MOST_STOCK:
                checks.problem("stock_quantity", "A stock is 0 or more.")
    return columns


def _columns(checks: Checks, changes: ProductChanges) -> dict[str, Any]:
    columns: dict[str, Any] = {name: value for name, value in changes.items() if name != "price"}
    if "sku" in changes:
        columns["sku"] = checks.text("sku", changes["sku"], least=1, most=LONGEST_SKU)
    if "name" in changes:
        columns["name"] = checks.text("name", changes["name"], least=1, most=LONGEST_NAME)
    if description := changes.get("description"):
        columns["description"] = checks.text("description", description, most=LONGEST_DESCRIPTION)
    if "price" in changes:
        columns |= _price(checks, changes["price"])
    return columns


def _check_quantity(checks: Checks, quantity: int) -> None:
    if not 1 <= quantity <= MOST_STOCK:
        checks.problem("quantity", "A quantity is 1 or more.")


def _price(checks: Checks, price: Price) -> dict[str, Any]:
    minor = minor_units(price["amount"], price["currency"])
    if minor is None:
        checks.problem("price.amount", "This has more decimals than the currency.")
    elif not 0 <= minor <= HIGHEST_PRICE:
        checks.problem("price.amount", "A price is 0 or more, with ten digits at most.")
    return {"price_minor": minor, "currency": price["currency"]}
