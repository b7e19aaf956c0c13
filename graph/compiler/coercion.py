"""Inputs: what graphql-core and Strawberry find out about a type for each value, found out once for each type.

Variables arrive as JSON and become values of GraphQL's types (`InputCoercion.coercer`), literals in the document become
the same (`InputCoercion.literal_coercer`), and those become what fields are written for, such as instances of input
types (`InputCoercion.converter`). No message is made here: what is refused is read again by the libraries, which make
it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from typing import Any

from graphql import (
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal
from strawberry import UNSET
from strawberry.scalars import is_scalar
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    get_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType
from strawberry.types.maybe import Some

__all__ = ["CoercionFailed", "InputCoercion", "has_variable"]

ReadValue = Callable[[Any], Any]
"""Reads one value; of a literal, from the variables."""


class CoercionFailed(Exception):
    """The libraries have to read this, and to say what is wrong with it."""


class InputCoercion:
    """Reads the inputs of one schema."""

    def __init__(self, schema: Any) -> None:
        """Args: schema: Strawberry's."""
        self._scalars = schema.schema_converter.scalar_registry
        self._config: StrawberryConfig = schema.config
        self._coercers: dict[GraphQLInputObjectType, ReadValue] = {}
        self._converters: dict[Any, ReadValue] = {}

    def coercer(self, type_: GraphQLInputType) -> ReadValue:
        """Return a function that coerces JSON to a type, like `graphql.coerce_input_value`."""
        if is_non_null_type(type_):
            return _required(self.coercer(type_.of_type))
        if is_list_type(type_):
            return _list(self.coercer(type_.of_type))
        if is_leaf_type(type_):
            return _leaf(type_.coerce_input_value)
        if not is_input_object_type(type_) or type_.is_one_of:
            return _fail
        if type_ not in self._coercers:
            self._coercers[type_] = _recursive(self._coercers, type_)  # it may hold itself
            fields = {name: (_name(name, field), self.coercer(field.type)) for name, field in type_.fields.items()}
            self._coercers[type_] = _object(type_, fields)
        return self._coercers[type_]

    def literal_coercer(self, node: ValueNode, type_: GraphQLInputType) -> ReadValue:
        """Return a function that coerces a literal with its variables, like `graphql.coerce_input_literal`.

        Raises:
            Refused: it cannot be.
        """
        if not has_variable(node):
            value = coerce_input_literal(node, type_)
            if value is Undefined:
                raise CoercionFailed
            return lambda _variables: value
        if isinstance(node, VariableNode):
            return _variable(node.name.value, is_required=is_non_null_type(type_))
        if is_non_null_type(type_):
            return self.literal_coercer(node, type_.of_type)
        if is_list_type(type_):
            nodes = node.values if isinstance(node, ListValueNode) else (node,)
            items = [self.literal_coercer(each, type_.of_type) for each in nodes]
            return lambda variables: [item(variables) for item in items]
        if is_input_object_type(type_) and isinstance(node, ObjectValueNode) and not type_.is_one_of:
            return self._object(node, type_)
        raise CoercionFailed

    def converter(self, type_: Any) -> ReadValue:
        """Return a function that converts a coerced value to a Strawberry type, like `convert_argument`.

        Raises:
            Refused: it cannot be.
        """
        if isinstance(type_, StrawberryMaybe):  # before StrawberryOptional, which it is too
            inner = self.converter(type_.of_type)
            if not isinstance(type_.of_type, StrawberryOptional):
                inner = _required(inner)
            return lambda value: Some(inner(value))
        if isinstance(type_, StrawberryOptional):
            return self.converter(type_.of_type)
        if isinstance(type_, StrawberryList):
            return _optional(_each(self.converter(type_.of_type)))
        if isinstance(type_, LazyType):
            return self.converter(type_.resolve_type())
        if isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_) or is_scalar(type_, self._scalars):
            return _passthrough
        definition = get_object_definition(type_)
        if definition is None or not definition.is_input or definition.from_input is not None:
            raise CoercionFailed
        if type_ not in self._converters:
            self._converters[type_] = _recursive(self._converters, type_)  # it may hold itself
            self._converters[type_] = _optional(self._instance(type_, definition))
        return self._converters[type_]

    def _object(self, node: ObjectValueNode, type_: GraphQLInputObjectType) -> ReadValue:
        nodes = {field.name.value: field.value for field in node.fields}
        given: list[tuple[str, str | None, bool, ReadValue]] = []
        absent, needed = _defaults_and_required(type_)
        for name, each in nodes.items():
            if name not in type_.fields:
                raise CoercionFailed
            field = type_.fields[name]
            variable = each.name.value if isinstance(each, VariableNode) else None
            given.append((_name(name, field), variable, name in needed, self.literal_coercer(each, field.type)))
        if not needed <= nodes.keys():
            raise CoercionFailed

        def read(variables: Mapping[str, Any]) -> Any:
            found = dict(absent)
            for key, variable, is_needed, literal in given:
                if variable is None or variable in variables:
                    found[key] = literal(variables)
                elif is_needed:
                    raise CoercionFailed
            return type_.out_type(found)

        return read

    def _instance(self, type_: Any, definition: StrawberryObjectDefinition) -> ReadValue:
        absent: dict[str, Any] = {}
        fields: list[tuple[str, str, ReadValue]] = []
        for field in definition.fields:
            name = self._config.name_converter.from_field(field)
            fields.append((name, field.python_name, self.converter(field.resolve_type(type_definition=definition))))
            if field.default_value is MISSING and field.default_factory is MISSING:
                absent[field.python_name] = None

        def make(value: Mapping[str, Any]) -> Any:
            found = dict(absent)
            for name, python_name, convert in fields:
                if name in value:
                    found[python_name] = convert(value[name])
            return type_(**found)

        return make


