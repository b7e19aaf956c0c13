"""Partitions of a pool: most of its connections run statements of any length, the reserved ones brief statements alone.

Whoever wants a connection gets one of the general partition, and where all of those are taken a reserved one. There the
server itself cuts off a statement that takes longer than `BRIEF_MILLISECONDS`; it is run once more, from the start, on
a general connection, for which it waits. So the reserve is free of slow statements at any time, however many a tenant
sends and however they begin (docs/decisions/0031).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from weakref import WeakSet

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models.database.errors import ConnectionLost, DatabaseUnavailable, Preempted, translate_errors
from models.database.hosts import Address, driver_address, engine_options
from models.database.limiter import STATEMENT_SECONDS, PartitionedLimiter, Slot
from models.database.pool import ConnectionStack, note_idle, ping_if_idle, run_fetch
from models.lru import CacheUsage
from models.statements import STATEMENT_BYTES, PreparedStatements
from models.timings import StepKind, timed

__all__ = ["CLOSE_SECONDS", "SERVER_SETTINGS", "Partition", "PartitionedPool", "reserve_size"]

RESERVED_SHARE = 4  # one connection of so many is reserved, and not fewer than one
BRIEF_MILLISECONDS = 100  # that a statement may take on a reserved connection
CLOSE_SECONDS = 2.0  # that a server gets to say goodbye
POOL_SECONDS = 30.0  # never waited for, since the limiter lets in no more than there are connections
COMPILED_STATEMENTS = 200  # of the services' own, as text; each takes some 40 KB

# What the driver itself keeps prepared on a connection: short statements, such as a look whether it is there.
DRIVER_STATEMENTS = 8
DRIVER_STATEMENT_CHARACTERS = 1_000


SERVER_SETTINGS = {"timezone": "UTC", "jit": "off", "statement_timeout": f"{STATEMENT_SECONDS}s"}
"""What the database is told of every connection, but that a reserved one is told of a shorter timeout; statements count
on it."""


def reserve_size(pool_size: int) -> int:
    """Return how many of a pool's connections are reserved: a quarter, rounded up; none of a single one."""
    return -(-pool_size // RESERVED_SHARE) if pool_size > 1 else 0


class Partition:
    """Some connections of a pool: an engine that opens them, and those that are kept in autocommit mode."""

    def __init__(
        self,
        url: str,
        *,
        size: int,
        statement_bytes: int,
        recycle: float,
        connect: float,
        name: str,
        is_reserved: bool = False,
        transaction_pooling: bool = False,
    ) -> None:
        """Prepare it; nothing connects yet.

        Args:
            url: `postgresql+asyncpg://…` with the runtime role.
            size: connections at most.
            statement_bytes: what the server may remember of prepared statements for each connection.
            recycle: seconds after which an idle connection is replaced.
            connect: seconds that a new connection may take to open.
            name: the application name of its connections.
            is_reserved: whether the server cuts off statements that are not brief.
            transaction_pooling: whether a pooler gives the connections to others after each transaction. Then no
                statement has a name, and none is told `SERVER_SETTINGS`, which the role has to have.
        """
        self.is_reserved = is_reserved
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
            pool_recycle=recycle,
            query_cache_size=COMPILED_STATEMENTS,
            hide_parameters=True,  # they are people's data, and exceptions reach the log
            connect_args={
                "server_settings": ({} if transaction_pooling else SERVER_SETTINGS)
                | {"application_name": name}
                | ({"statement_timeout": f"{BRIEF_MILLISECONDS}ms"} if is_reserved else {}),
                "statement_cache_size": 0 if transaction_pooling else DRIVER_STATEMENTS,
                "max_cacheable_statement_size": DRIVER_STATEMENT_CHARACTERS,
            }
            | engine_options(connect)
            | ({"prepared_statement_name_func": str} if transaction_pooling else {}),  # which gives the empty name
        )
        self.transaction_pooling = transaction_pooling
        self.autocommit_connections = ConnectionStack(recycle)  # for statements outside of any transaction
        self._statement_bytes = 0 if transaction_pooling else statement_bytes
        self._drivers: WeakSet[Any] = WeakSet()
        self._statements: WeakSet[PreparedStatements] = WeakSet()
        event.listen(self.engine.sync_engine, "connect", self._connected)
        event.listen(self.engine.sync_engine, "checkin", note_idle)
        event.listen(self.engine.sync_engine, "checkout", self._ping_if_idle)

    def _connected(self, made: Any, record: Any) -> None:
        """Have a new connection keep its prepared statements within its share of what all of them may take."""
        self._drivers.add(made.driver_connection)
        statements = PreparedStatements(self._statement_bytes)
        self._statements.add(statements)
        record.info["statements"] = statements
        record.info["transaction_pooling"] = self.transaction_pooling
        made._prepared_statement_cache = statements  # noqa: SLF001  # it can be told a number alone

    def _ping_if_idle(self, *checkout: Any) -> None:
        ping_if_idle(*checkout, suspected_at=self.autocommit_connections.suspected_at)

    @property
    def statement_usages(self) -> list[CacheUsage]:
        """How much the server remembers for each connection."""
        return [each.usage for each in self._statements]

    async def open(self) -> AsyncConnection:
        """Return a connection of the engine's.

        Raises:
            Preempted, TransactionConflict, DatabaseUnavailable.
        """
        try:
            with translate_errors(is_reserved=self.is_reserved), timed(StepKind.CONNECTION, engine=self.engine):
                return await self.engine.connect()
        except (OSError, DBAPIError) as error:  # a TimeoutError is an OSError
            raise DatabaseUnavailable from error

    def abort(self, spared: Address | None = None) -> None:
        """Cut all connections but those to the spared address."""
        for driver in list(self._drivers):
            if driver_address(driver) != spared:
                # As if the server had; the driver's own `terminate` fails whoever is between two of its steps.
                driver._transport.abort()  # noqa: SLF001  # nothing public does that


