"""Changes of rows: what a field may hold is declared once, beside its type, and checked here.

    class TaskChanges(TypedDict, total=False):
        title: Annotated[str, OneLine(200)]
        description: Annotated[str | None, FreeText(2000)]
        due_date: datetime | None
        project_id: Annotated[UUID | None, projects.LIVE_PROJECT]

    TASK_RULES = WriteRules(Task, TaskChanges, where=LIVE)

The rules that create and update rows hand such a value over, with what a client gave.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, Generic, TypedDict, TypeVar, get_type_hints
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select

from models.base import Model, table_of
from models.database import WriteSession, fetch
from models.money import Currency, minor_units
from services.permissions import Actor
from services.validation import Validator, validating
from services.writes.idempotency import key_scope, once
from services.writes.row_update import RowUpdate, apply_update
from services.writes.rows import get_row, insert_row, unique_violation_as

__all__ = [
    "FreeText",
    "IntegerRange",
    "MoneyRange",
    "MoneyValue",
    "OneLine",
    "Reference",
    "ReferenceList",
    "References",
    "WriteRules",
    "change_row",
    "check_changes",
    "create_row",
    "lock_references",
    "row_update_of",
]

RowType = TypeVar("RowType", bound=Model)
References = Mapping[str, Mapping[UUID, Any]]
"""By field, the existing rows that a client refers to, by the ids that it gave."""

DIGITS = {10: "ten", 12: "twelve"}


class MoneyValue(TypedDict):
    """An amount in a currency."""

    amount: Decimal
    currency: Currency


class FieldCheck(ABC):
    """What a field may hold."""

    @abstractmethod
    def columns(self, validator: Validator, name: str, value: Any) -> dict[str, Any]:
        """Return a value as columns, and tell the validator what is wrong with it."""


@dataclass(frozen=True, slots=True)
class OneLine(FieldCheck):
    """A title or a name: one line, not empty, without blanks around it."""

    max_length: int

    def columns(self, validator: Validator, name: str, value: Any) -> dict[str, Any]:
        """Return the text as it is stored."""
        return {name: validator.check_line(name, value, max_length=self.max_length)}


@dataclass(frozen=True, slots=True)
class FreeText(FieldCheck):
    """A text of many lines, which may be empty unless it is said how long it is at least."""

    max_length: int
    min_length: int = 0

    def columns(self, validator: Validator, name: str, value: Any) -> dict[str, Any]:
        """Return the text as it is stored."""
        return {name: validator.check_text(name, value, min_length=self.min_length, max_length=self.max_length)}


@dataclass(frozen=True, slots=True)
class IntegerRange(FieldCheck):
    """A whole number between two, both included."""

    least: int
    most: int

    def columns(self, validator: Validator, name: str, value: Any) -> dict[str, Any]:
        """Return the number."""
        if not self.least <= value <= self.most:
            validator.add_problem(name, f"This is {self.least:,} to {self.most:,}.")
        return {name: value}


@dataclass(frozen=True, slots=True)
class MoneyRange(FieldCheck):
    """An amount between 0 and so many minor units, in the columns `<name>_minor` and `currency`."""

    most: int

    def columns(self, validator: Validator, name: str, value: Any) -> dict[str, Any]:
        """Return minor units and currency."""
        minor = minor_units(value["amount"], value["currency"])
        if minor is None:
            validator.add_problem(f"{name}.amount", "This has more decimals than the currency.")
        elif not 0 <= minor <= self.most:
            noun = ("An " if name[0] in "aeiou" else "A ") + name.replace("_", " ")
            digits = DIGITS.get(len(str(self.most)), str(len(str(self.most))))
            validator.add_problem(f"{name}.amount", f"{noun} is 0 or more, with {digits} digits at most.")
        return {f"{name}_minor": minor, "currency": value["currency"]}


@dataclass(frozen=True, slots=True)
class Reference:
    """A row of another table that is there, and fit to be pointed at. One that a row points at already may stay."""

    lock: Callable[[WriteSession, Actor, Iterable[UUID]], Awaitable[Mapping[UUID, Any]]]
    """Gives the rows that there are, by the ids that clients give, and keeps them until the transaction ends."""
    is_usable: Callable[[Any], bool]
    key: str
    """The column of the row that is written."""
    message: str
    """What a client is told where there is no such row."""
    lock_order: int
    """References with a lower one are locked first, in every rule, so that no two wait for each other."""

    def columns(self, validator: Validator, name: str, row: Any, current: Any) -> dict[str, Any]:
        """Return what is written for a row, and tell the validator if it cannot be pointed at.

        A reference that stays the same is not written: the row may be changed before this write.
        """
        value = None if row is None else getattr(row, self.key)
        if row is not None and current is not None and getattr(current, name) == value:
            return {}
        if row is None or not self.is_usable(row):
            validator.add_problem(name, self.message)
        return {name: value}


@dataclass(frozen=True, slots=True)
class ReferenceList:
    """Rows of another table, each once."""

    reference: Reference
    most: int

    def columns(self, validator: Validator, name: str, rows: Sequence[Any]) -> dict[str, Any]:
        """Return what is written for some rows, of which None is none; tell the validator what is wrong with them."""
        for number, row in enumerate(rows):
            if row is None or not self.reference.is_usable(row):
                validator.add_problem(f"{name}.{number}", self.reference.message)
        values = list(dict.fromkeys(getattr(row, self.reference.key) for row in rows if row is not None))
        if len(values) > self.most:
            validator.add_problem(name, f"There are {self.most} at most.")
        return {name: values}


def check_changes(
    validator: Validator,
    fields: type,
    changes: Mapping[str, Any],
    there: References | None = None,
    current: Model | None = None,
) -> dict[str, Any]:
    """Return changes as column values, and tell the validator what is wrong with them.

    Args:
        validator: collects the problems, in the order of the fields.
        fields: the type of the changes, whose annotations say what is allowed.
        changes: what a client gave; what is null is not checked.
        there: what `lock_references` found; without it references are left as they were given.
        current: the row as it is, so that a reference that does not change is neither judged nor written.
    """
    checked: dict[str, dict[str, Any]] = {}
    for name, check in _checks(fields).items():
        if (value := changes.get(name)) is None:
            continue
        if isinstance(check, FieldCheck):
            checked[name] = check.columns(validator, name, value)
        elif isinstance(check, ReferenceList):
            rows = None if there is None else [there[name].get(each) for each in value]
            checked[name] = {name: sorted(set(value))} if rows is None else check.columns(validator, name, rows)
        elif there is not None:
            checked[name] = check.columns(validator, name, there[name].get(value), current)
    columns: dict[str, Any] = {}
    for name, value in changes.items():
        columns |= checked.get(name, {name: value})
    return columns


async def lock_references(
    session: WriteSession, actor: Actor, fields: type, rows: Sequence[Mapping[str, Any]]
) -> References:
    """Lock the existing rows that some changes refer to, until the transaction ends."""
    references = {
        name: check.reference if isinstance(check, ReferenceList) else check
        for name, check in _checks(fields).items()
        if not isinstance(check, FieldCheck)
    }
    there: dict[str, Mapping[UUID, Any]] = {}
    for name, reference in sorted(references.items(), key=lambda item: item[1].lock_order):
        given = [row[name] for row in rows if row.get(name)]
        ids = [each for value in given for each in (value if isinstance(value, list) else [value])]
        there[name] = await reference.lock(session, actor, ids)
    return there


@dataclass(frozen=True, slots=True)
class WriteRules(Generic[RowType]):
    """What may be written into the rows of one table, and what clients are told otherwise."""

    model: type[RowType]
    fields: type
    """The type of the changes, whose annotations say what is allowed."""
    where: ColumnElement[bool] | None = None
    """What must hold for a row, or else it is not there."""
    unique: Mapping[str, str] = field(default_factory=dict)
    """By unique constraint, the field that it is about."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Columns of a new row where a client says nothing."""
    creator: str | None = None
    """The column with the account of who created the row."""


