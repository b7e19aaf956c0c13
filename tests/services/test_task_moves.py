"""Moving tasks on a board: keys between keys, and nobody else's row."""

import random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from models import Task, TaskStatus
from models.base import new_id, now
from services import projects, tasks
from services.errors import InvalidInput, NotFound, VersionConflict
from services.tasks import MAX_POSITION_LENGTH
from tests.support.factories import World
from tests.support.service_client import ServiceClient, invalid_paths


async def create_tasks(rules: ServiceClient, world: World, titles: str) -> dict[str, Task]:
    member = world.acme.member
    return {title: await rules.apply(member, tasks.create, values={"title": title}) for title in titles}


async def board(world: World) -> str:
    return "".join(row["title"] for row in await world.connection.fetch("SELECT title FROM tasks ORDER BY position"))


async def versions(world: World) -> dict[str, int]:
    rows = await world.connection.fetch("SELECT title, version FROM tasks")
    return {row["title"]: row["version"] for row in rows}


async def key_between(world: World, lower: str | None, higher: str | None) -> str:
    return str(await world.connection.fetchval("SELECT atrium_rank_between($1, $2)", lower, higher))


async def test_a_new_task_comes_last(rules: ServiceClient, world: World) -> None:
    await create_tasks(rules, world, "abc")
    assert await board(world) == "abc"
    first = await world.connection.fetchval("SELECT id FROM tasks WHERE title = 'a'")
    last = await world.connection.fetchval("SELECT id FROM tasks WHERE title = 'c'")
    await rules.apply(world.acme.member, tasks.move, id=first, after=last)
    await create_tasks(rules, world, "d")
    assert await board(world) == "bcad"


@pytest.mark.parametrize(
    ("moved", "side", "beside", "expected"),
    [
        ("a", "after", "c", "bcade"),
        ("a", "before", "c", "bacde"),
        ("e", "before", "a", "eabcd"),
        ("e", "after", "a", "aebcd"),
        ("b", "after", "e", "acdeb"),
    ],
)
async def test_a_task_is_placed_beside_another_and_no_other_row_changes(
    rules: ServiceClient, world: World, moved: str, side: str, beside: str, expected: str
) -> None:
    made = await create_tasks(rules, world, "abcde")
    task = await rules.apply(world.acme.member, tasks.move, id=made[moved].id, **{side: made[beside].id})
    assert await board(world) == expected
    assert (task.version, task.position != made[moved].position) == (2, True)
    assert await versions(world) == {title: 2 if title == moved else 1 for title in made}


async def test_a_task_that_is_there_already_stays_as_it_is(rules: ServiceClient, world: World) -> None:
    made = await create_tasks(rules, world, "abc")
    for side, beside in (("after", "a"), ("before", "c")):
        assert await rules.apply(world.acme.member, tasks.move, id=made["b"].id, **{side: made[beside].id}) == made["b"]
    assert await rules.apply(world.acme.member, tasks.move, id=made["c"].id, after=made["b"].id) == made["c"]
    assert await rules.apply(world.acme.member, tasks.move, id=made["a"].id, before=made["b"].id) == made["a"]


async def test_a_move_may_change_the_column_as_well(rules: ServiceClient, world: World) -> None:
    made = await create_tasks(rules, world, "abc")
    project = await rules.apply(world.acme.admin, projects.create, name="Apollo")
    changes: dict[str, Any] = {"status": TaskStatus.DONE, "project_id": project.id}
    given = {"id": made["a"].id, "after": made["c"].id, "changes": changes}
    task = await rules.apply(world.acme.member, tasks.move, **given, expected_version=1)
    assert (task.status, task.project_id, task.version) == ("DONE", project.id, 2)
    changes = {"project_id": None}
    task = await rules.apply(world.acme.member, tasks.move, id=task.id, after=made["c"].id, changes=changes)
    assert (task.status, task.project_id, task.version) == ("DONE", None, 3)
    with pytest.raises(VersionConflict):
        await rules.apply(world.acme.member, tasks.move, **given, expected_version=1)
    given |= {"changes": {"project_id": new_id()}}
    with pytest.raises(InvalidInput) as refused:
        await rules.apply(world.acme.member, tasks.move, **given)
    assert invalid_paths(refused.value) == ["project_id"]


async def test_what_cannot_be_moved_is_named(rules: ServiceClient, world: World) -> None:
    made = await create_tasks(rules, world, "ab")
    foreign = await world.add(
        "tasks", tenant_id=world.globex.tenant_id, title="x", created_by=world.globex.owner.user_id
    )
    trashed = await world.add(
        "tasks", tenant_id=world.acme.tenant_id, title="x", created_by=world.acme.owner.user_id, deleted_at=now()
    )
    a, b = made["a"].id, made["b"].id
    wrong: list[tuple[dict[str, UUID], str]] = [
        ({}, "after"),
        ({"after": b, "before": b}, "after"),
        ({"before": a}, "before"),
        ({"after": foreign}, "after"),
        ({"before": trashed}, "before"),
        ({"after": new_id()}, "after"),
    ]
    for given, path in wrong:
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(world.acme.member, tasks.move, id=a, **given)
        assert invalid_paths(refused.value) == [path]
    for gone in (foreign, trashed, new_id()):
        with pytest.raises(NotFound):
            await rules.apply(world.acme.member, tasks.move, id=gone, after=a)
    assert await versions(world) == {"a": 1, "b": 1, "x": 1}


