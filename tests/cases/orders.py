"""What the shared tests try of orders."""

from uuid import UUID

from models.base import now
from services import orders
from tests.support import bulk_fixtures, case_objects
from tests.support.case_context import CaseContext, secret_text
from tests.support.case_values import PAGE
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World
from tests.support.order_helpers import take_order_number

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: Order                       ok         ok         null       U          F          U
node: OrderItem                   ok         ok         null       U          F          U
node: OrderEvent                  ok         ok         null       U          F          U
order                             ok         ok         null       U          F          U
order: one's own                  ok         ok         ok         U          F          U
order: as it was                  ok         ok         ok         U          F          U
orders: of somebody               ok         ok         ok         U          F          U
orderByNumber                     ok         ok         null       U          F          U
orders: by number                 ok         ok         ok         U          F          U
orders: holding a text            ok         ok         ok         U          F          U
orders: up to a total             ok         ok         ok         U          F          U
orders: with a product            ok         ok         ok         U          F          U
orders: after                     ok         ok         ok         U          F          U
orderStats                        ok         ok         ok         U          F          U
placeOrder                        ok         ok         ok         U          F          U
confirmOrders                     ok         ok         F          U          F          U
confirmOrder                      ok         ok         F          U          F          U
shipOrder                         ok         ok         F          U          F          U
deliverOrder                      ok         ok         F          U          F          U
cancelOrder                       ok         ok         ok         U          F          U
cancelOrder: somebody's           ok         ok         NOT_FOUND  U          F          U
deleteOrder                       ok         ok         F          U          F          U
deleteOrder: one's own            ok         ok         F          U          F          U
deleteOrder: too early            ILLEGAL    ILLEGAL    F          U          F          U
"""

SCALE = {
    "orders": """
    INSERT INTO orders (tenant_id, id, user_id, status, total_minor, currency, shipping_address, created_at,
        updated_at, version, number)
    SELECT t.id, gen_random_uuid(), m.ids[1 + n % 200],
        CASE WHEN n % 50 = 0 THEN 'PENDING' WHEN n % 40 = 1 THEN 'CONFIRMED' WHEN n % 30 = 2 THEN 'SHIPPED'
            WHEN n % 20 = 3 THEN 'CANCELLED' ELSE 'DELIVERED' END,
        100 + n * 7919 % 1000000, 'EUR', 'Somewhere ' || n, now() - n * interval '1 hour',
        now() - n * interval '1 minute', 4, 10000 - n
    FROM tenants t
        JOIN (SELECT tenant_id, array_agg(user_id) FROM memberships GROUP BY 1) m (tenant_id, ids)
            ON m.tenant_id = t.id,
        generate_series(1, 5000) n
""",
    "order_items": """
    INSERT INTO order_items (tenant_id, id, order_id, product_id, line, quantity, unit_price_minor, subtotal_minor,
        currency)
    SELECT o.tenant_id, gen_random_uuid(), o.id, p.ids[1 + (o.total_minor + line * 313) % 1000], line, line, 100,
        100 * line, 'EUR'
    FROM orders o JOIN (SELECT tenant_id, array_agg(id) FROM products GROUP BY 1) p (tenant_id, ids) USING (tenant_id),
        generate_series(1, 3) line
""",
    "archived_sales": """
    INSERT INTO archived_sales (tenant_id, id, order_id, product_id, quantity, subtotal_minor, currency)
    SELECT t.id, gen_random_uuid(), gen_random_uuid(), p.ids[1 + n * 313 % 1000], 1 + n % 3, 100 + n % 300, 'EUR'
    FROM tenants t JOIN (SELECT tenant_id, array_agg(id) FROM products GROUP BY 1) p (tenant_id, ids)
            ON p.tenant_id = t.id,
        generate_series(1, 3000) n
""",
    "events": """
    INSERT INTO events (tenant_id, id, stream_type, stream_id, version, type, payload, actor_id, created_at)
    SELECT tenant_id, gen_random_uuid(), 'order', id, n,
        (ARRAY['OrderPlaced', 'OrderConfirmed', 'OrderShipped', 'OrderDelivered'])[n],
        '{}', user_id, created_at + n * interval '1 minute'
    FROM (SELECT *, generate_series(1, 4) n FROM orders) o
