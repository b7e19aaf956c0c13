"""The database: engines, sessions, and the units of work that enter a tenant's walls.

A unit is one connection and one transaction. Its first statement, `atrium_enter`, says who is asking and for which
tenant; the policies of every table read that, and it ends with the transaction. Nothing is ever set on a connection
for longer, so a pooled connection carries nothing from one person to the next.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID
from weakref import WeakSet

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models.database.errors import (
    DatabaseUnavailable,
    InvalidValue,
    ReplicaLagging,
    SessionNotLive,
    StatementRejected,
    SuperuserRefused,
    translate_errors,
)
from models.database.identity import ENTER_CALL, ENTER_PARAMETERS, Identity, enter_arguments, read_enter_arguments
from models.database.pool import (
    AutocommitConnection,
    ConnectionLimiter,
    ConnectionStack,
    note_idle,
    ping_if_idle,
    require_replayed,
    run_fetch,
)
from models.database.session import (
    ENTER_STATEMENT,
    SET_CONTEXT_STATEMENT,
    DatabaseSession,
    ReadSession,
    WriteSession,
    _open_session,
)
from models.lru import CacheUsage
from models.statements import STATEMENT_BYTES, PreparedStatements

__all__ = ["SERVER_SETTINGS", "Database"]

SERVER_SETTINGS = {"timezone": "UTC", "jit": "off", "statement_timeout": "30s"}
"""What the database is told of every connection; statements count on it."""

CLOSE_SECONDS = 2.0  # that a server gets to say goodbye
COMPILED_STATEMENTS = 200  # of the services' own, as text; each takes some 40 KB

# What the driver itself keeps prepared on a connection: short statements, such as a look whether it is there.
DRIVER_STATEMENTS = 8
DRIVER_STATEMENT_CHARACTERS = 1_000

# Where the log of the primary ends, in bytes. Not where it was flushed to: a commit may be visible before.
CURRENT_LSN_QUERY = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
CHECK_LIVE_QUERY = f"{CURRENT_LSN_QUERY} FROM {ENTER_CALL}"


class Database:
    """One PostgreSQL server, as the runtime role sees it: a pool of connections and the units that run on them."""

    def __init__(
        self, url: str, *, pool_size: int = 10, wait: float = 2.0, recycle: float = 1800.0, connect: float = 5.0
    ) -> None:
        """Prepare the pool; nothing connects yet.

        Args:
            url: `postgresql+asyncpg://…` with the runtime role.
            pool_size: connections at most; as many units run at once.
            wait: seconds that a unit waits for a free connection before `PoolTimeout`.
            recycle: seconds after which an idle connection is replaced.
            connect: seconds that a new connection may take to open.
        """
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=wait,
            pool_recycle=recycle,
            query_cache_size=COMPILED_STATEMENTS,
            hide_parameters=True,  # they are people's data, and exceptions reach the log
            connect_args={
                "server_settings": {"application_name": "atrium", **SERVER_SETTINGS},
                "statement_cache_size": DRIVER_STATEMENTS,
                "max_cacheable_statement_size": DRIVER_STATEMENT_CHARACTERS,
                "timeout": connect,
            },
        )
        self._limiter = ConnectionLimiter(pool_size, wait)
        self.autocommit_connections = ConnectionStack(recycle)  # for statements outside of any unit
        self.pool_size = pool_size
        self._drivers: WeakSet[Any] = WeakSet()
        self._statements: WeakSet[PreparedStatements] = WeakSet()
        event.listen(self.engine.sync_engine, "connect", self._connected)
        event.listen(self.engine.sync_engine, "checkin", note_idle)
        event.listen(self.engine.sync_engine, "checkout", ping_if_idle)

    def _connected(self, made: Any, record: Any) -> None:
        """Have a new connection keep its prepared statements within its share of what all of them may take."""
        self._drivers.add(made.driver_connection)
        statements = PreparedStatements(STATEMENT_BYTES // self.pool_size)
        self._statements.add(statements)
        record.info["statements"] = statements
        made._prepared_statement_cache = statements  # noqa: SLF001  # it can be told a number alone

    @property
    def statement_usage(self) -> CacheUsage:
        """How much the server remembers for all connections."""
        usages = [each.usage for each in self._statements]
        return CacheUsage(sum(each.bytes for each in usages), sum(each.entries for each in usages))

    @asynccontextmanager
    async def read(self, identity: Identity, *, replayed: int = 0) -> AsyncIterator[ReadSession]:
        """Open a read-only snapshot, entered as `identity`.

        Of a replica it shows at least what the primary had committed when its log ended at `replayed`.

        Raises:
            ReplicaLagging, SessionNotLive, PoolTimeout, TransactionConflict, DatabaseUnavailable.
        """
        async with self._transaction("REPEATABLE READ", read_only=True, replayed=replayed) as connection:
            await _enter(connection, read_enter_arguments(identity))
            async with _open_session(connection) as session:
                yield ReadSession(session)

    @asynccontextmanager
    async def write(self, identity: Identity) -> AsyncIterator[WriteSession]:
        """Open a transaction, entered as `identity`; committed at the end, rolled back when anything is raised.

        Raises:
            SessionNotLive, PoolTimeout, TransactionConflict, DatabaseUnavailable.
        """
        async with self._transaction("READ COMMITTED", read_only=False) as connection:
            await _enter(connection, enter_arguments(identity))
            async with _open_session(connection) as session:
                yield WriteSession(ReadSession(session))

    @asynccontextmanager
    async def operator_transaction(self, tenant_id: UUID) -> AsyncIterator[WriteSession]:
        """Open an operator's transaction within one tenant, without a user."""
        async with self._operator_session(tenant_id, "READ COMMITTED", read_only=False) as session:
            yield WriteSession(ReadSession(session))

    @asynccontextmanager
    async def installation_transaction(self) -> AsyncIterator[WriteSession]:
        """Open an operator's transaction outside any tenant, without a user; for the owner role."""
        async with (
            self._transaction("READ COMMITTED", read_only=False) as connection,
            _open_session(connection) as session,
        ):
            yield WriteSession(ReadSession(session))

    @asynccontextmanager
    async def operator_snapshot(self, tenant_id: UUID) -> AsyncIterator[ReadSession]:
        """Open an operator's read-only snapshot of one tenant, without a user."""
        async with self._operator_session(tenant_id, "REPEATABLE READ", read_only=True) as session:
            yield ReadSession(session)

    async def fetch_value(
        self, statement: str, values: Sequence[Any], *, prepare: bool = True, replayed: int = 0
    ) -> str:
        """Return the one text of a statement that enters by itself, outside any other transaction.

        Its first parameters are those of `atrium_enter`; it yields no row where that does not.

        Args:
            statement: the statement.
            values: its parameters.
            prepare: whether the server is to remember how it is run.
            replayed: of a replica, it shows at least what the primary had committed when its log ended there.

        Raises:
            ReplicaLagging, ConnectionLost, SessionNotLive, PoolTimeout, TransactionConflict, StatementRejected,
            DatabaseUnavailable, InvalidValue, SuperuserRefused.
        """
        async with self._limiter:
            autocommit = await self.autocommit_connections.take() or await AutocommitConnection.of(await self._open())
            good = False
            try:
                if replayed:
                    await require_replayed(autocommit.connection, replayed)
                value: str | None = await autocommit.fetch_value(statement, values, prepare=prepare)
                good = True
            except (ReplicaLagging, StatementRejected, InvalidValue, SuperuserRefused, asyncio.CancelledError):
                good = await asyncio.shield(autocommit.is_alive())
                raise
            finally:
                await self.autocommit_connections.put(autocommit, is_good=good)
        if value is None:
            raise SessionNotLive
        return value

    async def check_live(self, identity: Identity) -> int:
        """Make sure that whoever asks is let in; says where the log of this primary ends now.

        Raises:
            SessionNotLive, PoolTimeout, DatabaseUnavailable.
        """
        lsn: int | None = await self._run_fetch(CHECK_LIVE_QUERY, *read_enter_arguments(identity))
        if lsn is None:
            raise SessionNotLive
        return lsn

    async def current_lsn(self) -> int:
        """Return the end of this primary's log: all that was committed before lies before it.

        Raises:
            PoolTimeout, DatabaseUnavailable.
        """
        lsn: int = await self._run_fetch(CURRENT_LSN_QUERY)
        return lsn

    async def ping(self) -> None:
        """Make one round trip, outside any tenant.

        Raises:
            PoolTimeout, DatabaseUnavailable.
        """
        async with self._transaction("READ COMMITTED", read_only=True) as connection:
            await connection.execute(text("SELECT 1"))

    @property
    def in_use(self) -> int:
        """Return how many transactions run."""
        return self._limiter.in_use

    @property
    def is_full(self) -> bool:
        """Return whether a unit would have to wait for a connection."""
        return self._limiter.is_full

    def abort(self) -> None:
        """Terminate all connections: for a server that no longer answers."""
        for driver in list(self._drivers):
            driver.terminate()

    async def close(self) -> None:
        """Close every connection, without waiting long for a server that does not answer."""
        await self.autocommit_connections.close()
        closing = asyncio.ensure_future(self.engine.dispose())
        _, late = await asyncio.wait([closing], timeout=CLOSE_SECONDS)
        if late:
            self.abort()
            await asyncio.wait([closing], timeout=CLOSE_SECONDS)

    async def _run_fetch(self, statement: str, *values: Any) -> Any:
        async with self._limiter, self._connect() as connection:
            return await run_fetch(connection, statement, *values)

    @asynccontextmanager
    async def _operator_session(
        self, tenant_id: UUID, isolation: str, *, read_only: bool
    ) -> AsyncIterator[DatabaseSession]:
        async with self._transaction(isolation, read_only=read_only) as connection:
            await connection.execute(SET_CONTEXT_STATEMENT, {"name": "tenant_id", "value": str(tenant_id)})
            async with _open_session(connection) as session:
                yield session

    @asynccontextmanager
    async def _transaction(
        self, isolation: str, *, read_only: bool, replayed: int = 0
    ) -> AsyncIterator[AsyncConnection]:
        async with self._limiter, self._connect() as connection:
            if replayed:
                await require_replayed(connection, replayed)
            await connection.execution_options(isolation_level=isolation, postgresql_readonly=read_only)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[AsyncConnection]:
        autocommit = await self.autocommit_connections.take()
        connection = autocommit.connection if autocommit else await self._open()
        try:
            with translate_errors():
                yield connection
        finally:
            await connection.close()

    async def _open(self) -> AsyncConnection:
        try:
            return await self.engine.connect()
        except (OSError, DBAPIError) as error:  # a TimeoutError is an OSError
            raise DatabaseUnavailable from error


async def _enter(connection: AsyncConnection, values: Sequence[Any]) -> None:
    entered = await connection.execute(ENTER_STATEMENT, dict(zip(ENTER_PARAMETERS, values, strict=True)))
    if entered.first() is None:
        raise SessionNotLive
