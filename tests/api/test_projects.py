"""Projects through HTTP: the archive, the trash, and the tasks that go with them."""

import asyncio
from typing import Any

from models.base import new_id
from tests.support.client import Client
from tests.support.factories import World

ERROR = "... on Error { message code }"
FIELDS = "... on InvalidInput { fields { path message } }"
SHOWN = "id name isArchived archivedAt deletedAt version createdAt updatedAt"
PROJECT = f"... on Project {{ {SHOWN} }} {ERROR}"
CONFLICT = "... on VersionConflict { currentVersion current { id ... on Project { name } } }"
TASK = f"... on Task {{ id title project {{ id }} }} {ERROR}"


async def list_names(client: Client, **filter: Any) -> list[str]:
    query = "query($f: ProjectFilter) { projects(filter: $f, orderBy: {field: NAME}) { totalCount nodes { name } } }"
    projects = (await client.run(query, f=filter or None))["projects"]
    assert projects["totalCount"] == len(projects["nodes"])
    return [node["name"] for node in projects["nodes"]]


async def create_project(world: World, name: str = "Apollo", *titles: str) -> dict[str, Any]:
    """A project with tasks of these titles."""
    project = await world.acme.admin.client.mutate("createProject", PROJECT, name=name)
    for title in titles:
        await world.acme.member.client.mutate("createTask", TASK, title=title, projectId=project["id"])
    return project


async def test_a_project_is_started_renamed_and_archived(world: World) -> None:
    admin = world.acme.admin.client
    project = await create_project(world, " Apollo ")
    assert (project["name"], project["isArchived"], project["archivedAt"], project["deletedAt"]) == (
        "Apollo",
        False,
        None,
        None,
    )
    renamed = await admin.mutate("updateProject", PROJECT, id=project["id"], name="Gemini", expectedVersion=1)
    assert (renamed["name"], renamed["version"]) == ("Gemini", 2)
    assert renamed["updatedAt"] > project["updatedAt"]
    archived = await admin.mutate("archiveProject", PROJECT, id=project["id"])
    assert archived["isArchived"]
    assert archived["archivedAt"]
    assert await list_names(admin) == []
    assert await list_names(admin, isArchived={"eq": True}) == ["Gemini"]
    shown = "query($id: ID!) { project(id: $id) { isArchived } }"
    assert (await world.acme.member.client.run(shown, id=project["id"]))["project"] == {"isArchived": True}
    back = await admin.mutate("archiveProject", PROJECT, id=project["id"], archived=False)
    assert (back["isArchived"], back["archivedAt"]) == (False, None)
    assert await list_names(admin) == ["Gemini"]


async def test_names_have_1_to_200_characters(world: World) -> None:
    admin = world.acme.admin.client
    project = await create_project(world, "x" * 200)
    for name in ("", "   ", "x" * 201):
        wrong = await admin.mutate("createProject", f"{PROJECT} {FIELDS}", name=name)
        assert (wrong["code"], [problem["path"] for problem in wrong["fields"]]) == ("BAD_USER_INPUT", ["name"])
        wrong = await admin.mutate("updateProject", f"{PROJECT} {FIELDS}", id=project["id"], name=name)
        assert [problem["path"] for problem in wrong["fields"]] == ["name"]
    assert await list_names(admin) == ["x" * 200]


async def test_a_project_goes_to_the_trash_with_its_tasks_and_comes_back_with_them(world: World) -> None:
    admin, member = world.acme.admin.client, world.acme.member.client
    project = await create_project(world, "Apollo", "One", "Two")
    await create_project(world, "Gemini", "Other")
    titles = "{ tasks(orderBy: {field: TITLE}) { nodes { title project { name } } } }"
    one = (await member.run(titles))["tasks"]["nodes"][0]
    assert one == {"title": "One", "project": {"name": "Apollo"}}

    deleted = await admin.mutate("deleteProject", PROJECT, id=project["id"])
    assert deleted["deletedAt"]
    again = await admin.mutate("deleteProject", PROJECT, id=project["id"])
    assert again == deleted
    assert [node["title"] for node in (await member.run(titles))["tasks"]["nodes"]] == ["Other"]
    assert await list_names(member) == ["Gemini"]
    assert await list_names(member, deletedAt={"isNull": False}) == ["Apollo"]
    shown = "query($id: ID!) { project(id: $id) { id } node(id: $id) { id } }"
    assert await member.run(shown, id=project["id"]) == {"project": None, "node": None}
    refused = await member.mutate("createTask", f"{TASK} {FIELDS}", title="Late", projectId=project["id"])
    assert (refused["code"], [problem["path"] for problem in refused["fields"]]) == ("BAD_USER_INPUT", ["projectId"])
    for mutation, more in (("updateProject", {"name": "x"}), ("archiveProject", {})):
        assert (await admin.mutate(mutation, ERROR, id=project["id"], **more))["code"] == "NOT_FOUND"

    restored = await admin.mutate("restoreProject", PROJECT, id=project["id"])
    assert restored["deletedAt"] is None
    same = await admin.mutate("restoreProject", PROJECT, id=project["id"])
    assert same["version"] == restored["version"]
    nodes = (await member.run(titles))["tasks"]["nodes"]
    assert [node["title"] for node in nodes] == ["One", "Other", "Two"]


