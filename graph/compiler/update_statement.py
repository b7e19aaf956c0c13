"""Edits: one row changed and shown by one statement.

    WITH t1 AS (
        UPDATE tasks SET title = $10 WHERE (SELECT e.tenant_id FROM atrium_enter($1, …, $9) e) IS NOT NULL
            AND tasks.tenant_id = $1 AND tasks.id = $11 AND tasks.title IS DISTINCT FROM $10
            AND tasks.deleted_at IS NULL RETURNING tasks.id AS id, …)
    SELECT '{"updateTask":{"title":' || … || '}}' FROM t1, (SELECT $1::uuid AS tenant_id, $2::uuid AS user_id) entered

The entry is a condition that refers to no row, so PostgreSQL evaluates it once and before the scan. The statement
returns nothing where the liveness check fails, and nothing where there is no such row, none at the expected version, or
one that is so already; it has changed nothing then, and the reference executor finds out why. The same statement sees
all other rows as they were before, and what an edit could change about them is not asked of it: what is shown are
columns of the row, and of rows of other tables that it points at.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, SelectBase, Uuid, literal_column, not_, or_, select, update
from sqlalchemy.sql.visitors import iterate

from graph.compiler.derived_table import DerivedTable
from graph.compiler.json_text import JsonExpression
from graph.compiler.object_compiler import ObjectCompiler
from graph.compiler.plan_arguments import PlanArguments, RowUpdateArguments
from graph.compiler.selection import SILENT, FieldSelection, OperationTree, SelectionSet, Unsupported
from graph.compiler.sql import ENTER_ALIAS, SqlBuilder
from graph.compiler.statement import FIELD_COMPILERS, Statement
from graph.fields.columns import Column, ExpressionField, GlobalId, MoneyField
from graph.fields.declared import NODE_TYPES, TypeBinding
from graph.fields.mutations import Mutation
from graph.fields.relations import ToOne
from graph.fields.viewer_can import ViewerCan
from models.base import Model, table_of
from models.database.identity import ENTER_CALL, ENTER_PARAMETERS
from services.eventlog.fanout import depends_on_user
from services.permissions import Permission
from services.queries.collection import Collection

__all__ = [
    "HAS_ENTERED",
    "IDENTITY_FROM",
    "WrittenRow",
    "compile_update",
    "compile_written_row",
    "find_row_update_field",
]

TENANT_PARAMETER, USER_PARAMETER = (list(ENTER_PARAMETERS).index(name) + 1 for name in ("tenant_id", "user_id"))
IDENTITY_FROM = f"(SELECT ${TENANT_PARAMETER}::uuid AS tenant_id, ${USER_PARAMETER}::uuid AS user_id) {ENTER_ALIAS}"
HAS_ENTERED = literal_column(f"(SELECT e.tenant_id FROM {ENTER_CALL} e)").is_not(None)
ROW_FIELDS = (Column, GlobalId, MoneyField, ToOne, ViewerCan)


def find_row_update_field(tree: OperationTree) -> Mutation:
    """Return the one field of a mutation that may come down to a row update, or to a decided write.

    Raises:
        Unsupported: there is none, there are several, or it never does.
    """
    if not tree.root.fields:  # all were skipped
        raise Unsupported(SILENT)
    if len(tree.root.fields) > 1:
        raise Unsupported("several mutation fields")
    field = tree.root.fields[0].field
    if not isinstance(field, Mutation) or (field.row_update is None and field.decided_write is None):
        raise Unsupported(SILENT)
    return field


def compile_update(
    tree: OperationTree,
    permissions: AbstractSet[Permission],
    arguments: RowUpdateArguments,
    identity_parts: Mapping[str, bool],
) -> Statement:
    """Compile the statement that carries out a row update and returns the row; only the update's shape is used.

    Raises:
        Unsupported: more is asked for than the columns of the row, and of those that it points at.
    """
    row_update = arguments.row_update
    written = compile_written_row(tree, permissions, arguments, identity_parts, row_update.model)
    builder, rows, table = written.builder, written.rows, table_of(row_update.model)
    values = {name: builder.parameter(0, f"={name}", table.c[name].type) for name in row_update.changes}
    statement = (
        update(table)
        .where(
            HAS_ENTERED,
            table.c.tenant_id == literal_column(f"${TENANT_PARAMETER}", Uuid()),
            table.c.id == builder.parameter(0, "row_id", Uuid()),
        )
        .where(or_(*(table.c[name].is_distinct_from(value) for name, value in values.items())))
        .values(values)
        .returning(*rows.needed_columns())
    )
    if row_update.expected_version is not None:
        statement = statement.where(table.c.version == builder.parameter(0, "expected_version", table.c.version.type))
    if row_update.where is not None:
        statement = statement.where(row_update.where)
    if row_update.unless is not None:
        statement = statement.where(not_(row_update.unless))
    change = f"WITH {rows.alias} AS ({builder.render(statement)})"
    return Statement(f"{change} SELECT {written.answer} FROM {rows.alias}, {IDENTITY_FROM}", tuple(builder.sources))


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """What shows the row that a statement writes."""

    builder: SqlBuilder
    rows: DerivedTable
    """The row, with the columns that are needed of it."""
    answer: str
    """The answer of the mutation, made of these."""


def compile_written_row(
    tree: OperationTree,
    permissions: AbstractSet[Permission],
    arguments: PlanArguments,
    identity_parts: Mapping[str, bool],
    model: type[Model],
) -> WrittenRow:
    """Compile what shows the row of a model that the statement writes.

    Raises:
        Unsupported: more is asked for than the columns of the row, and of those that it points at.
    """
    (selected,) = tree.root.fields
    definition = _binding_of_row(selected, model)
    selection = selected.children[definition.name]
    _require_row_fields(selection, model)
    if any(isinstance(each.field, ViewerCan) for each in selection.fields):
        _require_same_for_all(definition.collection, permissions)
    builder = SqlBuilder(first=len(ENTER_PARAMETERS) + 1)
    objects = ObjectCompiler(tree, permissions, [arguments], identity_parts, builder, FIELD_COMPILERS)
    rows = DerivedTable(builder.new_alias(), definition.collection, select(*table_of(model).c))
    root = JsonExpression.object_of([(selected.key, objects.compile_object(selection, rows))])
    return WrittenRow(builder, rows, root.to_sql())


def _binding_of_row(selected: FieldSelection, model: type[Model]) -> TypeBinding:
    """Return the type that shows the row, if any of its fields are selected."""
    for name, selection in selected.children.items():
        if name in NODE_TYPES and NODE_TYPES[name].collection.model is model and selection.fields:
            return NODE_TYPES[name]
    raise Unsupported("no field of the row selected")


def _require_same_for_all(collection: Collection, permissions: AbstractSet[Permission]) -> None:
    """Refuse abilities that depend on who asks: the update has no row of theirs to compare with."""
    if depends_on_user(*(ability.condition(permissions) for ability in collection.abilities.values())):
        raise Unsupported(f"abilities on {table_of(collection.model).name} in the answer of a row update")


def _is_computed_from_row(field: Any) -> bool:
    """Return whether a field shows a named expression that looks at no other row, and not at who asks."""
    if not isinstance(field, ExpressionField):
        return False
    elements = iterate(field.binding.collection.expressions[field.expression])
    return not any(
        isinstance(element, SelectBase) or (isinstance(element, BindParameter) and element.required)
        for element in elements
    )


def _require_row_fields(selection: SelectionSet, model: type[Model]) -> None:
    for each in selection.fields:
        field = each.field
        if field is None:
            continue
        is_of_row = isinstance(field, ROW_FIELDS) or _is_computed_from_row(field)
        if not is_of_row or (isinstance(field, MoneyField) and field.computed):
            raise Unsupported(f"{selection.type_name}.{each.name} in the answer of a row update")
        if isinstance(field, ToOne):
            if field.target.collection.model is model:
                raise Unsupported(f"{selection.type_name}.{each.name} in the answer of a row update")
            _require_row_fields(each.child, model)
