"""Labels: what they may hold, what must be unique, and what they are on."""

from typing import Any

import pytest

from models import Label, TaskPriority
from models.base import new_id
from services import labels, tasks
from services.errors import InvalidInput
from services.labels import lock_existing
from services.writes.bulk import RowChange
from tests.support.factories import World
from tests.support.rule_checks import RuleChecks
from tests.support.service_client import ServiceClient, invalid_paths

CHECKS = RuleChecks(
    labels,
    labels.LABELS,
    lambda _world: {"name": "one", "color": "RED"},
    limits=[("name", "x" * 50, "x" * 51), ("name", "x", " ")],
    unique=["name"],
)


@pytest.mark.parametrize("check", CHECKS.names)
async def test_its_rules(rules: ServiceClient, world: World, check: str) -> None:
    await CHECKS.run(check, rules, world)


async def create_labels(rules: ServiceClient, world: World, *names: str) -> list[Label]:
    return [await rules.apply(world.acme.admin, labels.create, values={"name": name}) for name in names]


async def test_a_task_has_labels_each_once(rules: ServiceClient, world: World) -> None:
    member, (one, two) = world.acme.member, await create_labels(rules, world, "one", "two")
    values: dict[str, Any] = {"title": "t", "label_ids": [two.id, one.id, two.id]}
    task = await rules.apply(member, tasks.create, values=values)
    assert task.label_ids == [two.id, one.id]
    rows = [RowChange(task.id, {"label_ids": [one.id], "priority": TaskPriority.HIGH})]
    (changed,) = await rules.apply(member, tasks.update_all, rows=rows)
    assert (changed.label_ids, changed.priority, changed.version) == ([one.id], "HIGH", 2)
    made = await rules.apply(member, tasks.create_all, rows=[{"title": "a", "label_ids": [one.id]}, {"title": "b"}])
    assert [(row.label_ids, row.priority) for row in made] == [([one.id], "NONE"), ([], "NONE")]
    emptied = await rules.apply(member, tasks.update, id=task.id, changes={"label_ids": []})
    assert (emptied.label_ids, emptied.version) == ([], 3)


async def test_a_task_has_labels_that_there_are_and_20_at_most(rules: ServiceClient, world: World) -> None:
    member, made = world.acme.member, await create_labels(rules, world, *map(str, range(21)))
    theirs = await rules.apply(world.globex.admin, labels.create, values={"name": "theirs"})
    for wrong, paths in (
        ([made[0].id, new_id()], ["label_ids.1"]),
        ([theirs.id], ["label_ids.0"]),
        ([label.id for label in made], ["label_ids"]),
    ):
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(member, tasks.create, values={"title": "t", "label_ids": wrong})
        assert invalid_paths(refused.value) == paths
    task = await rules.apply(
        member, tasks.create, values={"title": "t", "label_ids": [label.id for label in made[:20]]}
    )
    assert len(task.label_ids) == 20


async def test_a_deleted_label_is_taken_off_all_tasks(rules: ServiceClient, world: World) -> None:
    member, (one, two) = world.acme.member, await create_labels(rules, world, "one", "two")
    both = await rules.apply(member, tasks.create, values={"title": "t", "label_ids": [one.id, two.id]})
    other = await rules.apply(member, tasks.create, values={"title": "o", "label_ids": [two.id]})
    await rules.apply(world.acme.admin, labels.delete, id=one.id)
    left = {row["id"]: (row["label_ids"], row["version"]) for row in await world.connection.fetch("TABLE tasks")}
    assert left == {both.id: ([two.id], 2), other.id: ([two.id], 1)}


async def test_tasks_are_found_by_their_labels_and_sorted_by_priority(rules: ServiceClient, world: World) -> None:
    member, (one, two) = world.acme.member, await create_labels(rules, world, "one", "two")
    for priority in ("LOW", "URGENT", "NONE", "HIGH", "MEDIUM"):
        values = {"title": priority, "priority": TaskPriority(priority), "label_ids": [one.id]}
        await rules.apply(member, tasks.create, values=values)
    await rules.apply(member, tasks.create, values={"title": "other", "label_ids": [two.id]})
    query = (
        "query($l: ID!) { tasks(filter: {labelIds: {contains: $l}}, orderBy: {field: PRIORITY}) { nodes { title } } }"
    )
    found = await member.client.run(query, l=f"Label:{one.id}")
    assert [row["title"] for row in found["tasks"]["nodes"]] == ["NONE", "LOW", "MEDIUM", "HIGH", "URGENT"]
    query = (
        "{ tasks(filter: {priority: {eq: HIGH}}) { nodes { priority labels { totalCount nodes { name color } } } } }"
    )
    shown = {"totalCount": 1, "nodes": [{"name": "one", "color": "GRAY"}]}
    assert (await member.client.run(query))["tasks"]["nodes"] == [{"priority": "HIGH", "labels": shown}]


async def test_a_change_of_labels_is_in_the_history(rules: ServiceClient, world: World) -> None:
    member, (one,) = world.acme.member, await create_labels(rules, world, "one")
    task = await rules.apply(member, tasks.create, values={"title": "t"})
    await rules.apply(member, tasks.update, id=task.id, changes={"label_ids": [one.id]})
    query = "query($t: ID!) { task(id: $t) { history(first: 1) { nodes { changes { field before after } } } } }"
    found = await member.client.run(query, t=f"Task:{task.id}")
    assert found["task"]["history"]["nodes"][0]["changes"] == [
        {"field": "labelIds", "before": [], "after": [f"Label:{one.id}"]}
    ]


async def test_labels_are_kept_while_they_are_pointed_at(rules: ServiceClient, world: World) -> None:
    (one,) = await create_labels(rules, world, "one")
    actor = rules.actor(world.acme.member)
    async with rules.database.write(actor.identity) as session:
        assert set(await lock_existing(session, actor, [one.id, new_id()])) == {one.id}