async def test_where_there_is_no_room_nothing_moves(rules: ServiceClient, world: World) -> None:
    made = await create_tasks(rules, world, "abc")
    long = "a1" + "a0" * (MAX_POSITION_LENGTH // 2 - 2)
    for title, position in (("a", f"{long}a1"), ("b", f"{long}a2")):
        await world.connection.execute("UPDATE tasks SET position = $2 WHERE title = $1", title, position)
    with pytest.raises(InvalidInput) as refused:
        await rules.apply(world.acme.member, tasks.move, id=made["c"].id, before=made["b"].id)
    assert invalid_paths(refused.value) == ["before"]
    assert await board(world) == "abc"


async def test_ten_thousand_keys_at_one_place_stay_short(world: World) -> None:
    """Always after the last one, always before it, and always directly after or before the same neighbor."""
    grown = """
        DO $$
        DECLARE
            lower text := atrium_rank_between(NULL, NULL);
            higher text := atrium_rank_between(lower, NULL);
            one text; two text; three text; four text; next text;
        BEGIN
            one := higher; two := lower; three := higher; four := lower;
            FOR n IN 1..10000 LOOP
                next := atrium_rank_between(one, NULL);
                ASSERT one COLLATE "C" < next COLLATE "C"; one := next;
                next := atrium_rank_between(NULL, two);
                ASSERT next COLLATE "C" < two COLLATE "C"; two := next;
                next := atrium_rank_between(lower, three);
                ASSERT lower COLLATE "C" < next COLLATE "C" AND next COLLATE "C" < three COLLATE "C"; three := next;
                next := atrium_rank_between(four, higher);
                ASSERT four COLLATE "C" < next COLLATE "C" AND next COLLATE "C" < higher COLLATE "C"; four := next;
            END LOOP;
            PERFORM set_config('tests.lengths', format('%s %s %s %s', length(one), length(two), length(three),
                length(four)), false);
        END $$
    """
    await world.connection.execute(grown)
    lengths = str(await world.connection.fetchval("SELECT current_setting('tests.lengths')")).split()
    assert max(map(int, lengths)) <= 32, lengths


async def test_keys_at_random_places_are_in_order_and_short(world: World) -> None:
    chance, keys = random.Random(7), [await key_between(world, None, None)]
    for _ in range(600):
        at = chance.randrange(len(keys) + 1)
        lower, higher = (keys[at - 1] if at else None), (keys[at] if at < len(keys) else None)
        keys.insert(at, await key_between(world, lower, higher))
    assert keys == sorted(set(keys))
    assert max(map(len, keys)) <= 40


async def test_numbers_of_keys_are_in_the_order_of_their_bytes(rules: ServiceClient, world: World) -> None:
    numbers = sorted({sign * (16**power + off) for sign in (1, -1) for power in range(13) for off in (-1, 0, 1)})
    async with rules.database.write(rules.identity(world.acme.member)) as session:
        parts = [(await session.exec(select(func.atrium_rank_part(n)))).scalar_one() for n in numbers]
        back = [(await session.exec(select(func.atrium_rank_parts(part)))).scalar_one() for part in parts]
    assert parts == sorted(parts)
    assert back == [[number] for number in numbers]


async def test_tasks_created_and_deleted_together_are_judged_one_by_one(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    rows: list[Any] = [
        {"title": "one", "status": TaskStatus.DONE},
        {"title": ""},
        {"title": "two", "project_id": new_id()},
        {"title": "three", "assignee_id": member.member_id, "description": "d"},
        InvalidInput.of("tasks.4.assignee_id", "This is not an id."),
    ]
    made = await rules.apply(member, tasks.create_all, rows=rows, idempotency_key="k")
    assert [invalid_paths(made[index]) for index in (1, 2, 4)] == [
        ["tasks.1.title"],
        ["tasks.2.project_id"],
        ["tasks.4.assignee_id"],
    ]
    assert (made[0].status, made[0].created_by, made[3].status) == ("DONE", member.user_id, "TODO")
    assert (made[3].assignee_id, made[3].description) == (member.user_id, "d")
    assert made[0].position < made[3].position
    again = await rules.apply(member, tasks.create_all, rows=rows, idempotency_key="k")
    assert again[:1] + again[3:4] == made[:1] + made[3:4]
    assert invalid_paths(again[2]) == ["tasks.2.project_id"]

    gone = [made[0].id, new_id(), made[0].id, InvalidInput.of("tasks.3.id", "This is not an id.")]
    deleted = await rules.apply(member, tasks.delete_all, rows=gone)
    assert deleted[0] == made[0]
    assert isinstance(deleted[1], NotFound)
    assert [invalid_paths(outcome) for outcome in deleted[2:]] == [["tasks.2.id"], ["tasks.3.id"]]
    replayed = await rules.apply(member, tasks.create_all, rows=rows, idempotency_key="k")
    assert isinstance(replayed[0], NotFound)
    assert replayed[3] == made[3]
    assert await world.connection.fetchval("SELECT count(*) FROM tasks") == 1


async def test_a_call_of_which_nothing_is_created_uses_up_no_key(rules: ServiceClient, world: World) -> None:
    rows = [{"title": "t", "project_id": new_id()}]
    (refused,) = await rules.apply(world.acme.member, tasks.create_all, rows=rows, idempotency_key="k")
    assert invalid_paths(refused) == ["tasks.0.project_id"]
    (made,) = await rules.apply(world.acme.member, tasks.create_all, rows=[{"title": "t"}], idempotency_key="k")
    assert made.title == "t"
