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
from graph.fields.errors import to_error_type
from graph.fields.inputs import to_kwargs, update_kwargs
from services.errors import DomainError, InvalidInput
from services.writes.bulk import RowChange

__all__ = ["Outcome", "Outcomes", "parse_changes", "parse_rows", "to_outcomes"]

RowType = TypeVar("RowType")
OutcomesType = TypeVar("OutcomesType", bound="Outcomes")


@interface
class Outcome:
    """Outcome of one row of a bulk mutation: the written object or a typed error in `result`."""

    index: int
    """Index of the row in the input list, starting at 0."""


@interface
class Outcomes:
    """Outcomes of all rows of a bulk mutation; an error in one row does not affect the others."""

    succeeded: int
    """Number of rows of the input that succeeded."""
    failed: int
    """Number of rows of the input that failed; nothing was written for those rows."""


def parse_rows(
    given: Sequence[Any], path: str, parse: Callable[[dict[str, Any]], RowType]
) -> list[RowType | InvalidInput]:
    """Parse the rows of an input; one that is invalid is represented by its error."""
    parsed: list[RowType | InvalidInput] = []
    for index, row in enumerate(given):
        try:
            parsed.append(parse(to_kwargs(row, f"{path}.{index}")))
        except InvalidInput as refusal:
            parsed.append(refusal)
    return parsed


def parse_changes(given: Sequence[Any], path: str) -> list[RowChange | InvalidInput]:
    """Parse the rows of an input of changes."""
    return parse_rows(given, path, lambda kwargs: RowChange(**update_kwargs(kwargs)))


def to_outcomes(
    outcomes_type: type[OutcomesType],
    outcome_type: type[Outcome],
    results: Sequence[Any],
    show: Callable[[Any], Any] = lambda row: row,
) -> OutcomesType:
    """Convert the services' outcomes to GraphQL types; `show` converts a successful one."""
    failed = sum(isinstance(row, DomainError) for row in results)
    items: list[Any] = [
        outcome_type(index=index, result=to_error_type(row) if isinstance(row, DomainError) else show(row))  # type: ignore[call-arg]  # each kind has its own result
        for index, row in enumerate(results)
    ]
    return outcomes_type(outcomes=items, succeeded=len(results) - failed, failed=failed)  # type: ignore[call-arg]  # each kind has its own outcomes
