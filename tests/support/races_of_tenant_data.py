"""Races of what tenants work with: tasks, documents, articles."""

from uuid import UUID

from models import ArticleStatus
from services import articles, documents, projects, tasks, tenants
from services.errors import (
    AlreadyExists,
    DomainError,
    IllegalTransition,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from services.writes.bulk import RowChange
from tests.support.races import RaceContext, race, refused

LOST_TASKS = (
    "SELECT count(*) FROM tasks t JOIN projects p ON p.id = t.project_id WHERE t.deleted_at IS NULL AND p.is_deleted"
)
"""Live tasks in a project that is in the trash."""

LAST_IS_DELETION = """
    SELECT new_values ->> 'deleted_at' IS NOT NULL FROM audit_log WHERE table_name = 'documents'
    ORDER BY created_at DESC LIMIT 1
"""
"""Whether the last that happened to a document was that it went to the trash."""


@race
async def creating_a_task_in_a_project_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    project = await context.rules.apply(acme.admin, projects.create, name="Apollo")
    noting = context.in_transaction(acme.member, tasks.create, values={"title": "Fly", "project_id": project.id})
    await context.rendezvous.between(
        "tasks", noting, context.in_transaction(acme.admin, projects.delete, id=project.id)
    )
    assert await context.value("SELECT count(*) FROM tasks WHERE deleted_at IS NULL") == 0


@race
async def assigning_a_task_to_a_member_who_is_removed(context: RaceContext) -> None:
    acme = context.world.acme
    noting = context.in_transaction(
        acme.admin, tasks.create, values={"title": "Fly", "assignee_id": acme.member.member_id}
    )
    removing = context.in_transaction(acme.owner, tenants.remove, id=acme.member.member_id)
    await context.rendezvous.during("tasks", noting, removing)
    late = (
        "SELECT count(*) FROM tasks t JOIN memberships m ON m.user_id = t.assignee_id WHERE t.created_at > m.ended_at"
    )
    assert await context.value(late) == 0


@race
async def updating_a_task_at_one_version_twice(context: RaceContext) -> None:
    member = context.world.acme.member
    task = await context.rules.apply(member, tasks.create, values={"title": "Fly"})
    changes = [
        context.in_transaction(member, tasks.update, id=task.id, changes={"title": title}, expected_version=1)
        for title in "ab"
    ]
    assert refused(await context.rendezvous.between("tasks", *changes), VersionConflict) == 1


async def _board(context: RaceContext, *positions: str) -> list[UUID]:
    """Tasks at these positions, by their ids."""
    made = []
    for position in positions:
        task = await context.rules.apply(context.world.acme.member, tasks.create, values={"title": position})
        await context.world.connection.execute("UPDATE tasks SET position = $2 WHERE id = $1", task.id, position)
        made.append(task.id)
    return made


@race
async def moving_two_tasks_to_one_place(context: RaceContext) -> None:
    first, _, third, fourth = await _board(context, "a1", "a3", "a5", "a7")  # between the first two is one number
    moves = [
        context.in_transaction(context.world.acme.member, tasks.move, id=task_id, after=first)
        for task_id in (third, fourth)
    ]
    outcomes = await context.rendezvous.between("tasks", *moves)
    assert refused(outcomes) == 0
    order = [title for (title,) in await context.world.connection.fetch("SELECT title FROM tasks ORDER BY position")]
    assert order in (["a1", "a5", "a7", "a3"], ["a1", "a7", "a5", "a3"])


@race
async def moving_a_task_beside_one_that_is_deleted(context: RaceContext) -> None:
    member, (first, _, third) = context.world.acme.member, await _board(context, "a1", "a3", "a5")
    moving = context.in_transaction(member, tasks.move, id=third, after=first)
    outcomes = await context.rendezvous.between("tasks", moving, context.in_transaction(member, tasks.delete, id=first))
    assert refused(outcomes, InvalidInput) <= 1
    order = [title for (title,) in await context.world.connection.fetch("SELECT title FROM tasks ORDER BY position")]
    assert order == (["a3", "a5"] if isinstance(outcomes[0], InvalidInput) else ["a5", "a3"])


@race
async def creating_tasks_in_a_project_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    project = await context.rules.apply(acme.admin, projects.create, name="Apollo")
    noting = context.in_transaction(
        acme.member, tasks.create_all, rows=[{"title": "Fly", "project_id": project.id}, {"title": "Land"}]
    )
    await context.rendezvous.between(
        "tasks", noting, context.in_transaction(acme.admin, projects.delete, id=project.id)
    )
    assert await context.value(LOST_TASKS) == 0
    assert await context.value("SELECT count(*) FROM tasks WHERE deleted_at IS NULL") == 1


@race
async def deleting_tasks_one_of_which_is_deleted(context: RaceContext) -> None:
    member, ids = context.world.acme.member, await _board(context, "a1", "a3")
    outcomes = await context.rendezvous.between(
        "tasks",
        context.in_transaction(member, tasks.delete_all, rows=ids),
        context.in_transaction(member, tasks.delete, id=ids[1]),
    )
    assert refused(outcomes, NotFound) == (not isinstance(outcomes[0][1], NotFound))
    assert await context.value("SELECT count(*) FROM tasks") == 0


@race
async def moving_a_task_into_a_project_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    project = await context.rules.apply(acme.admin, projects.create, name="Apollo")
    task = await context.rules.apply(acme.member, tasks.create, values={"title": "Fly"})
    moving = context.in_transaction(acme.member, tasks.update, id=task.id, changes={"project_id": project.id})
    await context.rendezvous.during("tasks", moving, context.in_transaction(acme.admin, projects.delete, id=project.id))
    assert await context.value(LOST_TASKS) == 0


@race
async def moving_tasks_into_a_project_that_is_deleted(context: RaceContext) -> None:
    acme = context.world.acme
    project = await context.rules.apply(acme.admin, projects.create, name="Apollo")
    task = await context.rules.apply(acme.member, tasks.create, values={"title": "Fly"})
    moving = context.in_transaction(
        acme.member, tasks.update_all, rows=[RowChange(task.id, {"project_id": project.id})]
    )
    await context.rendezvous.during("tasks", moving, context.in_transaction(acme.admin, projects.delete, id=project.id))
    assert await context.value(LOST_TASKS) == 0


@race
async def saving_a_task_of_a_former_member_while_it_is_reassigned(context: RaceContext) -> None:
    acme = context.world.acme
    task = await context.rules.apply(
        acme.admin, tasks.create, values={"title": "Fly", "assignee_id": acme.member.member_id}
    )
    await context.in_transaction(acme.owner, tenants.remove, id=acme.member.member_id)()
    unchanged = {"assignee_id": acme.member.member_id, "title": "Land"}
    saving = context.in_transaction(acme.admin, tasks.update, id=task.id, changes=unchanged)
    giving = context.in_transaction(acme.owner, tasks.update, id=task.id, changes={"assignee_id": acme.owner.member_id})
    outcomes = await context.rendezvous.during("tasks", saving, giving)
    assert refused(outcomes) == 0
    assert await context.value("SELECT assignee_id FROM tasks") == acme.owner.user_id


@race
async def deleting_a_project_twice(context: RaceContext) -> None:
    admin = context.world.acme.admin
    project = await context.rules.apply(admin, projects.create, name="Apollo")
    deleting = context.in_transaction(admin, projects.delete, id=project.id)
    outcomes = await context.rendezvous.between("projects", deleting, deleting)
    assert refused(outcomes) == 0
    assert {(outcome.version, outcome.deleted_at) for outcome in outcomes} == {(2, outcomes[0].deleted_at)}


@race
async def restoring_a_project_that_is_deleted_again(context: RaceContext) -> None:
    admin = context.world.acme.admin
    project = await context.rules.apply(admin, projects.create, name="Apollo")
    await context.rules.apply(admin, tasks.create, values={"title": "Fly", "project_id": project.id})
    await context.rules.apply(admin, projects.delete, id=project.id)
    restoring = context.in_transaction(admin, projects.restore, id=project.id)
    await context.rendezvous.between("tasks", restoring, context.in_transaction(admin, projects.delete, id=project.id))
    apart = "SELECT count(*) FROM tasks t JOIN projects p ON p.id = t.project_id"
    assert await context.value(f"{apart} WHERE t.deleted_at IS DISTINCT FROM p.deleted_at") == 0


@race
async def creating_two_documents_of_one_title(context: RaceContext) -> None:
    writing = context.in_transaction(context.world.acme.member, documents.create, values={"title": "Plan"})
    assert refused(await context.rendezvous.between("documents", writing, writing), AlreadyExists) == 1


@race
async def updating_a_document_that_is_deleted(context: RaceContext) -> None:
    member = context.world.acme.member
    row = await context.rules.apply(member, documents.create, values={"title": "Plan"})
    change = context.in_transaction(member, documents.update, id=row.id, changes={"content": "late"})
    deleting = context.in_transaction(member, documents.delete, id=row.id)
    outcomes = await context.rendezvous.during("documents", change, deleting)
    late = await context.value("SELECT content = 'late' FROM documents")
    assert refused(outcomes, NotFound) == (not late)
    assert await context.value(LAST_IS_DELETION)


@race
async def reverting_a_document_that_is_deleted(context: RaceContext) -> None:
    member = context.world.acme.member
    row = await context.rules.apply(member, documents.create, values={"title": "Plan", "content": "early"})
    await context.rules.apply(member, documents.update, id=row.id, changes={"content": "late"})
    first = await context.value("SELECT id FROM audit_log WHERE row_id = $1 ORDER BY created_at LIMIT 1", row.id)
    reverting = context.in_transaction(member, documents.revert, id=row.id, to=first)
    deleting = context.in_transaction(member, documents.delete, id=row.id)
    outcomes = await context.rendezvous.during("documents", reverting, deleting)
    late = await context.value("SELECT content = 'late' FROM documents")
    assert refused(outcomes, NotFound) == late
    assert await context.value(LAST_IS_DELETION)


@race
async def purging_a_document_that_is_restored(context: RaceContext) -> None:
    admin = context.world.acme.admin
    row = await context.rules.apply(admin, documents.create, values={"title": "Plan"})
    await context.rules.apply(admin, documents.delete, id=row.id)
    restoring = context.in_transaction(admin, documents.restore, id=row.id)
    outcomes = await context.rendezvous.between(
        "documents", context.in_transaction(admin, documents.purge, id=row.id), restoring
    )
    assert refused(outcomes, NotFound, IllegalTransition) == 1
    assert await context.value("SELECT count(*) FROM documents") == isinstance(outcomes[0], DomainError)


@race
async def restoring_into_a_project_that_is_deleted(context: RaceContext) -> None:
    admin = context.world.acme.admin
    project = await context.rules.apply(admin, projects.create, name="Apollo")
    row = await context.rules.apply(admin, documents.create, values={"title": "Plan", "project_id": project.id})
    await context.rules.apply(admin, documents.delete, id=row.id)
    restoring = context.in_transaction(admin, documents.restore, id=row.id)
    await context.rendezvous.between(
        "documents", restoring, context.in_transaction(admin, projects.delete, id=project.id)
    )
    lost = "SELECT count(*) FROM documents d JOIN projects p ON p.id = d.project_id WHERE d.deleted_at IS NULL"
    assert await context.value(f"{lost} AND p.is_deleted") == 0


@race
async def updating_a_draft_that_is_published(context: RaceContext) -> None:
    acme = context.world.acme
    row = await context.rules.apply(acme.member, articles.create, values={"title": "Tea", "content": "green"})
    change = context.in_transaction(acme.member, articles.update, id=row.id, changes={"content": "black"})
    publish = context.in_transaction(
        acme.admin, articles.update, id=row.id, changes={"status": ArticleStatus.PUBLISHED}
    )
    outcomes = await context.rendezvous.between("articles", change, publish)
    assert await context.value("SELECT content FROM articles") == (
        "black" if not refused(outcomes, NotFound) else "green"
    )


@race
async def deleting_a_draft_that_is_published(context: RaceContext) -> None:
    acme = context.world.acme
    row = await context.rules.apply(acme.member, articles.create, values={"title": "Tea", "content": "green"})
    publish = context.in_transaction(
        acme.admin, articles.update, id=row.id, changes={"status": ArticleStatus.PUBLISHED}
    )
    outcomes = await context.rendezvous.between(
        "articles", context.in_transaction(acme.member, articles.delete, id=row.id), publish
    )
    assert refused(outcomes, NotFound) == 1
    assert await context.value("SELECT count(*) FROM articles") == isinstance(outcomes[0], NotFound)
