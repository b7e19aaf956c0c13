"""Lists through HTTP: pages both ways, filters, orders and counts, for every list there is."""

from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, get_named_type

from graph.schema import create_schema
from models.base import now
from tests.conftest import Urls
from tests.support.client import Client, run_app
from tests.support.domain_cases import CASES_FILE, insert_rows, merged
from tests.support.factories import World

PAGE = "{ totalCount nodes { __typename } edges { cursor node { __typename } } pageInfo { ...P } }".replace(
    "...P", "hasNextPage hasPreviousPage startCursor endCursor"
)


SCHEMA = create_schema().graphql
PLACES = {"Query": "{}", "Viewer": "viewer {{ {} }}", **merged("places")}
REQUIRED: dict[str, str] = merged("list_arguments")
"""What lists cannot do without; it finds all that there is."""


def lists() -> list[tuple[str, str]]:
    """Every field of the schema that is a list, with its type."""
    return [
        (type_.name, name)
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items()
        if get_named_type(field.type).name.endswith("Connection")
    ]


def place_of(type_name: str) -> str:
    """Where a type's lists are reached: a query for exactly one thing of that type, by default the newest."""
    if type_name in PLACES:
        return PLACES[type_name]
    assert SCHEMA.query_type is not None
    fields = SCHEMA.query_type.fields.items()
    root = next((n for n, field in fields if get_named_type(field.type).name == f"{type_name}Connection"), None)
    assert root, f"Write a query for one {type_name} into `places` of {CASES_FILE}: no list at the root has any."
    return f"{root}(first: 1) {{{{ nodes {{{{ {{}} }}}} }}}}"


def list_call(name: str, arguments: str) -> str:
    """A list with these arguments, in brackets, and those that it cannot do without."""
    return f"{name}({REQUIRED[name]}, {arguments[1:-1]})" if name in REQUIRED else f"{name}{arguments}"


async def page(client: Client, place: tuple[str, str], arguments: str = "") -> dict[str, Any]:
    """A page of a list."""
    type_name, name = place
    query = place_of(type_name).format(f"page: {list_call(name, arguments)} {PAGE}")
    found: Any = await client.run(f"{{ {query} }}")
    while "page" not in found:
        [inner] = found.values() if isinstance(found, dict) else found
        found = inner
    answer: dict[str, Any] = found["page"]
    return answer


def count_query(place: tuple[str, str], arguments: str) -> str:
    """Asks for the length of a list."""
    type_name, name = place
    return "{ " + place_of(type_name).format(f"{list_call(name, arguments)} {{ totalCount }}") + " }"


async def test_every_list_is_walked_both_ways(world: World) -> None:
    await insert_rows(world)
    client = world.acme.owner.client
    for place in lists():
        whole = await page(client, place, "(first: 100)")
        cursors = [edge["cursor"] for edge in whole["edges"]]
        assert len(cursors) >= 3, (
            f"{'.'.join(place)} has {len(cursors)} rows, where 3 are needed: let `insert_listed` of {CASES_FILE} insert"
            f" them, for the newest {place[0]} if they belong to one."
        )
        assert len(set(cursors)) == len(cursors) == len(whole["nodes"]) == whole["totalCount"], place
        ends = (cursors[0], cursors[-1], False, False)
        assert tuple(whole["pageInfo"][name] for name in ("startCursor", "endCursor")) == ends[:2]
        assert tuple(whole["pageInfo"][name] for name in ("hasNextPage", "hasPreviousPage")) == ends[2:]
        first = await page(client, place, "(first: 2)")
        rest = await page(client, place, f'(first: 100, after: "{cursors[1]}")')
        assert [edge["cursor"] for edge in first["edges"] + rest["edges"]] == cursors
        assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
        assert first["totalCount"] == rest["totalCount"] == whole["totalCount"]
        last = await page(client, place, "(last: 1)")
        before = await page(client, place, f'(last: 100, before: "{cursors[-1]}")')
        assert [edge["cursor"] for edge in before["edges"] + last["edges"]] == cursors
        assert (last["pageInfo"]["hasPreviousPage"], before["pageInfo"]["hasPreviousPage"]) == (True, False)


