"""Tasks in GraphQL: what is read and followed of them."""

from collections.abc import AsyncGenerator
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

from graph import audit, subscriptions
from graph.fields.columns import column
from graph.fields.connection import Connection
from graph.fields.descriptions import enum, input_type, object_type
from graph.fields.filtering import filter_input
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many, to_one
from graph.fields.sorting import order_input
from graph.fields.statistics import statistics_field
from graph.runtime.context import Info
from models import TaskPriority, TaskStatus
from services import tasks
from services.permissions import Permission
from services.tasks import TASK_STATISTICS

if TYPE_CHECKING:
    from graph.comments import Comment
    from graph.labels import Label
    from graph.projects import Project
    from graph.tenants import User

__all__ = [
    "Queries",
    "Subscriptions",
    "Task",
    "TaskChange",
    "TaskFilter",
    "TaskOrder",
]

enum(TaskStatus)
enum(TaskPriority)


TaskFilter = filter_input(
    tasks.TASKS,
    ids={"project_id": "Project", "assignee_id": "User", "creator_id": "User", "label_ids": "Label"},
    related={
        "project": ("ProjectFilter", "graph.projects"),
        "assignee": ("UserFilter", "graph.tenants"),
        "creator": ("UserFilter", "graph.tenants"),
    },
    text="title and the description, as one text,",
    mine="that are assigned to the viewer",
    label_ids="labels, by global IDs,",
)
TaskOrder = order_input(
    tasks.TASKS,
    due_date="due date; tasks without a due date come last in both directions",
    status="status, from not started to finished",
    priority="priority, from none to urgent",
    position="position on the board: the order in which people have put them",
)


@backed_by(tasks.TASKS, filter=TaskFilter, order=TaskOrder, listed_as="tasks")
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
    priority: TaskPriority
    """Priority of the task: how important it is."""
    labels: Connection[Annotated["Label", strawberry.lazy("graph.labels")]] = to_many("task_id")
    """Labels of the task, sorted by name; at most 20."""
    comments: Connection[Annotated["Comment", strawberry.lazy("graph.comments")]] = to_many("task_id")
    """Comments on the task, newest first by default."""
    due_date: datetime | None
    """Due date and time of the task (UTC); null if none."""
    project: Annotated["Project", strawberry.lazy("graph.projects")] | None = to_one("project_id")
    """Project that the task belongs to; null if none."""
    assignee: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("assignee_id", key="user_id")
    """User who is to do the task, current or former member of the tenant; null if nobody is assigned."""
    creator: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("created_by", key="user_id")
    """User who created the task, current or former member of the tenant."""
    position: str
    """Position of the task on a board: sorted by it (`POSITION`), tasks are in the order in which people have put them.
    Compare positions byte by byte, never by a language; their content has no meaning. New tasks come last."""
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


@input_type
class TaskChangeFilter:
    """Conditions that tasks must meet whose changes `taskChanged` delivers; all given conditions apply.

    A task meets them by how it is now, or by how it was just before or after the change.
    """

    task_id: strawberry.ID | None = id_of("Task", default=UNSET)
    """Global ID of the task whose changes are delivered."""
    project_id: strawberry.ID | None = id_of("Project", default=UNSET)
    """Global ID of the project whose tasks' changes are delivered, also when a task leaves it."""
    assignee_id: strawberry.ID | None = id_of("User", default=UNSET)
    """Global ID of the user whose assigned tasks' changes are delivered, also when somebody else gets the task."""


@object_type
class TaskChange(audit.Change):
    """Message of the subscription `taskChanged`: one change of one task."""

    task_id: strawberry.ID
    """Global ID of the task that changed, even if the task no longer exists."""
    task: Task | None
    """Task as it is now, possibly newer than the change; null if the task was deleted, or is in the trash with its
    project."""
    deleted_task_id: strawberry.ID | None
    """Global ID of the task if it can no longer be read, for Relay's `@deleteRecord`; null while there is a `task`."""


FILTER_ARGUMENT = strawberry.argument(description="Conditions that the changed tasks must meet; omit them for all.")


def _task_changed(
    info: Info,
    filter: Annotated[TaskChangeFilter | None, FILTER_ARGUMENT] = UNSET,
    after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET,
) -> AsyncGenerator[TaskChange, None]:
    """Changes of the tasks of the tenant: each is delivered once and in order, from now on or after a cursor."""
    wanted = {name: value for name, value in to_kwargs(filter, "filter").items() if value} if filter else {}
    return subscriptions.follow_changes(
        info,
        TaskChange,
        "task",
        Permission.TASKS_READ,
        tasks.TASKS,
        after or None,
        tasks.changed_entries(**wanted) if wanted else None,
    )


@object_type
class Subscriptions:
    """Tasks, live."""

    task_changed: AsyncGenerator[TaskChange, None] = strawberry.subscription(
        resolver=_task_changed, description=_task_changed.__doc__
    )
