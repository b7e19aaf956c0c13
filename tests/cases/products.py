"""What the shared tests try of products."""

from models import Product
from services import products
from tests.support import case_objects
from tests.support.case_context import secret_text
from tests.support.case_values import PAGE, PRICE
from tests.support.derived_rows import some_rows
from tests.support.derived_scale import scale_insert
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: Product                     ok         ok         ok         U          F          U
product                           ok         ok         ok         U          F          U
products: holding a text          ok         ok         ok         U          F          U
products: by number               ok         ok         ok         U          F          U
products: after                   ok         ok         ok         U          F          U
productStats                      ok         ok         ok         U          F          U
createProduct                     ok         ok         F          U          F          U
updateProduct                     ok         ok         F          U          F          U
updateProducts                    ok         ok         F          U          F          U
restockProduct                    ok         ok         F          U          F          U
restockProducts                   ok         ok         F          U          F          U
"""

SCALE = {
    "products": scale_insert(
        Product,
        rows=2000,
        stock_quantity="CASE WHEN n % 30 = 3 THEN 0 ELSE n % 200 END",
        is_active="n % 40 <> 39",
    )
}


async def insert_listed(world: World) -> None:
    """Insert four products, of which one, the lamp, changed twice."""
    ours, price = {"tenant_id": world.acme.tenant_id}, {"price_minor": 100, "currency": "EUR"}
    for name in ("Lamp", "Chair", "Table", "Rug"):
        await world.add("products", **ours, **price, sku=name, name=name)
    for text in ("What is to be said", "More about it"):
        await world.connection.execute("UPDATE products SET description = $1 WHERE name = 'Lamp'", text)


CASES = DomainCases(
    operations={
        "product": {"id": case_objects.product},
        "products: holding a text": {
            "filter": {"name": {"contains": case_objects.text_in_product}},
            "orderBy": {"field": "PRICE"},
        },
        "products: by number": {"filter": {"sku": {"eq": case_objects.product_sku}}},
        "products: after": {**PAGE, "after": case_objects.first_cursor("products", case_objects.product)},
        "productStats": {"groupBy": ["IS_ACTIVE"]},
        "createProduct": {"input": {"sku": case_objects.new_name, "name": secret_text, "price": PRICE}},
        "updateProduct": {"input": {"id": case_objects.product, "name": secret_text, "expectedVersion": 1}},
        "updateProducts": {"input": {"products": [{"id": case_objects.product, "name": secret_text, "price": PRICE}]}},
        "restockProduct": {
            "input": {"id": case_objects.product, "quantity": 2, "idempotencyKey": case_objects.new_name}
        },
        "restockProducts": {"input": {"products": [{"id": case_objects.product, "quantity": 2}]}},
    },
    nodes={"Product": case_objects.product},
    outcomes=OUTCOMES,
    cannot_leak={"productStats": "shows numbers alone"},
    collections={"products.PRODUCTS": CollectionCase(products.PRODUCTS, some_rows(Product, 90), 90)},
    scale=SCALE,
    places={"Product": 'products(filter: {{name: {{contains: "lamp"}}}}) {{ nodes {{ {} }} }}'},
    insert_listed=insert_listed,
)
