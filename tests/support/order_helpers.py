"""How tests sell: through HTTP, to members of acme."""

from typing import Any
from uuid import UUID

import asyncpg

from tests.support.factories import World

__all__ = ["ORDER_FIELDS", "TRANSITION_FIELDS", "create_product", "take_order_number"]

PRODUCT_FIELDS = """
... on Product { id sku name price { amount currency } stockQuantity version unitsSold revenue { amount currency } }
... on Error { message code } ... on InvalidInput { fields { path message } }
"""
SHARED_ORDER_FIELDS = """
... on Order {
    id number status nextStatuses totalAmount { amount currency } version shippingAddress user { fullName }
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


async def take_order_number(connection: asyncpg.Connection, tenant_id: UUID) -> int:
    """Take the next number of a tenant's orders, for one that is inserted without the rules."""
    counted = "INSERT INTO order_numbers VALUES ($1, 1001) ON CONFLICT (tenant_id) DO UPDATE"
    number: int = await connection.fetchval(f"{counted} SET last = order_numbers.last + 1 RETURNING last", tenant_id)
    return number
