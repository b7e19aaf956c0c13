"""The feed: positions of what was committed, read page by page within the actor's own walls, and who is woken."""

import asyncio
from typing import Any
from uuid import UUID

from models import Order
from models.base import new_id
from services import orders, tasks
from services.eventlog.change_entries import change_entries
from services.eventlog.outbox import FOLLOWER_PAGE_SIZE, last_position, read_after
from services.eventlog.store import NewEvent, append_events
from services.queries.collection import Collection
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient, stop_sequencer


async def append(rules: ServiceClient, person: Person, count: int = 1) -> UUID:
    """Write events to a stream of their own."""
    stream, facts = new_id(), [NewEvent("OrderConfirmed", {}) for _ in range(count)]
    given = {"model": Order, "stream_type": "order", "stream_id": stream, "expected_version": 0}
    await rules.apply(person, append_events, **given, new_events=facts)
    return stream


async def seal(world: World, most: int = 1000) -> int:
    """Give positions, in the place of the sequencer, which is stopped."""
    return int(await world.connection.fetchval("SELECT atrium_seal($1)", most))


async def stopped(world: World) -> int:
    """Stop the sequencer when everything so far has its position; gives the last one, of all tenants."""
    await stop_sequencer(world)
    await seal(world)
    return int(await world.connection.fetchval("SELECT atrium_feed_head()"))


async def read(rules: ServiceClient, person: Person, position: int, collection: Collection = orders.EVENTS) -> Any:
    async with rules.database.read(rules.identity(person)) as session:
        return await read_after(session, rules.actor(person), collection, position)


async def newest(rules: ServiceClient, person: Person) -> int:
    async with rules.database.read(rules.identity(person)) as session:
        return await last_position(session, rules.actor(person))


async def test_entries_have_positions_once_they_are_sealed(rules: ServiceClient, world: World) -> None:
    before = await stopped(world)
    known = await newest(rules, world.acme.owner)
    stream = await append(rules, world.acme.owner, 3)
    assert (await newest(rules, world.acme.owner), (await read(rules, world.acme.owner, before))[0]) == (known, [])
    assert await seal(world, 2) == 2
    assert await seal(world) == 1
    assert await seal(world) == 0
    found, position, more = await read(rules, world.acme.owner, before)
    assert [(row.stream_id, row.version) for _, row in found] == [(stream, 1), (stream, 2), (stream, 3)]
    assert [at for at, _ in found] == [before + 1, before + 2, before + 3]
    assert position == await newest(rules, world.acme.owner) == before + 3
    assert more is False


async def test_a_follower_reads_on_from_where_they_are(rules: ServiceClient, world: World) -> None:
    before = await stopped(world)
    for count, more in ((FOLLOWER_PAGE_SIZE - 1, False), (1, True)):
        await append(rules, world.acme.owner, count)
        await seal(world)
        assert (await read(rules, world.acme.owner, before))[2] is more
    await append(rules, world.acme.owner)
    await seal(world)
    first, position, more = await read(rules, world.acme.owner, before)
    assert (len(first), position, more) == (FOLLOWER_PAGE_SIZE, before + FOLLOWER_PAGE_SIZE, True)
    rest, last, more = await read(rules, world.acme.owner, position)
    assert (len(rest), last, more) == (1, position + 1, False)
    assert await read(rules, world.acme.owner, last) == ([], last, False)


async def test_what_is_not_for_the_actor_is_passed_over(rules: ServiceClient, world: World) -> None:
    before = await stopped(world)
    await append(rules, world.acme.owner)
    theirs = await append(rules, world.globex.owner)
    await seal(world)
    found, position, _ = await read(rules, world.acme.member, before)
    assert (found, position) == ([], before + 1)  # it is the order of somebody else
    found, _, _ = await read(rules, world.globex.owner, before)
    assert [row.stream_id for _, row in found] == [theirs]


async def test_entries_of_another_collection_are_passed_over(rules: ServiceClient, world: World) -> None:
    before = await stopped(world)
    await append(rules, world.acme.owner)
    task = await rules.apply(world.acme.owner, tasks.create, values={"title": "Plan"})
    await seal(world)
    found, position, _ = await read(rules, world.acme.owner, before, change_entries(tasks.TASKS))
    assert [(row.row_id, row.action) for _, row in found] == [(task.id, "CREATE")]
    assert position == before + 2


async def test_followers_of_the_tenant_are_woken_and_no_others(rules: ServiceClient, world: World) -> None:
    feed = world.app.components.feed
    with feed.subscribe(world.acme.tenant_id) as ours, feed.subscribe(world.globex.tenant_id) as theirs:
        async with asyncio.timeout(30):
            await _settled(world)
            ours.clear()
            theirs.clear()
            await append(rules, world.acme.owner)
            await ours.wait()
        assert not theirs.is_set()
    with feed.subscribe(world.acme.tenant_id) as again:
        assert again is not ours
        await append(rules, world.acme.owner)
        async with asyncio.timeout(30):
            await again.wait()


async def _settled(world: World) -> None:
    """Wait until the feed has told of everything that making the world wrote."""
    while await world.connection.fetchval("SELECT count(*) FROM unsealed"):
        await asyncio.sleep(0.01)
    head = await world.connection.fetchval("SELECT atrium_feed_head()")
    while world.app.components.feed.sequencer.position < head:
        await asyncio.sleep(0.01)
