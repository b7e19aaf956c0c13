"""What every resolver gets: who asks, and how to open the database. Never a session itself.

Strawberry resolves the fields of a query concurrently, and a session is no place to meet. So a query opens one
read unit at its first need, whose statements take turns: the whole answer is one snapshot. A mutation field opens one
write unit; what its answer shows is read after it committed, in a fresh read unit. Which node is read is the route's
to decide; `context.route.primary = Why.ASKED` before the first read has the primary read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, TypeVar
from uuid import UUID

import strawberry
from strawberry.fastapi import BaseContext

from graph.runtime.loaders import Loaders
from models.database import Database, ReadSession, WriteSession
from models.database.errors import DatabaseUnavailable, InvalidValue, PoolTimeout, SessionNotLive, TransactionConflict
from models.database.identity import Identity
from models.database.read_routing import ReadRouter, RoutingReason
from models.database.topology import ServerGroup
from services.authentication import AuthConfig
from services.errors import Unauthenticated, Unavailable
from services.eventlog.outbox import OutboxRelay
from services.permissions import Actor

__all__ = ["Context", "Info"]

Result = TypeVar("Result")

MAX_WRITE_ATTEMPTS = 4
SCHEDULER_TICKS = 20  # of the event loop


class Trace(Protocol):
    """What the log wants to know of an operation."""

    operation_type: Any
    operation_name: str | None
    tenant_id: object
    user_id: object
    statements: int
    executor: Any


class Context(BaseContext):
    """One operation's context."""

    def __init__(
        self,
        database: Database,
        actor: Actor,
        auth: AuthConfig,
        feed: OutboxRelay,
        *,
        has_invalid_token: bool = False,
        expires_at: datetime | None = None,
        trace: Trace | None = None,
        route: ReadRouter | None = None,
        debug: bool = False,
        extensions: dict[str, Any] | None = None,
    ) -> None:
        """Prepare it; nothing is opened yet.

        Args:
            database: where everything is.
            actor: who asks.
            auth: how people get in.
            feed: what subscriptions follow.
            has_invalid_token: whether a token came along that is not valid; the actor is nobody then.
            expires_at: when the token ends, and with it a WebSocket.
            trace: where to note what was done, for the log.
            route: which node is read; without one, this database.
            debug: whether the answer says who answered: the node, where there are several, and the executor.
            extensions: what else the answer carries beside its data, by the time that it is ready.
        """
        super().__init__()
        self.has_invalid_token = has_invalid_token
        self.expires_at = expires_at
        self.trace = trace
        self.route = route or ReadRouter(ServerGroup(database))
        self.debug = debug
        self.executor: str | None = None
        self.declined: str | None = None
        """Why the compiler left the operation to the reference executor, if it did."""
        self.extensions: dict[str, Any] = {} if extensions is None else extensions
        self.database = database
        self.actor = actor
        self.auth = auth
        self.feed = feed
        self.one_time_secrets: dict[UUID, str] = {}
        """Secrets that this operation made, by the id of what they belong to."""
        self.statements = 0
        self.operation = ""
        """What is being done, such as `createTask`; the audit log keeps it."""
        self._refusal: Exception | None = None
        self._read_session: LazyReadSession | None = None
        self._loaders: Loaders | None = None

    def reject_invalid_token(self) -> None:
        """Refuse a token that is not valid where nobody may ask, but nobody was not meant.

        Raises:
            Unauthenticated: it came along.
        """
        if self.has_invalid_token:
            raise Unauthenticated("This access token is not valid, or no longer: refresh or log in again.")

    def record_operation(self, executor: Literal["compiler", "reference"], type_: str, name: str | None) -> None:
        """Note for the log what was done, and by which executor."""
        self.executor = executor
        if self.trace is not None:
            self.trace.operation_type, self.trace.operation_name = type_, name
            self.trace.executor = executor
            self.trace.tenant_id = self.actor.identity.tenant_id
            self.trace.user_id = self.actor.identity.user_id
            self.trace.statements = self.statements

    def response_extensions(self) -> dict[str, Any]:
        """What the answer carries beside its data; for developers also who answered, and why."""
        if not self.debug:
            return self.extensions
        extensions = dict(self.extensions)
        if self.route.servers.replicas and (served := self.route.routed_to) is not None:
            extensions |= {"node": served.server, "why": served.reason}
        if self.executor is not None:
            extensions["executor"] = self.executor
            if self.declined:
                extensions["declined"] = self.declined
        return extensions

    def switch_identity(self, identity: Identity) -> None:
        """Go on as somebody who has just logged in, or entered a tenant."""
        self.actor = Actor.of(identity)
        self._read_session = self._loaders = None

    async def write(
        self, work: Callable[[WriteSession], Awaitable[Result]], identity: Identity | None = None
    ) -> Result:
        """Do one thing in one transaction on the primary; it is committed when this returns.

        When PostgreSQL asks for it (a deadlock, a serialization failure), it is done again from the start.

        Raises:
            Unauthenticated: the session is no longer live.
            Unavailable: no connection came free in time, or the database is away.
        """
        if self._refusal is not None:
            raise self._refusal
        await self.close()
        whose = replace(identity or self.actor.identity, operation=self.operation)
        for attempt in range(1, MAX_WRITE_ATTEMPTS + 1):
            try:
                with translate_database_errors:
                    async with self.route.write(whose) as session:
                        result = await work(session)
                    self.statements += session.statements + 1
                    return result
            except TransactionConflict:
                if attempt == MAX_WRITE_ATTEMPTS:
                    raise
        raise AssertionError  # the loop returns or raises

    async def fetch_compiled(self, statement: str, values: Sequence[Any], *, prepare: bool = True) -> str:
        """The one text of a statement that enters by itself; it is a read unit of its own.

        The server is to remember how it is run, unless `prepare` is False.

        Raises:
            Unauthenticated: the session is no longer live.
            Unavailable: no connection came free in time, or the database is away.
            Unreadable: the statement met a value that it can make nothing of.
        """
        with translate_database_errors:
            data = await self.route.fetch_value(self.actor.identity, statement, values, prepare=prepare)
        self.statements += 1
        return data

    async def execute_compiled(self, statement: str, values: Sequence[Any], *, prepare: bool = True) -> str | None:
        """The one text of a statement that enters by itself and changes something; None if that changed nothing.

        The server is to remember how it is run, unless `prepare` is False.

        Raises:
            Unavailable: no connection came free in time, or the database is away; it may have been changed.
            Unfit: PostgreSQL refuses the statement as it is; nothing was changed.
        """
        try:
            data = await self.route.execute_update(statement, values, prepare=prepare)
        except (SessionNotLive, TransactionConflict, InvalidValue):
            return None
        except (PoolTimeout, DatabaseUnavailable):
            raise Unavailable from None
        self.statements += 1
        return data

    def fail_with(self, refusal: Exception) -> None:
        """Have every field that reads or changes something learn of a refusal that is known already."""
        self._refusal = self._current_read_session.refusal = refusal

    async def prepare_retry_on_primary(self) -> bool:
        """Whether the replica was lost while it answered: then all that it said is forgotten, and the primary is next.

        Nothing but queries are read from replicas, and those can be run again, whole.
        """
        if not self.route.replica_lost:
            return False
        await self.close()
        self.route.primary_reason = RoutingReason.LOST
        return True

    async def close(self) -> None:
        """End the read unit and forget what was loaded; the next need opens a new one."""
        await self.end()
        self._read_session = self._loaders = None

    async def end(self) -> None:
        """End the read unit for good. What is still on its way from a field that nobody waits for gets no other."""
        self.statements += await asyncio.shield(self._current_read_session.end())

    @property
    def loaders(self) -> Loaders:
        """What its fields load together."""
        if self._loaders is None:
            self._loaders = Loaders(partial(self._open_session, self._current_read_session), self.actor)
        return self._loaders

    async def read(self) -> ReadSession:
        """Give the session of the operation's read unit, which is opened at the first need.

        Raises:
            Unauthenticated: nobody asks, or the session is no longer live.
            Unavailable: no connection came free in time, or the database is away.
        """
        return await self._open_session(self._current_read_session)

    @property
    def _current_read_session(self) -> "LazyReadSession":
        if self._read_session is None:
            self._read_session = LazyReadSession(self.route, self.actor.identity)
        return self._read_session

    async def _open_session(self, read_session: "LazyReadSession") -> ReadSession:
        if self.actor.identity.user_id is None:
            self.reject_invalid_token()
            raise Unauthenticated
        with translate_database_errors:
            return await read_session.open()


