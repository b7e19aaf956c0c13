"""The feed: what happened in all tenants, in the order in which it was committed.

Whoever writes an event leaves it unsealed. One sealer at a time, whichever process gets the lock, gives committed
entries their positions; nobody reads by anything else, so nobody misses what commits late. One tail per process then
learns which tenants moved and wakes those who follow them. It hands on no content: each follower reads what is new
within their own walls, from the position that they are at, when they are ready for it. So a slow one holds nothing up
and nothing is buffered for them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from uuid import UUID

import asyncpg
from sqlalchemy import func, make_url, select
from sqlmodel import col

from models import FeedEntry
from models.base import Row, row_class
from models.database import ReadSession
from models.database.pool import connect_dedicated
from services.permissions import Actor
from services.queries.collection import Collection
from services.queries.loading import bind_values

__all__ = ["OutboxRelay", "last_position", "read_after"]

SEQUENCER_BATCH_SIZE = 500  # entries sealed in one transaction
FOLLOWER_PAGE_SIZE = 100  # entries read at once by one follower
POLL_SECONDS = 1.0  # seconds between looks when no message comes
RETRY_SECONDS = 1.0  # seconds before a lost connection is opened again

log = logging.getLogger("atrium.feed")


class OutboxRelay:
    """The sealer and the tail of one process."""

    def __init__(self, url: str) -> None:
        """Args: url: the primary as the runtime role, for a connection of the feed's own; LISTEN needs a direct one."""
        self._url = make_url(url)
        self._followers: dict[UUID, set[asyncio.Event]] = {}
        self._notified = asyncio.Event()
        self._position = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to seal and to tail."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def subscribe(self, tenant_id: UUID) -> Iterator[asyncio.Event]:
        """Return an event that is set whenever something of the tenant gets a position."""
        wake = asyncio.Event()
        followers = self._followers.setdefault(tenant_id, set())
        followers.add(wake)
        try:
            yield wake
        finally:
            followers.discard(wake)
            if not followers:
                self._followers.pop(tenant_id, None)

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
            except Exception as error:  # noqa: BLE001  # whatever a dying connection raises, the feed goes on
                log.warning("the feed lost its connection and tries again: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self) -> None:
        connection = await connect_dedicated(self._url, "atrium feed")
        try:
            for channel in ("atrium_unsealed", "atrium_sealed"):
                await connection.add_listener(channel, self._on_notify)
            self._position = await connection.fetchval("SELECT atrium_feed_head()")
            for wake in [wake for wakes in self._followers.values() for wake in wakes]:
                wake.set()  # something may have been missed while there was no connection
            while not connection.is_closed():
                self._notified.clear()
                await _assign_positions(connection)
                await self._wake_followers(connection)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(
                        POLL_SECONDS
                    ):  # wait_for may swallow the cancellation that ends the feed
                        await self._notified.wait()
        finally:
            connection.terminate()

    def _on_notify(self, *_: object) -> None:
        self._notified.set()

    async def _wake_followers(self, connection: asyncpg.Connection) -> None:
        while moved := await connection.fetch(
            "SELECT * FROM atrium_tail($1, $2)", self._position, SEQUENCER_BATCH_SIZE
        ):
            self._position = moved[-1]["sealed_position"]
            for tenant_id in {row["of_tenant"] for row in moved}:
                for wake in self._followers.get(tenant_id, ()):
                    wake.set()


async def _assign_positions(connection: asyncpg.Connection) -> None:
    while await connection.fetchval("SELECT atrium_seal($1)", SEQUENCER_BATCH_SIZE) == SEQUENCER_BATCH_SIZE:
        pass


async def last_position(session: ReadSession, actor: Actor) -> int:
    """Return the newest position of the actor's tenant."""
    mine = col(FeedEntry.tenant_id) == actor.identity.tenant_id
    newest = select(func.coalesce(func.max(col(FeedEntry.position)), 0)).where(mine)
    return int((await session.exec(newest)).scalar_one())


async def read_after(
    session: ReadSession, actor: Actor, collection: Collection, position: int
) -> tuple[list[tuple[int, Row]], int, bool]:
    """Return the next entries after a position, as rows of a collection with their positions.

    Entries that are of another collection, or that the actor may not see, are passed over. Also says at which position
    to go on, and whether there is more already.
    """
    mine = collection.visible(actor.permissions)
    seen = mine.subquery()
    entries = (
        select(col(FeedEntry.position), col(FeedEntry.entry_id))
        .where(col(FeedEntry.tenant_id) == actor.identity.tenant_id, col(FeedEntry.position) > position)
        .order_by(col(FeedEntry.position))
        .limit(FOLLOWER_PAGE_SIZE)
        .subquery()
    )
    joined = select(entries.c.position, *seen.c).join_from(entries, seen, seen.c.id == entries.c.entry_id, isouter=True)
    rows = (await session.exec(joined.order_by(entries.c.position), params=bind_values(actor))).all()
    make, id_at = row_class(collection.model).of, seen.c.keys().index("id") + 1
    found = [(row[0], make(row[1:])) for row in rows if row[id_at] is not None]
    return found, rows[-1][0] if rows else position, len(rows) == FOLLOWER_PAGE_SIZE
