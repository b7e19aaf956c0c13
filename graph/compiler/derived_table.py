"""Rows of the services' selects, as the outer ones read them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Select

from graph.compiler.sql import column_ref
from models.base import choices_of
from services.queries import collection as queries_collection

__all__ = ["NO_FACTS", "ColumnFacts", "DerivedTable"]


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What the tables guarantee of a value."""

    never_null: bool = False
    choices: frozenset[str] | None = None
    """What it can be besides null, if that is said."""


NO_FACTS = ColumnFacts()


class DerivedTable:
    """Rows that the outer select reads by a name; it notes which of their columns that needs."""

    def __init__(self, name: str, collection: queries_collection.Collection, select: Select[Any]) -> None:
        self.alias = name
        self.collection = collection
        self.select = select
        self._columns: dict[str, ColumnElement[Any]] = {}

    def column(self, name: str) -> ColumnElement[Any]:
        """Return one of the columns, for use outside the derived table."""
        return self.add(name, self.select.selected_columns[name])

    def add(self, name: str, expression: ColumnElement[Any]) -> ColumnElement[Any]:
        """Add a computed expression to the derived table; return its column."""
        self._columns.setdefault(name, expression.label(name))
        return column_ref(self.alias, name, expression.type)

    def column_facts(self, name: str) -> ColumnFacts:
        """Return what the table's constraints guarantee for a column."""
        found = self.select.selected_columns[name]
        return ColumnFacts(not found.nullable, choices_of(found)) if isinstance(found, Column) else NO_FACTS

    def projected(self) -> Select[Any]:
        """Return the select with only the needed columns."""
        return self.select.with_only_columns(*self.needed_columns(), maintain_column_froms=True)

    def needed_columns(self) -> Collection[ColumnElement[Any]]:
        """Return the needed columns; at least one, even if only the row's existence matters."""
        return self._columns.values() or [next(iter(self.select.selected_columns))]
