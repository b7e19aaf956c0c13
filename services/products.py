"""The rules of products: what a tenant sells, for how much, and how much of it is there."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import add
from typing import Annotated, Any, NamedTuple, TypedDict
from uuid import UUID

from sqlalchemy import BigInteger, Select, Text, Uuid, and_, case, func, select
from sqlalchemy import update as sql_update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from models import ArchivedSale, Order, OrderItem, OrderStatus, Product
from models.base import table_of
from models.database import WriteSession
from services.abilities import Ability
from services.errors import AlreadyExists, DomainError, InvalidInput, NotFound, Unavailable
from services.permissions import TENANT_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder
from services.queries.filters import flag_filter, money_filter, scalar_filter, substring_condition, text_filter
from services.queries.loading import rows_by_key
from services.queries.statistics import Statistics
from services.validation import Validator, validating
from services.writes.bulk import Batch, RowChange, reject_missing, unnest_params, unnest_table, update_rows
from services.writes.changes import (
    FreeText,
    MoneyRange,
    MoneyValue,
    OneLine,
    WriteRules,
    change_row,
    check_changes,
    row_update_of,
)
from services.writes.idempotency import key_scope, once, once_many
from services.writes.row_update import RowUpdate
from services.writes.rows import get_row, insert_row, lock_rows, unique_violation_as, violated_constraint

__all__ = [
    "PRODUCTS",
    "PRODUCT_STATISTICS",
    "ProductChanges",
    "StockReceipt",
    "create",
    "restock",
    "restock_all",
    "update",
    "update_all",
    "update_command",
    "visible",
]

MAX_PRICE = 9_999_999_999  # minor units: ten digits
MAX_STOCK = 2**31 - 1
UNIQUE_CONSTRAINTS = {"products_tenant_id_sku_key_key": "sku"}
STOCK_LIMIT_MESSAGE = f"The stock cannot pass {MAX_STOCK:,}."
UPDATE_ATTEMPTS = 3


class StockReceipt(NamedTuple):
    """How many of which product arrived."""

    id: UUID
    quantity: int


class ProductChanges(TypedDict, total=False):
    """What an update says; what is absent stays as it is."""

    sku: Annotated[str, OneLine(64)]
    name: Annotated[str, OneLine(200)]
    description: Annotated[str | None, FreeText(2000)]
    price: Annotated[MoneyValue, MoneyRange(MAX_PRICE)]
    is_active: bool


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all of the tenant's products."""
    require_permission(permissions, Permission.PRODUCTS_READ)
    return select(*table_of(Product).c).where(col(Product.tenant_id) == TENANT_ID)


def _sum_of_sales(amount: Callable[[Any], Any]) -> Any:
    """Return the sum of an amount of this product's sales: items in orders that were not cancelled, and archived ones.

    Args:
        amount: gives the amount of a sale, which is an `OrderItem` or an `ArchivedSale`.
    """
    theirs = and_(col(OrderItem.tenant_id) == col(Product.tenant_id), col(OrderItem.product_id) == col(Product.id))
    its_order = and_(col(Order.tenant_id) == col(OrderItem.tenant_id), col(Order.id) == col(OrderItem.order_id))
    items = select(func.coalesce(func.sum(amount(OrderItem)), 0)).join(Order, its_order)
    items = items.where(theirs, col(Order.status) != OrderStatus.CANCELLED)
    archived = select(func.coalesce(func.sum(amount(ArchivedSale)), 0)).where(
        col(ArchivedSale.tenant_id) == col(Product.tenant_id), col(ArchivedSale.product_id) == col(Product.id)
    )
    sums = (each.correlate(table_of(Product)).scalar_subquery().cast(BigInteger) for each in (items, archived))
    return add(*sums)


def _subtotal_in_own_currency(sale: Any) -> Any:
    return case((col(sale.currency) == col(Product.currency), col(sale.subtotal_minor)), else_=0)


