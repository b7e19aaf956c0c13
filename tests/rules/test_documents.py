"""Documents: their titles, the trash that they share with their project, and their past."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from rich.progress import Progress

from atrium import maintenance
from models.base import new_id, now
from models.documents import Document
from models.projects import Project
from services import audit, documents, history, projects
from services.access import Actor
from services.errors import (
    AlreadyExists,
    Forbidden,
    IllegalTransition,
    InvalidInput,
    NotFound,
    Unauthenticated,
    VersionConflict,
)
from tests.conftest import Urls
from tests.factories import World
from tests.units import Rules, until_blocked

State = tuple[str, str, UUID | None]


async def write(rules: Rules, world: World, title: str = "Plan", **values: Any) -> Document:
    return await rules.do(world.acme.member, documents.create, values={"title": title, **values})


async def start(rules: Rules, world: World, name: str = "Apollo") -> Project:
    return await rules.do(world.acme.admin, projects.create, name=name)


async def titles(rules: Rules, world: World, **filters: Any) -> list[str]:
    rows = await rules.listed(world.acme.member, documents.DOCUMENTS, filters=filters, order=("title", False))
    return [row.title for row in rows]


async def trash(rules: Rules, world: World, **filters: Any) -> list[str]:
    return [row.title for row in await rules.listed(world.acme.member, documents.TRASH, filters=filters)]


async def clock(world: World) -> datetime:
    """The database's own, since that is what the log goes by."""
    moment: datetime = await world.connection.fetchval("SELECT clock_timestamp()")
    return moment


async def entries(world: World, document_id: UUID) -> list[UUID]:
    """Those of its history, oldest first."""
    query = "SELECT id FROM audit_log WHERE row_id = $1 ORDER BY (new_values ->> 'version')::int"
    return [row[0] for row in await world.connection.fetch(query, document_id)]


async def as_of(rules: Rules, world: World, document_id: UUID, moment: datetime) -> Document | None:
    actor = rules.actor(world.acme.member)
    async with rules.database.read(actor.identity) as session:
        return await documents.as_of(session, actor, id=document_id, moment=moment)


def state(document: Document) -> State:
    return document.title, document.content, document.project_id


async def test_a_document_is_written_and_changed_in_part(rules: Rules, world: World) -> None:
    project = await start(rules, world)
    made = await write(rules, world, "  Plan Ü ", content=" as\n it is ", project_id=project.id)
    assert state(made) == ("Plan Ü", " as\n it is ", project.id)
    assert (made.version, made.created_by, made.deleted_at) == (1, world.acme.member.user_id, None)
    changed = await rules.do(
        world.acme.admin, documents.change, id=made.id, changes={"content": "Fly"}, expected_version=1
    )
    assert state(changed) == ("Plan Ü", "Fly", project.id)
    assert changed.version == 2
    assert changed.updated_at > made.updated_at
    loose = await rules.do(world.acme.member, documents.change, id=made.id, changes={"project_id": None})
    assert state(loose) == ("Plan Ü", "Fly", None)
    same = await rules.do(world.acme.member, documents.change, id=made.id, changes={"content": "Fly"})
    assert same == loose
    with pytest.raises(VersionConflict) as refused:
        await rules.do(world.acme.member, documents.change, id=made.id, changes={"content": "Fly"}, expected_version=1)
    assert (refused.value.row_id, refused.value.version) == (made.id, 3)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"title": ""}, "title"),
        ({"title": " \n"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"content": "x" * 100_001}, "content"),
        ({"content": " " * 100_001}, "content"),
        ({"content": "a\0b"}, "content"),
        ({"content": "\ud800"}, "content"),
        ({"project_id": new_id()}, "project_id"),
    ],
)
async def test_what_cannot_be_is_refused(rules: Rules, world: World, given: dict[str, Any], path: str) -> None:
    made = await write(rules, world, "x" * 200, content="\U0001f600" * 100_000)
    for rule, arguments in (
        (documents.create, {"values": {"title": "Plan", **given}}),
        (documents.change, {"id": made.id, "changes": given}),
    ):
        with pytest.raises(InvalidInput) as refused:
            await rules.do(world.acme.member, rule, **arguments)
        assert [problem.path for problem in refused.value.problems] == [path]
    assert await titles(rules, world) == ["x" * 200]


