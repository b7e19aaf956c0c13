"""Ariadne on uvicorn, with aiodataloader on a pool of asyncpg's."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from aiodataloader import DataLoader
from ariadne import MutationType, ObjectType, QueryType, UnionType, make_executable_schema
from ariadne.asgi import GraphQL

from bench.peers.statements import POSITION_TAKEN, STATEMENTS

__all__ = ["app"]

TENANT, USER = UUID(os.environ["BENCH_TENANT"]), UUID(os.environ["BENCH_USER"])
SEGMENT = re.compile("\ufdd0([^\ufdd1]*)\ufdd1|([^\ufdd0\ufdd1]+)")


class Database:
    """The pool, opened with the first request."""

    pool: asyncpg.Pool | None = None

    async def rows(self, name: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of one statement."""
        if self.pool is None:
            size = int(os.environ["BENCH_POOL"])
            pool = asyncpg.create_pool(os.environ["BENCH_OWNER_URL"], min_size=0, max_size=size)
            self.pool = pool  # before it is awaited, so that there is only one
        await self.pool
        return [dict(row) for row in await self.pool.fetch(STATEMENTS[name], TENANT, *values)]


database = Database()


class Loaders:
    """The loaders of one request."""

    def __init__(self) -> None:
        self.users: DataLoader[UUID, Any] = DataLoader(partial(by_id, "usersById", "userId"))
        self.products: DataLoader[UUID, Any] = DataLoader(partial(by_id, "productsById", "id"))
        self.counts: DataLoader[UUID, int] = DataLoader(counts)
        self._lists: dict[tuple[str, int], DataLoader[UUID, list[Any]]] = {}

    def list(self, name: str, key: str, first: int) -> DataLoader[UUID, list[Any]]:
        """The loader of a list under many parents."""
        if (name, first) not in self._lists:
            self._lists[name, first] = DataLoader(partial(lists_by_id, name, key, first))
        return self._lists[name, first]


async def by_id(name: str, key: str, ids: list[UUID]) -> list[Any]:
    """For each id its row."""
    found = {row[key]: row for row in await database.rows(name, ids)}
    return [found.get(each) for each in ids]


async def lists_by_id(name: str, key: str, first: int, ids: list[UUID]) -> list[list[Any]]:
    """For each id its rows."""
    lists: dict[UUID, list[Any]] = {each: [] for each in ids}
    for row in await database.rows(name, ids, first):
        lists[row[key]].append(row)
    return [lists[each] for each in ids]


async def counts(ids: list[UUID]) -> list[int]:
    """For each account how many orders it has."""
    found = {row["userId"]: row["count"] for row in await database.rows("countsByUser", ids)}
    return [found.get(each, 0) for each in ids]


query, mutation = QueryType(), MutationType()
order, item, user, edge = (ObjectType(name) for name in ("Order", "OrderItem", "User", "ArticleSearchEdge"))
connection = ObjectType("OrderConnection")
outcomes = [
    UnionType("UpdateTaskResult", lambda found, *_: "Task" if "id" in found else "NotFound"),
    UnionType("CreateTaskResult", lambda *_: "Task"),
    UnionType("PlaceOrderResult", lambda found, *_: "Order" if "id" in found else "Refused"),
]


@query.field("order")
async def _order(_: Any, __: Any, id: str) -> Any:
    found = await database.rows("order", _parse_id(id))
    return found[0] if found else None


@query.field("orders")
async def _orders(_: Any, __: Any, first: int, filter: dict[str, Any] | None = None) -> Any:
    status = ((filter or {}).get("status") or {}).get("eq")
    if status:
        return {"nodes": await database.rows("ordersByStatus", first, status)}
    return {"nodes": await database.rows("orders", first)}


for _name in ("users", "products", "projects", "articles"):

    async def _list(_: Any, __: Any, first: int, name: str = _name) -> Any:
        return {"nodes": await database.rows(name, first)}

    query.set_field(_name, _list)


@query.field("searchArticles")
async def _search(_: Any, __: Any, query: str, first: int) -> Any:
    found = await database.rows("search", query, first)
    return {"edges": [{"node": row} for row in found], "totalCount": found[0]["total"] if found else 0}


@mutation.field("updateTask")
async def _update_task(_: Any, __: Any, input: dict[str, Any]) -> Any:
    changed = await database.rows("updateTask", _parse_id(input["id"]), input["title"])
    return changed[0] if changed else {"message": "There is no such task."}


@mutation.field("createTask")
async def _create_task(_: Any, __: Any, input: dict[str, Any]) -> Any:
    while True:
        try:
            return (await database.rows("createTask", USER, input["title"]))[0]
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != POSITION_TAKEN:
                raise


@mutation.field("placeOrder")
async def _place_order(_: Any, __: Any, input: dict[str, Any]) -> Any:
    products = [_parse_id(each["productId"]) for each in input["items"]]
    quantities = [each["quantity"] for each in input["items"]]
    placed = await database.rows("placeOrder", USER, products, quantities, input["shippingAddress"])
    return placed[0] if placed else {"message": "This order cannot be placed."}


@order.field("totalAmount")
def _total(found: Any, _: Any) -> Any:
    return {"amount": f"{found['totalMinor'] / 100:.2f}", "currency": found["currency"]}


@order.field("createdAt")
@(project := ObjectType("Project")).field("createdAt")
def _created(found: Any, _: Any) -> str:
    written: str = found["createdAt"].isoformat()
    return written


@item.field("unitPrice")
def _price(found: Any, _: Any) -> Any:
    return {"amount": f"{found['unitPriceMinor'] / 100:.2f}", "currency": found["currency"]}


@order.field("user")
async def _user(found: Any, info: Any) -> Any:
    return await info.context["loaders"].users.load(found["userId"])


@order.field("items")
async def _items(found: Any, info: Any, first: int) -> Any:
    return {"nodes": await info.context["loaders"].list("itemsByOrder", "orderId", first).load(found["id"])}


@item.field("product")
async def _product(found: Any, info: Any) -> Any:
    return await info.context["loaders"].products.load(found["productId"])


@user.field("orders")
async def _their_orders(found: Any, info: Any, first: int) -> Any:
    orders = await info.context["loaders"].list("ordersByUser", "userId", first).load(found["userId"])
    return {"nodes": orders, "userId": found["userId"]}


@connection.field("totalCount")
async def _count(found: Any, info: Any) -> Any:
    return await info.context["loaders"].counts.load(found["userId"])


@edge.field("titleSegments")
def _title(found: Any, _: Any) -> Any:
    return _segments(found["node"]["markedTitle"])


@edge.field("snippetSegments")
def _snippet(found: Any, _: Any) -> Any:
    return _segments(found["node"]["markedContent"])


def _segments(highlighted: str) -> list[dict[str, Any]]:
    return [{"text": match or rest, "match": bool(match)} for match, rest in SEGMENT.findall(highlighted)]


def _parse_id(given: str) -> UUID:
    return UUID(given.partition(":")[2])


app = GraphQL(
    make_executable_schema(
        Path(__file__).with_name("schema.graphql").read_text(),
        query,
        mutation,
        order,
        item,
        user,
        edge,
        project,
        connection,
        *outcomes,
    ),
    context_value=lambda _request, _data: {"loaders": Loaders()},
)