async def test_every_list_refuses_pages_and_cursors_that_are_none(world: World) -> None:
    await insert_rows(world)
    client, cursors = world.acme.owner.client, {}
    for place in lists():
        cursors[place] = (await page(client, place, "(first: 1)"))["edges"][0]["cursor"]
    for place in lists():
        foreign = next(cursor for other, cursor in cursors.items() if other != place)
        for arguments in (
            *(f"({size}: {number})" for size in ("first", "last") for number in (-1, 101)),
            "(first: 1, last: 1)",
            f'(before: "{cursors[place]}")',
            f'(first: 1, before: "{cursors[place]}")',
            f'(last: 1, after: "{cursors[place]}")',
            '(after: "x")',
            '(first: 1, after: "x")',
            '(last: 1, before: "x")',
            f'(first: 1, after: "{foreign}")',
            f'(last: 1, before: "{foreign}")',
        ):
            assert await client.error_codes(count_query(place, arguments)) == ["BAD_USER_INPUT"], (place, arguments)
        for arguments in ("(first: 2147483648)", '(first: "1")', "(first: 1.5)", f"(first: {'9' * 10_000})"):
            assert await client.error_codes(count_query(place, arguments)) == ["GRAPHQL_VALIDATION_FAILED"], (
                place,
                arguments,
            )


async def test_every_list_has_an_empty_page(world: World) -> None:
    await insert_rows(world)
    for place in lists():
        whole = (await page(world.acme.owner.client, place, "(first: 1)"))["totalCount"]
        for arguments in ("(first: 0)", "(last: 0)"):
            empty = await page(world.acme.owner.client, place, arguments)
            assert (empty["nodes"], empty["edges"], empty["totalCount"]) == ([], [], whole), (place, arguments)
            assert (empty["pageInfo"]["startCursor"], empty["pageInfo"]["endCursor"]) == (None, None)


