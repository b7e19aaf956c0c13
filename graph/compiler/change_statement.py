"""Changes of rows: what an audit entry holds by columns, told by the fields of the schema.

    (SELECT '[' || string_agg('{"field":' || … || ',"before":' || … || '}', ',' ORDER BY t3.n) || ']'
     FROM (SELECT <values before>, <values after>) t2, <the columns of both, in order> t3, <how each is shown> t4)

How the columns of all tables are shown is one constant of the statement: per table and column, the name of the field,
its kind, and what that needs. A column that has no place in it is not told.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Text, Uuid, and_, case, cast, literal, literal_column, not_, null, or_
from sqlalchemy.dialects.postgresql import JSONB, array

from graph.compiler.derived_table import ColumnFacts, DerivedTable
from graph.compiler.json_text import JsonExpression, JsonLiteral
from graph.compiler.object_compiler import ObjectCompiler
from graph.compiler.selection import FieldSelection, Unsupported
from graph.compiler.serialization import DATETIME_FORMAT, serialize_money
from graph.compiler.sql import quote_literal
from graph.fields.declared import NODE_TYPES, TypeBinding
from graph.fields.row_changes import AuditedField, AuditedKind, ChangesField, RowIdField, audited_fields
from models.base import Model, table_of
from models.money import DECIMALS
from services import audit
from services.queries.statements import select_one

__all__ = ["compile_changes", "compile_row_id"]

LIST = "[]"
"""What the name of a kind ends in that is a list of references."""
MAX_COLUMNS = 1600  # of a table in PostgreSQL

CURRENCY_FACTS = ColumnFacts(never_null=True, choices=frozenset(DECIMALS))
"""What holds for a currency of an entry: it stood in a column with a CHECK."""


def compile_row_id(
    _objects: ObjectCompiler, _selected: FieldSelection, _field: RowIdField, rows: DerivedTable
) -> JsonExpression:
    """Compile the global id of the row that an entry is about."""
    table, row_id = rows.column("table_name"), rows.column("row_id")
    tables = {table_of(node.collection.model).name: node.name for node in NODE_TYPES.values()}
    cases = " ".join(f"WHEN {quote_literal(name)} THEN {quote_literal(type_)}" for name, type_ in tables.items())
    return JsonExpression.string(f"CASE {table} {cases} ELSE {table} END || ':' || {row_id}::text")


def compile_changes(
    objects: ObjectCompiler, selected: FieldSelection, _field: ChangesField, rows: DerivedTable
) -> JsonExpression:
    """Compile the changed fields of an entry as a JSON array."""
    compiler = _ChangesCompiler(objects, rows)
    shown = []
    for each in selected.child.fields:
        match each.field.python_name if each.field else "":
            case "":
                value = JsonExpression.constant(selected.child.type_name)
            case "field":
                value = JsonExpression.string(f"({compiler.shown} ->> 0)")
            case "before" | "after" as name:
                value = JsonExpression.concat(compiler.value(f"{compiler.values}.{name}"))
            case _:
                raise Unsupported(f"{selected.child.type_name}.{each.name} has a Python resolver")
        shown.append((each.key, value))
    item = JsonExpression.object_of(shown)
    return JsonExpression.list_of(item, f" ORDER BY {compiler.keys}.n").selected_from(compiler.source())


class _ChangesCompiler:
    """The changes of one entry."""

    def __init__(self, objects: ObjectCompiler, rows: DerivedTable) -> None:
        self.objects = objects
        self.values, self.keys, self._shown = (objects.builder.new_alias() for _ in range(3))
        self.shown = f"{self._shown}.shown"
        self.key = f"{self.keys}.key"
        self.table = rows.column("table_name")
        self.old, self.new = rows.column("old_values"), rows.column("new_values")
        self.amounts = rows.add("=amounts", _amounts_if_needed(rows))

    def source(self) -> str:
        """Return the FROM items: values before and after, their columns in order, and how each is shown."""
        old, new, amounts = self.old, self.new, f"coalesce({self.amounts}, '{{}}')"
        known = quote_literal(json.dumps(_known_fields(), separators=(",", ":")))
        return (
            # What the entry itself says of an amount counts.
            f"(SELECT {amounts} || {old}, {amounts} || {new}) {self.values}(before, after)"
            f" CROSS JOIN (SELECT key, n FROM jsonb_object_keys({old}) WITH ORDINALITY o(key, n)"
            f" UNION ALL SELECT key, {MAX_COLUMNS} + n FROM jsonb_object_keys({new}) WITH ORDINALITY o(key, n)"
            f" WHERE {old} IS NULL OR NOT {old} ? key) {self.keys}"
            f" CROSS JOIN LATERAL (SELECT {known}::jsonb -> {self.table} -> {self.key} AS shown) {self._shown}"
            f" WHERE {self.shown} IS NOT NULL"
            f" AND NOT (coalesce({old}, '{{}}') || coalesce({new}, '{{}}'))"
            f" ?| ARRAY(SELECT jsonb_array_elements_text({self.shown} -> 4))"
        )

    def value(self, values: str) -> str:
        """Return the value of a field, among these values, as JSON."""
        value = f"({values} ->> {self.key})"
        moment = f"to_char({value}::timestamptz AT TIME ZONE 'UTC', {quote_literal(DATETIME_FORMAT)})"
        cases = {
            AuditedKind.MOMENT.value: JsonExpression.string(moment).to_sql(),
            AuditedKind.MONEY.value: self._money(values),
            **{kind: self._reference(target, key, value) for kind, (target, key) in _reference_kinds().items()},
            **{f"{kind}{LIST}": self._references(values, *of) for kind, of in _reference_kinds().items()},
        }
        written = " ".join(f"WHEN {quote_literal(kind)} THEN {shown}" for kind, shown in cases.items())
        return f"coalesce(CASE {self.shown} ->> 1 {written} ELSE ({values} -> {self.key})::text END, 'null')"

    def _money(self, values: str) -> str:
        minor, currency = (f"({values} ->> ({self.shown} ->> {place}))" for place in (2, 3))
        amount = serialize_money(f"{minor}::bigint", currency, CURRENCY_FACTS)
        both = JsonExpression.object_of([("amount", amount), ("currency", JsonExpression.string(currency))])
        return f"CASE WHEN {minor} IS NOT NULL AND {currency} IS NOT NULL THEN {both.to_sql()} END"

    def _reference(self, target: TypeBinding, key: str, value: str) -> str:
        prefix, end = JsonLiteral(f'"{target.name}:'), JsonLiteral('"')
        if key == "id":
            return JsonExpression.concat(prefix, value, end).to_sql()
        condition: ColumnElement[Any] = literal_column(f"{value}::uuid", Uuid())
        found = select_one(target.collection, self.objects.permissions, key, condition)
        rows = DerivedTable(self.objects.builder.new_alias(), target.collection, found)
        shown = JsonExpression.concat(prefix, f"{rows.column('id')}::text", end)
        return shown.selected_from(f"({self.objects.builder.render(rows.projected())}) {rows.alias}").to_sql()

    def _references(self, values: str, target: TypeBinding, key: str) -> str:
        alias, listed = self.objects.builder.new_alias(), f"({values} -> {self.key})"
        each = f"coalesce({self._reference(target, key, f'{alias}.value')}, 'null')"
        elements = f"jsonb_array_elements_text({listed}) WITH ORDINALITY {alias}(value, n)"
        shown = f"(SELECT '[' || coalesce(string_agg({each}, ',' ORDER BY {alias}.n), '') || ']' FROM {elements})"
        return f"CASE jsonb_typeof({listed}) WHEN 'array' THEN {shown} END"


def _amounts_if_needed(rows: DerivedTable) -> ColumnElement[Any]:
    """Return the amounts that a row had after the change, where its entry tells one without its currency."""
    columns = rows.select.selected_columns
    old, new, nothing = columns["old_values"], columns["new_values"], literal_column("'{}'::jsonb", JSONB())
    incomplete = [
        and_(columns["table_name"] == table, new.has_any(_names(told)), not_(new.has_all(_names(field.columns))))
        for table in Model.metadata.tables
        for field, told in _money_fields(table).items()
    ]
    is_needed = and_(old != nothing, new != nothing, or_(*incomplete))
    return case((is_needed, rows.collection.expressions[audit.AMOUNTS_AFTER]), else_=cast(null(), JSONB))


def _names(columns: Iterable[str]) -> ColumnElement[Any]:
    return array([literal(name, Text()) for name in columns], type_=Text())


def _money_fields(table: str) -> dict[AuditedField, list[str]]:
    """Return the amounts that a table's entries tell, each with the columns whose change tells it."""
    found: dict[AuditedField, list[str]] = {}
    for column, field in audited_fields(table).items():
        if field.kind is AuditedKind.MONEY:
            found.setdefault(field, []).append(column)
    return found


