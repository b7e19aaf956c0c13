"""The way of one operation to its node: the primary, or a replica that shows all that the reader must see.

Everything that is written has a position: where the primary's log ended after its commit. A replica shows a commit
once it has replayed the log that far. So a read goes to a replica that has replayed what its reader wrote last, and
what the primary had a few seconds ago; the replica itself is asked, on the very connection that then reads. Where none
has, the primary answers. Whether whoever asks is still let in is always the primary's to say, since a replica may not
have heard of a revocation yet.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from models.database import Database, ReadSession, WriteSession
from models.database.errors import Behind, Broken, NotLive, Overloaded, Retry, Unreachable
from models.database.identity import Identity
from models.database.topology import PRIMARY, Nodes

__all__ = ["Demand", "Route", "Served", "Why"]


Result = TypeVar("Result")


class Lost(Exception):
    """A replica failed while it answered: the primary is next, for the whole of it."""


Use: TypeAlias = Callable[[Database, int], Awaitable[Result]]
"""What is wanted of a node: of a replica, that shows at least what the primary had when its log ended there."""


class Why(StrEnum):
    """Why a node answered; the first two are of replicas."""

    RECENT = "recent"  # recent enough for somebody who wrote nothing lately
    REPLAYED = "replayed"  # it has replayed what the reader wrote
    ASKED = "asked"  # the request or the code asked for the primary
    WRITE = "write"  # the same request wrote
    SUBSCRIPTION = "subscription"
    UNTRUSTED = "untrusted"  # the position that came along is none of ours
    NO_REPLICA = "no_replica"  # none is in use: none there, none well, or all too far behind
    BEHIND = "behind"  # none has replayed what the reader must see
    UNKNOWN = "unknown"  # the replica has not heard of the reader yet
    BUSY = "busy"  # all connections to replicas are taken
    LOST = "lost"  # the replica was lost, or gave up, on the way


@dataclass(frozen=True, slots=True)
class Demand:
    """What a reader must see: everything up to a position, or all there is now; or they want the primary itself."""

    position: int = 0
    newest: bool = False
    primary: Why | None = None


ANYTHING = Demand()
"""What a reader demands who wrote nothing lately."""


@dataclass(frozen=True, slots=True)
class Served:
    """Which node answered, and why."""

    node: str
    why: Why


class Route:
    """The way of one operation to its node.

    Set `primary` to have the primary answer from the next read unit on, whatever the demand. `kind` is what the kind
    of the operation says of that. Unless somebody clears it the primary answers, so nothing but a query that was
    recognised as one is read from a replica.
    """

    def __init__(
        self,
        nodes: Nodes,
        demand: Demand | None = None,
        *,
        wrote: Callable[[int | None], None] = lambda _position: None,
    ) -> None:
        """Prepare it.

        Args:
            nodes: what there is.
            demand: what the reader must see.
            wrote: told of the position that the operation's reader must see from now on, None while it is not known.
        """
        self.nodes = nodes
        self.primary: Why | None = None
        self.kind: Why | None = Why.ASKED
        self.served: Served | None = None
        self._read: ReadSession | None = None
        self._demand = demand or ANYTHING
        self._wrote = wrote

    @property
    def lost(self) -> bool:
        """Whether the replica that answered failed on the way, so that nothing that it said may be kept."""
        on_replica = self.served is not None and self.served.node != PRIMARY
        return on_replica and self._read is not None and self._read.failed

    @asynccontextmanager
    async def read(self, identity: Identity) -> AsyncIterator[ReadSession]:
        """One consistent, read-only picture, entered as `identity`, of a node that shows what the reader must see.

        Raises:
            NotLive, Overloaded, Unreachable.
        """
        stack = AsyncExitStack()
        self._read, self.served = await self._open(stack, identity)
        self.nodes.observe(self.served.node, self.served.why)
        try:
            yield self._read
        finally:
            with suppress(Unreachable, Retry, DBAPIError):  # it has been read, however it ends
                await stack.aclose()

    @asynccontextmanager
    async def write(self, identity: Identity) -> AsyncIterator[WriteSession]:
        """One transaction on the primary, entered as `identity`; what is read from now on is read there too.

        The position behind it is told whatever becomes of it, since a refusal also speaks of what others wrote.

        Raises:
            NotLive, Overloaded, Retry, Unreachable.
        """
        self.primary, self.served = Why.WRITE, Served(PRIMARY, Why.WRITE)
        if not self.nodes.replicas:
            async with self.nodes.primary.write(identity) as session:
                yield session
            return
        entered = False
        try:
            async with self.nodes.primary.write(identity) as session:
                entered = True
                self._wrote(None)
                yield session
        except Exception as error:
            if entered and not isinstance(error, Unreachable):
                await self._settle()
            raise
        await self._settle()

    async def _settle(self) -> None:
        with suppress(Overloaded, Unreachable):
            self._wrote(await self.nodes.primary.position())

    async def ask(self, identity: Identity, statement: str, values: Sequence[Any], *, keep: bool = True) -> str:
        """The one text of a statement that enters by itself, from a node that shows what the reader must see.

        Raises:
            NotLive, Overloaded, Retry, Unreachable, Unreadable.
        """

        async def answer(database: Database, replayed: int) -> str:
            try:
                return await database.answer(statement, values, keep=keep, replayed=replayed)
            except (Broken, Retry, asyncpg.PostgresError):
                if database is self.nodes.primary:
                    raise
                raise Lost from None

        text, self.served = await self._choose(identity, answer)
        self.nodes.observe(self.served.node, self.served.why)
        return text

    async def change(self, statement: str, values: Sequence[Any], *, keep: bool = True) -> str:
        """The one text of a statement that enters by itself and changes something, on the primary.

        Raises:
            NotLive, Overloaded, Retry, Unfit, Unreachable, Unreadable: it changed nothing, unless it was `Broken`.
        """
        self.primary, self.served = Why.WRITE, Served(PRIMARY, Why.WRITE)
        if self.nodes.replicas:
            self._wrote(None)
        try:
            text = await self.nodes.primary.answer(statement, values, keep=keep)
        except asyncpg.PostgresError as error:
            raise Retry from error
        if self.nodes.replicas:
            await self._settle()
        return text

    async def _open(self, stack: AsyncExitStack, identity: Identity) -> tuple[ReadSession, Served]:
        async def enter(database: Database, replayed: int) -> ReadSession:
            return await stack.enter_async_context(database.read(identity, replayed=replayed))

        return await self._choose(identity, enter)

    async def _choose(self, identity: Identity, use: Use[Result]) -> tuple[Result, Served]:
        """What a node gave that shows what the reader must see, and which one it was."""
        why = self.primary or self.kind or self._demand.primary
        if why is None:
            found = await self._on_replica(identity, use)
            if isinstance(found, tuple):
                return found
            why = found
        return await use(self.nodes.primary, 0), Served(PRIMARY, why)

    async def _on_replica(self, identity: Identity, use: Use[Result]) -> tuple[Result, Served] | Why:
        """What a replica gave, or why none did."""
        floor, refusal = self.nodes.floor, Why.NO_REPLICA
        asking = identity.session_id or identity.api_key_id
        replicas = self.nodes.usable(asking.int if asking else 0)
        if floor is None or not replicas:
            return refusal
        newest = await self.nodes.primary.admit(identity)
        position = newest if self._demand.newest else self._demand.position
        for replica in replicas:
            if replica.database.is_full:
                refusal = Why.BUSY
                continue
            try:
                given = await use(replica.database, max(floor, position))
            except Lost:
                return Why.LOST
            except Behind:
                refusal = Why.BEHIND
            except NotLive:
                refusal = Why.UNKNOWN
            except Overloaded:
                refusal = Why.BUSY
            except (Unreachable, Retry, DBAPIError, asyncpg.PostgresError):
                replica.trip()
                refusal = Why.LOST
            else:
                return given, Served(replica.name, Why.REPLAYED if position else Why.RECENT)
        return refusal
