"""The rules of tasks: what is to be done, by whom and until when."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Annotated, Any, TypedDict
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import col

from models import Task, TaskStatus
from models.base import table_of
from models.database import WriteSession
from services import projects, tenants
from services.errors import DomainError, InvalidInput
from services.permissions import TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, related_row, related_rows
from services.queries.filters import (
    choice_filter,
    id_filter,
    scalar_filter,
    substring_filter,
    text_filter,
    viewer_filter,
)
from services.queries.statistics import Statistics
from services.writes.bulk import Batch, RowChange, reject_missing, update_rows
from services.writes.changes import (
    FreeText,
    OneLine,
    WriteRules,
    change_row,
    check_changes,
    create_row,
    lock_references,
    row_update_of,
)
from services.writes.row_update import RowUpdate
from services.writes.rows import delete_row, lock_rows

__all__ = [
    "TASKS",
    "TASK_STATISTICS",
    "TaskChanges",
    "create",
    "delete",
    "update",
    "update_all",
    "update_command",
    "visible",
]

LIVE = col(Task.deleted_at).is_(None)

DUE = SortOrder.nulls_last(table_of(Task).c.due_date)


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all of the tenant's tasks, except those in the trash with their project."""
    require_permission(permissions, Permission.TASKS_READ)
    return select(*table_of(Task).c).where(col(Task.tenant_id) == TENANT_ID, LIVE)


TASKS = Collection(
    model=Task,
    visible=visible,
    filters={
        "text": substring_filter("tasks_text", col(Task.id)),
        "title": text_filter(col(Task.title_key)),
        "status": choice_filter(col(Task.status), TaskStatus),
        "due_date": scalar_filter(col(Task.due_date), least=DUE.descending, most=DUE.ascending),
        "project_id": id_filter(col(Task.project_id)),
        "assignee_id": tenants.member_filter(col(Task.assignee_id)),
        "creator_id": tenants.member_filter(col(Task.created_by)),
        "mine": viewer_filter(col(Task.assignee_id) == USER_ID),
        "created_at": scalar_filter(col(Task.created_at)),
        "updated_at": scalar_filter(col(Task.updated_at)),
    },
    relations={
        "project": related_row(lambda: projects.PROJECTS, "project_id"),
        "assignee": related_row(lambda: tenants.USERS, "assignee_id", "user_id"),
        "creator": related_row(lambda: tenants.USERS, "created_by", "user_id"),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Task.created_at)),
        "updated_at": SortOrder.newest_first(col(Task.updated_at)),
        "due_date": DUE,
        "title": SortOrder.by(col(Task.title_key)),
    },
    default_order=("created_at", True),
)

projects.PROJECTS.relations["tasks"] = related_rows(lambda: TASKS, "project_id")
tenants.USERS.relations["tasks"] = related_rows(lambda: TASKS, "assignee_id", "user_id")


TASK_STATISTICS = Statistics(
    TASKS,
    keys={
        "status": col(Task.status),
        "assignee_id": col(Task.assignee_id),
        "creator_id": col(Task.created_by),
        "project_id": col(Task.project_id),
    },
    dates={"created_at": col(Task.created_at), "updated_at": col(Task.updated_at), "due_date": col(Task.due_date)},
)


class TaskChanges(TypedDict, total=False):
    """What an update says; what is absent stays as it is."""

    title: Annotated[str, OneLine(200)]
    description: Annotated[str | None, FreeText(2000)]
    status: TaskStatus
    due_date: datetime | None
    project_id: Annotated[UUID | None, projects.LIVE_PROJECT]
    assignee_id: Annotated[UUID | None, tenants.ACTIVE_MEMBER]


TASK_RULES = WriteRules(Task, TaskChanges, where=LIVE, defaults={"status": TaskStatus.TODO}, creator="created_by")


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
    return await create_row(session, actor, TASK_RULES, values, idempotency_key)


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, changes: TaskChanges, expected_version: int | None = None
) -> Task:
    """Change a task; what is absent from the changes stays as it is, and what does not change is not judged.

    Raises:
        NotFound: no such task.
        InvalidInput: as in `create`.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.TASKS_WRITE)
    return await change_row(session, actor, TASK_RULES, id, changes, expected_version)


def update_command(
    actor: Actor, *, id: UUID, changes: TaskChanges, expected_version: int | None = None
) -> RowUpdate[Task] | None:
    """Return the row update that `update` comes down to; None if references have to be checked first.

    Raises:
        InvalidInput: as in `create`.
    """
    actor.require(Permission.TASKS_WRITE)
    return row_update_of(TASK_RULES, id, changes, expected_version)


async def update_all(
    session: WriteSession, actor: Actor, *, rows: Sequence[RowChange | InvalidInput]
) -> list[Task | DomainError]:
    """Change up to 1,000 tasks, each as in `update`; give what became of each, in their order.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
    """
    actor.require(Permission.TASKS_WRITE)
    batch = Batch[RowChange, Task]("tasks", rows)
    batch.reject_duplicates("id", lambda row: row.id)
    there = await lock_references(session, actor, TaskChanges, [row.changes for row in batch.pending.values()])
    current = await lock_rows(session, actor, Task, [row.id for row in batch.pending.values()], where=LIVE)
    columns: dict[int, dict[str, Any]] = {}
    for index, row in batch.pending_rows():
        with batch.validating(index) as validator:
            columns[index] = check_changes(validator, TaskChanges, row.changes, there, current.get(row.id))
    reject_missing(batch, Task, current)
    changes = {row.id: columns[index] for index, row in batch.pending_rows()}
    changed = await update_rows(session, actor, Task, current, changes)
    batch.finish_all({index: changed[row.id] for index, row in batch.pending_rows()})
    return batch.outcomes()


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> Task:
    """Delete a task for good; give it as it was.

    Raises:
        NotFound: no such task.
    """
    actor.require(Permission.TASKS_WRITE)
    return await delete_row(session, actor, Task, id, where=LIVE)
