"""Writing one row: within the actor's tenant, at its version; and locks that make others wait, in one order."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from models import Task
from models.base import new_id
from services.errors import AlreadyExists, NotFound, VersionConflict
from services.writes.rows import (
    delete_row,
    get_row,
    get_row_for_update,
    insert_row,
    lock_rows,
    unique_violation_as,
    update_row,
    violated_constraint,
)
from tests.support.factories import World
from tests.support.service_client import ServiceClient, wait_until_blocked

RULES: list[tuple[Any, dict[str, Any]]] = [
    (get_row, {}),
    (get_row_for_update, {}),
    (update_row, {"changes": {"title": "Mine"}}),
    (delete_row, {}),
]


async def create_task(rules: ServiceClient, world: World, title: str = "Apollo") -> Task:
    values = {"title": title, "created_by": world.acme.admin.user_id}
    return await rules.apply(world.acme.admin, insert_row, model=Task, values=values)


async def test_a_row_is_written_into_the_actors_tenant(rules: ServiceClient, world: World) -> None:
    task = await create_task(rules, world)
    assert (task.tenant_id, task.title, task.title_key, task.version) == (
        world.acme.tenant_id, "Apollo", "apollo", 1,
    )  # fmt: skip
    given = {"model": Task, "row_id": task.id}
    changed = await rules.apply(world.acme.admin, update_row, **given, changes={"title": "Gemini"})
    assert (changed.title, changed.title_key, changed.version) == ("Gemini", "gemini", 2)
    assert await rules.apply(world.acme.admin, update_row, **given, changes={}) == changed
    assert await rules.apply(world.acme.admin, get_row, **given) == changed
    assert await rules.apply(world.acme.admin, delete_row, **given) == changed
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 0


@pytest.mark.parametrize(("rule", "given"), RULES)
async def test_what_is_not_there_is_not_found(
    rules: ServiceClient, world: World, rule: Any, given: dict[str, Any]
) -> None:
    task = await create_task(rules, world)
    condition = {"where": col(Task.title) == "Gemini"}
    for person, row_id, more in (
        (world.acme.admin, new_id(), {}),
        (world.globex.admin, task.id, {}),
        (world.acme.admin, task.id, condition),
    ):
        with pytest.raises(NotFound):
            await rules.apply(person, rule, model=Task, row_id=row_id, **given, **more)
    assert await rules.apply(world.acme.admin, get_row, model=Task, row_id=task.id) == task


@pytest.mark.parametrize(("rule", "given"), RULES[:3])
async def test_a_version_that_has_passed_is_a_conflict(
    rules: ServiceClient, world: World, rule: Any, given: dict[str, Any]
) -> None:
    task = await create_task(rules, world)
    where = {"model": Task, "row_id": task.id}
    for expected in (0, 2):
        with pytest.raises(VersionConflict) as refused:
            await rules.apply(world.acme.admin, rule, **where, **given, expected_version=expected)
        assert (refused.value.row_id, refused.value.version) == (task.id, 1)
    await rules.apply(world.acme.admin, rule, **where, **given, expected_version=1)


async def test_a_broken_unique_constraint_is_a_refusal_and_any_other_is_not(rules: ServiceClient, world: World) -> None:
    task = await create_task(rules, world)

    async def insert_again(fields: dict[str, str]) -> None:
        async with rules.database.write(rules.identity(world.acme.admin)) as session, unique_violation_as(fields):
            actor = rules.actor(world.acme.admin)
            await insert_row(
                session, actor, Task, {"id": task.id, "title": "Twin", "created_by": actor.identity.user_id}
            )

    with pytest.raises(AlreadyExists) as refused:
        await insert_again({"tasks_pkey": "title"})
    assert refused.value.field == "title"
    with pytest.raises(IntegrityError) as raised:
        await insert_again({"tasks_other_key": "title"})
    assert violated_constraint(raised.value) == "tasks_pkey"


async def test_locked_rows_are_those_that_are_there_and_fit(rules: ServiceClient, world: World) -> None:
    one, two = [await create_task(rules, world, title) for title in ("One", "Two")]
    ids, actor = [two.id, one.id, new_id()], rules.actor(world.acme.admin)
    async with rules.database.write(actor.identity) as session:
        assert await lock_rows(session, actor, Task, []) == {}
        assert await lock_rows(session, actor, Task, ids) == {one.id: one, two.id: two}
        fitting = await lock_rows(session, actor, Task, ids, where=col(Task.title) == "Two")
        assert fitting == {two.id: two}
    stranger = rules.actor(world.globex.admin)
    async with rules.database.write(stranger.identity) as session:
        assert await lock_rows(session, stranger, Task, ids) == {}


@pytest.mark.parametrize(("first", "second", "waits"), [(False, False, True), (True, False, True), (True, True, False)])
async def test_a_lock_keeps_others_out_unless_both_share_it(
    rules: ServiceClient, world: World, *, first: bool, second: bool, waits: bool
) -> None:
    task = await create_task(rules, world)
    actor = rules.actor(world.acme.admin)

    async def lock() -> None:
        await rules.apply(world.acme.owner, lock_rows, model=Task, row_ids=[task.id], shared=second)

    async with rules.database.write(actor.identity) as session:
        await lock_rows(session, actor, Task, [task.id], shared=first)
        other = asyncio.create_task(lock())
        if waits:
            await wait_until_blocked(world.connection)
            assert not other.done()
        else:
            async with asyncio.timeout(30):
                await other
    await other


async def test_rows_are_locked_in_the_order_of_their_ids(rules: ServiceClient, world: World) -> None:
    """Whoever waits for the lowest id holds none of the others yet, whatever the order that they lie or came in."""
    tasks = [await create_task(rules, world, str(number)) for number in range(6)]
    ids = sorted(task.id for task in tasks)
    await world.connection.execute("UPDATE tasks SET title = title WHERE id = $1", ids[0])  # it moves to the end

    async def lock_without_an_index() -> list[UUID]:
        actor = rules.actor(world.acme.owner)
        async with rules.database.write(actor.identity) as session:
            for scan in ("indexscan", "bitmapscan"):  # by which they would come in order of themselves
                await session.exec(text(f"SET LOCAL enable_{scan} = off"))
            return list(await lock_rows(session, actor, Task, ids[::-1]))

    actor = rules.actor(world.acme.admin)
    async with rules.database.write(actor.identity) as session:
        await lock_rows(session, actor, Task, ids[:1])
        other = asyncio.create_task(lock_without_an_index())
        await wait_until_blocked(world.connection)
        free = "SELECT id FROM tasks WHERE id = ANY ($1) ORDER BY id FOR UPDATE SKIP LOCKED"
        assert [row["id"] for row in await world.connection.fetch(free, ids)] == ids[1:]
    assert await other == ids
