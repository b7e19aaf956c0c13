"""The rules of tasks: what is to be done, by whom and until when."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, TypedDict
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, literal, select
from sqlmodel import col

from models import Membership, Task, TaskPriority, TaskStatus
from models.base import new_id, table_of
from models.database import WriteSession
from services import labels, projects, tenants
from services.abilities import Ability
from services.errors import DomainError, InvalidInput, NotFound
from services.eventlog.change_entries import filtered_entries
from services.permissions import TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, related_row, related_rows
from services.queries.filters import (
    choice_filter,
    id_filter,
    id_list_filter,
    scalar_filter,
    substring_filter,
    text_filter,
    viewer_filter,
)
from services.queries.loading import rows_by_key
from services.queries.statistics import Statistics
from services.validation import Validator, validating
from services.writes.bulk import (
    Batch,
    RowChange,
    delete_rows,
    insert_statement,
    reject_missing,
    unnest_params,
    update_rows,
)
from services.writes.changes import (
    FreeText,
    OneLine,
    Reference,
    ReferenceList,
    WriteRules,
    change_row,
    check_changes,
    create_row,
    lock_references,
    row_update_of,
)
from services.writes.idempotency import key_scope, once_many
from services.writes.positions import find_place, retry_on_same_position
from services.writes.row_update import RowUpdate
from services.writes.rows import delete_row, get_row_for_update, lock_rows, update_row

__all__ = [
    "LIVE_TASK",
    "TASKS",
    "TASK_STATISTICS",
    "TaskChanges",
    "TaskMove",
    "changed_entries",
    "create",
    "create_all",
    "delete",
    "delete_all",
    "lock_existing",
    "move",
    "update",
    "update_all",
    "update_command",
    "visible",
]

MAX_POSITION_LENGTH = 1000

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
        "priority": choice_filter(col(Task.priority), TaskPriority),
        "label_ids": id_list_filter("tasks_search", col(Task.id)),
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
        "status": SortOrder.by(col(Task.status_rank)),
        "priority": SortOrder.by(col(Task.priority_rank)),
        "position": SortOrder.by(col(Task.position)),
    },
    default_order=("created_at", True),
    abilities={
        "update": Ability.by(Permission.TASKS_WRITE, LIVE),
        "delete": Ability.by(Permission.TASKS_WRITE, LIVE),
    },
)

projects.PROJECTS.relations["tasks"] = related_rows(lambda: TASKS, "project_id")
tenants.USERS.relations["tasks"] = related_rows(lambda: TASKS, "assignee_id", "user_id")


@lru_cache(maxsize=1024)
def changed_entries(
    task_id: UUID | None = None, project_id: UUID | None = None, assignee_id: UUID | None = None
) -> Collection:
    """Return the entries about tasks that are these, in this project and for this member, now or before the change."""
    assignee = select(col(Membership.user_id)).where(
        col(Membership.tenant_id) == TENANT_ID, col(Membership.id) == literal(assignee_id, Uuid())
    )
    wanted: dict[str, tuple[UUID | None, ColumnElement[UUID]]] = {
        "id": (task_id, literal(task_id, Uuid())),
        "project_id": (project_id, literal(project_id, Uuid())),
        "assignee_id": (assignee_id, assignee.scalar_subquery()),
    }
    return filtered_entries(TASKS, [(name, sql) for name, (value, sql) in wanted.items() if value is not None])


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
    priority: TaskPriority
    label_ids: Annotated[list[UUID], ReferenceList(labels.EXISTING_LABEL, 20)]
    due_date: datetime | None
    project_id: Annotated[UUID | None, projects.LIVE_PROJECT]
    assignee_id: Annotated[UUID | None, tenants.ACTIVE_MEMBER]


class TaskMove(TypedDict, total=False):
    """What a move may change besides the position: the column of the board."""

    status: TaskStatus
    project_id: Annotated[UUID | None, projects.LIVE_PROJECT]


TASK_DEFAULTS = {"status": TaskStatus.TODO, "priority": TaskPriority.NONE, "label_ids": list[UUID]()}

TASK_RULES = WriteRules(Task, TaskChanges, where=LIVE, defaults=TASK_DEFAULTS, creator="created_by")


async def create(
    session: WriteSession, actor: Actor, *, values: TaskChanges, idempotency_key: str | None = None
) -> Task:
    """Note a task, last on the board; `title` is required, and `status` is TODO by default.

    Raises:
        NotFound: the same call with the same key made a task that is no longer there.
        InvalidInput: a title that is empty or longer than 200 characters, a description longer than 2,000, an
            unknown or deleted project, an assignee who is not an active member.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.TASKS_WRITE)
    async with retry_on_same_position(Task):
        return await create_row(session, actor, TASK_RULES, values, idempotency_key)


