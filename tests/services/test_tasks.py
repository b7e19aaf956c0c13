"""Tasks: what may be noted, what a change leaves alone, and how tasks are found again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from models.base import new_id, now
from models.tasks import Task, TaskStatus
from services import projects, tasks, tenants
from services.errors import Forbidden, InvalidInput, NotFound, Unauthenticated, VersionConflict
from services.permissions import Actor
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient, invalid_paths, wait_until_blocked

DUE = datetime(2027, 1, 31, 12, tzinfo=UTC)


async def create_task(rules: ServiceClient, person: Person, title: str = "Write", **values: Any) -> Task:
    return await rules.apply(person, tasks.create, values={"title": title, **values})


async def update_task(
    rules: ServiceClient, person: Person, task_id: UUID, version: int | None = None, **changes: Any
) -> Task:
    return await rules.apply(person, tasks.update, id=task_id, changes=changes, expected_version=version)


async def list_titles(rules: ServiceClient, person: Person, *order: Any, **filter: Any) -> list[str]:
    rows = await rules.rows(person, tasks.TASKS, filter=filter, order=[order] if order else None)
    return [row.title for row in rows]


# --- noting ---


async def test_a_task_needs_a_title_alone(rules: ServiceClient, world: World) -> None:
    before, member = now(), world.acme.member
    task = await create_task(rules, member, "  Write the tests ")
    assert (task.title, task.status, task.version) == ("Write the tests", "TODO", 1)
    assert (task.description, task.due_date, task.project_id, task.assignee_id) == (None, None, None, None)
    assert (task.tenant_id, task.created_by) == (world.acme.tenant_id, member.user_id)
    assert before <= task.created_at <= now()


async def test_a_task_is_noted_with_all_that_is_said_of_it(rules: ServiceClient, world: World) -> None:
    project = await rules.apply(world.acme.admin, projects.create, name="Apollo")
    given = {"description": "d" * 2000, "status": TaskStatus.IN_PROGRESS, "due_date": DUE}
    pointers = {"project_id": project.id, "assignee_id": world.acme.admin.member_id}
    task = await create_task(rules, world.acme.member, "Ж" * 200, **given, **pointers)
    assert (task.title, task.description) == ("Ж" * 200, "d" * 2000)
    assert (task.status, task.due_date) == ("IN_PROGRESS", DUE)
    assert (task.project_id, task.assignee_id) == (project.id, world.acme.admin.user_id)


async def test_titles_and_descriptions_have_their_lengths(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    task = await create_task(rules, member)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"title": ""}, "title"),
        ({"title": " \t\n "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": "\ud83d"}, "title"),
        ({"description": "x" * 2001}, "description"),
        ({"description": "\0"}, "description"),
    ]
    for given, path in wrong:
        with pytest.raises(InvalidInput) as refused:
            await create_task(rules, member, **{"title": "Fine", **given})
        assert invalid_paths(refused.value) == [path]
        with pytest.raises(InvalidInput) as refused:
            await update_task(rules, member, task.id, **given)
        assert invalid_paths(refused.value) == [path]
    assert await list_titles(rules, member) == ["Write"]


async def test_a_task_points_at_what_is_there(rules: ServiceClient, world: World) -> None:
    acme, member = world.acme, world.acme.member
    foreign = await world.add("projects", tenant_id=world.globex.tenant_id, name="Theirs")
    trashed = await world.add("projects", tenant_id=acme.tenant_id, name="Gone", deleted_at=now())
    await world.connection.execute("UPDATE memberships SET is_active = false WHERE id = $1", acme.admin.member_id)
    for project_id in (foreign, trashed, new_id()):
        with pytest.raises(InvalidInput) as refused:
            await create_task(rules, member, project_id=project_id)
        assert invalid_paths(refused.value) == ["project_id"]
    for assignee_id in (acme.removed.member_id, acme.admin.member_id, world.globex.member.member_id, new_id()):
        with pytest.raises(InvalidInput) as refused:
            await create_task(rules, member, assignee_id=assignee_id)
        assert invalid_paths(refused.value) == ["assignee_id"]
    with pytest.raises(InvalidInput) as refused:
        await create_task(rules, member, "", description="x" * 2001, project_id=new_id(), assignee_id=new_id())
    assert invalid_paths(refused.value) == ["title", "description", "project_id", "assignee_id"]
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 0
    archived = await world.add("projects", tenant_id=acme.tenant_id, name="Old", archived_at=now())
    assert (await create_task(rules, member, project_id=archived)).project_id == archived


async def test_a_task_is_not_given_to_who_is_removed_at_that_moment(rules: ServiceClient, world: World) -> None:
    owner, member_id = rules.actor(world.acme.owner), world.acme.member.member_id
    assert member_id
    async with rules.database.write(owner.identity) as session:
        await tenants.remove(session, owner, id=member_id)
        giving = asyncio.create_task(create_task(rules, world.acme.admin, assignee_id=member_id))
        await wait_until_blocked(world.connection)
    with pytest.raises(InvalidInput):
        await giving


async def test_outside_a_tenant_there_are_no_tasks(rules: ServiceClient, world: World) -> None:
    with pytest.raises(Forbidden, match="Choose a tenant"):
        await create_task(rules, world.outsider)
    with pytest.raises(Forbidden, match="Choose a tenant"):
        await rules.page(world.outsider, tasks.TASKS)
    with pytest.raises(Unauthenticated):
        tasks.visible(Actor().permissions)


# --- changing ---


async def test_a_change_leaves_alone_what_it_does_not_name(rules: ServiceClient, world: World) -> None:
    member, project = world.acme.member, await rules.apply(world.acme.admin, projects.create, name="Apollo")
    said: dict[str, Any] = {
        "title": "Write",
        "description": "well",
        "status": TaskStatus.IN_PROGRESS,
        "due_date": DUE,
        "project_id": project.id,
        "assignee_id": member.member_id,
    }
    task = await create_task(rules, member, **said)
    said["assignee_id"] = member.user_id
    steps: list[tuple[str, Any, Any]] = [
        ("title", " Read ", "Read"),
        ("status", TaskStatus.DONE, "DONE"),
        ("description", "", ""),
        ("description", None, None),
        ("due_date", DUE + timedelta(days=1), DUE + timedelta(days=1)),
        ("due_date", None, None),
        ("project_id", None, None),
        ("assignee_id", world.acme.owner.member_id, world.acme.owner.user_id),
        ("assignee_id", None, None),
    ]
    for name, value, stored in steps:
        changed = await update_task(rules, member, task.id, **{name: value})
        said[name] = stored
        assert {key: getattr(changed, key) for key in said} == said
        assert changed.version == task.version + 1
        assert changed.updated_at > task.updated_at
        assert (changed.created_at, changed.created_by) == (task.created_at, task.created_by)
        task = changed


async def test_a_change_of_nothing_moves_nothing(rules: ServiceClient, world: World) -> None:
    task = await create_task(rules, world.acme.member)
    assert await update_task(rules, world.acme.member, task.id) == task
    with pytest.raises(VersionConflict):
        await update_task(rules, world.acme.member, task.id, 2)


async def test_nothing_is_changed_over_a_newer_version(rules: ServiceClient, world: World) -> None:
    task = await create_task(rules, world.acme.member)
    await update_task(rules, world.acme.admin, task.id, 1, title="First")
    with pytest.raises(VersionConflict) as refused:
        await update_task(rules, world.acme.member, task.id, 1, title="Second")
    assert (refused.value.model, refused.value.row_id, refused.value.version) == (Task, task.id, 2)
    assert await list_titles(rules, world.acme.member) == ["First"]


async def test_of_many_who_change_one_version_at_once_one_wins(rules: ServiceClient, world: World) -> None:
    task = await create_task(rules, world.acme.member)
    rivals = (update_task(rules, world.acme.member, task.id, 1, title=f"Rival {n}") for n in range(6))
    outcomes = await asyncio.gather(*rivals, return_exceptions=True)
    conflicts = [outcome for outcome in outcomes if isinstance(outcome, VersionConflict)]
    assert (len(conflicts), {conflict.version for conflict in conflicts}) == (5, {2})


async def test_deleting_is_final(rules: ServiceClient, world: World) -> None:
    task = await create_task(rules, world.acme.member)
    assert await rules.apply(world.acme.admin, tasks.delete, id=task.id) == task
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 0
    with pytest.raises(NotFound):
        await rules.apply(world.acme.admin, tasks.delete, id=task.id)
    with pytest.raises(NotFound):
        await update_task(rules, world.acme.member, task.id, title="Again")


async def test_what_is_unknown_or_elsewhere_is_not_found(rules: ServiceClient, world: World) -> None:
    foreign = await create_task(rules, world.globex.member, "Theirs")
    for task_id in (foreign.id, new_id()):
        with pytest.raises(NotFound) as refused:
            await update_task(rules, world.acme.owner, task_id, 7, title="Mine")
        assert str(refused.value) == "There is no such thing here."
        with pytest.raises(NotFound):
            await rules.apply(world.acme.owner, tasks.delete, id=task_id)
    assert await list_titles(rules, world.globex.member) == ["Theirs"]
    assert await list_titles(rules, world.acme.member) == []


# --- finding ---


async def test_tasks_are_found_by_each_filter(rules: ServiceClient, world: World) -> None:
    member, admin = world.acme.member, world.acme.admin
    project = await rules.apply(admin, projects.create, name="Apollo")
    await create_task(rules, member, "plain")
    await create_task(rules, member, "doing", status=TaskStatus.IN_PROGRESS)
    await create_task(rules, member, "in project", project_id=project.id)
    await create_task(rules, member, "given", assignee_id=admin.member_id)
    for days in (0, 1, 2):
        await create_task(rules, member, f"due {days}", due_date=DUE + timedelta(days=days))

    async def found(**filter: Any) -> set[str]:
        return set(await list_titles(rules, member, **filter))

    assert len(await found()) == 7
    assert await found(status={"eq": "IN_PROGRESS"}) == {"doing"}
    assert await found(status={"eq": "DONE"}) == set()
    assert await found(project_id={"eq": project.id}) == {"in project"}
    assert await found(project_id={"eq": new_id()}) == set()
    assert await found(assignee_id={"eq": admin.member_id}) == {"given"}
    assert await found(assignee_id={"eq": world.globex.admin.member_id}) == set()
    assert await found(due_date={"gte": DUE + timedelta(days=1)}) == {"due 1", "due 2"}
    assert await found(due_date={"lt": DUE + timedelta(days=1)}) == {"due 0"}
    assert await found(due_date={"gte": DUE, "lt": DUE + timedelta(microseconds=1)}) == {"due 0"}
    whole = {"due_date": {"gte": DUE}, "text": {"contains": "UE"}, "status": {"eq": "TODO"}}
    assert await found(**whole) == {"due 0", "due 1", "due 2"}


async def test_a_former_members_tasks_keep_them_and_are_found_by_them(rules: ServiceClient, world: World) -> None:
    member, owner = world.acme.member, world.acme.owner
    task = await create_task(rules, owner, "Left behind", assignee_id=member.member_id)
    await rules.apply(owner, tenants.remove, id=member.member_id)
    assert await list_titles(rules, owner, assignee_id={"eq": member.member_id}) == ["Left behind"]
    assert (await update_task(rules, owner, task.id, title="Still")).assignee_id == member.user_id
    same = await update_task(rules, owner, task.id, assignee_id=member.member_id, description="New")
    assert (same.assignee_id, same.description) == (member.user_id, "New")
    other = await create_task(rules, owner, "Of nobody")
    with pytest.raises(InvalidInput):
        await update_task(rules, owner, other.id, assignee_id=member.member_id)


async def test_text_is_found_in_titles_and_descriptions_as_it_is_written(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    for title, description in (
        ("100 % sure", None),
        ("snake_case", "ÄRGER Straße"),
        (r"back\slash", "ends"),
        ("Ünïcode 日本", 'it\'s "quoted"'),
    ):
        await create_task(rules, member, title, description=description)
    for text, found in (
        ("%", {"100 % sure"}),
        ("_", {"snake_case"}),
        ("\\", {r"back\slash"}),
        ("\\s", {r"back\slash"}),
        ("0 % S", {"100 % sure"}),
        ("e_", {"snake_case"}),
        ("a%s", set()),
        ("ärger", {"snake_case"}),
        ("STRASSE", set()),
        ("straße", {"snake_case"}),
        ("ÜNÏ", {"Ünïcode 日本"}),
        ("日", {"Ünïcode 日本"}),
        ("'s \"", {"Ünïcode 日本"}),
        ("END", {r"back\slash"}),
        ("", {"100 % sure", "snake_case", r"back\slash", "Ünïcode 日本"}),
        ("nowhere", set()),
    ):
        assert set(await list_titles(rules, member, text={"contains": text})) == found, text


async def test_tasks_are_sorted_by_each_order(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    first = await create_task(rules, member, "b", due_date=DUE)
    await create_task(rules, member, "A")
    await create_task(rules, member, "Ä", due_date=DUE - timedelta(days=1))
    await create_task(rules, member, "c", due_date=DUE - timedelta(days=1))
    await update_task(rules, member, first.id, status=TaskStatus.DONE)
    assert await list_titles(rules, member) == ["c", "Ä", "A", "b"]
    for name, ascending, descending in (
        ("created_at", "bAÄc", "cÄAb"),
        ("updated_at", "AÄcb", "bcÄA"),
        ("due_date", "ÄcbA", "bcÄA"),
        ("title", "AbcÄ", "ÄcbA"),
    ):
        assert "".join(await list_titles(rules, member, name, False)) == ascending, name
        assert "".join(await list_titles(rules, member, name, True)) == descending, name
