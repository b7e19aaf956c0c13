"""Bulk work through HTTP: nothing done for a call that is refused, few statements, and no waiting in circles."""

import asyncio
from typing import Any

import pytest
from graphql import build_schema, parse

from graph.runtime.complexity import ROW_COST, WRITE_COST, analyze
from graph.schema import create_schema
from models.base import new_id
from tests.support.bulk_mutations import (
    BULK_MUTATIONS,
    count_transactions,
    create_product,
    create_task,
    record_statements,
    request_error_codes,
    result_paths,
    result_types,
    run_bulk,
    sample_row,
)
from tests.support.case_context import CaseContext, table_digests
from tests.support.case_objects import order
from tests.support.factories import PASSWORD, Person, World


@pytest.mark.parametrize("mutation", BULK_MUTATIONS)
async def test_no_rows_or_too_many_are_refused_as_a_whole(world: World, mutation: str) -> None:
    before = await table_digests(world.connection)
    name = BULK_MUTATIONS[mutation][0]
    for rows in ([], [sample_row(mutation, number) for number in range(1001)]):
        answer = await run_bulk(world.acme.owner, mutation, rows)
        assert (answer["__typename"], answer["code"], result_paths(answer)) == (
            "InvalidInput",
            "BAD_USER_INPUT",
            [name],
        )
    assert await table_digests(world.connection) == before


@pytest.mark.parametrize(("mutation", "field"), [("createUsers", "fullName"), ("updateTasks", "title")])
async def test_the_character_nul_is_refused_before_anything_is_read(world: World, mutation: str, field: str) -> None:
    before = await table_digests(world.connection)
    rows = [sample_row(mutation, 1), {**sample_row(mutation, 2), field: "a\0b"}]
    assert await request_error_codes(world.acme.owner, mutation, rows) == ["BAD_REQUEST"]
    assert await table_digests(world.connection) == before


@pytest.mark.parametrize("mutation", BULK_MUTATIONS)
async def test_a_thousand_rows_are_not_too_many(world: World, mutation: str) -> None:
    answer = await run_bulk(world.acme.owner, mutation, [sample_row(mutation, number) for number in range(1000)])
    if mutation == "setUsersActive":
        assert answer["count"] == 0
    else:
        made = {"createUsers": "Invitation", "createTasks": "Task"}
        assert set(result_types(answer)) == {made.get(mutation, "NotFound")}


@pytest.mark.parametrize("mutation", BULK_MUTATIONS)
async def test_who_may(world: World, mutation: str) -> None:
    before = await table_digests(world.connection)
    rows = [sample_row(mutation, 1)]
    by_role = {
        role: await request_error_codes(getattr(world.acme, role), mutation, rows)
        for role in ("member", "removed", "admin")
    }
    outside = await request_error_codes(world.outsider, mutation, rows)
    nobody = await request_error_codes(Person(new_id(), "", world.nobody), mutation, rows)
    assert by_role["member"] == ([] if mutation.endswith("Tasks") else ["FORBIDDEN"])
    removed = "FORBIDDEN" if mutation == "createUsers" else "UNAUTHENTICATED"
    assert (by_role["removed"], outside, nobody) == ([removed], ["FORBIDDEN"], ["UNAUTHENTICATED"])
    assert by_role["admin"] == []
    if not mutation.startswith("create"):
        assert await table_digests(world.connection) == before


@pytest.mark.parametrize(
    ("mutation", "password"), [("createUsers", PASSWORD), *((mutation, None) for mutation in BULK_MUTATIONS)]
)
async def test_statements_do_not_grow_with_rows(
    world: World, mutation: str, password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hash_all(given: list[str]) -> list[str]:
        return given

    monkeypatch.setattr(world.app.components.auth.passwords, "hash_all", hash_all)

    async def count(rows: list[Any]) -> int:
        with record_statements() as sent:
            answer = await run_bulk(world.acme.owner, mutation, rows)
        assert answer["__typename"] != "InvalidInput"
        assert answer.get("failed", 0) == 0
        assert answer.get("count", len(rows)) == len(rows)
        return len(sent)

    async def make(number: int) -> Any:
        row = sample_row(mutation, number)
        if mutation == "createUsers":
            return {**row, "email": f"new{number}@example.com", "password": password}
        if mutation == "setUsersActive":
            user = await world.add("users", email=f"{number}@x.example", full_name="x")
            member = {"tenant_id": world.acme.tenant_id, "user_id": user, "full_name": "", "email": ""}
            return f"User:{await world.add('memberships', **member)}"
        if mutation.endswith("Tasks"):
            there = {} if mutation == "createTasks" else {"id": await create_task(world, f"t{number}")}
            given = {} if mutation == "deleteTasks" else {"assigneeId": world.acme.member.id}
            return {**row, **there, **given}
        if mutation == "confirmOrders":
            return {**row, "id": await order(CaseContext(world, world.acme, None))}
        changed = {**row, "id": await create_product(world, f"p{number}")}
        return {**changed, "sku": f"new{number}"} if mutation == "updateProducts" else changed

    made = [await make(number) for number in range(102)]
    await count(made[:1])  # connects, and reads types
    one, many = await count(made[1:2]), await count(made[2:])
    assert one == many
    assert 2 <= one <= 12


async def test_calls_over_the_same_rows_do_not_deadlock(world: World) -> None:
    tasks = [await create_task(world, f"t{number}") for number in range(50)]
    products = [await create_product(world, f"p{number}", stock=0) for number in range(50)]

    async def both(person: Person, number: int) -> None:
        turn = slice(None, None, -1 if number % 2 else 1)
        changed = await run_bulk(person, "updateTasks", [{"id": i, "title": f"by {number}"} for i in tasks[turn]])
        stocked = await run_bulk(person, "restockProducts", [{"id": i, "quantity": 1} for i in products[turn]])
        renamed = await run_bulk(
            person,
            "updateProducts",
            [{"id": i, "sku": f"sku {number} {i}"} for i in products[turn]],
        )
        assert (changed["failed"], stocked["failed"], renamed["failed"]) == (0, 0, 0)

    people = [world.acme.owner, world.acme.admin]
    with record_statements() as sent:
        await asyncio.gather(*(both(people[number % 2], number) for number in range(6)))
    assert await world.connection.fetchval("SELECT min(version) FROM tasks") == 7
    assert await world.connection.fetchval("SELECT min(stock_quantity) FROM products") == 6
    assert count_transactions(sent) == 18


def test_the_answer_of_a_call_costs_what_its_rows_cost() -> None:
    schema = build_schema(create_schema().as_str())
    document = """mutation($input: UpdateTasksInput!) {
        updateTasks(input: $input) { ... on TaskOutcomes { outcomes { index result { ... on Task { id } } } } }
    }"""
    literal = """mutation($rows: [UpdateTaskInput!]!) {
        updateTasks(input: {tasks: $rows}) { ... on TaskOutcomes { outcomes { index result { ... on Task { id } } } } }
    }"""
    for rows, expected in ((1, 20), (20, 20), (21, 21), (1000, 1000)):
        cost = 2 + 3 * expected + WRITE_COST + ROW_COST * rows
        given = [sample_row("updateTasks", number) for number in range(rows)]
        assert analyze(schema, parse(document), None).measure({"input": {"tasks": given}}).cost == cost
        assert analyze(schema, parse(literal), None).measure({"rows": given}).cost == cost
