"""Documents: their titles, and the trash that they share with their project."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models.base import new_id
from services import documents, projects
from services.errors import (
    AlreadyExists,
    Forbidden,
    IllegalTransition,
    InvalidInput,
    NotFound,
    Unauthenticated,
    VersionConflict,
)
from services.permissions import Actor
from tests.support.document_helpers import (
    create_document,
    create_project,
    database_now,
    document_state,
    list_entry_ids,
    list_titles,
    list_trash,
)
from tests.support.factories import World
from tests.support.rule_checks import RuleChecks
from tests.support.service_client import ServiceClient, invalid_paths, wait_until_blocked


async def test_a_document_is_written_and_changed_in_part(rules: ServiceClient, world: World) -> None:
    project = await create_project(rules, world)
    made = await create_document(rules, world, "  Plan Ü ", content=" as\n it is ", project_id=project.id)
    assert document_state(made) == ("Plan Ü", " as\n it is ", project.id)
    assert (made.version, made.created_by, made.deleted_at) == (1, world.acme.member.user_id, None)
    changed = await rules.apply(
        world.acme.admin, documents.update, id=made.id, changes={"content": "Fly"}, expected_version=1
    )
    assert document_state(changed) == ("Plan Ü", "Fly", project.id)
    assert changed.version == 2
    assert changed.updated_at > made.updated_at
    loose = await rules.apply(world.acme.member, documents.update, id=made.id, changes={"project_id": None})
    assert document_state(loose) == ("Plan Ü", "Fly", None)
    same = await rules.apply(world.acme.member, documents.update, id=made.id, changes={"content": "Fly"})
    assert same == loose
    with pytest.raises(VersionConflict) as refused:
        await rules.apply(
            world.acme.member, documents.update, id=made.id, changes={"content": "Fly"}, expected_version=1
        )
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
async def test_what_cannot_be_is_refused(rules: ServiceClient, world: World, given: dict[str, Any], path: str) -> None:
    made = await create_document(rules, world, "x" * 200, content="\U0001f600" * 100_000)
    for rule, arguments in (
        (documents.create, {"values": {"title": "Plan", **given}}),
        (documents.update, {"id": made.id, "changes": given}),
    ):
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(world.acme.member, rule, **arguments)
        assert invalid_paths(refused.value) == [path]
    assert await list_titles(rules, world) == ["x" * 200]


CHECKS = RuleChecks(
    documents,
    documents.DOCUMENTS,
    lambda _world: {"title": "Plan", "content": "Fly"},
    limits=[("title", "x" * 200, "x" * 201), ("title", "x", " "), ("content", "x" * 100_000, "x" * 100_001)],
    unique=["title"],
)


@pytest.mark.parametrize("check", CHECKS.names)
async def test_its_rules(rules: ServiceClient, world: World, check: str) -> None:
    await CHECKS.run(check, rules, world)


async def test_a_title_is_unique_among_the_live_documents_of_a_project(rules: ServiceClient, world: World) -> None:
    project, other = await create_project(rules, world), await create_project(rules, world, "Gemini")
    first = await create_document(rules, world, project_id=project.id)
    await create_document(rules, world)
    elsewhere = await create_document(rules, world, project_id=other.id)
    for rule, given in (
        (documents.create, {"values": {"title": "PLAN", "project_id": project.id}}),
        (documents.create, {"values": {"title": "plan"}}),
        (documents.update, {"id": elsewhere.id, "changes": {"project_id": project.id}}),
        (documents.update, {"id": elsewhere.id, "changes": {"project_id": None}}),
    ):
        with pytest.raises(AlreadyExists) as refused:
            await rules.apply(world.acme.member, rule, **given)
        assert refused.value.field == "title"
    await rules.apply(world.acme.member, documents.delete, id=first.id)
    second = await create_document(rules, world, project_id=project.id)
    with pytest.raises(AlreadyExists):
        await rules.apply(world.acme.member, documents.restore, id=first.id)
    await rules.apply(world.acme.member, documents.update, id=second.id, changes={"title": "Plan B"})
    assert (await rules.apply(world.acme.member, documents.restore, id=first.id)).deleted_at is None


async def test_a_call_repeated_with_its_key_writes_one_document(rules: ServiceClient, world: World) -> None:
    given = {"values": {"title": "Plan", "content": "Fly"}, "idempotency_key": "k"}
    first = await rules.apply(world.acme.member, documents.create, **given)
    assert await rules.apply(world.acme.member, documents.create, **given) == first
    await rules.apply(world.acme.member, documents.delete, id=first.id)
    with pytest.raises(NotFound):
        await rules.apply(world.acme.member, documents.create, **given)
    await rules.apply(world.acme.owner, documents.purge, id=first.id)
    with pytest.raises(NotFound):
        await rules.apply(world.acme.member, documents.create, **given)


async def test_the_trash_says_who_and_when_and_gives_back_what_was_there(rules: ServiceClient, world: World) -> None:
    made = await create_document(rules, world, content="Fly")
    before = await database_now(world)
    deleted = await rules.apply(world.acme.admin, documents.delete, id=made.id, expected_version=1)
    assert deleted.deleted_at is not None
    assert abs(deleted.deleted_at - before) < timedelta(minutes=1)
    assert (deleted.deleted_by, deleted.version) == (world.acme.admin.user_id, 2)
    assert (await list_titles(rules, world), await list_trash(rules, world)) == ([], ["Plan"])
    assert await list_trash(rules, world, deleted_by_id={"eq": world.acme.admin.member_id}) == ["Plan"]
    assert await list_trash(rules, world, deleted_by_id={"eq": world.acme.member.member_id}) == []
    assert await list_trash(rules, world, title={"contains": "LA"}) == ["Plan"]
    assert await list_trash(rules, world, title={"contains": "x"}) == []
    assert await list_titles(rules, world, title={"contains": "la"}) == []
    restored = await rules.apply(world.acme.member, documents.restore, id=made.id)
    assert (document_state(restored), restored.deleted_at, restored.deleted_by) == (document_state(made), None, None)
    assert (await list_titles(rules, world), await list_trash(rules, world)) == (["Plan"], [])


async def test_deleting_twice_and_restoring_what_is_live_change_nothing(rules: ServiceClient, world: World) -> None:
    made = await create_document(rules, world)
    assert await rules.apply(world.acme.admin, documents.restore, id=made.id) == made
    first = await rules.apply(world.acme.admin, documents.delete, id=made.id)
    again = await rules.apply(world.acme.member, documents.delete, id=made.id, expected_version=1)
    assert again == first
    assert len(await list_entry_ids(world, made.id)) == 2


async def test_what_is_unknown_elsewhere_or_in_the_trash_is_not_found(rules: ServiceClient, world: World) -> None:
    foreign = await world.add(
        "documents", tenant_id=world.globex.tenant_id, title="Theirs", created_by=world.globex.owner.user_id
    )
    trashed = (await create_document(rules, world)).id
    [entry] = await list_entry_ids(world, trashed)
    await rules.apply(world.acme.admin, documents.delete, id=trashed)
    for rule, given in (
        (documents.update, {"changes": {"title": "Mine"}}),
        (documents.revert, {"to": entry}),
        (documents.delete, {}),
        (documents.restore, {}),
        (documents.purge, {}),
    ):
        also = [trashed] if rule in {documents.update, documents.revert} else []
        for document_id in (foreign, new_id(), *also):
            with pytest.raises(NotFound):
                await rules.apply(world.acme.owner, rule, id=document_id, **given)
    assert await world.connection.fetchval("SELECT title FROM documents WHERE id = $1", foreign) == "Theirs"


async def test_members_write_and_only_admins_and_owners_purge(rules: ServiceClient, world: World) -> None:
    made = await create_document(rules, world)
    with pytest.raises(IllegalTransition) as refused:
        await rules.apply(world.acme.admin, documents.purge, id=made.id)
    assert (refused.value.current, refused.value.allowed) == ("LIVE", ("TRASHED",))
    await rules.apply(world.acme.member, documents.delete, id=made.id)
    with pytest.raises(Forbidden):
        await rules.apply(world.acme.member, documents.purge, id=made.id)
    assert await list_trash(rules, world) == ["Plan"]
    await rules.apply(world.acme.admin, documents.purge, id=made.id)
    assert await list_trash(rules, world) == []
    with pytest.raises(NotFound):
        await rules.apply(world.acme.member, documents.restore, id=made.id)
    for see in (documents.visible, documents.visible_trash, documents.visible_all):
        with pytest.raises(Unauthenticated):
            see(Actor().permissions)


async def test_a_project_and_its_documents_come_and_go_as_one_set(rules: ServiceClient, world: World) -> None:
    admin, project = world.acme.admin, await create_project(rules, world)
    other = await create_project(rules, world, "Gemini")
    for title in ("One", "Two"):
        await create_document(rules, world, title, project_id=project.id)
    moved = await create_document(rules, world, "Moved", project_id=project.id)
    gone = await create_document(rules, world, "Gone", project_id=project.id)
    await create_document(rules, world, "Free")
    await rules.apply(world.acme.member, documents.delete, id=gone.id)
    await rules.apply(world.acme.member, documents.update, id=moved.id, changes={"project_id": other.id})
    await rules.apply(admin, projects.delete, id=project.id)
    assert await list_titles(rules, world) == ["Free", "Moved"]
    assert await list_trash(rules, world, deleted_by_id={"eq": admin.member_id}) == ["Two", "One"]
    await rules.apply(admin, projects.restore, id=project.id)
    assert await list_titles(rules, world) == ["Free", "Moved", "One", "Two"]
    assert await list_titles(rules, world, project_id={"eq": project.id}) == ["One", "Two"]
    assert await list_trash(rules, world) == ["Gone"]
    marks = "SELECT count(*) FROM documents WHERE (deleted_at IS NULL) <> (deleted_by IS NULL)"
    assert await world.connection.fetchval(marks) == 0


async def test_restored_without_its_project_it_has_none(rules: ServiceClient, world: World) -> None:
    admin, project = world.acme.admin, await create_project(rules, world)
    alone = await create_document(rules, world, "Alone", project_id=project.id)
    await create_document(rules, world, "Along", project_id=project.id)
    entry = (await list_entry_ids(world, alone.id))[0]
    await rules.apply(admin, projects.delete, id=project.id)
    restored = await rules.apply(world.acme.member, documents.restore, id=alone.id)
    assert (restored.project_id, restored.deleted_at) == (None, None)
    reverted = await rules.apply(world.acme.member, documents.revert, id=alone.id, to=entry)
    assert reverted == restored
    await rules.apply(admin, projects.restore, id=project.id)
    assert await list_titles(rules, world) == ["Alone", "Along"]
    assert await list_titles(rules, world, project_id={"eq": project.id}) == ["Along"]
    back = await rules.apply(world.acme.member, documents.revert, id=alone.id, to=entry)
    assert back.project_id == project.id


async def test_a_document_written_while_its_project_is_deleted_is_refused(rules: ServiceClient, world: World) -> None:
    project, actor = await create_project(rules, world), rules.actor(world.acme.owner)
    async with rules.database.write(actor.identity) as session:
        await projects.delete(session, actor, id=project.id)
        writing = asyncio.create_task(create_document(rules, world, project_id=project.id))
        await wait_until_blocked(world.connection)
    with pytest.raises(InvalidInput):
        await writing
    assert await list_titles(rules, world) == []


async def test_restored_while_its_project_is_deleted_it_is_split_from_neither(
    rules: ServiceClient, world: World
) -> None:
    project, actor = await create_project(rules, world), rules.actor(world.acme.owner)
    made = await create_document(rules, world, project_id=project.id)
    await rules.apply(world.acme.member, documents.delete, id=made.id)
    async with rules.database.write(actor.identity) as session:
        await projects.delete(session, actor, id=project.id)
        restoring = asyncio.create_task(rules.apply(world.acme.member, documents.restore, id=made.id))
        await wait_until_blocked(world.connection)
    assert (await restoring).project_id is None
    async with rules.database.write(actor.identity) as session:
        await projects.restore(session, actor, id=project.id)
        await documents.update(session, actor, id=made.id, changes={"project_id": project.id})
        deleting = asyncio.create_task(rules.apply(world.acme.admin, projects.delete, id=project.id))
        await wait_until_blocked(world.connection)
    await deleting
    assert (await list_titles(rules, world), await list_trash(rules, world)) == ([], ["Plan"])