async def test_a_title_is_unique_among_the_live_documents_of_a_project(rules: Rules, world: World) -> None:
    project, other = await start(rules, world), await start(rules, world, "Gemini")
    first = await write(rules, world, project_id=project.id)
    await write(rules, world)
    elsewhere = await write(rules, world, project_id=other.id)
    for rule, given in (
        (documents.create, {"values": {"title": "PLAN", "project_id": project.id}}),
        (documents.create, {"values": {"title": "plan"}}),
        (documents.change, {"id": elsewhere.id, "changes": {"project_id": project.id}}),
        (documents.change, {"id": elsewhere.id, "changes": {"project_id": None}}),
    ):
        with pytest.raises(AlreadyExists) as refused:
            await rules.do(world.acme.member, rule, **given)
        assert refused.value.field == "title"
    await rules.do(world.acme.member, documents.delete, id=first.id)
    second = await write(rules, world, project_id=project.id)
    with pytest.raises(AlreadyExists):
        await rules.do(world.acme.member, documents.restore, id=first.id)
    await rules.do(world.acme.member, documents.change, id=second.id, changes={"title": "Plan B"})
    assert (await rules.do(world.acme.member, documents.restore, id=first.id)).deleted_at is None


async def test_a_call_repeated_with_its_key_writes_one_document(rules: Rules, world: World) -> None:
    given = {"values": {"title": "Plan", "content": "Fly"}, "idempotency_key": "k"}
    first = await rules.do(world.acme.member, documents.create, **given)
    assert await rules.do(world.acme.member, documents.create, **given) == first
    await rules.do(world.acme.member, documents.delete, id=first.id)
    with pytest.raises(NotFound):
        await rules.do(world.acme.member, documents.create, **given)
    await rules.do(world.acme.owner, documents.purge, id=first.id)
    with pytest.raises(NotFound):
        await rules.do(world.acme.member, documents.create, **given)


async def test_the_trash_says_who_and_when_and_gives_back_what_was_there(rules: Rules, world: World) -> None:
    made = await write(rules, world, content="Fly")
    before = await clock(world)
    deleted = await rules.do(world.acme.admin, documents.delete, id=made.id, expected_version=1)
    assert deleted.deleted_at is not None
    assert abs(deleted.deleted_at - before) < timedelta(minutes=1)
    assert (deleted.deleted_by, deleted.version) == (world.acme.admin.user_id, 2)
    assert (await titles(rules, world), await trash(rules, world)) == ([], ["Plan"])
    assert await trash(rules, world, deleted_by=world.acme.admin.member_id) == ["Plan"]
    assert await trash(rules, world, deleted_by=world.acme.member.member_id) == []
    assert (await trash(rules, world, text="LA"), await trash(rules, world, text="x")) == (["Plan"], [])
    assert await titles(rules, world, text="la") == []
    restored = await rules.do(world.acme.member, documents.restore, id=made.id)
    assert (state(restored), restored.deleted_at, restored.deleted_by) == (state(made), None, None)
    assert (await titles(rules, world), await trash(rules, world)) == (["Plan"], [])


async def test_deleting_twice_and_restoring_what_is_live_change_nothing(rules: Rules, world: World) -> None:
    made = await write(rules, world)
    assert await rules.do(world.acme.admin, documents.restore, id=made.id) == made
    first = await rules.do(world.acme.admin, documents.delete, id=made.id)
    again = await rules.do(world.acme.member, documents.delete, id=made.id, expected_version=1)
    assert again == first
    assert len(await entries(world, made.id)) == 2


async def test_what_is_unknown_elsewhere_or_in_the_trash_is_not_found(rules: Rules, world: World) -> None:
    foreign = await world.add(
        "documents", tenant_id=world.globex.tenant_id, title="Theirs", created_by=world.globex.owner.user_id
    )
    trashed = (await write(rules, world)).id
    [entry] = await entries(world, trashed)
    await rules.do(world.acme.admin, documents.delete, id=trashed)
    for rule, given in (
        (documents.change, {"changes": {"title": "Mine"}}),
        (documents.revert, {"to": entry}),
        (documents.delete, {}),
        (documents.restore, {}),
        (documents.purge, {}),
    ):
        also = [trashed] if rule in {documents.change, documents.revert} else []
        for document_id in (foreign, new_id(), *also):
            with pytest.raises(NotFound):
                await rules.do(world.acme.owner, rule, id=document_id, **given)
    assert await world.connection.fetchval("SELECT title FROM documents WHERE id = $1", foreign) == "Theirs"


