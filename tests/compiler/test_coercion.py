"""Inputs are read by the compiler as the libraries read them, or left to them: every argument, with random values."""

import random
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    parse_value,
)
from graphql.execution.values import VariableValues
from graphql.utilities import coerce_input_value
from graphql.utilities.coerce_input_value import coerce_input_literal
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument, convert_argument

from graph.compiler.coercion import CoercionFailed, InputCoercion
from graph.schema import Schema, create_schema

TIMES = 40  # values for each argument
LEAVES = [
    "words", "", "2026-03-01T12:00:00Z", "2026-03-01", "2026-02-30", "2026-3-1",
    "Task:01a20fde-f7ff-7215-86f0-0ceedb365d65", "12.34", "TODO",
    "CREATED_AT", "ASC", "EUR", 0, 1, -1, 2**40, 1.5, True, False, None,
]  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> Schema:
    return create_schema()


@pytest.fixture(scope="module")
def graphql(schema: Schema) -> GraphQLSchema:
    return schema.graphql


@pytest.fixture(scope="module")
def inputs(schema: Schema) -> InputCoercion:
    return InputCoercion(schema)


def arguments(schema: Schema, graphql: GraphQLSchema) -> Iterator[tuple[str, GraphQLArgument, StrawberryArgument]]:
    """Every argument that a field of the schema takes."""
    for type_ in (graphql.query_type, graphql.mutation_type, graphql.type_map["Order"], graphql.type_map["User"]):
        for name, field in getattr(type_, "fields", {}).items():
            declared = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            for argument in declared.arguments:
                key = schema.config.name_converter.from_argument(argument)
                yield f"{type_}.{name}.{key}", field.args[key], argument


def random_json(type_: GraphQLInputType, chance: random.Random, depth: int = 0) -> Any:
    """A value that is about right for a type; inputs within inputs have ever fewer fields."""
    if is_non_null_type(type_):
        return None if chance.random() < 0.02 else random_json(type_.of_type, chance, depth)
    if chance.random() < 0.08:
        return chance.choice(LEAVES)
    if is_list_type(type_):
        return [random_json(type_.of_type, chance, depth) for _ in range(chance.randrange(3))]
    if is_input_object_type(type_):
        fields = {name: field for name, field in type_.fields.items() if chance.random() < 0.7 / 3**depth}
        value = {name: random_json(field.type, chance, depth + 1) for name, field in fields.items()}
        return value | ({"unknown": 1} if chance.random() < 0.03 else {})
    if isinstance(type_, GraphQLEnumType):
        return chance.choice(list(type_.values))
    fitting = {"Int": [0, 1, 7], "Boolean": [True, False], "Decimal": ["12.34", 5], "DateTime": LEAVES[2:4]}
    return chance.choice(fitting.get(get_named_type(type_).name, LEAVES[:1] + LEAVES[4:5]))


def write_literal(value: Any, type_: GraphQLInputType, chance: random.Random, variables: dict[str, Any]) -> str:
    """A value as a literal, with variables in some places, a few of which have no value."""
    if chance.random() < 0.2:
        name = f"v{len(variables)}"
        coerced = coerce_input_value(value, type_)
        variables[name] = Undefined if coerced is Undefined or chance.random() < 0.1 else coerced
        return f"${name}"
    bare = type_.of_type if is_non_null_type(type_) else type_
    if isinstance(value, list) and is_list_type(bare):
        return f"[{', '.join(write_literal(each, bare.of_type, chance, variables) for each in value)}]"
    if isinstance(value, dict) and is_input_object_type(bare):
        fields = {name: bare.fields[name].type for name in value if name in bare.fields}
        entries = (f"{key}: {write_literal(value[key], of, chance, variables)}" for key, of in fields.items())
        return f"{{{', '.join(entries)}}}"
    if isinstance(bare, GraphQLEnumType) and isinstance(value, str) and value.isidentifier():
        return value
    if isinstance(value, str):
        return f'"{value}"'
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if not isinstance(value, dict) else "{}"


def describe_value(value: Any) -> str:
    """A value with its types, whatever the order of an object's fields."""
    if isinstance(value, dict):
        return str({key: describe_value(value[key]) for key in sorted(value)})
    return str([describe_value(each) for each in value]) if isinstance(value, list) else repr(value)


def outcome(read: Any, *given: Any) -> Any:
    """What was read, or Undefined where the libraries have to."""
    try:
        return read(*given)
    except CoercionFailed:
        return Undefined


def test_variables_are_read_as_graphql_core_reads_them(
    schema: Schema, graphql: GraphQLSchema, inputs: InputCoercion
) -> None:
    seed, read = secrets.randbits(40), 0
    chance = random.Random(seed)
    for name, argument, _ in arguments(schema, graphql):
        coerce = inputs.coercer(argument.type)
        for _ in range(TIMES):
            value = random_json(argument.type, chance)
            found, expected = outcome(coerce, value), coerce_input_value(value, argument.type)
            assert describe_value(found) == describe_value(expected), f"seed {seed}, {name}: {value}"
            read += found is not Undefined
    assert read > 1_000


def test_literals_are_read_as_graphql_core_reads_them(
    schema: Schema, graphql: GraphQLSchema, inputs: InputCoercion
) -> None:
    seed, read = secrets.randbits(40), 0
    chance = random.Random(seed)
    for name, argument, _ in arguments(schema, graphql):
        for _ in range(TIMES):
            variables: dict[str, Any] = {}
            text = write_literal(random_json(argument.type, chance), argument.type, chance, variables)
            given = {key: value for key, value in variables.items() if value is not Undefined}
            node = parse_value(text)
            expected = coerce_input_literal(node, argument.type, VariableValues({}, given))
            try:
                found = outcome(inputs.literal_coercer(node, argument.type), given)
            except CoercionFailed:
                found = Undefined
            if found is not Undefined and not (text.startswith("$") and not given):  # an argument that is absent
                assert describe_value(found) == describe_value(expected), f"seed {seed}, {name}: {text} {given}"
            read += found is not Undefined
    assert read > 1_000


def test_values_are_converted_as_strawberry_converts_them(
    schema: Schema, graphql: GraphQLSchema, inputs: InputCoercion
) -> None:
    seed, read = secrets.randbits(40), 0
    chance = random.Random(seed)
    options: Mapping[str, Any] = {
        "scalar_registry": schema.schema_converter.scalar_registry,
        "config": schema.config,
    }
    for name, argument, declared in arguments(schema, graphql):
        convert = inputs.converter(declared.type)
        for _ in range(TIMES):
            value = coerce_input_value(random_json(argument.type, chance), argument.type)
            if value is Undefined:
                continue
            try:
                expected = convert_argument(value, declared.type, **options)
            except Exception:  # noqa: BLE001  # whatever it says, it is the library's to say
                assert outcome(convert, value) is Undefined
                continue
            assert repr(convert(value)) == repr(expected), f"seed {seed}, {name}: {value}"
            read += 1
    assert read > 1_000
