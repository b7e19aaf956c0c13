"""Objects: what is shown of a row, or of the root, as the text of a JSON object (see `json_text`)."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

from graphql import is_non_null_type
from sqlalchemy import ColumnElement

from graph.compiler.derived_table import DerivedTable
from graph.compiler.json_text import JsonExpression
from graph.compiler.plan_arguments import PlanArguments
from graph.compiler.selection import FieldSelection, OperationTree, SelectionSet, Unsupported
from graph.compiler.sql import IDENTITY_COLUMNS, SqlBuilder
from graph.fields.declared import DeclaredField
from services.permissions import Permission, require_permission
from services.queries.collection import Collection
from services.queries.statements import select_one

__all__ = ["FieldCompilers", "ObjectCompiler"]

ArgumentsType = TypeVar("ArgumentsType", bound=PlanArguments)

FieldCompilers = Mapping[type[DeclaredField], Callable[..., JsonExpression]]
"""How each kind of field is compiled: from the object compiler, the selection, the declaration and the row's table."""


class ObjectCompiler:
    """Compiles objects, field by field; how each kind of field is compiled is handed in."""

    def __init__(
        self,
        tree: OperationTree,
        permissions: AbstractSet[Permission],
        arguments: Sequence[PlanArguments],
        identity_parts: Mapping[str, bool],
        builder: SqlBuilder,
        field_compilers: FieldCompilers,
    ) -> None:
        self.tree = tree
        self.permissions = permissions
        self.arguments = arguments
        self.identity_parts = identity_parts
        self.builder = builder
        self.field_compilers = field_compilers

    def arguments_of(self, selected: FieldSelection, kind: type[ArgumentsType]) -> ArgumentsType:
        """Return the arguments of a field whose kind takes arguments of this type."""
        assert selected.site is not None, "the kind takes arguments"
        arguments = self.arguments[selected.site]
        assert isinstance(arguments, kind)
        return arguments

    def compile_root(self) -> str:
        """Return the whole answer as text; an empty one where it comes to nothing."""
        return f"coalesce({self.compile_object(self.tree.root, None).to_sql()}, '')"

    def compile_object(self, selection: SelectionSet, rows: DerivedTable | None) -> JsonExpression:
        """Return what is shown of something, as an object."""
        return JsonExpression.object_of(
            [(each.key, self.compile_field(each, selection, rows)) for each in selection.fields]
        )

    def compile_field(
        self, selected: FieldSelection, within: SelectionSet, rows: DerivedTable | None
    ) -> JsonExpression:
        """Return one field of an object; null only where that leaves the whole answer to the reference executor."""
        if selected.field is None:
            return JsonExpression.constant(within.type_name)
        if not isinstance(selected.field, DeclaredField) or not selected.field.compilable:
            raise Unsupported(f"{within.type_name}.{selected.name} has a Python resolver")
        return self.field_compilers[type(selected.field)](self, selected, selected.field, rows)

    def compile_row(
        self, selection: SelectionSet, collection: Collection, key: str, value: ColumnElement[Any]
    ) -> JsonExpression:
        """Return the row whose column `key` has this value, as an object; null if there is none."""
        rows = DerivedTable(self.builder.new_alias(), collection, select_one(collection, self.permissions, key, value))
        shown = self.compile_object(selection, rows)
        return shown.selected_from(f"({self.builder.render(rows.projected())}) {rows.alias}")

    def compile_one(
        self, selected: FieldSelection, collection: Collection, key: str, value: ColumnElement[Any]
    ) -> JsonExpression:
        """Return the one row that a field leads to; where there must be one, its absence fails the statement."""
        found = self.compile_row(selected.child, collection, key, value)
        return found.or_error() if is_non_null_type(selected.type) else found.or_null()

    def named_expression(self, rows: DerivedTable, name: str) -> ColumnElement[Any]:
        """Return one of a collection's named expressions."""
        if name in rows.collection.restricted:
            require_permission(self.permissions, rows.collection.restricted[name])
        return rows.add(f"={name}", rows.collection.expressions[name])

    def identity_value(self, attribute: str, type_: Any) -> ColumnElement[Any]:
        """Return what the actor's identity says."""
        return (
            IDENTITY_COLUMNS[attribute]
            if attribute in IDENTITY_COLUMNS
            else self.builder.parameter(None, attribute, type_)
        )
