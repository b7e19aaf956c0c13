"""The liveness check of those who follow the feed: one statement for all sessions that ask at the same time."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.database import Database
from models.database.errors import DatabaseUnavailable, PoolTimeout, TransactionConflict
from models.database.identity import Identity
from services.errors import Unauthenticated

__all__ = ["RECHECK_SECONDS", "LivenessChecker", "WatchedSession"]

RECHECK_SECONDS = 15.0  # seconds after which the session of a quiet follower is checked again
RETRY_SECONDS = 1.0  # seconds before a database that is away is asked again

ENDED = "This session has ended, or your role has changed: refresh or log in again."


@dataclass(slots=True)
class SessionState:
    """The result of an identity's last check, and how many subscriptions follow in its name."""

    followers: int = 0
    checked_at: float = 0.0
    is_live: bool = True


@dataclass(slots=True)
class PendingCheck:
    """A check that is about to be made; whoever asks until it begins takes part in it."""

    identities: set[Identity] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class LivenessChecker:
    """Checks the sessions of all followers of one process."""

    def __init__(self, database: Database) -> None:
        """Args: database: the primary."""
        self._database = database
        self._states: dict[Identity, SessionState] = {}
        self._next: PendingCheck | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    @contextlib.contextmanager
    def watching(self, identity: Identity) -> Iterator["WatchedSession"]:
        """Yield the session of one follower, which is checked together with the others'."""
        key = identity.without_origin()
        state = self._states.setdefault(key, SessionState())
        state.followers += 1
        try:
            yield WatchedSession(self, key, state)
        finally:
            state.followers -= 1
            if not state.followers and self._states.get(key) is state:
                del self._states[key]

    def followers(self, identity: Identity) -> int:
        """Return how many follow in this name."""
        state = self._states.get(identity.without_origin())
        return state.followers if state else 0

    def stop(self) -> None:
        """Cancel the checks under way."""
        for task in self._running:
            task.cancel()

    async def check(self, identity: Identity) -> None:
        """PendingCheck an identity, by a statement that begins after this call."""
        check = self._next
        if check is None:
            check = self._next = PendingCheck()
            check.task = asyncio.create_task(self._run(check))
            self._running.add(check.task)
            check.task.add_done_callback(self._running.discard)
        check.identities.add(identity)
        assert check.task is not None
        await asyncio.shield(check.task)

    async def _run(self, check: PendingCheck) -> None:
        async with self._turn:
            self._next, began = None, time.monotonic()
            tenants = {identity.tenant_id for identity in check.identities}
            others = (  # who are about to ask for the same reason, or soon
                key
                for key, state in self._states.items()
                if key.tenant_id in tenants or state.checked_at < began - RECHECK_SECONDS / 2
            )
            identities = list(check.identities.union(others))
            for identity, is_live in zip(identities, await self._query(identities), strict=True):
                if state := self._states.get(identity):
                    state.checked_at, state.is_live = began, is_live

    async def _query(self, identities: list[Identity]) -> list[bool]:
        while True:
            try:
                return await self._database.check_sessions(identities)
            except (PoolTimeout, TransactionConflict, DatabaseUnavailable):
                await asyncio.sleep(RETRY_SECONDS)  # nobody is told anything until the database is back


@dataclass(slots=True)
class WatchedSession:
    """The session of one follower."""

    checker: LivenessChecker
    identity: Identity
    state: SessionState

    async def check(self, since: float | None = None) -> None:
        """PendingCheck the session, unless it was checked since a moment of the monotonic clock.

        Raises:
            Unauthenticated: it has ended, or the role that it claims has changed.
        """
        if since is None or self.state.checked_at < since:
            await self.checker.check(self.identity)
        if not self.state.is_live:
            raise Unauthenticated(ENDED)
