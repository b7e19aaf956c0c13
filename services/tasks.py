"""The rules of tasks: what is to be done, by whom and until when."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, NamedTuple, TypedDict, cast
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, Uuid, and_, bindparam, literal_column, select
from sqlmodel import col

from models import Membership, Project, Task, TaskStatus
from models.base import table_of
from models.database import WriteSession
from services.errors import DomainError, InvalidInput
from services.permissions import TENANT_ID, Actor, Permission, permitted
from services.queries.collection import Collection, Order, containing
from services.tenants import account_of
from services.validation import Checks, checking
from services.writes.bulk import Call, Change, refuse_absent, written
from services.writes.idempotency import once
from services.writes.row_update import Edit, edited
from services.writes.rows import found, inserted, locked, removed

__all__ = ["TASKS", "TaskChanges", "change", "change_all", "create", "delete", "edit", "visible"]

LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 2000

LIVE = col(Task.deleted_at).is_(None)

# Nulls last in both directions. CASE and not COALESCE, which row-level security keeps out of index conditions; each
# has its index.
DUE = Order(
    literal_column(
        "CASE WHEN tasks.due_date IS NULL THEN 'infinity'::timestamptz ELSE tasks.due_date END",
        DateTime(timezone=True),
    ),
    literal_column(
        "CASE WHEN tasks.due_date IS NULL THEN '-infinity'::timestamptz ELSE tasks.due_date END",
        DateTime(timezone=True),
    ),
)


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """All of the tenant's tasks, but for those that went to the trash with their project."""
    permitted(permissions, Permission.TASKS_READ)
    return select(*table_of(Task).c).where(col(Task.tenant_id) == TENANT_ID, LIVE)


TASKS = Collection(
    model=Task,
    visible=visible,
    filters={
        "status": col(Task.status) == bindparam("status", type_=Text()),
        "due_from": DUE.descending >= bindparam("due_from", type_=DateTime(timezone=True)),
        "due_before": DUE.ascending < bindparam("due_before", type_=DateTime(timezone=True)),
        "project_id": col(Task.project_id) == bindparam("project_id", type_=Uuid()),
        "assignee_id": col(Task.assignee_id) == account_of("assignee_id"),
        "text": containing("tasks_text", col(Task.id)),
    },
    orders={
        "created_at": Order.by(col(Task.created_at)),
        "updated_at": Order.by(col(Task.updated_at)),
        "due_date": DUE,
        "title": Order.by(col(Task.title_key)),
    },
    default_order=("created_at", True),
)


class TaskChanges(TypedDict, total=False):
    """What an update says; what is absent stays as it is."""

    title: str
    description: str | None
    status: TaskStatus
    due_date: datetime | None
    project_id: UUID | None
    assignee_id: UUID | None


async def create(
    session: WriteSession, actor: Actor, *, values: TaskChanges, idempotency_key: str | None = None
) -> Task:
    """Note a task; `title` is required, and `status` is TODO by default.

    Raises:
        NotFound: the same call with the same key made a task that is no longer there.
        InvalidInput: a title that is empty or longer than 200 characters, a description longer than 2,000, an
            unknown or deleted project, an assignee who is not an active member.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.TASKS_WRITE)

    async def make() -> UUID:
        checked = await _checked(session, actor, values)  # in here, so that a replay is answered whatever became of it
        row = {"status": TaskStatus.TODO, **checked, "created_by": actor.identity.user_id}
        return (await inserted(session, actor, Task, row)).id

    task_id = await once(session, actor, "createTask", idempotency_key, values, make)
    return await found(session, actor, Task, task_id, only=LIVE)


async def change(
    session: WriteSession, actor: Actor, *, id: UUID, changes: TaskChanges, expected_version: int | None = None
) -> Task:
    """Change a task; what is absent from the changes stays as it is.

    Raises:
        NotFound: no such task.
        InvalidInput: as in `create`.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.TASKS_WRITE)
    checked = await _checked(session, actor, changes)
    return await edited(session, actor, Edit(Task, id, checked, expected_version, LIVE))


