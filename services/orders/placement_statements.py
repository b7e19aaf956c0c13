"""The two statements that place an order: one reads what the rule looks at, the other writes what it decided.

The second one is a chain of CTEs. Each of them needs the one before to have found or written all that it should, so
that all is written or nothing:

    locked        the products, in the order of their ids, if they still can be had as they were priced
    keyed         the idempotency key, if there is one, with the id of the order; a twin waits here, and finds it taken
    stock_taken   their stock
    counted       the tenant's next number, the last lock of all, since whoever else places an order waits for it
    happened      the event, which gets the number
    written       the order, which gets the moment of the event; the compiler gives it another name
    itemized      its items
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BindParameter,
    Column,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_unless
from sqlalchemy.dialects.postgresql.dml import Insert

from models import Event, Order, OrderItem, Product
from models.base import table_of
from models.idempotency import IdempotencyKey
from services.orders.numbers import next_number
from services.orders.stock import PRICED_COLUMNS, TAKEN_COLUMNS, is_still_for_sale
from services.permissions import TENANT_ID, USER_ID
from services.writes.bulk import insert_statement, unnest_table

__all__ = ["read_basket", "write_order"]

EVENTS, KEYS, ORDERS, PRODUCTS = (table_of(model) for model in (Event, IdempotencyKey, Order, Product))
TENANT = bindparam("order_tenant_id", type_=Uuid())
PRODUCT_COUNT = bindparam("product_count", type_=Integer())


def read_basket(*, is_keyed: bool, locks: bool) -> Select[Any]:
    """Return the statement that reads products, and what was made with the key, as one JSON text."""
    ids = bindparam("product_ids", type_=ARRAY(Uuid()))
    these = and_(PRODUCTS.c.tenant_id == TENANT_ID, PRODUCTS.c.id == func.any(ids))
    products = select(*(PRODUCTS.c[name] for name in PRICED_COLUMNS)).where(these).order_by(PRODUCTS.c.id)
    found = (products.with_for_update(key_share=True) if locks else products).subquery("found")
    shown = select(func.json_agg(literal_column("found"))).select_from(found).scalar_subquery()
    key: ColumnElement[Any] = null()
    if is_keyed:
        mine = and_(KEYS.c.tenant_id == TENANT_ID, KEYS.c.user_id == USER_ID)
        same = and_(KEYS.c.mutation == _bind("key", KEYS.c.mutation), KEYS.c.key == _bind("key", KEYS.c.key))
        key = select(func.json_build_array(KEYS.c.input_digest, KEYS.c.outcome_ids)).where(mine, same).scalar_subquery()
    return select(cast(func.json_build_object("products", shown, "key", key), Text))


def write_order(
    name: str, returning: Sequence[ColumnElement[Any]], condition: ColumnElement[bool], *, is_keyed: bool
) -> tuple[CTE, CTE]:
    """Return the CTE that writes the order, and the one that writes its items; see `DecidedWrite.write_rows`."""
    given = unnest_table("taken", TAKEN_COLUMNS)
    these = and_(PRODUCTS.c.tenant_id == TENANT, PRODUCTS.c.id == given.c.id)
    locked = select(PRODUCTS.c.id).where(condition, these, is_still_for_sale(given)).order_by(PRODUCTS.c.id)
    may_go_on = _has_all(locked.with_for_update(key_share=True, of=PRODUCTS).cte("locked"))
    if is_keyed:
        may_go_on = _has_row(_insert_key(may_go_on))
    left = PRODUCTS.c.stock_quantity - given.c.quantity
    taken = update(PRODUCTS).where(may_go_on, these).values(stock_quantity=left).returning(PRODUCTS.c.id)
    counted = next_number(TENANT, _has_all(taken.cte("stock_taken")))
    happened = _insert_event(counted)
    written = _insert_order(counted, happened).returning(*returning).cte(name)
    items = insert_statement(OrderItem, _names(table_of(OrderItem)), order_by="line", where=_has_row(written))
    return written, items.cte("itemized")


def _insert_key(condition: ColumnElement[bool]) -> CTE:
    """Return the CTE that keeps the key, unless it is taken."""
    names = [name for name in _names(KEYS) if name != "created_at"]
    values = select(*(_bind("key", KEYS.c[name]) for name in names)).where(condition)
    fresh: Insert = insert_unless(KEYS).from_select(names, values, include_defaults=False)
    return fresh.on_conflict_do_nothing().returning(KEYS.c.key).cte("keyed")


def _insert_event(counted: CTE) -> CTE:
    """Return the CTE that writes the event, with the number."""
    names = [name for name in _names(EVENTS) if name != "created_at"]
    given = {name: _bind("event", EVENTS.c[name]) for name in names}
    payload = given["payload"].op("||")(func.jsonb_build_object("number", counted.c.last))
    values: list[Any] = [payload if name == "payload" else given[name] for name in names]
    rows = select(*values).select_from(counted)
    fresh = insert(EVENTS).from_select(names, rows, include_defaults=False)
    return fresh.returning(EVENTS.c.created_at).cte("happened")


def _insert_order(counted: CTE, happened: CTE) -> Any:
    """Return the statement that writes the order: what the event says of it, with its number and its moment."""
    moment = happened.c.created_at
    by_database: dict[str, Any] = {"created_at": moment, "updated_at": moment, "number": counted.c.last}
    values = [by_database.get(name, _bind("order", ORDERS.c[name])) for name in _names(ORDERS)]
    rows = select(*values).select_from(counted).join(happened, literal_column("TRUE"))
    return insert(ORDERS).from_select(_names(ORDERS), rows, include_defaults=False)


def _has_all(products: CTE) -> ColumnElement[bool]:
    """Return the condition under which a CTE has all products of the basket."""
    return select(func.count()).select_from(products).scalar_subquery() == PRODUCT_COUNT


def _has_row(rows: CTE) -> ColumnElement[bool]:
    return select(literal_column("1")).select_from(rows).exists()


def _bind(prefix: str, column: Column[Any]) -> BindParameter[Any]:
    """Return the parameter with the value of a column."""
    return bindparam(f"{prefix}_{column.name}", type_=column.type)


def _names(table: Table) -> list[str]:
    """Return the names of the columns that are written."""
    return [column.name for column in table.c if column.computed is None]