async def create_row(
    session: WriteSession,
    actor: Actor,
    rules: WriteRules[RowType],
    values: Mapping[str, Any],
    idempotency_key: str | None,
) -> RowType:
    """Create a row, once per idempotency key.

    Raises:
        NotFound: the same call with the same key made one that is no longer there.
        InvalidInput: a value beyond its limits, or a reference to what is not there.
        AlreadyExists: a value that must be unique is taken.
        IdempotencyConflict: see `services.writes.idempotency`.
    """

    async def make() -> UUID:
        there = await lock_references(session, actor, rules.fields, [values])  # in here: a replay is always answered
        with validating() as validator:
            columns = {**rules.defaults, **check_changes(validator, rules.fields, values, there)}
        if rules.creator is not None:
            columns[rules.creator] = actor.identity.user_id
        async with unique_violation_as(rules.unique):
            row: Any = await insert_row(session, actor, rules.model, columns)
        made: UUID = row.id
        return made

    meaning = {**rules.defaults, **check_changes(Validator(), rules.fields, values)}
    row_id = await once(session, actor, key_scope("create", rules.model), idempotency_key, meaning, make)
    return await get_row(session, actor, rules.model, row_id, where=rules.where)


async def change_row(
    session: WriteSession,
    actor: Actor,
    rules: WriteRules[RowType],
    row_id: UUID,
    changes: Mapping[str, Any],
    expected_version: int | None,
) -> RowType:
    """Change a row; what is absent stays as it is, and a reference that does not change is neither judged nor written.

    Raises:
        NotFound: no such row.
        InvalidInput, AlreadyExists: as in `create_row`.
        VersionConflict: it is not at the expected version.
    """
    there = await lock_references(session, actor, rules.fields, [changes])
    # Not locked, since what is pointed at is locked before what points at it by every rule.
    current = await _find_row(session, actor, rules, row_id) if any(there.values()) else None
    with validating() as validator:
        columns = check_changes(validator, rules.fields, changes, there, current)
    async with unique_violation_as(rules.unique):
        return await apply_update(
            session, actor, RowUpdate(rules.model, row_id, columns, expected_version, rules.where)
        )


