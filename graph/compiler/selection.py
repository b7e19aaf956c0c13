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
from graph.fields.declared import Declared
from graph.fields.mutations import Mutation

__all__ = ["NOT_OURS", "Declined", "Selected", "Selection", "Site", "Tree", "switches", "tree_of"]

TYPE_NAME = GraphQLNonNull(GraphQLString)
LONGEST_KEY = 63  # bytes of a name in PostgreSQL
MOST_OBJECTS = 300  # in one statement: fragments within fragments make a short text ask for thousands


NOT_OURS = ""  # nothing to speak of: most mutations, and subscriptions, are the reference executor's


class Declined(Exception):
    """The reference executor runs it; the reason is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields that are asked of an object of one type, in the order of the answer."""

    type_name: str
    fields: tuple["Selected", ...]

    def named(self, name: str) -> list["Selected"]:
        """The fields of this name, in Python."""
        return [each for each in self.fields if each.field is not None and each.field.python_name == name]


@dataclass(frozen=True, slots=True)
class Selected:
    """One field of an object. Without a declaration it is `__typename`."""

    key: str
    name: str
    field: StrawberryField | None
    type: GraphQLOutputType
    site: int | None
    of: Mapping[str, Selection]
    """What is asked of what it leads to, by the type of that."""

    @property
    def only(self) -> Selection:
        """What is asked of what it leads to, which is of one type."""
        return next(iter(self.of.values()))


@dataclass(frozen=True, slots=True)
class Site:
    """A field with arguments, and whether any of them differs from request to request."""

    field: Declared | Mutation
    definition: GraphQLField
    node: FieldNode
    arguments: list[StrawberryArgument]
    has_variables: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole operation."""

    root: Selection
    sites: tuple[Site, ...]


def switches(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """The variables that decide by `@skip` and `@include` which fields there are."""
    found: dict[str, None] = {}

    class Directives(Visitor):
        def enter_directive(self, node: Any, *_: Any) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    visit(document, Directives())
    declared = {each.variable.name.value for each in operation.variable_definitions or ()}
    return tuple(name for name in found if name in declared)


def tree_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues
) -> Tree:
    """The tree of an operation, with `@skip` and `@include` as these variables decide.

    Raises:
        Declined: it holds what no declaration describes.
    """
    return _Collector(schema, document, operation, variables).tree()


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
        self._sites: list[Site] = []
        self._objects = 0

    def tree(self) -> Tree:
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None, "the operation is valid"
        found = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        return Tree(self._selection(root, found), tuple(self._sites))

    def _selection(self, type_: GraphQLObjectType, found: Any) -> Selection:
        if found.new_defer_usages:
            raise Declined("@defer")
        grouped = found.grouped_field_set
        return Selection(type_.name, tuple(self._selected(type_, key, details) for key, details in grouped.items()))

    def _selected(self, type_: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Selected:
        node = details[0].node
        name = node.name.value
        if len(key) > LONGEST_KEY:
            raise Declined("a long alias")
        if name == "__typename":
            return Selected(key, name, None, TYPE_NAME, None, {})
        definition = type_.fields.get(name)
        if definition is None:
            raise Declined("introspection")
        field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if not isinstance(field, StrawberryField):
            raise Declined(f"{type_.name}.{name} is not declared")
        site = self._site(type_, field, definition, node) if definition.args else None
        return Selected(key, name, field, definition.type, site, self._below(definition, details))

    def _below(self, definition: GraphQLField, details: list[FieldDetails]) -> dict[str, Selection]:
        named = get_named_type(definition.type)
        if isinstance(named, GraphQLObjectType):
            types: tuple[GraphQLObjectType, ...] = (named,)
        elif is_abstract_type(named):
            types = tuple(self._schema.get_possible_types(named))
        else:
            return {}
        self._objects += len(types)
        if self._objects > MOST_OBJECTS:
            raise Declined("too many objects")
        return {type_.name: self._selection(type_, self._subfields(type_, details)) for type_ in types}

    def _subfields(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Any:
        return collect_subfields(self._schema, self._fragments, self._variables, self._operation, type_, details)

    def _site(
        self, type_: GraphQLObjectType, field: StrawberryField, definition: GraphQLField, node: FieldNode
    ) -> int | None:
        if not isinstance(field, Declared | Mutation):
            raise Declined(f"{type_.name}.{node.name.value} is not declared")
        varies = any(has_variable(argument.value) for argument in node.arguments or ())
        self._sites.append(Site(field, definition, node, field.arguments, varies))
        return len(self._sites) - 1
