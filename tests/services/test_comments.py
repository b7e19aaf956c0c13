"""Comments: who writes, changes and deletes them, and whom they mention."""

from typing import Any

import pytest

from models import Comment, Task
from models.base import new_id, now
from services import comments, tasks
from services.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from services.tasks import lock_existing
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient, invalid_paths


async def create_task(rules: ServiceClient, world: World) -> Task:
    return await rules.apply(world.acme.member, tasks.create, values={"title": "t"})


async def create_comment(rules: ServiceClient, person: Person, task: Task, body: str = "b", **values: Any) -> Comment:
    return await rules.apply(person, comments.create, values={"task_id": task.id, "body": body, **values})


async def test_a_comment_mentions_members_each_once(rules: ServiceClient, world: World) -> None:
    acme, task = world.acme, await create_task(rules, world)
    mentioned = [acme.owner.member_id, acme.admin.member_id, acme.owner.member_id]
    comment = await create_comment(rules, acme.member, task, "Look", mention_ids=mentioned)
    assert (comment.author_id, comment.task_id, comment.body) == (acme.member.user_id, task.id, "Look")
    assert comment.mention_ids == [acme.owner.user_id, acme.admin.user_id]
    query = """query($u: ID!) { comments(filter: {mentionedId: $u}) {
        nodes { body author { fullName } mentions { nodes { fullName } } task { comments { totalCount } } } } }"""
    shown = {"body": "Look", "author": {"fullName": "Member"}, "task": {"comments": {"totalCount": 1}}}
    found = await acme.member.client.run(query, u=acme.owner.id)
    mentions = {"nodes": [{"fullName": "Admin"}, {"fullName": "Owner"}]}
    assert found["comments"]["nodes"] == [{**shown, "mentions": mentions}]
    assert (await acme.member.client.run(query, u=acme.member.id))["comments"]["nodes"] == []


async def test_what_cannot_be_written_is_named(rules: ServiceClient, world: World) -> None:
    acme, task = world.acme, await create_task(rules, world)
    trashed = await world.add(
        "tasks", tenant_id=acme.tenant_id, title="x", created_by=acme.owner.user_id, deleted_at=now()
    )
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"body": ""}, ["body"]),
        ({"body": "x" * 10_001}, ["body"]),
        ({"task_id": new_id()}, ["task_id"]),
        ({"task_id": trashed}, ["task_id"]),
        ({"mention_ids": [acme.removed.member_id, acme.owner.member_id]}, ["mention_ids.0"]),
        ({"mention_ids": [world.globex.owner.member_id]}, ["mention_ids.0"]),
    ]
    for given, paths in wrong:
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(acme.member, comments.create, values={"task_id": task.id, "body": "b", **given})
        assert invalid_paths(refused.value) == paths
    assert len((await create_comment(rules, acme.member, task, "x" * 10_000)).body) == 10_000
    with pytest.raises(Forbidden):
        await create_comment(rules, world.outsider, task)


async def test_everybody_changes_their_own(rules: ServiceClient, world: World) -> None:
    acme, task = world.acme, await create_task(rules, world)
    comment = await create_comment(rules, acme.member, task, mention_ids=[acme.owner.member_id])
    changed = await rules.apply(acme.member, comments.update, id=comment.id, changes={"body": "c"}, expected_version=1)
    assert (changed.body, changed.version, changed.mention_ids) == ("c", 2, [acme.owner.user_id])
    with pytest.raises(VersionConflict):
        await rules.apply(acme.member, comments.update, id=comment.id, changes={"body": "d"}, expected_version=1)
    for person in (acme.admin, acme.owner, world.globex.member):
        with pytest.raises(NotFound):
            await rules.apply(person, comments.update, id=comment.id, changes={"body": "d"})


async def test_a_comment_is_deleted_by_its_author_or_an_admin(rules: ServiceClient, world: World) -> None:
    acme, task = world.acme, await create_task(rules, world)
    mine, theirs = await create_comment(rules, acme.member, task), await create_comment(rules, acme.admin, task)
    with pytest.raises(NotFound):
        await rules.apply(acme.member, comments.delete, id=theirs.id)
    assert await rules.apply(acme.member, comments.delete, id=mine.id) == mine
    other = await create_comment(rules, acme.member, task)
    assert await rules.apply(acme.admin, comments.delete, id=other.id) == other
    await create_comment(rules, acme.member, task)
    await rules.apply(acme.member, tasks.delete, id=task.id)
    assert await world.connection.fetchval("SELECT count(*) FROM comments") == 0


async def test_comments_are_hidden_with_their_task(rules: ServiceClient, world: World) -> None:
    task = await create_task(rules, world)
    comment = await create_comment(rules, world.acme.member, task)
    assert await rules.rows(world.acme.owner, comments.COMMENTS) == [comment]
    await world.connection.execute("UPDATE tasks SET deleted_at = now()")
    assert await rules.rows(world.acme.owner, comments.COMMENTS) == []


async def test_tasks_are_kept_while_they_are_commented(rules: ServiceClient, world: World) -> None:
    task, actor = await create_task(rules, world), rules.actor(world.acme.member)
    async with rules.database.write(actor.identity) as session:
        assert set(await lock_existing(session, actor, [task.id, new_id()])) == {task.id}
