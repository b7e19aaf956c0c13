"""From a tree to one statement, which writes the answer as text (see `jsontext`).

    SELECT coalesce('{"orders":' || … || ',"viewer":' || … || '}', '') FROM atrium_enter($1, …, $9) entered

The body stands in the select list and refers to the row that `atrium_enter` returned, so that nothing of it is
evaluated before row-level security has its settings, and nothing at all where the liveness check fails. Within it, a
row as an object is

    (SELECT '{"fullName":' || to_json(t2."full_name")::text || … || '}' FROM (SELECT … FROM memberships …) t2)

where the innermost select is the services' own, with the services' own names, and knows its parent by the name `t1`.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from graphql import is_non_null_type
from sqlalchemy import ARRAY, Text, Uuid

from graph.compiler.change_statement import compile_changes, compile_row_id
from graph.compiler.connections import compile_connection
from graph.compiler.derived_table import DerivedTable
from graph.compiler.json_text import JsonExpression, JsonLiteral
from graph.compiler.object_compiler import FieldCompilers, ObjectCompiler
from graph.compiler.object_fields import compile_any_row, compile_edge, compile_viewer_can
from graph.compiler.plan_arguments import NodeIdArgument, NodeIdsArgument, PlanArguments
from graph.compiler.search_statement import MatchRelation, compile_match_field, compile_search
from graph.compiler.selection import FieldSelection, OperationTree, Unsupported
from graph.compiler.serialization import serialize, serialize_money
from graph.compiler.sql import ENTER_ALIAS, ParameterSource, SqlBuilder, column_ref, quote_literal
from graph.compiler.statistics import compile_statistics
from graph.fields import columns, declared, match_fields, relations, row_changes, viewer
from graph.fields.any_row import AnyRow
from graph.fields.as_of import ByIdAsOfField
from graph.fields.edges import EdgeField
from graph.fields.feed_cursor import FeedCursor
from graph.fields.node import NodeField, NodesField
from graph.fields.statistics import StatisticsField
from graph.fields.viewer_can import ViewerCan
from models.base import table_of
from models.database.identity import ENTER_CALL, ENTER_PARAMETERS
from services.errors import DomainError
from services.eventlog.outbox import select_last_position
from services.permissions import Permission

__all__ = ["FIELD_COMPILERS", "Statement", "compile_query"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and where the values of its parameters behind those of `atrium_enter` come from."""

    sql: str
    """It returns no row where the liveness check fails, and an empty text where it found nothing."""
    sources: tuple[ParameterSource, ...]


def compile_query(
    tree: OperationTree,
    permissions: AbstractSet[Permission],
    arguments: Sequence[PlanArguments],
    identity_parts: Mapping[str, bool],
) -> Statement:
    """Compile the statement that answers a tree for a caller with these permissions.

    Args:
        tree: what is asked.
        permissions: whose.
        arguments: what each site asks for; of those that differ from request to request, the shape alone is used.
        identity_parts: which parts of the identity there are.

    Raises:
        Unsupported: some field needs Python, these permissions do not allow it, or there is nothing to read.
    """
    builder = SqlBuilder(first=len(ENTER_PARAMETERS) + 1)
    try:
        body = ObjectCompiler(tree, permissions, arguments, identity_parts, builder, FIELD_COMPILERS).compile_root()
    except DomainError as refusal:
        raise Unsupported(type(refusal).__name__) from None
    if not builder.alias_count:
        raise Unsupported("no table to read")
    return Statement(f"SELECT {body} FROM {ENTER_CALL} {ENTER_ALIAS}", tuple(builder.sources))


def _compile_column(
    _objects: ObjectCompiler, selected: FieldSelection, field: columns.Column, rows: DerivedTable
) -> JsonExpression:
    name = field.column or field.python_name
    value, facts = rows.column(name), rows.column_facts(name)
    if is_non_null_type(selected.type) and not facts.never_null:
        raise Unsupported(f"{field.binding.name}.{name} may be null")
    return serialize(str(value), value.type, selected.type, facts)


def _compile_global_id(
    _objects: ObjectCompiler, _selected: FieldSelection, field: columns.GlobalId, rows: DerivedTable
) -> JsonExpression:
    name = JsonLiteral(f'"{field.type_name or field.binding.name}:')
    return JsonExpression.concat(name, f"{rows.column(field.column)}::text", JsonLiteral('"'))


