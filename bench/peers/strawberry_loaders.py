"""The loaders of the usual way: entities by SQLModel, a session for each load."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

from aiodataloader import DataLoader
from sqlalchemy import func
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import models

__all__ = ["TENANT", "USER", "Loaders", "fetch_all", "open_session"]

TENANT, USER = UUID(os.environ["BENCH_TENANT"]), UUID(os.environ["BENCH_USER"])

engine = create_async_engine(
    os.environ["BENCH_OWNER_URL"].replace("postgresql:", "postgresql+asyncpg:"),
    pool_size=int(os.environ["BENCH_POOL"]),
    max_overflow=0,
)


@asynccontextmanager
async def open_session() -> AsyncIterator[AsyncSession]:
    """A session of one's own."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        yield session


async def fetch_all(statement: Any) -> Sequence[Any]:
    """The entities of a statement."""
    async with open_session() as session:
        found: Sequence[Any] = (await session.exec(statement)).all()
        return found


class Loaders:
    """The loaders of one request."""

    def __init__(self) -> None:
        self.users: DataLoader[UUID, Any] = DataLoader(_users)
        self.products: DataLoader[UUID, Any] = DataLoader(_products)
        self.counts: DataLoader[UUID, int] = DataLoader(_counts)
        self._items: dict[int, DataLoader[UUID, Any]] = {}
        self._orders: dict[int, DataLoader[UUID, Any]] = {}

    def items(self, first: int) -> DataLoader[UUID, Any]:
        """The first lines of orders."""
        return self._items.setdefault(first, DataLoader(partial(_items, first)))

    def orders(self, first: int) -> DataLoader[UUID, Any]:
        """The newest orders of accounts."""
        return self._orders.setdefault(first, DataLoader(partial(_orders, first)))


async def _users(ids: list[UUID]) -> list[Any]:
    model = models.Membership
    rows = await fetch_all(select(model).where(col(model.tenant_id) == TENANT, col(model.user_id).in_(ids)))
    found = {row.user_id: row for row in rows}
    return [found[each] for each in ids]


async def _products(ids: list[UUID]) -> list[Any]:
    model = models.Product
    rows = await fetch_all(select(model).where(col(model.tenant_id) == TENANT, col(model.id).in_(ids)))
    found = {row.id: row for row in rows}
    return [found[each] for each in ids]


async def _items(first: int, ids: list[UUID]) -> list[Any]:
    model = models.OrderItem
    statement = select(model).where(col(model.tenant_id) == TENANT, col(model.order_id).in_(ids))
    lists: dict[UUID, list[Any]] = {each: [] for each in ids}
    for row in await fetch_all(statement.order_by(col(model.line), col(model.id))):
        lists[row.order_id].append(row)
    return [lists[each][:first] for each in ids]


async def _orders(first: int, ids: list[UUID]) -> list[Any]:
    model = models.Order
    statement = select(model).where(col(model.tenant_id) == TENANT, col(model.user_id).in_(ids))
    lists: dict[UUID, list[Any]] = {each: [] for each in ids}
    for row in await fetch_all(statement.order_by(col(model.created_at).desc(), col(model.id).desc())):
        lists[row.user_id].append(row)
    return [lists[each][:first] for each in ids]


async def _counts(ids: list[UUID]) -> list[int]:
    user_id = col(models.Order.user_id)
    statement = select(user_id, func.count()).where(col(models.Order.tenant_id) == TENANT, user_id.in_(ids))
    found = dict(map(tuple, await fetch_all(statement.group_by(user_id))))
    return [found.get(each, 0) for each in ids]
