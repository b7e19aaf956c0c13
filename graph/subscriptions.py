"""Subscriptions: following the feed as the caller, event by event."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

import strawberry

from graph.fields.row_changes import changed_field_names, row_global_id
from graph.runtime.context import Context, Info
from graph.shared_execution import Follower, SharedEvent
from models import AuditAction
from services.errors import InvalidInput
from services.eventlog.change_entries import change_entries
from services.eventlog.liveness import RECHECK_SECONDS, WatchedSession
from services.eventlog.outbox import FeedPage
from services.permissions import Permission
from services.queries.collection import Collection

__all__ = ["AFTER_ARGUMENT", "follow_changes", "follow_pages", "follow_shared"]

FRESH_SECONDS = 1.0  # for which the check of a session holds while its events are sent

ChangeType = TypeVar("ChangeType")

AFTER_ARGUMENT = strawberry.argument(
    description="Cursor of the last message that the client received; delivery continues after it. Null to start with "
    "the next one."
)
"""What every subscription takes."""

AHEAD = "This cursor is ahead of this feed: load what you show anew, and follow from there."
"""What is said of a cursor that was given before the database was restored to an earlier moment."""


async def follow_pages(
    context: Context, session: WatchedSession, collection: Collection, after: str | None
) -> AsyncGenerator[tuple[FeedPage, int]]:
    """Yield the feed's visible entries of a collection, from now on or after a cursor: each as its page and index.

    Who must be authorized again each time.

    Raises:
        InvalidInput: `after` is no cursor of this feed, or ahead of it.
        Unauthenticated: the actor is no longer authorized.
        Unavailable: too many subscriptions are being opened, or the database is away.
    """
    feed, actor = context.feed, context.actor
    tenant_id = actor.identity.tenant_id
    assert tenant_id is not None, "the permission is of a tenant"
    position = _parse_cursor(after) if after is not None else None
    with feed.subscribe(tenant_id) as wake:
        async with feed.fanout.opening():
            await session.check()
            if position is None:
                position = await feed.last_position(actor, session)
            elif not await feed.has_reached(position, actor, session):
                raise InvalidInput.of("after", AHEAD)
        with feed.fanout.opened():
            while True:
                await feed.fanout.pacer.wait()
                wake.clear()
                generation = feed.generation(tenant_id)
                page = await feed.read_page(actor, session, collection, position)
                for index in range(len(page.entries)):
                    if index:
                        await feed.fanout.pacer.wait()
                    await session.check(since=max(page.read_at, time.monotonic() - FRESH_SECONDS))
                    yield page, index
                position, is_all = page.position, not page.has_more and page.generation >= generation
                del page  # nothing is kept while nothing happens
                if is_all:
                    await _wait_until_woken(wake, session)


async def _wait_until_woken(wake: asyncio.Event, session: WatchedSession) -> None:
    """Wait until something happens; check the session from time to time."""
    while not wake.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_SECONDS):
                await wake.wait()
                return
        await session.check(since=time.monotonic() - RECHECK_SECONDS)


async def follow_changes(
    info: Info,
    kind: Callable[..., ChangeType],
    name: str,
    permission: Permission,
    collection: Collection,
    after: str | None,
    entries: Collection | None = None,
) -> AsyncGenerator[ChangeType]:
    """Yield the changes of a collection's rows, as a kind of `graph.audit.Change` that shows the row in a field `name`.

    The row is shown as it is now; it is None when it is gone, or not for the actor to see. Its id is in `name_id`, and
    in `deleted_name_id` where the row is None. Where some entries alone are of interest, or for the actor to see, they
    are handed in.

    Raises:
        InvalidInput, RateLimited, Unauthenticated, Unavailable, Forbidden: as in `follow_shared`.
    """

    async def to_change(context: Context, cursor: str, entry: Any) -> ChangeType:
        row = await context.loaders.one(collection, "id", entry.row_id)
        row_id = row_global_id(entry)
        row_fields = {name: row, f"{name}_id": row_id, f"deleted_{name}_id": row_id if row is None else None}
        return kind(
            cursor=cursor,
            action=AuditAction(entry.action),
            fields=changed_field_names(entry),
            entry=entry,
            **row_fields,
        )

    events = follow_shared(info, permission, entries or change_entries(collection), after, to_change, collection)
    async with aclosing(events):
        async for event in events:
            yield event


async def follow_shared(
    info: Info,
    permission: Permission,
    collection: Collection,
    after: str | None,
    make: Callable[..., Awaitable[Any]],
    *others: Collection,
) -> AsyncGenerator[Any]:
    """Yield a collection's entries as events that are executed once for all who get the same response.

    Args:
        info: of the subscription.
        permission: what it takes to follow.
        collection: the entries.
        after: the cursor to continue after.
        make: makes what the subscription gives, of a context, a `cursor` and an `entry`.
        others: what it reads to make it.

    Raises:
        InvalidInput, Unauthenticated, Unavailable: as in `follow_pages`.
        RateLimited: the session has as many subscriptions open as it may.
        Forbidden: the actor may not follow.
    """
    context: Context = info.context
    context.actor.require(permission)
    with context.feed.fanout.subscription(context.actor.identity) as session:
        follower = Follower.of(info, session, collection, *others)
        async with aclosing(follow_pages(context, session, collection, after)) as events:
            async for page, index in events:
                position, entry = page.entries[index]
                yield SharedEvent(page, index, follower, partial(make, cursor=str(position), entry=entry))


def _parse_cursor(cursor: str) -> int:
    if cursor.isascii() and cursor.isdecimal() and len(cursor) < 19:  # noqa: PLR2004  # what a bigint surely holds
        return int(cursor)
    raise InvalidInput.of("after", "This is not a cursor of this feed.")
