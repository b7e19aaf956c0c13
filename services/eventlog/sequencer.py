"""The sequencer: gives what was committed its positions, one process at a time, outside any writer's transaction.

Each process has a connection of its own for this. One of them holds an advisory lock for as long as that connection
lives: its process sequences. It learns at once of what its own process commits (`note_commit`), of what others commit
by a NOTIFY that each of them sends for many commits together, and of what was written by no process of Atrium's by a
look once a second. What it has sequenced it announces to the others, one NOTIFY for all entries of a batch. The others
ask for the lock once a second, so one of them goes on when it dies.

No writer notifies: PostgreSQL keeps a lock of the whole cluster from a transaction's NOTIFY until its commit is on
disk, so commits could not share a write to disk (docs/decisions/0042).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from uuid import UUID

import asyncpg
from sqlalchemy import URL

from models.database.pool import connect_dedicated

__all__ = ["Sequencer"]

BATCH_SIZE = 500  # entries sequenced in one transaction
PAUSE_SECONDS = 0.01  # at least, from one batch to the next: one entry alone costs as much as twenty together
POLL_SECONDS = 1.0  # between looks when no message comes
RETRY_SECONDS = 1.0  # before a lost connection is opened again
FEED_STATEMENT_SECONDS = 30.0  # that a statement may take
SILENT_SECONDS = 10  # after which the database gives up a process that says nothing, and its lock goes to another one

COMMITTED, SEQUENCED = "atrium_unsealed", "atrium_sealed"  # channels

LEAD_QUERY = "SELECT pg_try_advisory_lock(hashtext('atrium sealer')) AS leads, atrium_feed_head() AS position"
NOTIFY_QUERY = "SELECT pg_notify($1, '')"

log = logging.getLogger("atrium.feed")


class Sequencer:
    """One process's part in sequencing, and what it knows of how far the feed has come."""

    def __init__(self, url: URL, on_sequenced: Callable[[AbstractSet[UUID] | None], None]) -> None:
        """Prepare it; nothing connects yet.

        Args:
            url: the primary as the runtime role.
            on_sequenced: told of the tenants whose entries got positions; None where it may have been any.
        """
        self.position = 0
        """The last position that `on_sequenced` was told of."""
        self.leads = False
        """Whether this process sequences."""
        self._url = url
        self._on_sequenced = on_sequenced
        self._signal = asyncio.Event()
        self._has_committed = self._was_notified = False
        self._polled_at = self._told_at = 0.0

    def note_commit(self) -> None:
        """Have what this process has just committed sequenced."""
        self._has_committed = True
        self._signal.set()

    async def run(self) -> None:
        """Sequence, or wait until this process is to; it ends with its task."""
        while True:
            try:
                await self._serve()
            except Exception as error:  # noqa: BLE001  # whatever a dying connection raises, the feed goes on
                log.warning("the feed lost its connection and tries again: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self) -> None:
        connection = await connect_dedicated(self._url, "atrium feed")
        try:
            limit = f"SET idle_session_timeout = '{SILENT_SECONDS}s'"
            await connection.execute(limit, timeout=FEED_STATEMENT_SECONDS)
            connection.add_termination_listener(lambda _: self._signal.set())
            await connection.add_listener(SEQUENCED, self._on_notify)
            self.position = await connection.fetchval("SELECT atrium_feed_head()", timeout=FEED_STATEMENT_SECONDS)
            self._on_sequenced(None)  # something may have been missed while there was no connection
            self._polled_at = -POLL_SECONDS
            while not connection.is_closed():
                began = time.monotonic()
                is_all = await self._step(connection, began)
                if is_all:
                    await self._wait(began)
        finally:
            self.leads = False
            connection.terminate()

    async def _wait(self, began: float) -> None:
        """Wait for a signal, for a while after the step before."""
        with contextlib.suppress(TimeoutError):
            # wait_for may swallow the cancellation that ends the feed
            async with asyncio.timeout(began + POLL_SECONDS - time.monotonic()):
                await self._signal.wait()
        if self.leads or not self._was_notified:  # what has been sequenced is a batch already
            await asyncio.sleep(began + PAUSE_SECONDS - time.monotonic())

    async def _step(self, connection: asyncpg.Connection, began: float) -> bool:
        """Do what there is to do; return whether that was all."""
        self._signal.clear()
        has_committed, was_notified = self._has_committed, self._was_notified
        self._has_committed = self._was_notified = False
        if not self.leads and began - self._polled_at >= POLL_SECONDS:
            self._polled_at = began
            was_notified |= await self._ask(connection)
        if self.leads:
            return await self._sequence(connection)
        if has_committed and began - self._told_at < PAUSE_SECONDS:
            self.note_commit()  # the next step tells of it
        elif has_committed:
            self._told_at = began
            await connection.execute(NOTIFY_QUERY, COMMITTED, timeout=FEED_STATEMENT_SECONDS)
        if was_notified:
            await self._follow(connection)
        return True

    async def _ask(self, connection: asyncpg.Connection) -> bool:
        """Sequence from now on, if nobody else does; return whether something was sequenced that nobody announced."""
        row = await connection.fetchrow(LEAD_QUERY, timeout=FEED_STATEMENT_SECONDS)
        assert row is not None, "it always answers with one row"
        if row["leads"]:
            self.leads = True
            await connection.remove_listener(SEQUENCED, self._on_notify)
            await connection.add_listener(COMMITTED, self._on_notify)
            await self._follow(connection)
        return bool(row["position"] > self.position)

    async def _sequence(self, connection: asyncpg.Connection) -> bool:
        count = await connection.fetchval("SELECT atrium_seal($1)", BATCH_SIZE, timeout=FEED_STATEMENT_SECONDS)
        if count > 0:
            await connection.execute(NOTIFY_QUERY, SEQUENCED, timeout=FEED_STATEMENT_SECONDS)
            await self._follow(connection)
        return bool(count < BATCH_SIZE)

    async def _follow(self, connection: asyncpg.Connection) -> None:
        """Tell of what was sequenced since the last time."""
        count = BATCH_SIZE
        while count == BATCH_SIZE:
            rows = await connection.fetch(
                "SELECT * FROM atrium_tail($1, $2)", self.position, BATCH_SIZE, timeout=FEED_STATEMENT_SECONDS
            )
            count = len(rows)
            if rows:
                self.position = rows[-1]["sealed_position"]
                self._on_sequenced({row["of_tenant"] for row in rows})

    def _on_notify(self, *_: object) -> None:
        self._was_notified = True
        self._signal.set()
