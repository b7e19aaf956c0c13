"""Tasks in GraphQL."""

from collections.abc import AsyncGenerator
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import audit, subscriptions
from graph.fields.bulk import Outcome, Outcomes, parse_changes, to_outcomes
from graph.fields.connection import Connection, OrderDirection
from graph.fields.descriptions import enum, input_type, object_type, result_union
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.inputs import create_kwargs, id_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many, to_one
from graph.runtime.context import Info
from models import TaskStatus
from models.database import WriteSession
from services import tasks
from services.permissions import Actor, Permission

if TYPE_CHECKING:
    from graph.projects import Project
    from graph.tenants import User

__all__ = [
    "MUTATIONS",
    "Queries",
    "Subscriptions",
    "Task",
    "TaskChange",
    "TaskFilter",
    "TaskOrder",
    "TaskOutcome",
    "TaskOutcomes",
]

enum(TaskStatus)


@backed_by(tasks.TASKS)
class Task(Node):
    """What is to be done, by whom and until when."""

    title: str
    """What is to be done, in 1 to 200 characters."""
    description: str | None
    """More about it, in up to 2,000 characters."""
    status: TaskStatus
    """How far it has come."""
    due_date: datetime | None
    """Until when."""
    project: Annotated["Project", strawberry.lazy("graph.projects")] | None = to_one("project_id")
    """What it belongs to."""
    assignee: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("assignee_id", key="user_id")
    """Who does it; still there when they have left the tenant."""
    creator: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("created_by", key="user_id")
    """Who noted it."""
    created_at: datetime
    """When it was noted."""
    updated_at: datetime
    """When it last changed."""
    version: int
    """How often it changed; for `expectedVersion`."""
    history: Connection[audit.AuditEntry] = to_many("row_id")
    """What became of it, the newest first."""


@input_type
class TaskFilter:
    """Which tasks are listed."""

    status: TaskStatus | None = UNSET
    """Those that have come this far."""
    due_from: datetime | None = UNSET
    """Those due at this moment or later."""
    due_before: datetime | None = UNSET
    """Those due before this moment."""
    project_id: strawberry.ID | None = id_of("Project", default=UNSET)
    """Those of this project."""
    assignee_id: strawberry.ID | None = id_of("User", default=UNSET)
    """Those of this person."""
    text: str | None = UNSET
    """Those whose title or description holds this, in any case."""


@enum
class TaskOrderField(Enum):
    """What tasks can be sorted by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    DUE_DATE = "due_date"
    TITLE = "title"


@input_type
class TaskOrder:
    """How tasks are sorted; by default the newest first."""

    field: TaskOrderField
    """By what."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@object_type
class Queries:
    """Tasks at the root."""

    task: Task | None = by_id()
    """One task by its id; null when there is none."""
    tasks: Connection[Task] = connection()
    """The tenant's tasks."""


@object_type
class TaskChange(subscriptions.Change):
    """One change of one task, as it happens."""

    task_id: strawberry.ID
    """Which task."""
    task: Task | None
    """The task as it is now; null when it was deleted, or is in the trash with its project."""


def _task_changed(
    info: Info, after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET
) -> AsyncGenerator[TaskChange, None]:
    """What changes about the tenant's tasks, from now on or from behind a cursor: all of it, each once."""
    return subscriptions.follow_changes(info, TaskChange, "task", Permission.TASKS_READ, tasks.TASKS, after or None)


@object_type
class Subscriptions:
    """Tasks, live."""

    task_changed: AsyncGenerator[TaskChange, None] = strawberry.subscription(
        resolver=_task_changed, description=_task_changed.__doc__
    )


@input_type
class CreateTaskInput:
    """What a new task is."""

    title: str
    """What is to be done: 1 to 200 characters."""
    description: str | None = UNSET
    """More about it, in up to 2,000 characters."""
    status: TaskStatus = TaskStatus.TODO
    """How far it has come."""
    due_date: datetime | None = UNSET
    """Until when."""
    project_id: strawberry.ID | None = id_of("Project", default=UNSET)
    """What it belongs to."""
    assignee_id: strawberry.ID | None = id_of("User", default=UNSET)
    """Who does it: an active member."""
    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key makes one task only."""


@input_type
class UpdateTaskInput:
    """What changes about a task. What is absent stays as it is; null empties it."""

    id: strawberry.ID = id_of("Task")
    """Which task."""
    title: strawberry.Maybe[str]
    """What is to be done: 1 to 200 characters."""
    description: strawberry.Maybe[str | None]
    """More about it, in up to 2,000 characters."""
    status: strawberry.Maybe[TaskStatus]
    """How far it has come."""
    due_date: strawberry.Maybe[datetime | None]
    """Until when."""
    project_id: strawberry.Maybe[strawberry.ID | None] = id_of("Project", default=None)
    """What it belongs to."""
    assignee_id: strawberry.Maybe[strawberry.ID | None] = id_of("User", default=None)
    """Who does it: an active member."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class UpdateTasksInput:
    """What changes about many tasks."""

    tasks: list[UpdateTaskInput]
    """1 to 1,000 of them, each task once."""


@input_type
class DeleteTaskInput:
    """Which task is deleted."""

    id: strawberry.ID = id_of("Task")
    """Which task."""


CreateTaskResult = Annotated[Task | NotFound | InvalidInput | IdempotencyConflict, result_union("CreateTask")]
UpdateTaskResult = Annotated[Task | NotFound | InvalidInput | VersionConflict, result_union("UpdateTask")]
DeleteTaskResult = Annotated[Task | NotFound, result_union("DeleteTask")]


@object_type
class TaskOutcome(Outcome):
    """What became of one task of a call."""

    result: UpdateTaskResult
    """The task as it is now, or why it did not change."""


@object_type
class TaskOutcomes(Outcomes):
    """What became of the tasks of a call."""

    outcomes: list[TaskOutcome]
    """One for each row of the input, in their order."""


UpdateTasksResult = Annotated[TaskOutcomes | InvalidInput, result_union("UpdateTasks")]


@mutation(CreateTaskResult)
async def create_task(session: WriteSession, actor: Actor, input: CreateTaskInput) -> models.Task:
    """Note a task."""
    return await tasks.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(
    UpdateTaskResult, row_update=lambda actor, input: tasks.update_command(actor, **update_kwargs(to_kwargs(input)))
)
async def update_task(session: WriteSession, actor: Actor, input: UpdateTaskInput) -> models.Task:
    """Change a task: only the fields that are given."""
    return await tasks.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(UpdateTasksResult)
async def update_tasks(session: WriteSession, actor: Actor, input: UpdateTasksInput) -> TaskOutcomes:
    """Change up to 1,000 tasks at once, each as `updateTask` does; those that are refused hold up no other."""
    results = await tasks.update_all(session, actor, rows=parse_changes(input.tasks, "tasks"))
    return to_outcomes(TaskOutcomes, TaskOutcome, results)


@mutation(DeleteTaskResult)
async def delete_task(session: WriteSession, actor: Actor, input: DeleteTaskInput) -> models.Task:
    """Delete a task for good; answers it as it was."""
    return await tasks.delete(session, actor, **to_kwargs(input))


MUTATIONS = [create_task, update_task, update_tasks, delete_task]
