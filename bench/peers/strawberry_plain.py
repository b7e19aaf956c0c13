"""Strawberry as everyone writes it: SQLModel entities, aiodataloader, FastAPI's router, a session for each load."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from fastapi import FastAPI
from sqlalchemy import text
from sqlmodel import col, select
from strawberry.fastapi import GraphQLRouter

import models
from bench.peers.statements import STATEMENTS
from bench.peers.strawberry_loaders import TENANT, USER, Loaders, fetch_all, open_session
from models import OrderStatus

__all__ = ["app"]

SEGMENT = re.compile("\ufdd0([^\ufdd1]*)\ufdd1|([^\ufdd0\ufdd1]+)")

strawberry.enum(OrderStatus)


@strawberry.type
class Money:
    """An amount in a currency."""

    amount: str
    currency: str

    @classmethod
    def of(cls, minor: int, currency: str) -> "Money":
        """From minor units."""
        return cls(amount=f"{minor / 100:.2f}", currency=currency)


@strawberry.type
class Product:
    """A product."""

    id: strawberry.ID
    sku: str
    name: str
    stock_quantity: int

    @classmethod
    def of(cls, row: models.Product) -> "Product":
        """From its entity."""
        return cls(id=strawberry.ID(str(row.id)), sku=row.sku, name=row.name, stock_quantity=row.stock_quantity)


@strawberry.type
class OrderItem:
    """A line of an order."""

    id: strawberry.ID
    line: int
    quantity: int
    unit_price: Money
    product_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: models.OrderItem) -> "OrderItem":
        """From its entity."""
        return cls(
            id=strawberry.ID(str(row.id)),
            line=row.line,
            quantity=row.quantity,
            unit_price=Money.of(row.unit_price_minor, row.currency),
            product_id=row.product_id,
        )

    @strawberry.field
    async def product(self, info: strawberry.Info) -> Product:
        """What was bought."""
        return Product.of(await info.context["loaders"].products.load(self.product_id))


@strawberry.type
class OrderItemConnection:
    """Some lines."""

    nodes: list[OrderItem]


@strawberry.type
class User:
    """A member."""

    id: strawberry.ID
    full_name: str
    email: str | None
    role: str
    user_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: models.Membership) -> "User":
        """From its entity."""
        return cls(
            id=strawberry.ID(str(row.id)), full_name=row.full_name, email=row.email, role=row.role, user_id=row.user_id
        )

    @strawberry.field
    async def orders(
        self, info: strawberry.Info, first: int
    ) -> Annotated["OrderConnection", strawberry.lazy("bench.peers.strawberry_plain")]:
        """Their newest orders."""
        rows = await info.context["loaders"].orders(first).load(self.user_id)
        return OrderConnection(nodes=[Order.of(row) for row in rows], user_id=self.user_id)


@strawberry.type
class Order:
    """A purchase."""

    id: strawberry.ID
    status: OrderStatus
    total_amount: Money
    shipping_address: str
    created_at: datetime
    user_id: strawberry.Private[UUID]
    row_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: models.Order) -> "Order":
        """From its entity."""
        return cls(
            id=strawberry.ID(str(row.id)),
            status=OrderStatus(row.status),
            total_amount=Money.of(row.total_minor, row.currency),
            shipping_address=row.shipping_address,
            created_at=row.created_at,
            user_id=row.user_id,
            row_id=row.id,
        )

    @strawberry.field
    async def user(self, info: strawberry.Info) -> User:
        """Who bought."""
        return User.of(await info.context["loaders"].users.load(self.user_id))

    @strawberry.field
    async def items(self, info: strawberry.Info, first: int) -> OrderItemConnection:
        """What was bought."""
        rows = await info.context["loaders"].items(first).load(self.row_id)
        return OrderItemConnection(nodes=[OrderItem.of(row) for row in rows])


@strawberry.type
class OrderConnection:
    """Some orders."""

    nodes: list[Order]
    user_id: strawberry.Private[UUID | None] = None

    @strawberry.field
    async def total_count(self, info: strawberry.Info) -> int:
        """How many there are."""
        count: int = await info.context["loaders"].counts.load(self.user_id)
        return count


@strawberry.type
class UserConnection:
    """Some members."""

    nodes: list[User]


@strawberry.type
class ProductConnection:
    """Some products."""

    nodes: list[Product]


@strawberry.type
class Project:
    """A project."""

    id: strawberry.ID
    name: str
    created_at: datetime


@strawberry.type
class ProjectConnection:
    """Some projects."""

    nodes: list[Project]


@strawberry.type
class Article:
    """An article."""

    id: strawberry.ID
    title: str
    status: str


@strawberry.type
class ArticleConnection:
    """Some articles."""

    nodes: list[Article]


@strawberry.type
class TextSegment:
    """A piece of text."""

    text: str
    match: bool


@strawberry.type
class ArticleSearchEdge:
    """An article that was found."""

    node: Article
    title_segments: list[TextSegment]
    snippet_segments: list[TextSegment]


@strawberry.type
class ArticleSearchConnection:
    """Some articles that were found."""

    edges: list[ArticleSearchEdge]
    total_count: int


@strawberry.type
class Task:
    """A task."""

    id: strawberry.ID
    title: str
    status: str


@strawberry.type
class NotFound:
    """There is none."""

    message: str


@strawberry.input
class OrderStatusFilter:
    """Which status."""

    eq: OrderStatus | None = None


@strawberry.input
class OrderFilter:
    """Which orders."""

    status: OrderStatusFilter | None = None


@strawberry.input
class UpdateTaskInput:
    """What to change."""

    id: strawberry.ID
    title: str


@strawberry.input
class CreateTaskInput:
    """What to create."""

    title: str


def _segments(highlighted: str) -> list[TextSegment]:
    return [TextSegment(text=match or rest, match=bool(match)) for match, rest in SEGMENT.findall(highlighted)]


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    async def order(self, id: strawberry.ID) -> Order | None:
        """One order."""
        async with open_session() as session:
            row = await session.get(models.Order, (TENANT, _parse_id(id)))
        return None if row is None else Order.of(row)

    @strawberry.field
    async def orders(self, first: int, filter: OrderFilter | None = None) -> OrderConnection:  # its name
        """The newest orders."""
        model = models.Order
        statement = select(model).where(col(model.tenant_id) == TENANT)
        if filter and filter.status and filter.status.eq:
            statement = statement.where(col(model.status) == filter.status.eq)
        rows = await fetch_all(statement.order_by(col(model.created_at).desc(), col(model.id).desc()).limit(first))
        return OrderConnection(nodes=[Order.of(row) for row in rows])

    @strawberry.field
    async def users(self, first: int) -> UserConnection:
        """The members, by name."""
        model = models.Membership
        statement = select(model).where(col(model.tenant_id) == TENANT, col(model.is_former).is_(False))
        rows = await fetch_all(statement.order_by(col(model.name_key), col(model.id)).limit(first))
        return UserConnection(nodes=[User.of(row) for row in rows])

    @strawberry.field
    async def products(self, first: int) -> ProductConnection:
        """The products, by name."""
        model = models.Product
        statement = select(model).where(col(model.tenant_id) == TENANT)
        rows = await fetch_all(statement.order_by(col(model.name_key), col(model.id)).limit(first))
        return ProductConnection(nodes=[Product.of(row) for row in rows])

    @strawberry.field
    async def projects(self, first: int) -> ProjectConnection:
        """The newest projects."""
        model = models.Project
        live = col(model.is_deleted).is_(False), col(model.is_archived).is_(False)
        statement = select(model).where(col(model.tenant_id) == TENANT, *live)
        rows = await fetch_all(statement.order_by(col(model.created_at).desc(), col(model.id).desc()).limit(first))
        nodes = [Project(id=strawberry.ID(str(row.id)), name=row.name, created_at=row.created_at) for row in rows]
        return ProjectConnection(nodes=nodes)

    @strawberry.field
    async def articles(self, first: int) -> ArticleConnection:
        """The newest articles."""
        model = models.Article
        statement = select(model).where(col(model.tenant_id) == TENANT)
        rows = await fetch_all(statement.order_by(col(model.created_at).desc(), col(model.id).desc()).limit(first))
        nodes = [Article(id=strawberry.ID(str(row.id)), title=row.title, status=row.status) for row in rows]
        return ArticleConnection(nodes=nodes)

    @strawberry.field
    async def search_articles(self, query: str, first: int) -> ArticleSearchConnection:
        """The articles that match."""
        written = STATEMENTS["search"].replace("$1", ":tenant").replace("$2", ":query").replace("$3", ":first")
        async with open_session() as session:
            given = {"tenant": TENANT, "query": query, "first": first}
            rows = (await session.connection()).execute(text(written.replace("::int4", "")), given)
            found = (await rows).mappings().all()
        edges = [
            ArticleSearchEdge(
                node=Article(id=strawberry.ID(str(row["id"])), title=row["title"], status=row["status"]),
                title_segments=_segments(row["markedTitle"]),
                snippet_segments=_segments(row["markedContent"]),
            )
            for row in found
        ]
        return ArticleSearchConnection(edges=edges, total_count=found[0]["total"] if found else 0)


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    async def update_task(
        self, input: UpdateTaskInput
    ) -> Annotated[Task | NotFound, strawberry.union("UpdateTaskResult")]:
        """Change a task."""
        async with open_session() as session:
            row = await session.get(models.Task, (TENANT, _parse_id(input.id)))
            if row is None or row.deleted_at:
                return NotFound(message="There is no such task.")
            row.title = input.title
            session.add(row)
            await session.commit()
        return Task(id=strawberry.ID(str(row.id)), title=row.title, status=row.status)

    @strawberry.mutation
    async def create_task(
        self, input: CreateTaskInput
    ) -> Annotated[Task | NotFound, strawberry.union("CreateTaskResult")]:
        """Create a task."""
        async with open_session() as session:
            session.add(row := models.Task(tenant_id=TENANT, title=input.title, created_by=USER))
            await session.commit()
        return Task(id=strawberry.ID(str(row.id)), title=row.title, status=row.status)


def _parse_id(given: str) -> UUID:
    return UUID(given.partition(":")[2])


async def _context() -> dict[str, Any]:
    return {"loaders": Loaders()}


app = FastAPI()
app.include_router(
    GraphQLRouter(strawberry.Schema(Query, Mutation), context_getter=_context, graphql_ide=None), prefix="/graphql"
)
