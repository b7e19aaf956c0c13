"""Orders on the fast path: placed as on the long way, and refused there."""

import pytest

from tests.support.raw_http import Server, request, token_of

PLACE = """mutation Place($input: PlaceOrderInput!) { placeOrder(input: $input) {
    __typename ... on Order { status nextStatuses totalAmount { amount currency } user { fullName } version }
    ... on OutOfStock { lines { requested available } } ... on InvalidInput { fields { path } } } }"""


@pytest.fixture
async def tea(server: Server) -> str:
    world = server.world
    row = {"sku": "tea", "name": "Tea", "price_minor": 199, "currency": "EUR", "stock_quantity": 50}
    return f"Product:{await world.add('products', tenant_id=world.acme.tenant_id, **row)}"


def place(server: Server, product: str, quantity: int = 1, key: str | None = None) -> bytes:
    """The bytes of an order."""
    given = {"items": [{"productId": product, "quantity": quantity}], "shippingAddress": "x", "idempotencyKey": key}
    body = {"query": PLACE, "variables": {"input": given}}
    return request(body, "user-agent: tests/1", token=token_of(server))


@pytest.mark.parametrize("key", [None, "key"])
async def test_an_order_is_answered_alike(server: Server, tea: str, key: str | None) -> None:
    await server.warm(place(server, tea, key=key and "first"), place(server, tea, key=key and "second"))
    long = await server.exchange(place(server, tea, key=key and "long"), fast=False)
    before = await server.count_fast()
    fast = await server.exchange(place(server, tea, key=key and "fast"), fast=True)
    assert await server.count_fast() == before + 1
    assert b'"__typename":"Order"' in fast.answers
    assert (fast.answers, fast.lines, fast.counted) == (long.answers, long.lines, long.counted)
    made = await server.world.connection.fetch(
        "SELECT DISTINCT a.operation, a.ip, a.user_agent, a.request_id = e.request_id AND a.actor_id = e.actor_id"
        " FROM audit_log a JOIN events e ON e.stream_id = a.row_id WHERE a.action = 'CREATE'"
    )
    assert [tuple(row) for row in made] == [("placeOrder", "127.0.0.1", "tests/1", True)]


@pytest.mark.parametrize(
    ("quantity", "key", "name"),
    [
        (99, None, "OutOfStock"),
        (99, "other", "OutOfStock"),
        (0, None, "InvalidInput"),
        (1, "key", "Order"),
        (2, "key", "IdempotencyConflict"),
    ],
)
async def test_an_order_that_is_not_placed_is_answered_and_logged_alike(
    server: Server, tea: str, quantity: int, key: str | None, name: str
) -> None:
    await server.warm(place(server, tea), place(server, tea, key="key"), place(server, tea, key="warm"))
    asked = place(server, tea, quantity, key)
    assert f'"__typename":"{name}"'.encode() in (await server.exchange(asked, fast=True)).answers
    assert await server.assert_equal(asked) == 0
