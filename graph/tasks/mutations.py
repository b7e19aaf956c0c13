"""Tasks in GraphQL: what is done with one of them, and updates of many."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.bulk import Outcome, Outcomes, parse_changes, to_outcomes
from graph.fields.descriptions import input_type, object_type, result_union
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.inputs import create_kwargs, id_of, ids_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.tasks.types import Task
from models import TaskPriority, TaskStatus
from models.database import WriteSession
from services import tasks
from services.permissions import Actor

__all__ = ["MUTATIONS", "DeleteTaskInput", "NewTaskInput", "TaskOutcome", "TaskOutcomes"]


@input_type
class NewTaskInput:
    """Fields of one task to create with `createTasks`."""

    title: str
    """Title of the task to create, 1 to 200 characters."""
    description: str | None = UNSET
    """Description of the task to create, at most 2,000 characters; null for none."""
    status: TaskStatus = TaskStatus.TODO
    """Status of the task to create; TODO if omitted."""
    priority: TaskPriority = TaskPriority.NONE
    """Priority of the task to create; NONE if omitted."""
    label_ids: list[strawberry.ID] = ids_of("Label")
    """Global IDs of the labels of the task to create, at most 20."""
    due_date: datetime | None = UNSET
    """Due date and time of the task to create; null for none."""
    project_id: strawberry.ID | None = id_of("Project", default=UNSET)
    """Global ID of the project that the task belongs to; must not be in the trash. Null for a task without a
    project."""
    assignee_id: strawberry.ID | None = id_of("User", default=UNSET)
    """Global ID of the User to whom the task is assigned; must be an active member. Null for an unassigned task."""


@input_type
class CreateTaskInput(NewTaskInput):
    """Fields of the task to create."""

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
    priority: strawberry.Maybe[TaskPriority]
    """New priority of the task; cannot be null."""
    label_ids: strawberry.Maybe[list[strawberry.ID]] = id_of("Label", default=None)
    """Global IDs of all labels that the task is to have, at most 20; an empty list takes all off. Cannot be null."""
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


MUTATIONS = [create_task, update_task, update_tasks, delete_task]
