"""Cost buckets: the points of cost that an actor and a tenant may still spend, shared by all processes.

On the way of a request only memory is touched. Each process spends from a share of each bucket, and reports what was
spent every `INTERVAL_SECONDS`: one statement for all buckets, on a connection of its own, which answers how much is
left and how many processes spend from it. What is spent beyond a bucket's limit is bounded by the shares of the other
processes (docs/decisions/0035).
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg
from sqlalchemy import make_url

from models.base import new_id
from models.database.errors import DRIVER_ERRORS
from models.database.identity import Identity
from models.database.pool import connect_dedicated
from models.lru import CacheUsage, SegmentedLRU

__all__ = ["Bucket", "BucketLimit", "CostAccount", "CostBuckets"]

INTERVAL_SECONDS = 0.1  # between two reports
RECONNECT_SECONDS = 1.0  # before a lost connection is opened again
REPORT_SECONDS = 5.0  # that a report may take
UNKNOWN_SHARERS = 4  # processes that spend from a bucket of which the database has said nothing yet
BUCKETS_BYTES = 8 * 2**20
BUCKET_BYTES = 800  # a bucket with its key, by measurement
MAX_PENDING = 10_000  # buckets whose spending waits to be reported, while the database is away

REPORT_QUERY = "SELECT * FROM atrium_spend_cost($1, $2, $3, $4, $5)"

BucketKey = tuple[str, UUID | str | None, UUID | None]

log = logging.getLogger("atrium.cost")


@dataclass(frozen=True, slots=True)
class BucketLimit:
    """How much a bucket holds, and how fast it fills up again."""

    maximum: int
    """Points; 0 for no limit."""
    rate: int
    """Points a second."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Bucket:
    """What one process knows of a bucket, and what it may spend of it before it is told more."""

    limit: BucketLimit
    level: float
    """Points that are left, as far as this process knows."""
    allowance: float
    """Points of these that this process may spend; the rest is for the others."""
    sharers: int
    """Processes that spend from it."""
    updated_at: float
    unreported: float = 0.0
    """Points spent here that the database has not been told of."""
    is_noted: bool = False
    """Whether it is among those that are reported next."""

    def refill(self, now: float) -> None:
        """Add what has been restored since the last time."""
        restored = (now - self.updated_at) * self.limit.rate
        if restored > 0:
            self.updated_at = now
            self.level = min(self.limit.maximum, self.level + restored)
            self.allowance = min(self.limit.maximum / self.sharers, self.allowance + restored / self.sharers)

    def admits(self, points: int) -> bool:
        """Return whether an operation of so many points may begin; of more than there can be, when all are there."""
        return self.allowance > 0 and self.level >= min(points, self.limit.maximum)

    def spend(self, points: float) -> None:
        """Take points out; negative ones are put back."""
        self.level -= points
        self.allowance -= points
        self.unreported += points

    def learn(self, level: float, sharers: int, now: float) -> None:
        """Take over what the database says; it does not know of what was spent since it was asked."""
        self.sharers, self.updated_at = sharers, now
        self.level = level - self.unreported
        self.allowance = max(0.0, level) / sharers - self.unreported

    def seconds_until(self, points: int) -> int:
        """Return after how many whole seconds an operation of so many points may begin, at least one."""
        missing = min(points, self.limit.maximum) - self.level
        return max(1, math.ceil(missing / self.limit.rate))


class CostAccount:
    """The buckets that one operation is paid from: its actor's, and its tenant's."""

    __slots__ = ("_books", "_buckets")

    def __init__(self, books: "CostBuckets", buckets: tuple[tuple[BucketKey, Bucket], ...]) -> None:
        """Args: books: those of the process; buckets: whose, by their keys."""
        self._books = books
        self._buckets = buckets

    def take(self, points: int) -> tuple[str, Bucket] | None:
        """Take points out of all buckets, unless one has too few: return that one, as `refusing` does."""
        now, books = self._books.clock(), self._books
        for _, bucket in self._buckets:
            bucket.refill(now)
            if not bucket.admits(points):
                return self.refusing(points)
        for key, bucket in self._buckets:
            bucket.spend(points)
            books.note(key, bucket)
        return None

    def refusing(self, points: int) -> tuple[str, Bucket] | None:
        """Return the bucket that has too few points, and whose it is; of several, the one that takes longest."""
        now = self._books.clock()
        refusing = None
        for key, bucket in self._buckets:
            bucket.refill(now)
            if not bucket.admits(points):
                self._books.note(key, bucket)  # others may have left more in it than is known here
                if refusing is None or bucket.seconds_until(points) > refusing[1].seconds_until(points):
                    refusing = (key[0], bucket)
        return refusing

    def spend(self, points: int) -> None:
        """Take points out of all buckets; negative ones are put back."""
        for key, bucket in self._buckets:
            bucket.spend(points)
            self._books.note(key, bucket)

    @property
    def scarcest(self) -> Bucket:
        """Return the bucket with the fewest points."""
        now = self._books.clock()
        for _, bucket in self._buckets:
            bucket.refill(now)
        return min((bucket for _, bucket in self._buckets), key=lambda bucket: bucket.level)


