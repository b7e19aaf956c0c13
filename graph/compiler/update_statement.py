"""Edits: one row changed and shown by one statement.

    WITH t1 AS (
        UPDATE tasks SET title = $10 WHERE (SELECT e.tenant_id FROM atrium_enter($1, …, $9) e) IS NOT NULL
            AND tasks.tenant_id = $1 AND tasks.id = $11 AND tasks.deleted_at IS NULL RETURNING tasks.id AS id, …)
    SELECT '{"updateTask":{"title":' || … || '}}' FROM t1, (SELECT $1::uuid AS tenant_id, $2::uuid AS user_id) entered

The entry is a condition that refers to no row, so PostgreSQL evaluates it once and before the scan. The statement
yields nothing where nobody is let in, and nothing where there is no such row, or none at the expected version; it has
changed nothing then, and the reference executor finds out why. The same statement sees all other rows as they were
before, and what an edit could change about them is not asked of it: what is shown are columns of the row, and of rows
of other tables that it points at.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Uuid, literal_column, select, update

from graph.compiler.derived_table import Rows
from graph.compiler.json_text import Json
from graph.compiler.selection import NOT_OURS, Declined, Selected, Selection, Tree
from graph.compiler.sql import ENTERED, Writer
from graph.compiler.statement import ObjectWriter, Statement
from graph.fields.declared import NODES, Column, GlobalId, MoneyField, NodeDefinition, One
from graph.fields.mutations import Mutation
from models.base import Model, table_of
from models.database.identity import CALL, ENTRY
from services.permissions import Permission
from services.writes.row_update import Edit

__all__ = ["edit_field", "write_edit"]

TENANT, USER = (list(ENTRY).index(name) + 1 for name in ("tenant_id", "user_id"))
IDENTITY = f"(SELECT ${TENANT}::uuid AS tenant_id, ${USER}::uuid AS user_id) {ENTERED}"
OF_A_ROW = (Column, GlobalId, MoneyField, One)


def edit_field(tree: Tree) -> Mutation:
    """The one field of a mutation that may come down to an edit.

    Raises:
        Declined: there are several, or it never does.
    """
    if len(tree.root.fields) > 1:
        raise Declined("several fields of a mutation")
    field = tree.root.fields[0].field
    if not isinstance(field, Mutation) or field.edit is None:
        raise Declined(NOT_OURS)
    return field


def write_edit(
    tree: Tree, permissions: AbstractSet[Permission], edit: Edit[Any], known: Mapping[str, bool]
) -> Statement:
    """The statement that carries an edit out and shows the row; of the edit, the shape alone is used.

    Raises:
        Declined: more is asked for than the columns of the row, and of those that it points at.
    """
    (selected,) = tree.root.fields
    definition = _definition(selected, edit.model)
    shown = selected.of[definition.name]
    _require_plain(shown, edit.model)
    writer = Writer(first=len(ENTRY) + 1)
    objects = ObjectWriter(tree, permissions, [edit], known, writer)
    table = table_of(edit.model)
    rows = Rows(writer.name(), definition.collection, select(*table.c))
    root = Json.object_of([(selected.key, objects.object_of(shown, rows))])
    changed = (
        update(table)
        .where(
            literal_column(f"(SELECT e.tenant_id FROM {CALL} e)").is_not(None),
            table.c.tenant_id == literal_column(f"${TENANT}", Uuid()),
            table.c.id == writer.parameter(0, "row_id", Uuid()),
        )
        .values({name: writer.parameter(0, f"={name}", table.c[name].type) for name in edit.changes})
        .returning(*rows.needed())
    )
    if edit.expected_version is not None:
        changed = changed.where(table.c.version == writer.parameter(0, "expected_version", table.c.version.type))
    if edit.only is not None:
        changed = changed.where(edit.only)
    return Statement(
        f"WITH {rows.name} AS ({writer.render(changed)}) SELECT {root.sql()} FROM {rows.name}, {IDENTITY}",
        tuple(writer.sources),
    )


def _definition(selected: Selected, model: type[Model]) -> NodeDefinition:
    """The type that shows the row, which has fields to show."""
    for name, selection in selected.of.items():
        if name in NODES and NODES[name].collection.model is model and selection.fields:
            return NODES[name]
    raise Declined("nothing to show")


def _require_plain(shown: Selection, model: type[Model]) -> None:
    for each in shown.fields:
        field = each.field
        if field is None:
            continue
        if not isinstance(field, OF_A_ROW) or (isinstance(field, MoneyField) and field.computed):
            raise Declined(f"{shown.type_name}.{each.name} after an edit")
        if isinstance(field, One):
            if field.target.collection.model is model:
                raise Declined(f"{shown.type_name}.{each.name} after an edit")
            _require_plain(each.only, model)