class LazyReadSession:
    """The read unit that the fields of an operation share: opened once, at the first need."""

    def __init__(self, route: ReadRouter, identity: Identity) -> None:
        self.refusal: Exception | None = None
        """Why it cannot be opened, if that is known already."""
        self._context_manager = route.read(identity)
        self._opening: asyncio.Future[ReadSession] | None = None
        self._ended = False

    async def open(self) -> ReadSession:
        """Its session; when it cannot be opened, every field learns the same.

        Raises:
            NotLive, Overloaded, Unreachable, Retry.
        """
        if self._ended:
            raise asyncio.CancelledError  # the operation is over, and nobody waits any more
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._fail() if self.refusal else self._context_manager.__aenter__())
        return await asyncio.shield(self._opening)

    async def _fail(self) -> ReadSession:
        for _ in range(SCHEDULER_TICKS):  # every field has come by then to learn of it, as if it had been tried
            await asyncio.sleep(0)
        assert self.refusal is not None
        raise self.refusal

    async def end(self) -> int:
        """Close it, if it was opened. Says how many statements it took."""
        self._ended = True
        if self._opening is None:
            return 0
        await asyncio.wait([self._opening])
        if self._opening.cancelled() or self._opening.exception() is not None:
            return 0
        with suppress(Exception):  # what was read is read, however its transaction ends
            await self._context_manager.__aexit__(None, None, None)
        return self._opening.result().statements + 1


Info: TypeAlias = strawberry.Info[Context, None]


class _TranslateDatabaseErrors:
    """Failures of the database as what they are to clients; a class, since every request comes through here."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Translate a failure."""
        if isinstance(error, SessionNotLive):
            message = "This session has ended, or your role has changed: refresh or log in again."
            raise Unauthenticated(message) from None
        if isinstance(error, PoolTimeout | DatabaseUnavailable):
            raise Unavailable from None


translate_database_errors = _TranslateDatabaseErrors()