PRODUCTS = Collection(
    model=Product,
    visible=visible,
    filters={
        "sku": text_filter(col(Product.sku_key)),
        "name": text_filter(col(Product.name_key), contains=substring_condition("products_text", col(Product.id))),
        "price": money_filter(col(Product.price_minor), col(Product.currency), MAX_PRICE),
        "stock_quantity": scalar_filter(col(Product.stock_quantity)),
        "is_active": flag_filter(col(Product.is_active)),
        "created_at": scalar_filter(col(Product.created_at)),
        "updated_at": scalar_filter(col(Product.updated_at)),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Product.created_at)),
        "updated_at": SortOrder.newest_first(col(Product.updated_at)),
        "name": SortOrder.by(col(Product.name_key)),
        "price": SortOrder.by(col(Product.price_minor)),
        "stock_quantity": SortOrder.by(col(Product.stock_quantity)),
    },
    default_order=("name", False),
    expressions={
        "units_sold": _sum_of_sales(lambda sale: col(sale.quantity)),
        "revenue_minor": _sum_of_sales(_subtotal_in_own_currency),
    },
    restricted={"units_sold": Permission.ORDERS_WRITE, "revenue_minor": Permission.ORDERS_WRITE},
    abilities={
        "update": Ability.by(Permission.PRODUCTS_WRITE),
        "restock": Ability.by(Permission.PRODUCTS_WRITE, col(Product.stock_quantity) < MAX_STOCK),
    },
)

PRODUCT_STATISTICS = Statistics(
    PRODUCTS,
    keys={"is_active": col(Product.is_active)},
    dates={"created_at": col(Product.created_at), "updated_at": col(Product.updated_at)},
    minor=col(Product.price_minor),
    currency=col(Product.currency),
)


PRODUCT_RULES = WriteRules(Product, ProductChanges, unique=UNIQUE_CONSTRAINTS)


async def create(
    session: WriteSession,
    actor: Actor,
    *,
    values: ProductChanges,
    stock_quantity: int = 0,
    idempotency_key: str | None = None,
) -> Product:
    """Create a product; `sku`, `name` and `price` are required.

    Raises:
        InvalidInput: a name, SKU or description that is too long or empty; a price that is negative, has more than
            ten digits or more decimals than its currency; a negative stock.
        AlreadyExists: the tenant has a product with this SKU, whatever its case.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    columns = _validate_changes(values, stock_quantity)

    async def make() -> UUID:
        async with unique_violation_as(UNIQUE_CONSTRAINTS):
            return (await insert_row(session, actor, Product, columns)).id

    meaning = {"is_active": True, **columns}
    product_id = await once(session, actor, key_scope("create", Product), idempotency_key, meaning, make)
    return await get_row(session, actor, Product, product_id)


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, changes: ProductChanges, expected_version: int | None = None
) -> Product:
    """Change a product; what is absent stays as it is. Orders keep the price at which they were placed.

    Raises:
        NotFound: no such product.
        InvalidInput, AlreadyExists: as in `create`.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    return await change_row(session, actor, PRODUCT_RULES, id, changes, expected_version)


def update_command(
    actor: Actor, *, id: UUID, changes: ProductChanges, expected_version: int | None = None
) -> RowUpdate[Product] | None:
    """Return the row update that `update` comes down to.

    Raises:
        InvalidInput: as in `create`.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    return row_update_of(PRODUCT_RULES, id, changes, expected_version)


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
    with validating() as validator:
        _validate_quantity(validator, quantity)

    async def make() -> UUID:
        room = col(Product.stock_quantity) <= MAX_STOCK - quantity
        more = {"stock_quantity": col(Product.stock_quantity) + quantity}
        product = await get_row(session, actor, Product, id)
        which = and_(col(Product.tenant_id) == actor.identity.tenant_id, col(Product.id) == product.id, room)
        raised = sql_update(Product).where(which).values(**more).returning(col(Product.id))
        if not (await session.exec(raised)).all():
            raise InvalidInput.of("quantity", STOCK_LIMIT_MESSAGE)
        return product.id

    values = {"id": id, "quantity": quantity}
    product_id = await once(session, actor, key_scope("restock", Product), idempotency_key, values, make)
    return await get_row(session, actor, Product, product_id)


async def update_all(
    session: WriteSession, actor: Actor, *, rows: Sequence[RowChange | InvalidInput]
) -> list[Product | DomainError]:
    """Change up to 1,000 products, each as in `update`; give what became of each, in their order.

    An SKU is taken if another product has it before the call, so no two products can swap theirs.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
        Unavailable: others kept taking the SKUs in the meantime.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    batch = Batch[RowChange, Product]("products", rows)
    batch.reject_duplicates("id", lambda row: row.id)
    columns: dict[int, dict[str, Any]] = {}
    for index, row in batch.pending_rows():
        with batch.validating(index) as validator:
            columns[index] = check_changes(validator, ProductChanges, row.changes)
    await _lock_skus(session, actor, columns)
    current = await lock_rows(session, actor, Product, [row.id for row in batch.pending.values()])
    reject_missing(batch, Product, current)
    for _ in range(UPDATE_ATTEMPTS):
        await _reject_taken_skus(session, actor, batch, columns)
        changes = {row.id: columns[index] for index, row in batch.pending_rows()}
        try:
            async with session.begin_nested():
                changed = await update_rows(session, actor, Product, current, changes)
        except IntegrityError as error:
            if violated_constraint(error) not in UNIQUE_CONSTRAINTS:
                raise
        else:
            batch.finish_all({index: changed[row.id] for index, row in batch.pending_rows()})
            return batch.outcomes()
    raise Unavailable


