"""The event store: streams that only grow, one version at a time, and payloads that are lifted when they are read."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from models import Event, Order
from models.base import new_id
from services.errors import VersionConflict
from services.eventlog import store
from services.eventlog.store import NewEvent, append_events, read_stream, upcast
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient, wait_until_blocked

FACTS = [NewEvent("Opened", {"n": 1}), NewEvent("Closed", {"reason": "ä"}, schema_version=2)]


async def append(
    rules: ServiceClient, person: Person, stream: UUID, version: int, facts: list[NewEvent] = FACTS
) -> list[Event]:
    given = {"model": Order, "stream_type": "order", "stream_id": stream, "expected_version": version}
    return await rules.apply(person, append_events, **given, new_events=facts)


async def read(rules: ServiceClient, person: Person, stream: UUID) -> list[Event]:
    async with rules.database.read(rules.identity(person)) as session:
        return await read_stream(session, rules.actor(person), stream)


async def test_events_are_numbered_from_the_version_that_was_decided_on(rules: ServiceClient, world: World) -> None:
    stream, member = new_id(), world.acme.member
    first = await append(rules, member, stream, 0)
    more = await append(rules, member, stream, 2, FACTS[:1])
    assert [(event.version, event.type) for event in (*first, *more)] == [(1, "Opened"), (2, "Closed"), (3, "Opened")]
    assert (first[1].payload, first[1].schema_version) == ({"reason": "ä"}, 2)
    assert {(e.tenant_id, e.stream_type, e.stream_id, e.actor_id) for e in (*first, *more)} == {
        (world.acme.tenant_id, "order", stream, member.user_id)
    }
    assert await read(rules, member, stream) == [*first, *more]
    assert await read(rules, member, new_id()) == []
    assert await read(rules, world.globex.member, stream) == []


async def test_a_version_that_is_taken_is_a_conflict(rules: ServiceClient, world: World) -> None:
    stream = new_id()
    await append(rules, world.acme.member, stream, 0)
    for version in (0, 1):
        with pytest.raises(VersionConflict) as refused:
            await append(rules, world.acme.owner, stream, version)
        assert (refused.value.model, refused.value.row_id, refused.value.version) == (Order, stream, version + 1)
    assert len(await read(rules, world.acme.member, stream)) == 2


async def test_of_two_who_decide_on_one_version_the_first_wins(rules: ServiceClient, world: World) -> None:
    stream, actor = new_id(), rules.actor(world.acme.member)
    async with rules.database.write(actor.identity) as session:
        first = await append_events(session, actor, Order, "order", stream, 0, FACTS[:1])
        second = asyncio.create_task(append(rules, world.acme.owner, stream, 0))
        await wait_until_blocked(world.connection)
    with pytest.raises(VersionConflict):
        await second
    assert await read(rules, world.acme.member, stream) == first


async def test_what_else_is_broken_is_no_conflict(rules: ServiceClient, world: World) -> None:
    stranger = rules.actor(world.outsider)  # who is no member of acme, so the reference is broken
    async with rules.database.operator_transaction(world.acme.tenant_id) as session:
        identity = replace(stranger.identity, tenant_id=world.acme.tenant_id)
        with pytest.raises(Exception, match="events_tenant_id_actor_id_fkey"):
            await append_events(session, store.Actor(identity), Order, "order", new_id(), 0, FACTS)


def event(type_: str, schema_version: int, payload: dict[str, Any]) -> Event:
    return Event(
        tenant_id=new_id(), stream_type="t", stream_id=new_id(), version=1, type=type_,
        schema_version=schema_version, payload=payload,
    )  # fmt: skip


def test_a_payload_is_lifted_step_by_step_to_the_newest_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(store.UPCASTS, ("Opened", 1), lambda old: {"name": old["title"]})
    monkeypatch.setitem(store.UPCASTS, ("Opened", 2), lambda old: {**old, "tags": []})
    stored = {"title": "a"}
    assert upcast(event("Opened", 1, stored)) == {"name": "a", "tags": []}
    assert upcast(event("Opened", 2, {"name": "b"})) == {"name": "b", "tags": []}
    assert upcast(event("Opened", 3, {"name": "c"})) == {"name": "c"}
    assert upcast(event("Closed", 1, stored)) == stored == {"title": "a"}


def test_what_is_lifted_is_a_copy() -> None:
    stored = event("Opened", 1, {"title": "a"})
    upcast(stored)["title"] = "b"
    assert stored.payload == {"title": "a"}
