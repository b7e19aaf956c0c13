"""Reading: the one read session that the fields of an operation share, and what they load through it."""

import asyncio
from contextlib import suppress

from graph.runtime.caller import Caller
from graph.runtime.database_errors import translate_database_errors
from graph.runtime.loaders import Loaders
from graph.runtime.operation_log import OperationLog
from models.database import ReadSession
from models.database.identity import Identity
from models.database.read_routing import ReadRouter

__all__ = ["Reader"]


class Reader:
    """Opens the operation's read session at the first need; once it is closed, the next need opens a new one."""

    def __init__(self, route: ReadRouter, caller: Caller, log: OperationLog) -> None:
        self._route = route
        self._caller = caller
        self._log = log
        self._read_session: LazyReadSession | None = None
        self._loaders: Loaders | None = None

    async def session(self) -> ReadSession:
        """Give the session, which is opened at the first need.

        Raises:
            Unauthenticated: nobody asks, or the session is no longer live.
            Unavailable: no connection came free in time, or the database is away.
        """
        return await self._open(self._current)

    @property
    def loaders(self) -> Loaders:
        """Return what the fields load together."""
        if self._loaders is None:
            read_session = self._current

            async def open_for_batch() -> ReadSession:
                read_session.expected_batches -= 1
                return await self._open(read_session)

            self._loaders = Loaders(
                lambda: self._open(read_session), open_for_batch, read_session.expect_batch, self._caller.actor
            )
        return self._loaders

    def fail_with(self, refusal: Exception) -> None:
        """Have every field that reads something learn of a refusal that is known already."""
        self._current.refusal = refusal

    async def close(self) -> None:
        """End the session and forget what was loaded; the next need opens a new one."""
        await self.end()
        self.forget()

    async def end(self) -> None:
        """End the session for good. What is still on its way from a field that nobody waits for gets no other."""
        self._log.statements += await asyncio.shield(self._current.end())

    def forget(self) -> None:
        """Forget what was loaded, and open the next session as the present caller."""
        self._read_session = self._loaders = None

    @property
    def _current(self) -> "LazyReadSession":
        if self._read_session is None:
            self._read_session = LazyReadSession(self._route, self._caller.identity)
        return self._read_session

    async def _open(self, read_session: "LazyReadSession") -> ReadSession:
        self._caller.require_user()
        with translate_database_errors:
            session = await read_session.open()
        session.statement_texts = self._log.sql
        return session


class LazyReadSession:
    """The read session that the fields of an operation share: opened once, at the first need."""

    def __init__(self, route: ReadRouter, identity: Identity) -> None:
        self.refusal: Exception | None = None
        """Why it cannot be opened, if that is known already."""
        self.expected_batches = 0
        """Batches of loaders that will ask for the session, but have not yet."""
        self._context_manager = route.read(identity)
        self._opening: asyncio.Future[ReadSession] | None = None
        self._failing: asyncio.Future[ReadSession] | None = None
        self._ended = False

    def expect_batch(self) -> None:
        """Announce a batch of a loader, which asks for the session once the loop comes to it."""
        self.expected_batches += 1

    async def open(self) -> ReadSession:
        """Return its session; when it cannot be opened, every field learns the same.

        Raises:
            SessionNotLive, PoolTimeout, DatabaseUnavailable, TransactionConflict.
        """
        if self._ended:
            raise asyncio.CancelledError  # the operation is over, and nobody waits any more
        if self.refusal is not None and self._opening is None:
            return await self._fail(self.refusal)
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._context_manager.__aenter__())
        return await asyncio.shield(self._opening)

    async def _fail(self, refusal: Exception) -> ReadSession:
        """Fail once all fields have come to learn of it, as if opening had been tried.

        Fields that read directly come in the same turn of the loop; those that read through a loader are expected.
        """
        loop = asyncio.get_running_loop()
        if self._failing is None:
            self._failing = loop.create_future()
        if not self.expected_batches:
            loop.call_soon(_set_exception, self._failing, refusal)
        return await asyncio.shield(self._failing)

    async def end(self) -> int:
        """Close it, if it was opened. Says how many statements it took."""
        self._ended = True
        if self._failing is not None and self.refusal is not None:
            _set_exception(self._failing, self.refusal)
        if self._opening is None:
            return 0
        await asyncio.wait([self._opening])
        if self._opening.cancelled() or self._opening.exception() is not None:
            return 0
        with suppress(Exception):  # what was read is read, however its transaction ends
            await self._context_manager.__aexit__(None, None, None)
        return self._opening.result().statements + 1


def _set_exception(future: asyncio.Future[ReadSession], refusal: Exception) -> None:
    if not future.done():
        future.set_exception(refusal)
