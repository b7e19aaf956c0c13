"""Products in GraphQL."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import audit
from graph.fields.bulk import Outcome, Outcomes, parse_changes, parse_rows, to_outcomes
from graph.fields.columns import column, expression, money
from graph.fields.connection import Connection
from graph.fields.descriptions import input_type, object_type, result_union
from graph.fields.domain import Domain
from graph.fields.errors import AlreadyExists, IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.filtering import filter_input
from graph.fields.inputs import create_kwargs, given_or_none, id_of, to_kwargs, update_kwargs
from graph.fields.money import Money, MoneyInput
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many
from graph.fields.scalars import BigInt
from graph.fields.sorting import order_input
from graph.fields.statistics import statistics_field
from models.database import WriteSession
from services import products
from services.permissions import Actor
from services.products import PRODUCT_STATISTICS

if TYPE_CHECKING:
    from graph.orders import Order

__all__ = [
    "DOMAIN",
    "Product",
    "ProductFilter",
    "ProductOrder",
    "ProductOutcome",
    "ProductOutcomes",
    "Queries",
    "RestockOutcome",
    "RestockOutcomes",
]


ProductFilter = filter_input(
    products.PRODUCTS,
    sku="stock keeping unit (SKU)",
    stock_quantity="number of units in stock",
    is_active="state, orderable or not,",
)
ProductOrder = order_input(
    products.PRODUCTS,
    default="by name",
    price="price, compared as a number of minor units (such as cents); filter by `price` as well for a meaningful "
    "result",
    stock_quantity="the number of units in stock",
)


@backed_by(products.PRODUCTS, filter=ProductFilter, order=ProductOrder)
class Product(Node):
    """A product that the tenant sells: its price and stock.

    Visible to all members of the tenant.
    """

    sku: str
    """Stock keeping unit (SKU) of the product: 1 to 64 characters, unique in the tenant ignoring case."""
    name: str
    """Name of the product, 1 to 200 characters."""
    description: str | None
    """Description of the product, at most 2,000 characters; null if none."""
    price: Money = money("price_minor")
    """Current price of one unit of the product, 0 or more; orders already placed keep their own prices."""
    stock_quantity: int
    """Number of units of the product in stock, 0 or more; units in orders that are not cancelled are already
    subtracted."""
    is_active: bool
    """Whether the product can be ordered."""
    created_at: datetime
    updated_at: datetime
    """Date and time the product last changed (UTC), its stock included."""
    version: int
    units_sold: BigInt | None = expression("units_sold")
    """Number of units of the product in all orders that are not cancelled, deleted ones included. For admins and
    owners; others get null and the error FORBIDDEN."""
    revenue: Money | None = money("revenue_minor", computed=True)
    """Sum of the product's subtotals in all orders that are not cancelled, deleted ones included, counting only orders
    in the product's current currency. For admins and owners; others get null and the error FORBIDDEN."""
    orders: Connection[Annotated["Order", strawberry.lazy("graph.orders")]] = to_many("product_id")
    """Orders that contain the product, newest first; members see only their own orders, admins and owners all."""
    history: Connection[audit.AuditEntry] = to_many("row_id")


@object_type
class ProductStatsGroupKey:
    """What the products of one group in statistics have in common."""

    is_active: bool | None = column()
    """Whether the products of the group are active; null if they are not grouped by it."""


@object_type
class ProductStatsGroup:
    """A group of products in statistics."""

    key: ProductStatsGroupKey
    """What the products of this group have in common."""
    period: date | None = column()
    """First day of the period of these products; null if they are not grouped by periods, or have no such date."""
    count: int = column()
    """Number of products in this group, 1 or more."""
    sum: Money = money("sum_minor")
    """Sum of the prices of the products in this group, which all have one currency."""
    min: Money = money("min_minor")
    """Lowest price of a product in this group."""
    max: Money = money("max_minor")
    """Highest price of a product in this group."""


