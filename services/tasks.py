"""The rules of tasks: what is to be done, by whom and until when."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, NamedTuple, TypedDict, cast
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, Uuid, bindparam, select
from sqlmodel import col

from models import Membership, Project, Task, TaskStatus
from models.base import table_of
from models.database import WriteSession, fetch
from services import projects, tenants
from services.errors import DomainError, InvalidInput
from services.permissions import TENANT_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, substring_filter
from services.tenants import user_id_of_member
from services.validation import Validator, validating
from services.writes.bulk import Batch, RowChange, reject_missing, update_rows
from services.writes.idempotency import key_scope, once
from services.writes.row_update import RowUpdate, apply_update
from services.writes.rows import delete_row, get_row, insert_row, lock_rows

__all__ = ["TASKS", "TaskChanges", "create", "delete", "update", "update_all", "update_command", "visible"]

MAX_TITLE_LENGTH = 200
MAX_DESCRIPTION_LENGTH = 2000

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
        "status": col(Task.status) == bindparam("status", type_=Text()),
        "due_from": DUE.descending >= bindparam("due_from", type_=DateTime(timezone=True)),
        "due_before": DUE.ascending < bindparam("due_before", type_=DateTime(timezone=True)),
        "project_id": col(Task.project_id) == bindparam("project_id", type_=Uuid()),
        "assignee_id": col(Task.assignee_id) == user_id_of_member("assignee_id"),
        "text": substring_filter("tasks_text", col(Task.id)),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Task.created_at)),
        "updated_at": SortOrder.newest_first(col(Task.updated_at)),
        "due_date": DUE,
        "title": SortOrder.by(col(Task.title_key)),
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
        there = await _lock_references(session, actor, [values])  # in here, so that a replay is answered in any case
        with validating() as checks:
            checked = _changed_columns(checks, values, there)
        row = {"status": TaskStatus.TODO, **checked, "created_by": actor.identity.user_id}
        return (await insert_row(session, actor, Task, row)).id

    meaning = {"status": TaskStatus.TODO, **_texts(Validator(), values)}
    task_id = await once(session, actor, key_scope("create", Task), idempotency_key, meaning, make)
    return await get_row(session, actor, Task, task_id, where=LIVE)


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
    there = await _lock_references(session, actor, [changes])
    current = None if there == NO_REFERENCES else await _current(session, actor, id)
    with validating() as checks:
        columns = _changed_columns(checks, changes, there, current)
    return await apply_update(session, actor, RowUpdate(Task, id, columns, expected_version, LIVE))


def update_command(
    actor: Actor, *, id: UUID, changes: TaskChanges, expected_version: int | None = None
) -> RowUpdate[Task] | None:
    """Return the row update that `update` comes down to; None if references have to be checked first.

    Raises:
        InvalidInput: as in `create`.
    """
    actor.require(Permission.TASKS_WRITE)
    if changes.get("project_id") or changes.get("assignee_id"):
        return None
    with validating() as validator:
        columns = _changed_columns(validator, changes, NO_REFERENCES)
    return RowUpdate(Task, id, columns, expected_version, LIVE)


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
    there = await _lock_references(session, actor, [_task_changes(row) for row in batch.pending.values()])
    current = await lock_rows(session, actor, Task, [row.id for row in batch.pending.values()], where=LIVE)
    columns: dict[int, dict[str, Any]] = {}
    for index, row in batch.pending_rows():
        with batch.validating(index) as validator:
            columns[index] = _changed_columns(validator, _task_changes(row), there, current.get(row.id))
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


class References(NamedTuple):
    """What tasks are to point at, by its ids, as far as it is there."""

    projects: Mapping[UUID, Project]
    members: Mapping[UUID, Membership]


NO_REFERENCES = References({}, {})


def _changed_columns(
    validator: Validator, changes: TaskChanges, there: References, current: Task | None = None
) -> dict[str, Any]:
    """Validate the changes; return them as column values.

    References that stay the same are neither checked nor written: the row may be changed before this write.
    """
    columns = _texts(validator, changes)
    if project_id := changes.get("project_id"):
        project = there.projects.get(project_id)
        stays = current is not None and current.project_id == project_id
        if stays:
            del columns["project_id"]
        elif project is None or project.is_deleted:
            validator.add_problem("project_id", "There is no such project.")
    if assignee_id := changes.get("assignee_id"):
        member = there.members.get(assignee_id)
        columns["assignee_id"] = member and member.user_id
        if current is not None and member is not None and current.assignee_id == member.user_id:
            del columns["assignee_id"]
        elif member is None or member.is_former or not member.is_active:
            validator.add_problem("assignee_id", "There is no such active member.")
    return columns


def _texts(checks: Validator, changes: TaskChanges) -> dict[str, Any]:
    """The changes, with their texts as they are kept."""
    columns: dict[str, Any] = dict(changes)
    if "title" in changes:
        columns["title"] = checks.check_line("title", changes["title"], max_length=MAX_TITLE_LENGTH)
    if description := changes.get("description"):
        columns["description"] = checks.check_text("description", description, max_length=MAX_DESCRIPTION_LENGTH)
    return columns


async def _current(session: WriteSession, actor: Actor, task_id: UUID) -> Task | None:
    """A task as it is, if it is there; not locked, since projects are locked before their tasks by every rule."""
    columns = table_of(Task).c
    this = and_(columns.tenant_id == actor.identity.tenant_id, columns.id == task_id, LIVE)
    return next(iter(await fetch(session, Task, select(*columns).where(this))), None)


async def _lock_references(session: WriteSession, actor: Actor, rows: Sequence[TaskChanges]) -> References:
    """Lock the existing rows that these changes refer to, until the transaction ends."""
    project_ids = (each for row in rows if (each := row.get("project_id")))
    member_ids = (each for row in rows if (each := row.get("assignee_id")))
    return References(
        await projects.lock_existing(session, actor, project_ids),
        await tenants.lock_members(session, actor, member_ids),
    )


def _task_changes(row: RowChange) -> TaskChanges:
    return cast("TaskChanges", row.changes)