async def restock_all(
    session: WriteSession,
    actor: Actor,
    *,
    rows: Sequence[StockReceipt | InvalidInput],
    idempotency_key: str | None = None,
) -> list[Product | DomainError]:
    """Add to the stock of up to 1,000 products, each as in `restock`; give what became of each, in their order.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.PRODUCTS_WRITE)
    batch = Batch[StockReceipt, Product]("products", rows)
    values = {"products": [None if isinstance(row, InvalidInput) else [row.id, row.quantity] for row in rows]}
    batch.reject_duplicates("id", lambda row: row.id)
    for index, row in batch.pending_rows():
        with batch.validating(index) as validator:
            _validate_quantity(validator, row.quantity)
    arrived = {row.id: row.quantity for row in batch.pending.values()}

    async def make() -> Sequence[UUID]:
        return await _add_stock(session, actor, arrived)

    done = set(await once_many(session, actor, key_scope("restock", Product, many=True), idempotency_key, values, make))
    products: dict[UUID, Product] = await rows_by_key(session, actor, PRODUCTS, "id", list(arrived))
    for index, row in batch.pending_rows():
        if row.id not in products:
            batch.finish(index, NotFound())
        elif row.id not in done:
            batch.finish(index, InvalidInput.of(batch.path(index, "quantity"), STOCK_LIMIT_MESSAGE))
        else:
            batch.finish(index, products[row.id])
    return batch.outcomes()


async def _add_stock(session: WriteSession, actor: Actor, arrived: Mapping[UUID, int]) -> list[UUID]:
    """Add to the stock of those products that have room for it; says which they are."""
    current = await lock_rows(session, actor, Product, arrived)
    stocks = {
        row_id: {"stock_quantity": product.stock_quantity + arrived[row_id]}
        for row_id, product in current.items()
        if product.stock_quantity <= MAX_STOCK - arrived[row_id]
    }
    return list(await update_rows(session, actor, Product, current, stocks))


async def _lock_skus(session: WriteSession, actor: Actor, columns: Mapping[int, Mapping[str, Any]]) -> None:
    """Lock the tenant's SKUs, so that calls that change many of them wait here and do not deadlock."""
    if any("sku" in changes for changes in columns.values()):
        name = func.hashtextextended(f"SKUs of {actor.identity.tenant_id}", 0)
        await session.exec(select(func.pg_advisory_xact_lock(name)))


async def _reject_taken_skus(
    session: WriteSession, actor: Actor, batch: Batch[RowChange, Product], columns: Mapping[int, Mapping[str, Any]]
) -> None:
    """End the rows whose SKU another product has, or an earlier row wants."""
    wanted = [
        {"id": row.id, "sku": columns[index]["sku"]} for index, row in batch.pending_rows() if "sku" in columns[index]
    ]
    if not wanted:
        return
    given = unnest_table("given", {"id": Uuid(), "sku": Text()})
    keys = select(given.c.id, func.lower(given.c.sku).label("key")).cte("keys").prefix_with("MATERIALIZED")
    same = and_(col(Product.tenant_id) == actor.identity.tenant_id, col(Product.sku_key) == keys.c.key)
    statement = select(keys.c.id, keys.c.key, col(Product.id)).select_from(keys.outerjoin(Product, same))
    result = await session.exec(statement, params=unnest_params("given", wanted))
    holders = {row_id: (key, holder) for row_id, key, holder in result}
    first: set[str] = set()
    for index, row in batch.pending_rows():
        key, holder = holders.get(row.id, (None, None))
        if key is None:
            continue
        if holder not in {None, row.id} or key in first:
            batch.finish(index, AlreadyExists(batch.path(index, "sku")))
        first.add(key)


def _validate_changes(changes: ProductChanges, stock_quantity: int) -> dict[str, Any]:
    """Validate the changes; return them as column values."""
    with validating() as validator:
        columns = check_changes(validator, ProductChanges, changes)
        columns["stock_quantity"] = stock_quantity
        if not 0 <= stock_quantity <= MAX_STOCK:
            validator.add_problem("stock_quantity", "A stock is 0 or more.")
    return columns


def _validate_quantity(validator: Validator, quantity: int) -> None:
    if not 1 <= quantity <= MAX_STOCK:
        validator.add_problem("quantity", "A quantity is 1 or more.")
