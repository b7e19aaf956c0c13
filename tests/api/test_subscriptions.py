"""Order events, live: everything once, in order, from wherever the subscriber left off."""

import asyncio
from typing import Any

import graphql
import pytest

from tests.support.client import COMPILER_ENABLED
from tests.support.domain_cases import insert_rows
from tests.support.factories import World
from tests.support.graph_schema import SCHEMA
from tests.support.order_helpers import ORDER_FIELDS, TRANSITION_FIELDS, create_product
from tests.support.subscription_client import collect_subscription

ORDER_EVENTS = (
    "subscription($after: String) { orderEvents(after: $after) { cursor event { type order { id status } } } }"
)


async def test_events_arrive_and_can_be_resumed(world: World) -> None:
    tea = await create_product(world, "tea", stock=100)
    item = [{"productId": tea["id"], "quantity": 1}]
    admin = world.acme.admin
    listening = asyncio.create_task(collect_subscription(world, admin, ORDER_EVENTS, 4, after="0"))
    for _ in range(2):
        order = await world.acme.member.client.mutate("placeOrder", ORDER_FIELDS, items=item, shippingAddress="x")
        await admin.client.mutate("confirmOrder", TRANSITION_FIELDS, id=order["id"])
    seen = await listening
    assert [e["event"]["type"] for e in seen] == ["PLACED", "CONFIRMED"] * 2
    cursors = [int(e["cursor"]) for e in seen]
    assert cursors == sorted(set(cursors))
    rest = await collect_subscription(world, admin, ORDER_EVENTS, 2, after=seen[1]["cursor"])
    assert [(e["cursor"], e["event"]["type"]) for e in rest] == [(e["cursor"], e["event"]["type"]) for e in seen[2:]]


TASK_CHANGED = """subscription($after: String) {
    taskChanged(after: $after) { cursor action taskId fields task { title } deletedTaskId }
}"""
WRITTEN = "... on Task { id }"


async def test_changes_of_tasks_arrive_and_can_be_resumed(world: World) -> None:
    client = world.acme.admin.client
    listening = asyncio.create_task(collect_subscription(world, world.acme.member, TASK_CHANGED, 3, after="0"))
    elsewhere = await world.globex.admin.client.mutate("createTask", WRITTEN, title="Theirs")
    task = await client.mutate("createTask", WRITTEN, title="Plan")
    await client.mutate("updateTask", WRITTEN, id=task["id"], title="Plan B")
    await client.mutate("deleteTask", WRITTEN, id=task["id"])
    seen = await listening
    assert [change["action"] for change in seen] == ["CREATE", "UPDATE", "DELETE"]
    assert {change["taskId"] for change in seen} == {task["id"]} != {elsewhere["id"]}
    assert seen[1]["fields"] == ["title"]
    assert seen[2]["task"] is None
    assert all(change["deletedTaskId"] == (None if change["task"] else task["id"]) for change in seen)
    assert seen[2]["deletedTaskId"] == task["id"]
    assert [
        c["cursor"] for c in await collect_subscription(world, world.acme.member, TASK_CHANGED, 2, seen[0]["cursor"])
    ] == [change["cursor"] for change in seen[1:]]


async def test_an_empty_selection_of_a_described_subscription_tells_that_something_happened(world: World) -> None:
    follows = '"words" subscription S("words" $after: String) { taskChanged(after: $after) {} }'
    await world.acme.admin.client.mutate("createTask", WRITTEN, title="Plan")
    assert await collect_subscription(world, world.acme.member, follows, 1, after="0") == [{}]


FILTERED = """subscription($after: String, $filter: TaskChangeFilter) {
    taskChanged(after: $after, filter: $filter) {
        taskId action actor { fullName } changes { field before after } task { title } } }"""


async def test_a_change_says_who_changed_what(world: World) -> None:
    acme = world.acme
    task = await acme.admin.client.mutate("createTask", WRITTEN, title="Plan")
    await acme.member.client.mutate("updateTask", WRITTEN, id=task["id"], title="Plan B", assigneeId=acme.owner.id)
    _, change = await collect_subscription(world, acme.member, FILTERED, 2, after="0")
    assert change["actor"] == {"fullName": "Member"}
    assert sorted(change["changes"], key=lambda each: str(each["field"])) == [
        {"field": "assignee", "before": None, "after": acme.owner.id},
        {"field": "title", "before": "Plan", "after": "Plan B"},
    ]


