"""Fan-out of the feed: one read serves all who follow the same thing, on connections that serve nothing else.

Followers wait for a connection for as long as it takes, since nobody who asks a query waits for the same ones. What
several of them ask for at the same time is read once. Deliveries are spread over iterations of the event loop, so that
a query that comes in between does not wait for all of them.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Hashable, Iterator
from typing import Any, TypeVar, cast

from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter, ClauseElement

from models.database import Database, ReadSession
from models.database.errors import DatabaseUnavailable, PoolTimeout, SessionNotLive, TransactionConflict
from models.database.identity import Identity
from models.database.timeouts import Pacer
from services.errors import RateLimited, Unavailable
from services.eventlog.liveness import RETRY_SECONDS, LivenessChecker, WatchedSession
from services.permissions import USER_ID, Actor

__all__ = ["FanOut", "depends_on_user"]

Result = TypeVar("Result")

MAX_OPENING = 500  # subscriptions that may wait to be opened at the same time
OPEN_SECONDS = 5.0  # that opening one may take
OPENING_RETRY_AFTER = (1, 3)  # seconds before one that was refused is tried again, spread over many
SESSION_RETRY_AFTER = 30  # seconds after which another one of the session's may have ended
DELIVERIES = 1  # in one iteration of the event loop


class FanOut:
    """What the followers of one process share."""

    def __init__(self, database: Database, *, per_session: int) -> None:
        """Prepare it.

        Args:
            database: the primary, by the connections that are used for following alone.
            per_session: subscriptions that one session may have open at the same time.
        """
        self.database = database
        self.liveness = LivenessChecker(database)
        self.pacer = Pacer(DELIVERIES)
        self.subscriptions = 0
        """How many are open."""
        self._per_session = per_session
        self._opening = 0
        self._reading: dict[Hashable, asyncio.Task[Any]] = {}

    @contextlib.contextmanager
    def subscription(self, identity: Identity) -> Iterator[WatchedSession]:
        """Yield the session of one more subscription.

        Raises:
            RateLimited: it has as many open as it may.
        """
        if self.liveness.followers(identity) >= self._per_session:
            message = f"This session has {self._per_session} subscriptions open, which is as many as it may have."
            raise RateLimited(SESSION_RETRY_AFTER, message)
        with self.liveness.watching(identity) as session:
            yield session

    @contextlib.asynccontextmanager
    async def opening(self) -> Any:
        """Open a subscription within; refuse it where too many are being opened, or the database does not answer.

        Raises:
            Unavailable: with the seconds after which to try again.
        """
        if self._opening >= MAX_OPENING:
            raise Unavailable(retry_after=random.randint(*OPENING_RETRY_AFTER))  # noqa: S311  # no secret
        self._opening += 1
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                yield
        except TimeoutError:
            raise Unavailable(retry_after=random.randint(*OPENING_RETRY_AFTER)) from None  # noqa: S311  # no secret
        finally:
            self._opening -= 1

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Count a subscription as open."""
        self.subscriptions += 1
        try:
            yield
        finally:
            self.subscriptions -= 1

    async def read(
        self, key: Hashable, actor: Actor, session: WatchedSession, work: Callable[[ReadSession], Awaitable[Result]]
    ) -> Result:
        """Return what a read gives, which all who ask by the same key at the same time share.

        It waits for a connection, and for a database that is away.

        Args:
            key: what is read.
            actor: in whose name it is read, if nobody else reads it already.
            session: theirs.
            work: reads it.

        Raises:
            Unauthenticated: the actor is no longer authorized.
        """
        while True:
            task = self._reading.get(key)
            if task is None:
                task = self._reading[key] = asyncio.create_task(self._read(actor, work))
                task.add_done_callback(lambda _: self._reading.pop(key, None))
            try:
                return cast("Result", await asyncio.shield(task))
            except SessionNotLive:
                await session.check()  # whoever began it has ended; that may have been somebody else
            except (PoolTimeout, TransactionConflict, DatabaseUnavailable):
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, actor: Actor, work: Callable[[ReadSession], Awaitable[Result]]) -> Result:
        async with self.database.read(actor.identity) as session:
            return await work(session)

    async def stop(self) -> None:
        """Cancel what is being read and close the connections."""
        self.liveness.stop()
        for task in list(self._reading.values()):
            task.cancel()
        await self.database.close()


def depends_on_user(*clauses: ClauseElement) -> bool:
    """Return whether one of these depends on the viewer, and not on their tenant and role alone."""
    return any(
        isinstance(part, BindParameter) and part.key == USER_ID.key
        for each in clauses
        for part in visitors.iterate(each)
    )