@dataclass(eq=False)
class CostBuckets:
    """The buckets of all actors and tenants, as far as this process has met them."""

    url: str
    """The primary as the runtime role, for a connection of its own."""
    actor: BucketLimit
    tenant: BucketLimit
    clock: Callable[[], float] = time.monotonic
    process_id: UUID = field(default_factory=new_id)

    def __post_init__(self) -> None:
        self._buckets: SegmentedLRU[BucketKey, Bucket] = SegmentedLRU(BUCKETS_BYTES, lambda *_: BUCKET_BYTES)
        self._in_use: WeakValueDictionary[BucketKey, Bucket] = WeakValueDictionary()
        self._pending: dict[BucketKey, Bucket] = {}
        self._reporting: dict[BucketKey, Bucket] = {}
        self._has_pending = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None

    @property
    def usage(self) -> CacheUsage:
        """How much it keeps in memory."""
        return self._buckets.usage

    def account_of(self, identity: Identity) -> CostAccount | None:
        """Return what an actor's operation is paid from; None where nothing is limited.

        Who is nobody pays from a bucket of their address, which this process keeps for itself.
        """
        keys: list[tuple[BucketKey, BucketLimit]] = []
        if self.actor.maximum:
            if identity.api_key_id is not None:
                keys.append((("API key", identity.api_key_id, None), self.actor))
            elif identity.user_id is not None:
                keys.append((("user", identity.user_id, identity.tenant_id), self.actor))
            elif identity.ip:
                keys.append((("address", identity.ip, None), self.actor))
        if self.tenant.maximum and identity.tenant_id is not None:
            keys.append((("tenant", identity.tenant_id, None), self.tenant))
        return CostAccount(self, tuple([(key, self._bucket(key, limit)) for key, limit in keys])) if keys else None

    def _bucket(self, key: BucketKey, limit: BucketLimit) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._in_use.get(key)  # an account may be kept for longer
            if bucket is None:
                sharers = 1 if key[0] == "address" else UNKNOWN_SHARERS
                bucket = Bucket(limit, limit.maximum, limit.maximum / sharers, sharers, self.clock())
                self._in_use[key] = bucket
            self._buckets.put(key, bucket)
        return bucket

    def note(self, key: BucketKey, bucket: Bucket) -> None:
        """Have a bucket reported soon."""
        if not bucket.is_noted and key[0] != "address" and len(self._pending) < MAX_PENDING:
            self._pending[key] = bucket
            bucket.is_noted = True
            if not self._has_pending.is_set():
                self._has_pending.set()

    def start(self) -> None:
        """Begin to report."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End it, after a last report of what was spent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._connection is not None:
            with contextlib.suppress(*DRIVER_ERRORS):
                await self.report()
            self._disconnect()

    async def report(self) -> None:
        """Tell the database what was spent, and learn how much is left; one statement for all buckets.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: whatever the driver says; it is told the next time.
        """
        async with self._turn:
            if self._pending:
                await self._report()

    async def _report(self) -> None:
        self._reporting, self._pending = self._pending, {}
        self._has_pending.clear()
        spent = {key: bucket.unreported for key, bucket in self._reporting.items()}
        for bucket in self._reporting.values():
            bucket.unreported, bucket.is_noted = 0.0, False
        try:
            answers = await self._query(spent)
        except BaseException:
            for key, points in spent.items():
                bucket = self._reporting[key]
                bucket.unreported += points
                self.note(key, bucket)
            raise
        else:
            now = self.clock()
            by_name = {_key_name(key): bucket for key, bucket in self._reporting.items()}
            for row in answers:
                by_name[row["bucket"]].learn(row["remaining"], row["sharers"], now)
        finally:
            self._reporting = {}

    async def _query(self, spent: dict[BucketKey, float]) -> list[Any]:
        if self._connection is None:
            self._connection = await connect_dedicated(make_url(self.url), "atrium cost")
        limits = [self._reporting[key].limit for key in spent]
        columns = (
            [_key_name(key) for key in spent],
            list(spent.values()),
            [limit.maximum for limit in limits],
            [limit.rate for limit in limits],
        )
        rows: list[Any] = await self._connection.fetch(REPORT_QUERY, self.process_id, *columns, timeout=REPORT_SECONDS)
        return rows

    async def _run(self) -> None:
        while True:
            await self._has_pending.wait()
            try:
                await self.report()
            except Exception as error:  # noqa: BLE001  # whatever a dying connection raises, the shares go on
                log.warning("the cost buckets are not shared until the database is back: %s", type(error).__name__)
                self._disconnect()
                await asyncio.sleep(RECONNECT_SECONDS)
            await asyncio.sleep(INTERVAL_SECONDS)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _key_name(key: BucketKey) -> str:
    return ":".join(str(part) for part in key if part is not None)
