"""The way of one operation to its node: the primary, or a replica that shows all that the reader must see.

Everything that is written has a position: where the primary's log ended after its commit. A replica shows a commit once
it has replayed the log that far. So a read goes to a replica that has replayed what its reader wrote last, and what the
primary had a few seconds ago; the replica itself is asked, on the very connection that then reads. Where none has, the
primary answers. Whether the caller is still authorized is always decided by the primary, since a replica may not have
heard of a revocation yet.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeAlias, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from models.database import Database, ReadSession, WriteSession
from models.database.errors import (
    ConnectionLost,
    DatabaseUnavailable,
    PoolTimeout,
    Preempted,
    ReplicaLagging,
    SessionNotLive,
    TransactionConflict,
)
from models.database.identity import Identity
from models.database.positions import LogPosition
from models.database.topology import PRIMARY, Replica, ServerGroup

__all__ = ["Freshness", "ReadRouter", "RoutedTo", "RoutingReason"]


Result = TypeVar("Result")


class ReplicaLost(Exception):
    """A replica failed while it answered: the primary is next, for the whole of it."""


ServerUse: TypeAlias = Callable[[Database, int], Awaitable[Result]]
"""What is wanted of a node: of a replica, that shows at least what the primary had when its log ended there."""


class RoutingReason(StrEnum):
    """Why a node answered; the first two are of replicas."""

    RECENT = "recent"  # recent enough for somebody who wrote nothing lately
    REPLAYED = "replayed"  # it has replayed what the reader wrote
    ASKED = "asked"  # the request or the code asked for the primary
    WRITE = "write"  # the same request wrote
    SUBSCRIPTION = "subscription"
    UNTRUSTED = "untrusted"  # the position that came along is none of ours
    TIMELINE = "timeline"  # it is of a timeline that the primary has left: what it stands for may be lost
    NO_REPLICA = "no_replica"  # none is in use: none there, none well, or all too far behind
    BEHIND = "behind"  # none has replayed what the reader must see
    UNKNOWN = "unknown"  # the replica has not heard of the reader yet
    BUSY = "busy"  # all connections to replicas are taken
    LOST = "lost"  # the replica was lost, or gave up, on the way


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a reader must see: everything up to a position, or all there is now; or they want the primary itself."""

    position: LogPosition | None = None
    newest: bool = False
    primary_reason: RoutingReason | None = None


ANY_FRESHNESS = Freshness()
"""What a reader demands who wrote nothing lately."""


@dataclass(frozen=True, slots=True)
class RoutedTo:
    """Which node answered, and why."""

    server: str
    reason: RoutingReason


