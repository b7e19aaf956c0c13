"""Rows of the services' selects, as the outer ones read them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Select

from graph.compiler.sql import column
from models.base import choices_of
from services.queries import collection as queries_collection

__all__ = ["UNKNOWN", "Proof", "Rows"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What the tables guarantee of a value."""

    never_null: bool = False
    choices: frozenset[str] | None = None
    """What it can be besides null, if that is said."""


UNKNOWN = Proof()


class Rows:
    """Rows that the outer select reads by a name; it notes which of their columns that needs."""

    def __init__(self, name: str, collection: queries_collection.Collection, select: Select[Any]) -> None:
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

    def proof(self, name: str) -> Proof:
        """What is known of a column, if it is the table's own."""
        found = self.select.selected_columns[name]
        return Proof(not found.nullable, choices_of(found)) if isinstance(found, Column) else UNKNOWN

    def narrowed(self) -> Select[Any]:
        """The select with nothing but what is needed."""
        return self.select.with_only_columns(*self.needed(), maintain_column_froms=True)

    def needed(self) -> Collection[ColumnElement[Any]]:
        """What is needed of them; something, even when it matters only that they are there."""
        return self._needed.values() or [self.select.selected_columns["id"]]