async def test_members_write_and_only_admins_and_owners_purge(rules: Rules, world: World) -> None:
    made = await write(rules, world)
    with pytest.raises(IllegalTransition) as refused:
        await rules.do(world.acme.admin, documents.purge, id=made.id)
    assert (refused.value.current, refused.value.allowed) == ("LIVE", ("TRASHED",))
    await rules.do(world.acme.member, documents.delete, id=made.id)
    with pytest.raises(Forbidden):
        await rules.do(world.acme.member, documents.purge, id=made.id)
    assert await trash(rules, world) == ["Plan"]
    await rules.do(world.acme.admin, documents.purge, id=made.id)
    assert await trash(rules, world) == []
    with pytest.raises(NotFound):
        await rules.do(world.acme.member, documents.restore, id=made.id)
    for see in (documents.visible, documents.visible_trash, documents.visible_all):
        with pytest.raises(Unauthenticated):
            see(Actor().permissions)


async def test_a_project_and_its_documents_come_and_go_as_one_set(rules: Rules, world: World) -> None:
    admin, project = world.acme.admin, await start(rules, world)
    other = await start(rules, world, "Gemini")
    for title in ("One", "Two"):
        await write(rules, world, title, project_id=project.id)
    moved = await write(rules, world, "Moved", project_id=project.id)
    gone = await write(rules, world, "Gone", project_id=project.id)
    await write(rules, world, "Free")
    await rules.do(world.acme.member, documents.delete, id=gone.id)
    await rules.do(world.acme.member, documents.change, id=moved.id, changes={"project_id": other.id})
    await rules.do(admin, projects.delete, id=project.id)
    assert await titles(rules, world) == ["Free", "Moved"]
    assert await trash(rules, world, deleted_by=admin.member_id) == ["Two", "One"]
    await rules.do(admin, projects.restore, id=project.id)
    assert await titles(rules, world) == ["Free", "Moved", "One", "Two"]
    assert await titles(rules, world, project_id=project.id) == ["One", "Two"]
    assert await trash(rules, world) == ["Gone"]
    marks = "SELECT count(*) FROM documents WHERE (deleted_at IS NULL) <> (deleted_by IS NULL)"
    assert await world.connection.fetchval(marks) == 0


async def test_restored_without_its_project_it_has_none(rules: Rules, world: World) -> None:
    admin, project = world.acme.admin, await start(rules, world)
    alone = await write(rules, world, "Alone", project_id=project.id)
    await write(rules, world, "Along", project_id=project.id)
    entry = (await entries(world, alone.id))[0]
    await rules.do(admin, projects.delete, id=project.id)
    restored = await rules.do(world.acme.member, documents.restore, id=alone.id)
    assert (restored.project_id, restored.deleted_at) == (None, None)
    reverted = await rules.do(world.acme.member, documents.revert, id=alone.id, to=entry)
    assert reverted == restored
    await rules.do(admin, projects.restore, id=project.id)
    assert await titles(rules, world) == ["Alone", "Along"]
    assert await titles(rules, world, project_id=project.id) == ["Along"]
    back = await rules.do(world.acme.member, documents.revert, id=alone.id, to=entry)
    assert back.project_id == project.id


async def test_a_document_written_while_its_project_is_deleted_is_refused(rules: Rules, world: World) -> None:
    project, actor = await start(rules, world), rules.actor(world.acme.owner)
    async with rules.database.write(actor.identity) as session:
        await projects.delete(session, actor, id=project.id)
        writing = asyncio.create_task(write(rules, world, project_id=project.id))
        await until_blocked(world.connection)
    with pytest.raises(InvalidInput):
        await writing
    assert await titles(rules, world) == []


async def test_restored_while_its_project_is_deleted_it_is_split_from_neither(rules: Rules, world: World) -> None:
    project, actor = await start(rules, world), rules.actor(world.acme.owner)
    made = await write(rules, world, project_id=project.id)
    await rules.do(world.acme.member, documents.delete, id=made.id)
    async with rules.database.write(actor.identity) as session:
        await projects.delete(session, actor, id=project.id)
        restoring = asyncio.create_task(rules.do(world.acme.member, documents.restore, id=made.id))
        await until_blocked(world.connection)
    assert (await restoring).project_id is None
    async with rules.database.write(actor.identity) as session:
        await projects.restore(session, actor, id=project.id)
        await documents.change(session, actor, id=made.id, changes={"project_id": project.id})
        deleting = asyncio.create_task(rules.do(world.acme.admin, projects.delete, id=project.id))
        await until_blocked(world.connection)
    await deleting
    assert (await titles(rules, world), await trash(rules, world)) == ([], ["Plan"])


