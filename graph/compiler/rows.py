"""Rows of the services' selects, and objects made of them."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Select

from graph.compiler.sql import column, quoted
from services import pagination

__all__ = ["Rows", "as_object"]

OBJECT = quoted("{}")  # a name that no field can have, for a column of it would be taken for the row


class Rows:
    """Rows that the outer select reads by a name; it notes which of their columns that needs."""

    def __init__(self, name: str, collection: pagination.Collection, select: Select[Any]) -> None:
        self.name = name
        self.collection = collection
        self.select = select
        self._needed: dict[str, ColumnElement[Any]] = {}

    def column(self, name: str) -> ColumnElement[Any]:
        """One of their columns, to be used outside."""
        return self.add(name, self.select.selected_columns[name])

    def add(self, name: str, expression: ColumnElement[Any]) -> ColumnElement[Any]:
        """Something that is computed of them, to be used outside."""
        self._needed.setdefault(name, expression.label(name))
        return column(self.name, name, expression.type)

    def is_proved(self, name: str) -> bool:
        """Whether a column is never null: it is the table's own, and declared so."""
        found = self.select.selected_columns[name]
        return isinstance(found, Column) and not found.nullable

    def narrowed(self) -> Select[Any]:
        """The select with nothing but what is needed."""
        return self.select.with_only_columns(*self.needed(), maintain_column_froms=True)

    def needed(self) -> Collection[ColumnElement[Any]]:
        """What is needed of them; something, even when it matters only that they are there."""
        return self._needed.values() or [self.select.selected_columns["id"]]


def as_object(shown: Iterable[tuple[str, str]], source: str = "", there: Iterable[str] = ()) -> str:
    """An object of these keys and values, over a source if they need one.

    It is null where the source has no row, and where one of the values that must be `there` is null.
    """
    values = ", ".join(f"{value} AS {quoted(key)}" for key, value in shown)
    row = f"SELECT {values}{f' FROM {source}' if source else ''}"
    required = " AND ".join(f"{OBJECT}.{quoted(key)} IS NOT NULL" for key in there)
    if required:  # and no value is computed twice, as it would be without the OFFSET
        return f"(SELECT row_to_json({OBJECT}) FROM ({row} OFFSET 0) {OBJECT} WHERE {required})"
    return f"(SELECT row_to_json({OBJECT}) FROM ({row}) {OBJECT})"
