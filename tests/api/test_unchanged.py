"""What is saved as it is already changes nothing, and what does not change is not judged; null is one row's refusal."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.base import now
from tests.conftest import Urls
from tests.support.bulk_mutations import create_task, result_paths, results, run_bulk
from tests.support.case_context import table_digests
from tests.support.client import App, run_app
from tests.support.factories import World

CODE = "... on Error { code }"
ERRORS = f"{CODE} ... on InvalidInput {{ fields {{ path message }} }}"
NULL = "This must not be null: leave it out, or give it a value."


@pytest.fixture(params=[True, False], ids=["compiled", "reference"])
async def app(urls: Urls, request: pytest.FixtureRequest) -> AsyncIterator[App]:
    """The application, with its compiler and without."""
    async with run_app(urls, compiler=request.param) as made:
        yield made


async def things(world: World) -> dict[str, dict[str, Any]]:
    """By mutation, what saves a thing as it is."""
    acme, owner = {"tenant_id": world.acme.tenant_id}, world.acme.owner
    project_id = await world.add("projects", **acme, name="P")
    archived = await world.add("projects", **acme, name="Old", archived_at=now())
    due = "2027-01-31T00:00:00Z"
    note = await create_task(world, "T")
    await owner.client.mutate(
        "updateTask", ERRORS, id=note, dueDate=due, description="d", assigneeId=world.acme.member.id
    )
    author = {"created_by": owner.user_id}
    document = await world.add("documents", **acme, **author, title="D", content="c", project_id=project_id)
    article = await owner.client.mutate(
        "createArticle", "... on Article { id }", title="A", content="c", status="PUBLISHED"
    )
    product = await owner.client.mutate(
        "createProduct", "... on Product { id }", sku="s", name="n", price={"amount": "1.50", "currency": "EUR"}
    )
    price = {"amount": "1.5", "currency": "EUR"}
    return {
        "updateTask": {"id": note, "title": " T", "description": "d", "status": "TODO", "dueDate": due,
                       "assigneeId": world.acme.member.id, "projectId": None},
        "updateProject": {"id": f"Project:{project_id}", "name": "P "},
        "archiveProject": {"id": f"Project:{archived}", "archived": True},
        "updateDocument": {"id": f"Document:{document}", "title": "D", "content": "c",
                           "projectId": f"Project:{project_id}"},
        "updateArticle": {"id": article["id"], "title": "A", "content": "c", "language": "ENGLISH",
                          "status": "PUBLISHED"},
        "updateProduct": {"id": product["id"], "sku": "s", "name": "n", "price": price, "isActive": True,
                          "description": None},
        "updateTenant": {"name": "Acme"},
        "updateViewer": {"fullName": "Owner"},
        "changeMemberRole": {"id": world.acme.member.id, "role": "MEMBER"},
    }  # fmt: skip


async def test_saving_what_is_there_changes_nothing(world: World) -> None:
    client, saved = world.acme.owner.client, await things(world)
    name = await world.connection.fetchval("SELECT name FROM tenants WHERE id = $1", world.acme.tenant_id)
    before = await table_digests(world.connection)
    for mutation, given in {**saved, "updateTenant": {"name": name}}.items():
        for _ in range(2):
            answer = await client.mutate(mutation, CODE, **given)
            assert "code" not in answer, (mutation, answer)
            assert await table_digests(world.connection) == before, mutation
    for mutation in ("updateTask", "updateProduct"):
        row = saved[mutation]
        assert "code" not in results(await run_bulk(world.acme.owner, f"{mutation}s", [row]))[0]
        assert await table_digests(world.connection) == before, mutation


async def test_a_version_is_still_expected_of_what_does_not_change(world: World) -> None:
    note = await create_task(world, "T")
    fields = f"{ERRORS} ... on VersionConflict {{ currentVersion }} ... on Task {{ version }}"
    client = world.acme.owner.client
    assert (await client.mutate("updateTask", fields, id=note, title="T", expectedVersion=1))["version"] == 1
    stale = await client.mutate("updateTask", fields, id=note, title="T", expectedVersion=2)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 1)


async def test_archiving_is_taken_back_and_done_again(world: World) -> None:
    client = world.acme.owner.client
    project = f"Project:{await world.add('projects', tenant_id=world.acme.tenant_id, name='P')}"
    shown, moments = "... on Project { isArchived archivedAt version }", []
    for archived in (True, True, False, False, True):
        answer = await client.mutate("archiveProject", shown, id=project, archived=archived)
        assert answer["isArchived"] is archived
        moments.append((answer["version"], answer["archivedAt"]))
    assert moments[0] == moments[1]
    assert moments[2] == moments[3] == (3, None)
    assert moments[4][0] == 4
    assert moments[4][1] > moments[0][1]


async def test_an_archived_project_is_archived_in_the_trash_too(world: World) -> None:
    client, acme = world.acme.owner.client, {"tenant_id": world.acme.tenant_id}
    archived = f"Project:{await world.add('projects', **acme, name='Archived', archived_at=now())}"
    plain = f"Project:{await world.add('projects', **acme, name='Plain')}"
    for project in (archived, plain):
        deleted = await client.mutate("deleteProject", "... on Project { isArchived }", id=project)
        assert deleted["isArchived"] is (project == archived)
    listed = "query($filter: ProjectFilter) { projects(filter: $filter) { nodes { id isArchived } } }"
    wanted: list[tuple[dict[str, Any], set[str]]] = [
        ({"deletedAt": {"isNull": False}, "isArchived": {"eq": True}}, {archived}),
        ({"deletedAt": {"isNull": False}, "isArchived": {"eq": False}}, {plain}),
        ({"deletedAt": {"isNull": False}}, {archived, plain}),
        ({"isArchived": {"eq": True}}, set()),
        ({}, set()),
    ]
    for given, found in wanted:
        nodes = (await client.run(listed, filter=given))["projects"]["nodes"]
        assert {node["id"] for node in nodes} == found, given
        assert all(node["isArchived"] is (node["id"] == archived) for node in nodes)
    restored = await client.mutate("restoreProject", "... on Project { isArchived }", id=archived)
    assert restored["isArchived"] is True


async def test_who_has_left_stays_where_a_form_sends_them_unchanged(world: World) -> None:
    owner, member = world.acme.owner, world.acme.member
    fields = f"{ERRORS} ... on Task {{ title assignee {{ id isFormer }} }}"
    note, other = await create_task(world, "T"), await create_task(world, "Other")
    await owner.client.mutate("updateTask", fields, id=note, assigneeId=member.id)
    await owner.client.mutate("removeMember", CODE, id=member.id)
    saved = await owner.client.mutate("updateTask", fields, id=note, title="New", assigneeId=member.id)
    assert (saved["title"], saved["assignee"]) == ("New", {"id": member.id, "isFormer": True})
    rows = [{"id": note, "title": "Newer", "assigneeId": member.id}, {"id": other, "assigneeId": member.id}]
    kept, refused = results(await run_bulk(owner, "updateTasks", rows))
    assert (kept["title"], kept["assignee"]) == ("Newer", {"id": member.id})
    assert result_paths(refused) == ["tasks.1.assigneeId"]
    moved = await owner.client.mutate("updateTask", fields, id=other, assigneeId=member.id)
    assert [problem["path"] for problem in moved["fields"]] == ["assigneeId"]


async def test_null_for_what_is_never_null_is_refused_as_data(world: World) -> None:
    client, saved = world.acme.owner.client, await things(world)
    never_null = {
        "updateTask": ("title", "status"),
        "updateDocument": ("title", "content"),
        "updateArticle": ("title", "content", "language", "status"),
        "updateProduct": ("sku", "name", "price", "isActive"),
    }
    before = await table_digests(world.connection)
    for mutation, names in never_null.items():
        for name in names:
            given = {"id": saved[mutation]["id"], name: None}
            answer = await client.mutate(mutation, ERRORS, **given)
            assert answer["fields"] == [{"path": name, "message": NULL}], (mutation, name)
            text = f'mutation {{ {mutation}(input: {{ id: "{given["id"]}", {name}: null }}) {{ __typename }} }}'
            assert (await client.run(text))[mutation]["__typename"] == "InvalidInput"
    assert await table_digests(world.connection) == before


async def test_one_null_title_is_the_outcome_of_its_row(world: World) -> None:
    notes = [await create_task(world, f"t{number}") for number in range(3)]
    rows: list[dict[str, Any]] = [{"id": notes[0], "title": "a"}, {"id": notes[1], "title": None}]
    rows.append({"id": notes[2], "status": None, "title": "c"})
    first, second, third = results(await run_bulk(world.acme.owner, "updateTasks", rows))
    assert first["title"] == "a"
    assert (result_paths(second), result_paths(third)) == (["tasks.1.title"], ["tasks.2.status"])
