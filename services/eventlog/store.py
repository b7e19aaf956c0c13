"""The event store: append-only streams, for any aggregate that has a `decide` and an `apply`.

A stream is what happened to one thing, in order. Its state is the fold of its events; nothing else is true. Whoever
appends says which version they decided on, and the database refuses a second event of the same version.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from models import Event
from models.base import Model, new_id, table_of
from models.database import ReadSession, WriteSession, fetch
from services.errors import VersionConflict
from services.permissions import Actor
from services.writes.bulk import insert_statement, unnest_params
from services.writes.rows import violated_constraint

__all__ = ["UPCASTS", "NewEvent", "append_events", "read_stream", "upcast"]

INSERT_EVENTS = insert_statement(
    Event, [column.name for column in table_of(Event).c if column.name != "created_at"], order_by="version"
).returning(*table_of(Event).c)

UPCASTS: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""How the payload of an event type is lifted from one schema version to the next. Stored events never change."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that was decided and is about to be written: an event without its place."""

    type: str
    payload: Mapping[str, Any]
    schema_version: int = 1


async def append_events(
    session: WriteSession,
    actor: Actor,
    model: type[Model],
    stream_type: str,
    stream_id: UUID,
    expected_version: int,
    new_events: Sequence[NewEvent],
) -> list[Event]:
    """Write what was decided on a stream, which is the history of a row of the model, at a version; one statement.

    Raises:
        VersionConflict: somebody else decided on that version first.
    """
    rows = [
        {
            "tenant_id": actor.identity.tenant_id,
            "id": new_id(),
            "stream_type": stream_type,
            "stream_id": stream_id,
            "version": expected_version + number,
            "type": fact.type,
            "schema_version": fact.schema_version,
            "payload": dict(fact.payload),
            "actor_id": actor.identity.user_id,
            "api_key_id": actor.identity.api_key_id,
            "request_id": actor.identity.request_id,
        }
        for number, fact in enumerate(new_events, 1)
    ]
    try:
        written = await fetch(session, Event, INSERT_EVENTS, unnest_params("given", rows))
    except IntegrityError as error:
        if violated_constraint(error) != "events_tenant_id_stream_id_version_key":
            raise
        raise VersionConflict(model, stream_id, expected_version + 1) from None
    return sorted(written, key=lambda event: event.version)


async def read_stream(session: ReadSession, actor: Actor, stream_id: UUID) -> list[Event]:
    """Return all events of one stream, in order. The caller checks that the actor may see it."""
    statement = (
        select(*table_of(Event).c)
        .where(col(Event.tenant_id) == actor.identity.tenant_id, col(Event.stream_id) == stream_id)
        .order_by(col(Event.version))
    )
    return await fetch(session, Event, statement)


def upcast(event: Event) -> dict[str, Any]:
    """Return an event's payload in the newest schema version."""
    payload, version = dict(event.payload), event.schema_version
    while (lift := UPCASTS.get((event.type, version))) is not None:
        payload, version = lift(payload), version + 1
    return payload