async def random_change(rules: Rules, world: World, draw: Random, document: Document, ids: list[UUID]) -> Document:
    """One change of a kind that is possible; it may change nothing."""
    someone = draw.choice([world.acme.owner, world.acme.admin, world.acme.member])
    if document.deleted_at is not None:
        return await rules.do(someone, documents.restore, id=document.id)
    if draw.random() < 0.1:
        return await rules.do(someone, documents.delete, id=document.id)
    given = {
        "title": f"Plan {draw.randint(1, 5)}",
        "content": draw.choice(["", "x" * 3000, "Fly\tto the\nmoon \U0001f680", '"{}\\', str(draw.random())]),
        "project_id": draw.choice([None, *ids]),
    }
    changes = {name: given[name] for name in draw.sample(list(given), draw.randint(1, 3))}
    return await rules.do(someone, documents.change, id=document.id, changes=changes)


async def test_any_moment_of_200_changes_is_seen_again_and_any_state_brought_back(rules: Rules, world: World) -> None:
    draw = Random(7)
    ids = [(await start(rules, world, name)).id for name in ("Apollo", "Gemini")]
    early = await clock(world)
    document = await write(rules, world, content="Fly")
    states: list[tuple[datetime, Document]] = [(await clock(world), document)]
    while document.version < 200:
        document = await random_change(rules, world, draw, document, ids)
        states.append((await clock(world), document))
    assert len({row.version for _, row in states}) == 200
    assert await as_of(rules, world, document.id, early) is None
    for moment, then in states:
        seen = await as_of(rules, world, document.id, moment)
        if then.deleted_at is not None:
            assert seen is None, then
        else:
            assert seen is not None
            assert seen._replace(title_key=then.title_key) == then  # type: ignore[attr-defined]  # a row is a named tuple
    if document.deleted_at is not None:
        document = await rules.do(world.acme.member, documents.restore, id=document.id)
    history_of = await entries(world, document.id)
    by_version = {row.version: row for _, row in states}
    shuffled = draw.sample(range(200), 200)
    for number in shuffled:
        current = await rules.do(world.acme.member, documents.revert, id=document.id, to=history_of[number])
        assert state(current) == state(by_version[number + 1])
        assert current.deleted_at is None
    assert await as_of(rules, world, document.id, datetime.max.replace(tzinfo=UTC)) is not None


async def test_a_clock_that_was_set_back_misleads_nobody(rules: Rules, world: World) -> None:
    made = await write(rules, world, content="1")
    changed = await rules.do(world.acme.member, documents.change, id=made.id, changes={"content": "2"})
    await rules.do(world.acme.member, documents.change, id=made.id, changes={"title": "Late"})
    middle, last = (await entries(world, made.id))[1:]
    ahead = changed.updated_at + timedelta(hours=1)
    move = "UPDATE audit_log SET created_at = $2 WHERE id = $1"
    await world.connection.execute(move, middle, ahead)
    seen = await as_of(rules, world, made.id, ahead - timedelta(minutes=1))
    assert seen is not None
    assert (seen.version, seen.title, seen.content) == (3, "Late", "2")
    reverted = await rules.do(world.acme.member, documents.revert, id=made.id, to=last)
    assert reverted.version == 3


async def test_a_past_that_never_was_is_refused(rules: Rules, world: World) -> None:
    made, other = await write(rules, world), await write(rules, world, "Other")
    project = await start(rules, world)
    for entry in (*await entries(world, other.id), *await entries(world, project.id), new_id()):
        with pytest.raises(InvalidInput) as refused:
            await rules.do(world.acme.member, documents.revert, id=made.id, to=entry)
        assert [problem.path for problem in refused.value.problems] == ["to"]
    [entry] = await entries(world, made.id)
    await rules.do(world.acme.member, documents.change, id=made.id, changes={"title": "New"})
    with pytest.raises(VersionConflict):
        await rules.do(world.acme.member, documents.revert, id=made.id, to=entry, expected_version=1)
    await write(rules, world)
    with pytest.raises(AlreadyExists):
        await rules.do(world.acme.member, documents.revert, id=made.id, to=entry)
    assert await titles(rules, world) == ["New", "Other", "Plan"]


