"""Tasks in GraphQL that people put in order on a board, or that come and go many at a time."""

from typing import Annotated, cast

import strawberry
from strawberry import UNSET

import models
from graph.fields.bulk import Outcome, Outcomes, parse_rows, to_outcomes
from graph.fields.descriptions import input_type, object_type, result_union
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.inputs import given_or_none, id_of, to_kwargs
from graph.fields.mutations import mutation
from graph.tasks.mutations import DeleteTaskInput, NewTaskInput
from graph.tasks.types import Task
from models import TaskStatus
from models.database import WriteSession
from services import tasks
from services.permissions import Actor

__all__ = ["BULK_MUTATIONS"]


@input_type
class CreateTasksInput:
    """Input of `createTasks`: the tasks to create."""

    tasks: list[NewTaskInput]
    """Tasks to create: 1 to 1,000, in the order in which they come on the board. The whole request may have 1.25 MiB:
    send fewer with long descriptions."""
    idempotency_key: str | None = UNSET
    """Key chosen by the client, 1 to 255 characters, that makes `createTasks` safe to retry: a repeated call with the
    same key and input creates nothing new and returns the tasks created by the first call; the same key with other
    input returns an IdempotencyConflict. Null to create without this protection."""


@input_type
class MoveTaskInput:
    """Input of `moveTask`: the task to move on the board, and the task beside which it is placed.

    Exactly one of `after` and `before` is given.
    """

    id: strawberry.ID = id_of("Task")
    """Global ID of the task to move."""
    after: strawberry.ID | None = id_of("Task", default=UNSET)
    """Global ID of the task directly after which the moved task is placed."""
    before: strawberry.ID | None = id_of("Task", default=UNSET)
    """Global ID of the task directly before which the moved task is placed."""
    status: strawberry.Maybe[TaskStatus]
    """New status of the moved task, if it goes to another column of the board; cannot be null."""
    project_id: strawberry.Maybe[strawberry.ID | None] = id_of("Project", default=None)
    """Global ID of the project that the moved task goes to; null takes it out of its project."""
    expected_version: int | None = UNSET


@input_type
class DeleteTasksInput:
    """Input of `deleteTasks`: the tasks to delete permanently."""

    tasks: list[DeleteTaskInput]
    """Tasks to delete: 1 to 1,000, each task once."""


NewTaskResult = Annotated[
    Task | NotFound | InvalidInput,
    result_union("NewTask", "Result of `createTasks` for one task: the created task, or a typed error."),
]


@object_type
class NewTaskOutcome(Outcome):
    """Outcome for one task of `createTasks`."""

    result: NewTaskResult
    """Created task, or a typed error; NotFound if a repeated call with the same idempotency key refers to a task
    deleted since."""


@object_type
class NewTaskOutcomes(Outcomes):
    """Outcomes of `createTasks`: one for each task of the input."""

    outcomes: list[NewTaskOutcome]
    """Outcomes of all tasks in the input of `createTasks`, in the order of the input."""


CreateTasksResult = Annotated[
    NewTaskOutcomes | InvalidInput | IdempotencyConflict,
    result_union(
        "CreateTasks",
        "Result of `createTasks`: the outcomes for the tasks to create, or a typed error that concerns the whole call.",
    ),
]


DeletedTaskResult = Annotated[
    Task | NotFound | InvalidInput,
    result_union(
        "DeletedTask", "Result of `deleteTasks` for one task: the deleted task as it was before, or a typed error."
    ),
]


@object_type
class DeletedTaskOutcome(Outcome):
    """Outcome for one task of `deleteTasks`."""

    result: DeletedTaskResult
    """Deleted task as it was before, or a typed error if there was no such task."""


@object_type
class DeletedTaskOutcomes(Outcomes):
    """Outcomes of `deleteTasks`: one for each task of the input."""

    outcomes: list[DeletedTaskOutcome]
    """Outcomes of all tasks in the input of `deleteTasks`, in the order of the input."""


DeleteTasksResult = Annotated[
    DeletedTaskOutcomes | InvalidInput,
    result_union(
        "DeleteTasks",
        "Result of `deleteTasks`: the outcomes for the tasks to delete, or a typed error that concerns the whole call.",
    ),
]


@mutation(CreateTasksResult)
async def create_tasks(session: WriteSession, actor: Actor, input: CreateTasksInput) -> NewTaskOutcomes:
    """Create 1 to 1,000 tasks, each as `createTask` does; failed rows do not affect the others.

    Open to all members.
    """
    rows = parse_rows(input.tasks, "tasks", lambda kwargs: cast("tasks.TaskChanges", kwargs))
    key = given_or_none(input.idempotency_key)
    results = await tasks.create_all(session, actor, rows=rows, idempotency_key=key)
    return to_outcomes(NewTaskOutcomes, NewTaskOutcome, results)


@mutation(Task | NotFound | InvalidInput | VersionConflict, result="the moved task")
async def move_task(session: WriteSession, actor: Actor, input: MoveTaskInput) -> models.Task:
    """Place a task directly after or before another one on the board; no other task changes.

    Open to all members.
    """
    given = to_kwargs(input)
    changes = {name: given.pop(name) for name in ("status", "project_id") if name in given}
    return await tasks.move(session, actor, **given, changes=cast("tasks.TaskMove", changes))


@mutation(DeleteTasksResult)
async def delete_tasks(session: WriteSession, actor: Actor, input: DeleteTasksInput) -> DeletedTaskOutcomes:
    """Delete 1 to 1,000 tasks permanently, each as `deleteTask` does; failed rows do not affect the others.

    Open to all members.
    """
    rows = parse_rows(input.tasks, "tasks", lambda kwargs: kwargs["id"])
    results = await tasks.delete_all(session, actor, rows=rows)
    return to_outcomes(DeletedTaskOutcomes, DeletedTaskOutcome, results)


BULK_MUTATIONS = [create_tasks, move_task, delete_tasks]
