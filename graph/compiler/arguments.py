"""Arguments: from a request's variables to what each site asks for, as Strawberry would read them.

Nearly every argument is a literal or a whole variable. What can be read of those beforehand is read once; a variable
within a literal goes the long way of graphql-core, and so does whatever is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    coerce_input_value,
    get_argument_values,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, get_variable_values
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.types.arguments import convert_argument, convert_arguments

from graph.compiler.tree import Declined, Site
from graph.fields import NeedsPython

__all__ = ["Values", "Variables", "asker"]

Ask = Callable[["Values"], Any]


class Values:
    """The variables of one request; only as many of them as are needed are read the long way."""

    __slots__ = ("_given", "_variables", "coerced")

    def __init__(self, variables: "Variables", given: Mapping[str, Any], coerced: Mapping[str, Any]) -> None:
        self.coerced = coerced
        self._given = given
        self._variables = variables

    def whole(self) -> VariableValues:
        """As graphql-core reads them."""
        return self._variables.whole(self._given)


class Variables:
    """The variables of one operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._signatures = []
        for definition in self._definitions:
            signature = get_variable_signature(schema, definition)
            if isinstance(signature, GraphQLError):
                raise Declined("refused variables")
            default = Undefined if signature.default is None else coerce_default_value(signature)
            self._signatures.append((signature.name, signature.type, default))

    def read(self, given: Mapping[str, Any]) -> Values:
        """What a request gives them.

        Raises:
            Declined: something that they cannot take.
        """
        coerced: dict[str, Any] = {}
        for name, type_, default in self._signatures:
            if name in given:
                value = coerce_input_value(given[name], type_)
                if value is Undefined:
                    raise Declined("refused variables")
                coerced[name] = value
            elif default is not Undefined:
                coerced[name] = default
            elif isinstance(type_, GraphQLNonNull):
                raise Declined("refused variables")
        return Values(self, given, coerced)

    def whole(self, given: Mapping[str, Any]) -> VariableValues:
        """What graphql-core reads them as.

        Raises:
            Declined: something that they cannot take.
        """
        values = get_variable_values(self._schema, self._definitions, dict(given))
        if isinstance(values, list):
            raise Declined("refused variables")
        return values


def asker(schema: Any, site: Site) -> Ask:
    """What reads a site's wish from a request's variables; it raises what the field itself would.

    Raises:
        Declined: the field needs Python for what it is asked.
    """
    options = {"scalar_registry": schema.schema_converter.scalar_registry, "config": schema.config}
    arguments = {argument.name.value: argument.value for argument in site.node.arguments or ()}
    whole = {name: value.name.value for name, value in arguments.items() if isinstance(value, VariableNode)}

    def asked(kwargs: dict[str, Any]) -> Any:
        try:
            return site.field.asked(kwargs)
        except NeedsPython:
            raise Declined(f"the arguments of {site.node.name.value}") from None

    def at_length(values: Values) -> Any:
        given = get_argument_values(site.definition, site.node, values.whole())
        return asked(convert_arguments(given, site.arguments, **options))

    if site.has_nested_variables or any(site.definition.args[name].default is not None for name in whole):
        return at_length
    names = {schema.config.name_converter.from_argument(argument): argument for argument in site.arguments}
    constant = {name for name in arguments if name not in whole}
    fixed = convert_arguments(_constants(site, constant), site.arguments, **options)
    wanted = [
        (name, variable, isinstance(site.definition.args[name].type, GraphQLNonNull), names[name])
        for name, variable in whole.items()
    ]

    def at_once(values: Values) -> Any:
        kwargs = dict(fixed)
        for _name, variable, required, argument in wanted:
            if variable in values.coerced:
                value = values.coerced[variable]
                if value is None and required:
                    return at_length(values)
                kwargs[argument.python_name] = convert_argument(value, argument.type, **options)
            elif required:
                return at_length(values)
        return asked(kwargs)

    return at_once


def _constants(site: Site, names: set[str]) -> dict[str, Any]:
    """The arguments that are the same in every request."""
    node = FieldNode(
        name=site.node.name,
        arguments=tuple(each for each in site.node.arguments or () if each.name.value in names),
    )
    definition = site.definition
    reduced = type(definition)(definition.type, {name: definition.args[name] for name in names})
    return get_argument_values(reduced, node, VariableValues({}, {}))