def has_variable(node: ValueNode) -> bool:
    """Return whether a literal is a variable, or holds one."""
    if isinstance(node, ListValueNode):
        return any(map(has_variable, node.values))
    if isinstance(node, ObjectValueNode):
        return any(has_variable(field.value) for field in node.fields)
    return isinstance(node, VariableNode)


def _name(name: str, field: GraphQLInputField) -> str:
    return field.out_name or name


def _defaults_and_required(type_: GraphQLInputObjectType) -> tuple[dict[str, Any], set[str]]:
    """Return an input object's defaults and its required fields."""
    defaults = {_name(name, field): coerce_default_value(field) for name, field in type_.fields.items()}
    needed = {name for name, field in type_.fields.items() if is_required_input_field(field)}
    return {name: value for name, value in defaults.items() if value is not Undefined}, needed


def _object(type_: GraphQLInputObjectType, fields: Mapping[str, tuple[str, ReadValue]]) -> ReadValue:
    absent, needed = _defaults_and_required(type_)

    def coerce(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict) or not needed <= value.keys():
            raise CoercionFailed
        found = dict(absent)
        for name, each in value.items():
            if name not in fields:
                raise CoercionFailed
            key, read = fields[name]
            found[key] = read(each)
        return type_.out_type(found)

    return coerce


def _variable(name: str, *, is_required: bool) -> ReadValue:
    def read(variables: Mapping[str, Any]) -> Any:
        value = variables.get(name)  # in a list, an absent one is null
        if value is None and is_required:
            raise CoercionFailed
        return value

    return read


def _required(inner: ReadValue) -> ReadValue:
    def read(value: Any) -> Any:
        if value is None:
            raise CoercionFailed
        return inner(value)

    return read


def _list(item: ReadValue) -> ReadValue:
    def coerce(value: Any) -> Any:
        if value is None:
            return None
        return [item(each) for each in value] if isinstance(value, list) else [item(value)]

    return coerce


def _leaf(parse: ReadValue) -> ReadValue:
    def coerce(value: Any) -> Any:
        if value is None:
            return None
        try:
            return parse(value)
        except Exception as error:
            raise CoercionFailed from error

    return coerce


def _each(item: ReadValue) -> ReadValue:
    def convert(values: Iterable[Any]) -> list[Any]:
        return [item(each) for each in values]

    return convert


def _optional(inner: ReadValue) -> ReadValue:
    return lambda value: value if value is None or value is UNSET else inner(value)


def _recursive(readers: Mapping[Any, ReadValue], type_: Any) -> ReadValue:
    def read(value: Any) -> Any:
        return readers[type_](value)

    return read


def _passthrough(value: Any) -> Any:
    return value


def _fail(_value: Any) -> Any:
    raise CoercionFailed
