"""Changes of rows as the schema names them: entries of the audit log hold columns, clients know fields."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from strawberry.types.base import StrawberryObjectDefinition
from strawberry.utils.str_converters import to_camel_case

import models
from graph.fields.columns import Column
from graph.fields.declared import NODE_TYPES, DeclaredField
from graph.fields.relations import ToOne
from graph.fields.scalars import to_global_id
from models.base import table_of

__all__ = ["api_name", "changed_columns", "changed_fields", "fields_by_column", "row_global_id"]

HIDDEN_COLUMNS = {"id", "tenant_id", "version", "updated_at"}
"""Columns that are no news: what the entry says itself, and what moves with every change."""


def row_global_id(entry: models.AuditEntry) -> str:
    """Return the id of the row that an entry is about, as its type writes it, or after its table if it has no type."""
    return to_global_id(_type_name_of(entry.table_name) or entry.table_name, entry.row_id)


def changed_fields(info: Any, entry: models.AuditEntry) -> list[str]:
    """Return the names of the fields that an entry changed."""
    fields = fields_by_column(info.schema, entry.table_name)
    return [api_name(name, fields) for name in changed_columns(entry)]


def changed_columns(entry: models.AuditEntry) -> Iterator[str]:
    """Return the columns that an entry changed, without those that are no news."""
    values = {**(entry.old_values or {}), **(entry.new_values or {})}
    return (name for name in values if name not in HIDDEN_COLUMNS)


def api_name(name: str, fields: dict[str, DeclaredField]) -> str:
    """Return the name of a column in the schema, as far as its type shows it."""
    field = fields.get(name)
    return to_camel_case(field.python_name if isinstance(field, Column) else name)


@cache
def fields_by_column(schema: Any, table: str) -> dict[str, DeclaredField]:
    """Return the declared fields of a table's type, by their columns."""
    type_ = schema.get_type_by_name(_type_name_of(table) or "")
    if not isinstance(type_, StrawberryObjectDefinition):
        return {}
    declared_fields = [field for field in type_.fields if isinstance(field, Column | ToOne)]
    return {field.column or field.python_name: field for field in declared_fields}


@cache
def _type_name_of(table: str) -> str | None:
    """Return the type whose rows a table holds."""
    return next((d.name for d in NODE_TYPES.values() if table_of(d.collection.model).name == table), None)
