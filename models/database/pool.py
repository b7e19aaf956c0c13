"""Connections: what is asked of one besides the statements of a unit, and when it is given up."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database.errors import (
    CANCELLED_SQLSTATE,
    CONFLICT_SQLSTATES,
    DRIVER_ERRORS,
    REFUSAL_SQLSTATES,
    ConnectionLost,
    DatabaseUnavailable,
    InvalidValue,
    OutOfResources,
    Preempted,
    ReplicaLagging,
    StatementRejected,
    TransactionConflict,
    is_connection_lost,
    is_out_of_resources,
)
from models.database.hosts import CONNECT_SECONDS, HostConnector
from models.statements import PreparedStatements
from models.timings import timed_statement

__all__ = [
    "CANCEL_GRACE_SECONDS",
    "AutocommitConnection",
    "ConnectionStack",
    "connect_dedicated",
    "note_idle",
    "ping_if_idle",
    "require_replayed",
    "run_fetch",
]

CANCEL_GRACE_SECONDS = 1.0  # seconds that a statement gets which nobody waits for any more

IDLE_BEFORE_PING = 5.0  # seconds; a ping at every checkout would cost two thirds of a lookup
REJECTED_ERRORS = (asyncpg.SyntaxOrAccessError, asyncpg.ProgramLimitExceededError, asyncpg.FeatureNotSupportedError)
REPLAYED_LSN_QUERY = "SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint ELSE 0 END"


async def connect_dedicated(url: URL, name: str, *, prepares: bool = True) -> asyncpg.Connection:
    """Open a connection outside the pool for a background task.

    Args:
        url: `postgresql+asyncpg://…`.
        name: its application name.
        prepares: whether its statements get names; not where a pooler gives connections to others.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: whatever the driver says.
    """
    _, options = url.get_dialect()().create_connect_args(url)
    if not prepares:
        options["statement_cache_size"] = 0
    return await HostConnector().connect(**options, timeout=CONNECT_SECONDS, server_settings={"application_name": name})


async def run_fetch(connection: AsyncConnection, statement: str, *values: Any) -> Any:
    """Return the one value of a statement without a transaction, by the driver itself, at half the cost.

    Raises:
        DatabaseUnavailable.
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        with timed_statement(connection, statement):
            return await driver.fetchval(statement, *values)
    except DRIVER_ERRORS as error:
        await connection.invalidate()  # nobody else would notice that it is gone
        if isinstance(error, asyncpg.PostgresError) and not is_connection_lost(error.sqlstate):
            raise
        raise DatabaseUnavailable from error


@dataclass(slots=True)
class AutocommitConnection:
    """A connection that is kept at hand between statements that need no transaction.

    To take one from the pool and to give it back costs more than such a statement. Nothing is cleaned in between, since
    nothing is left behind: what a statement sets is local to it.
    """

    connection: AsyncConnection
    driver: Any
    statements: PreparedStatements
    opened: float
    idle_since: float = 0.0

    @classmethod
    async def of(cls, connection: AsyncConnection) -> "AutocommitConnection":
        """Return a connection of the pool in autocommit mode."""
        raw = await connection.get_raw_connection()
        opened = raw.info.setdefault("opened", time.monotonic())
        return cls(connection, raw.driver_connection, raw.info["statements"], opened)

    async def fetch_value(
        self, statement: str, values: Sequence[Any], *, prepare: bool, is_reserved: bool = False
    ) -> Any:
        """Return the one value of a statement; the server keeps its plan only with `prepare`.

        Raises:
            ConnectionLost, TransactionConflict, Preempted, StatementRejected, InvalidValue, SuperuserRefused,
            ReplicaLagging, OutOfResources: the connection is good for more after all but the first two.
        """
        try:
            with timed_statement(self.connection, statement):
                return await self.statements.fetch_value(self.driver, statement, values, prepare=prepare)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            raise InvalidValue from error
        except REJECTED_ERRORS as error:
            raise StatementRejected from error
        except DRIVER_ERRORS as error:
            code = error.sqlstate if isinstance(error, asyncpg.PostgresError) else "08"
            if is_connection_lost(code):
                raise ConnectionLost from error
            if is_reserved and code == CANCELLED_SQLSTATE:
                raise Preempted from error
            if code in CONFLICT_SQLSTATES:
                raise TransactionConflict from error
            if is_out_of_resources(code):
                raise OutOfResources(error) from error
            if code in REFUSAL_SQLSTATES:
                raise REFUSAL_SQLSTATES[code] from error
            raise

    async def discard(self) -> None:
        """Close it for good; the pool makes another in its place."""
        await self.connection.invalidate()
        await self.connection.close()

    async def is_alive(self) -> bool:
        """Return whether it answers; a statement that was broken off has ended then."""
        try:
            async with asyncio.timeout(CANCEL_GRACE_SECONDS):
                await self.driver.fetchval("SELECT 1")
        except DRIVER_ERRORS:
            return False
        return True