async def test_a_purge_leaves_no_value_behind(rules: Rules, world: World) -> None:
    made = await write(rules, world, "Secret plan", content="secret content")
    await rules.do(world.acme.member, documents.change, id=made.id, changes={"content": "another secret"})
    await rules.do(world.acme.member, documents.delete, id=made.id)
    held = "SELECT count(*) FROM audit_log WHERE row_id = $1 AND (old_values || new_values)::text LIKE '%ecret%'"
    assert await world.connection.fetchval(held, made.id) > 0
    moment = await clock(world)
    assert await rules.do(world.acme.admin, documents.purge, id=made.id) is not None
    left = "SELECT count(*) FROM audit_log WHERE row_id = $1 AND (old_values, new_values, salt) IS DISTINCT FROM (%s)"
    nothing = left % "NULL::jsonb, NULL::jsonb, salt"
    assert await world.connection.fetchval(nothing, made.id) == 0
    actions = "SELECT action FROM audit_log WHERE row_id = $1 ORDER BY created_at, id"
    found = [row[0] for row in await world.connection.fetch(actions, made.id)]
    assert found == ["CREATE", "UPDATE", "UPDATE", "DELETE", "PURGE"]
    assert await as_of(rules, world, made.id, moment) is None


async def test_what_is_still_there_is_not_forgotten(rules: Rules, world: World) -> None:
    made, actor = await write(rules, world), rules.actor(world.acme.owner)
    with pytest.raises(Exception, match="only what is gone"):
        async with rules.database.write(actor.identity) as session:
            await history.forget(session, Document, made.id)
    assert len(await entries(world, made.id)) == 1


async def test_histories_are_of_live_and_trashed_documents(rules: Rules, world: World) -> None:
    made = await write(rules, world)
    page = {"filters": {"row_id": made.id}}
    assert len(await rules.listed(world.acme.member, audit.AUDIT, **page)) == 1
    await rules.do(world.acme.member, documents.delete, id=made.id)
    assert len(await rules.listed(world.acme.member, audit.AUDIT, **page)) == 2
    await rules.do(world.acme.admin, documents.purge, id=made.id)
    assert await rules.listed(world.acme.member, audit.AUDIT, **page) == []
    assert len(await rules.listed(world.acme.admin, audit.AUDIT, **page)) == 4


async def test_what_lay_in_the_trash_for_long_is_purged(rules: Rules, world: World) -> None:
    for number in range(5):
        made = await write(rules, world, f"Old {number}")
        await rules.do(world.acme.member, documents.delete, id=made.id)
    recent = await write(rules, world, "Recent")
    limit = await clock(world)
    await rules.do(world.acme.member, documents.delete, id=recent.id)
    await write(rules, world, "Live")
    tenant_id = world.acme.tenant_id
    counts = []
    for _ in range(3):
        async with rules.database.maintain(tenant_id) as session:
            counts.append(await documents.purge_old(session, tenant_id, before=limit, most=3))
    assert counts == [3, 2, 0]
    assert (await titles(rules, world), await trash(rules, world)) == (["Live"], ["Recent"])
    assert await world.connection.fetchval("SELECT count(*) FROM audit_log WHERE action = 'PURGE'") == 5


async def test_the_trash_of_every_tenant_is_emptied_by_age(rules: Rules, world: World, urls: Urls) -> None:
    for tenant in (world.acme, world.globex):
        by = {"tenant_id": tenant.tenant_id, "created_by": tenant.owner.user_id, "deleted_by": tenant.owner.user_id}
        for number, days in enumerate((1, 29, 31, 400)):
            gone = {"deleted_at": now() - timedelta(days=days)}
            await world.add("documents", **by, **gone, title=f"{number}")
    quiet = Progress(disable=True)
    assert await maintenance.purge_trash(urls.runtime, urls.owner, quiet, timedelta(days=30)) == 4
    assert await trash(rules, world) == ["0", "1"]
    assert await maintenance.purge_trash(urls.runtime, urls.owner, quiet, timedelta(days=0)) == 4
    assert await world.connection.fetchval("SELECT count(*) FROM documents") == 0
    assert (await maintenance.verify(urls.runtime, urls.owner, quiet)).damage == []
