"""Fields that say of a row what its list or its viewer makes of it: `edge` and `viewerCan`."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, literal
from sqlalchemy.sql.visitors import replacement_traverse

from graph.compiler.derived_table import DerivedTable
from graph.compiler.json_text import JsonExpression, JsonLiteral
from graph.compiler.object_compiler import ObjectCompiler
from graph.compiler.selection import FieldSelection
from graph.compiler.sql import quote_literal
from graph.fields.any_row import AnyRow
from graph.fields.declared import NODE_TYPES
from graph.fields.edges import EdgeField
from graph.fields.viewer_can import ViewerCan
from models.base import table_of
from services.queries.cursors import encode_cursor
from services.queries.page_request import PageRequest
from services.queries.statements import is_readable, order_keys

__all__ = ["compile_any_row", "compile_edge", "compile_viewer_can"]


def compile_any_row(
    objects: ObjectCompiler, selected: FieldSelection, field: AnyRow, rows: DerivedTable
) -> JsonExpression:
    """Compile the node that two columns name; null where there is none, or none of this type may be seen."""
    row_id = rows.column(field.id_column)
    found = {
        table_of(node.collection.model).name: objects.compile_row(
            selected.children[node.name], node.collection, "id", row_id
        ).to_sql()
        for node in NODE_TYPES.values()
        if is_readable(node.collection, objects.permissions)
    }
    cases = " ".join(f"WHEN {quote_literal(table)} THEN {row}" for table, row in found.items())
    return JsonExpression.concat(f"CASE {rows.column(field.table_column)} {cases} END").or_null()


def compile_viewer_can(
    objects: ObjectCompiler, selected: FieldSelection, field: ViewerCan, rows: DerivedTable
) -> JsonExpression:
    """Compile `viewerCan`: a constant where the permissions decide alone, else the condition over the row."""

    def compile_ability(name: str) -> JsonExpression:
        ability = field.binding.collection.abilities[name]
        decided = ability.decided(objects.permissions)
        if decided is not None:
            return JsonExpression.concat(JsonLiteral("true" if decided else "false"))
        return JsonExpression.concat(f"{rows.add(f'?{name}', ability.condition(objects.permissions))}::text")

    within = selected.child
    return JsonExpression.object_of(
        (each.key, compile_ability(each.field.python_name) if each.field else JsonExpression.constant(within.type_name))
        for each in within.fields
    )


def _of_list(cursor: ColumnElement[str], request: PageRequest) -> ColumnElement[str]:
    """Return the expression of a cursor with the fingerprint of a list that is the same in every request."""

    def fingerprint(element: Any, **_options: Any) -> Any:
        is_open = isinstance(element, BindParameter) and element.key == "fingerprint"
        return literal(request.fingerprint, element.type) if is_open else None

    written: ColumnElement[str] = replacement_traverse(cursor, {}, fingerprint)
    return written


def compile_edge(
    objects: ObjectCompiler, selected: FieldSelection, field: EdgeField, rows: DerivedTable
) -> JsonExpression:
    """Compile `edge`: the row itself, and its cursor in the default list of its type."""

    def compile_field(each: FieldSelection) -> JsonExpression:
        if each.field is None:
            return JsonExpression.constant(selected.child.type_name)
        if each.field.python_name == "node":
            return objects.compile_object(each.child, rows)
        *keys, _row_id = order_keys(field.binding.collection, field.request)
        cursor = encode_cursor(
            *(rows.add(f"=edge_{number}", key.expression) for number, key in enumerate(keys)), rows.column("id")
        )
        return JsonExpression.string(f"({objects.builder.render(_of_list(cursor, field.request))})").or_error()

    return JsonExpression.object_of((each.key, compile_field(each)) for each in selected.child.fields)