async def test_who_follows_with_a_filter_gets_what_meets_it_now_or_met_it_before(world: World) -> None:
    acme, client = world.acme, world.acme.admin.client
    projects = [await client.mutate("createProject", "... on Project { id }", name=name) for name in "ab"]
    first, second = [project["id"] for project in projects]
    one = (await client.mutate("createTask", WRITTEN, title="one", projectId=first))["id"]
    two = (await client.mutate("createTask", WRITTEN, title="two", projectId=second, assigneeId=acme.member.id))["id"]
    await client.mutate("updateTask", WRITTEN, id=two, title="two!")
    await client.mutate("updateTask", WRITTEN, id=one, projectId=second)
    await client.mutate("updateTask", WRITTEN, id=two, assigneeId=None)
    await client.mutate("deleteTask", WRITTEN, id=one)
    expected: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
        ({"taskId": two}, [(two, "CREATE"), (two, "UPDATE"), (two, "UPDATE")]),
        ({"projectId": first}, [(one, "CREATE"), (one, "UPDATE")]),
        ({"projectId": second}, [(two, "CREATE"), (two, "UPDATE"), (one, "UPDATE"), (two, "UPDATE"), (one, "DELETE")]),
        ({"assigneeId": acme.member.id}, [(two, "CREATE"), (two, "UPDATE")]),
        ({"taskId": one, "projectId": first}, [(one, "CREATE"), (one, "UPDATE")]),
        ({"taskId": None}, [(one, "CREATE"), (two, "CREATE")]),
    ]
    for wanted, seen in expected:
        found = await collect_subscription(world, acme.member, FILTERED, len(seen), after="0", filter=wanted)
        assert [(change["taskId"], change["action"]) for change in found] == seen, wanted


FOLLOW = """subscription($after: String) {{ {0}Changed(after: $after) {{
    {0}Id fields changes {{ field before after }} {0} {{ {1} }} }} }}"""


async def test_products_projects_and_articles_are_followed_like_tasks(world: World) -> None:
    admin, member = world.acme.admin.client, world.acme.member
    tea = await create_product(world, "tea", stock=1)
    await admin.mutate("updateProduct", "... on Product { id }", id=tea["id"], price={"amount": "5", "currency": "EUR"})
    project = await admin.mutate("createProject", "... on Project { id }", name="Apollo")
    await admin.mutate("deleteProject", "... on Project { id }", id=project["id"])
    draft = await admin.mutate("createArticle", "... on Article { id }", title="Secret", content="s")
    await admin.mutate("updateArticle", "... on Article { id }", id=draft["id"], title="Said", status="PUBLISHED")

    _, sold = await collect_subscription(world, member, FOLLOW.format("product", "name"), 2, after="0")
    price = {"field": "price", "before": {"amount": "19.90", "currency": "EUR"}}
    assert sold["changes"] == [{**price, "after": {"amount": "5.00", "currency": "EUR"}}]
    assert (sold["productId"], sold["product"]) == (tea["id"], {"name": "Tea"})
    made, gone = await collect_subscription(world, member, FOLLOW.format("project", "name"), 2, after="0")
    assert (made["projectId"], made["project"], gone["project"]) == (project["id"], None, None)
    [told] = await collect_subscription(world, member, FOLLOW.format("article", "title"), 1, after="0")
    assert told["changes"] == [{"field": "status", "before": "DRAFT", "after": "PUBLISHED"}]
    assert (told["articleId"], told["article"]) == (draft["id"], {"title": "Said"})
    first, _ = await collect_subscription(world, world.acme.owner, FOLLOW.format("article", "title"), 2, after="0")
    assert "content" in first["fields"]


assert SCHEMA.subscription_type is not None
CHANGES = [
    name
    for name, field in SCHEMA.subscription_type.fields.items()
    if SCHEMA.type_map["Change"] in getattr(graphql.get_named_type(field.type), "interfaces", ())
]
"""Every subscription of changes."""


@pytest.mark.parametrize("name", CHANGES)
async def test_every_kind_of_change_arrives(name: str, world: World) -> None:
    await insert_rows(world)
    kind = name.removesuffix("Changed")
    fields = f"action {kind}Id fields changes {{ field }} {kind} {{ id }} deleted{kind.capitalize()}Id"
    follow = f"subscription($after: String) {{ {name}(after: $after) {{ {fields} }} }}"
    [change] = await collect_subscription(world, world.acme.owner, follow, 1, after="0")
    assert change["action"] == "CREATE"
    assert change["fields"] == [each["field"] for each in change["changes"]] != []
    shown = change[kind] and change[kind]["id"]
    assert (shown or change[f"deleted{kind.capitalize()}Id"]) == change[f"{kind}Id"]
    assert (shown is None) != (change[f"deleted{kind.capitalize()}Id"] is None)


