"""Bulk work: many rows in one call, each with an outcome of its own, by a number of statements that never grows.

A row that is refused stands as its refusal among the outcomes, and the others go through. What is written to the
database travels as arrays, one for each column, so that the text of a statement does not depend on how many rows
there are.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, FromClause, Text, Uuid, and_, bindparam, cast, delete, func, select, update
from sqlalchemy import column as sa_column
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import TypeEngine

from models.base import Model, table_of
from models.database import WriteSession, fetch
from services.errors import DomainError, InvalidInput, NotFound, VersionConflict
from services.permissions import Actor
from services.validation import Validator, validating

__all__ = [
    "MAX_ROWS",
    "Batch",
    "RowChange",
    "check_row_count",
    "delete_rows",
    "given_value",
    "insert_statement",
    "reject_missing",
    "unnest_params",
    "unnest_table",
    "update_rows",
]

MAX_ROWS = 1000

RowType = TypeVar("RowType", bound=Model)
GivenType = TypeVar("GivenType")
MadeType = TypeVar("MadeType")


@dataclass(frozen=True, slots=True)
class RowChange:
    """What one row of a call says of one thing; what is absent from the changes stays as it is."""

    id: UUID
    changes: Mapping[str, Any]
    expected_version: int | None = None


class Batch(Generic[GivenType, MadeType]):
    """The rows of one call, by their places from 0: those that are still to be done, and what became of the others."""

    def __init__(self, name: str, rows: Sequence[GivenType | InvalidInput]) -> None:
        """Take the rows up.

        Args:
            name: the field of the input that holds them.
            rows: what each of them says; one that could not even be read stands as its refusal.

        Raises:
            InvalidInput: there are none, or more than 1,000.
        """
        check_row_count(name, rows)
        self.name = name
        self.pending: dict[int, GivenType] = {}
        self._size = len(rows)
        self._outcomes: dict[int, MadeType | DomainError] = {}
        for index, row in enumerate(rows):
            if isinstance(row, InvalidInput):
                self._outcomes[index] = row
            else:
                self.pending[index] = row

    def path(self, index: int, field: str) -> str:
        """Return the path of a row's field within the input."""
        return f"{self.name}.{index}.{field}"

    def finish(self, index: int, outcome: MadeType | DomainError) -> None:
        """Say what became of a row."""
        del self.pending[index]
        self._outcomes[index] = outcome

    def finish_all(self, outcomes: Mapping[int, MadeType | DomainError]) -> None:
        """Say what became of many rows."""
        for index, outcome in outcomes.items():
            self.finish(index, outcome)

    def pending_rows(self) -> Iterator[tuple[int, GivenType]]:
        """Return the rows that have no outcome yet; rows may finish during the iteration."""
        yield from list(self.pending.items())

    @contextmanager
    def validating(self, index: int) -> Iterator[Validator]:
        """Check one row, which ends when something is wrong with it."""
        try:
            with validating(f"{self.name}.{index}") as validator:
                yield validator
        except InvalidInput as refusal:
            self.finish(index, refusal)

    def check_each(
        self, check: Callable[[Validator, GivenType], dict[str, Any]]
    ) -> tuple[dict[int, dict[str, Any]], dict[int, InvalidInput]]:
        """Return the columns of each row by its index, and why the others are refused; no row ends by this."""
        columns: dict[int, dict[str, Any]] = {}
        refused: dict[int, InvalidInput] = {}
        for index, row in self.pending.items():
            try:
                with validating(f"{self.name}.{index}") as validator:
                    columns[index] = check(validator, row)
            except InvalidInput as refusal:
                refused[index] = refusal
                columns.pop(index, None)
        return columns, refused

    def reject_duplicates(self, field: str, key: Callable[[GivenType], Hashable]) -> None:
        """End every row whose key an earlier one has too."""
        first: dict[Hashable, int] = {}
        for index, row in self.pending_rows():
            earlier = first.setdefault(key(row), index)
            if earlier != index:
                message = f"This is the same as in {self.name}.{earlier}."
                self.finish(index, InvalidInput.of(self.path(index, field), message))

    def outcomes(self) -> list[MadeType | DomainError]:
        """Return the outcomes in the order of the input; every row must have one."""
        return [self._outcomes[index] for index in range(self._size)]


def check_row_count(name: str, rows: Sequence[Any]) -> None:
    """Refuse a call with too few or too many rows.

    Raises:
        InvalidInput: there are none, or more than 1,000.
    """
    if not 1 <= len(rows) <= MAX_ROWS:
        raise InvalidInput.of(name, f"A call has 1 to {MAX_ROWS:,} rows.")


