"""What every resolver gets: the caller, and how to open the database. Never a session itself.

Strawberry resolves the fields of a query concurrently, and a session is no place to meet. So a query opens one
read session at its first need, whose statements take turns: the whole answer is one snapshot. A mutation field opens
one transaction; what its answer shows is read after it committed, in a fresh read session. Which server is read is the
route's to decide; `context.route.primary_reason = RoutingReason.ASKED` before the first read has the primary read.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import strawberry
from graphql import DocumentNode
from strawberry.fastapi import BaseContext

from graph.runtime.caller import Caller
from graph.runtime.compiled_statements import CompiledStatements
from graph.runtime.loaders import Loaders
from graph.runtime.operation_cost import OperationCost
from graph.runtime.operation_log import OperationLog, ResponseExtensions, Trace
from graph.runtime.reader import Reader
from graph.runtime.writer import Writer
from models.database import Database, ReadSession, WriteSession
from models.database.identity import Identity
from models.database.read_routing import ReadRouter
from models.database.topology import ServerGroup
from services.authentication import AuthConfig
from services.eventlog.outbox import OutboxRelay
from services.permissions import Actor

__all__ = ["Context", "Info"]

Result = TypeVar("Result")


class Context(BaseContext):
    """One operation's context: it joins those who each do one thing for the operation."""

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
        keeps_sql: bool = False,
        extensions: dict[str, Any] | None = None,
        long_work: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        cost: OperationCost | None = None,
    ) -> None:
        """Prepare it; nothing is opened yet.

        Args:
            database: where everything is.
            actor: the caller.
            auth: how people get in.
            feed: what subscriptions follow.
            has_invalid_token: whether a token came along that is not valid; the actor is nobody then.
            expires_at: when the token ends, and with it a WebSocket.
            trace: where to note what was done, for the log.
            route: which node is read; without one, this database.
            debug: whether the answer says who answered: the node, where there are several, and the executor.
            keeps_sql: whether the answer says, for developers, by which statements it was made.
            extensions: what else the answer carries beside its data, by the time that it is ready.
            long_work: within what it returns, the operation has the time of what takes long on purpose.
            cost: what it costs, and who pays; without one nobody does.
        """
        super().__init__()
        self.document: DocumentNode | None = None
        """The parsed document, once the compiler or Strawberry has parsed it."""
        self.auth = auth
        self.feed = feed
        self.long_work = long_work
        self.cost = cost or OperationCost()
        self.route = route or ReadRouter(ServerGroup(database))
        self.one_time_secrets: dict[UUID, str] = {}
        """Secrets that this operation made, by the id of what they belong to."""
        self.caller = Caller(actor, has_invalid_token=has_invalid_token, expires_at=expires_at)
        self.log = OperationLog(trace, keeps_sql=keeps_sql and debug)
        self.extensions = ResponseExtensions(extensions, self.log, self.route, debug=debug)
        self.reader = Reader(self.route, self.caller, self.log)
        self.writer = Writer(self.route, self.caller, self.reader, self.log)
        self.compiled = CompiledStatements(self.route, self.caller, self.log)

    @property
    def actor(self) -> Actor:
        """Return the caller."""
        return self.caller.actor

    @property
    def expires_at(self) -> datetime | None:
        """When the caller's token ends."""
        return self.caller.expires_at

    @property
    def loaders(self) -> Loaders:
        """Return what its fields load together."""
        return self.reader.loaders

    async def read(self) -> ReadSession:
        """Give the read session of the operation; see `Reader.session`."""
        return await self.reader.session()

    async def write(
        self, work: Callable[[WriteSession], Awaitable[Result]], identity: Identity | None = None
    ) -> Result:
        """Do one thing in one transaction; see `Writer.write`."""
        return await self.writer.write(work, identity)

    async def close(self) -> None:
        """End the read session and forget what was loaded; the next need opens a new one."""
        await self.reader.close()

    def switch_identity(self, identity: Identity) -> None:
        """Go on as somebody who has just logged in, or entered a tenant."""
        self.caller.actor = Actor.of(identity)
        self.reader.forget()

    def fail_with(self, refusal: Exception) -> None:
        """Have every field that reads or changes something learn of a refusal that is known already."""
        self.writer.refusal = refusal
        self.reader.fail_with(refusal)

    async def prepare_reread(self) -> bool:
        """Return whether what a mutation's answer shows is to be read once more, since its connection failed."""
        return self.route.must_reread and await self._start_over()

    async def prepare_retry(self) -> bool:
        """Return whether a query is to run once more, since its server failed; what it said is forgotten then."""
        return self.route.must_retry and await self._start_over()

    async def _start_over(self) -> bool:
        await self.close()
        self.route.retry()
        return True


Info: TypeAlias = strawberry.Info[Context, None]
