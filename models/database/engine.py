"""The database: engines, sessions, and the transactions that enter a tenant.

A unit is one connection and one transaction. Its first statement, `atrium_enter`, says who is asking and for which
tenant; the policies of every table read that, and it ends with the transaction. Nothing is ever set on a connection
for longer, so a pooled connection carries nothing from one person to the next.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.database.errors import (
    ConnectionLost,
    InvalidValue,
    PoolTimeout,
    Preempted,
    ReplicaLagging,
    SessionNotLive,
    StatementRejected,
    SuperuserRefused,
)
from models.database.explanation import explain_statement
from models.database.hosts import Address
from models.database.identity import (
    CHECK_SESSIONS_QUERY,
    ENTER_CALL,
    ENTER_PARAMETERS,
    Identity,
    check_sessions_arguments,
    enter_arguments,
    read_enter_arguments,
)
from models.database.partitions import SERVER_SETTINGS, Partition, PartitionedPool, reserve_size
from models.database.pipeline import StatementPipeline
from models.database.pool import AutocommitConnection, ConnectionStack, require_replayed
from models.database.positions import CURRENT_POSITION_QUERY, LogPosition
from models.database.session import (
    ENTER_STATEMENT,
    SET_CONTEXT_STATEMENT,
    DatabaseSession,
    ReadSession,
    WriteSession,
    _open_session,
)
from models.lru import CacheUsage
from models.statements import STATEMENT_BYTES
from models.timings import timed_statement

__all__ = ["SERVER_SETTINGS", "Database"]

CHECK_LIVE_QUERY = f"{CURRENT_POSITION_QUERY}, {ENTER_CALL}"


class Database:
    """One PostgreSQL server, as the runtime role sees it: a pool of connections and the units that run on them."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        wait: float | None = 2.0,
        recycle: float = 1800.0,
        connect: float = 5.0,
        name: str = "atrium",
        has_reserve: bool = True,
        statement_bytes: int = STATEMENT_BYTES,
        transaction_pooling: bool = False,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare the pool; nothing connects yet.

        Args:
            url: `postgresql+asyncpg://…` with the runtime role.
            pool_size: connections at most; as many units run at once.
            wait: seconds that a unit waits for a free connection before `PoolTimeout`; None for as long as it takes.
            recycle: seconds after which an idle connection is replaced.
            connect: seconds that a new connection may take to open.
            name: the application name of its connections.
            has_reserve: whether some connections are reserved for brief statements; none is with `transaction_pooling`,
                since the server is told of that when a connection opens.
            statement_bytes: what the server may remember of prepared statements for all connections.
            transaction_pooling: whether a pooler gives the connections to others after each transaction.
            on_commit: told of every transaction that may have written, when it has been committed.
        """
        self._on_commit = on_commit
        self._pool = PartitionedPool(
            url,
            size=pool_size,
            reserve=reserve_size(pool_size) if has_reserve and not transaction_pooling else 0,
            wait=wait,
            statement_bytes=statement_bytes,
            options={
                "recycle": recycle,
                "connect": connect,
                "name": name,
                "transaction_pooling": transaction_pooling,
            },
        )
        self.transaction_pooling = transaction_pooling
        self.pool_size = pool_size
        self.pipeline = StatementPipeline(self._pool, wait, on_commit)
        """What runs statements whose result a callback takes."""

    @property
    def engine(self) -> AsyncEngine:
        """Return what opens the general connections."""
        return self._pool.general.engine

    @property
    def autocommit_connections(self) -> ConnectionStack:
        """Return the general connections in autocommit mode."""
        return self._pool.general.autocommit_connections

    @property
    def statement_usage(self) -> CacheUsage:
        """How much the server remembers for all connections."""
        return self._pool.statement_usage

    @asynccontextmanager
    async def read(
        self, identity: Identity, *, replayed: int = 0, general_only: bool = False
    ) -> AsyncIterator[ReadSession]:
        """Open a read-only snapshot, entered as `identity`.

        Of a replica it shows at least what the primary had committed when its log ended at `replayed`. With
        `general_only` it waits for a connection that is not reserved, where no statement is preempted.

        Raises:
            ReplicaLagging, SessionNotLive, PoolTimeout, Preempted, TransactionConflict, DatabaseUnavailable.
        """
        transaction = self._transaction(
            "REPEATABLE READ", identity.tenant_id, read_only=True, replayed=replayed, general_only=general_only
        )
        async with transaction as (connection, partition):
            await _enter(connection, read_enter_arguments(identity))
            async with _open_session(connection, partition) as session:
                yield ReadSession(session)

    @asynccontextmanager
    async def write(self, identity: Identity, *, general_only: bool = False) -> AsyncIterator[WriteSession]:
        """Open a transaction, entered as `identity`; committed at the end, rolled back when anything is raised.

        Raises:
            SessionNotLive, PoolTimeout, Preempted, TransactionConflict, DatabaseUnavailable.
        """
        transaction = self._transaction(
            "READ COMMITTED", identity.tenant_id, read_only=False, general_only=general_only
        )
        async with transaction as (connection, partition):
            await _enter(connection, enter_arguments(identity))
            async with _open_session(connection, partition) as session:
                yield WriteSession(ReadSession(session))
        self._on_commit()

    @asynccontextmanager
    async def operator_transaction(self, tenant_id: UUID) -> AsyncIterator[WriteSession]:
        """Open an operator's transaction within one tenant, without a user."""
        async with self._operator_session(tenant_id, "READ COMMITTED", read_only=False) as session:
            yield WriteSession(ReadSession(session))
        self._on_commit()

    @asynccontextmanager
    async def installation_transaction(self) -> AsyncIterator[WriteSession]:
        """Open an operator's transaction outside any tenant, without a user; for the owner role."""
        transaction = self._transaction("READ COMMITTED", None, read_only=False, general_only=True)
        async with transaction as (connection, partition), _open_session(connection, partition) as session:
            yield WriteSession(ReadSession(session))
        self._on_commit()

    @asynccontextmanager
    async def operator_snapshot(self, tenant_id: UUID) -> AsyncIterator[ReadSession]:
        """Open an operator's read-only snapshot of one tenant, without a user."""
        async with self._operator_session(tenant_id, "REPEATABLE READ", read_only=True) as session:
            yield ReadSession(session)

    async def fetch_value(
        self,
        statement: str,
        values: Sequence[Any],
        *,
        prepare: bool = True,
        replayed: int = 0,
        general_only: bool = False,
    ) -> str:
        """Return the one text of a statement that enters by itself, outside any other transaction.

        Its first parameters are those of `atrium_enter`; it yields no row where that does not.

        Args:
            statement: the statement.
            values: its parameters.
            prepare: whether the server is to remember how it is run.
            replayed: of a replica, it shows at least what the primary had committed when its log ended there.
            general_only: whether it waits for a connection that is not reserved.

        Raises:
            ReplicaLagging, ConnectionLost, SessionNotLive, PoolTimeout, TransactionConflict, StatementRejected,
            DatabaseUnavailable, InvalidValue, SuperuserRefused.
        """
        try:
            value = await self._fetch_value(
                statement, values, prepare=prepare, replayed=replayed, general_only=general_only
            )
        except Preempted:
            value = await self._fetch_value(statement, values, prepare=prepare, replayed=replayed, general_only=True)
        if value is None:
            raise SessionNotLive
        return value

    async def execute_update(
        self, statement: str, values: Sequence[Any], *, prepare: bool = True, general_only: bool = False
    ) -> str:
        """Return the one text of a statement that enters by itself and writes; as `fetch_value` otherwise."""
        text = await self.fetch_value(statement, values, prepare=prepare, general_only=general_only)
        self._on_commit()
        return text

    async def _fetch_value(
        self, statement: str, values: Sequence[Any], *, prepare: bool, replayed: int, general_only: bool = False
    ) -> str | None:
        tenant_id = values[0]
        async with self._pool.partition(tenant_id, general_only=general_only) as partition:
            connections = partition.autocommit_connections
            autocommit = await connections.take() or await AutocommitConnection.of(await partition.open())
            good = False
            try:
                if replayed:
                    await require_replayed(autocommit.connection, replayed)
                value: str | None = await autocommit.fetch_value(
                    statement, values, prepare=prepare, is_reserved=partition.is_reserved
                )
                good = True
            except ConnectionLost:
                connections.suspect_idle()
                raise
            except Preempted:
                good = True
                raise
            except (ReplicaLagging, StatementRejected, InvalidValue, SuperuserRefused, asyncio.CancelledError):
                good = await asyncio.shield(autocommit.is_alive())
                raise
            finally:
                await connections.put(autocommit, is_good=good)
        return value

    async def check_live(self, identity: Identity) -> LogPosition:
        """Check that the caller is authorized; return the end of the primary's log.

        Raises:
            SessionNotLive, PoolTimeout, DatabaseUnavailable.
        """
        position = await self._pool.fetch_value(CHECK_LIVE_QUERY, *read_enter_arguments(identity))
        if position is None:
            raise SessionNotLive
        return LogPosition(*position)

    async def check_sessions(self, identities: Sequence[Identity]) -> list[bool]:
        """Return for each of these identities whether it is still authorized; one statement.

        Raises:
            PoolTimeout, DatabaseUnavailable.
        """
        live = set(await self._pool.fetch_value(CHECK_SESSIONS_QUERY, *check_sessions_arguments(identities)) or ())
        return [number in live for number in range(1, len(identities) + 1)]

    async def current_position(self) -> LogPosition:
        """Return the end of this primary's log: all that was committed before lies before it.

        Raises:
            PoolTimeout, DatabaseUnavailable.
        """
        return LogPosition(*await self._pool.fetch_value(CURRENT_POSITION_QUERY))

    async def ping(self) -> None:
        """Make one round trip, outside any tenant.

        Raises:
            PoolTimeout, DatabaseUnavailable.
        """
        with suppress(Preempted):  # it has answered
            async with self._transaction("READ COMMITTED", None, read_only=True) as (connection, _):
                await connection.execute(text("SELECT 1"))

    async def explain(self, statement: str) -> list[str]:
        """Return the plan that the runtime role gets for a statement whatever its parameters; it is not run.

        Raises:
            PoolTimeout: all connections are taken by those who need them.
            DatabaseUnavailable, asyncpg.PostgresError: PostgreSQL makes no plan of it.
        """
        if self.is_full:
            raise PoolTimeout
        async with (
            self._pool.partition(None, general_only=True) as partition,
            self._pool.connect(partition) as connection,
        ):
            driver: Any = (await connection.get_raw_connection()).driver_connection
            return await explain_statement(driver, statement)

    @property
    def in_use(self) -> int:
        """Return how many transactions run."""
        return self._pool.limiter.in_use

    @property
    def is_full(self) -> bool:
        """Return whether a unit would have to wait for a connection."""
        return self._pool.limiter.is_full

    def abort(self, spared: Address | None = None) -> None:
        """Cut all connections, for a server that no longer answers; but none to the address of one that does."""
        self._pool.abort(spared)

    async def close(self) -> None:
        """Close every connection, without waiting long for a server that does not answer."""
        await self.pipeline.close()
        await self._pool.close()

    @asynccontextmanager
    async def _operator_session(
        self, tenant_id: UUID, isolation: str, *, read_only: bool
    ) -> AsyncIterator[DatabaseSession]:
        async with self._transaction(isolation, tenant_id, read_only=read_only) as (connection, partition):
            await connection.execute(SET_CONTEXT_STATEMENT, {"name": "tenant_id", "value": str(tenant_id)})
            async with _open_session(connection, partition) as session:
                yield session

    @asynccontextmanager
    async def _transaction(
        self,
        isolation: str,
        tenant_id: UUID | None,
        *,
        read_only: bool,
        replayed: int = 0,
        general_only: bool = False,
    ) -> AsyncIterator[tuple[AsyncConnection, Partition]]:
        async with (
            self._pool.partition(tenant_id, general_only=general_only) as partition,
            self._pool.connect(partition) as connection,
        ):
            if replayed:
                await require_replayed(connection, replayed)
            await connection.execution_options(isolation_level=isolation, postgresql_readonly=read_only)
            async with connection.begin() as transaction:
                yield connection, partition
                with timed_statement(connection, "COMMIT"):
                    await transaction.commit()


async def _enter(connection: AsyncConnection, values: Sequence[Any]) -> None:
    with timed_statement(connection, ENTER_STATEMENT):
        entered = await connection.execute(ENTER_STATEMENT, dict(zip(ENTER_PARAMETERS, values, strict=True)))
    if entered.first() is None:
        raise SessionNotLive