def reject_missing(batch: Batch[RowChange, RowType], model: type[RowType], current: Mapping[UUID, RowType]) -> None:
    """End the rows whose thing is not among the current ones, or not at the version that they expect."""
    for index, row in batch.pending_rows():
        thing: Any = current.get(row.id)
        if thing is None:
            batch.finish(index, NotFound())
        elif row.expected_version not in {None, thing.version}:
            batch.finish(index, VersionConflict(model, row.id, thing.version))


async def update_rows(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    current: Mapping[UUID, RowType],
    changes: Mapping[UUID, Mapping[str, Any]],
) -> dict[UUID, RowType]:
    """Change rows of the actor's tenant, by one statement; give all of them by their ids, as they are now.

    Args:
        session: the transaction.
        actor: whose tenant's.
        model: what they are.
        current: the rows as they are before, locked by this transaction.
        changes: the columns that change, by the row's id; a row that has all of these values stays as it is.
    """
    changing = {row_id: columns for row_id, columns in changes.items() if _differs(current[row_id], columns)}
    kept = {row_id: current[row_id] for row_id in changes.keys() - changing.keys()}
    if not changing:
        return kept
    columns = table_of(model).c
    names = sorted({name for values in changing.values() for name in values})
    given = unnest_table("given", {name: columns[name].type for name in ("id", *names)})
    these = and_(columns.tenant_id == actor.identity.tenant_id, columns.id == given.c.id)
    statement = (
        update(table_of(model))
        .where(these)
        .values({name: given_value(given, columns[name]) for name in names})
        .returning(*columns)
    )
    full = [
        {"id": row_id, **{name: values.get(name, getattr(current[row_id], name)) for name in names}}
        for row_id, values in changing.items()
    ]
    rows = await fetch(session, model, statement, unnest_params("given", full))
    return kept | {row.id: row for row in rows}  # type: ignore[attr-defined]  # whatever has a tenant has an id


async def delete_rows(
    session: WriteSession, actor: Actor, model: type[RowType], ids: Sequence[UUID]
) -> dict[UUID, RowType]:
    """Delete rows of the actor's tenant, locked by this transaction, by one statement; give them as they were."""
    if not ids:
        return {}
    columns = table_of(model).c
    these = and_(
        columns.tenant_id == actor.identity.tenant_id,
        columns.id == func.any(bindparam("row_ids", type_=ARRAY(Uuid()))),
    )
    rows = await fetch(session, model, delete(model).where(these).returning(*columns), {"row_ids": list(ids)})
    return {row.id: row for row in rows}  # type: ignore[attr-defined]  # whatever has a tenant has an id


def _differs(row: Model, columns: Mapping[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in columns.items())


def insert_statement(
    model: type[Model],
    names: Sequence[str],
    *,
    order_by: str = "id",
    same: Mapping[str, ColumnElement[Any]] | None = None,
    where: ColumnElement[bool] | None = None,
) -> Any:
    """Return a statement that inserts rows from `unnest_params("given", rows)` in an order.

    The order matters where a unique value can make one transaction wait for another. What is the `same` for all rows
    may be an expression. With `where`, all are inserted if that holds, or none.
    """
    columns, same = table_of(model).c, same or {}
    given = unnest_table("given", {name: columns[name].type for name in names})
    rows = select(*(given_value(given, columns[name]) for name in names), *same.values()).order_by(given.c[order_by])
    rows = rows if where is None else rows.where(where)
    return insert(table_of(model)).from_select([*names, *same], rows, include_defaults=False)


def unnest_table(name: str, columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """Return rows as a table of this name; `unnest_params` gives the values, and `given_value` reads them.

    An array travels as its text, since an array of arrays would come out as one row for each element.
    """
    types = {column: Text() if isinstance(type_, ARRAY) else type_ for column, type_ in columns.items()}
    values = [bindparam(f"{name}_{column}", type_=ARRAY(type_)) for column, type_ in types.items()]
    shape = [sa_column(column, type_) for column, type_ in types.items()]
    return func.unnest(*values).table_valued(*shape).render_derived(name=name)


def given_value(given: FromClause, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value of a column in a table of `unnest_table`."""
    value: ColumnElement[Any] = given.c[str(column.key)]
    return cast(value, column.type) if isinstance(column.type, ARRAY) else value


def unnest_params(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the rows as the binds of `unnest_table`: one array for each column."""
    return {f"{name}_{column}": [_as_text(row[column]) for row in rows] for column in rows[0]}


def _as_text(value: Any) -> Any:
    """Return an array of ids as PostgreSQL writes it, and anything else as it is."""
    return f"{{{','.join(map(str, value))}}}" if isinstance(value, list) else value