def _compile_to_one(
    objects: ObjectCompiler, selected: FieldSelection, field: relations.ToOne, rows: DerivedTable
) -> JsonExpression:
    return objects.compile_one(selected, field.collection, field.key, rows.column(field.column))


def _compile_expression(
    objects: ObjectCompiler, selected: FieldSelection, field: columns.ExpressionField, rows: DerivedTable
) -> JsonExpression:
    if not columns.may_see(field, objects.permissions):
        return JsonExpression.NULL
    value = objects.named_expression(rows, field.expression)
    return serialize(str(value), value.type, selected.type)


def _compile_money(
    objects: ObjectCompiler, selected: FieldSelection, field: columns.MoneyField, rows: DerivedTable
) -> JsonExpression:
    if field.computed and not columns.may_see(field, objects.permissions):
        return JsonExpression.NULL
    currency, facts = rows.column(field.currency), rows.column_facts(field.currency)
    minor = objects.named_expression(rows, field.minor) if field.computed else rows.column(field.minor)
    shown = []
    for each in selected.child.fields:
        name = each.field.python_name if each.field else None
        if name == "amount":
            value = serialize_money(str(minor), str(currency), facts)
        elif name == "currency":
            value = serialize(str(currency), currency.type, each.type, facts)
        elif each.field is None:
            value = JsonExpression.constant(selected.child.type_name)
        else:
            raise Unsupported(f"Money.{each.key} has a Python resolver")
        shown.append((each.key, value))
    return JsonExpression.object_of(shown)


def _compile_viewer_attribute(
    objects: ObjectCompiler, selected: FieldSelection, field: viewer.ViewerAttribute, _rows: DerivedTable
) -> JsonExpression:
    value = objects.identity_value(field.attribute, Text())
    return serialize(str(value), value.type, selected.type)


def _compile_viewer_permissions(
    objects: ObjectCompiler, _selected: FieldSelection, field: viewer.ViewerPermissions, _rows: DerivedTable
) -> JsonExpression:
    names = ",".join(f'"{each.name}"' for each in field.told_of(objects.permissions))
    return JsonExpression.concat(JsonLiteral(f"[{names}]"))


def _compile_equals_viewer(
    objects: ObjectCompiler, _selected: FieldSelection, field: viewer.EqualsViewer, rows: DerivedTable
) -> JsonExpression:
    value = rows.column(field.column)
    return JsonExpression.concat(
        f"({value} IS NOT DISTINCT FROM {objects.identity_value(field.attribute, value.type)})::text"
    )


def _compile_one_time_secret(
    _objects: ObjectCompiler, _selected: FieldSelection, _field: viewer.OneTimeSecret, _rows: DerivedTable
) -> JsonExpression:
    return JsonExpression.NULL  # a query makes no secrets


def _compile_connection(
    objects: ObjectCompiler, selected: FieldSelection, field: relations.ConnectionField, _rows: DerivedTable
) -> JsonExpression:
    return compile_connection(objects, selected, field, None)


def _compile_to_many(
    objects: ObjectCompiler, selected: FieldSelection, field: relations.ToMany, rows: DerivedTable
) -> JsonExpression:
    return compile_connection(objects, selected, field, (field.column, rows.column(field.key)))


def _compile_viewer_reference(
    objects: ObjectCompiler, selected: FieldSelection, field: viewer.ViewerReference, _rows: DerivedTable
) -> JsonExpression:
    if not all(objects.identity_parts[name] for name in field.required_attributes):
        return JsonExpression.NULL
    value = objects.identity_value(field.attribute, Uuid())
    return objects.compile_one(selected, field.target.collection, field.key, value)


def _compile_search(
    objects: ObjectCompiler, selected: FieldSelection, field: match_fields.ArticleSearchField, rows: DerivedTable | None
) -> JsonExpression:
    if rows is not None:
        raise Unsupported(f"a search under {rows.alias}")
    return compile_search(objects, selected, field)


def _compile_match_field(
    objects: ObjectCompiler,
    selected: FieldSelection,
    field: match_fields.MatchField,
    rows: MatchRelation,
) -> JsonExpression:
    return compile_match_field(objects, selected, field, rows)


def _compile_suggestions(
    objects: ObjectCompiler,
    selected: FieldSelection,
    field: match_fields.ArticleSuggestionsField,
    _rows: DerivedTable | None,
) -> JsonExpression:
    select = field.select(objects.permissions)
    rows = DerivedTable(objects.builder.new_alias(), field.target.collection, select)
    item = objects.compile_object(selected.child, rows)
    return JsonExpression.list_of(item).selected_from(
        f"({objects.builder.render(rows.projected(), selected.site)}) {rows.alias}"
    )


