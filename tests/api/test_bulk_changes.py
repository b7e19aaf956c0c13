"""Many tasks and products changed through HTTP: each in its own way, and each refused alone."""

import asyncio
from typing import Any

import pytest

from models.base import new_id
from tests.support.bulk_mutations import (
    count_transactions,
    create_product,
    create_task,
    record_statements,
    request_error_codes,
    result_paths,
    results,
    run_bulk,
    slow_down,
)
from tests.support.case_context import table_digests
from tests.support.factories import World


async def test_many_tasks_change_each_in_its_own_way(world: World) -> None:
    member = world.acme.member
    project_id = await world.add("projects", tenant_id=world.acme.tenant_id, name="P")
    ids = [await create_task(world, f"t{number}") for number in range(4)]
    rows = [
        {"id": ids[2], "status": "DONE"},
        {"id": ids[0], "title": " New ", "assigneeId": member.id, "projectId": f"Project:{project_id}"},
        {"id": ids[1], "description": "More", "expectedVersion": 1},
        {"id": ids[3]},
    ]
    done, named, described, same = results(await run_bulk(member, "updateTasks", rows))
    assert [r["id"] for r in (done, named, described, same)] == [ids[2], ids[0], ids[1], ids[3]]
    assert (done["title"], done["status"], done["version"]) == ("t2", "DONE", 2)
    assert (named["title"], named["status"], named["assignee"], named["project"]) == (
        "New", "TODO", {"id": member.id}, {"id": f"Project:{project_id}"},
    )  # fmt: skip
    assert (described["description"], described["title"], described["version"]) == ("More", "t1", 2)
    assert (same["title"], same["version"]) == ("t3", 1)

    emptied = results(await run_bulk(member, "updateTasks", [{"id": ids[0], "assigneeId": None, "projectId": None}]))
    assert (emptied[0]["assignee"], emptied[0]["project"], emptied[0]["title"]) == (None, None, "New")


async def test_each_task_is_refused_alone(world: World) -> None:
    ids = [await create_task(world, f"t{number}") for number in range(8)]
    foreign = await create_task(world, "theirs", world.globex.tenant_id)
    their_project = await world.add("projects", tenant_id=world.globex.tenant_id, name="P")
    rows = [
        {"id": ids[0], "title": "Good"},
        {"id": foreign, "title": "Mine now"},
        {"id": f"Task:{new_id()}", "title": "None"},
        {"id": ids[1], "title": " "},
        {"id": ids[2], "title": "x", "expectedVersion": 9},
        {"id": ids[0], "title": "Again"},
        {"id": "Task:1", "title": "x"},
        {"id": ids[3], "title": "x" * 201, "description": "x" * 2001},
        {"id": ids[4], "projectId": f"Project:{their_project}", "assigneeId": world.globex.member.id},
        {"id": ids[5], "assigneeId": world.acme.removed.id},
        {"id": ids[6], "assigneeId": world.acme.member.member_id.hex if world.acme.member.member_id else ""},
        {"id": ids[7], "status": "DONE"},
    ]
    answer = await run_bulk(world.acme.member, "updateTasks", rows)
    made = results(answer)
    assert [r["__typename"] for r in made] == [
        "Task", "NotFound", "NotFound", "InvalidInput", "VersionConflict", "InvalidInput", "InvalidInput",
        "InvalidInput", "InvalidInput", "InvalidInput", "InvalidInput", "Task",
    ]  # fmt: skip
    assert made[1] == made[2]
    assert (made[4]["currentVersion"], made[4]["current"]) == (1, {"id": ids[2]})
    assert [result_paths(made[index]) for index in (3, 5, 6, 7, 8, 9, 10)] == [
        ["tasks.3.title"], ["tasks.5.id"], ["tasks.6.id"], ["tasks.7.title", "tasks.7.description"],
        ["tasks.8.projectId", "tasks.8.assigneeId"], ["tasks.9.assigneeId"], ["tasks.10.assigneeId"],
    ]  # fmt: skip
    assert [made[0]["title"], made[11]["status"]] == ["Good", "DONE"]
    versions = await world.connection.fetch("SELECT title, version FROM tasks ORDER BY id")
    assert [tuple(row) for row in versions] == [
        ("Good", 2), *((f"t{number}", 1) for number in range(1, 7)), ("t7", 2), ("theirs", 1),
    ]  # fmt: skip


async def test_calls_that_claim_the_same_numbers_do_not_deadlock(world: World) -> None:
    await slow_down(world, "UPDATE ON products")
    mine = [await create_product(world, f"a{number}") for number in range(10)]
    yours = [await create_product(world, f"b{number}") for number in range(10)]
    wanted = [f"n{number}" for number in range(10)]
    claims = [dict(zip(mine, wanted, strict=True)), dict(zip(yours, wanted[::-1], strict=True))]
    rows = [[{"id": i, "sku": sku} for i, sku in claim.items()] for claim in claims]
    with record_statements() as sent:
        answers = await asyncio.gather(*(run_bulk(world.acme.admin, "updateProducts", each) for each in rows))
    assert sorted(answer["succeeded"] for answer in answers) == [0, 10]
    assert count_transactions(sent) == 2


