"""Tasks in GraphQL."""

from collections.abc import AsyncGenerator
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import audit, subscriptions
from graph.fields.bulk import Outcome, Outcomes, parse_changes, to_outcomes
from graph.fields.columns import column
from graph.fields.connection import Connection
from graph.fields.descriptions import enum, input_type, object_type, result_union
from graph.fields.domain import Domain
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.filtering import filter_input
from graph.fields.inputs import create_kwargs, id_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many, to_one
from graph.fields.sorting import order_input
from graph.fields.statistics import statistics_field
from graph.runtime.context import Info
from models import TaskStatus
from models.database import WriteSession
from services import tasks
from services.permissions import Actor, Permission
from services.tasks import TASK_STATISTICS

if TYPE_CHECKING:
    from graph.projects import Project
    from graph.tenants import User

__all__ = [
    "DOMAIN",
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


TaskFilter = filter_input(
    tasks.TASKS,
    ids={"project_id": "Project", "assignee_id": "User", "creator_id": "User"},
    related={
        "project": ("ProjectFilter", "graph.projects"),
        "assignee": ("UserFilter", "graph.tenants"),
        "creator": ("UserFilter", "graph.tenants"),
    },
    text="title and the description, as one text,",
    mine="that are assigned to the viewer",
)
TaskOrder = order_input(tasks.TASKS, due_date="due date; tasks without a due date come last in both directions")


@backed_by(tasks.TASKS, filter=TaskFilter, order=TaskOrder)
class Task(Node):
    """A task of the tenant: something to be done, with its assignee and due date.

    Visible to all members; hidden while its project is in the trash.
    """

    title: str
    """Title of the task, 1 to 200 characters."""
    description: str | None
    """Description of the task, at most 2,000 characters; null if none."""
    status: TaskStatus
    """Status of the task: how far the work has come."""
    due_date: datetime | None
    """Due date and time of the task (UTC); null if none."""
    project: Annotated["Project", strawberry.lazy("graph.projects")] | None = to_one("project_id")
    """Project that the task belongs to; null if none."""
    assignee: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("assignee_id", key="user_id")
    """User who is to do the task, current or former member of the tenant; null if nobody is assigned."""
    creator: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("created_by", key="user_id")
    """User who created the task, current or former member of the tenant."""
    created_at: datetime
    updated_at: datetime
    version: int
    history: Connection[audit.AuditEntry] = to_many("row_id")


@object_type
class TaskStatsGroupKey:
    """What the tasks of one group in statistics have in common."""

    status: TaskStatus | None = column()
    """Status that the tasks of the group have; null if they are not grouped by it."""
    assignee: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("assignee_id", key="user_id")
    """User to whom the tasks of the group are assigned; null if nobody, or if they are not grouped by it."""
    creator: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("creator_id", key="user_id")
    """User who created the tasks of the group; null if they are not grouped by it."""
    project: Annotated["Project", strawberry.lazy("graph.projects")] | None = to_one("project_id")
    """Project of the tasks of the group; null if none, or if they are not grouped by it."""


@object_type
class TaskStatsGroup:
    """A group of tasks in statistics."""

    key: TaskStatsGroupKey
    """What the tasks of this group have in common."""
    period: date | None = column()
    """First day of the period of these tasks; null if they are not grouped by periods, or have no such date."""
    count: int = column()
    """Number of tasks in this group, 1 or more."""


@object_type
class TaskStats:
    """Statistics of tasks."""

    total_count: int
    """Number of tasks in all groups."""
    groups: list[TaskStatsGroup]
    """Groups of tasks, by period and then by what they have in common; what no row is in is left out."""


@object_type
class Queries:
    """Tasks at the root."""

    task: Task | None = by_id()
    """Task by its global ID; null if there is no such task or it is in the trash with its project."""
    tasks: Connection[Task] = connection()
    """Tasks of the tenant, newest first by default."""
    task_stats: TaskStats = statistics_field(TASK_STATISTICS, filter=TaskFilter)
    """Numbers of tasks by group: of the tenant's tasks that the list `tasks` holds with the same filter."""


@object_type
class TaskChange(subscriptions.Change):
    """Message of the subscription `taskChanged`: one change of one task."""

    task_id: strawberry.ID
    """Global ID of the task that changed, even if the task no longer exists."""
    task: Task | None
    """Task as it is now, possibly newer than the change; null if the task was deleted, or is in the trash with its
    project."""


def _task_changed(
    info: Info, after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET
) -> AsyncGenerator[TaskChange, None]:
    """Changes of the tasks of the tenant: each is delivered once and in order, from now on or after a cursor."""
    return subscriptions.follow_changes(info, TaskChange, "task", Permission.TASKS_READ, tasks.TASKS, after or None)


@object_type
class Subscriptions:
    """Tasks, live."""

    task_changed: AsyncGenerator[TaskChange, None] = strawberry.subscription(
        resolver=_task_changed, description=_task_changed.__doc__
    )


@input_type
class CreateTaskInput:
    """Fields of the task to create."""

    title: str
    """Title of the task to create, 1 to 200 characters."""
    description: str | None = UNSET
    """Description of the task to create, at most 2,000 characters; null for none."""
    status: TaskStatus = TaskStatus.TODO
    """Status of the task to create; TODO if omitted."""
    due_date: datetime | None = UNSET
    """Due date and time of the task to create; null for none."""
    project_id: strawberry.ID | None = id_of("Project", default=UNSET)
    """Global ID of the project that the task belongs to; must not be in the trash. Null for a task without a
    project."""
    assignee_id: strawberry.ID | None = id_of("User", default=UNSET)
    """Global ID of the User to whom the task is assigned; must be an active member. Null for an unassigned task."""
    idempotency_key: str | None = UNSET


@input_type
class UpdateTaskInput:
    """Fields of the task to update: input of `updateTask`, and of each row of `updateTasks`.

    Fields left out stay as they are.
    """

    id: strawberry.ID = id_of("Task")
    title: strawberry.Maybe[str]
    """New title of the task: 1 to 200 characters; cannot be null."""
    description: strawberry.Maybe[str | None]
    """New description of the task, at most 2,000 characters; null removes the description."""
    status: strawberry.Maybe[TaskStatus]
    """New status of the task; cannot be null."""
    due_date: strawberry.Maybe[datetime | None]
    """New due date and time of the task (UTC); null removes the due date."""
    project_id: strawberry.Maybe[strawberry.ID | None] = id_of("Project", default=None)
    """Global ID of the project that the task is moved to; null takes the task out of its project."""
    assignee_id: strawberry.Maybe[strawberry.ID | None] = id_of("User", default=None)
    """Global ID of the user who is to do the task, an active member of the tenant; null removes the assignee."""
    expected_version: int | None = UNSET


@input_type
class UpdateTasksInput:
    """Input of `updateTasks`: the tasks to update, each with the fields to change."""

    tasks: list[UpdateTaskInput]
    """Tasks to update, with their changed fields: 1 to 1,000, each task once. The whole request may have 1.25 MiB: send
    fewer with long descriptions."""


@input_type
class DeleteTaskInput:
    """Task to delete permanently."""

    id: strawberry.ID = id_of("Task")


UpdateTaskResult = Annotated[
    Task | NotFound | InvalidInput | VersionConflict,
    result_union("UpdateTask", "Result of `updateTask`: the updated task, or a typed error."),
]


@object_type
class TaskOutcome(Outcome):
    """Outcome for one task of `updateTasks`."""

    result: UpdateTaskResult
    """Updated task, or a typed error if this task was not changed."""


@object_type
class TaskOutcomes(Outcomes):
    """Outcomes of `updateTasks`: one for each task of the input."""

    outcomes: list[TaskOutcome]
    """Outcomes of all tasks in the input of `updateTasks`, in the order of the input."""


UpdateTasksResult = Annotated[
    TaskOutcomes | InvalidInput,
    result_union(
        "UpdateTasks",
        "Result of `updateTasks`: the outcomes for the tasks to update, or a typed error that concerns the whole call.",
    ),
]


@mutation(Task | NotFound | InvalidInput | IdempotencyConflict, result="the created task")
async def create_task(session: WriteSession, actor: Actor, input: CreateTaskInput) -> models.Task:
    """Create a task in the tenant.

    Open to all members.
    """
    return await tasks.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(
    UpdateTaskResult, row_update=lambda actor, input: tasks.update_command(actor, **update_kwargs(to_kwargs(input)))
)
async def update_task(session: WriteSession, actor: Actor, input: UpdateTaskInput) -> models.Task:
    """Update a task: only the fields given in the input change.

    Open to all members.
    """
    return await tasks.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(UpdateTasksResult)
async def update_tasks(session: WriteSession, actor: Actor, input: UpdateTasksInput) -> TaskOutcomes:
    """Update 1 to 1,000 tasks, each as `updateTask` does; failed rows do not affect the others.

    Open to all members.
    """
    results = await tasks.update_all(session, actor, rows=parse_changes(input.tasks, "tasks"))
    return to_outcomes(TaskOutcomes, TaskOutcome, results)


@mutation(Task | NotFound, result="the deleted task as it was before")
async def delete_task(session: WriteSession, actor: Actor, input: DeleteTaskInput) -> models.Task:
    """Delete a task permanently and return it as it was before.

    Open to all members.
    """
    return await tasks.delete(session, actor, **to_kwargs(input))


DOMAIN = Domain(
    queries=Queries, mutations=[create_task, update_task, update_tasks, delete_task], subscriptions=Subscriptions
)
