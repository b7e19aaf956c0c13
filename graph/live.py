"""Subscriptions: following the feed in the name of whoever asked, event by event."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import strawberry

import models
from graph.context import Context
from services import audit, feed
from services.access import Permission
from services.errors import InvalidInput
from services.pagination import Collection

__all__ = ["AFTER", "changes", "entries"]

RECHECK = 15.0  # seconds after which a quiet follower's session is looked at again

AFTER = strawberry.argument(description="The cursor to go on behind; without one, from now on.")
"""What every subscription takes."""


async def entries(
    context: Context, permission: Permission, collection: Collection, after: str | None
) -> AsyncGenerator[tuple[str, Any]]:
    """The feed's entries of a collection that the actor may see, with their cursors, from now on or from a cursor.

    Each is handed on with a context of its own: fresh loaders, and a read unit that ends when it was answered. Who asks
    must still be let in each time.

    Raises:
        InvalidInput: `after` is no cursor of this feed.
        Unauthenticated, Forbidden: the actor may not ask, or no longer.
    """
    context.actor.require(permission)
    tenant_id = context.actor.identity.tenant_id
    assert tenant_id is not None, "the permission is of a tenant"
    with context.feed.following(tenant_id) as wake:
        position = _position(after) if after is not None else await feed.head(await context.read(), context.actor)
        await context.close()
        while True:
            wake.clear()
            found, position, more = await feed.after(await context.read(), context.actor, collection, position)
            await context.close()
            for at, entry in found:
                yield str(at), entry
                await context.close()
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RECHECK):
                        await wake.wait()


async def changes(
    context: Context, permission: Permission, collection: Collection, after: str | None
) -> AsyncGenerator[tuple[str, models.AuditEntry, Any]]:
    """What changes about a collection's rows: the cursor, the entry of the audit log, and the row as it is now.

    The row is None when it is gone, or not for the actor to see.

    Raises:
        InvalidInput, Unauthenticated, Forbidden: as in `entries`.
    """
    async for cursor, entry in entries(context, permission, audit.changes_of(collection), after):
        yield cursor, entry, await context.loaders.one(collection, "id", entry.row_id)


def _position(cursor: str) -> int:
    if cursor.isascii() and cursor.isdecimal() and len(cursor) < 19:  # noqa: PLR2004  # what a bigint surely holds
        return int(cursor)
    raise InvalidInput.of("after", "This is not a cursor of this feed.")
