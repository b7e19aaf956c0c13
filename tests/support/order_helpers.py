"""How tests sell: through HTTP, to members of acme."""

from typing import Any

from tests.support.factories import World

__all__ = ["ORDER_FIELDS", "TRANSITION_FIELDS", "create_product"]

PRODUCT_FIELDS = """
... on Product { id sku name price { amount currency } stockQuantity version unitsSold revenue { amount currency } }
... on Error { message code } ... on InvalidInput { fields { path message } }
"""
SHARED_ORDER_FIELDS = """
... on Order {
    id status nextStatuses totalAmount { amount currency } version shippingAddress user { fullName }
    items { nodes { line quantity unitPrice { amount } subtotal { amount } product { name } } }
    events { nodes { type version reason actor { fullName } } }
}
... on Error { message code } ... on InvalidInput { fields { path message } }
"""
ORDER_FIELDS = SHARED_ORDER_FIELDS + "... on OutOfStock { lines { name requested available product { id } } }"
TRANSITION_FIELDS = SHARED_ORDER_FIELDS + "... on IllegalTransition { currentStatus allowed }"


async def create_product(world: World, sku: str, amount: str = "19.90", stock: int = 10, **more: Any) -> dict[str, Any]:
    price = {"amount": amount, "currency": more.pop("currency", "EUR")}
    return await world.acme.admin.client.mutate(
        "createProduct", PRODUCT_FIELDS, sku=sku, name=sku.title(), price=price, stockQuantity=stock, **more
    )
