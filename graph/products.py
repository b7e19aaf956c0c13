"""Products in GraphQL."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import audit
from graph.fields.bulk import Outcome, Outcomes, parse_changes, parse_rows, to_outcomes
from graph.fields.columns import expression, money
from graph.fields.connection import Connection, OrderDirection
from graph.fields.descriptions import enum, input_type, object_type, result_union
from graph.fields.errors import AlreadyExists, IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.inputs import create_kwargs, id_of, to_kwargs, update_kwargs
from graph.fields.money import Money, MoneyInput
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many
from models import Currency
from models.database import WriteSession
from services import products
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.orders import Order

__all__ = [
    "MUTATIONS",
    "Product",
    "ProductFilter",
    "ProductOrder",
    "ProductOutcome",
    "ProductOutcomes",
    "Queries",
    "RestockOutcome",
    "RestockOutcomes",
]


@backed_by(products.PRODUCTS)
class Product(Node):
    """Something that is sold."""

    sku: str
    """Its own number in the tenant, unique whatever its case."""
    name: str
    """What it is called."""
    description: str | None
    """More about it."""
    price: Money = money("price_minor")
    """What one of it costs now."""
    stock_quantity: int
    """How many there are; what is in open orders is already taken out."""
    is_active: bool
    """Whether it can be ordered."""
    created_at: datetime
    """When it was first offered."""
    updated_at: datetime
    """When it last changed."""
    version: int
    """How often it changed; for `expectedVersion`."""
    units_sold: int | None = expression("units_sold")
    """How many were ordered, cancelled orders aside. For admins and owners."""
    revenue: Money | None = money("revenue_minor", computed=True)
    """What they brought in its present currency, cancelled orders aside. For admins and owners."""
    orders: Connection[Annotated["Order", strawberry.lazy("graph.orders")]] = to_many("product_id")
    """The orders that it is in; your own, unless you manage orders."""
    history: Connection[audit.AuditEntry] = to_many("row_id")
    """What became of it, the newest first."""


@input_type
class ProductFilter:
    """Which products are listed."""

    text: str | None = UNSET
    """Those whose name holds this, in any case."""
    sku: str | None = UNSET
    """The one with this number, in any case."""
    is_active: bool | None = UNSET
    """Those that can be ordered, or those that cannot."""
    in_stock: bool | None = UNSET
    """Those of which there are any, or those of which there are none."""
    currency: Currency | None = UNSET
    """Those with a price in this currency."""
    price_from: Decimal | None = UNSET
    """Those that cost at least this, in `currency`, which must be given too."""
    price_to: Decimal | None = UNSET
    """Those that cost at most this, in `currency`, which must be given too."""


@enum
class ProductOrderField(Enum):
    """What products can be sorted by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    NAME = "name"
    PRICE = "price"
    STOCK_QUANTITY = "stock_quantity"


@input_type
class ProductOrder:
    """How products are sorted; by default by name."""

    field: ProductOrderField
    """By what. PRICE compares minor units, so filter by currency with it."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@object_type
class Queries:
    """Products at the root."""

    product: Product | None = by_id()
    """One product by its id; null when there is none."""
    products: Connection[Product] = connection()
    """The tenant's products."""


@input_type
class CreateProductInput:
    """A new product."""

    sku: str
    """Its own number, 1 to 64 characters, unique in the tenant whatever its case."""
    name: str
    """What it is called: 1 to 200 characters."""
    description: str | None = UNSET
    """More about it, in up to 2,000 characters."""
    price: MoneyInput
    """What one of it costs: 0 or more, ten digits at most."""
    stock_quantity: int = 0
    """How many there are: 0 or more."""
    is_active: bool = True
    """Whether it can be ordered."""
    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key makes one product only."""


@input_type
class UpdateProductInput:
    """What changes about a product. What is absent stays as it is; null empties it."""

    id: strawberry.ID = id_of("Product")
    """Which product."""
    sku: strawberry.Maybe[str]
    """Its own number, 1 to 64 characters, unique in the tenant whatever its case."""
    name: strawberry.Maybe[str]
    """What it is called: 1 to 200 characters."""
    description: strawberry.Maybe[str | None]
    """More about it, in up to 2,000 characters."""
    price: strawberry.Maybe[MoneyInput]
    """What one of it costs: 0 or more, ten digits at most."""
    is_active: strawberry.Maybe[bool]
    """Whether it can be ordered."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class RestockProductInput:
    """How many of a product arrived."""

    id: strawberry.ID = id_of("Product")
    """Which product."""
    quantity: int
    """How many: 1 or more."""
    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key counts once."""


@input_type
class UpdateProductsInput:
    """What changes about many products."""

    products: list[UpdateProductInput]
    """1 to 1,000 of them, each product once."""


@input_type
class ArrivalInput:
    """How many of one product arrived."""

    id: strawberry.ID = id_of("Product")
    """Which product."""
    quantity: int
    """How many: 1 or more."""


@input_type
class RestockProductsInput:
    """How many of many products arrived."""

    products: list[ArrivalInput]
    """1 to 1,000 of them, each product once."""
    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key counts once."""


