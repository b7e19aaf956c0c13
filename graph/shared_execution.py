"""Execution of subscription events: once for all followers that get the same response.

A subscription yields `SharedEvent`s. The first follower that comes to one has it executed, by a context that is shared
and reads on the feed's connections; the others wait for its result. What many executions read at the same time, they
read together, by the loaders of that context and within one snapshot.
"""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, cast

import orjson
from graphql import ExecutionResult, GraphQLError

from graph.reference_execution import ReferenceExecution
from graph.runtime.context import Context, Info
from graph.viewer_scope import event_variables, viewer_scope
from models.database.errors import DatabaseUnavailable, PoolTimeout, SessionNotLive, TransactionConflict
from models.database.read_routing import ReadRouter, RoutingReason
from models.database.topology import ServerGroup
from services.errors import Unauthenticated, Unavailable
from services.eventlog.liveness import WatchedSession
from services.eventlog.outbox import FeedPage
from services.queries.collection import Collection

__all__ = ["EventExecution", "Follower", "SharedEvent"]

MAX_EVENT_ATTEMPTS = 5  # of an event whose connection is lost on the way
CACHED_RESULT_BYTES = 16 * 2**20  # of results that are kept for followers who have not come to them yet
TRANSIENT = (Unauthenticated, Unavailable, SessionNotLive, PoolTimeout, TransactionConflict, DatabaseUnavailable)
"""What an execution fails with because of the connection, or of the one in whose name it was opened."""


class ByteBudget:
    """Bytes that all kept results together may take."""

    def __init__(self, max_bytes: int) -> None:
        """Args: max_bytes: how many."""
        self._free_bytes = max_bytes

    def take(self, page: FeedPage, size: int) -> bool:
        """Take bytes for as long as a page lives; return False if there are too few."""
        if size > self._free_bytes:
            return False
        self._free_bytes -= size
        weakref.finalize(page, self._give_back, size)
        return True

    def _give_back(self, size: int) -> None:
        self._free_bytes += size


RESULT_BUDGET = ByteBudget(CACHED_RESULT_BYTES)


@dataclass(frozen=True, slots=True)
class Follower:
    """One subscription: who follows, and who gets the same responses."""

    context: Context
    session: WatchedSession
    execution_key: Hashable
    """What the executions have in common that give the same response to an event."""
    read_key: Hashable
    """What the followers have in common who may read together."""

    @classmethod
    def of(cls, info: Info, session: WatchedSession, *collections: Collection) -> "Follower":
        """Return the follower of a subscription whose events are made of rows of these collections."""
        raw: Any = info._raw_info  # noqa: SLF001  # the only way to the operation's fragments
        actor = info.context.actor
        scope_key = viewer_scope(raw, actor, *collections).key(actor)
        read_key = (actor.identity.tenant_id, actor.permissions, scope_key)
        values = tuple(sorted((name, raw.variable_values.get(name)) for name in event_variables(raw)))
        is_hashable = all(isinstance(value, str | int | float | bool | None) for _, value in values)
        operation = _IdentityKey(raw.operation) if is_hashable else object()
        typed_values = tuple((*pair, type(pair[1])) for pair in values) if is_hashable else ()
        return cls(info.context, session, (operation, typed_values, read_key), read_key)


class _IdentityKey:
    """A key that equals the key of the same object alone, and keeps the object alive."""

    __slots__ = ("_of",)

    def __init__(self, of: object) -> None:
        self._of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _IdentityKey) and self._of is other._of

    def __hash__(self) -> int:
        return id(self._of)


@dataclass(eq=False, slots=True)
class SharedContext:
    """A context that executions of one page share, for as long as some of them run."""

    context: Context
    executions: int = 0


@dataclass(frozen=True, slots=True)
class SharedEvent:
    """One event on its way to one follower."""

    page: FeedPage
    index: int
    follower: Follower
    make: Callable[[Context], Awaitable[Any]]
    """Makes what the subscription's root field gives."""

    @contextlib.asynccontextmanager
    async def open_context(self) -> AsyncIterator[Context]:
        """Yield the context that reads for all who may read together."""
        key = ("context", self.follower.read_key)
        shared: SharedContext | None = self.page.shared.get(key)
        if shared is None:
            shared = self.page.shared[key] = SharedContext(self._new_context())
        shared.executions += 1
        try:
            yield shared.context
        finally:
            shared.executions -= 1
            if not shared.executions:
                self.page.shared.pop(key, None)  # who comes later reads anew
                await shared.context.reader.end()

    def _new_context(self) -> Context:
        own = self.follower.context
        servers = ServerGroup(own.feed.fanout.database, observe=own.route.servers.observe)
        route = ReadRouter(servers)
        route.operation_kind_reason = RoutingReason.SUBSCRIPTION
        return Context(servers.primary, own.actor, own.auth, own.feed, route=route)


class EventExecution(ReferenceExecution):
    """An execution of an operation, which for a shared event happens once."""

    def execute_operation(self, serially: bool | None = None) -> Any:  # noqa: FBT001  # graphql-core's signature
        """Execute the operation for its root value."""
        if isinstance(self.root_value, SharedEvent):
            return self._execute_shared(self.root_value)
        return super().execute_operation(serially)

    async def _execute_shared(self, event: SharedEvent) -> ExecutionResult:
        follower, shared = event.follower, event.page.shared
        key = ("result", event.index, follower.execution_key)
        for attempt in range(1, MAX_EVENT_ATTEMPTS + 1):
            task: asyncio.Task[ExecutionResult] | None = shared.get(key)
            if task is None:
                task = shared[key] = asyncio.create_task(self._execute_event(event))
                task.add_done_callback(lambda done: _keep_result(done, event.page, key))
            result = task.result() if task.done() else await asyncio.shield(task)
            if attempt == MAX_EVENT_ATTEMPTS or not _is_transient(result):
                return ExecutionResult(result.data, list(result.errors or ()) or None)  # each follower masks its own
            await follower.session.check()
        raise AssertionError  # the loop returns

    async def _execute_event(self, event: SharedEvent) -> ExecutionResult:
        async with event.open_context() as context:
            try:
                execution = self.build_per_event_executor(await event.make(context))
            except TRANSIENT as error:
                return ExecutionResult(None, [GraphQLError(str(error), original_error=error)])
            execution.context_value = context
            result = execution.execute_operation(serially=False)
            return cast("ExecutionResult", await result if self.is_awaitable(result) else result)


def _keep_result(task: asyncio.Task[ExecutionResult], page: FeedPage, key: Hashable) -> None:
    """Keep a result with its page if it is good and there is room for it."""
    is_good = not task.cancelled() and task.exception() is None and not _is_transient(task.result())
    if not (is_good and RESULT_BUDGET.take(page, len(orjson.dumps(task.result().data, default=str)))):
        page.shared.pop(key, None)


def _is_transient(result: ExecutionResult) -> bool:
    return any(isinstance(_cause(error), TRANSIENT) for error in result.errors or ())


def _cause(error: BaseException | None) -> BaseException | None:
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return error