async def test_many_products_change_each_in_its_own_way(world: World) -> None:
    ids = [await create_product(world, f"p{number}") for number in range(4)]
    rows = [
        {"id": ids[0], "price": {"amount": "19.9", "currency": "EUR"}},
        {"id": ids[1], "sku": "P1", "name": "One"},
        {"id": ids[2], "isActive": False, "description": None},
        {"id": ids[3], "sku": "fresh"},
    ]
    priced, named, retired, renumbered = results(await run_bulk(world.acme.admin, "updateProducts", rows))
    assert (priced["price"], priced["version"]) == ({"amount": "19.90", "currency": "EUR"}, 2)
    assert (named["sku"], named["name"]) == ("P1", "One")
    assert (retired["isActive"], retired["name"], renumbered["sku"]) == (False, "P2", "fresh")


async def test_each_product_is_refused_alone(world: World) -> None:
    ids = [await create_product(world, f"p{number}") for number in range(9)]
    await create_product(world, "held")
    foreign = await create_product(world, "fremd", world.globex.tenant_id)
    rows = [
        {"id": ids[0], "sku": "HELD"},
        {"id": ids[1], "sku": "new"},
        {"id": ids[2], "sku": "NEW"},
        {"id": ids[3], "sku": "p4"},
        {"id": ids[4], "sku": "p3"},
        {"id": ids[5], "sku": "fremd"},
        {"id": foreign, "name": "Mine"},
        {"id": ids[6], "price": {"amount": "1.001", "currency": "EUR"}},
        {"id": ids[7], "sku": " ", "name": "x" * 201},
        {"id": ids[8], "name": "x", "expectedVersion": 2},
        {"id": ids[8], "name": "y"},
    ]
    made = results(await run_bulk(world.acme.admin, "updateProducts", rows))
    assert [r["__typename"] for r in made] == [
        "AlreadyExists", "Product", "AlreadyExists", "AlreadyExists", "AlreadyExists", "Product", "NotFound",
        "InvalidInput", "InvalidInput", "VersionConflict", "InvalidInput",
    ]  # fmt: skip
    assert [made[index]["field"] for index in (0, 2, 3, 4)] == [f"products.{index}.sku" for index in (0, 2, 3, 4)]
    assert [result_paths(made[index]) for index in (7, 8, 10)] == [
        ["products.7.price.amount"], ["products.8.sku", "products.8.name"], ["products.10.id"],
    ]  # fmt: skip
    changed = "SELECT sku FROM products WHERE version > 1 ORDER BY sku"
    assert [row["sku"] for row in await world.connection.fetch(changed)] == ["fremd", "new"]


async def test_stock_arrives_once_per_key(world: World) -> None:
    ids = [await create_product(world, f"p{number}") for number in range(2)]
    full = await create_product(world, "full", stock=2**31 - 1)
    foreign = await create_product(world, "fremd", world.globex.tenant_id)
    rows = [
        {"id": ids[0], "quantity": 3},
        {"id": ids[1], "quantity": 0},
        {"id": full, "quantity": 1},
        {"id": foreign, "quantity": 1},
        {"id": f"Product:{new_id()}", "quantity": 1},
        {"id": ids[0], "quantity": 1},
        {"id": "Product:x", "quantity": 1},
        {"id": full, "quantity": -1},
    ]
    answer = await run_bulk(world.acme.admin, "restockProducts", rows, idempotencyKey="k")
    made = results(answer)
    assert [r["__typename"] for r in made] == [
        "Product", "InvalidInput", "InvalidInput", "NotFound", "NotFound", "InvalidInput", "InvalidInput",
        "InvalidInput",
    ]  # fmt: skip
    assert (made[0]["stockQuantity"], made[3]) == (8, made[4])
    assert [result_paths(made[index])[0] for index in (1, 2, 5, 6, 7)] == [
        "products.1.quantity", "products.2.quantity", "products.5.id", "products.6.id", "products.7.id",
    ]  # fmt: skip

    before = await table_digests(world.connection)
    assert await run_bulk(world.acme.admin, "restockProducts", rows, idempotencyKey="k") == answer
    other = await run_bulk(world.acme.admin, "restockProducts", rows[:1], idempotencyKey="k")
    assert other["__typename"] == "IdempotencyConflict"
    long = await run_bulk(world.acme.admin, "restockProducts", rows[:1], idempotencyKey="k" * 256)
    assert result_paths(long) == ["idempotencyKey"]
    assert await table_digests(world.connection) == before
    assert results(await run_bulk(world.acme.admin, "restockProducts", rows[:1]))[0]["stockQuantity"] == 11


async def test_twins_with_one_key_count_once(world: World) -> None:
    ids = [await create_product(world, f"p{number}") for number in range(10)]
    rows = [{"id": i, "quantity": 1} for i in ids]
    answers = await asyncio.gather(
        *(run_bulk(world.acme.admin, "restockProducts", rows, idempotencyKey="k") for _ in range(4))
    )
    assert [answer["succeeded"] for answer in answers] == [10] * 4
    assert await world.connection.fetchval("SELECT max(stock_quantity) FROM products") == 6


@pytest.mark.parametrize("quantity", [2**31, 1.5, "1", None])
async def test_a_quantity_that_is_no_integer_is_refused(world: World, quantity: Any) -> None:
    tea = await create_product(world, "tea")
    before = await table_digests(world.connection)
    rows = [{"id": tea, "quantity": quantity}]
    assert await request_error_codes(world.acme.admin, "restockProducts", rows) == ["BAD_USER_INPUT"]
    assert await table_digests(world.connection) == before
