"""Documents: their past, what is left of them after a purge, and what time takes away."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from rich.progress import Progress

from atrium import maintenance
from models.base import new_id, now
from models.documents import Document
from services import audit, documents
from services.errors import (
    AlreadyExists,
    IllegalTransition,
    InvalidInput,
    VersionConflict,
)
from services.eventlog import row_history
from tests.conftest import Urls
from tests.support.document_helpers import (
    create_document,
    create_project,
    database_now,
    document_state,
    list_entry_ids,
    list_titles,
    list_trash,
    read_as_of,
)
from tests.support.factories import World
from tests.support.service_client import ServiceClient, invalid_paths, wait_until_blocked


async def random_change(
    rules: ServiceClient, world: World, draw: Random, document: Document, ids: list[UUID]
) -> Document:
    """One change of a kind that is possible; it may change nothing."""
    someone = draw.choice([world.acme.owner, world.acme.admin, world.acme.member])
    if document.deleted_at is not None:
        return await rules.apply(someone, documents.restore, id=document.id)
    if draw.random() < 0.1:
        return await rules.apply(someone, documents.delete, id=document.id)
    given = {
        "title": f"Plan {draw.randint(1, 5)}",
        "content": draw.choice(["", "x" * 3000, "Fly\tto the\nmoon \U0001f680", '"{}\\', str(draw.random())]),
        "project_id": draw.choice([None, *ids]),
    }
    changes = {name: given[name] for name in draw.sample(list(given), draw.randint(1, 3))}
    return await rules.apply(someone, documents.update, id=document.id, changes=changes)


async def test_any_moment_of_200_changes_is_seen_again_and_any_state_brought_back(
    rules: ServiceClient, world: World
) -> None:
    draw = Random(7)
    ids = [(await create_project(rules, world, name)).id for name in ("Apollo", "Gemini")]
    early = await database_now(world)
    document = await create_document(rules, world, content="Fly")
    states: list[tuple[datetime, Document]] = [(await database_now(world), document)]
    while document.version < 200:
        assert len(states) < 1000, "changes change nothing"
        document = await random_change(rules, world, draw, document, ids)
        states.append((await database_now(world), document))
    assert len({row.version for _, row in states}) == 200
    assert await read_as_of(rules, world, document.id, early) is None
    for moment, then in states:
        seen = await read_as_of(rules, world, document.id, moment)
        if then.deleted_at is not None:
            assert seen is None, then
        else:
            assert seen is not None
            assert seen._replace(title_key=then.title_key) == then  # type: ignore[attr-defined]  # a row is a named tuple
    if document.deleted_at is not None:
        document = await rules.apply(world.acme.member, documents.restore, id=document.id)
    history_of = await list_entry_ids(world, document.id)
    by_version = {row.version: row for _, row in states}
    shuffled = draw.sample(range(200), 200)
    for number in shuffled:
        current = await rules.apply(world.acme.member, documents.revert, id=document.id, to=history_of[number])
        assert document_state(current) == document_state(by_version[number + 1])
        assert current.deleted_at is None
    assert await read_as_of(rules, world, document.id, datetime.max.replace(tzinfo=UTC)) is not None


async def test_a_clock_that_was_set_back_misleads_nobody(rules: ServiceClient, world: World) -> None:
    made = await create_document(rules, world, content="1")
    changed = await rules.apply(world.acme.member, documents.update, id=made.id, changes={"content": "2"})
    await rules.apply(world.acme.member, documents.update, id=made.id, changes={"title": "Late"})
    middle, last = (await list_entry_ids(world, made.id))[1:]
    ahead = changed.updated_at + timedelta(hours=1)
    move = "UPDATE audit_log SET created_at = $2 WHERE id = $1"
    await world.connection.execute(move, middle, ahead)
    seen = await read_as_of(rules, world, made.id, ahead - timedelta(minutes=1))
    assert seen is not None
    assert (seen.version, seen.title, seen.content) == (3, "Late", "2")
    reverted = await rules.apply(world.acme.member, documents.revert, id=made.id, to=last)
    assert reverted.version == 3


async def test_a_past_that_never_was_is_refused(rules: ServiceClient, world: World) -> None:
    made, other = await create_document(rules, world), await create_document(rules, world, "Other")
    project = await create_project(rules, world)
    for entry in (*await list_entry_ids(world, other.id), *await list_entry_ids(world, project.id), new_id()):
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(world.acme.member, documents.revert, id=made.id, to=entry)
        assert invalid_paths(refused.value) == ["to"]
    [entry] = await list_entry_ids(world, made.id)
    await rules.apply(world.acme.member, documents.update, id=made.id, changes={"title": "New"})
    with pytest.raises(VersionConflict):
        await rules.apply(world.acme.member, documents.revert, id=made.id, to=entry, expected_version=1)
    await create_document(rules, world)
    with pytest.raises(AlreadyExists):
        await rules.apply(world.acme.member, documents.revert, id=made.id, to=entry)
    assert await list_titles(rules, world) == ["New", "Other", "Plan"]


async def test_a_purge_leaves_no_value_behind(rules: ServiceClient, world: World) -> None:
    made = await create_document(rules, world, "Secret plan", content="secret content")
    await rules.apply(world.acme.member, documents.update, id=made.id, changes={"content": "another secret"})
    await rules.apply(world.acme.member, documents.delete, id=made.id)
    held = "SELECT count(*) FROM audit_log WHERE row_id = $1 AND (old_values || new_values)::text LIKE '%ecret%'"
    assert await world.connection.fetchval(held, made.id) > 0
    moment = await database_now(world)
    assert await rules.apply(world.acme.admin, documents.purge, id=made.id) is not None
    left = "SELECT count(*) FROM audit_log WHERE row_id = $1 AND action {} 'PURGE' AND num_nonnulls({}) > 0"
    emptied, said = left.format("<>", "old_values, new_values, salt"), left.format("=", "old_values, new_values")
    assert await world.connection.fetchval(emptied, made.id) == 0
    assert await world.connection.fetchval(said, made.id) == 0
    actions = "SELECT action FROM audit_log WHERE row_id = $1 ORDER BY created_at, id"
    found = [row[0] for row in await world.connection.fetch(actions, made.id)]
    assert found == ["CREATE", "UPDATE", "UPDATE", "DELETE", "PURGE"]
    assert await read_as_of(rules, world, made.id, moment) is None


async def test_what_is_still_there_is_not_forgotten(rules: ServiceClient, world: World) -> None:
    made, actor = await create_document(rules, world), rules.actor(world.acme.owner)
    with pytest.raises(Exception, match="only what is gone"):
        async with rules.database.write(actor.identity) as session:
            await row_history.redact(session, Document, made.id)
    assert len(await list_entry_ids(world, made.id)) == 1


async def test_histories_are_of_live_and_trashed_documents(rules: ServiceClient, world: World) -> None:
    made = await create_document(rules, world)
    page = {"filter": {"row_id": {"eq": made.id}}}
    assert len(await rules.rows(world.acme.member, audit.AUDIT, **page)) == 1
    await rules.apply(world.acme.member, documents.delete, id=made.id)
    assert len(await rules.rows(world.acme.member, audit.AUDIT, **page)) == 2
    await rules.apply(world.acme.admin, documents.purge, id=made.id)
    assert await rules.rows(world.acme.member, audit.AUDIT, **page) == []
    assert len(await rules.rows(world.acme.admin, audit.AUDIT, **page)) == 4


async def test_what_is_restored_in_time_is_not_purged(rules: ServiceClient, world: World) -> None:
    made = await create_document(rules, world, "Saved")
    await rules.apply(world.acme.member, documents.delete, id=made.id)
    actor = rules.actor(world.acme.member)
    async with rules.database.write(actor.identity) as session:
        await documents.restore(session, actor, id=made.id)
        purging = asyncio.create_task(rules.apply(world.acme.admin, documents.purge, id=made.id))
        await wait_until_blocked(world.connection)
    with pytest.raises(IllegalTransition):
        await purging
    assert await list_titles(rules, world) == ["Saved"]


async def test_what_lay_in_the_trash_for_long_is_purged(rules: ServiceClient, world: World) -> None:
    for number in range(5):
        made = await create_document(rules, world, f"Old {number}")
        await rules.apply(world.acme.member, documents.delete, id=made.id)
    recent = await create_document(rules, world, "Recent")
    limit = await database_now(world)
    await rules.apply(world.acme.member, documents.delete, id=recent.id)
    await create_document(rules, world, "Live")
    tenant_id = world.acme.tenant_id
    counts = []
    for _ in range(3):
        async with rules.database.operator_transaction(tenant_id) as session:
            counts.append(await documents.purge_old(session, tenant_id, before=limit, limit=3))
    assert counts == [3, 2, 0]
    assert (await list_titles(rules, world), await list_trash(rules, world)) == (["Live"], ["Recent"])
    assert await world.connection.fetchval("SELECT count(*) FROM audit_log WHERE action = 'PURGE'") == 5


async def test_the_trash_of_every_tenant_is_emptied_by_age(rules: ServiceClient, world: World, urls: Urls) -> None:
    for tenant in (world.acme, world.globex):
        by = {"tenant_id": tenant.tenant_id, "created_by": tenant.owner.user_id, "deleted_by": tenant.owner.user_id}
        for number, days in enumerate((1, 29, 31, 400)):
            gone = {"deleted_at": now() - timedelta(days=days)}
            await world.add("documents", **by, **gone, title=f"{number}")
    quiet = Progress(disable=True)
    assert await maintenance.purge_trash(urls.runtime, urls.owner, quiet, timedelta(days=30)) == 4
    assert await list_trash(rules, world) == ["0", "1"]
    assert await maintenance.purge_trash(urls.runtime, urls.owner, quiet, timedelta(days=0)) == 4
    assert await world.connection.fetchval("SELECT count(*) FROM documents") == 0
    assert (await maintenance.verify(urls.runtime, urls.owner, quiet)).faults == []
