"""The feed: what happened in all tenants, in the order in which it was committed.

A writer leaves its events in the outbox. One sequencer at a time (`sequencer`) gives committed entries their positions;
nobody reads by anything else, so nobody misses what commits late. Each process then learns which tenants moved and
wakes those who follow them. It hands on no content: followers ask for what is new, from the position that they are at,
when they are ready for it. So a slow one holds nothing up and nothing is buffered for them. What those of one tenant
see alike, at the same position, is read once for all of them (`fanout`).
"""

import asyncio
import contextlib
import time
from collections.abc import Hashable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import count
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy import Select, func, make_url, select
from sqlmodel import col

from models import FeedEntry
from models.base import Row, row_class
from models.database import Database, ReadSession
from models.statements import STATEMENT_BYTES
from services.eventlog.fanout import FanOut, depends_on_user
from services.eventlog.liveness import WatchedSession
from services.eventlog.sequencer import Sequencer
from services.permissions import TENANT_ID, Actor, Permission, require_permission
from services.queries.collection import Collection
from services.queries.loading import bind_values

__all__ = ["FeedPage", "OutboxRelay", "last_position", "read_after", "select_last_position"]

FOLLOWER_PAGE_SIZE = 100  # entries read at once by one follower

DEFAULT_CONNECTIONS = 2  # for following, unless the settings say otherwise
DEFAULT_PER_SESSION = 1000  # subscriptions, likewise
WAKES = 20  # followers woken in one iteration of the event loop
STATEMENT_SHARE = 8  # the feed's statements are few: they get this part of what others may have prepared


@dataclass(eq=False)
class FeedPage:
    """The next entries after a position, for all who see the same of them; kept while somebody works on it."""

    generation: int
    """How far the tenant's feed had come when the read began."""
    read_at: float
    """When it had ended, by the monotonic clock."""
    entries: list[tuple[int, Row]]
    """The rows, with their positions."""
    position: int
    """Where to go on."""
    has_more: bool
    """Whether there are more already."""
    shared: dict[Hashable, Any] = field(default_factory=dict)
    """What was made of them, for all who want the same."""