DELETIONS = """subscription($after: String) {
    orderEvents(after: $after) { deletedOrderId event { type orderId reason order { id } } }
}"""


async def test_who_follows_learns_that_an_order_was_deleted_and_so_does_who_placed_it(world: World) -> None:
    admin, member = world.acme.admin, world.acme.member
    tea = await create_product(world, "tea")
    item = [{"productId": tea["id"], "quantity": 1}]
    order = await member.client.mutate("placeOrder", ORDER_FIELDS, items=item, shippingAddress="x")
    await member.client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"])
    await admin.client.mutate("deleteOrder", TRANSITION_FIELDS, id=order["id"], reason="a duplicate")
    for follower in (admin, member):
        messages = await collect_subscription(world, follower, DELETIONS, 3, after="0")
        assert [message["deletedOrderId"] for message in messages] == [None, None, order["id"]]
        seen = [message["event"] for message in messages]
        assert [event["type"] for event in seen] == ["PLACED", "CANCELLED", "DELETED"]
        assert {event["orderId"] for event in seen} == {order["id"]}
        assert {event["order"] and event["order"]["id"] for event in seen} == {None}
        assert seen[-1]["reason"] == "a duplicate"


@pytest.mark.parametrize("more", ["", "__schema { queryType { name } }"])
async def test_what_a_page_does_not_show_comes_behind_its_cursor(world: World, more: str) -> None:
    """Also where the reference executor answers, which it does for a field that the compiler does not take."""
    client = world.acme.admin.client
    empty = await client.run("{ feedCursor }")
    first = await client.mutate("createTask", WRITTEN, title="Before")
    await collect_subscription(
        world, world.acme.admin, TASK_CHANGED, 1, after=empty["feedCursor"]
    )  # it has its position
    answer = await client.send(f"{{ tasks {{ nodes {{ id }} }} feedCursor {more} }}")
    assert answer["extensions"]["executor"] == ("compiler" if COMPILER_ENABLED and not more else "reference")
    page = answer["data"]
    assert page["tasks"]["nodes"] == [{"id": first["id"]}]
    second = await client.mutate("createTask", WRITTEN, title="After")
    [change] = await collect_subscription(world, world.acme.admin, TASK_CHANGED, 1, after=page["feedCursor"])
    assert change["taskId"] == second["id"]
    assert int(change["cursor"]) > int(page["feedCursor"]) > int(empty["feedCursor"])


async def test_the_cursor_is_of_the_snapshot_that_the_page_is_of(world: World) -> None:
    """Whatever is written meanwhile, each task is on the page or comes behind the cursor, and none is nowhere."""
    client = world.acme.admin.client

    async def write() -> None:
        for number in range(20):
            await client.mutate("createTask", WRITTEN, title=f"Plan {number}")

    writing = asyncio.create_task(write())
    pages = []
    while not writing.done():
        pages.append(await client.run("{ tasks(first: 100) { nodes { id } } feedCursor }"))
    await writing
    every = await collect_subscription(world, world.acme.admin, TASK_CHANGED, 20, after="0")
    for page in pages:
        behind = {change["taskId"] for change in every if int(change["cursor"]) > int(page["feedCursor"])}
        assert behind | {node["id"] for node in page["tasks"]["nodes"]} == {change["taskId"] for change in every}
    assert pages


async def test_a_cursor_ahead_of_the_feed_is_refused(world: World) -> None:
    """As one is that was given before the database was restored to an earlier moment."""
    client = world.acme.member.client
    await client.mutate("createTask", WRITTEN, title="Plan")
    [change] = await collect_subscription(world, world.acme.member, TASK_CHANGED, 1, after="0")
    with pytest.raises(AssertionError, match="ahead of this feed"):
        await collect_subscription(world, world.acme.member, TASK_CHANGED, 1, after=str(int(change["cursor"]) + 1))
    await client.mutate("createTask", WRITTEN, title="Plan B")
    [_] = await collect_subscription(world, world.acme.member, TASK_CHANGED, 1, after=change["cursor"])


async def test_a_look_that_began_before_the_cursor_was_given_refuses_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look_shared_with_others(*_: object) -> int:
        return 0

    for title in ("Plan", "Plan B"):
        await world.acme.member.client.mutate("createTask", WRITTEN, title=title)
    first, second = await collect_subscription(world, world.acme.member, TASK_CHANGED, 2, after="0")
    monkeypatch.setattr(world.app.components.feed, "last_position", look_shared_with_others)
    [change] = await collect_subscription(world, world.acme.member, TASK_CHANGED, 1, after=first["cursor"])
    assert change["cursor"] == second["cursor"]
