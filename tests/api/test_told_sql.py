"""The statements of an operation, which development tells to those who ask, and production to nobody."""

from typing import Any

import asyncpg
import pytest

from tests.conftest import Urls
from tests.support.client import SECRET_KEY, Client, run_app
from tests.support.factories import World, create_world

SECRET = "told to nobody"
QUERY = "query($title: String) { tasks(filter: { title: { contains: $title } }) { nodes { title } } }"
MUTATION = "mutation($title: String!) { createTask(input: { title: $title }) { ... on Task { title } } }"


async def told(
    client: Client, operation: str, variables: dict[str, Any] | None = None, **headers: str
) -> list[str] | None:
    sent = {"authorization": f"Bearer {client.token}", **headers}
    body = {"query": operation, "variables": variables or {"title": SECRET}}
    answer = (await client.http.post("/graphql", json=body, headers=sent)).json()
    assert "errors" not in answer, answer
    statements: list[str] | None = answer.get("extensions", {}).get("sql")
    return statements


@pytest.mark.parametrize(
    ("operation", "begins"),
    [
        (QUERY, "SELECT "),
        (QUERY.replace("{ tasks", "{ __schema { __typename } tasks"), "SELECT "),
        (MUTATION, "INSERT "),
    ],
    ids=["compiled", "reference", "mutation"],
)
async def test_development_tells_statements_without_values(world: World, operation: str, begins: str) -> None:
    statements = await told(world.acme.owner.client, operation, **{"atrium-sql": "1"})
    assert statements
    assert [text for text in statements if text.startswith(begins) and "tasks" in text]
    assert SECRET not in "".join(statements)


WRITES = {
    "UPDATE tasks": ("updateTask", lambda task, _product: {"id": task, "title": "changed"}),
    "INSERT INTO orders": (
        "placeOrder",
        lambda _task, product: {"items": [{"productId": product, "quantity": 1}], "shippingAddress": "1 Main St"},
    ),
}


@pytest.mark.parametrize("begins", WRITES)
async def test_development_tells_the_statements_of_every_kind_of_write(world: World, begins: str) -> None:
    acme = world.acme
    owned = {"tenant_id": acme.tenant_id}
    task = await world.add("tasks", **owned, title="t", status="TODO", created_by=acme.owner.user_id)
    product = await world.add("products", **owned, sku="t", name="t", price_minor=100, currency="EUR", stock_quantity=5)
    mutation, given = WRITES[begins]
    kind = mutation[0].upper() + mutation[1:]
    operation = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ __typename }} }}"
    variables = {"input": given(f"Task:{task}", f"Product:{product}")}
    statements = await told(acme.owner.client, operation, variables, **{"atrium-sql": "1"})
    assert statements
    assert [text for text in statements if begins in text], statements


async def test_nobody_is_told_who_does_not_ask(world: World) -> None:
    assert await told(world.acme.owner.client, QUERY) is None
    assert await told(world.acme.owner.client, QUERY, **{"atrium-sql": "0"}) is None


async def test_production_tells_nobody(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    async with run_app(urls, environment="production", secret_key=SECRET_KEY) as app:
        world = await create_world(app, owner_connection)
        assert await told(world.acme.owner.client, QUERY, **{"atrium-sql": "1"}) is None