class ConnectionStack:
    """The connections at hand; the one that was used last is used next."""

    def __init__(self, recycle: float) -> None:
        """Args: recycle: seconds after which a connection is replaced."""
        self._recycle = recycle
        self._connections: list[AutocommitConnection] = []
        self.suspected_at = 0.0
        """When a connection was last found broken: those that were idle then may be broken too."""

    def __iter__(self) -> Iterator[AutocommitConnection]:
        return iter(self._connections)

    def __len__(self) -> int:
        return len(self._connections)

    async def take(self) -> AutocommitConnection | None:
        """Return an idle connection, if there is one."""
        while self._connections:
            connection, now = self._connections.pop(), time.monotonic()
            if self._is_fresh(connection, now) or (not self._is_old(connection, now) and await connection.is_alive()):
                return connection
            await connection.discard()
        return None

    def take_fresh(self) -> AutocommitConnection | None:
        """Return the idle connection that is next, if it needs no ping."""
        if self._connections and self._is_fresh(self._connections[-1], time.monotonic()):
            return self._connections.pop()
        return None

    def _is_old(self, connection: AutocommitConnection, now: float) -> bool:
        return now - connection.opened > self._recycle or bool(connection.driver.is_closed())

    def _is_fresh(self, connection: AutocommitConnection, now: float) -> bool:
        was_used = now - connection.idle_since < IDLE_BEFORE_PING and connection.idle_since > self.suspected_at
        return was_used and not self._is_old(connection, now)

    def suspect_idle(self) -> None:
        """Have each connection that is idle now pinged before it is used, since another one was found broken."""
        self.suspected_at = time.monotonic()

    async def put(self, connection: AutocommitConnection, *, is_good: bool) -> None:
        """Keep one for the next; one that is not good is closed."""
        if is_good:
            self.put_fresh(connection)
        else:
            await asyncio.shield(connection.discard())

    def put_fresh(self, connection: AutocommitConnection) -> None:
        """Keep one for the next that was just used and is good."""
        connection.idle_since = time.monotonic()
        self._connections.append(connection)

    async def close(self) -> None:
        """Close them all."""
        while self._connections:
            await self._connections.pop().discard()


async def require_replayed(connection: AsyncConnection, min_lsn: int) -> None:
    """Make sure that a replica has replayed this much, before a transaction takes its picture.

    What a connection has once seen stays replayed for as long as it lives, and it does not outlive its server. One to
    a pooler may, so it is asked each time.

    Raises:
        ReplicaLagging: it has not.
    """
    info = (await connection.get_raw_connection()).info
    if info["transaction_pooling"] or info.get("replayed", 0) < min_lsn:
        info["replayed"] = await run_fetch(connection, REPLAYED_LSN_QUERY)
        if info["replayed"] < min_lsn:
            raise ReplicaLagging


def note_idle(connection: Any, record: Any) -> None:
    """Record since when a connection is idle; discard one whose transaction could not be begun or ended."""
    record.info["idle_since"] = time.monotonic()
    if connection is None:
        return
    driver = connection.driver_connection
    # The driver counts a transaction from before its BEGIN: where that was cut off, the next one would be a savepoint.
    has_begun = driver._top_xact is not None  # noqa: SLF001  # nothing public tells
    # One that was terminated meanwhile has nobody left to ask.
    if has_begun or driver.is_closed() or driver.is_in_transaction():
        record.invalidate()  # it must meet nobody else


def ping_if_idle(connection: Any, record: Any, _proxy: Any, *, suspected_at: float = 0.0) -> None:
    """Ping a connection that was idle for a while, or when another one broke, before it is handed out."""
    idle_since = record.info.get("idle_since")
    if idle_since is None or (time.monotonic() - idle_since < IDLE_BEFORE_PING and idle_since > suspected_at):
        return
    try:
        connection.ping()
    except Exception as error:
        raise DisconnectionError from error
