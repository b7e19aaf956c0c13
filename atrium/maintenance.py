"""Maintenance from the command line, tenant by tenant, inside each one's walls: replaying and purging."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg
from rich.progress import Progress

from models.base import now
from models.database import Database
from services.orders import replay as orders

__all__ = ["Purged", "purge", "replay"]

ENDED_KEYS_KEPT = timedelta(days=365)  # so that whoever looks at what a machine did finds out which it was


class Purged(NamedTuple):
    """How much was forgotten."""

    idempotency_keys: int
    mailed_tokens: int
    api_keys: int


async def replay(runtime_url: str, owner_url: str, progress: Progress, *, repair: bool) -> list[tuple[str, UUID]]:
    """Replay the orders of all tenants; gives those whose rows were not what their events say."""
    different = []
    async with _opened(runtime_url) as database:
        for tenant_id, slug in await tenants(owner_url):
            async with database.maintain(tenant_id) as session:
                total, _ = await orders.orders_and_events(session, tenant_id)
            task = progress.add_task(f"Orders of {slug}", total=total)
            after: UUID | None = None
            while True:
                async with database.maintain(tenant_id, snapshot=not repair) as session:
                    batch = await orders.batch(session, tenant_id, after, repair=repair)
                if batch.last is None:
                    break
                after = batch.last
                different += [(slug, order_id) for order_id in batch.different]
                progress.advance(task, batch.orders)
    return different


async def purge(owner_url: str, *, keys_older_than: timedelta) -> Purged:
    """Forget what has had its time, of all tenants and so as the owner role; says how much."""
    connection = await asyncpg.connect(owner_url.replace("+asyncpg", ""))
    try:
        return Purged(
            idempotency_keys=await _deleted(
                connection, "DELETE FROM idempotency_keys WHERE created_at < $1", now() - keys_older_than
            ),
            mailed_tokens=await _deleted(connection, "DELETE FROM mailed_tokens WHERE expires_at < $1", now()),
            api_keys=await _deleted(
                connection, "DELETE FROM api_keys WHERE least(revoked_at, expires_at) < $1", now() - ENDED_KEYS_KEPT
            ),
        )
    finally:
        await connection.close()


async def _deleted(connection: asyncpg.Connection, statement: str, before: datetime) -> int:
    done: str = await connection.execute(statement, before)
    return int(done.rpartition(" ")[2])


async def tenants(owner_url: str) -> list[tuple[UUID, str]]:
    """All tenants, by their slugs; only the owner role sees them all."""
    connection = await asyncpg.connect(owner_url.replace("+asyncpg", ""))
    try:
        return [tuple(row) for row in await connection.fetch("SELECT id, slug FROM tenants ORDER BY slug")]
    finally:
        await connection.close()


@asynccontextmanager
async def _opened(runtime_url: str) -> AsyncIterator[Database]:
    database = Database(runtime_url, pool_size=1)
    try:
        yield database
    finally:
        await database.close()
