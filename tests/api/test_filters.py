"""Filters through HTTP, in both executors: what they find, what is refused, and that they show nothing more."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.base import now
from tests.conftest import Urls
from tests.support.client import App, Client, run_app
from tests.support.factories import World

TASKS = "query($f: TaskFilter) { tasks(filter: $f, orderBy: {field: TITLE}) { totalCount nodes { title } } }"


@pytest.fixture(params=[True, False], ids=["compiled", "reference"])
async def app(urls: Urls, request: pytest.FixtureRequest) -> AsyncIterator[App]:
    """The application, with its compiler and without."""
    async with run_app(urls, compiler=request.param) as made:
        yield made


async def titles(client: Client, filter_: dict[str, Any] | None) -> list[str]:
    found = (await client.run(TASKS, f=filter_))["tasks"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["title"] for node in found["nodes"]]


@pytest.fixture
async def made(world: World) -> str:
    """Four tasks; gives the id of the project of one."""
    acme = world.acme
    project = await world.add("projects", tenant_id=acme.tenant_id, name="Apollo")
    ours = {"tenant_id": acme.tenant_id, "created_by": acme.owner.user_id}
    await world.add("tasks", **ours, title="a", assignee_id=acme.member.user_id)
    await world.add("tasks", **ours, title="B", status="DONE", project_id=project)
    await world.add("tasks", **ours, title="c", status="IN_PROGRESS", assignee_id=acme.admin.user_id)
    await world.add("tasks", **{**ours, "created_by": acme.member.user_id}, title="d", description="about b")
    return f"Project:{project}"


@pytest.mark.usefixtures("made")
async def test_conditions_are_true_or_false_of_every_task(world: World) -> None:
    client, admin = world.acme.member.client, world.acme.admin.id
    for filter_, found in (
        ({"assigneeId": None}, "Bd"),
        ({"assigneeId": {"isNull": True}}, "Bd"),
        ({"assigneeId": {"isNull": False}}, "ac"),
        ({"assigneeId": {"eq": admin}}, "c"),
        ({"assigneeId": {"not": admin}}, "aBd"),
        ({"assigneeId": {"in": [admin, world.acme.member.id]}}, "ac"),
        ({"not": {"assigneeId": {"in": [admin]}}}, "aBd"),
        ({"assigneeId": {"not": world.globex.admin.id}}, "aBcd"),
        ({"status": {"in": ["TODO", "DONE"]}}, "aBd"),
        ({"mine": True}, "a"),
        ({"mine": False}, "Bcd"),
        ({"not": {"mine": False}}, "a"),
        ({"title": {"in": ["A", "b"]}}, "aB"),
        ({"title": {"startsWith": "b"}}, "B"),
        ({"text": {"contains": "B"}}, "Bd"),
        ({"or": [{"text": {"contains": "about"}}, {"text": {"contains": "b"}, "status": {"eq": "DONE"}}]}, "Bd"),
        ({"or": [{"assigneeId": {"isNull": True}}, {"project": {"name": {"contains": "x"}}}]}, "Bd"),
        ({"project": {"name": {"startsWith": "apo"}}}, "B"),
        ({"project": None}, "acd"),
        ({"not": {"project": {"name": {"eq": "apollo"}}}}, "acd"),
        ({"assignee": {"role": {"eq": "ADMIN"}}}, "c"),
        ({"creator": {"isFormer": {"eq": False}, "role": {"in": ["MEMBER", "OWNER"]}}}, "aBcd"),
        ({"not": {}}, ""),
        ({"or": [{}]}, "aBcd"),
        ({}, "aBcd"),
        (None, "aBcd"),
    ):
        assert "".join(await titles(client, filter_)) == found, filter_


@pytest.mark.usefixtures("made")
async def test_an_absent_variable_is_no_condition(world: World) -> None:
    client = world.acme.member.client
    query = (
        "query($s: TaskStatus, $n: Boolean) { tasks(filter: {status: {eq: $s}, dueDate: {isNull: $n}}) { totalCount } }"
    )
    assert (await client.run(query))["tasks"]["totalCount"] == 4
    assert (await client.run(query, s="DONE"))["tasks"]["totalCount"] == 1
    assert await client.error_codes(query, s=None) == ["BAD_USER_INPUT"]


async def test_projects_are_found_by_their_tasks(world: World, made: str) -> None:
    await world.add("projects", tenant_id=world.acme.tenant_id, name="Gemini")
    query = "query($f: ProjectFilter) { projects(filter: $f) { nodes { name } } }"
    for filter_, found in (
        ({"tasks": {"some": {"status": {"eq": "DONE"}}}}, ["Apollo"]),
        ({"tasks": {"some": {"mine": True}}}, []),
        ({"tasks": {"none": {"status": {"eq": "DONE"}}}}, ["Gemini"]),
        ({"tasks": {"none": {}}}, ["Gemini"]),
        ({"not": {"tasks": {"none": {}}}}, ["Apollo"]),
    ):
        nodes = (await world.acme.member.client.run(query, f=filter_))["projects"]["nodes"]
        assert [node["name"] for node in nodes] == found, filter_
    await world.acme.admin.client.mutate("deleteProject", "... on Project { id }", id=made)
    assert await titles(world.acme.member.client, {"project": {"deletedAt": {"isNull": False}}}) == []


REFUSED: list[Any] = [
    {"status": {"eq": None}},
    {"status": None},
    {"mine": None},
    {"and": []},
    {"or": None},
    {"status": {"in": []}},
    {"title": {"in": ["x"] * 1001}},
    {"not": {"not": {"not": {"not": {"not": {"mine": True}}}}}},
    {"or": [{"mine": True}] * 26},
    {"project": {"tasks": {"some": {}}}},
    {"status": {"above": "TODO"}},
]


@pytest.mark.parametrize("filter_", REFUSED, ids=range(len(REFUSED)))
async def test_what_is_refused_is_one_coded_error(world: World, filter_: dict[str, Any]) -> None:
    assert await world.acme.member.client.error_codes(TASKS, f=filter_) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("size", ["first: 0", "last: 0"])
async def test_an_empty_page_says_what_else_there_is(world: World, size: str) -> None:
    client = world.acme.member.client
    shape = (
        "{ totalCount nodes { title } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"
    )
    for count in (0, 1, 2):
        found = (await client.run(f"{{ tasks({size}) {shape} }}"))["tasks"]
        has_more = ("hasNextPage" if size.startswith("first") else "hasPreviousPage", count > 0)
        other = ("hasPreviousPage" if size.startswith("first") else "hasNextPage", False)
        ends = {"startCursor": None, "endCursor": None}
        assert found == {"totalCount": count, "nodes": [], "edges": [], "pageInfo": {**dict([has_more, other]), **ends}}
        ours = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id}
        await world.add("tasks", **ours, title=f"{count}")
    cursor = (await client.run("{ tasks(first: 1) { edges { cursor } } }"))["tasks"]["edges"][0]["cursor"]
    page = f'{{ tasks(first: 0, after: "{cursor}") {{ pageInfo {{ hasNextPage hasPreviousPage }} }} }}'
    assert (await client.run(page))["tasks"]["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": True}
    search = (
        '{ searchArticles(query: "x", first: 0) { totalCount nodes { id } } suggested: tasks(first: 0) { totalCount } }'
    )
    assert (await client.run(search))["searchArticles"] == {"totalCount": 0, "nodes": []}


@pytest.mark.usefixtures("made")
async def test_a_list_is_sorted_by_many_fields(world: World) -> None:
    client = world.acme.member.client
    shape = "nodes { title } edges { cursor }"
    query = f"query($o: [TaskOrder!], $a: String) {{ tasks(orderBy: $o, after: $a, first: 1) {{ {shape} }} }}"
    await world.connection.execute("UPDATE tasks SET due_date = '2027-01-01' WHERE title IN ('a', 'c', 'd')")
    for order, expected in (
        ([("DUE_DATE", "ASC"), ("TITLE", "ASC")], "acdB"),
        ([("DUE_DATE", "ASC"), ("TITLE", "DESC")], "dcaB"),
        ([("DUE_DATE", "DESC"), ("TITLE", "ASC")], "acdB"),
        ([("DUE_DATE", "DESC"), ("TITLE", "DESC"), ("CREATED_AT", "ASC")], "dcaB"),
    ):
        given: Any = [{"field": field, "direction": direction} for field, direction in order]
        found, cursor = "", None
        for _ in expected:
            [edge], [node] = (page := (await client.run(query, o=given, a=cursor))["tasks"])["edges"], page["nodes"]
            found, cursor = found + node["title"], edge["cursor"]
        assert found == expected, order
        assert (await client.run(query, o=given, a=cursor))["tasks"]["nodes"] == []
        assert await client.error_codes(query, o=given[:1], a=cursor) == ["BAD_USER_INPUT"]
    twice = [{"field": "TITLE"}, {"field": "TITLE", "direction": "DESC"}]
    many = [{"field": field} for field in ("TITLE", "DUE_DATE", "CREATED_AT", "UPDATED_AT", "TITLE")]
    for wrong in (twice, many):
        assert await client.error_codes(query, o=wrong) == ["BAD_USER_INPUT"]


async def test_no_filter_shows_what_a_role_may_not_see(world: World) -> None:
    acme = world.acme
    ours = {"tenant_id": acme.tenant_id}
    await world.add("articles", **ours, author_id=acme.admin.user_id, title="Draft", content="secret")
    order = {**ours, "user_id": acme.admin.user_id, "status": "PENDING", "total_minor": 1, "currency": "EUR"}
    order |= {"created_at": now(), "updated_at": now()}
    await world.add("orders", **order, shipping_address="secret", version=1, number=1001)
    everything: list[dict[str, Any]] = [
        {"or": [{"mine": True}, {"mine": False}]},
        {"not": {"not": {}}},
        {"not": {"createdAt": {"lt": "2000-01-01T00:00:00Z"}}},
        {"not": {"and": [{"mine": True}, {"mine": False}]}},
    ]
    member, admin = acme.member.client, acme.admin.client
    for name, type_ in (("articles", "ArticleFilter"), ("orders", "OrderFilter")):
        query = f"query($f: {type_}) {{ {name}(filter: $f) {{ totalCount nodes {{ id }} }} }}"
        for filter_ in everything:
            assert (await admin.run(query, f=filter_))[name]["totalCount"] == 1
            assert (await member.run(query, f=filter_))[name] == {"totalCount": 0, "nodes": []}
            assert (await world.globex.owner.client.run(query, f=filter_))[name]["totalCount"] == 0


@pytest.mark.parametrize("role", ["member", "removed", "nobody"])
async def test_no_address_can_be_guessed_by_any_filter(world: World, role: str) -> None:
    client = world.nobody if role == "nobody" else getattr(world.acme, role).client
    code = "FORBIDDEN" if role == "member" else "UNAUTHENTICATED"
    email = {"email": {"startsWith": "o"}}
    users = "query($f: UserFilter) { users(filter: $f) { totalCount } }"
    for hidden in (email, {"not": email}, {"or": [{}, email]}, {"and": [{"not": {"or": [email]}}]}):
        assert await client.error_codes(users, f=hidden) == [code]
        assert await client.error_codes(TASKS, f={"assignee": hidden}) == [code]
        assert await client.error_codes(TASKS, f={"not": {"creator": hidden}}) == [code]