async def test_a_page_has_20_rows_unless_more_or_fewer_are_asked_for(world: World) -> None:
    for number in range(101):
        task = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id, "title": f"{number}"}
        await world.add("tasks", **task)
    client = world.acme.member.client
    for arguments, rows in (("", 20), ("(first: null)", 20), ("(first: 100)", 100), ("(last: 100)", 100)):
        answer = await page(client, ("Query", "tasks"), arguments)
        assert (len(answer["nodes"]), answer["totalCount"]) == (rows, 101)
    empty = await page(client, ("Query", "tasks"), "(filter: {status: {eq: DONE}})")
    assert (empty["nodes"], empty["edges"], empty["totalCount"]) == ([], [], 0)
    assert empty["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


async def test_tasks_are_filtered_and_sorted_as_asked(world: World) -> None:
    client, acme = world.acme.member.client, world.acme
    project = await acme.admin.client.mutate("createProject", "... on Project { id }", name="Apollo")
    for given in (
        {"title": "b 50 %", "status": "DONE", "dueDate": "2027-02-01T00:00:00Z"},
        {"title": "Ärger", "dueDate": "2027-01-01T00:00:00Z", "assigneeId": acme.admin.id},
        {"title": "A_x", "description": "Straße", "projectId": project["id"]},
        {"title": "c", "dueDate": "2027-01-01T00:00:00Z", "status": "IN_PROGRESS"},
    ):
        await client.mutate("createTask", "... on Task { id }", **given)
    query = "query($f: TaskFilter, $o: [TaskOrder!]) { tasks(filter: $f, orderBy: $o) { totalCount nodes { title } } }"

    async def titles(order: Any = None, **filters: Any) -> list[str]:
        tasks = (await client.run(query, f=filters or None, o=order))["tasks"]
        assert tasks["totalCount"] == len(tasks["nodes"])
        return [node["title"] for node in tasks["nodes"]]

    assert await titles() == ["c", "A_x", "Ärger", "b 50 %"]
    for field, ascending, descending in (
        ("CREATED_AT", ["b 50 %", "Ärger", "A_x", "c"], ["c", "A_x", "Ärger", "b 50 %"]),
        ("UPDATED_AT", ["b 50 %", "Ärger", "A_x", "c"], ["c", "A_x", "Ärger", "b 50 %"]),
        ("TITLE", ["A_x", "b 50 %", "c", "Ärger"], ["Ärger", "c", "b 50 %", "A_x"]),
        ("DUE_DATE", ["Ärger", "c", "b 50 %", "A_x"], ["b 50 %", "c", "Ärger", "A_x"]),
    ):
        natural = descending if field in {"CREATED_AT", "UPDATED_AT"} else ascending
        assert await titles({"field": field}) == await titles({"field": field, "direction": None}) == natural
        assert await titles({"field": field, "direction": "ASC"}) == ascending
        assert await titles({"field": field, "direction": "DESC"}) == descending
    assert await titles(status={"eq": "DONE"}) == ["b 50 %"]
    assert await titles(dueDate={"gte": "2027-01-02T00:00:00Z"}) == ["b 50 %"]
    assert await titles(dueDate={"lt": "2027-01-02T00:00:00Z"}) == ["c", "Ärger"]
    assert await titles(projectId={"eq": project["id"]}) == ["A_x"]
    assert await titles(assigneeId={"eq": acme.admin.id}) == ["Ärger"]
    for text, found in (("%", ["b 50 %"]), ("_", ["A_x"]), ("äRG", ["Ärger"]), ("STRAßE", ["A_x"]), ("\\", [])):
        assert await titles(text={"contains": text}) == found
    assert await titles(projectId=None) == ["c", "Ärger", "b 50 %"]
    assert await client.error_codes(query, f={"projectId": {"eq": acme.admin.id}}) == ["BAD_USER_INPUT"]
    assert await client.error_codes(query, f={"nothing": 1}) == ["BAD_USER_INPUT"]
    assert await client.error_codes(query, o={"field": "nothing"}) == ["BAD_USER_INPUT"]


def order_types() -> dict[tuple[str, str], GraphQLInputObjectType]:
    """The type of `orderBy` of every list that has one with a direction."""
    types = {}
    for type_name, name in lists():
        type_ = SCHEMA.type_map[type_name]
        assert isinstance(type_, GraphQLObjectType)
        order = type_.fields[name].args.get("orderBy")
        if order is not None and isinstance(found := get_named_type(order.type), GraphQLInputObjectType):
            types[type_name, name] = found
    return types


@pytest.mark.parametrize("compiler", [True, False])
async def test_every_order_without_a_direction_has_the_documented_one(
    world: World, urls: Urls, *, compiler: bool
) -> None:
    await insert_rows(world)
    token = world.acme.owner.client.token
    async with run_app(urls, compiler=compiler) as app:
        client = app.client_with(token)
        for place, type_ in order_types().items():
            said = type_.fields["direction"].description or ""
            field_type = get_named_type(type_.fields["field"].type)
            assert isinstance(field_type, GraphQLEnumType)
            for field in field_type.values:
                natural = "DESC" if f"`{field}`" in said.partition("(DESC)")[0] else "ASC"
                assert f"({natural})" in said, type_
                asked = await page(client, place, f"(orderBy: {{field: {field}, direction: {natural}}})")
                for order in (f"{{field: {field}}}", f"{{field: {field}, direction: null}}"):
                    assert await page(client, place, f"(orderBy: {order})") == asked, (place, order)


async def test_a_cursor_goes_on_with_the_same_filter_and_order_alone(world: World) -> None:
    await insert_rows(world)
    client, tasks = world.acme.member.client, ("Query", "tasks")
    own = 'filter: {text: {contains: "task"}}, orderBy: {field: DUE_DATE}'
    cursor = (await page(client, tasks, f"(first: 1, {own})"))["edges"][0]["cursor"]
    assert len((await page(client, tasks, f'(after: "{cursor}", {own})'))["nodes"]) == 4
    for other in (
        'filter: {text: {contains: "task"}}, orderBy: {field: DUE_DATE, direction: DESC}',
        'filter: {text: {contains: "task"}}, orderBy: {field: TITLE}',
        'filter: {text: {contains: "Task"}}, orderBy: {field: DUE_DATE}',
        "orderBy: {field: DUE_DATE}",
        'filter: {text: {contains: "task"}}',
    ):
        query = f'{{ tasks(after: "{cursor}", {other}) {{ totalCount }} }}'
        assert await client.error_codes(query) == ["BAD_USER_INPUT"], other


async def test_under_every_member_the_same_page_of_their_tasks(world: World) -> None:
    acme = world.acme
    for number in range(12):
        person = (acme.owner, acme.admin, acme.removed)[number % 3]
        task = {"tenant_id": acme.tenant_id, "created_by": acme.owner.user_id, "title": f"{number:02}"}
        due = now() if number % 2 else None
        await world.add("tasks", **task, assignee_id=person.user_id, due_date=due)
    query = (
        "query($former: Boolean) { users(filter: {isFormer: {eq: $former}}) { nodes { fullName tasks(last: 2,"
        ' filter: {dueDate: {gte: "2020-01-01T00:00:00Z"}}, orderBy: {field: TITLE})'
        " { totalCount nodes { title } } } } }"
    )
    seen = {}
    for former in (False, True):
        for user in (await acme.member.client.run(query, former=former))["users"]["nodes"]:
            seen[user["fullName"]] = [task["title"] for task in user["tasks"]["nodes"]]
            assert user["tasks"]["totalCount"] == len(seen[user["fullName"]])
    assert seen == {"Owner": ["03", "09"], "Admin": ["01", "07"], "Removed": ["05", "11"], "Member": []}
