"""The columns and types that all tables share."""

from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Self, cast
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

__all__ = [
    "ARRAY_OF",
    "CHANGE_TIME",
    "LIVE",
    "Model",
    "Row",
    "TenantOwned",
    "Versioned",
    "choices_of",
    "contained_in",
    "contents_of",
    "enum_check",
    "generated_flag",
    "indexes",
    "new_id",
    "now",
    "nulls_last_expressions",
    "past_row_class",
    "rank_of",
    "row_class",
    "sort_key",
    "table_of",
    "timestamp",
    "trigram_index",
]

SQLModel.metadata.naming_convention = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}


CONTAINER_COLUMN = "container_column"

ARRAY_OF = "array_of"
"""The key of a column's `info` that says of an array which table and column its elements are of, as `labels.id`."""

LIVE = "deleted_at IS NULL"
"""The condition for rows that are not in the trash, in SQL."""


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): ordered by time, so that new rows land at the end of their index."""
    return uuid7()


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


CHANGE_TIME = datetime.max  # noqa: DTZ901  # without a time zone the driver takes it for PostgreSQL's infinity
"""What a rule writes into a column for the moment of the change itself; the database puts the moment in its place."""


def timestamp(**options: Any) -> Any:
    """Return a `timestamptz` column."""
    return Field(sa_type=cast("Any", DateTime(timezone=True)), **options)


def sort_key(of: str) -> Any:
    """Return a generated twin of a text column to sort by: lower case, in byte order.

    It is stored and not computed in the query, because `lower()` is not leakproof: under row-level security
    an expression over it would never reach an index condition.
    """
    return Field(
        default=None,
        nullable=False,
        sa_type=cast("Any", Text(collation="C")),
        sa_column_args=(Computed(f"lower({of})", persisted=True),),
    )


def rank_of(column: str, values: type[StrEnum]) -> Any:
    """Return a generated column with the place of a column's value in its enum, to sort by: from 1, as it is declared.

    It is stored for the reason that `sort_key` gives.
    """
    listed = ", ".join(f"'{value}'" for value in values)
    place = Computed(f"array_position(ARRAY[{listed}], {column})", persisted=True)
    return Field(default=None, nullable=False, sa_type=Integer, sa_column_args=(place,))


def generated_flag(when: str) -> Any:
    """Return a generated boolean column that says whether an expression holds.

    A filter on it is an equality, so one index serves the filter and the order together.
    """
    return Field(default=None, nullable=False, sa_column_args=(Computed(when, persisted=True),))


def indexes(
    table: str, *keys: str, where: str | None = None, nulls_last: Mapping[str, TypeEngine[Any]] | None = None
) -> Iterator[Index]:
    """Return one index per list of columns, within the tenant and ending in the id, as a keyset page needs it.

    Args:
        table: its name.
        keys: lists of columns, such as "status, created_at".
        where: which rows are listed.
        nulls_last: columns that may be null and are sorted by, with their types; each has an index per direction.
    """
    condition = text(where) if where else None
    for key in keys:
        columns = key.split(", ")
        yield Index(f"{table}_by_{'_'.join(columns)}", "tenant_id", *columns, "id", postgresql_where=condition)
    for column, type_ in (nulls_last or {}).items():
        for direction, expression in nulls_last_expressions(column, type_).items():
            name = f"{table}_by_{column}_{direction}"
            yield Index(name, "tenant_id", text(f"({expression})"), "id", postgresql_where=condition)


def nulls_last_expressions(column: str, type_: TypeEngine[Any]) -> dict[str, str]:
    """Return the expressions, by direction, that sort a column so that nulls come last in both of them.

    CASE and not COALESCE, which row-level security keeps out of index conditions.
    """
    cast_type, least, most = "bigint", str(-(2**62)), str(2**62)
    if isinstance(type_, Date | DateTime):
        cast_type, least, most = "date" if isinstance(type_, Date) else "timestamptz", "-infinity", "infinity"
    return {
        direction: f"CASE WHEN {column} IS NULL THEN '{value}'::{cast_type} ELSE {column} END"
        for direction, value in (("asc", most), ("desc", least))
    }


def trigram_index(table: str, column: str) -> Index:
    """Return an index for substrings of a column, within its tenant."""
    return Index(
        f"{table}_by_text",
        "tenant_id",
        column,
        postgresql_using="gist",
        postgresql_ops={column: "gist_trgm_ops"},
    )


def contained_in(parent: str, column: str) -> ForeignKeyConstraint:
    """Declare that a column points at the row that contains this one: it goes to the trash with it, and back.

    The table has a column `deleted_at`, and may have `deleted_by`; see `services.writes.contents`.
    """
    return ForeignKeyConstraint(
        ["tenant_id", column], [f"{parent}.tenant_id", f"{parent}.id"], info={CONTAINER_COLUMN: column}
    )


def contents_of(parent: Table) -> list[tuple[Table, str]]:
    """Return the tables that are contained in a table's rows, each with the column that says in which row."""
    return [
        (table, constraint.info[CONTAINER_COLUMN])
        for _, table in sorted(SQLModel.metadata.tables.items())
        for constraint in table.foreign_key_constraints
        if CONTAINER_COLUMN in constraint.info and constraint.referred_table is parent
    ]


