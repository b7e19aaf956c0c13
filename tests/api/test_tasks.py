"""Tasks through HTTP: what the brief says, step by step."""

from tests.factories import World

TASK = "... on Task { id title description status dueDate version createdAt updatedAt } ... on Error { message code }"


async def test_a_task_is_noted_changed_and_deleted(world: World) -> None:
    client = world.acme.member.client
    made = await client.do("createTask", TASK, title="  Write the tests ", dueDate="2027-01-31")
    assert made["__typename"] == "Task"
    assert (made["title"], made["status"], made["dueDate"]) == (
        "Write the tests",
        "TODO",
        "2027-01-31T00:00:00.000000Z",
    )

    changed = await client.do("updateTask", TASK, id=made["id"], status="DONE", dueDate=None)
    assert (changed["title"], changed["status"], changed["dueDate"]) == ("Write the tests", "DONE", None)
    assert changed["version"] == 2
    assert changed["updatedAt"] > made["updatedAt"]
    assert (await client.run("query($id: ID!) { task(id: $id) { title } }", id=made["id"]))["task"][
        "title"
    ] == "Write the tests"

    assert (await client.do("deleteTask", TASK, id=made["id"]))["id"] == made["id"]
    assert (await client.run("query($id: ID!) { task(id: $id) { title } }", id=made["id"]))["task"] is None
    assert (await client.do("deleteTask", TASK, id=made["id"]))["code"] == "NOT_FOUND"