@object_type
class ProductStats:
    """Statistics of products."""

    total_count: int
    """Number of products in all groups."""
    groups: list[ProductStatsGroup]
    """Groups of products, by period and then by what they have in common; what no row is in is left out."""


@object_type
class Queries:
    """Products at the root."""

    product: Product | None = by_id()
    """Product by its global ID; null if there is no such product."""
    products: Connection[Product] = connection()
    """Products of the tenant, sorted by name by default."""
    product_stats: ProductStats = statistics_field(PRODUCT_STATISTICS, filter=ProductFilter)
    """Numbers of products by group: of the products that the list `products` holds with the same filter. Products with
    prices in different currencies are in different groups."""


@input_type
class CreateProductInput:
    """Fields of the product to create; for admins and owners."""

    sku: str
    """Stock keeping unit (SKU) of the product to create, 1 to 64 characters; unique in the tenant, ignoring case."""
    name: str
    """Name of the product to create, 1 to 200 characters."""
    description: str | None = UNSET
    """Description of the product to create, at most 2,000 characters; null for none."""
    price: MoneyInput
    """Price of one unit of the product to create: 0 or more, at most ten digits including decimals."""
    stock_quantity: int = 0
    """Number of units of the product in stock: 0 to 2,147,483,647; 0 if omitted."""
    is_active: bool = True
    """True if the product can be ordered (the default), false if not."""
    idempotency_key: str | None = UNSET


@input_type
class UpdateProductInput:
    """Fields of the product to update: input of `updateProduct`, and of each row of `updateProducts`.

    Fields left out stay as they are.
    """

    id: strawberry.ID = id_of("Product")
    sku: strawberry.Maybe[str]
    """New stock keeping unit (SKU) of the product: 1 to 64 characters, unique in the tenant ignoring case; cannot be
    null."""
    name: strawberry.Maybe[str]
    """New name of the product: 1 to 200 characters; cannot be null."""
    description: strawberry.Maybe[str | None]
    """New description of the product, at most 2,000 characters; null removes the description."""
    price: strawberry.Maybe[MoneyInput]
    """New price of one unit of the product: 0 or more, at most ten digits including decimals; cannot be null."""
    is_active: strawberry.Maybe[bool]
    """New setting of whether the product can be ordered; cannot be null."""
    expected_version: int | None = UNSET


@input_type
class RestockProductInput:
    """Input of `restockProduct`: the units to add to the stock of one product."""

    id: strawberry.ID = id_of("Product")
    quantity: int
    """Number of units to add to the stock of the product: 1 or more; the stock cannot exceed 2,147,483,647."""
    idempotency_key: str | None = UNSET
    """Client-chosen key, 1 to 255 characters, that makes retries of `restockProduct` safe: a repeated call with the
    same input adds nothing again and returns the product as it is now. A repeated key with a different input gives
    an IdempotencyConflict."""


@input_type
class UpdateProductsInput:
    """Input of `updateProducts`: the products to update, each with the fields to change."""

    products: list[UpdateProductInput]
    """Products to update, with their changed fields: 1 to 1,000, each product once. The whole request may have 1.25
    MiB: send fewer with long descriptions."""


@input_type
class ArrivalInput:
    """Arrival of units of one product, to be added to its stock with `restockProducts`."""

    id: strawberry.ID = id_of("Product")
    """Global ID of the product to which the arrived units are added."""
    quantity: int
    """Quantity of units to add to the stock of the product: 1 or more; the stock may not exceed 2,147,483,647."""


@input_type
class RestockProductsInput:
    """Input of `restockProducts`: the units to add to the stock of each product."""

    products: list[ArrivalInput]
    """Products to restock, with the units to add: 1 to 1,000, each product once."""
    idempotency_key: str | None = UNSET
    """Client-chosen key, 1 to 255 characters, that makes retries of `restockProducts` safe: a repeated call with the
    same input adds nothing again and returns the products as they are now. A repeated key with a different input
    gives an IdempotencyConflict."""


