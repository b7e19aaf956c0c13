"""Order events, live: everything once, in order, from wherever the subscriber left off."""

import asyncio

import pytest

from tests.support.client import COMPILER_ENABLED
from tests.support.factories import World
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


TASK_CHANGED = (
    "subscription($after: String) { taskChanged(after: $after) { cursor action taskId fields task { title } } }"
)
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
    assert [
        c["cursor"] for c in await collect_subscription(world, world.acme.member, TASK_CHANGED, 2, seen[0]["cursor"])
    ] == [change["cursor"] for change in seen[1:]]


async def test_an_empty_selection_of_a_described_subscription_tells_that_something_happened(world: World) -> None:
    follows = '"words" subscription S("words" $after: String) { taskChanged(after: $after) {} }'
    await world.acme.admin.client.mutate("createTask", WRITTEN, title="Plan")
    assert await collect_subscription(world, world.acme.member, follows, 1, after="0") == [{}]


DELETIONS = "subscription($after: String) { orderEvents(after: $after) { event { type orderId reason order { id } } } }"


async def test_who_follows_learns_that_an_order_was_deleted_and_so_does_who_placed_it(world: World) -> None:
    admin, member = world.acme.admin, world.acme.member
    tea = await create_product(world, "tea")
    item = [{"productId": tea["id"], "quantity": 1}]
    order = await member.client.mutate("placeOrder", ORDER_FIELDS, items=item, shippingAddress="x")
    await member.client.mutate("cancelOrder", TRANSITION_FIELDS, id=order["id"])
    await admin.client.mutate("deleteOrder", TRANSITION_FIELDS, id=order["id"], reason="a duplicate")
    for follower in (admin, member):
        seen = [each["event"] for each in await collect_subscription(world, follower, DELETIONS, 3, after="0")]
        assert [event["type"] for event in seen] == ["PLACED", "CANCELLED", "DELETED"]
        assert {event["orderId"] for event in seen} == {order["id"]}
        assert {event["order"] and event["order"]["id"] for event in seen} == {None}
        assert seen[-1]["reason"] == "a duplicate"


@pytest.mark.parametrize("more", ["", 'suggestArticles(prefix: "a") { id }'])
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
