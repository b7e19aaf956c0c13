"""The schema as graphql-core sees it, for tests that derive something from it."""

import graphql

from graph.schema import create_schema

__all__ = ["ROOTS", "SCHEMA", "input_type_of", "reference_of"]

SCHEMA = create_schema().graphql
assert SCHEMA.query_type is not None
assert SCHEMA.mutation_type is not None
ROOTS = {"query": SCHEMA.query_type, "mutation": SCHEMA.mutation_type}


def input_type_of(mutation: str) -> graphql.GraphQLInputObjectType:
    """Return the input type of a mutation's argument `input`."""
    type_ = graphql.get_named_type(ROOTS["mutation"].fields[mutation].args["input"].type)
    assert isinstance(type_, graphql.GraphQLInputObjectType)
    return type_


def reference_of(field: graphql.GraphQLInputField) -> str | None:
    """Return the name of the type whose id an input field takes; None if it takes no id of one certain type."""
    declared = field.extensions.get("strawberry-definition")
    found = getattr(declared, "metadata", {}).get("ref")
    return found if isinstance(found, str) else None