def row_update_of(
    rules: WriteRules[RowType], row_id: UUID, changes: Mapping[str, Any], expected_version: int | None
) -> RowUpdate[RowType] | None:
    """Return the row update that `change_row` comes down to; None if references have to be looked up.

    Raises:
        InvalidInput: as in `create_row`.
    """
    checks = _checks(rules.fields).items()
    if any(not isinstance(check, FieldCheck) and changes.get(name) for name, check in checks):
        return None
    with validating() as validator:
        columns = check_changes(validator, rules.fields, changes)
    return RowUpdate(rules.model, row_id, columns, expected_version, rules.where)


@cache
def _checks(fields: type) -> dict[str, FieldCheck | Reference | ReferenceList]:
    """Return what the annotations of a type of changes say, by field, in their order."""
    hints = get_type_hints(fields, include_extras=True)
    return {
        name: check
        for name, hint in hints.items()
        for check in getattr(hint, "__metadata__", ())
        if isinstance(check, FieldCheck | Reference | ReferenceList)
    }


async def _find_row(session: WriteSession, actor: Actor, rules: WriteRules[RowType], row_id: UUID) -> RowType | None:
    columns = table_of(rules.model).c
    this = and_(columns.tenant_id == actor.identity.tenant_id, columns.id == row_id, *_given(rules.where))
    return next(iter(await fetch(session, rules.model, select(*columns).where(this))), None)


def _given(condition: ColumnElement[bool] | None) -> tuple[ColumnElement[bool], ...]:
    return () if condition is None else (condition,)
