"""Maintenance from the command line, tenant by tenant, under row-level security: replaying, verifying, purging."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from rich.progress import Progress

from atrium.admin import owner_connection
from models.base import now
from models.database import Database
from services import documents
from services.eventlog import chain_verification
from services.orders import rebuild

__all__ = ["PurgeCounts", "VerificationReport", "purge", "purge_trash", "replay", "verify"]

ENDED_KEY_RETENTION = timedelta(days=365)  # so that the audit log can still name the key
ENDED_SESSION_RETENTION = timedelta(days=30)
THROTTLE_RETENTION = timedelta(days=1)  # as long as a window can be set to
COST_BUCKET_RETENTION = timedelta(days=1)  # long after it is full again
PURGE_BATCH_SIZE = 200  # documents


@dataclass
class VerificationReport:
    """What verifying the chains of all tenants found."""

    faults: list[tuple[str, chain_verification.ChainFault]] = field(default_factory=list)
    """By the slugs of the tenants, what differs from what was sequenced."""
    first_gap: int | None = None
    """The first position that nothing is at, though something is behind it."""
    entries: int = 0
    unsequenced: int = 0
    """How many entries wait for the sealer."""
    head: tuple[int, str] = (0, "")
    """The newest position and its link, to be kept where nobody who can change the database can change it."""

    @property
    def is_intact(self) -> bool:
        """Return whether everything is as it was sequenced."""
        return not self.faults and self.first_gap is None


class PurgeCounts(NamedTuple):
    """How much was forgotten."""

    idempotency_keys: int
    mailed_tokens: int
    api_keys: int
    sessions: int
    throttles: int
    cost_buckets: int


async def replay(runtime_url: str, owner_url: str, progress: Progress, *, repair: bool) -> list[tuple[str, UUID]]:
    """Replay the orders of all tenants; gives those whose rows were not what their events say."""
    different = []
    async with _open_database(runtime_url) as database:
        for tenant_id, slug in await _select_tenants(owner_url):
            async with database.operator_snapshot(tenant_id) as session:
                task = progress.add_task(f"Orders of {slug}", total=await rebuild.count_orders(session, tenant_id))
            after: UUID | None = None
            while True:
                async with (database.operator_transaction if repair else database.operator_snapshot)(
                    tenant_id
                ) as session:
                    batch = await rebuild.rebuild_batch(session, tenant_id, after, repair=repair)
                if batch.last is None:
                    break
                after = batch.last
                different += [(slug, order_id) for order_id in batch.mismatched]
                progress.advance(task, batch.orders)
    return different


async def verify(runtime_url: str, owner_url: str, progress: Progress) -> VerificationReport:
    """Walk the chains of all tenants; return the first entry of each that differs from what was sequenced."""
    report = VerificationReport(first_gap=await _find_gap(owner_url))
    async with _open_database(runtime_url) as database:
        for tenant_id, slug in await _select_tenants(owner_url):
            chain = await _verify_chain(database, tenant_id, slug, progress)
            report.entries += chain.entries
            if chain.fault:
                report.faults.append((slug, chain.fault))
                continue
            report.head = max(report.head, (chain.position, chain.link.hex()))
            async with database.operator_snapshot(tenant_id) as session:
                waiting = await chain_verification.unsequenced(session, tenant_id)
            queued = await _select_queued(owner_url, [entry_id for _, entry_id in waiting])
            report.unsequenced += len(queued)
            missing = [(source, entry_id) for source, entry_id in waiting if entry_id not in queued]
            if missing:
                report.faults.append((slug, chain_verification.ChainFault("was taken out of the feed", *missing[0])))
    return report


async def _verify_chain(
    database: Database, tenant_id: UUID, slug: str, progress: Progress
) -> chain_verification.ChainProgress:
    chain = chain_verification.ChainProgress()
    async with database.operator_snapshot(tenant_id) as session:
        task = progress.add_task(f"Chain of {slug}", total=await chain_verification.chain_length(session, tenant_id))
    while not chain.ended:
        async with database.operator_snapshot(tenant_id) as session:
            progress.advance(task, await chain_verification.verify_batch(session, tenant_id, chain))
    return chain


async def _find_gap(owner_url: str) -> int | None:
    """Return the first position of the feed that is not there, though a later one is."""
    query = """
        SELECT min(g.before + 1) FROM (
            SELECT position, lag(position, 1, 0::bigint) OVER (ORDER BY position) AS before FROM feed
        ) g WHERE g.position <> g.before + 1
    """
    async with owner_connection(owner_url) as connection:
        gap: int | None = await connection.fetchval(query)
    return gap


async def _select_queued(owner_url: str, entry_ids: list[UUID]) -> set[UUID]:
    """Return which of these entries are in the sealer's queue, or have left it for the feed meanwhile."""
    query = """
        SELECT entry_id FROM unsealed WHERE entry_id = ANY ($1)
        UNION SELECT entry_id FROM feed WHERE entry_id = ANY ($1)
    """
    async with owner_connection(owner_url) as connection:
        return {row[0] for row in await connection.fetch(query, entry_ids)}


async def purge(owner_url: str, *, keys_older_than: timedelta) -> PurgeCounts:
    """Forget what has had its time, of all tenants and so as the owner role; says how much."""
    has_ended = "least(revoked_at, expires_at) < $1"
    async with owner_connection(owner_url) as connection:

        async def delete_rows(table: str, which: str, kept: timedelta = timedelta(0)) -> int:
            done: str = await connection.execute(f"DELETE FROM {table} WHERE {which}", now() - kept)  # noqa: S608  # names of ours
            return int(done.rpartition(" ")[2])

        return PurgeCounts(
            idempotency_keys=await delete_rows("idempotency_keys", "created_at < $1", keys_older_than),
            mailed_tokens=await delete_rows("mailed_tokens", "expires_at < $1"),
            api_keys=await delete_rows("api_keys", has_ended, ENDED_KEY_RETENTION),
            sessions=await delete_rows("sessions", has_ended, ENDED_SESSION_RETENTION),
            throttles=await delete_rows("throttles", "started_at < $1", THROTTLE_RETENTION),
            cost_buckets=await delete_rows("cost_buckets", "updated_at < $1", COST_BUCKET_RETENTION),
        )


async def purge_trash(runtime_url: str, owner_url: str, progress: Progress, older_than: timedelta) -> int:
    """Purge the documents of all tenants that have been in the trash for longer, some at a time; says how many."""
    before, count = now() - older_than, 0
    async with _open_database(runtime_url) as database:
        for tenant_id, slug in await _select_tenants(owner_url):
            task = progress.add_task(f"Trash of {slug}", total=None)
            batch = PURGE_BATCH_SIZE
            while batch == PURGE_BATCH_SIZE:
                async with database.operator_transaction(tenant_id) as session:
                    batch = await documents.purge_old(session, tenant_id, before=before, limit=PURGE_BATCH_SIZE)
                count += batch
                progress.advance(task, batch)
            progress.update(task, total=1, completed=1)
    return count


async def _select_tenants(owner_url: str) -> list[tuple[UUID, str]]:
    """Return all tenants, by their slugs; only the owner role sees them all."""
    async with owner_connection(owner_url) as connection:
        return [tuple(row) for row in await connection.fetch("SELECT id, slug FROM tenants ORDER BY slug")]


@asynccontextmanager
async def _open_database(runtime_url: str) -> AsyncIterator[Database]:
    database = Database(runtime_url, pool_size=1)
    try:
        yield database
    finally:
        await database.close()
