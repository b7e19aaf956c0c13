"""What an operation asks for, with its fragments merged: the fields of each object, by the key of the answer.

Which fields there are depends on the text and on the booleans of `@skip` and `@include` alone, so a tree is kept with
them. What the arguments of its fields ask for is read anew for each request: the places where there are any are the
tree's sites.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_abstract_type,
    visit,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from graph.compiler.coercion import has_variable
from graph.fields.declared import DeclaredField
from graph.fields.mutations import Mutation

__all__ = [
    "SILENT",
    "ArgumentSite",
    "FieldSelection",
    "OperationTree",
    "SelectionSet",
    "Unsupported",
    "build_tree",
    "directive_variables",
]

TYPE_NAME = GraphQLNonNull(GraphQLString)
MAX_RESPONSE_KEY_BYTES = 63  # bytes of a name in PostgreSQL
MAX_OBJECTS = 300  # in one statement: fragments within fragments make a short text ask for thousands


SILENT = ""  # nothing to speak of: most mutations, and subscriptions, are the reference executor's


class Unsupported(Exception):
    """The reference executor runs it; the reason is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def again(self) -> "Unsupported":
        """Return the same anew: one that is kept must not hold on to whoever raised it."""
        return Unsupported(self.reason)


@dataclass(frozen=True, slots=True)
class SelectionSet:
    """The fields that are asked of an object of one type, in the order of the answer."""

    type_name: str
    fields: tuple["FieldSelection", ...]

    def fields_named(self, name: str) -> list["FieldSelection"]:
        """Return the fields with this Python name."""
        return [each for each in self.fields if each.field is not None and each.field.python_name == name]


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """One field of an object. Without a declaration it is `__typename`."""

    key: str
    name: str
    field: StrawberryField | None
    type: GraphQLOutputType
    site: int | None
    children: Mapping[str, SelectionSet]
    """What is asked of what it leads to, by the type of that."""

    @property
    def child(self) -> SelectionSet:
        """Return the selection set of a field whose type is no abstract one."""
        return next(iter(self.children.values()))


@dataclass(frozen=True, slots=True)
class ArgumentSite:
    """A field with arguments, and whether any of them differs from request to request."""

    field: DeclaredField | Mutation
    definition: GraphQLField
    node: FieldNode
    arguments: list[StrawberryArgument]
    has_variables: bool


@dataclass(frozen=True, slots=True)
class OperationTree:
    """A whole operation."""

    root: SelectionSet
    sites: tuple[ArgumentSite, ...]
    fields: int
    """How many fields it has."""


def directive_variables(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """Return the variables that decide by `@skip` and `@include` which fields are selected."""
    found: dict[str, None] = {}

    class Directives(Visitor):
        def enter_directive(self, node: Any, *_: Any) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    visit(document, Directives())
    declared = {each.variable.name.value for each in operation.variable_definitions or ()}
    return tuple(name for name in found if name in declared)


def build_tree(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues
) -> OperationTree:
    """Build the tree of an operation, with `@skip` and `@include` decided by these variables.

    Raises:
        Unsupported: it holds what no declaration describes.
    """
    return _Collector(schema, document, operation, variables).build()


class _Collector:
    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._variables = variables
        self._fragments = {
            node.name.value: FragmentDetails(node)
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._sites: list[ArgumentSite] = []
        self._objects = self._fields = 0

    def build(self) -> OperationTree:
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None, "the operation is valid"
        found = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        return OperationTree(self._selection_set(root, found), tuple(self._sites), self._fields)

    def _selection_set(self, type_: GraphQLObjectType, found: Any) -> SelectionSet:
        if found.new_defer_usages:
            raise Unsupported("@defer")
        grouped = found.grouped_field_set
        return SelectionSet(
            type_.name, tuple(self._field_selection(type_, key, details) for key, details in grouped.items())
        )

    def _field_selection(self, type_: GraphQLObjectType, key: str, details: list[FieldDetails]) -> FieldSelection:
        self._fields += 1
        node = details[0].node
        name = node.name.value
        if len(key) > MAX_RESPONSE_KEY_BYTES:
            raise Unsupported("an alias longer than 63 bytes")
        if name == "__typename":
            return FieldSelection(key, name, None, TYPE_NAME, None, {})
        definition = type_.fields.get(name)
        if definition is None:
            raise Unsupported("introspection")
        field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if not isinstance(field, StrawberryField):
            raise Unsupported(f"{type_.name}.{name} is not a declared field")
        site = self._argument_site(type_, field, definition, node) if definition.args else None
        return FieldSelection(key, name, field, definition.type, site, self._children(definition, details))

    def _children(self, definition: GraphQLField, details: list[FieldDetails]) -> dict[str, SelectionSet]:
        named_type = get_named_type(definition.type)
        if isinstance(named_type, GraphQLObjectType):
            types: tuple[GraphQLObjectType, ...] = (named_type,)
        elif is_abstract_type(named_type):
            types = tuple(self._schema.get_possible_types(named_type))
        else:
            return {}
        self._objects += len(types)
        if self._objects > MAX_OBJECTS:
            raise Unsupported("too many objects")
        return {type_.name: self._selection_set(type_, self._collect_subfields(type_, details)) for type_ in types}

    def _collect_subfields(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Any:
        return collect_subfields(self._schema, self._fragments, self._variables, self._operation, type_, details)

    def _argument_site(
        self, type_: GraphQLObjectType, field: StrawberryField, definition: GraphQLField, node: FieldNode
    ) -> int | None:
        if not isinstance(field, DeclaredField | Mutation):
            raise Unsupported(f"{type_.name}.{node.name.value} is not a declared field")
        varies = any(has_variable(argument.value) for argument in node.arguments or ())
        self._sites.append(ArgumentSite(field, definition, node, field.arguments, varies))
        return len(self._sites) - 1
