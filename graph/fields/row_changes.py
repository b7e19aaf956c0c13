"""Changes of rows as the schema names them: entries of the audit log hold columns, clients know fields."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from strawberry.types.base import StrawberryObjectDefinition
from strawberry.utils.str_converters import to_camel_case

import models
from graph.fields.columns import Column, MoneyField
from graph.fields.declared import NODE_TYPES, DeclaredField, TypeBinding
from graph.fields.descriptions import object_type
from graph.fields.money import Money
from graph.fields.relations import ToOne
from graph.fields.scalars import JSON, serialize_datetime, to_global_id
from models.base import ARRAY_OF, Model, table_of
from services import audit

__all__ = ["ChangedValues", "FieldChange", "changed_field_names", "changed_values", "field_changes", "row_global_id"]

HIDDEN_COLUMNS = {"id", "tenant_id", "version", "updated_at"}
"""Columns that are no news: what the entry says itself, and what moves with every change."""

Values = Mapping[str, Any]
"""Values of a row by its columns, in the JSON of the database."""

ToJSON = Callable[[Any, Values], Awaitable[Any]]
"""From the resolver's info and the values of a row to the JSON of one field."""


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


class ChangedValues(DeclaredField):
    """The changes of an object whose attribute `entry` is an entry of the audit log."""

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Return the changed fields with their values."""
        entry, loaders = source.entry, info.context.loaders
        changes = await field_changes(
            info, entry, lambda: loaders.expression(audit.AUDIT, audit.AMOUNTS_AFTER, entry.id)
        )
        return [FieldChange(field=name, before=before, after=after) for name, before, after in changes]


def changed_values() -> Any:
    """Return the changed fields of an object that has an entry of the audit log."""
    return ChangedValues()


@dataclass(frozen=True, slots=True)
class AuditedField:
    """A field of a type, and the columns that hold its value."""

    name: str
    columns: tuple[str, ...]
    to_json: ToJSON


def row_global_id(entry: models.AuditEntry) -> str:
    """Return the id of the row that an entry is about, as its type writes it, or after its table if it has no type."""
    return to_global_id(_type_name_of(entry.table_name) or entry.table_name, entry.row_id)


def changed_field_names(info: Any, entry: models.AuditEntry) -> list[str]:
    """Return the names of the fields that an entry changed."""
    return [field.name for field in _changed_fields(info, entry)]


async def field_changes(
    info: Any, entry: models.AuditEntry, load_amounts_after: Callable[[], Awaitable[Values | None]]
) -> Sequence[tuple[str, Any, Any]]:
    """Return the fields that an entry changed, each with its JSON before and after.

    Args:
        info: the resolver's.
        entry: the change.
        load_amounts_after: loads the amounts and currencies that the row had after the change. An update's entry holds
            the columns alone that changed, and an amount is told together with its currency.
    """
    fields = _changed_fields(info, entry)
    before, after = entry.old_values, entry.new_values
    if before and after and any(not after.keys() >= set(field.columns) for field in fields):
        amounts = await load_amounts_after() or {}
        before, after = {**amounts, **before}, {**amounts, **after}

    async def change(field: AuditedField) -> tuple[str, Any, Any]:
        return field.name, await _to_json(info, field, before), await _to_json(info, field, after)

    return await asyncio.gather(*map(change, fields))


async def _to_json(info: Any, field: AuditedField, values: Values | None) -> Any:
    return await field.to_json(info, values) if values else None


def _changed_fields(info: Any, entry: models.AuditEntry) -> list[AuditedField]:
    values = {**(entry.old_values or {}), **(entry.new_values or {})}
    fields = _audited_fields(info.schema, entry.table_name)
    found = {name: fields[name] for name in values if name in fields}
    return list(dict.fromkeys(found.values()))


@cache
def _audited_fields(schema: Any, table: str) -> Mapping[str, AuditedField]:
    """Return the fields that show the columns of a table, by the columns; what no client may make use of is left out.

    A column that the schema shows nowhere goes by its own name.
    """
    type_ = schema.get_type_by_name(_type_name_of(table) or "")
    declared = type_.fields if isinstance(type_, StrawberryObjectDefinition) else ()
    columns = {column.name: column for column in Model.metadata.tables[table].c if column.name not in HIDDEN_COLUMNS}
    fields = [_undeclared_field(column) for column in columns.values()]
    fields += [_declared_field(field, columns) for field in declared]
    return {name: field for field in fields if field is not None for name in field.columns}


def _declared_field(field: Any, columns: Mapping[str, Any]) -> AuditedField | None:
    if isinstance(field, MoneyField) and not field.computed:
        return AuditedField(to_camel_case(field.python_name), (field.minor, field.currency), _money_reader(field))
    if not isinstance(field, Column | ToOne):
        return None
    name = field.column or field.python_name
    if name not in columns:
        return None
    reader = _id_reader(name, field.target, field.key) if isinstance(field, ToOne) else _value_reader(columns[name])
    return AuditedField(to_camel_case(field.python_name), (name,), reader)


def _undeclared_field(column: Any) -> AuditedField | None:
    """Return what shows a column that its type has no field for; None for digests, and ids of what is no node."""
    name = column.name
    if column.type.python_type is bytes:
        return None
    table, _, key = column.info.get(ARRAY_OF, "").partition(".")
    for target in NODE_TYPES.values():
        if table_of(target.collection.model).name == table:
            return AuditedField(to_camel_case(name), (name,), _ids_reader(name, target, key))
    if column.type.python_type is not UUID:
        return AuditedField(to_camel_case(name), (name,), _value_reader(column))
    for key in column.foreign_keys:
        for target in NODE_TYPES.values():
            table = table_of(target.collection.model)
            if key.column.table is table and key.column.name != "tenant_id":
                return AuditedField(to_camel_case(name), (name,), _id_reader(name, target, key.column.name))
    return None


def _value_reader(column: Any) -> ToJSON:
    name, is_moment = column.name, column.type.python_type is datetime

    async def read(_info: Any, values: Values) -> Any:
        value = values.get(name)
        return serialize_datetime(datetime.fromisoformat(value)) if is_moment and value else value

    return read


def _id_reader(name: str, target: TypeBinding, key: str) -> ToJSON:
    async def read(info: Any, values: Values) -> Any:
        value = values.get(name)
        if value is None or key == "id":
            return value and to_global_id(target.name, UUID(value))
        row = await info.context.loaders.one(target.collection, key, UUID(value))
        return row and to_global_id(target.name, row.id)

    return read


def _ids_reader(name: str, target: TypeBinding, key: str) -> ToJSON:
    read_one = _id_reader(name, target, key)

    async def read(info: Any, values: Values) -> Any:
        return await asyncio.gather(*(read_one(info, {name: value}) for value in values.get(name) or ()))

    return read


def _money_reader(field: MoneyField) -> ToJSON:
    async def read(_info: Any, values: Values) -> Any:
        minor, currency = values.get(field.minor), values.get(field.currency)
        if minor is None or currency is None:
            return None
        money = Money.from_minor_units(minor, currency)
        return {"amount": str(money.amount), "currency": money.currency.value}

    return read


@cache
def _type_name_of(table: str) -> str | None:
    """Return the type whose rows a table holds."""
    return next((d.name for d in NODE_TYPES.values() if table_of(d.collection.model).name == table), None)
