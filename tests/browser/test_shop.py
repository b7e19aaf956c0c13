"""The back office's products and orders in Chromium: placing, the timeline, and every refusal that there is."""

import pytest

from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World
from tests.support.order_helpers import create_product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def _place(world: World, product: str, *, by_member: bool = False) -> str:
    person = world.acme.member if by_member else world.acme.owner
    items = [{"productId": product, "quantity": 1}]
    placed = await person.client.mutate("placeOrder", "... on Order { id }", items=items, shippingAddress="1 Main St")
    return str(placed["id"])


async def _stock_shop(world: World) -> str:
    """Create products in several currencies; give the id of the first."""
    teapot = await create_product(world, "teapot", stock=10)
    await create_product(world, "savings", amount="99999999.99", stock=7)
    await create_product(world, "fan", amount="1990", stock=5, currency="JPY")
    await create_product(world, "pearl", amount="1.005", stock=5, currency="KWD")
    return str(teapot["id"])


async def test_orders_are_placed_once_and_appear_elsewhere(scenarios: BrowserScenarios, world: World) -> None:
    teapot = await _stock_shop(world)
    await scenarios.run("orders_place.mjs", MEMBER=world.acme.member.email, TEAPOT=teapot)


async def test_what_is_not_ordered_is_explained(scenarios: BrowserScenarios, world: World) -> None:
    await scenarios.run("orders_problems.mjs", TEAPOT=await _stock_shop(world))


async def test_an_order_is_shown_as_it_was(scenarios: BrowserScenarios, world: World) -> None:
    teapot = (await create_product(world, "teapot", stock=100))["id"]
    order = await _place(world, teapot, by_member=True)
    await _place(world, teapot, by_member=True)
    other, shipped = await _place(world, teapot), await _place(world, teapot)
    for mutation in ("confirmOrder", "shipOrder"):
        await world.acme.owner.client.mutate(mutation, "... on Order { id }", id=shipped)
    await scenarios.run(
        "orders_timeline.mjs", MEMBER=world.acme.member.email, ORDER=order, OTHER=other, SHIPPED=shipped
    )


async def test_orders_are_listed_page_by_page(scenarios: BrowserScenarios, world: World) -> None:
    teapot = (await create_product(world, "teapot", stock=100))["id"]
    orders = [await _place(world, teapot) for _ in range(35)]
    await world.acme.owner.client.mutate("cancelOrder", "... on Order { id }", id=orders[3])
    await scenarios.run("orders_list.mjs")


async def test_products_are_kept(scenarios: BrowserScenarios, world: World) -> None:
    teapot = await create_product(world, "teapot", stock=12)
    sold_out = await create_product(world, "sold-out", stock=0, description="None left.")
    await world.acme.admin.client.mutate("updateProduct", "... on Product { id }", id=sold_out["id"], name="Sold out")
    for sku in ("fan", "pearl", "cup"):
        await create_product(world, sku, stock=5)

    async def remove() -> str:
        _, product_id = sold_out["id"].split(":")
        return str(await world.connection.execute("DELETE FROM products WHERE id = $1::uuid", product_id))

    await scenarios.run(
        "products.mjs", {"product is gone": remove}, MEMBER=world.acme.member.email, TEAPOT=teapot["id"]
    )
