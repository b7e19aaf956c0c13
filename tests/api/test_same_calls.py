"""Keys of idempotency: what they are, what uses them up, and which calls are the same."""

from typing import Any
from uuid import uuid4

import pytest

from models.base import new_id
from tests.support.factories import World
from tests.support.order_helpers import create_product

ERRORS = "... on Error { code } ... on InvalidInput { fields { path message } }"
PRICE = {"amount": "1.5", "currency": "EUR"}
OUTCOMES = f"{ERRORS} ... on Outcomes {{ succeeded failed }}"


async def made(world: World) -> dict[str, dict[str, Any]]:
    """By mutation that takes a key, what it is given."""
    sold = await create_product(world, "sold")
    return {
        "createTask": {"title": "t"},
        "createProject": {"name": "p"},
        "createDocument": {"title": "d"},
        "createArticle": {"title": "a", "content": "c"},
        "createProduct": {"sku": "s", "name": "n", "price": PRICE},
        "restockProduct": {"id": sold["id"], "quantity": 1},
        "placeOrder": {"items": [{"productId": sold["id"], "quantity": 1}], "shippingAddress": "1 Main St"},
        "restockProducts": {"products": [{"id": sold["id"], "quantity": 1}]},
        "importArticles": {"articles": [{"title": "a", "content": "c"}]},
    }


async def test_a_key_has_1_to_255_characters(world: World) -> None:
    client = world.acme.owner.client
    for mutation, given in (await made(world)).items():
        for key in ("", "k" * 256):
            answer = await client.mutate(mutation, ERRORS, **given, idempotencyKey=key)
            assert [problem["path"] for problem in answer.get("fields", [])] == ["idempotencyKey"], mutation
        answer = await client.mutate(mutation, ERRORS, **given, idempotencyKey="k" * 255)
        assert "code" not in answer, (mutation, answer)
    assert await world.connection.fetchval("SELECT stock_quantity FROM products WHERE sku = 'sold'") == 11


SAME: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("createTask", {"title": "t"}, {"title": "t", "description": None}),
    ("createTask", {"title": "t"}, {"title": " t ", "status": "TODO", "dueDate": None, "projectId": None}),
    ("createTask", {"title": "t", "dueDate": "2027-01-31T00:00Z"}, {"title": "t", "dueDate": "2027-01-31T01:00+01:00"}),
    ("createProject", {"name": "p"}, {"name": " p"}),
    ("createDocument", {"title": "d"}, {"title": "d ", "content": "", "projectId": None}),
    ("createArticle", {"title": "a", "content": "c"}, {"title": "a", "content": "c", "status": "DRAFT"}),
    ("createArticle", {"title": "e\u0301", "content": "c"}, {"title": "\u00e9", "content": "c", "language": "ENGLISH"}),
    (
        "createProduct",
        {"sku": "s", "name": "n", "price": PRICE},
        {"sku": "s", "name": "n", "price": {"amount": 1.5, "currency": "EUR"}, "description": None, "stockQuantity": 0},
    ),
    (
        "importArticles",
        {"articles": [{"title": "a", "content": "c", "status": "PUBLISHED"}]},
        {"articles": [{"title": "a ", "content": "c", "status": "PUBLISHED", "language": "ENGLISH"}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("mutation", "first", "second"), SAME)
async def test_calls_of_equal_meaning_are_the_same(
    world: World, mutation: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    client, key = world.acme.owner.client, str(uuid4())
    table = {"createTask": "tasks", "createProject": "projects", "createDocument": "documents"}.get(
        mutation, "products" if mutation == "createProduct" else "articles"
    )
    for given in (first, second, first):
        answer = await client.mutate(mutation, ERRORS, **given, idempotencyKey=key)
        assert "code" not in answer, answer
        assert await world.connection.fetchval(f"SELECT count(*) FROM {table}") == 1
    name = next(iter(first))
    other = {**first, name: [{"title": "other", "content": "c"}] if name == "articles" else "other"}
    assert (await client.mutate(mutation, ERRORS, **other, idempotencyKey=key))["code"] == "IDEMPOTENCY_CONFLICT"


async def test_blanks_around_a_content_are_another_meaning(world: World) -> None:
    client, key = world.acme.owner.client, str(uuid4())
    await client.mutate("createArticle", ERRORS, title="a", content="c", idempotencyKey=key)
    again = await client.mutate("createArticle", ERRORS, title="a", content="c ", idempotencyKey=key)
    assert again["code"] == "IDEMPOTENCY_CONFLICT"


async def test_a_bulk_call_that_is_refused_whole_does_not_use_its_key_up(world: World) -> None:
    client, key = world.acme.owner.client, str(uuid4())
    sold = await create_product(world, "sold")
    missing = [{"id": f"Product:{new_id()}", "quantity": 5}, {"id": sold["id"], "quantity": 0}]
    good = [{"id": sold["id"], "quantity": 5}]
    calls: list[tuple[list[Any], dict[str, int]]] = [
        (missing, {"succeeded": 0, "failed": 2}),
        (missing, {"succeeded": 0, "failed": 2}),
        (good, {"succeeded": 1, "failed": 0}),
        (good, {"succeeded": 1, "failed": 0}),
    ]
    for rows, counts in calls:
        answer = await client.mutate("restockProducts", OUTCOMES, products=rows, idempotencyKey=key)
        assert {name: answer[name] for name in counts} == counts
    assert await world.connection.fetchval("SELECT stock_quantity FROM products") == 15
    conflict = await client.mutate("restockProducts", OUTCOMES, products=missing, idempotencyKey=key)
    assert conflict["code"] == "IDEMPOTENCY_CONFLICT"

    key = str(uuid4())
    for rows, succeeded in (([{"title": "", "content": "c"}], 0), ([{"title": "a", "content": "c"}], 1)):
        answer = await client.mutate("importArticles", OUTCOMES, articles=rows, idempotencyKey=key)
        assert answer["succeeded"] == succeeded
    too_many = [{"title": "a", "content": ""}] * 1001
    key = str(uuid4())
    assert (await client.mutate("importArticles", OUTCOMES, articles=too_many, idempotencyKey=key))["code"]
    assert (await client.mutate("importArticles", OUTCOMES, articles=too_many[:1], idempotencyKey=key))[
        "succeeded"
    ] == 1