def edit(actor: Actor, *, id: UUID, changes: TaskChanges, expected_version: int | None = None) -> Edit[Task] | None:
    """The edit that `change` comes down to; None if the task is to point at something, which has to be there.

    Raises:
        InvalidInput: as in `create`.
    """
    actor.require(Permission.TASKS_WRITE)
    if changes.get("project_id") or changes.get("assignee_id"):
        return None
    with checking() as checks:
        return Edit(Task, id, _columns(checks, changes, NOTHING), expected_version, LIVE)


async def change_all(
    session: WriteSession, actor: Actor, *, rows: Sequence[Change | InvalidInput]
) -> list[Task | DomainError]:
    """Change up to 1,000 tasks, each as in `change`; give what became of each, in their order.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
    """
    actor.require(Permission.TASKS_WRITE)
    call = Call[Change, Task]("tasks", rows)
    call.refuse_repeated("id", lambda row: row.id)
    there = await _pointed_at(session, actor, [_changes(row) for row in call.open.values()])
    columns: dict[int, dict[str, Any]] = {}
    for index, row in call.rows():
        with call.checking(index) as checks:
            columns[index] = _columns(checks, _changes(row), there)
    current = await locked(session, actor, Task, [row.id for row in call.open.values()], only=LIVE)
    refuse_absent(call, Task, current)
    changes = {row.id: columns[index] for index, row in call.rows()}
    changed = await written(session, actor, Task, current, changes)
    call.end_all({index: changed[row.id] for index, row in call.rows()})
    return call.outcomes()


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> Task:
    """Delete a task for good; give it as it was.

    Raises:
        NotFound: no such task.
    """
    actor.require(Permission.TASKS_WRITE)
    return await removed(session, actor, Task, id, only=LIVE)


class PointedAt(NamedTuple):
    """What tasks may point at: projects, and active members by their ids, with their accounts."""

    projects: AbstractSet[UUID]
    members: Mapping[UUID, UUID]


NOTHING = PointedAt(frozenset(), {})


async def _checked(session: WriteSession, actor: Actor, changes: TaskChanges) -> dict[str, Any]:
    """The changes as columns."""
    there = await _pointed_at(session, actor, [changes])
    with checking() as checks:
        return _columns(checks, changes, there)


def _columns(checks: Checks, changes: TaskChanges, there: PointedAt) -> dict[str, Any]:
    columns: dict[str, Any] = dict(changes)
    if "title" in changes:
        columns["title"] = checks.text("title", changes["title"], least=1, most=LONGEST_TITLE)
    if description := changes.get("description"):
        columns["description"] = checks.text("description", description, most=LONGEST_DESCRIPTION)
    if (project_id := changes.get("project_id")) and project_id not in there.projects:
        checks.problem("project_id", "There is no such project.")
    if assignee_id := changes.get("assignee_id"):
        columns["assignee_id"] = there.members.get(assignee_id)
        if assignee_id not in there.members:
            checks.problem("assignee_id", "There is no such active member.")
    return columns


async def _pointed_at(session: WriteSession, actor: Actor, rows: Sequence[TaskChanges]) -> PointedAt:
    """What the rows point at, as far as it is there; it is kept in place until the transaction ends."""
    projects = {project_id for row in rows if (project_id := row.get("project_id"))}
    members = {member_id for row in rows if (member_id := row.get("assignee_id"))}
    live_project = col(Project.is_deleted).is_(False)
    live_member = and_(col(Membership.is_former).is_(False), col(Membership.is_active))
    found_projects = await locked(session, actor, Project, projects, only=live_project, shared=True)
    found_members = await locked(session, actor, Membership, members, only=live_member, shared=True)
    return PointedAt(found_projects.keys(), {member_id: member.user_id for member_id, member in found_members.items()})


def _changes(row: Change) -> TaskChanges:
    return cast("TaskChanges", row.changes)
