"""Products: names, prices and stocks at their limits, and who may change them."""

from decimal import Decimal
from typing import Any

import pytest

from models.base import new_id
from models.money import Currency
from models.products import Product
from services import products
from services.errors import AlreadyExists, Forbidden, IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from services.permissions import Permission
from services.products import MAX_STOCK, StockReceipt
from services.writes.bulk import RowChange
from services.writes.changes import MoneyValue
from tests.support.factories import World
from tests.support.rule_checks import RuleChecks, euros
from tests.support.service_client import ServiceClient, invalid_paths


def price(amount: str = "19.90", currency: str = "EUR") -> MoneyValue:
    return {"amount": Decimal(amount), "currency": Currency(currency)}


async def create_product(rules: ServiceClient, world: World, sku: str = "tea", **given: Any) -> Product:
    more = {name: given.pop(name) for name in ("stock_quantity", "idempotency_key") if name in given}
    values = {"sku": sku, "name": "Tea", "price": price(), **given}
    return await rules.apply(world.acme.admin, products.create, values=values, **more)


async def count(world: World) -> int:
    return int(await world.connection.fetchval("SELECT count(*) FROM products"))


async def test_a_product_is_offered_and_changed(rules: ServiceClient, world: World) -> None:
    tea = await create_product(rules, world, " Tea-1 ", name=" Green tea ", description=" Fine ", stock_quantity=3)
    assert (tea.sku, tea.name, tea.description, tea.stock_quantity) == ("Tea-1", "Green tea", " Fine ", 3)
    assert (tea.price_minor, tea.currency, tea.is_active, tea.version) == (1990, "EUR", True, 1)
    changes = {"price": price("2.5", "USD"), "is_active": False, "description": None}
    changed = await rules.apply(world.acme.owner, products.update, id=tea.id, changes=changes, expected_version=1)
    assert (changed.price_minor, changed.currency, changed.is_active, changed.description) == (250, "USD", False, None)
    assert (changed.name, changed.stock_quantity, changed.version) == ("Green tea", 3, 2)


CHECKS = RuleChecks(
    products,
    products.PRODUCTS,
    lambda _world: {"sku": "tea", "name": "Tea", "price": price()},
    limits=[
        ("sku", "x" * 64, "x" * 65),
        ("sku", "x", " "),
        ("name", "x" * 200, "x" * 201),
        ("name", "x", ""),
        ("description", "x" * 2000, "x" * 2001),
        ("price", euros(9_999_999_999), euros(10_000_000_000)),
        ("price", euros(0), euros(-1)),
    ],
    unique=["sku"],
)


@pytest.mark.parametrize("check", CHECKS.names)
async def test_its_rules(rules: ServiceClient, world: World, check: str) -> None:
    await CHECKS.run(check, rules, world)


PRICES = [
    ("0", "EUR", 0),
    ("99999999.99", "EUR", 9_999_999_999),
    ("9999999999", "JPY", 9_999_999_999),
    ("1.234", "BHD", 1234),
    ("7", "JPY", 7),
    ("1.50", "EUR", 150),
]
NO_PRICES = [
    ("-0.01", "EUR"), ("100000000.00", "EUR"), ("10000000000", "JPY"), ("1.5", "JPY"), ("1.999", "EUR"),
    ("1.2345", "BHD"), ("NaN", "EUR"), ("Infinity", "EUR"),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "currency", "minor"), PRICES)
async def test_a_price_has_ten_digits_and_its_currency_s_decimals(
    rules: ServiceClient, world: World, amount: str, currency: str, minor: int
) -> None:
    tea = await create_product(rules, world, price=price(amount, currency))
    assert (tea.price_minor, tea.currency) == (minor, currency)


