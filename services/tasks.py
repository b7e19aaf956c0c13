"""The rules of tasks: what is to be done, by whom and until when."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, Uuid, and_, bindparam, literal_column, select
from sqlmodel import col

from models import Membership, Project, Task, TaskStatus
from models.base import table_of
from models.database import WriteSession
from services.access import TENANT_ID, Actor, Permission, permitted
from services.idempotency import once
from services.pagination import Collection, Order, containing
from services.rows import found, inserted, locked, removed, updated
from services.validation import Checks, checking

__all__ = ["TASKS", "TaskChanges", "change", "create", "delete", "visible"]

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


def _user_of(member: str) -> Any:
    """The account of a member, by the bind `member`."""
    same = and_(col(Membership.tenant_id) == TENANT_ID, col(Membership.id) == bindparam(member, type_=Uuid()))
    return select(col(Membership.user_id)).where(same).scalar_subquery()


TASKS = Collection(
    model=Task,
    visible=visible,
    filters={
        "status": col(Task.status) == bindparam("status", type_=Text()),
        "due_from": DUE.descending >= bindparam("due_from", type_=DateTime(timezone=True)),
        "due_before": DUE.ascending < bindparam("due_before", type_=DateTime(timezone=True)),
        "project_id": col(Task.project_id) == bindparam("project_id", type_=Uuid()),
        "assignee_id": col(Task.assignee_id) == _user_of("assignee_id"),
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
        InvalidInput: a title that is empty or longer than 200 characters, a description longer than 2,000, an
            unknown or deleted project, an assignee who is not an active member.
        IdempotencyConflict: see `services.idempotency`.
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
    return await updated(session, actor, Task, id, checked, expected_version=expected_version, only=LIVE)


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> Task:
    """Delete a task for good; give it as it was.

    Raises:
        NotFound: no such task.
    """
    actor.require(Permission.TASKS_WRITE)
    return await removed(session, actor, Task, id, only=LIVE)


async def _checked(session: WriteSession, actor: Actor, changes: TaskChanges) -> dict[str, Any]:
    """The changes as columns; what they point at is kept in place until the transaction ends."""
    columns: dict[str, Any] = dict(changes)
    with checking() as checks:
        if "title" in changes:
            columns["title"] = checks.text("title", changes["title"], least=1, most=LONGEST_TITLE)
        if description := changes.get("description"):
            columns["description"] = checks.text("description", description, most=LONGEST_DESCRIPTION)
        if project_id := changes.get("project_id"):
            await _check_project(session, actor, project_id, checks)
        if assignee_id := changes.get("assignee_id"):
            columns["assignee_id"] = await _assignee(session, actor, assignee_id, checks)
    return columns


async def _check_project(session: WriteSession, actor: Actor, project_id: UUID, checks: Checks) -> None:
    if await locked(session, actor, Project, project_id, only=col(Project.is_deleted).is_(False)) is None:
        checks.problem("project_id", "There is no such project.")


async def _assignee(session: WriteSession, actor: Actor, member_id: UUID, checks: Checks) -> UUID | None:
    live = and_(col(Membership.is_former).is_(False), col(Membership.is_active))
    member = await locked(session, actor, Membership, member_id, only=live)
    if member is None:
        checks.problem("assignee_id", "There is no such active member.")
        return None
    return member.user_id
