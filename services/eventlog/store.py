"""The event store: append-only streams, for any aggregate that has a `decide` and an `apply`.

A stream is what happened to one thing, in order. Its state is the fold of its events; nothing else is true. Whoever
appends says which version they decided on, and the database refuses a second event of the same version.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from models import Event
from models.base import Model, new_id, table_of
from models.database import ReadSession, WriteSession, fetch
from services.errors import VersionConflict
from services.permissions import Actor
from services.writes.bulk import insert_statement, unnest_params
from services.writes.rows import violated_constraint

__all__ = [
    "UPCASTS",
    "Decision",
    "NewEvent",
    "append_all",
    "append_events",
    "event_row",
    "read_stream",
    "read_streams",
    "upcast",
]

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


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on one stream at a version."""

    stream_id: UUID
    version: int
    events: Sequence[NewEvent]


def event_row(actor: Actor, stream_type: str, stream_id: UUID, version: int, fact: NewEvent) -> dict[str, Any]:
    """Return the row of an event without its moment, which the database sets."""
    identity = actor.identity
    return {
        "tenant_id": identity.tenant_id,
        "id": new_id(),
        "stream_type": stream_type,
        "stream_id": stream_id,
        "version": version,
        "type": fact.type,
        "schema_version": fact.schema_version,
        "payload": dict(fact.payload),
        "actor_id": identity.user_id,
        "api_key_id": identity.api_key_id,
        "request_id": identity.request_id,
    }


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
    decision = Decision(stream_id, expected_version, new_events)
    return (await append_all(session, actor, model, stream_type, [decision]))[stream_id]


async def append_all(
    session: WriteSession, actor: Actor, model: type[Model], stream_type: str, decisions: Sequence[Decision]
) -> dict[UUID, list[Event]]:
    """Write what was decided on many streams, each the history of a row of the model; return the events by stream.

    Raises:
        VersionConflict: somebody else decided on one of these versions first.
    """
    rows = [
        event_row(actor, stream_type, decision.stream_id, decision.version + number, fact)
        for decision in decisions
        for number, fact in enumerate(decision.events, 1)
    ]
    written: dict[UUID, list[Event]] = {decision.stream_id: [] for decision in decisions}
    if not rows:
        return written
    try:
        inserted = await fetch(session, Event, INSERT_EVENTS, unnest_params("given", rows))
    except IntegrityError as error:
        if violated_constraint(error) != "events_tenant_id_stream_id_version_key":
            raise
        first = decisions[0]
        raise VersionConflict(model, first.stream_id, first.version + 1) from None
    for event in sorted(inserted, key=lambda event: event.version):
        written[event.stream_id].append(event)
    return written


async def read_stream(session: ReadSession, actor: Actor, stream_id: UUID) -> list[Event]:
    """Return all events of one stream, in order. The caller checks that the actor may see it."""
    return (await read_streams(session, actor, [stream_id]))[stream_id]


async def read_streams(session: ReadSession, actor: Actor, stream_ids: Sequence[UUID]) -> dict[UUID, list[Event]]:
    """Return all events of many streams, in order, by one statement. The caller checks that the actor may see them."""
    these = col(Event.stream_id) == func.any(bindparam("stream_ids", type_=ARRAY(Uuid())))
    statement = (
        select(*table_of(Event).c)
        .where(col(Event.tenant_id) == actor.identity.tenant_id, these)
        .order_by(col(Event.version))
    )
    streams: dict[UUID, list[Event]] = {stream_id: [] for stream_id in stream_ids}
    for event in await fetch(session, Event, statement, {"stream_ids": list(stream_ids)}):
        streams[event.stream_id].append(event)
    return streams


def upcast(event: Event) -> dict[str, Any]:
    """Return an event's payload in the newest schema version."""
    payload, version = dict(event.payload), event.schema_version
    while (lift := UPCASTS.get((event.type, version))) is not None:
        payload, version = lift(payload), version + 1
    return payload
