"""Arguments: from a request's variables to what each site asks for, as Strawberry would read them.

All that can be found out about them beforehand is found out once. Whatever is refused then goes the long way of the
libraries, and is refused there.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from graphql import (
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    get_argument_values,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, get_variable_values
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.types.arguments import convert_arguments

from graph.compiler.coercion import CoercionFailed, InputCoercion
from graph.compiler.plan_arguments import ARGUMENT_TYPES, PlanArguments
from graph.compiler.selection import ArgumentSite, Unsupported
from graph.fields.declared import NotCompilable

__all__ = ["CoercedVariables", "ParseArguments", "VariableDefinitions", "argument_parser", "input_parser"]

Parsed = TypeVar("Parsed")
ParseArguments = Callable[["CoercedVariables"], PlanArguments]


class CoercedVariables:
    """The variables of one request."""

    __slots__ = ("_given", "_variables", "coerced")

    def __init__(self, variables: "VariableDefinitions", given: Mapping[str, Any], coerced: Mapping[str, Any]) -> None:
        self.coerced = coerced
        self._given = given
        self._variables = variables

    def as_graphql_core(self) -> VariableValues:
        """Return the variables as graphql-core coerces them."""
        return self._variables.as_graphql_core(self._given)


class VariableDefinitions:
    """The variables of one operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, coercion: InputCoercion) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._readers: list[tuple[str, Callable[[Any], Any], Any, bool]] = []
        for definition in self._definitions:
            signature = get_variable_signature(schema, definition)
            if isinstance(signature, GraphQLError):
                raise Unsupported("invalid variables")
            default = Undefined if signature.default is None else coerce_default_value(signature)
            required = isinstance(signature.type, GraphQLNonNull)
            self._readers.append((signature.name, coercion.coercer(signature.type), default, required))

    def coerce(self, given: Mapping[str, Any]) -> CoercedVariables:
        """Coerce the variables of a request.

        Raises:
            Unsupported: something that they cannot take.
        """
        coerced: dict[str, Any] = {}
        for name, read, default, required in self._readers:
            if name in given:
                try:
                    coerced[name] = read(given[name])
                except CoercionFailed:
                    raise Unsupported("invalid variables") from None
            elif default is not Undefined:
                coerced[name] = default
            elif required:
                raise Unsupported("invalid variables")
        return CoercedVariables(self, given, coerced)

    def as_graphql_core(self, given: Mapping[str, Any]) -> VariableValues:
        """Return the variables as graphql-core coerces them.

        Raises:
            Unsupported: something that they cannot take.
        """
        values = get_variable_values(self._schema, self._definitions, dict(given))
        if isinstance(values, list):
            raise Unsupported("invalid variables")
        return values


def argument_parser(schema: Any, coercion: InputCoercion, site: ArgumentSite) -> ParseArguments:
    """Return a function that parses a field's arguments from a request's variables, and raises what the field would.

    Raises:
        Unsupported: the field needs Python for what it is asked.
    """
    to_plan_arguments = ARGUMENT_TYPES.get(type(site.field))
    if to_plan_arguments is None:
        raise Unsupported(f"the arguments of {site.node.name.value}")

    def parse(kwargs: dict[str, Any]) -> PlanArguments:
        try:
            return to_plan_arguments(site.field.parse_arguments(kwargs))
        except NotCompilable:
            raise Unsupported(f"the arguments of {site.node.name.value}") from None

    return _site_parser(schema, coercion, site, parse)


def input_parser(schema: Any, coercion: InputCoercion, site: ArgumentSite) -> Callable[[CoercedVariables], Any]:
    """Return what reads the input of a mutation from a request's variables; it raises what the field itself would."""
    return _site_parser(schema, coercion, site, site.field.parse_arguments)


def _site_parser(
    schema: Any, coercion: InputCoercion, site: ArgumentSite, parse: Callable[[dict[str, Any]], Parsed]
) -> Callable[[CoercedVariables], Parsed]:
    """Return what reads the arguments of a field from a request's variables, and has them parsed."""

    def slow_path(values: CoercedVariables) -> Parsed:
        given = get_argument_values(site.definition, site.node, values.as_graphql_core())
        registry = schema.schema_converter.scalar_registry
        return parse(convert_arguments(given, site.arguments, scalar_registry=registry, config=schema.config))

    try:
        readers = list(_argument_readers(schema, coercion, site))
    except CoercionFailed:
        return slow_path

    def fast_path(values: CoercedVariables) -> Parsed:
        try:
            variables, kwargs = values.coerced, {}
            for python_name, variable, read, convert in readers:
                if variable is None or variable in variables:
                    kwargs[python_name] = convert(read(variables))
        except CoercionFailed:
            return slow_path(values)
        return parse(kwargs)

    return fast_path


ArgumentReader = tuple[str, str | None, Callable[[Any], Any], Callable[[Any], Any]]
"""An argument's name in Python, the variable that it is if it is one, what reads it, and what converts it."""


def _argument_readers(schema: Any, coercion: InputCoercion, site: ArgumentSite) -> Iterator[ArgumentReader]:
    """Yield how each argument is read.

    Raises:
        Refused: one of them has to be read at length.
    """
    given = {argument.name.value: argument.value for argument in site.node.arguments or ()}
    for argument in site.arguments:
        name = schema.config.name_converter.from_argument(argument)
        definition, convert = site.definition.args[name], coercion.converter(argument.type)
        default, is_needed = coerce_default_value(definition), isinstance(definition.type, GraphQLNonNull)
        if name not in given and default is not Undefined:
            yield argument.python_name, None, _constant(default), convert
        elif name not in given and is_needed:
            raise CoercionFailed
        elif name in given:
            node = given[name]
            variable = node.name.value if isinstance(node, VariableNode) and not is_needed else None
            if variable is not None and default is not Undefined:
                raise CoercionFailed
            yield argument.python_name, variable, coercion.literal_coercer(node, definition.type), convert


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _variables: value
