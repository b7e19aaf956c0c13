"""Changes of rows as the schema names them: entries of the audit log hold columns, clients know fields."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any
from uuid import UUID

from strawberry.utils.str_converters import to_camel_case

import models
from graph.fields.columns import Column, MoneyField
from graph.fields.declared import NODE_FIELDS, DeclaredField, TypeBinding, node_of_table, with_attributes
from graph.fields.descriptions import object_type
from graph.fields.money import Money
from graph.fields.relations import ToOne
from graph.fields.scalars import JSON, serialize_datetime, to_global_id
from models.base import ARRAY_OF, Model
from services import audit

__all__ = [
    "AuditedField",
    "AuditedKind",
    "ChangesField",
    "FieldChange",
    "RowIdField",
    "audited_fields",
    "changed_field_names",
    "changes_field",
    "row_global_id",
    "row_id_field",
]

HIDDEN_COLUMNS = {"id", "tenant_id", "version", "updated_at"}
"""Columns that are no news: what the entry says itself, and what moves with every change."""

Values = Mapping[str, Any]
"""Values of a row by its columns, in the JSON of the database."""


class AuditedKind(Enum):
    """How the value of a field is made of the values of its columns."""

    PLAIN = ""
    """As it is."""
    MOMENT = "moment"
    """A point in time, as `DateTime` writes it."""
    REFERENCE = "reference"
    """The global ID of the row that it references."""
    REFERENCES = "references"
    """The global IDs of the rows that its elements reference."""
    MONEY = "money"
    """An amount with its currency."""


@object_type
class FieldChange:
    """Change of one field of an object, as recorded in the audit log."""

    field: str
    """Name of the changed field as in the GraphQL schema, such as `price` or `assignee`, or of the database column in
    camel case if the schema has no such field."""
    before: JSON | None
    """Value of the field before the change as the schema writes it: references as global IDs, amounts of money with
    their currency; null if the field had no value, the object was created by this change, or the value is secret."""
    after: JSON | None
    """Value of the field after the change as the schema writes it: references as global IDs, amounts of money with
    their currency; null if the field has no value, the object was deleted by this change, or the value is secret."""


@dataclass(frozen=True, slots=True)
class AuditedField:
    """A field of a type, and the columns that hold its value."""

    name: str
    columns: tuple[str, ...]
    """One; of money the column of the minor units, and the one of the currency."""
    kind: AuditedKind = AuditedKind.PLAIN
    target: TypeBinding | None = None
    """The type of the row that a reference leads to."""
    key: str = "id"
    """The column of that row which the reference holds."""


class ChangesField(DeclaredField, compilable=True):
    """What an audit entry says of its row, field by field."""

    entry_attribute: str
    """The attribute of the object that holds the entry; empty if the object is the entry."""

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Return the changed values under the schema's names, with references as global ids."""
        entry = getattr(source, self.entry_attribute) if self.entry_attribute else source
        changes = await _field_changes(info, entry)
        return [FieldChange(field=name, before=before, after=after) for name, before, after in changes]


