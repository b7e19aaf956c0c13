"""The audit log in GraphQL."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.utils.str_converters import to_camel_case

import models
from graph.fields.columns import Column, column
from graph.fields.connection import Connection, OrderDirection
from graph.fields.declared import NODE_TYPES, DeclaredField
from graph.fields.descriptions import enum, input_type, object_type
from graph.fields.inputs import any_id, id_of
from graph.fields.node import Node, backed_by
from graph.fields.relations import ToOne, connection, to_one
from graph.fields.scalars import JSON, to_global_id
from models import AuditAction
from models.base import Model, table_of
from services import audit

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = [
    "AuditEntry",
    "AuditEntryFilter",
    "AuditEntryOrder",
    "FieldChange",
    "Queries",
    "changed_fields",
    "row_global_id",
]

enum(AuditAction)

HIDDEN_COLUMNS = {"id", "tenant_id", "version", "updated_at"}
"""Columns that are no news: what the entry says itself, and what moves with every change."""


@object_type
class FieldChange:
    """What became of one field."""

    field: str
    """Its name: that of the GraphQL field or input where there is one."""
    before: JSON | None
    """What it held, as JSON; ids as everywhere in the schema. Null when the row was made, and where it is secret."""
    after: JSON | None
    """What it holds since. Null when the row was deleted, and where it is secret."""


class ChangesField(DeclaredField):
    """What an entry says of its row, field by field."""

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Name them as the schema does, and turn what points at something into its id."""
        fields = _fields_by_column(info.schema, source.table_name)
        return await asyncio.gather(*(_field_change(info, source, name, fields) for name in _changed_columns(source)))


class RowIdField(DeclaredField):
    """The id of the row that an entry is about."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> str:  # noqa: ARG002  # Strawberry's signature
        """Write it."""
        return row_global_id(source)


class VersionField(DeclaredField):
    """The version that an entry left its row at."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> int | None:  # noqa: ARG002  # Strawberry's signature
        """Read it from the values."""
        return (source.new_values or source.old_values or {}).get("version")


def _declare(kind: type[DeclaredField]) -> Any:
    """A field of that kind; any, as far as its annotation is concerned."""
    return kind()


@backed_by(audit.AUDIT)
class AuditEntry(Node):
    """One change of one thing: who made it, when and from where. Entries are never changed."""

    table: str = column("table_name")
    """What kind of thing it is: the name of its table, such as `tasks`."""
    row_id: strawberry.ID = _declare(RowIdField)
    """Which one: its id, be it there or not."""
    action: AuditAction
    """What became of it."""
    actor: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("actor_id", key="user_id")
    """Who did it; null for machines and operators."""
    changes: list[FieldChange] = _declare(ChangesField)
    """What changed; of a new or a deleted thing all that it held. Empty once it was purged."""
    version: int | None = _declare(VersionField)
    """The version that the thing has since, or had when it was deleted; null if it has none, or was purged."""
    request_id: str | None
    """The request that it came with; for admins and owners."""
    operation: str
    """The mutation that did it, such as `createTask`; empty for operators."""
    ip: str | None
    """The address that it came from; for admins and owners."""
    user_agent: str | None
    """The program that it came from, as it called itself; for admins and owners."""
    created_at: datetime
    """When it happened."""


def _is_known(type_name: str) -> bool:
    """Whether ids of entries' rows may begin with this: the name of a type, or of a table that has none."""
    return type_name in NODE_TYPES or type_name in Model.metadata.tables


@input_type
class AuditEntryFilter:
    """Which entries are listed."""

    table: str | None = UNSET
    """Those of this kind of thing, such as `tasks`."""
    row_id: strawberry.ID | None = any_id(_is_known, default=UNSET)
    """Those of this one thing, be it there or not."""
    action: AuditAction | None = UNSET
    """Those that did this."""
    actor: strawberry.ID | None = id_of("User", default=UNSET)
    """Those of this person."""
    from_: datetime | None = strawberry.field(name="from", default=UNSET)
    """Those of this moment or later."""
    to: datetime | None = UNSET
    """Those before this moment."""


@enum
class AuditEntryOrderField(Enum):
    """What entries can be sorted by."""

    CREATED_AT = "created_at"


@input_type
class AuditEntryOrder:
    """How entries are sorted; by default the newest first."""

    field: AuditEntryOrderField
    """By what."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@object_type
class Queries:
    """The audit log at the root."""

    audit_log: Connection[AuditEntry] = connection(audit.FULL_LOG)
    """Everything that changed in the tenant. For admins and owners."""


def row_global_id(entry: models.AuditEntry) -> str:
    """The id of the row that an entry is about, as its type writes it, or after its table if it has no type."""
    return to_global_id(_type_name_of(entry.table_name) or entry.table_name, entry.row_id)


def changed_fields(info: Any, entry: models.AuditEntry) -> list[str]:
    """The names of the fields that an entry changed."""
    fields = _fields_by_column(info.schema, entry.table_name)
    return [_api_name(name, fields) for name in _changed_columns(entry)]


def _changed_columns(entry: models.AuditEntry) -> Iterator[str]:
    values = {**(entry.old_values or {}), **(entry.new_values or {})}
    return (name for name in values if name not in HIDDEN_COLUMNS)


async def _field_change(
    info: Any, entry: models.AuditEntry, name: str, fields: dict[str, DeclaredField]
) -> FieldChange:
    before, after = ((values or {}).get(name) for values in (entry.old_values, entry.new_values))
    field = fields.get(name)
    if isinstance(field, ToOne):
        before, after = await _referenced_id(info, field, before), await _referenced_id(info, field, after)
    return FieldChange(field=_api_name(name, fields), before=before, after=after)


def _api_name(name: str, fields: dict[str, DeclaredField]) -> str:
    field = fields.get(name)
    return to_camel_case(field.python_name if isinstance(field, Column) else name)


async def _referenced_id(info: Any, field: ToOne, value: str | None) -> Any:
    """The id of what a column points at; the row is asked only if the column holds something else."""
    if value is None:
        return None
    if field.key == "id":
        return to_global_id(field.target.name, UUID(value))
    row = await info.context.loaders.one(field.target.collection, field.key, UUID(value))
    return None if row is None else to_global_id(field.target.name, row.id)


@cache
def _type_name_of(table: str) -> str | None:
    """The type whose rows a table holds."""
    return next((d.name for d in NODE_TYPES.values() if table_of(d.collection.model).name == table), None)


@cache
def _fields_by_column(schema: Any, table: str) -> dict[str, DeclaredField]:
    """The declared fields of a table's type, by their columns."""
    type_ = schema.get_type_by_name(_type_name_of(table) or "")
    if not isinstance(type_, StrawberryObjectDefinition):
        return {}
    declared_fields = [field for field in type_.fields if isinstance(field, Column | ToOne)]
    return {field.column or field.python_name: field for field in declared_fields}
