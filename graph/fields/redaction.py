"""Messages about documents, for clients that may not read the schema: they name nothing but what the document does."""

import ast
import json
import re

from graphql import GraphQLError, NameNode

__all__ = ["VALUE_OF_A_VARIABLE", "in_json", "redacted"]

# What graphql-core says of a document alone; the rest of its messages name types, fields or arguments of the schema.
ABOUT_THE_DOCUMENT = re.compile(
    r"Syntax Error: |Variable '\$\w+' is (not defined|never used)|Fragment '\w+' is never used|Unknown fragment "
    r"|Unknown directive |Unknown type |Cannot spread fragment |There can be only one |The directive "
    r"|Directive '@\w+' may not be used |This anonymous operation |Subscription '|Anonymous Subscription "
    r"|GraphQL introspection |Variable values are nested |Say which operation |There is no operation "
)
OF_A_VARIABLE = re.compile(r"Variable ('\$\w+') has invalid ")
VALUE_OF_A_VARIABLE = re.compile(r"Variable '\$\w+' has invalid value( at [^:]+)?: ")
"""What graphql-core says of a value that does not fit the type of its variable."""

BEFORE_A_VALUE = re.compile(r"(,? [Ff]ound|(?<= value)): ")


def redacted(error: GraphQLError, message: str) -> str:
    """Return the message of a refused document or value without names of the schema."""
    if ABOUT_THE_DOCUMENT.match(message):
        return message
    if found := OF_A_VARIABLE.match(message):
        return f"The value of variable {found[1]} does not fit."
    names = (getattr(node, "name", None) for node in error.nodes or ())
    named = next((f": '{name.value}'" for name in names if isinstance(name, NameNode)), "")
    return f"The document does not fit the schema{named}."


def in_json(message: str) -> str:
    """Return a message of graphql-core with the values that it prints in Python's notation written as JSON.

    A value that it prints shortened is left out.
    """
    message = message.replace("not to be None", "not to be null")
    about = VALUE_OF_A_VARIABLE.match(message)
    printed = BEFORE_A_VALUE.search(message, about.end()) if about else None
    if printed is None:
        return message
    text = message[printed.end() :]
    end = "." if text.endswith(".") else ""
    try:
        return message[: printed.end()] + json.dumps(ast.literal_eval(text.removesuffix(".")), ensure_ascii=False) + end
    except (SyntaxError, TypeError, ValueError):
        return message[: printed.start()] + end