UpdateProductResult = Annotated[
    Product | NotFound | InvalidInput | AlreadyExists | VersionConflict,
    result_union("UpdateProduct", "Result of `updateProduct`: the updated product, or a typed error."),
]


@object_type
class ProductOutcome(Outcome):
    """Outcome for one product of `updateProducts`."""

    result: UpdateProductResult
    """Updated product, or a typed error if this product was not changed."""


@object_type
class ProductOutcomes(Outcomes):
    """Outcomes of `updateProducts`: one for each product of the input."""

    outcomes: list[ProductOutcome]
    """Outcomes of all products in the input of `updateProducts`, in the order of the input."""


RestockedProductResult = Annotated[
    Product | NotFound | InvalidInput,
    result_union(
        "RestockedProduct", "Result for one product of `restockProducts`: the restocked product, or a typed error."
    ),
]


@object_type
class RestockOutcome(Outcome):
    """Outcome for one product of `restockProducts`."""

    result: RestockedProductResult
    """Product with its stock as it is now, or a typed error if nothing was added to this product."""


@object_type
class RestockOutcomes(Outcomes):
    """Outcomes of `restockProducts`: one for each product of the input."""

    outcomes: list[RestockOutcome]
    """Outcomes of all products in the input of `restockProducts`, in the order of the input."""


UpdateProductsResult = Annotated[
    ProductOutcomes | InvalidInput,
    result_union(
        "UpdateProducts",
        "Result of `updateProducts`: the outcome of each product to update, or a typed error of the whole call.",
    ),
]
RestockProductsResult = Annotated[
    RestockOutcomes | InvalidInput | IdempotencyConflict,
    result_union(
        "RestockProducts",
        "Result of `restockProducts`: the outcome of each product to restock, or a typed error of the whole call.",
    ),
]


@mutation(Product | InvalidInput | AlreadyExists | IdempotencyConflict, result="the created product")
async def create_product(session: WriteSession, actor: Actor, input: CreateProductInput) -> models.Product:
    """Create a product in the tenant.

    For admins and owners.
    """
    kwargs = to_kwargs(input)
    stock = kwargs.pop("stock_quantity")
    return await products.create(session, actor, stock_quantity=stock, **create_kwargs(kwargs))


@mutation(
    UpdateProductResult,
    row_update=lambda actor, input: products.update_command(actor, **update_kwargs(to_kwargs(input))),
)
async def update_product(session: WriteSession, actor: Actor, input: UpdateProductInput) -> models.Product:
    """Update a product: only the fields given in the input change.

    Orders already placed keep their prices. For admins and owners.
    """
    return await products.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(Product | NotFound | InvalidInput | IdempotencyConflict, result="the restocked product")
async def restock_product(session: WriteSession, actor: Actor, input: RestockProductInput) -> models.Product:
    """Add units to the stock of a product.

    For admins and owners.
    """
    return await products.restock(session, actor, **to_kwargs(input))


@mutation(UpdateProductsResult)
async def update_products(session: WriteSession, actor: Actor, input: UpdateProductsInput) -> ProductOutcomes:
    """Update 1 to 1,000 products, each as `updateProduct` does; failed rows do not affect the others.

    Two products cannot exchange their SKUs in one call. For admins and owners.
    """
    results = await products.update_all(session, actor, rows=parse_changes(input.products, "products"))
    return to_outcomes(ProductOutcomes, ProductOutcome, results)


@mutation(RestockProductsResult)
async def restock_products(session: WriteSession, actor: Actor, input: RestockProductsInput) -> RestockOutcomes:
    """Add units to the stock of 1 to 1,000 products; failed rows do not affect the others.

    For admins and owners.
    """
    receipts = parse_rows(input.products, "products", lambda given: products.StockReceipt(**given))
    results = await products.restock_all(
        session, actor, rows=receipts, idempotency_key=given_or_none(input.idempotency_key)
    )
    return to_outcomes(RestockOutcomes, RestockOutcome, results)


DOMAIN = Domain(
    queries=Queries, mutations=[create_product, update_product, update_products, restock_product, restock_products]
)
