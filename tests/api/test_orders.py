"""Orders through HTTP: the walk of a sale."""

from tests.support.factories import World
from tests.support.order_helpers import ORDER_FIELDS, TRANSITION_FIELDS, create_product


async def test_a_sale_from_the_shelf_to_the_door(world: World) -> None:
    admin, member = world.acme.admin.client, world.acme.member.client
    tea, cup = await create_product(world, "tea"), await create_product(world, "cup", "5")
    assert cup["price"] == {"amount": "5.00", "currency": "EUR"}

    items = [{"productId": tea["id"], "quantity": 2}, {"productId": cup["id"], "quantity": 1}]
    items.append({"productId": tea["id"], "quantity": 1})
    order = await member.mutate("placeOrder", ORDER_FIELDS, items=items, shippingAddress="1 Main Street")
    assert order["totalAmount"] == {"amount": "64.70", "currency": "EUR"}
    assert [(i["quantity"], i["subtotal"]["amount"]) for i in order["items"]["nodes"]] == [(3, "59.70"), (1, "5.00")]
    assert order["nextStatuses"] == ["CONFIRMED", "CANCELLED"]

    confirmed = await admin.mutate("confirmOrder", TRANSITION_FIELDS, id=order["id"], reason="paid")
    assert (confirmed["status"], confirmed["version"]) == ("CONFIRMED", 2)
    assert (await admin.mutate("shipOrder", TRANSITION_FIELDS, id=order["id"]))["status"] == "SHIPPED"
    refused = await member.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"])
    assert (refused["code"], refused["currentStatus"], refused["allowed"]) == (
        "ILLEGAL_TRANSITION",
        "SHIPPED",
        ["DELIVERED"],
    )
    done = await admin.mutate("deliverOrder", TRANSITION_FIELDS, id=order["id"])
    assert [event["type"] for event in done["events"]["nodes"]] == ["PLACED", "CONFIRMED", "SHIPPED", "DELIVERED"]
    assert done["events"]["nodes"][1]["reason"] == "paid"

    shelf = await admin.run(
        "query($id: ID!) { product(id: $id) { stockQuantity unitsSold revenue { amount } } }", id=tea["id"]
    )
    assert shelf["product"] == {"stockQuantity": 7, "unitsSold": 3, "revenue": {"amount": "59.70"}}


async def test_short_stock_names_every_product_and_takes_none(world: World) -> None:
    tea, cup, pot = (
        await create_product(world, "tea", stock=1),
        await create_product(world, "cup", stock=0),
        await create_product(world, "pot"),
    )
    items = [{"productId": p["id"], "quantity": 2} for p in (tea, cup, pot)]
    short = await world.acme.member.client.mutate("placeOrder", ORDER_FIELDS, items=items, shippingAddress="x")
    assert short["code"] == "OUT_OF_STOCK"
    assert [(i["name"], i["requested"], i["available"]) for i in short["lines"]] == [("Tea", 2, 1), ("Cup", 2, 0)]
    left = await world.acme.member.client.run("{ products { nodes { stockQuantity } } orders { totalCount } }")
    assert [p["stockQuantity"] for p in left["products"]["nodes"]] == [0, 10, 1]
    assert left["orders"]["totalCount"] == 0


async def test_an_order_as_it_was(world: World) -> None:
    tea = await create_product(world, "tea")
    item = [{"productId": tea["id"], "quantity": 4}]
    order = await world.acme.member.client.mutate(
        "placeOrder", ORDER_FIELDS, items=item, shippingAddress="x", idempotencyKey="1"
    )
    again = await world.acme.member.client.mutate(
        "placeOrder", ORDER_FIELDS, items=item, shippingAddress="x", idempotencyKey="1"
    )
    assert again["id"] == order["id"]
    await world.acme.member.client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"])
    query = "query($id: ID!, $at: DateTime) { order(id: $id, asOf: $at) { status version createdAt updatedAt } }"
    now = (await world.acme.member.client.run(query, id=order["id"]))["order"]
    assert (now["status"], now["version"]) == ("CANCELLED", 2)
    then = (await world.acme.member.client.run(query, id=order["id"], at=now["createdAt"]))["order"]
    assert (then["status"], then["version"]) == ("PENDING", 1)
    before = await world.acme.member.client.run(query, id=order["id"], at="2020-01-01T00:00:00Z")
    assert before["order"] is None


async def test_others_do_not_see_it(world: World) -> None:
    tea = await create_product(world, "tea")
    item = [{"productId": tea["id"], "quantity": 1}]
    order = await world.acme.owner.client.mutate("placeOrder", ORDER_FIELDS, items=item, shippingAddress="x")
    query = "query($id: ID!) { order(id: $id) { id } orders { totalCount } }"
    assert await world.acme.member.client.run(query, id=order["id"]) == {"order": None, "orders": {"totalCount": 0}}
    assert (await world.acme.admin.client.run(query, id=order["id"]))["orders"]["totalCount"] == 1
    refused = await world.acme.member.client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"])
    assert refused["code"] == "NOT_FOUND"


async def test_stock_without_room_for_what_comes_back_keeps_the_order(world: World) -> None:
    tea = await create_product(world, "tea", stock=10)
    order = await world.acme.member.client.mutate(
        "placeOrder", ORDER_FIELDS, items=[{"productId": tea["id"], "quantity": 10}], shippingAddress="x"
    )
    await world.connection.execute("UPDATE products SET stock_quantity = 2147483647")
    refused = await world.acme.member.client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"])
    assert refused["__typename"] == "IllegalTransition"
    await world.connection.execute("UPDATE products SET stock_quantity = 0")
    assert (await world.acme.member.client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"]))[
        "status"
    ] == "CANCELLED"
    assert await world.connection.fetchval("SELECT stock_quantity FROM products") == 10
