"""SQL as text: pieces that the services wrote, rendered one by one, with their values as numbered parameters.

The services' expressions name their binds; the same name means another value in each list of a statement. So every bind
becomes the parameter of its site, and the actor's own become columns of `atrium_enter`, which yields its one row only
to callers who are authorized. Values of the services' own are written out, since they are part of the rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, ColumnElement, Uuid, literal_column
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import TypeEngine

from graph.compiler.selection import Unsupported

__all__ = ["DIALECT", "RAISE_ERROR", "ParameterSource", "SqlBuilder", "column_ref", "quote_identifier", "quote_literal"]

DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
ENTER_ALIAS = "entered"

IDENTITY_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "tenant_id": literal_column(f"{ENTER_ALIAS}.tenant_id", Uuid()),
    "user_id": literal_column(f"{ENTER_ALIAS}.user_id", Uuid()),
}
"""The actor's own binds, by the columns of `atrium_enter`."""

RAISE_ERROR = f"concat('!', {ENTER_ALIAS}.user_id)::json::text"
"""A text that cannot be made: met in place of what the schema does not allow, it fails the statement."""


@dataclass(frozen=True, slots=True)
class ParameterSource:
    """Where a parameter's value comes from: what a site asks for, by a name; or the identity, without a site."""

    site: int | None
    name: str
    process: Callable[[Any], Any] | None = None


class SqlBuilder:
    """Writes one statement, and notes its parameters."""

    def __init__(self, first: int) -> None:
        """Args: first: the number of its first parameter."""
        self.sources: list[ParameterSource] = []
        self._first = first
        self._numbers: dict[tuple[int | None, str], int] = {}
        self.alias_count = 0

    def new_alias(self) -> str:
        """Return an alias that nothing else in the statement has."""
        self.alias_count += 1
        return f"t{self.alias_count}"

    def parameter(self, site: int | None, name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return a parameter of the statement."""
        key = (site, name)
        if key not in self._numbers:
            self._numbers[key] = self._first + len(self.sources)
            process = type_.dialect_impl(DIALECT).bind_processor(DIALECT)
            self.sources.append(ParameterSource(site, name, process))
        return literal_column(f"${self._numbers[key]}::{_type_name(type_)}", type_)

    def render(self, clause: ClauseElement, site: int | None = None) -> str:
        """Render a SQLAlchemy clause as text; its binds become parameters of an argument site."""

        def replace(element: Any, **_: Any) -> Any:
            if not isinstance(element, BindParameter):
                return None
            if element.value is not None or not element.required:
                return literal_column(_quote_bind(element), element.type)
            return (
                IDENTITY_COLUMNS.get(element.key)
                if element.key in IDENTITY_COLUMNS
                else self.parameter(site, element.key, element.type)
            )

        written: Any = replacement_traverse(clause, {}, replace)
        return str(written.compile(dialect=DIALECT))


def column_ref(table: str, name: str, type_: TypeEngine[Any] | None = None) -> ColumnElement[Any]:
    """Return a column of a table whose alias was made by `SqlBuilder.new_alias`."""
    return literal_column(f"{table}.{quote_identifier(name)}", type_)


def quote_identifier(name: str) -> str:
    """Quote a name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str) -> str:
    """Quote a string as a literal."""
    return "'" + value.replace("'", "''") + "'"


def _type_name(type_: TypeEngine[Any]) -> str:
    return str(DIALECT.type_compiler_instance.process(type_))


def _cast_literal(literal: str, type_: TypeEngine[Any]) -> str:
    """Return a literal with its SQL type; the key of a JSON object has none."""
    return f"{literal}::{_type_name(type_)}" if hasattr(type_, "_compiler_dispatch") else literal


def _quote_bind(bind: BindParameter[Any]) -> str:
    process = bind.type.dialect_impl(DIALECT).literal_processor(DIALECT)
    if process is None:
        raise Unsupported(f"a literal of the type {_type_name(bind.type)}")
    if bind.expanding:
        return f"({', '.join(process(each) for each in bind.value or ())})"
    return "NULL" if bind.value is None else _cast_literal(process(bind.value), bind.type)
