"""Lists through HTTP: pages both ways, filters, orders and counts, for every list there is."""

from datetime import timedelta
from typing import Any

from graphql import GraphQLObjectType, get_named_type

from graph.schema import create_schema
from models.base import now
from tests.support.client import Client
from tests.support.factories import World

PAGE = "{ totalCount nodes { __typename } edges { cursor node { __typename } } pageInfo { ...P } }".replace(
    "...P", "hasNextPage hasPreviousPage startCursor endCursor"
)
PLACES = {
    "Query": "{}",
    "Viewer": "viewer {{ {} }}",
    "User": 'users(filter: {{text: "owner"}}) {{ nodes {{ {} }} }}',
    "Project": 'projects(filter: {{text: "apollo"}}) {{ nodes {{ {} }} }}',
    "Task": 'tasks(filter: {{text: "task 3"}}) {{ nodes {{ {} }} }}',
    "Document": 'documents(filter: {{text: "document 3"}}) {{ nodes {{ {} }} }}',
    "Article": "articles(first: 1) {{ nodes {{ {} }} }}",
    "Product": 'products(filter: {{text: "lamp"}}) {{ nodes {{ {} }} }}',
    "Order": "orders(filter: {{status: SHIPPED}}) {{ nodes {{ {} }} }}",
}
"""Where a type's lists are reached: exactly one thing of that type."""

CHANGED = (
    ("tasks", "description", "title = 'Task 3'"),
    ("products", "description", "name = 'Lamp'"),
    ("documents", "content", "title = 'Document 3'"),
    ("articles", "content", "title = 'Article 4'"),
)
"""Those things, which therefore have a history."""

REQUIRED = {"searchArticles": 'query: "article"'}
"""What lists cannot do without; it finds all that there is."""


def lists() -> list[tuple[str, str]]:
    """Every field of the schema that is a list, with its type."""
    schema = create_schema()._schema  # noqa: SLF001  # the way Strawberry's own tools reach it
    return [
        (type_.name, name)
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items()
        if get_named_type(field.type).name.endswith("Connection")
    ]


async def insert_rows(world: World) -> None:
    """Three or more of everything that the owner of acme can list."""
    acme, tomorrow = world.acme, now() + timedelta(days=1)
    owner_id = acme.owner.user_id
    project_id = await world.add("projects", tenant_id=acme.tenant_id, name="Apollo")
    for number in range(5):
        await world.add("projects", tenant_id=acme.tenant_id, name=f"Project {number}")
        article = {"tenant_id": acme.tenant_id, "author_id": owner_id, "title": f"Article {number}", "content": "Text"}
        await world.add("articles", **article)
        task = {"tenant_id": acme.tenant_id, "created_by": owner_id, "title": f"Task {number}"}
        await world.add("tasks", **task, project_id=project_id, assignee_id=owner_id)
        machine = {"name": f"Machine {number}", "role": "MEMBER", "digest": "none", "created_by": owner_id}
        await world.add("api_keys", tenant_id=acme.tenant_id, **machine)
        document = {"tenant_id": acme.tenant_id, "created_by": owner_id, "project_id": project_id}
        await world.add("documents", **document, title=f"Document {number}")
        await world.add("documents", **document, title=f"Deleted {number}", deleted_at=now(), deleted_by=owner_id)
        await world.add("sessions", user_id=owner_id, refresh_digest="none", expires_at=tomorrow)
        tenant_id = await world.add("tenants", name=f"Tenant {number}", slug=f"tenant-{number}")
        member = {"tenant_id": tenant_id, "user_id": owner_id, "role": "OWNER"}
        await world.add("memberships", **member, full_name="", email="")
        offer = {"invited_by": owner_id, "role": "MEMBER", "digest": "none", "expires_at": tomorrow}
        await world.add("invitations", **offer, tenant_id=tenant_id, email=acme.owner.email)
        await world.add("invitations", **offer, tenant_id=acme.tenant_id, email=f"{number}@example.com")
    await insert_orders(world)


async def insert_orders(world: World) -> None:
    """Five orders of the owner's, all of the lamp; one of them was shipped, with two things more."""
    ours, buyer = {"tenant_id": world.acme.tenant_id}, world.acme.owner.user_id
    price = {"price_minor": 100, "currency": "EUR"}
    lamp, *others = [
        await world.add("products", **ours, **price, sku=name, name=name) for name in ("Lamp", "Chair", "Table", "Rug")
    ]
    for name, column, which in CHANGED:
        for text in ("What is to be said", "More about it"):
            await world.connection.execute(f"UPDATE {name} SET {column} = $1 WHERE {which}", text)
    for number in range(5):
        shipped = number == 2
        order = {"status": "SHIPPED" if shipped else "PENDING", "shipping_address": "Here", "currency": "EUR"}
        moments = {"created_at": now(), "updated_at": now(), "version": 3 if shipped else 1}
        order_id = await world.add("orders", **ours, **order, **moments, user_id=buyer, total_minor=100)
        for line, product_id in enumerate([lamp, *others[:2]] if shipped else [lamp], 1):
            item = {"order_id": order_id, "product_id": product_id, "line": line, "quantity": 1, "currency": "EUR"}
            await world.add("order_items", **ours, **item, unit_price_minor=100, subtotal_minor=100)
        for version, name in enumerate(["Placed", "Confirmed", "Shipped"] if shipped else ["Placed"], 1):
            event = {"stream_type": "order", "stream_id": order_id, "version": version, "type": f"Order{name}"}
            await world.add("events", **ours, **event, payload="{}", actor_id=buyer)


