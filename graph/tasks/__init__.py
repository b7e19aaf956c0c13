"""Tasks in GraphQL: reading and following them in `types`, changing them in `mutations`, boards and many in `bulk`."""

from graph.fields.domain import Domain
from graph.tasks.bulk import BULK_MUTATIONS
from graph.tasks.mutations import MUTATIONS, TaskOutcome, TaskOutcomes
from graph.tasks.types import Queries, Subscriptions, Task, TaskChange, TaskFilter, TaskOrder

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

DOMAIN = Domain(queries=Queries, mutations=[*MUTATIONS, *BULK_MUTATIONS], subscriptions=Subscriptions)