class OutboxRelay:
    """One process's part in the feed: its sequencer, and those who follow."""

    def __init__(
        self, url: str, *, connections: int = DEFAULT_CONNECTIONS, per_session: int = DEFAULT_PER_SESSION
    ) -> None:
        """Prepare it; nothing connects yet.

        Args:
            url: the primary as the runtime role, for a connection of the sequencer's own; LISTEN needs a direct one.
            connections: how many more serve all who follow.
            per_session: subscriptions that one session may have open at the same time.
        """
        self._url = make_url(url)
        database = Database(
            url,
            pool_size=connections,
            wait=None,
            name="atrium feed reader",
            has_reserve=False,
            statement_bytes=STATEMENT_BYTES // STATEMENT_SHARE,
        )
        self.fanout = FanOut(database, per_session=per_session)
        self._followers: dict[UUID, set[asyncio.Event]] = {}
        self._generations: dict[UUID, int] = {}
        self._next_generation = count(1)
        self._pages: WeakValueDictionary[Hashable, FeedPage] = WeakValueDictionary()
        self._sleeping: dict[asyncio.Event, None] = {}  # followers to be woken
        self._has_sleeping = asyncio.Event()
        self.sequencer = Sequencer(self._url, self._note_sequenced)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to sequence, or to wait for the turn to, and to wake those who follow."""
        self._tasks = [asyncio.create_task(work) for work in (self.sequencer.run(), self._wake())]

    async def stop(self) -> None:
        """End it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.fanout.stop()

    @contextlib.contextmanager
    def subscribe(self, tenant_id: UUID) -> Iterator[asyncio.Event]:
        """Return an event that is set whenever something of the tenant gets a position."""
        wake = asyncio.Event()
        followers = self._followers.setdefault(tenant_id, set())
        followers.add(wake)
        self._generations.setdefault(tenant_id, next(self._next_generation))
        try:
            yield wake
        finally:
            followers.discard(wake)
            if not followers:
                self._followers.pop(tenant_id, None)
                self._generations.pop(tenant_id, None)

    def generation(self, tenant_id: UUID) -> int:
        """Return how far the feed of a tenant with followers has come: a number that grows whenever they are woken."""
        return self._generations[tenant_id]

    async def last_position(self, actor: Actor, session: WatchedSession) -> int:
        """Return the newest position of the actor's tenant.

        Raises:
            Unauthenticated: the actor is no longer authorized.
        """
        tenant_id = actor.identity.tenant_id
        assert tenant_id is not None, "somebody of the tenant follows"
        key = ("last position", tenant_id, self.generation(tenant_id))
        return await self.fanout.read(key, actor, session, partial(last_position, actor=actor))

    async def has_reached(self, position: int, actor: Actor, session: WatchedSession) -> bool:
        """Return whether the feed of the actor's tenant has come as far as a position.

        It has for every position that it gave, unless the database was restored to an earlier moment since.

        Raises:
            Unauthenticated: the actor is no longer authorized.
        """
        if position <= await self.last_position(actor, session):
            return True
        # Others share that look, which may have begun before the position was given; this one nobody shares.
        newest = await self.fanout.read(object(), actor, session, partial(last_position, actor=actor))
        return position <= newest

    async def read_page(self, actor: Actor, session: WatchedSession, collection: Collection, position: int) -> FeedPage:
        """Return the next entries after a position; all who see the same of them get the same page.

        One that was read before the feed came as far as it is now has an older generation: there may be more after it.

        Raises:
            Unauthenticated: the actor is no longer authorized.
        """
        tenant_id = actor.identity.tenant_id
        assert tenant_id is not None, "somebody of the tenant follows"
        key = (tenant_id, actor.permissions, collection, _viewer_key(actor, collection), position)
        if (page := self._pages.get(key)) is not None:
            return page
        generation = self.generation(tenant_id)

        async def read(session: ReadSession) -> FeedPage:
            found = await read_after(session, actor, collection, position)
            page = FeedPage(generation, time.monotonic(), *found)
            if page.position != position:  # an empty one says nothing of what comes later
                self._pages[key] = page
            return page

        return await self.fanout.read((*key, generation), actor, session, read)

    def _note_sequenced(self, tenants: AbstractSet[UUID] | None) -> None:
        """Have the followers of these tenants woken, or of all."""
        for tenant_id in list(self._followers) if tenants is None else tenants:
            if followers := self._followers.get(tenant_id):
                self._generations[tenant_id] = next(self._next_generation)
                self._sleeping |= dict.fromkeys(followers)
        self._has_sleeping.set()

    async def _wake(self) -> None:
        """Wake followers, a few at a time; the sequencer does not wait for that."""
        while True:
            await self._has_sleeping.wait()
            self._has_sleeping.clear()
            sleeping, self._sleeping = self._sleeping, {}
            for number, wake in enumerate(sleeping, 1):
                wake.set()
                if number % WAKES == 0:
                    await asyncio.sleep(0)


def _viewer_key(actor: Actor, collection: Collection) -> UUID | None:
    """Return the account for whom alone a collection's rows are visible as they are; None if the role decides."""
    permissions = frozenset(actor.permissions)
    return actor.identity.user_id if _depends_on_user(collection, permissions) else None


@lru_cache(maxsize=4096)  # as `graph.viewer_scope`
def _depends_on_user(collection: Collection, permissions: frozenset[Permission]) -> bool:
    return depends_on_user(collection.visible(permissions))


def select_last_position(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the select of the newest position of the actor's tenant; 0 where there is none."""
    require_permission(permissions, Permission.TENANT_READ)
    return select(func.coalesce(func.max(col(FeedEntry.position)), 0)).where(col(FeedEntry.tenant_id) == TENANT_ID)


async def last_position(session: ReadSession, actor: Actor) -> int:
    """Return the newest position of the actor's tenant."""
    actor.require(Permission.TENANT_READ)
    newest = select_last_position(actor.permissions)
    return int((await session.exec(newest, params=bind_values(actor))).scalar_one())


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
