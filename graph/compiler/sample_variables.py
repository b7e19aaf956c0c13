"""Samples of what variables may hold, by which an operation is planned before anybody has sent it."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from graphql import (
    ArgumentNode,
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    get_named_type,
    type_from_ast,
    visit,
)

__all__ = ["sample_variables"]

SAMPLE_UUID = UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000)
MAX_INPUT_DEPTH = 4  # of input objects within each other
SAMPLE_VALUES: Mapping[str, Any] = {
    "Int": 1,
    "Float": 1.0,
    "String": "sample",
    "Boolean": True,
    "DateTime": "2030-01-31T12:00:00Z",
    "Date": "2030-01-31",
    "Decimal": "1",
}
SAMPLE_TEXTS: Mapping[str, str] = {"timeZone": "UTC"}
"""Texts of variables that cannot hold just any, by their names."""


def sample_variables(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> list[dict[str, Any]]:
    """Return values for an operation's variables: the required ones, and all where that is something else."""
    hints = _type_names_of_ids(schema, document)
    required: dict[str, Any] = {}
    everything: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        type_ = type_from_ast(schema, definition.type)
        value = _sample(schema, type_, hints.get(name, ""), name)
        everything[name] = value
        if isinstance(type_, GraphQLNonNull) and definition.default_value is None:
            required[name] = value
    return [required] if required == everything else [required, everything]


class _IdVisitor(Visitor):
    """Notes what type the ids in variables are of, by the arguments and input fields that they stand for."""

    def __init__(self, schema: GraphQLSchema, info: TypeInfo) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._schema = schema
        self._info = info
        self._path: list[str] = []

    def enter_argument(self, node: ArgumentNode, *_: object) -> None:
        """Look at one argument: `id` is of the type that its field gives."""
        given = get_named_type(self._info.get_type())
        self._path = [node.name.value]
        if isinstance(node.value, VariableNode):
            self._note(node.value, given.name if isinstance(given, GraphQLObjectType) else "")

    def enter_object_field(self, node: ObjectFieldNode, *_: object) -> None:
        """Look at one field of an input object: `projectId`, or what stands in it, says the type by its name."""
        self._path.append(node.name.value)
        if isinstance(node.value, VariableNode):
            self._note(node.value, "")

    def leave_object_field(self, *_: object) -> None:
        """Go on behind it."""
        self._path.pop()

    def _note(self, variable: VariableNode, hint: str) -> None:
        for name in reversed(self._path):
            hint = hint or _named_type(self._schema, name)
        self.found[variable.name.value] = hint


def _type_names_of_ids(schema: GraphQLSchema, document: DocumentNode) -> dict[str, str]:
    info = TypeInfo(schema)
    visitor = _IdVisitor(schema, info)
    visit(document, TypeInfoVisitor(info, visitor))
    return visitor.found


def _sample(schema: GraphQLSchema, type_: Any, hint: str, name: str, depth: int = 0) -> Any:
    """Return a value of a type; of an id, one of the type that the hint or the field's name says."""
    if isinstance(type_, GraphQLNonNull):
        return _sample(schema, type_.of_type, hint, name, depth)
    if isinstance(type_, GraphQLList):
        return [_sample(schema, type_.of_type, hint, name, depth)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        return dict(_sample_fields(schema, type_, hint, depth))
    if isinstance(type_, GraphQLScalarType) and type_.name == "ID":
        return f"{_type_of_id(schema, hint, name)}:{SAMPLE_UUID}"
    return SAMPLE_TEXTS.get(name, SAMPLE_VALUES.get(type_.name)) if type_ is not None else None


def _sample_fields(
    schema: GraphQLSchema, type_: GraphQLInputObjectType, hint: str, depth: int
) -> Iterator[tuple[str, Any]]:
    of_input = type_.name.removeprefix("Update").removesuffix("Input")
    first = next(iter(type_.fields)) if type_.is_one_of else None
    for name, field in type_.fields.items():
        if depth < MAX_INPUT_DEPTH and (isinstance(field.type, GraphQLNonNull) or name == first):
            yield name, _sample(schema, field.type, hint or of_input, name, depth + 1)


def _type_of_id(schema: GraphQLSchema, hint: str, name: str) -> str:
    """Return the name of the type that an id is of, as well as it can be guessed."""
    by_name = _named_type(schema, name)
    return by_name or (hint if isinstance(schema.get_type(hint), GraphQLObjectType) else "Task")


def _named_type(schema: GraphQLSchema, name: str) -> str:
    """Return the type that a name such as `projectId` or `productIds` speaks of; an empty text if there is none."""
    stem = name.removesuffix("s").removesuffix("Id")
    candidate = stem[:1].upper() + stem[1:]
    is_type = "Id" in name and isinstance(schema.get_type(candidate), GraphQLObjectType)
    return candidate if is_type else ""
