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
from models.database.errors import NotLive, Overloaded, Retry, Unreachable, Unreadable
from models.database.identity import Identity
from models.database.read_routing import Route, Why
from models.database.topology import Nodes
from services.authentication import Door
from services.errors import Unauthenticated, Unavailable
from services.eventlog.outbox import Feed
from services.permissions import Actor

__all__ = ["Context", "Info"]

Result = TypeVar("Result")

TRIES = 4
TURNS = 20  # of the event loop


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
        door: Door,
        feed: Feed,
        *,
        bad_token: bool = False,
        expires_at: datetime | None = None,
        trace: Trace | None = None,
        route: Route | None = None,
        tells: bool = False,
        extensions: dict[str, Any] | None = None,
    ) -> None:
        """Prepare it; nothing is opened yet.

        Args:
            database: where everything is.
            actor: who asks.
            door: how people get in.
            feed: what subscriptions follow.
            bad_token: whether a token came along that is not valid; the actor is nobody then.
            expires_at: when the token ends, and with it a WebSocket.
            trace: where to note what was done, for the log.
            route: which node is read; without one, this database.
            tells: whether the answer says who answered: the node, where there are several, and the executor.
            extensions: what else the answer carries beside its data, by the time that it is ready.
        """
        super().__init__()
        self.bad_token = bad_token
        self.expires_at = expires_at
        self.trace = trace
        self.route = route or Route(Nodes(database))
        self.tells = tells
        self.executor: str | None = None
        self.declined: str | None = None
        """Why the compiler left the operation to the reference executor, if it did."""
        self.extensions: dict[str, Any] = {} if extensions is None else extensions
        self.database = database
        self.actor = actor
        self.door = door
        self.feed = feed
        self.shown_once: dict[UUID, str] = {}
        """Secrets that this operation made, by the id of what they belong to."""
        self.statements = 0
        self.operation = ""
        """What is being done, such as `createTask`; the audit log keeps it."""
        self._refusal: Exception | None = None
        self._unit: ReadUnit | None = None
        self._loaders: Loaders | None = None

    def require_good_token(self) -> None:
        """Refuse a token that is not valid where nobody may ask, but nobody was not meant.

        Raises:
            Unauthenticated: it came along.
        """
        if self.bad_token:
            raise Unauthenticated("This access token is not valid, or no longer: refresh or log in again.")

    def note(self, executor: Literal["compiler", "reference"], type_: str, name: str | None) -> None:
        """Note for the log what was done, and by which executor."""
        self.executor = executor
        if self.trace is not None:
            self.trace.operation_type, self.trace.operation_name = type_, name
            self.trace.executor = executor
            self.trace.tenant_id = self.actor.identity.tenant_id
            self.trace.user_id = self.actor.identity.user_id
            self.trace.statements = self.statements

    def told(self) -> dict[str, Any]:
        """What the answer carries beside its data; for developers also who answered, and why."""
        if not self.tells:
            return self.extensions
        told = dict(self.extensions)
        if self.route.nodes.replicas and (served := self.route.served) is not None:
            told |= {"node": served.node, "why": served.why}
        if self.executor is not None:
            told["executor"] = self.executor
            if self.declined:
                told["declined"] = self.declined
        return told

    def become(self, identity: Identity) -> None:
        """Go on as somebody who has just logged in, or entered a tenant."""
        self.actor = Actor.of(identity)
        self._unit = self._loaders = None

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
        for attempt in range(1, TRIES + 1):
            try:
                with TRANSLATED:
                    async with self.route.write(whose) as session:
                        result = await work(session)
                    self.statements += session.statements + 1
                    return result
            except Retry:
                if attempt == TRIES:
                    raise
        raise AssertionError  # the loop returns or raises

    async def ask(self, statement: str, values: Sequence[Any], *, keep: bool = True) -> str:
        """The one text of a statement that enters by itself; it is a read unit of its own.

        The server is to remember how it is run, unless `keep` is False.

        Raises:
            Unauthenticated: the session is no longer live.
            Unavailable: no connection came free in time, or the database is away.
            Unreadable: the statement met a value that it can make nothing of.
        """
        with TRANSLATED:
            text = await self.route.ask(self.actor.identity, statement, values, keep=keep)
        self.statements += 1
        return text

    async def change(self, statement: str, values: Sequence[Any], *, keep: bool = True) -> str | None:
        """The one text of a statement that enters by itself and changes something; None if that changed nothing.

        The server is to remember how it is run, unless `keep` is False.

        Raises:
            Unavailable: no connection came free in time, or the database is away; it may have been changed.
            Unfit: PostgreSQL refuses the statement as it is; nothing was changed.
        """
        try:
            text = await self.route.change(statement, values, keep=keep)
        except (NotLive, Retry, Unreadable):
            return None
        except (Overloaded, Unreachable):
            raise Unavailable from None
        self.statements += 1
        return text

    def refuse(self, refusal: Exception) -> None:
        """Have every field that reads or changes something learn of a refusal that is known already."""
        self._refusal = self._opened.refusal = refusal

    async def restart(self) -> bool:
        """Whether the replica was lost while it answered: then all that it said is forgotten, and the primary is next.

        Nothing but queries are read from replicas, and those can be run again, whole.
        """
        if not self.route.lost:
            return False
        await self.close()
        self.route.primary = Why.LOST
        return True

    async def close(self) -> None:
        """End the read unit and forget what was loaded; the next need opens a new one."""
        await self.end()
        self._unit = self._loaders = None

    async def end(self) -> None:
        """End the read unit for good. What is still on its way from a field that nobody waits for gets no other."""
        self.statements += await asyncio.shield(self._opened.end())

    @property
    def loaders(self) -> Loaders:
        """What its fields load together."""
        if self._loaders is None:
            self._loaders = Loaders(partial(self._session, self._opened), self.actor)
        return self._loaders

    async def read(self) -> ReadSession:
        """Give the session of the operation's read unit, which is opened at the first need.

        Raises:
            Unauthenticated: nobody asks, or the session is no longer live.
            Unavailable: no connection came free in time, or the database is away.
        """
        return await self._session(self._opened)

    @property
    def _opened(self) -> "ReadUnit":
        if self._unit is None:
            self._unit = ReadUnit(self.route, self.actor.identity)
        return self._unit

    async def _session(self, unit: "ReadUnit") -> ReadSession:
        if self.actor.identity.user_id is None:
            self.require_good_token()
            raise Unauthenticated
        with TRANSLATED:
            return await unit.session()