def list_call(name: str, arguments: str) -> str:
    """A list with these arguments, in brackets, and those that it cannot do without."""
    return f"{name}({REQUIRED[name]}, {arguments[1:-1]})" if name in REQUIRED else f"{name}{arguments}"


async def page(client: Client, place: tuple[str, str], arguments: str = "") -> dict[str, Any]:
    """A page of a list."""
    type_name, name = place
    found: Any = await client.run("{ " + PLACES[type_name].format(f"page: {list_call(name, arguments)} {PAGE}") + " }")
    while "page" not in found:
        [inner] = found.values() if isinstance(found, dict) else found
        found = inner
    answer: dict[str, Any] = found["page"]
    return answer


def count_query(place: tuple[str, str], arguments: str) -> str:
    """Asks for the length of a list."""
    type_name, name = place
    return "{ " + PLACES[type_name].format(f"{list_call(name, arguments)} {{ totalCount }}") + " }"


async def test_every_list_is_walked_both_ways(world: World) -> None:
    await insert_rows(world)
    client = world.acme.owner.client
    for place in lists():
        whole = await page(client, place, "(first: 100)")
        cursors = [edge["cursor"] for edge in whole["edges"]]
        assert len(set(cursors)) == len(cursors) == len(whole["nodes"]) == whole["totalCount"] >= 3, place
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
            *(f"({size}: {number})" for size in ("first", "last") for number in (-1, 0, 101)),
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


async def test_a_page_has_20_rows_unless_more_or_fewer_are_asked_for(world: World) -> None:
    for number in range(101):
        task = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id, "title": f"{number}"}
        await world.add("tasks", **task)
    client = world.acme.member.client
    for arguments, rows in (("", 20), ("(first: null)", 20), ("(first: 100)", 100), ("(last: 100)", 100)):
        answer = await page(client, ("Query", "tasks"), arguments)
        assert (len(answer["nodes"]), answer["totalCount"]) == (rows, 101)
    empty = await page(client, ("Query", "tasks"), "(filter: {status: DONE})")
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
        {"title": "b 50 %", "status": "DONE", "dueDate": "2027-02-01"},
        {"title": "Ärger", "dueDate": "2027-01-01", "assigneeId": acme.admin.id},
        {"title": "A_x", "description": "Straße", "projectId": project["id"]},
        {"title": "c", "dueDate": "2027-01-01", "status": "IN_PROGRESS"},
    ):
        await client.mutate("createTask", "... on Task { id }", **given)
    query = "query($f: TaskFilter, $o: TaskOrder) { tasks(filter: $f, orderBy: $o) { totalCount nodes { title } } }"

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
        assert await titles({"field": field}) == ascending
        assert await titles({"field": field, "direction": "DESC"}) == descending
    assert await titles(status="DONE") == ["b 50 %"]
    assert await titles(dueFrom="2027-01-02") == ["b 50 %"]
    assert await titles(dueBefore="2027-01-02") == ["c", "Ärger"]
    assert await titles(projectId=project["id"]) == ["A_x"]
    assert await titles(assigneeId=acme.admin.id) == ["Ärger"]
    for text, found in (("%", ["b 50 %"]), ("_", ["A_x"]), ("äRG", ["Ärger"]), ("STRAßE", ["A_x"]), ("\\", [])):
        assert await titles(text=text) == found
    assert await titles(status=None, text=None, projectId=None) == await titles()
    assert await client.error_codes(query, f={"projectId": acme.admin.id}) == ["BAD_USER_INPUT"]
    assert await client.error_codes(query, f={"nothing": 1}) == ["BAD_USER_INPUT"]
    assert await client.error_codes(query, o={"field": "nothing"}) == ["BAD_USER_INPUT"]


async def test_a_cursor_goes_on_with_the_same_filter_and_order_alone(world: World) -> None:
    await insert_rows(world)
    client, tasks = world.acme.member.client, ("Query", "tasks")
    own = 'filter: {text: "task"}, orderBy: {field: DUE_DATE}'
    cursor = (await page(client, tasks, f"(first: 1, {own})"))["edges"][0]["cursor"]
    assert len((await page(client, tasks, f'(after: "{cursor}", {own})'))["nodes"]) == 4
    for other in (
        'filter: {text: "task"}, orderBy: {field: DUE_DATE, direction: DESC}',
        'filter: {text: "task"}, orderBy: {field: TITLE}',
        'filter: {text: "Task"}, orderBy: {field: DUE_DATE}',
        "orderBy: {field: DUE_DATE}",
        'filter: {text: "task"}',
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
        "query($former: Boolean) { users(filter: {isFormer: $former}) { nodes { fullName tasks(last: 2,"
        ' filter: {dueFrom: "2020-01-01"}, orderBy: {field: TITLE}) { totalCount nodes { title } } } } }'
    )
    seen = {}
    for former in (False, True):
        for user in (await acme.member.client.run(query, former=former))["users"]["nodes"]:
            seen[user["fullName"]] = [task["title"] for task in user["tasks"]["nodes"]]
            assert user["tasks"]["totalCount"] == len(seen[user["fullName"]])
    assert seen == {"Owner": ["03", "09"], "Admin": ["01", "07"], "Removed": ["05", "11"], "Member": []}
