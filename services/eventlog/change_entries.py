"""Entries of the audit log about the rows of one table, as the feed hands them on."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, cast, exists, null, or_, select
from sqlmodel import col

from models import AuditEntry
from models.base import table_of
from services.permissions import TENANT_ID, Permission
from services.queries.collection import Collection, SortOrder

__all__ = ["EntryCondition", "change_entries", "filtered_entries", "is_of_table", "select_without_request"]

REQUEST_COLUMNS = ("request_id", "ip", "user_agent")
"""Where somebody asked from: for those who read the whole log, and for nobody else."""


EntryCondition = tuple[str, ColumnElement[UUID]]
"""A column of the rows and the value that it must have; of the column `id` alone it is one value for good."""


def filtered_entries(collection: Collection, conditions: Sequence[EntryCondition]) -> Collection:
    """Return the entries about rows that meet all conditions now, or met them before or after the change itself."""
    entries, columns, rows = change_entries(collection), table_of(AuditEntry).c, table_of(collection.model)

    def condition(name: str, value: ColumnElement[UUID]) -> ColumnElement[bool]:
        if name == "id":
            return columns.row_id == value
        text = cast(value, Text())
        same = exists().where(rows.c.tenant_id == TENANT_ID, rows.c.id == columns.row_id, rows.c[name] == value)
        return or_(columns.old_values[name].astext == text, columns.new_values[name].astext == text, same)

    which = [condition(name, value) for name, value in conditions]
    return replace(entries, visible=lambda permissions: entries.visible(permissions).where(*which))


@cache
def change_entries(collection: Collection) -> Collection:
    """Return the entries of a collection's table, to follow through the feed; for whoever may see anything of it.

    Also those of rows that are gone. What they say of their rows is for the audit log to show.
    """

    def visible_changes(permissions: AbstractSet[Permission]) -> Select[Any]:
        collection.visible(permissions)  # refuses whoever sees nothing of it
        return select_without_request().where(is_of_table(collection))

    return Collection(
        model=AuditEntry,
        visible=visible_changes,
        filters={},
        orders={"created_at": SortOrder.newest_first(col(AuditEntry.created_at))},
        default_order=("created_at", True),
    )


def is_of_table(collection: Collection) -> ColumnElement[bool]:
    """Return the condition for entries about rows of a collection's table."""
    return col(AuditEntry.table_name) == table_of(collection.model).name


def select_without_request() -> Select[Any]:
    """Return the select of the tenant's entries, without where the changes were asked for from."""
    columns = table_of(AuditEntry).c
    shown = [
        cast(null(), column.type).label(column.name) if column.name in REQUEST_COLUMNS else column for column in columns
    ]
    return select(*shown).where(columns.tenant_id == TENANT_ID)
