"""Bulk mutations: one shape for all. A list of rows in, one outcome for each of them out, in their order.

    @output
    class TaskOutcome(Outcome):
        result: UpdateTaskResult

    @output
    class TaskOutcomes(Outcomes):
        outcomes: list[TaskOutcome]

A row is refused alone, as the typed error that its own mutation would answer, with paths such as `tasks.3.title`. What
is wrong with the call as a whole (no rows, too many) refuses it as a whole.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from graph.fields.descriptions import interface
from graph.fields.errors import as_data
from graph.fields.inputs import as_change, values
from services.errors import DomainError, InvalidInput
from services.writes.bulk import Change

__all__ = ["Outcome", "Outcomes", "changes", "outcomes", "rows"]

RowType = TypeVar("RowType")
OutcomesType = TypeVar("OutcomesType", bound="Outcomes")


@interface
class Outcome:
    """What became of one row of a call."""

    index: int
    """Which row of the input it was, from 0."""


@interface
class Outcomes:
    """What became of the rows of a call."""

    succeeded: int
    """How many went through."""
    failed: int
    """How many were refused."""


def rows(given: Sequence[Any], path: str, read: Callable[[dict[str, Any]], RowType]) -> list[RowType | InvalidInput]:
    """The rows of an input as services take them; one that cannot be read stands as its refusal."""
    found: list[RowType | InvalidInput] = []
    for index, row in enumerate(given):
        try:
            found.append(read(values(row, f"{path}.{index}")))
        except InvalidInput as refusal:
            found.append(refusal)
    return found


def changes(given: Sequence[Any], path: str) -> list[Change | InvalidInput]:
    """The rows of an input that says what changes about things."""
    return rows(given, path, lambda said: Change(**as_change(said)))


def outcomes(
    kind: type[OutcomesType], each: type[Outcome], made: Sequence[Any], show: Callable[[Any], Any] = lambda row: row
) -> OutcomesType:
    """What became of the rows, as types; `show` says what stands for one that went through."""
    failed = sum(isinstance(row, DomainError) for row in made)
    shown: list[Any] = [
        each(index=index, result=as_data(row) if isinstance(row, DomainError) else show(row))  # type: ignore[call-arg]  # each kind has its own result
        for index, row in enumerate(made)
    ]
    return kind(outcomes=shown, succeeded=len(made) - failed, failed=failed)  # type: ignore[call-arg]  # each kind has its own outcomes