@cache
def _known_fields() -> dict[str, dict[str, list[Any]]]:
    """Return, by table and column, how a field is shown.

    It is a list: the name of the field; its kind, unless it is plain; of an amount its two columns, and the columns
    before this one in an entry that show the same amount.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    for table in Model.metadata.tables:
        fields = audited_fields(table)
        names = sorted(fields, key=lambda name: (len(name), name))  # as jsonb sorts its keys
        for place, name in enumerate(names):
            field = fields[name]
            shown: list[Any] = [field.name]
            if field.kind is AuditedKind.REFERENCE:
                shown.append(_reference_kind(field))
            elif field.kind is AuditedKind.REFERENCES:
                shown.append(f"{_reference_kind(field)}{LIST}")
            elif field.kind is not AuditedKind.PLAIN:
                shown.append(field.kind.value)
            if field.kind is AuditedKind.MONEY:
                shown += [*field.columns, [each for each in names[:place] if fields[each] == field]]
            found.setdefault(table, {})[name] = shown
    return found


@cache
def _reference_kinds() -> dict[str, tuple[TypeBinding, str]]:
    """Return what the references of all tables lead to, by the names of their kinds: a type, and its column."""
    fields = [field for table in Model.metadata.tables for field in audited_fields(table).values()]
    return {_reference_kind(field): (field.target, field.key) for field in fields if field.target is not None}


def _reference_kind(field: AuditedField) -> str:
    return f"{field.target.name}.{field.key}" if field.target is not None else ""