def enum_check(column: str, choices: type[StrEnum]) -> CheckConstraint:
    """Return a CHECK that a text column holds one of an enum's values.

    Text and not a PostgreSQL enum: comparing enums is not leakproof, so under row-level security no index
    would serve a filter on one.
    """
    values = [choice.value for choice in choices]
    literals = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({literals})", name=column, info={column: frozenset(values)})


def choices_of(column: Column[Any]) -> frozenset[str] | None:
    """Return the values that a CHECK allows in a column, besides null; None without such a CHECK."""
    every = (constraint.info.get(column.name) for constraint in column.table.constraints)
    return next((choices for choices in every if choices is not None), None)


class Model(SQLModel):
    """Any table's row."""

    __tablename__: ClassVar[Any]
    is_past: ClassVar[bool] = False


class TenantOwned(Model):
    """A row that belongs to one tenant: its key starts with the tenant's, and so does every reference to it."""

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True, default_factory=new_id)


class Versioned(Model):
    """A row that changes: when it was made, when it last changed, and how often.

    All three are set by the database (trigger `set_timestamps`), whoever writes: bulk statements and raw SQL too.
    """

    created_at: datetime = timestamp(default=None, nullable=False)
    updated_at: datetime = timestamp(default=None, nullable=False)
    version: int = Field(default=1, sa_type=Integer, nullable=False, sa_column_kwargs={"server_default": text("1")})


class Row(tuple[Any, ...]):
    """A row that was read: the columns of one model as attributes, immutable, outside any session.

    Reading gives these and not instances of the model, which cost five times as much to make.
    """

    __slots__ = ()
    model: ClassVar[type[Model]]
    is_past: ClassVar[bool] = False
    """Whether it shows what the row was at some moment; see `past_row_class`."""

    @classmethod
    def of(cls, values: Iterable[Any]) -> Self:
        """Return a row from its values, in the order of the table's columns."""
        return tuple.__new__(cls, values)


def table_of(model: type[Model]) -> Table:
    """Return a model's table."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]  # SQLModel adds it to tables only


@cache
def row_class(model: type[Model]) -> type[Row]:
    """Return the class of the rows that are read from a model's table."""
    names = table_of(model).columns.keys()
    fields = namedtuple(model.__name__, names)  # type: ignore[misc]  # noqa: PYI024  # names come from the table
    return type(f"{model.__name__}Row", (fields, Row), {"__slots__": (), "model": model})


@cache
def past_row_class(model: type[Model]) -> type[Row]:
    """Return the class of rows that show what a row was up to its next change; `updated_at` says since when."""
    present = row_class(model)
    return type(f"Past{present.__name__}", (present,), {"__slots__": (), "is_past": True})