class PartitionedPool:
    """The connections to one server, in their partitions."""

    def __init__(
        self,
        url: str,
        *,
        size: int,
        reserve: int,
        wait: float | None,
        options: Mapping[str, Any],
        statement_bytes: int = STATEMENT_BYTES,
    ) -> None:
        """Prepare it; nothing connects yet.

        Args:
            url: `postgresql+asyncpg://…` with the runtime role.
            size: connections at most; as many transactions run at once.
            reserve: how many of them run brief statements alone.
            wait: seconds that a transaction waits for a free connection; None for as long as it takes.
            options: what else a partition is told.
            statement_bytes: what the server may remember of prepared statements for all connections.
        """
        options = {**options, "statement_bytes": statement_bytes // size}
        self.general = Partition(url, size=size - reserve, **options)
        self.reserved = Partition(url, size=reserve, is_reserved=True, **options) if reserve else self.general
        self.limiter = PartitionedLimiter(size, reserve, wait)

    @property
    def statement_usage(self) -> CacheUsage:
        """How much the server remembers for all connections."""
        usages = [usage for partition in self._partitions for usage in partition.statement_usages]
        return CacheUsage(sum(each.bytes for each in usages), sum(each.entries for each in usages))

    @property
    def _partitions(self) -> set[Partition]:
        return {self.general, self.reserved}

    @asynccontextmanager
    async def partition(self, tenant_id: UUID | None, *, general_only: bool = False) -> AsyncIterator[Partition]:
        """Yield a partition with a free connection for a tenant's statements.

        Raises:
            PoolTimeout.
        """
        slot = await self.limiter.acquire(tenant_id, general_only=general_only)
        try:
            yield self.partition_of(slot)
        finally:
            self.limiter.release(slot)

    def partition_of(self, slot: Slot) -> Partition:
        """Return the partition that a slot has a connection of."""
        return self.reserved if slot.is_reserved else self.general

    @asynccontextmanager
    async def connect(self, partition: Partition) -> AsyncIterator[AsyncConnection]:
        """Yield a connection of a partition.

        Raises:
            Preempted, TransactionConflict, DatabaseUnavailable.
        """
        autocommit = await partition.autocommit_connections.take()
        connection = autocommit.connection if autocommit else await partition.open()
        try:
            with translate_errors(is_reserved=partition.is_reserved):
                yield connection
        except ConnectionLost:
            partition.autocommit_connections.suspect_idle()
            raise
        finally:
            await connection.close()

    async def fetch_value(self, statement: str, *values: Any, general_only: bool = False) -> Any:
        """Return the one value of a statement that needs no transaction and is no tenant's.

        Raises:
            PoolTimeout, DatabaseUnavailable.
        """
        try:
            async with (
                self.partition(None, general_only=general_only) as partition,
                self.connect(partition) as connection,
            ):
                return await run_fetch(connection, statement, *values)
        except (asyncpg.QueryCanceledError, Preempted):
            if general_only:
                raise
        return await self.fetch_value(statement, *values, general_only=True)

    def abort(self, spared: Address | None = None) -> None:
        """Cut all connections but those to the spared address."""
        for partition in self._partitions:
            partition.abort(spared)

    async def close(self) -> None:
        """Close every connection, without waiting long for a server that does not answer."""
        for partition in self._partitions:
            await partition.autocommit_connections.close()
        closing = asyncio.gather(*(partition.engine.dispose() for partition in self._partitions))
        _, late = await asyncio.wait([closing], timeout=CLOSE_SECONDS)
        if late:
            self.abort()
            await asyncio.wait([closing], timeout=CLOSE_SECONDS)