async def test_a_project_shows_its_tasks_page_by_page(world: World) -> None:
    first = await create_project(world, "Apollo", *"abcde")
    await create_project(world, "Gemini", "x")
    await create_project(world, "Mercury")
    query = (
        "query($after: String) { projects(orderBy: {field: NAME}) { nodes { name tasks(first: 2, after: $after,"
        " orderBy: {field: TITLE}) { totalCount nodes { title } pageInfo { hasNextPage endCursor } } } } }"
    )
    client = world.acme.member.client
    nodes = (await client.run(query))["projects"]["nodes"]
    seen = {node["name"]: [task["title"] for task in node["tasks"]["nodes"]] for node in nodes}
    assert seen == {"Apollo": ["a", "b"], "Gemini": ["x"], "Mercury": []}
    assert [node["tasks"]["totalCount"] for node in nodes] == [5, 1, 0]
    assert [node["tasks"]["pageInfo"]["hasNextPage"] for node in nodes] == [True, False, False]
    cursor = nodes[0]["tasks"]["pageInfo"]["endCursor"]
    nodes = (await client.run(query, after=cursor))["projects"]["nodes"]
    assert [[task["title"] for task in node["tasks"]["nodes"]] for node in nodes] == [["c", "d"], ["x"], []]
    listed = "tasks(filter: {projectId: {eq: $id}}) { totalCount }"
    own = f"query($id: ID!) {{ {listed} project(id: $id) {{ tasks {{ totalCount }} }} }}"
    both = await client.run(own, id=first["id"])
    assert both["tasks"] == both["project"]["tasks"] == {"totalCount": 5}


async def test_members_read_projects_and_change_none(world: World) -> None:
    project, member = await create_project(world), world.acme.member.client
    for mutation, given in (
        ("createProject", {"name": "Mine"}),
        ("updateProject", {"id": project["id"], "name": "Mine"}),
        ("archiveProject", {"id": project["id"]}),
        ("deleteProject", {"id": project["id"]}),
        ("restoreProject", {"id": project["id"]}),
    ):
        name = mutation[0].upper() + mutation[1:]
        query = f"mutation($i: {name}Input!) {{ {mutation}(input: $i) {{ __typename }} }}"
        assert await member.error_codes(query, i=given) == ["FORBIDDEN"]
    assert await list_names(member) == ["Apollo"]


async def test_nothing_is_changed_over_a_newer_version(world: World) -> None:
    admin, project = world.acme.admin.client, await create_project(world)
    await admin.mutate("updateProject", PROJECT, id=project["id"], name="Gemini")
    for mutation, more in (("updateProject", {"name": "Late"}), ("archiveProject", {}), ("deleteProject", {})):
        given = {"id": project["id"], "expectedVersion": 1, **more}
        late = await admin.mutate(mutation, f"{PROJECT} {CONFLICT}", **given)
        assert (late["code"], late["currentVersion"]) == ("VERSION_CONFLICT", 2)
        assert late["current"] == {"id": project["id"], "name": "Gemini"}


async def test_projects_of_elsewhere_and_of_nowhere_read_the_same(world: World) -> None:
    foreign = await world.add("projects", tenant_id=world.globex.tenant_id, name="Theirs")
    owner = world.acme.owner.client
    for mutation, more in (
        ("updateProject", {"name": "Mine"}),
        ("archiveProject", {}),
        ("deleteProject", {}),
        ("restoreProject", {}),
    ):
        answers = [await owner.mutate(mutation, PROJECT, id=f"Project:{i}", **more) for i in (foreign, new_id())]
        assert answers[0] == answers[1]
        assert answers[0]["__typename"] == "NotFound"
    query = "query($id: ID!) { project(id: $id) { name } }"
    assert (await owner.run(query, id=f"Project:{foreign}"))["project"] is None
    for wrong in ("x", str(foreign), f"Task:{foreign}", "Project:", "Project:x", ""):
        assert await owner.error_codes(query, id=wrong) == ["BAD_USER_INPUT"]
    assert await list_names(world.globex.member.client) == ["Theirs"]


async def test_one_key_starts_one_project(world: World) -> None:
    admin = world.acme.admin.client
    twins = [admin.mutate("createProject", PROJECT, name="Once", idempotencyKey="k") for _ in range(10)]
    assert len({answer["id"] for answer in await asyncio.gather(*twins)}) == 1
    other = await admin.mutate("createProject", PROJECT, name="Twice", idempotencyKey="k")
    assert (other["__typename"], other["code"]) == ("IdempotencyConflict", "IDEMPOTENCY_CONFLICT")
    assert await list_names(admin) == ["Once"]


async def test_however_deleting_and_noting_meet_no_live_task_is_in_the_trash(world: World) -> None:
    project = await create_project(world, "Apollo", "One")
    member, admin = world.acme.member.client, world.acme.admin.client
    loose = await member.mutate("createTask", TASK, title="Loose")
    work = [member.mutate("createTask", TASK, title=f"{n}", projectId=project["id"]) for n in range(6)]
    work.insert(2, admin.mutate("deleteProject", PROJECT, id=project["id"]))
    work.insert(4, member.mutate("updateTask", TASK, id=loose["id"], projectId=project["id"]))
    work.append(admin.mutate("deleteProject", PROJECT, id=project["id"]))
    await asyncio.gather(*work)
    split = (
        "SELECT count(*) FROM tasks t JOIN projects p ON (p.tenant_id, p.id) = (t.tenant_id, t.project_id)"
        " WHERE (p.deleted_at IS NULL) <> (t.deleted_at IS NULL)"
    )
    assert await world.connection.fetchval(split) == 0
    await admin.mutate("restoreProject", PROJECT, id=project["id"])
    assert await world.connection.fetchval("SELECT count(*) FROM tasks WHERE deleted_at IS NOT NULL") == 0