async def create_all(
    session: WriteSession,
    actor: Actor,
    *,
    rows: Sequence[TaskChanges | InvalidInput],
    idempotency_key: str | None = None,
) -> list[Task | DomainError]:
    """Note up to 1,000 tasks, each as in `create`, on the board one after the other; give what became of each.

    A repeated call with the same key gives the tasks that the first one made, NotFound for those that are gone.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.TASKS_WRITE)
    batch = Batch[TaskChanges, Task]("tasks", rows)
    given = list(batch.pending_rows())
    there = await lock_references(session, actor, TaskChanges, [row for _, row in given])
    columns, refused = batch.check_each(lambda validator, row: check_changes(validator, TaskChanges, row, there))
    ids = [new_id() for _ in given]

    async def make() -> Sequence[UUID]:
        ours = {"tenant_id": actor.identity.tenant_id, "created_by": actor.identity.user_id}
        full = [
            {
                **dict.fromkeys(TaskChanges.__annotations__),
                **TASK_RULES.defaults,
                **columns[index],
                **ours,
                "id": task_id,
            }
            for (index, _), task_id in zip(given, ids, strict=True)
            if index in columns
        ]
        if full:
            async with retry_on_same_position(Task):
                await session.exec(insert_statement(Task, sorted(full[0])), params=unnest_params("given", full))
        return ids if full else []

    meaning = [{**TASK_RULES.defaults, **check_changes(Validator(), TaskChanges, row)} for _, row in given]
    scope = key_scope("create", Task, many=True)
    made = await once_many(session, actor, scope, idempotency_key, {"tasks": meaning}, make)
    tasks: dict[UUID, Task] = await rows_by_key(session, actor, TASKS, "id", made)
    for (index, _), task_id in zip(given, made or ids, strict=True):
        batch.finish(index, tasks.get(task_id) or refused.get(index) or NotFound())
    return batch.outcomes()


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


async def move(
    session: WriteSession,
    actor: Actor,
    *,
    id: UUID,
    after: UUID | None = None,
    before: UUID | None = None,
    changes: TaskMove | None = None,
    expected_version: int | None = None,
) -> Task:
    """Place a task directly after or before another one on the board; only its own row changes.

    Between the two there is no other task then, in whatever part of the board one looks. A task that is there already
    stays as it is. With it the task may go into another column, by its status or its project.

    Raises:
        NotFound: no such task.
        InvalidInput: not one of `after` and `before`, the task itself, no such task beside which it is to be placed,
            no room there, or an unknown or deleted project.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.TASKS_WRITE)
    side = "after" if before is None else "before"
    beside = after if before is None else before
    if beside is None or None not in {after, before}:
        raise InvalidInput.of("after", "Say either `after` or `before`: the task beside which this one is placed.")
    if beside == id:
        raise InvalidInput.of(side, "A task cannot be placed beside itself.")
    there = await lock_references(session, actor, TaskMove, [changes or {}])
    task = await get_row_for_update(session, actor, Task, id, expected_version=expected_version, where=LIVE)
    lower, higher, position = await find_place(session, actor, Task, id, beside, is_after=before is None, where=LIVE)
    with validating() as validator:
        columns = check_changes(validator, TaskMove, changes or {}, there, task)
        if position is None:
            validator.add_problem(side, "There is no such task.")
        elif len(position) > MAX_POSITION_LENGTH:
            validator.add_problem(side, "There is no room left here: move this neighbor elsewhere and back first.")
    if not (lower or "") < task.position < (higher or "~"):
        columns["position"] = position
    async with retry_on_same_position(Task):
        return await update_row(session, actor, Task, id, columns, where=LIVE)


async def delete_all(
    session: WriteSession, actor: Actor, *, rows: Sequence[UUID | InvalidInput]
) -> list[Task | DomainError]:
    """Delete up to 1,000 tasks for good; give each as it was, or NotFound, in their order.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
    """
    actor.require(Permission.TASKS_WRITE)
    batch = Batch[UUID, Task]("tasks", rows)
    batch.reject_duplicates("id", lambda task_id: task_id)
    current = await lock_rows(session, actor, Task, list(batch.pending.values()), where=LIVE)
    deleted = await delete_rows(session, actor, Task, list(current))
    batch.finish_all({index: deleted.get(task_id) or NotFound() for index, task_id in batch.pending_rows()})
    return batch.outcomes()


async def lock_existing(session: WriteSession, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Task]:
    """Return those of some tasks that exist, in the trash too; they stay for this transaction."""
    actor.require(Permission.TASKS_READ)
    return await lock_rows(session, actor, Task, set(ids), shared=True)


LIVE_TASK = Reference(lock_existing, lambda task: task.deleted_at is None, "id", "There is no such task.", lock_order=4)


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> Task:
    """Delete a task for good; give it as it was.

    Raises:
        NotFound: no such task.
    """
    actor.require(Permission.TASKS_WRITE)
    return await delete_row(session, actor, Task, id, where=LIVE)