class ReadRouter:
    """The way of one operation to its node.

    Set `primary_reason` to have the primary answer from the next read on, whatever freshness is asked for.
    `operation_kind_reason` is what the kind of the operation says of that. Unless somebody clears it the primary
    answers, so nothing but a query that was recognised as one is read from a replica.
    """

    def __init__(
        self,
        servers: ServerGroup,
        freshness: Freshness | None = None,
        *,
        on_write: Callable[[LogPosition | None], None] = lambda _position: None,
    ) -> None:
        """Prepare it.

        Args:
            servers: what there is.
            freshness: what the reader must see.
            on_write: told of the position that the operation's reader must see from now on, None while it is not known.
        """
        self.servers = servers
        self.primary_reason: RoutingReason | None = None
        self.operation_kind_reason: RoutingReason | None = RoutingReason.ASKED
        self.routed_to: RoutedTo | None = None
        self.general_only = False
        """Whether it waits for a connection that is not reserved, since it was preempted on a reserved one."""
        self._has_retried = False
        self._read: ReadSession | None = None
        self._freshness = freshness or ANY_FRESHNESS
        self._on_write = on_write

    @property
    def must_reread(self) -> bool:
        """Return whether what a mutation's answer shows has to be read once more: it was interrupted, not refused."""
        return self._read is not None and self._read.interruption is not None

    @property
    def must_retry(self) -> bool:
        """Return whether a query has to run once more, whole, since what it read from failed on the way.

        A replica was lost; or the primary broke off, or preempted a query on a reserved connection. Nothing that it
        said may be kept.
        """
        if self.routed_to is None or self._read is None or not self._read.failed or self._has_retried:
            return False
        return self.routed_to.server != PRIMARY or (
            self.operation_kind_reason is None and self._read.interruption is not None
        )

    def retry(self) -> None:
        """Have it read once more: on the primary, and on a general connection where it was preempted."""
        assert self._read is not None, "it was read"
        self._has_retried = True
        if self.routed_to is not None and self.routed_to.server != PRIMARY:
            self.primary_reason = RoutingReason.LOST
        self.general_only = isinstance(self._read.interruption, Preempted)
        self._read = None

    @asynccontextmanager
    async def read(self, identity: Identity) -> AsyncIterator[ReadSession]:
        """Open a read-only snapshot on a server that is recent enough for the reader.

        Raises:
            SessionNotLive, PoolTimeout, DatabaseUnavailable.
        """
        stack = AsyncExitStack()
        self._read, self.routed_to = await self._open(stack, identity)
        self.servers.observe(self.routed_to.server, self.routed_to.reason)
        try:
            yield self._read
        finally:
            with suppress(DatabaseUnavailable, TransactionConflict, DBAPIError):  # it has been read, however it ends
                await stack.aclose()

    @asynccontextmanager
    async def write(self, identity: Identity) -> AsyncIterator[WriteSession]:
        """Open a transaction on the primary; later reads go there too.

        The position behind it is told whatever becomes of it, since a refusal also speaks of what others wrote.

        Raises:
            SessionNotLive, PoolTimeout, TransactionConflict, DatabaseUnavailable.
        """
        self.primary_reason, self.routed_to = RoutingReason.WRITE, RoutedTo(PRIMARY, RoutingReason.WRITE)
        if not self.servers.replicas:
            async with self.servers.primary.write(identity, general_only=self.general_only) as session:
                yield session
            return
        entered = False
        try:
            async with self.servers.primary.write(identity, general_only=self.general_only) as session:
                entered = True
                self._on_write(None)
                yield session
        except Exception as error:
            if entered and not isinstance(error, DatabaseUnavailable):
                await self._report_position()
            raise
        await self._report_position()

    async def _report_position(self) -> None:
        with suppress(PoolTimeout, DatabaseUnavailable):
            self._on_write(await self.servers.primary.current_position())

    async def fetch_value(
        self, identity: Identity, statement: str, values: Sequence[Any], *, prepare: bool = True
    ) -> str:
        """Return the one text of a statement that enters by itself, from a server that is recent enough.

        Raises:
            SessionNotLive, PoolTimeout, TransactionConflict, DatabaseUnavailable, InvalidValue, SuperuserRefused.
        """

        async def fetch(database: Database, replayed: int) -> str:
            try:
                return await database.fetch_value(
                    statement, values, prepare=prepare, replayed=replayed, general_only=self.general_only
                )
            except (ConnectionLost, TransactionConflict, asyncpg.PostgresError) as error:
                if database is not self.servers.primary:
                    raise ReplicaLost from None
                if not isinstance(error, ConnectionLost):
                    raise
                return await database.fetch_value(statement, values, prepare=prepare)  # on another connection

        text, self.routed_to = await self._route(identity, fetch)
        self.servers.observe(self.routed_to.server, self.routed_to.reason)
        return text

    async def execute_update(self, statement: str, values: Sequence[Any], *, prepare: bool = True) -> str:
        """Return the one text of a statement that enters by itself and writes, on the primary.

        Raises:
            SessionNotLive, PoolTimeout, TransactionConflict, StatementRejected, DatabaseUnavailable, InvalidValue: it
            changed nothing, unless it was `ConnectionLost`.
        """
        self.primary_reason, self.routed_to = RoutingReason.WRITE, RoutedTo(PRIMARY, RoutingReason.WRITE)
        if self.servers.replicas:
            self._on_write(None)
        try:
            text = await self.servers.primary.execute_update(
                statement, values, prepare=prepare, general_only=self.general_only
            )
        except asyncpg.PostgresError as error:
            raise TransactionConflict from error
        if self.servers.replicas:
            await self._report_position()
        return text

    async def _open(self, stack: AsyncExitStack, identity: Identity) -> tuple[ReadSession, RoutedTo]:
        async def enter(database: Database, replayed: int) -> ReadSession:
            read = partial(database.read, identity, replayed=replayed)
            try:
                return await stack.enter_async_context(read(general_only=self.general_only))
            except Preempted:
                self.general_only = True
            except ConnectionLost:
                if database is not self.servers.primary:
                    raise
            return await stack.enter_async_context(read(general_only=self.general_only))  # on another connection

        return await self._route(identity, enter)

    async def _route(self, identity: Identity, use: ServerUse[Result]) -> tuple[Result, RoutedTo]:
        """Return the result of a server that is recent enough, and which server it was."""
        reason = self.primary_reason or self.operation_kind_reason or self._freshness.primary_reason
        if reason is None:
            found = await self._try_replicas(identity, use)
            if isinstance(found, tuple):
                return found
            reason = found
        return await use(self.servers.primary, 0), RoutedTo(PRIMARY, reason)

    async def _try_replicas(
        self, identity: Identity, use: ServerUse[Result]
    ) -> tuple[Result, RoutedTo] | RoutingReason:
        """Return the result of a replica, or the reason why none gave one."""
        min_lsn, timeline = self.servers.min_lsn, self.servers.timeline
        asking = identity.session_id or identity.api_key_id
        replicas = self.servers.healthy_replicas(asking.int if asking else 0)
        if min_lsn is None or not replicas:
            return RoutingReason.NO_REPLICA
        newest = await self.servers.primary.check_live(identity)
        required_lsn = self._find_required_lsn(newest)
        if isinstance(required_lsn, RoutingReason):
            return required_lsn
        if newest.timeline != timeline:
            return RoutingReason.NO_REPLICA  # these were found to follow another primary
        found = await self._try_each(replicas, use, max(min_lsn, required_lsn))
        if isinstance(found, RoutingReason):
            return found
        result, replica = found
        return result, RoutedTo(replica.name, RoutingReason.REPLAYED if required_lsn else RoutingReason.RECENT)

    @staticmethod
    async def _try_each(
        replicas: Sequence[Replica], use: ServerUse[Result], min_lsn: int
    ) -> tuple[Result, Replica] | RoutingReason:
        """Return the result of the first replica that gives one, or the reason why the last one gave none."""
        refusal = RoutingReason.NO_REPLICA
        for replica in replicas:
            if replica.database.is_full:
                refusal = RoutingReason.BUSY
                continue
            try:
                given = await use(replica.database, min_lsn)
            except ReplicaLost:
                return RoutingReason.LOST
            except ReplicaLagging:
                refusal = RoutingReason.BEHIND
            except SessionNotLive:
                refusal = RoutingReason.UNKNOWN
            except PoolTimeout:
                refusal = RoutingReason.BUSY
            except (DatabaseUnavailable, TransactionConflict, DBAPIError, asyncpg.PostgresError):
                replica.mark_failed()
                refusal = RoutingReason.LOST
            else:
                return given, replica
        return refusal

    def _find_required_lsn(self, newest: LogPosition) -> int | RoutingReason:
        """Return what a replica must have replayed, or the reason why none will do, by where the primary's log ends."""
        required = newest if self._freshness.newest else self._freshness.position
        if required is not None and required.timeline != newest.timeline:
            return RoutingReason.TIMELINE
        return required.lsn if required is not None else 0