@pytest.mark.parametrize(("amount", "currency"), NO_PRICES)
async def test_what_is_no_price_is_refused(rules: ServiceClient, world: World, amount: str, currency: str) -> None:
    tea = await create_product(rules, world)
    with pytest.raises(InvalidInput) as refused:
        await create_product(rules, world, "other", price=price(amount, currency))
    assert invalid_paths(refused.value) == ["price.amount"]
    with pytest.raises(InvalidInput) as refused:
        await rules.apply(world.acme.admin, products.update, id=tea.id, changes={"price": price(amount, currency)})
    assert invalid_paths(refused.value) == ["price.amount"]
    assert await count(world) == 1


async def test_everything_that_is_wrong_is_said_at_once(rules: ServiceClient, world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        await create_product(rules, world, "", name="", price=price("-1"), stock_quantity=-1)
    assert invalid_paths(refused.value) == ["sku", "name", "price.amount", "stock_quantity"]


@pytest.mark.parametrize(("stock", "is_taken"), [(0, True), (MAX_STOCK, True), (-1, False), (MAX_STOCK + 1, False)])
async def test_a_stock_is_0_to_its_limit(rules: ServiceClient, world: World, stock: int, *, is_taken: bool) -> None:
    if is_taken:
        tea = await create_product(rules, world, stock_quantity=stock)
        assert tea.stock_quantity == stock
        return
    with pytest.raises(InvalidInput) as refused:
        await create_product(rules, world, stock_quantity=stock)
    assert invalid_paths(refused.value) == ["stock_quantity"]


async def test_an_sku_is_unique_in_its_tenant_in_any_case(rules: ServiceClient, world: World) -> None:
    tea, cup = await create_product(rules, world, "Tea"), await create_product(rules, world, "cup")
    with pytest.raises(AlreadyExists) as refused:
        await create_product(rules, world, "tEA")
    assert refused.value.field == "sku"
    with pytest.raises(AlreadyExists):
        await rules.apply(world.acme.admin, products.update, id=cup.id, changes={"sku": "TEA"})
    assert (await rules.apply(world.acme.admin, products.update, id=tea.id, changes={"sku": "TEA"})).sku == "TEA"
    values = {"sku": "tea", "name": "Theirs", "price": price()}
    assert (await rules.apply(world.globex.admin, products.create, values=values)).sku == "tea"


async def test_stock_arrives_up_to_the_limit(rules: ServiceClient, world: World) -> None:
    tea = await create_product(rules, world, stock_quantity=MAX_STOCK - 5)
    for quantity in (0, -1, 6, MAX_STOCK, MAX_STOCK + 1):
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(world.acme.admin, products.restock, id=tea.id, quantity=quantity)
        assert invalid_paths(refused.value) == ["quantity"]
    for quantity, left in ((1, 4), (4, 0)):
        restocked = await rules.apply(world.acme.admin, products.restock, id=tea.id, quantity=quantity)
        assert restocked.stock_quantity == MAX_STOCK - left
    assert restocked.version == 3


async def test_what_arrives_under_one_key_arrives_once(rules: ServiceClient, world: World) -> None:
    tea = await create_product(rules, world)
    for _ in range(2):
        given = {"id": tea.id, "quantity": 2, "idempotency_key": "key"}
        restocked = await rules.apply(world.acme.admin, products.restock, **given)
    assert restocked.stock_quantity == 2
    with pytest.raises(IdempotencyConflict):
        await rules.apply(world.acme.admin, products.restock, **{**given, "quantity": 3})
    made = [await create_product(rules, world, "cup", idempotency_key="made") for _ in range(2)]
    assert made[0].id == made[1].id


async def test_what_is_not_there_or_has_changed_is_not_changed(rules: ServiceClient, world: World) -> None:
    tea = await create_product(rules, world)
    foreign = await world.add(
        "products", tenant_id=world.globex.tenant_id, sku="x", name="x", price_minor=1, currency="EUR"
    )
    for product_id in (foreign, new_id()):
        with pytest.raises(NotFound):
            await rules.apply(world.acme.admin, products.update, id=product_id, changes={"name": "Mine"})
        with pytest.raises(NotFound):
            await rules.apply(world.acme.admin, products.restock, id=product_id, quantity=1)
    with pytest.raises(VersionConflict) as refused:
        await rules.apply(world.acme.admin, products.update, id=tea.id, changes={"name": "Late"}, expected_version=2)
    assert refused.value.version == 1
    assert [row["name"] for row in await world.connection.fetch("SELECT name FROM products ORDER BY name")] == [
        "Tea",
        "x",
    ]


async def test_members_look_and_admins_sell(rules: ServiceClient, world: World) -> None:
    tea = await create_product(rules, world)
    assert [row.id for row in await rules.rows(world.acme.member, products.PRODUCTS)] == [tea.id]
    assert await rules.rows(world.globex.owner, products.PRODUCTS) == []
    values = {"sku": "x", "name": "x", "price": price()}
    for rule, given in (
        (products.create, {"values": values}),
        (products.update, {"id": tea.id, "changes": {"name": "Mine"}}),
        (products.restock, {"id": tea.id, "quantity": 1}),
        (products.update_all, {"rows": [RowChange(tea.id, {"name": "Mine"})]}),
        (products.restock_all, {"rows": [StockReceipt(tea.id, 1)]}),
    ):
        with pytest.raises(Forbidden):
            await rules.apply(world.acme.member, rule, **given)
    with pytest.raises(Forbidden):
        products.update_command(rules.actor(world.acme.member), id=tea.id, changes={"name": "Mine"})
    with pytest.raises(Forbidden):
        products.visible({Permission.TENANT_READ})


async def test_lists_are_filtered_by_what_a_product_is(rules: ServiceClient, world: World) -> None:
    await create_product(rules, world, "tea", price=price("5"), stock_quantity=1)
    await create_product(rules, world, "cup", name="Cup", price=price("10"))
    await create_product(rules, world, "yen", name="Yen", price=price("500", "JPY"))
    for filter_, expected in (
        ({"name": {"contains": "e"}}, ["Tea", "Yen"]),
        ({"sku": {"eq": "CUP"}}, ["Cup"]),
        ({"sku": {"in": ["CUP", "Yen", "none"]}}, ["Cup", "Yen"]),
        ({"stock_quantity": {"gt": 0}}, ["Tea"]),
        ({"stock_quantity": {"eq": 0}}, ["Cup", "Yen"]),
        ({"price": {"currency": "JPY"}}, ["Yen"]),
        ({"price": {"currency": "EUR", "gte": Decimal(5), "lte": Decimal("9.99")}}, ["Tea"]),
        ({"price": {"currency": "EUR", "gt": Decimal(5)}}, ["Cup"]),
        ({"price": {"currency": "EUR", "lte": Decimal(10)}}, ["Cup", "Tea"]),
        ({"price": {"currency": "EUR", "in": [Decimal(10), Decimal(500)]}}, ["Cup"]),
        ({"not": {"price": {"currency": "EUR", "eq": Decimal(10)}}}, ["Tea", "Yen"]),
        ({"is_active": {"eq": False}}, []),
    ):
        rows = await rules.rows(world.acme.member, products.PRODUCTS, filter=filter_)
        assert [row.name for row in rows] == expected, filter_


@pytest.mark.parametrize(
    ("price_filter", "path"),
    [
        ({"gte": Decimal(1)}, "filter.price"),
        ({"currency": "JPY", "gt": Decimal("1.5")}, "filter.price.gt"),
        ({"currency": "EUR", "lte": Decimal("-0.01")}, "filter.price.lte"),
        ({"currency": "EUR", "in": [Decimal(1), Decimal("100000000.00")]}, "filter.price.in.1"),
    ],
)
async def test_a_price_filter_needs_its_currency_and_fits_it(
    rules: ServiceClient, world: World, price_filter: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await rules.rows(world.acme.member, products.PRODUCTS, filter={"price": price_filter})
    assert invalid_paths(refused.value) == [path]
    most = {"price": {"currency": "EUR", "gt": Decimal(0), "lte": Decimal("99999999.99")}}
    assert await rules.rows(world.acme.member, products.PRODUCTS, filter=most) == []
