"""Messages about documents, for clients that may not read the schema: they name nothing but what the document does."""

import re

from graphql import GraphQLError, NameNode

__all__ = ["redacted"]

# What graphql-core says of a document alone; the rest of its messages name types, fields or arguments of the schema.
ABOUT_THE_DOCUMENT = re.compile(
    r"Syntax Error: |Variable '\$\w+' is (not defined|never used)|Fragment '\w+' is never used|Unknown fragment "
    r"|Unknown directive |Unknown type |Cannot spread fragment |There can be only one |The directive "
    r"|Directive '@\w+' may not be used |This anonymous operation |Subscription '|Anonymous Subscription "
    r"|GraphQL introspection |Variable values are nested |Say which operation |There is no operation "
)
OF_A_VARIABLE = re.compile(r"Variable ('\$\w+') has invalid ")


def redacted(error: GraphQLError, message: str) -> str:
    """Return the message of a refused document or value without names of the schema."""
    if ABOUT_THE_DOCUMENT.match(message):
        return message
    if found := OF_A_VARIABLE.match(message):
        return f"The value of variable {found[1]} does not fit."
    names = (getattr(node, "name", None) for node in error.nodes or ())
    named = next((f": '{name.value}'" for name in names if isinstance(name, NameNode)), "")
    return f"The document does not fit the schema{named}."
