"""Tasks through HTTP: what the brief says, step by step."""

import asyncio
from typing import Any

from models.base import new_id
from tests.support.factories import World

TASK = "... on Task { id title description status dueDate version createdAt updatedAt } ... on Error { message code }"
FIELDS = "... on InvalidInput { fields { path message } }"
CONFLICT = "... on VersionConflict { currentVersion current { id ... on Task { title version } } }"
READ = "query($id: ID!) { task(id: $id) { id title description status dueDate version createdAt updatedAt } }"


async def test_a_task_is_noted_changed_and_deleted(world: World) -> None:
    client = world.acme.member.client
    made = await client.mutate("createTask", TASK, title="  Write the tests ", dueDate="2027-01-31T00:00:00Z")
    assert made["__typename"] == "Task"
    assert (made["title"], made["status"], made["dueDate"]) == (
        "Write the tests",
        "TODO",
        "2027-01-31T00:00:00.000000Z",
    )

    changed = await client.mutate("updateTask", TASK, id=made["id"], status="DONE", dueDate=None)
    assert (changed["title"], changed["status"], changed["dueDate"]) == ("Write the tests", "DONE", None)
    assert changed["version"] == 2
    assert changed["updatedAt"] > made["updatedAt"]
    assert (await client.run(READ, id=made["id"]))["task"]["title"] == "Write the tests"

    assert (await client.mutate("deleteTask", TASK, id=made["id"]))["id"] == made["id"]
    assert (await client.run(READ, id=made["id"]))["task"] is None
    assert (await client.mutate("deleteTask", TASK, id=made["id"]))["code"] == "NOT_FOUND"


async def test_only_the_fields_that_are_given_change(world: World) -> None:
    client = world.acme.member.client
    project = await world.acme.admin.client.mutate("createProject", "... on Project { id }", name="Apollo")
    fields = f"{TASK} ... on Task {{ project {{ name }} assignee {{ fullName }} creator {{ fullName }} }}"
    given = {
        "title": "Write",
        "description": "well",
        "status": "IN_PROGRESS",
        "dueDate": "2027-01-31T12:00:00+02:00",
        "projectId": project["id"],
        "assigneeId": world.acme.admin.id,
    }
    task = await client.mutate("createTask", fields, **given)
    assert (task["description"], task["status"], task["dueDate"]) == (
        "well",
        "IN_PROGRESS",
        "2027-01-31T10:00:00.000000Z",
    )
    people = {"assignee": {"fullName": "Admin"}, "creator": {"fullName": "Member"}}
    assert {name: task[name] for name in ("project", "assignee", "creator")} == {
        "project": {"name": "Apollo"},
        **people,
    }
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({"title": "Read"}, {"title": "Read"}),
        ({"description": ""}, {"description": ""}),
        ({"description": None}, {"description": None}),
        ({"status": "DONE"}, {"status": "DONE"}),
        ({"dueDate": None}, {"dueDate": None}),
        ({"projectId": None}, {"project": None}),
        ({"assigneeId": world.acme.member.id}, {"assignee": {"fullName": "Member"}}),
        ({"assigneeId": None}, {"assignee": None}),
    ]
    for step, seen in steps:
        changed = await client.mutate("updateTask", fields, id=task["id"], **step)
        moved = {"version": task["version"] + 1, "updatedAt": changed["updatedAt"]} if step else {}
        assert changed == {**task, **seen, **moved}
        assert changed["updatedAt"] > task["updatedAt"] or not step
        task = changed


async def test_what_cannot_be_empty_is_not_emptied(world: World) -> None:
    client = world.acme.member.client
    task = await client.mutate("createTask", TASK, title="Write")
    update = "mutation($i: UpdateTaskInput!) { updateTask(input: $i) { __typename } }"
    given: dict[str, Any]
    for given in ({"status": "todo"}, {"dueDate": "soon"}, {"dueDate": "2027-01-31"}, {"dueDate": 1}):
        assert await client.error_codes(update, i={"id": task["id"], **given}) == ["BAD_USER_INPUT"], given
    for name in ("title", "status"):
        refused = await client.mutate("updateTask", FIELDS, id=task["id"], **{name: None})
        assert [problem["path"] for problem in refused["fields"]] == [name]
    create = "mutation($i: CreateTaskInput!) { createTask(input: $i) { __typename } }"
    for given in ({}, {"title": None}, {"title": 1}, {"title": "x", "status": None}, {"title": "x", "version": 2}):
        assert await client.error_codes(create, i=given) == ["BAD_USER_INPUT"], given
    assert (await client.run(READ, id=task["id"]))["task"]["version"] == 1
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 1


