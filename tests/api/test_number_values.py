"""Decimals and moments, wherever a value of theirs is taken: as variables and as literals, by both executors."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import Urls
from tests.support.bulk_mutations import result_paths, results, run_bulk
from tests.support.client import App, run_app
from tests.support.factories import World
from tests.support.order_helpers import PRODUCT_FIELDS, create_product

FINER = "0." + "9" * 38
FOUND = """
query($from: Decimal, $to: Decimal) {
  products(filter: { price: { currency: EUR, gte: $from, lte: $to } }) { nodes { sku } }
}
"""
INPUT = '{ sku: "s", name: "n", price: { amount: %s, currency: EUR } }'
CREATE = f"mutation {{ createProduct(input: {INPUT}) {{ {PRODUCT_FIELDS} }} }}"
UPDATE = (
    f"mutation {{ updateProduct(input: {{ id: %s, price: {{ amount: %s, currency: EUR }} }}) {{ {PRODUCT_FIELDS} }} }}"
)


@pytest.fixture(params=[True, False], ids=["compiled", "reference"])
async def app(urls: Urls, request: pytest.FixtureRequest) -> AsyncIterator[App]:
    """The application, with its compiler and without."""
    async with run_app(urls, compiler=request.param) as made:
        yield made


async def skus(world: World, **given: Any) -> list[str]:
    found = await world.acme.admin.client.run(FOUND, **given)
    return sorted(node["sku"] for node in found["products"]["nodes"])


async def test_an_amount_may_be_a_number_of_json(world: World) -> None:
    client = world.acme.admin.client
    for number, (given, amount) in enumerate([(19.9, "19.90"), (19, "19.00"), (0.07, "0.07"), ("19.9", "19.90")]):
        made = await create_product(world, f"s{number}", amount=given)  # type: ignore[arg-type]  # a number in place of a text
        assert made["price"]["amount"] == amount, given
        changed = await client.mutate(
            "updateProduct", PRODUCT_FIELDS, id=made["id"], price={"amount": 1.5, "currency": "EUR"}
        )
        assert changed["price"]["amount"] == "1.50"
        row = {"id": made["id"], "price": {"amount": given, "currency": "EUR"}}
        assert results(await run_bulk(world.acme.admin, "updateProducts", [row]))[0]["price"]["amount"] == amount
    assert await skus(world, **{"from": 18.99, "to": 19.5}) == ["s1"]
    assert await skus(world, **{"from": 19.9}) == ["s0", "s3"]


async def test_an_amount_may_be_a_literal(world: World) -> None:
    client = world.acme.admin.client
    made = (await client.run(CREATE % "19.9"))["createProduct"]
    assert made["price"]["amount"] == "19.90"
    identifier = json.dumps(made["id"])
    for literal, amount in (("19.95", "19.95"), ("2", "2.00"), ('"3.10"', "3.10"), ("1.5e1", "15.00")):
        changed = (await client.run(UPDATE % (identifier, literal)))["updateProduct"]
        assert changed["price"]["amount"] == amount
    found = "{ products(filter: { price: { currency: EUR, gte: 14.99, lte: 15 } }) { totalCount } }"
    assert (await client.run(found))["products"]["totalCount"] == 1


async def test_an_amount_finer_than_its_currency_is_refused_everywhere(world: World) -> None:
    client, made = world.acme.admin.client, await create_product(world, "s")
    price = {"amount": FINER, "currency": "EUR"}
    created = await client.mutate("createProduct", PRODUCT_FIELDS, sku="t", name="t", price=price)
    changed = await client.mutate("updateProduct", PRODUCT_FIELDS, id=made["id"], price=price)
    assert result_paths(created) == result_paths(changed) == ["price.amount"]
    rows = results(await run_bulk(world.acme.admin, "updateProducts", [{"id": made["id"], "price": price}]))
    assert result_paths(rows[0]) == ["products.0.price.amount"]
    for literal in (FINER, f'"{FINER}"', "0.001"):
        assert result_paths((await client.run(CREATE % literal))["createProduct"]) == ["price.amount"]
        assert result_paths((await client.run(UPDATE % (json.dumps(made["id"]), literal)))["updateProduct"]) == [
            "price.amount"
        ]
    for name in ("from", "to"):
        assert await client.error_codes(FOUND, **{name: FINER}) == ["BAD_USER_INPUT"]
    assert await client.error_codes(
        f"{{ products(filter: {{ price: {{ currency: EUR, lte: {FINER} }} }}) {{ totalCount }} }}"
    ) == ["BAD_USER_INPUT"]
    assert await world.connection.fetchval("SELECT price_minor FROM products") == 1990


NO_DECIMALS = [
    "1_000",
    "١٩",
    " 5 ",
    "\uff15",
    "",
    "NaN",
    "Infinity",
    "1e999",
    "0x1",
    "1,5",
    "+5",
    "5.",
    ".5",
    "9" * 41,
    True,
]


@pytest.mark.parametrize("given", NO_DECIMALS)
async def test_what_is_no_decimal_is_refused(world: World, given: object) -> None:
    client = world.acme.admin.client
    price = {"amount": given, "currency": "EUR"}
    create = "mutation($i: CreateProductInput!) { createProduct(input: $i) { __typename } }"
    assert await client.error_codes(create, i={"sku": "s", "name": "n", "price": price}) == ["BAD_USER_INPUT"]
    assert await client.error_codes(FOUND, **{"from": given}) == ["BAD_USER_INPUT"]
    assert await client.error_codes(CREATE % json.dumps(given, ensure_ascii=False)) == ["GRAPHQL_VALIDATION_FAILED"]
    assert await world.connection.fetchval("SELECT count(*) FROM products") == 0


NO_MOMENTS = [
    "2026-01-31 09:30:00", "2026-01-31x09:30", "2026-01-31_09:30:00Z", "20260131T093000Z", "2026-W05-6",
    "2026-02-30", "2026-01-31",
    " 2026-01-31", "2026-01-31T", "\uff12026-01-31", "2026-01-31T25:00Z", "2026-01-31T09:30:00+25:99", "soon", "", 1,
]  # fmt: skip
MOMENTS = {
    "2026-01-31T09:30Z": "2026-01-31T09:30:00.000000Z",
    "2026-01-31t09:30:00.5z": "2026-01-31T09:30:00.500000Z",
    "2026-01-31T09:30:00.123456+02:00": "2026-01-31T07:30:00.123456Z",
    "2026-01-31T09:30:00": "2026-01-31T09:30:00.000000Z",
}
DUE = "query($from: DateTime) { tasks(filter: { dueDate: { gte: $from } }) { nodes { dueDate } } }"
NOTE = 'mutation($due: DateTime) { createTask(input: { title: "t", dueDate: $due }) { ... on Task { id dueDate } } }'
NOTED = 'mutation { createTask(input: { title: "t", dueDate: %s }) { ... on Task { dueDate } } }'


@pytest.mark.parametrize("given", NO_MOMENTS)
async def test_what_is_no_moment_is_refused(world: World, given: object) -> None:
    client = world.acme.member.client
    assert (
        await client.error_codes(NOTE, due=given)
        == await client.error_codes(DUE, **{"from": given})
        == ["BAD_USER_INPUT"]
    )
    assert await client.error_codes(NOTED % json.dumps(given, ensure_ascii=False)) == ["GRAPHQL_VALIDATION_FAILED"]


@pytest.mark.parametrize("given", MOMENTS)
async def test_moments_are_read_as_iso_8601_and_rfc_3339_write_them(world: World, given: str) -> None:
    client = world.acme.member.client
    assert (await client.run(NOTE, due=given))["createTask"]["dueDate"] == MOMENTS[given]
    assert (await client.run(NOTED % f'"{given}"'))["createTask"]["dueDate"] == MOMENTS[given]
    assert (await client.run(DUE, **{"from": given}))["tasks"]["nodes"] == [{"dueDate": MOMENTS[given]}] * 2


async def test_more_than_an_int_can_say_is_sold(world: World) -> None:
    made = await create_product(world, "s", amount="0.01", stock=2**31 - 1)
    identifier = made["id"].removeprefix("Product:")
    for _ in range(2):
        answer = await world.acme.member.client.mutate(
            "placeOrder", "... on Order { id }", items=[{"productId": made["id"], "quantity": 2**31 - 1}],
            shippingAddress="1 Main St",
        )  # fmt: skip
        assert answer["__typename"] == "Order", answer
        await world.connection.execute(
            "UPDATE products SET stock_quantity = 2147483647 WHERE id = $1::uuid", identifier
        )
    shown = "query($id: ID!) { product(id: $id) { unitsSold } products { nodes { unitsSold } } }"
    answer = await world.acme.admin.client.run(shown, id=made["id"])
    assert answer == {"product": {"unitsSold": 4294967294}, "products": {"nodes": [{"unitsSold": 4294967294}]}}