def _compile_by_id(
    objects: ObjectCompiler, selected: FieldSelection, field: relations.ByIdField, _rows: DerivedTable
) -> JsonExpression:
    value = objects.builder.parameter(selected.site, "id", Uuid())
    return objects.compile_one(selected, field.target.collection, "id", value)


def _compile_by_key(
    objects: ObjectCompiler, selected: FieldSelection, field: relations.ByKeyField, _rows: DerivedTable
) -> JsonExpression:
    collection = field.target.collection
    value = objects.builder.parameter(selected.site, field.key, table_of(collection.model).c[field.key].type)
    return objects.compile_one(selected, collection, field.key, value)


def _compile_node(
    objects: ObjectCompiler, selected: FieldSelection, _field: NodeField, _rows: DerivedTable
) -> JsonExpression:
    type_name, _ = objects.arguments_of(selected, NodeIdArgument).node
    value = objects.builder.parameter(selected.site, "id", Uuid())
    return objects.compile_row(
        selected.children[type_name], declared.NODE_TYPES[type_name].collection, "id", value
    ).or_null()


def _compile_nodes(
    objects: ObjectCompiler, selected: FieldSelection, _field: NodesField, _rows: DerivedTable
) -> JsonExpression:
    types = objects.arguments_of(selected, NodeIdsArgument).plan_key()
    if not types:
        return JsonExpression.concat(JsonLiteral("[]"))
    name = objects.builder.new_alias()
    row_id = column_ref(name, "id", Uuid())
    rows = {
        each: objects.compile_row(selected.children[each], declared.NODE_TYPES[each].collection, "id", row_id)
        for each in types
    }
    cases = " ".join(f"WHEN {quote_literal(each)} THEN {row.to_sql()}" for each, row in rows.items())
    names = objects.builder.parameter(selected.site, "types", ARRAY(Text()))
    ids = objects.builder.parameter(selected.site, "ids", ARRAY(Uuid()))
    every = JsonExpression.list_of(
        JsonExpression.concat(f"CASE {name}.type {cases} END").or_null(), f" ORDER BY {name}.n"
    )
    return every.selected_from(f"unnest({names}, {ids}) WITH ORDINALITY {name}(type, id, n)")


def _compile_feed_cursor(
    objects: ObjectCompiler, _selected: FieldSelection, _field: FeedCursor, _rows: DerivedTable | None
) -> JsonExpression:
    name = objects.builder.new_alias()
    last = objects.builder.render(select_last_position(objects.permissions))
    cursor = JsonExpression.concat(JsonLiteral('"'), f"{name}.position::text", JsonLiteral('"'))
    return cursor.selected_from(f"({last}) {name}(position)").or_error()


FIELD_COMPILERS: FieldCompilers = {
    columns.Column: _compile_column,
    columns.GlobalId: _compile_global_id,
    relations.ToOne: _compile_to_one,
    columns.ExpressionField: _compile_expression,
    columns.MoneyField: _compile_money,
    viewer.ViewerAttribute: _compile_viewer_attribute,
    viewer.ViewerPermissions: _compile_viewer_permissions,
    viewer.EqualsViewer: _compile_equals_viewer,
    viewer.OneTimeSecret: _compile_one_time_secret,
    relations.ByIdField: _compile_by_id,
    relations.ByKeyField: _compile_by_key,
    ByIdAsOfField: _compile_by_id,
    viewer.ViewerReference: _compile_viewer_reference,
    relations.ConnectionField: _compile_connection,
    relations.ToMany: _compile_to_many,
    match_fields.ArticleSearchField: _compile_search,
    match_fields.ArticleSuggestionsField: _compile_suggestions,
    match_fields.MatchField: _compile_match_field,
    NodeField: _compile_node,
    NodesField: _compile_nodes,
    FeedCursor: _compile_feed_cursor,
    ViewerCan: compile_viewer_can,
    EdgeField: compile_edge,
    StatisticsField: compile_statistics,
    row_changes.ChangesField: compile_changes,
    row_changes.RowIdField: compile_row_id,
    AnyRow: compile_any_row,
}
"""How each kind of field is written; exactly the compilable ones. No field is known here by its name."""
