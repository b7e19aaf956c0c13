"""Projects: their names, the archive, and the trash that takes a project and its tasks as one set."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from models.base import new_id, now
from models.projects import Project
from services import projects, tasks
from services.errors import Forbidden, InvalidInput, NotFound, Unauthenticated, VersionConflict
from services.permissions import Actor
from tests.support.factories import World
from tests.support.service_client import ServiceClient, invalid_paths, wait_until_blocked


async def create_project(rules: ServiceClient, world: World, name: str = "Apollo") -> Project:
    return await rules.apply(world.acme.admin, projects.create, name=name)


async def create_task(rules: ServiceClient, world: World, title: str, project_id: UUID | None = None) -> UUID:
    values = {"title": title, "project_id": project_id}
    task_id: UUID = (await rules.apply(world.acme.member, tasks.create, values=values)).id
    return task_id


async def list_names(rules: ServiceClient, world: World, **filter: Any) -> list[str]:
    order = [("name", False)]
    rows = await rules.rows(world.acme.member, projects.PROJECTS, filter=filter, order=order)
    return [row.name for row in rows]


async def list_titles(rules: ServiceClient, world: World) -> set[str]:
    return {row.title for row in await rules.rows(world.acme.member, tasks.TASKS)}


async def live_tasks_in_the_trash(world: World) -> int:
    """Tasks that are listed although their project is not, or the other way round."""
    split = (
        "SELECT count(*) FROM tasks t JOIN projects p ON (p.tenant_id, p.id) = (t.tenant_id, t.project_id)"
        " WHERE (p.deleted_at IS NULL) <> (t.deleted_at IS NULL)"
    )
    return int(await world.connection.fetchval(split))


async def test_a_project_starts_live_and_is_renamed(rules: ServiceClient, world: World) -> None:
    before = now()
    project = await create_project(rules, world, "  Apollo Ü ")
    assert (project.name, project.version) == ("Apollo Ü", 1)
    assert before <= project.created_at <= now()
    assert (project.is_archived, project.is_deleted, project.archived_at, project.deleted_at) == (
        False,
        False,
        None,
        None,
    )
    renamed = await rules.apply(world.acme.owner, projects.update, id=project.id, name="Gemini", expected_version=1)
    assert (renamed.name, renamed.version) == ("Gemini", 2)
    assert renamed.updated_at > project.updated_at
    assert renamed.created_at == project.created_at


async def test_a_name_has_one_to_200_characters(rules: ServiceClient, world: World) -> None:
    project = await create_project(rules, world, "x" * 200)
    for name in ("", " \n", "x" * 201, "a\0b"):
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(world.acme.admin, projects.create, name=name)
        assert invalid_paths(refused.value) == ["name"]
        with pytest.raises(InvalidInput):
            await rules.apply(world.acme.admin, projects.update, id=project.id, name=name)
    assert await list_names(rules, world) == ["x" * 200]


async def test_members_read_projects_and_change_none(rules: ServiceClient, world: World) -> None:
    project = await create_project(rules, world)
    for rule, given in (
        (projects.create, {"name": "Mine"}),
        (projects.update, {"id": project.id, "name": "Mine"}),
        (projects.archive, {"id": project.id, "archived": True}),
        (projects.delete, {"id": project.id}),
        (projects.restore, {"id": project.id}),
    ):
        with pytest.raises(Forbidden):
            await rules.apply(world.acme.member, rule, **given)
    assert await list_names(rules, world) == ["Apollo"]
    with pytest.raises(Unauthenticated):
        projects.visible(Actor().permissions)


async def test_what_is_unknown_elsewhere_or_in_the_trash_is_not_found(rules: ServiceClient, world: World) -> None:
    foreign = await world.add("projects", tenant_id=world.globex.tenant_id, name="Theirs")
    trashed = (await create_project(rules, world)).id
    await rules.apply(world.acme.admin, projects.delete, id=trashed)
    for rule, given in (
        (projects.update, {"name": "Mine"}),
        (projects.archive, {"archived": True}),
        (projects.delete, {}),
        (projects.restore, {}),
    ):
        also = [trashed] if rule in {projects.update, projects.archive} else []
        for project_id in (foreign, new_id(), *also):
            with pytest.raises(NotFound):
                await rules.apply(world.acme.owner, rule, id=project_id, **given)
    [row] = await world.connection.fetch("SELECT name, version FROM projects WHERE id = $1", foreign)
    assert tuple(row) == ("Theirs", 1)


async def test_nothing_is_changed_over_a_newer_version(rules: ServiceClient, world: World) -> None:
    project = await create_project(rules, world)
    await rules.apply(world.acme.admin, projects.update, id=project.id, name="Gemini")
    for rule, given in (
        (projects.update, {"name": "Late"}),
        (projects.archive, {"archived": True}),
        (projects.delete, {}),
    ):
        with pytest.raises(VersionConflict) as refused:
            await rules.apply(world.acme.admin, rule, id=project.id, expected_version=1, **given)
        assert (refused.value.row_id, refused.value.version) == (project.id, 2)
    assert await list_names(rules, world) == ["Gemini"]
    deleted = await rules.apply(world.acme.admin, projects.delete, id=project.id, expected_version=2)
    assert deleted.version == 3


async def test_the_archive_hides_a_project_from_default_lists_and_leaves_its_tasks(
    rules: ServiceClient, world: World
) -> None:
    project = await create_project(rules, world)
    await create_project(rules, world, "Gemini")
    await create_task(rules, world, "Fly", project.id)
    archived = await rules.apply(world.acme.admin, projects.archive, id=project.id, archived=True)
    assert archived.is_archived
    assert archived.archived_at is not None
    assert await list_names(rules, world) == ["Gemini"]
    assert await list_names(rules, world, is_archived={"eq": True}) == ["Apollo"]
    assert await list_titles(rules, world) == {"Fly"}
    await create_task(rules, world, "Land", project.id)
    back = await rules.apply(world.acme.admin, projects.archive, id=project.id, archived=False)
    assert (back.is_archived, back.archived_at) == (False, None)
    assert await list_names(rules, world) == ["Apollo", "Gemini"]


async def test_the_trash_is_a_list_of_its_own(rules: ServiceClient, world: World) -> None:
    live, archived, trashed = [await create_project(rules, world, name) for name in ("Live", "Old", "Gone")]
    for project in (archived, trashed):
        await rules.apply(world.acme.admin, projects.archive, id=project.id, archived=True)
    deleted = await rules.apply(world.acme.owner, projects.delete, id=trashed.id)
    assert deleted.is_deleted
    assert deleted.deleted_by == world.acme.owner.user_id
    assert await list_names(rules, world) == [live.name]
    assert await list_names(rules, world, is_archived={"eq": True}) == ["Old"]
    assert await list_names(rules, world, deleted_at={"is_null": False}) == ["Gone"]
    restored = await rules.apply(world.acme.admin, projects.restore, id=trashed.id)
    assert (restored.is_deleted, restored.deleted_by, restored.is_archived) == (False, None, True)
    assert await list_names(rules, world, is_archived={"eq": True}) == ["Gone", "Old"]


async def test_projects_are_found_by_a_part_of_their_name(rules: ServiceClient, world: World) -> None:
    for name in ("Überflug", "100 % fun", "snake_case", r"back\slash", "Zwölf"):
        await create_project(rules, world, name)
    for text, found in (
        ("üBER", ["Überflug"]),
        ("%", ["100 % fun"]),
        ("_", ["snake_case"]),
        ("\\", [r"back\slash"]),
        ("k\\s", [r"back\slash"]),
        ("LF", ["Zwölf"]),
        ("u_f", []),
        ("", ["100 % fun", r"back\slash", "snake_case", "Zwölf", "Überflug"]),
    ):
        assert await list_names(rules, world, name={"contains": text}) == found, text


async def test_a_project_and_its_tasks_come_and_go_as_one_set(rules: ServiceClient, world: World) -> None:
    admin, project, other = (
        world.acme.admin,
        await create_project(rules, world),
        await create_project(rules, world, "Gemini"),
    )
    kept = [await create_task(rules, world, title, project.id) for title in ("One", "Two")]
    moved = await create_task(rules, world, "Moved", project.id)
    gone = await create_task(rules, world, "Gone", project.id)
    await create_task(rules, world, "Free")
    await create_task(rules, world, "Other", other.id)
    await rules.apply(world.acme.member, tasks.delete, id=gone)
    await rules.apply(world.acme.member, tasks.update, id=moved, changes={"project_id": other.id})
    await rules.apply(admin, projects.delete, id=project.id)
    assert await list_titles(rules, world) == {"Moved", "Free", "Other"}
    for rule, given in ((tasks.update, {"changes": {"title": "Mine"}}), (tasks.delete, {})):
        with pytest.raises(NotFound):
            await rules.apply(world.acme.member, rule, id=kept[0], **given)
    await rules.apply(admin, projects.restore, id=project.id)
    assert await list_titles(rules, world) == {"One", "Two", "Moved", "Free", "Other"}
    assert await live_tasks_in_the_trash(world) == 0


async def test_deleting_twice_and_restoring_what_is_live_change_nothing(rules: ServiceClient, world: World) -> None:
    project = await create_project(rules, world)
    await create_task(rules, world, "Fly", project.id)
    assert (await rules.apply(world.acme.admin, projects.restore, id=project.id)).version == 1
    first = await rules.apply(world.acme.admin, projects.delete, id=project.id)
    again = await rules.apply(world.acme.owner, projects.delete, id=project.id)
    assert (again.version, again.deleted_at, again.deleted_by) == (2, first.deleted_at, world.acme.admin.user_id)
    await rules.apply(world.acme.admin, projects.restore, id=project.id)
    assert await list_titles(rules, world) == {"Fly"}


async def test_two_who_delete_at_once_leave_one_set(rules: ServiceClient, world: World) -> None:
    project, actor = await create_project(rules, world), rules.actor(world.acme.owner)
    await create_task(rules, world, "Fly", project.id)
    async with rules.database.write(actor.identity) as session:
        first = await projects.delete(session, actor, id=project.id)
        second = asyncio.create_task(rules.apply(world.acme.admin, projects.delete, id=project.id))
        await wait_until_blocked(world.connection)
    assert await second == first
    await rules.apply(world.acme.admin, projects.restore, id=project.id)
    assert await list_titles(rules, world) == {"Fly"}


async def test_one_who_restores_late_takes_nothing_out_of_a_newer_set(rules: ServiceClient, world: World) -> None:
    project, actor = await create_project(rules, world), rules.actor(world.acme.owner)
    await create_task(rules, world, "Fly", project.id)
    await rules.apply(world.acme.admin, projects.delete, id=project.id)
    async with rules.database.write(actor.identity) as session:
        await projects.restore(session, actor, id=project.id)
        await projects.delete(session, actor, id=project.id)
        late = asyncio.create_task(rules.apply(world.acme.admin, projects.restore, id=project.id))
        await wait_until_blocked(world.connection)
    assert not (await late).is_deleted
    assert await live_tasks_in_the_trash(world) == 0
    assert await list_titles(rules, world) == {"Fly"}


async def test_a_task_noted_while_its_project_is_deleted_is_refused(rules: ServiceClient, world: World) -> None:
    project, actor = await create_project(rules, world), rules.actor(world.acme.owner)
    async with rules.database.write(actor.identity) as session:
        await projects.delete(session, actor, id=project.id)
        noting = asyncio.create_task(create_task(rules, world, "Late", project.id))
        await wait_until_blocked(world.connection)
    with pytest.raises(InvalidInput):
        await noting
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 0


async def test_a_project_deleted_while_a_task_is_noted_takes_it_along(rules: ServiceClient, world: World) -> None:
    project, member = await create_project(rules, world), rules.actor(world.acme.member)
    loose = await create_task(rules, world, "Loose")
    async with rules.database.write(member.identity) as session:
        await tasks.create(session, member, values={"title": "Just in time", "project_id": project.id})
        await tasks.update(session, member, id=loose, changes={"project_id": project.id})
        deleting = asyncio.create_task(rules.apply(world.acme.admin, projects.delete, id=project.id))
        await wait_until_blocked(world.connection)
    await deleting
    assert await list_titles(rules, world) == set()
    assert await live_tasks_in_the_trash(world) == 0