async def test_what_is_wrong_with_a_task_is_said_field_by_field(world: World) -> None:
    client, acme = world.acme.member.client, world.acme
    foreign = f"Project:{await world.add('projects', tenant_id=world.globex.tenant_id, name='Theirs')}"
    task = await client.mutate("createTask", TASK, title="x" * 200, description="d" * 2000)
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"title": ""}, ["title"]),
        ({"title": "x" * 201, "description": "d" * 2001}, ["title", "description"]),
        ({"title": "x", "projectId": foreign}, ["projectId"]),
        ({"title": "x", "projectId": f"Project:{new_id()}"}, ["projectId"]),
        ({"title": "x", "projectId": acme.member.id}, ["projectId"]),
        ({"title": "x", "assigneeId": acme.removed.id}, ["assigneeId"]),
        ({"title": "x", "assigneeId": world.globex.member.id}, ["assigneeId"]),
        ({"title": "x", "assigneeId": str(acme.member.user_id)}, ["assigneeId"]),
    ]
    for given, paths in wrong:
        for mutation, more in (("createTask", {}), ("updateTask", {"id": task["id"]})):
            refused = await client.mutate(mutation, f"{TASK} {FIELDS}", **more, **given)
            assert (refused["__typename"], refused["code"]) == ("InvalidInput", "BAD_USER_INPUT")
            assert [problem["path"] for problem in refused["fields"]] == paths
    assert await world.connection.fetchval("SELECT sum(version) FROM tasks") == 1


async def test_a_change_over_a_newer_version_is_answered_with_what_is_there(world: World) -> None:
    client = world.acme.member.client
    task = await client.mutate("createTask", TASK, title="Write")
    await client.mutate("updateTask", TASK, id=task["id"], title="First", expectedVersion=1)
    late = await client.mutate("updateTask", f"{TASK} {CONFLICT}", id=task["id"], title="Second", expectedVersion=1)
    assert (late["__typename"], late["code"], late["currentVersion"]) == ("VersionConflict", "VERSION_CONFLICT", 2)
    assert late["current"] == {"id": task["id"], "title": "First", "version": 2}


async def test_tasks_of_elsewhere_and_of_nowhere_read_the_same(world: World) -> None:
    theirs = await world.globex.member.client.mutate("createTask", TASK, title="Theirs")
    owner = world.acme.owner.client
    unknown = f"Task:{new_id()}"
    for mutation, more in (("updateTask", {"title": "Mine", "expectedVersion": 9}), ("deleteTask", {})):
        answers = [await owner.mutate(mutation, TASK, id=task_id, **more) for task_id in (theirs["id"], unknown)]
        missing = {"__typename": "NotFound", "message": "There is no such thing here.", "code": "NOT_FOUND"}
        assert answers == [missing] * 2
    both = "query($a: ID!, $b: ID!) { task(id: $a) { id } node(id: $b) { id } nodes(ids: [$a, $b]) { id } }"
    answers = [await owner.run(both, a=a, b=a) for a in (theirs["id"], unknown)]
    assert answers == [{"task": None, "node": None, "nodes": [None, None]}] * 2
    for wrong in ("", "x", "Task:", theirs["id"][5:], f"User:{theirs['id'][5:]}", f"task:{theirs['id'][5:]}"):
        assert await owner.error_codes(READ, id=wrong) == ["BAD_USER_INPUT"], wrong
    assert (await world.globex.member.client.run(READ, id=theirs["id"]))["task"]["title"] == "Theirs"


async def test_one_key_notes_one_task(world: World) -> None:
    client = world.acme.member.client
    given = {"title": "Once", "dueDate": "2027-01-31T00:00:00Z", "idempotencyKey": "k"}
    answers = await asyncio.gather(*(client.mutate("createTask", TASK, **given) for _ in range(10)))
    assert len({answer["id"] for answer in answers}) == 1
    await client.mutate("updateTask", TASK, id=answers[0]["id"], title="Changed")
    assert (await client.mutate("createTask", TASK, **given))["title"] == "Changed"
    other = await client.mutate("createTask", TASK, **{**given, "title": "Twice"})
    assert (other["__typename"], other["code"]) == ("IdempotencyConflict", "IDEMPOTENCY_CONFLICT")
    assert (await world.acme.admin.client.mutate("createTask", TASK, **given))["id"] != answers[0]["id"]
    refused = await client.mutate("createTask", f"{TASK} {FIELDS}", title="", idempotencyKey="")
    assert [problem["path"] for problem in refused["fields"]] == ["idempotencyKey"]
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 2


async def test_twenty_fields_of_a_fresh_start_share_one_picture(world: World) -> None:
    client = world.acme.member.client
    task = await client.mutate("createTask", TASK, title="Write")
    lists = " ".join(
        f"l{n}: tasks(first: {n}) {{ totalCount nodes {{ title creator {{ id }} }} }}" for n in range(1, 11)
    )
    ones = " ".join(f'o{n}: task(id: "{task["id"]}") {{ title assignee {{ id }} }}' for n in range(10))
    answer = await client.run(f"{{ {lists} {ones} }}")
    assert len(answer) == 20
    assert all(answer[f"l{n}"]["totalCount"] == 1 for n in range(1, 11))
    assert all(answer[f"o{n}"] == {"title": "Write", "assignee": None} for n in range(10))


async def test_a_nul_within_a_document_is_refused_and_not_stored(world: World) -> None:
    client = world.acme.owner.client
    for field in (
        'tasks(filter: {text: {contains: "a\\u0000"}})',
        'users(filter: {email: {eq: "\\u{0}"}})',
        'tasks(after: "\\u0000")',
    ):
        assert await client.error_codes(f"{{ {field} {{ totalCount }} }}") == ["BAD_USER_INPUT"], field
    made = await client.run('mutation { createTask(input: {title: "a\\u0000b"}) { __typename } }')
    assert made["createTask"]["__typename"] == "InvalidInput"
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 0