class RowIdField(DeclaredField, compilable=True):
    """The id of the row that an audit entry is about."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> str:  # noqa: ARG002  # Strawberry's signature
        """Write it."""
        return row_global_id(source)


def changes_field(entry_attribute: str = "") -> Any:
    """Declare the changes that an audit entry tells: the object itself, or the entry in an attribute of it."""
    return with_attributes(ChangesField(), entry_attribute=entry_attribute)


def row_id_field() -> Any:
    """Declare the global id of the row that an audit entry is about."""
    return RowIdField()


def row_global_id(entry: models.AuditEntry) -> str:
    """Return the id of the row that an entry is about, as its type writes it, or after its table if it has no type."""
    node = node_of_table(entry.table_name)
    return to_global_id(node.name if node else entry.table_name, entry.row_id)


def changed_field_names(entry: models.AuditEntry) -> list[str]:
    """Return the names of the fields that an entry changed."""
    return [field.name for field in _changed_fields(entry)]


async def _field_changes(info: Any, entry: models.AuditEntry) -> Sequence[tuple[str, Any, Any]]:
    """Return the fields that an entry changed, each with its JSON before and after."""
    fields = _changed_fields(entry)
    before, after = entry.old_values, entry.new_values
    if before and after and any(not after.keys() >= set(field.columns) for field in fields):
        # An update's entry holds the columns alone that changed, and an amount is told together with its currency.
        amounts = await info.context.loaders.expression(audit.AUDIT, audit.AMOUNTS_AFTER, entry.id) or {}
        before, after = {**amounts, **before}, {**amounts, **after}

    async def change(field: AuditedField) -> tuple[str, Any, Any]:
        return field.name, await _to_json(info, field, before), await _to_json(info, field, after)

    return await asyncio.gather(*map(change, fields))


async def _to_json(info: Any, field: AuditedField, values: Values | None) -> Any:
    value = values.get(field.columns[0]) if values else None
    if value is None or values is None:
        return None
    match field.kind:
        case AuditedKind.MOMENT:
            return serialize_datetime(datetime.fromisoformat(value))
        case AuditedKind.REFERENCE:
            return await _reference_to_json(info, field, UUID(value))
        case AuditedKind.REFERENCES:
            return await asyncio.gather(*(_reference_to_json(info, field, UUID(each)) for each in value))
        case AuditedKind.MONEY:
            return _money_to_json(value, values.get(field.columns[1]))
    return value


async def _reference_to_json(info: Any, field: AuditedField, key: UUID) -> str | None:
    assert field.target is not None, "a reference leads somewhere"
    if field.key == "id":
        return to_global_id(field.target.name, key)
    row = await info.context.loaders.one(field.target.collection, field.key, key)
    return row and to_global_id(field.target.name, row.id)


def _money_to_json(minor: int, currency: str | None) -> Values | None:
    if currency is None:
        return None
    money = Money.from_minor_units(minor, currency)
    return {"amount": str(money.amount), "currency": money.currency.value}


def _changed_fields(entry: models.AuditEntry) -> list[AuditedField]:
    values = {**(entry.old_values or {}), **(entry.new_values or {})}
    fields = audited_fields(entry.table_name)
    found = {name: fields[name] for name in values if name in fields}
    return list(dict.fromkeys(found.values()))


@cache
def audited_fields(table: str) -> Mapping[str, AuditedField]:
    """Return the fields that show the columns of a table, by the columns; what no client may make use of is left out.

    A column that the schema shows nowhere goes by its own name.
    """
    node = node_of_table(table)
    declared = NODE_FIELDS[node.name] if node else ()
    columns = {column.name: column for column in Model.metadata.tables[table].c if column.name not in HIDDEN_COLUMNS}
    fields = [_undeclared_field(column) for column in columns.values()]
    fields += [_declared_field(field, columns) for field in declared]
    return {name: field for field in fields if field is not None for name in field.columns}


def _declared_field(field: Any, columns: Mapping[str, Any]) -> AuditedField | None:
    if isinstance(field, MoneyField) and not field.computed:
        return AuditedField(to_camel_case(field.python_name), (field.minor, field.currency), AuditedKind.MONEY)
    if not isinstance(field, Column | ToOne):
        return None
    name = field.column or field.python_name
    if name not in columns:
        return None
    field_name = to_camel_case(field.python_name)
    if isinstance(field, ToOne):
        return AuditedField(field_name, (name,), AuditedKind.REFERENCE, field.target, field.key)
    return AuditedField(field_name, (name,), _kind_of(columns[name]))


def _undeclared_field(column: Any) -> AuditedField | None:
    """Return what shows a column that its type has no field for; None for digests, and ids of what is no node."""
    names = (column.name,)
    if column.type.python_type is bytes:
        return None
    table, _, key = column.info.get(ARRAY_OF, "").partition(".")
    if target := node_of_table(table):
        return AuditedField(to_camel_case(column.name), names, AuditedKind.REFERENCES, target, key)
    if column.type.python_type is not UUID:
        return AuditedField(to_camel_case(column.name), names, _kind_of(column))
    for foreign in column.foreign_keys:
        target = node_of_table(foreign.column.table.name)
        if target and foreign.column.name != "tenant_id":
            name = to_camel_case(column.name)
            return AuditedField(name, names, AuditedKind.REFERENCE, target, foreign.column.name)
    return None


def _kind_of(column: Any) -> AuditedKind:
    return AuditedKind.MOMENT if column.type.python_type is datetime else AuditedKind.PLAIN