""",
}


async def insert_listed(world: World) -> None:
    """Insert five orders of the owner's, all of the lamp; one of them was shipped, with two things more."""
    ours, buyer = {"tenant_id": world.acme.tenant_id}, world.acme.owner.user_id
    products = await world.connection.fetch("SELECT id FROM products WHERE tenant_id = $1 ORDER BY id", *ours.values())
    lamp, *others = [row["id"] for row in products]
    for number in range(5):
        shipped = number == 2  # the one in the middle
        order = {"status": "SHIPPED" if shipped else "PENDING", "shipping_address": "Here", "currency": "EUR"}
        moments = {"created_at": now(), "updated_at": now(), "version": 3 if shipped else 1}
        named = {"user_id": buyer, "number": await take_order_number(world.connection, world.acme.tenant_id)}
        order_id = await world.add("orders", **ours, **order, **moments, **named, total_minor=100)
        for line, product_id in enumerate([lamp, *others[:2]] if shipped else [lamp], 1):
            item = {"order_id": order_id, "product_id": product_id, "line": line, "quantity": 1, "currency": "EUR"}
            await world.add("order_items", **ours, **item, unit_price_minor=100, subtotal_minor=100)
        for version, name in enumerate(["Placed", "Confirmed", "Shipped"] if shipped else ["Placed"], 1):
            event = {"stream_type": "order", "stream_id": order_id, "version": version, "type": f"Order{name}"}
            await world.add("events", **ours, **event, payload="{}", actor_id=buyer)


RENUMBER = """
    UPDATE orders SET number = (SELECT 100000 + max(number) FROM orders) WHERE id = $1 RETURNING number
"""


async def order_number(stage: CaseContext) -> int:
    """The number of a member's order, which no order of another tenant has."""
    row_id = UUID((await case_objects.order(stage)).partition(":")[2])
    return int(await stage.world.connection.fetchval(RENUMBER, row_id))


CASES = DomainCases(
    operations={
        "order": {"id": case_objects.order},
        "order: one's own": {"id": case_objects.own_order},
        "order: as it was": {"id": case_objects.own_order, "asOf": "2999-01-01T00:00:00Z"},
        "orders: of somebody": {
            "filter": {"userId": {"eq": case_objects.buyer}},
            "orderBy": {"field": "TOTAL_AMOUNT"},
        },
        "orderByNumber": {"number": order_number},
        "orders: by number": {"filter": {"number": {"eq": order_number}}, "orderBy": {"field": "NUMBER"}},
        "orders: holding a text": {"filter": {"text": {"contains": secret_text}}},
        "orders: up to a total": {"filter": {"totalAmount": {"currency": "EUR", "gte": "5", "lte": "20.00"}}},
        "orders: with a product": {"filter": {"items": {"some": {"productId": {"eq": case_objects.ordered_product}}}}},
        "orders: after": {**PAGE, "after": case_objects.first_cursor("orders", case_objects.own_order)},
        "orderStats": {"filter": {"userId": {"eq": case_objects.buyer}}, "groupBy": ["USER"], "by": "MONTH"},
        "placeOrder": {
            "input": {"items": [{"productId": case_objects.product, "quantity": 2}], "shippingAddress": secret_text}
        },
        "confirmOrders": {"input": {"orders": [{"id": case_objects.order, "expectedVersion": 1}]}},
        "confirmOrder": {"input": {"id": case_objects.order}},
        "shipOrder": {"input": {"id": case_objects.confirmed_order, "expectedVersion": 2}},
        "deliverOrder": {"input": {"id": case_objects.shipped_order}},
        "cancelOrder": {"input": {"id": case_objects.own_order, "reason": secret_text}},
        "cancelOrder: somebody's": {"input": {"id": case_objects.order}},
        "deleteOrder": {"input": {"id": case_objects.delivered_order, "reason": secret_text, "expectedVersion": 4}},
        "deleteOrder: one's own": {"input": {"id": case_objects.own_cancelled_order}},
        "deleteOrder: too early": {"input": {"id": case_objects.order}},
    },
    nodes={"Order": case_objects.order, "OrderItem": case_objects.order_item, "OrderEvent": case_objects.order_event},
    outcomes=OUTCOMES,
    cannot_leak={
        "orderByNumber": "a number is of one tenant, and names nothing else",
        "orders: by number": "likewise",
    },
    collections={
        "orders.ORDERS": CollectionCase(orders.ORDERS, bulk_fixtures.some_orders, 60),
        "orders.FILTERED_ITEMS": CollectionCase(orders.FILTERED_ITEMS, bulk_fixtures.some_orders, 120),
        "orders.ITEMS": CollectionCase(orders.ITEMS, bulk_fixtures.some_orders, 120),
        "orders.EVENTS": CollectionCase(orders.EVENTS, bulk_fixtures.some_orders, 60),
    },
    sort_columns={"total_amount": "total_minor"},
    scale=SCALE,
    owner_outcomes={"deleteOrder: too early": "ILLEGAL_TRANSITION"},
    places={"Order": "orders(filter: {{status: {{eq: SHIPPED}}}}) {{ nodes {{ {} }} }}"},
    audited_columns={"order_items": "currency"},
    insert_listed=insert_listed,
)
