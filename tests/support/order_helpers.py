"""How tests sell: through HTTP, to members of acme."""

from typing import Any

from tests.support.factories import World

__all__ = ["MOVED", "ORDER", "product"]

PRODUCT = """
... on Product { id sku name price { amount currency } stockQuantity version unitsSold revenue { amount currency } }
... on Error { message code } ... on InvalidInput { fields { path message } }
"""
FIELDS = """
... on Order {
    id status nextStatuses totalAmount { amount currency } version shippingAddress user { fullName }
    items { nodes { line quantity unitPrice { amount } subtotal { amount } product { name } } }
    events { nodes { type version reason actor { fullName } } }
}
... on Error { message code } ... on InvalidInput { fields { path message } }
"""
ORDER = FIELDS + "... on OutOfStock { lines { name requested available product { id } } }"
MOVED = FIELDS + "... on IllegalTransition { current allowed }"


async def product(world: World, sku: str, amount: str = "19.90", stock: int = 10, **more: Any) -> dict[str, Any]:
    price = {"amount": amount, "currency": more.pop("currency", "EUR")}
    return await world.acme.admin.client.do(
        "createProduct", PRODUCT, sku=sku, name=sku.title(), price=price, stockQuantity=stock, **more
    )
