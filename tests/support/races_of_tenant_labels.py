"""Races of what is on boards besides tasks: labels and comments."""

from services import comments, labels, tasks
from services.errors import AlreadyExists, InvalidInput, NotFound, VersionConflict
from tests.support.races import RaceContext, race, refused

LOST_LABELS = "SELECT count(*) FROM tasks, unnest(label_ids) l WHERE NOT EXISTS (SELECT FROM labels WHERE id = l)"
"""Labels of tasks that are gone."""


@race
async def labelling_a_task_with_a_label_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    label = await context.rules.apply(acme.admin, labels.create, values={"name": "Bug"})
    values = {"title": "Fly", "label_ids": [label.id]}
    await context.rules.apply(acme.member, tasks.create, values=values)
    labelling = context.in_transaction(acme.member, tasks.create, values=values)
    deleting = context.in_transaction(acme.admin, labels.delete, id=label.id)
    assert refused(await context.rendezvous.between("tasks", labelling, deleting), InvalidInput) <= 1
    assert await context.value(LOST_LABELS) == 0


@race
async def creating_two_labels_of_one_name(context: RaceContext) -> None:
    creating = context.in_transaction(context.world.acme.admin, labels.create, values={"name": "Bug"})
    assert refused(await context.rendezvous.between("labels", creating, creating), AlreadyExists) == 1


@race
async def updating_a_label_at_one_version_twice(context: RaceContext) -> None:
    admin = context.world.acme.admin
    label = await context.rules.apply(admin, labels.create, values={"name": "Bug"})
    changes = [
        context.in_transaction(admin, labels.update, id=label.id, changes={"name": name}, expected_version=1)
        for name in "ab"
    ]
    assert refused(await context.rendezvous.between("labels", *changes), VersionConflict) == 1


@race
async def commenting_on_a_task_that_is_deleted(context: RaceContext) -> None:
    member = context.world.acme.member
    task = await context.rules.apply(member, tasks.create, values={"title": "Fly"})
    commenting = context.in_transaction(member, comments.create, values={"task_id": task.id, "body": "When?"})
    deleting = context.in_transaction(member, tasks.delete, id=task.id)
    assert refused(await context.rendezvous.during("comments", commenting, deleting), NotFound) <= 1
    assert await context.value("SELECT count(*) FROM comments") == 0


@race
async def updating_a_comment_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    task = await context.rules.apply(acme.member, tasks.create, values={"title": "Fly"})
    comment = await context.rules.apply(acme.member, comments.create, values={"task_id": task.id, "body": "When?"})
    updating = context.in_transaction(acme.member, comments.update, id=comment.id, changes={"body": "Now?"})
    deleting = context.in_transaction(acme.admin, comments.delete, id=comment.id)
    assert refused(await context.rendezvous.between("comments", updating, deleting), NotFound) <= 1
    assert await context.value("SELECT count(*) FROM comments") == 0