class ReadUnit:
    """The read unit that the fields of an operation share: opened once, at the first need."""

    def __init__(self, route: Route, identity: Identity) -> None:
        self.refusal: Exception | None = None
        """Why it cannot be opened, if that is known already."""
        self._unit = route.read(identity)
        self._opening: asyncio.Future[ReadSession] | None = None
        self._ended = False

    async def session(self) -> ReadSession:
        """Its session; when it cannot be opened, every field learns the same.

        Raises:
            NotLive, Overloaded, Unreachable, Retry.
        """
        if self._ended:
            raise asyncio.CancelledError  # the operation is over, and nobody waits any more
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._refuse() if self.refusal else self._unit.__aenter__())
        return await asyncio.shield(self._opening)

    async def _refuse(self) -> ReadSession:
        for _ in range(TURNS):  # every field has come by then to learn of it, as if it had been tried
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
            await self._unit.__aexit__(None, None, None)
        return self._opening.result().statements + 1


Info: TypeAlias = strawberry.Info[Context, None]


class _Translated:
    """Failures of the database as what they are to clients; a class, since every request comes through here."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Translate a failure."""
        if isinstance(error, NotLive):
            message = "This session has ended, or your role has changed: refresh or log in again."
            raise Unauthenticated(message) from None
        if isinstance(error, Overloaded | Unreachable):
            raise Unavailable from None


TRANSLATED = _Translated()
