"""Files that clients and their generators read beside schema.graphql: facts of the schema in the form of each tool."""

import json
from collections.abc import Mapping

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    is_specified_scalar_type,
)

__all__ = ["FOLDER", "client_files"]

FOLDER = "clients"

SCALAR_TYPES: Mapping[str, Mapping[str, str]] = {
    "BigInt": {"input": "number", "output": "number"},
    "Date": {"input": "string", "output": "string"},
    "DateTime": {"input": "string", "output": "string"},
    "Decimal": {"input": "string | number", "output": "string"},
    "JSON": {"input": "unknown", "output": "unknown"},
}
"""What the custom scalars are in TypeScript, as graphql-codegen takes it under `config.scalars`."""

KEYS_HEAD = """// Made by `atrium schema`: the types without an id, which graphcache keeps within their parents.
export const keys: Record<string, () => null> = {
"""


def client_files(schema: GraphQLSchema) -> dict[str, str]:
    """Return the files by their names: possible types, keys of graphcache, and scalars."""
    keys = "".join(f"  {name}: () => null,\n" for name in keyless_types(schema))
    return {
        "possibleTypes.json": _json(possible_types(schema)),
        "graphcacheKeys.ts": f"{KEYS_HEAD}{keys}}};\n",
        "scalars.json": _json({name: SCALAR_TYPES[name] for name in custom_scalars(schema)}),
    }


def possible_types(schema: GraphQLSchema) -> dict[str, list[str]]:
    """Return the object types behind each interface and union, as Apollo's and Relay's caches take them."""
    return {
        name: sorted(each.name for each in schema.get_possible_types(type_))
        for name, type_ in sorted(schema.type_map.items())
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType)
    }


def keyless_types(schema: GraphQLSchema) -> list[str]:
    """Return the object types without an id, apart from the roots."""
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    objects = (type_ for type_ in schema.type_map.values() if isinstance(type_, GraphQLObjectType))
    return sorted(
        type_.name
        for type_ in objects
        if not type_.name.startswith("__") and type_ not in roots and "id" not in type_.fields
    )


def custom_scalars(schema: GraphQLSchema) -> list[str]:
    """Return the scalars that are not GraphQL's own."""
    return sorted(
        name
        for name, type_ in schema.type_map.items()
        if isinstance(type_, GraphQLScalarType) and not is_specified_scalar_type(type_)
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