CreateProductResult = Annotated[
    Product | InvalidInput | AlreadyExists | IdempotencyConflict, result_union("CreateProduct")
]
UpdateProductResult = Annotated[
    Product | NotFound | InvalidInput | AlreadyExists | VersionConflict, result_union("UpdateProduct")
]
RestockProductResult = Annotated[
    Product | NotFound | InvalidInput | IdempotencyConflict, result_union("RestockProduct")
]


@object_type
class ProductOutcome(Outcome):
    """What became of one product of a call."""

    result: UpdateProductResult
    """The product as it is now, or why it did not change."""


@object_type
class ProductOutcomes(Outcomes):
    """What became of the products of a call."""

    outcomes: list[ProductOutcome]
    """One for each row of the input, in their order."""


RestockedProductResult = Annotated[Product | NotFound | InvalidInput, result_union("RestockedProduct")]


@object_type
class RestockOutcome(Outcome):
    """What became of one product of a call."""

    result: RestockedProductResult
    """The product as it is now, or why none were added."""


@object_type
class RestockOutcomes(Outcomes):
    """What became of the products of a call."""

    outcomes: list[RestockOutcome]
    """One for each row of the input, in their order."""


UpdateProductsResult = Annotated[ProductOutcomes | InvalidInput, result_union("UpdateProducts")]
RestockProductsResult = Annotated[RestockOutcomes | InvalidInput | IdempotencyConflict, result_union("RestockProducts")]


@mutation(CreateProductResult)
async def create_product(session: WriteSession, actor: Actor, input: CreateProductInput) -> models.Product:
    """Offer a product. For admins and owners."""
    kwargs = to_kwargs(input)
    stock = kwargs.pop("stock_quantity")
    return await products.create(session, actor, stock_quantity=stock, **create_kwargs(kwargs))


@mutation(
    UpdateProductResult,
    row_update=lambda actor, input: products.update_command(actor, **update_kwargs(to_kwargs(input))),
)
async def update_product(session: WriteSession, actor: Actor, input: UpdateProductInput) -> models.Product:
    """Change a product: only the fields that are given. Placed orders keep their prices. For admins and owners."""
    return await products.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(RestockProductResult)
async def restock_product(session: WriteSession, actor: Actor, input: RestockProductInput) -> models.Product:
    """Add to a product's stock. For admins and owners."""
    return await products.restock(session, actor, **to_kwargs(input))


@mutation(UpdateProductsResult)
async def update_products(session: WriteSession, actor: Actor, input: UpdateProductsInput) -> ProductOutcomes:
    """Change up to 1,000 products at once, each as `updateProduct` does; those that are refused hold up no other.

    An SKU counts as taken if another product had it before the call. For admins and owners.
    """
    results = await products.update_all(session, actor, rows=parse_changes(input.products, "products"))
    return to_outcomes(ProductOutcomes, ProductOutcome, results)


@mutation(RestockProductsResult)
async def restock_products(session: WriteSession, actor: Actor, input: RestockProductsInput) -> RestockOutcomes:
    """Add to the stock of up to 1,000 products at once; those that are refused hold up no other. For admins and owners.

    The same call with the same key adds nothing again, and answers the products as they are then.
    """
    receipts = parse_rows(input.products, "products", lambda given: products.StockReceipt(**given))
    results = await products.restock_all(session, actor, rows=receipts, idempotency_key=input.idempotency_key or None)
    return to_outcomes(RestockOutcomes, RestockOutcome, results)


MUTATIONS = [create_product, update_product, update_products, restock_product, restock_products]
