"""Subscriptions: following the feed in the name of whoever asked, event by event."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import strawberry

from graph.fields.descriptions import interface
from graph.fields.row_changes import changed_field_names, row_global_id
from graph.runtime.context import Context, Info
from models import AuditAction
from services.errors import InvalidInput
from services.eventlog import outbox
from services.eventlog.change_entries import change_entries
from services.permissions import Permission
from services.queries.collection import Collection

__all__ = ["AFTER_ARGUMENT", "Change", "follow_changes", "follow_feed"]

RECHECK_SECONDS = 15.0  # seconds after which a quiet follower's session is looked at again

ChangeType = TypeVar("ChangeType", bound="Change")

AFTER_ARGUMENT = strawberry.argument(
    description="Cursor of the last message that the client received; delivery continues after it. Null to start with "
    "the next one."
)
"""What every subscription takes."""


@interface
class Change:
    """A change of one object, sent to subscribers when it happens."""

    cursor: str
    """Cursor of this change; send it as `after` of the same subscription to continue after this change."""
    action: AuditAction
    """Kind of change that was made to the changed object."""
    fields: list[str]
    """Names of the fields of the object that changed; empty once the object has been purged."""


async def follow_feed(
    context: Context, permission: Permission, collection: Collection, after: str | None
) -> AsyncGenerator[tuple[str, Any]]:
    """Yield the feed's visible entries of a collection with their cursors, from now on or after a cursor.

    Each is handed on with a context of its own: fresh loaders, and a read session that ends when it was answered. Who
    asks must still be let in each time.

    Raises:
        InvalidInput: `after` is no cursor of this feed.
        Unauthenticated, Forbidden: the actor may not ask, or no longer.
    """
    context.actor.require(permission)
    tenant_id = context.actor.identity.tenant_id
    assert tenant_id is not None, "the permission is of a tenant"
    with context.feed.subscribe(tenant_id) as wake:
        position = (
            _parse_cursor(after)
            if after is not None
            else await outbox.last_position(await context.read(), context.actor)
        )
        await context.close()
        while True:
            wake.clear()
            found, position, more = await outbox.read_after(await context.read(), context.actor, collection, position)
            await context.close()
            for at, entry in found:
                yield str(at), entry
                await context.close()
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RECHECK_SECONDS):
                        await wake.wait()


async def follow_changes(
    info: Info, kind: type[ChangeType], name: str, permission: Permission, collection: Collection, after: str | None
) -> AsyncGenerator[ChangeType]:
    """Yield the changes of a collection's rows, as a type of `Change` that shows the row in its field `name`.

    The row is shown as it is now; it is None when it is gone, or not for the actor to see.

    Raises:
        InvalidInput, Unauthenticated, Forbidden: as in `follow_feed`.
    """
    context = info.context
    async for cursor, entry in follow_feed(context, permission, change_entries(collection), after):
        row = await context.loaders.one(collection, "id", entry.row_id)
        row_fields = {name: row, f"{name}_id": row_global_id(entry)}
        yield kind(
            cursor=cursor, action=AuditAction(entry.action), fields=changed_field_names(info, entry), **row_fields
        )


def _parse_cursor(cursor: str) -> int:
    if cursor.isascii() and cursor.isdecimal() and len(cursor) < 19:  # noqa: PLR2004  # what a bigint surely holds
        return int(cursor)
    raise InvalidInput.of("after", "This is not a cursor of this feed.")
