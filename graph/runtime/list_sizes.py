"""Sizes of lists: how many rows the arguments of a field ask for, as its document and its variables say."""

from collections.abc import Mapping

import graphql

from graph.runtime.filter_cost import FilterArgument
from services.queries.page_request import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

__all__ = [
    "STATISTICS",
    "ListLength",
    "argument_values",
    "input_list_sizes",
    "largest_size",
    "literal_value",
    "page_size_arguments",
    "variables_of",
]

STATISTICS = "Stats"  # how names of statistics and of their types end; their groups count as a largest page
INTROSPECTION_PAGE = 8  # the fields of a type, the arguments of a field: short lists, read from memory
ListLength = tuple[object, ...]
"""What tells the length of a list: values of arguments, with a variable standing for its later value."""


def largest_size(length: ListLength, variables: Mapping[str, object]) -> int:
    """Return the largest size asked for; one that its field will refuse later counts as the largest page."""
    least = length[0] if length and isinstance(length[0], int) else DEFAULT_PAGE_SIZE

    def size(value: object) -> int:
        if isinstance(value, FilterArgument):
            return value.points(variables)
        if isinstance(value, dict):
            return max((len(rows) for rows in value.values() if isinstance(rows, list)), default=least)
        if isinstance(value, list):
            return len(value)
        return value if type(value) is int and 0 <= value <= MAX_PAGE_SIZE else MAX_PAGE_SIZE

    values = (variables.get(v.name.value) if isinstance(v, graphql.VariableNode) else v for v in length)
    return max((size(value) for value in values if value is not None), default=DEFAULT_PAGE_SIZE)


def page_size_arguments(node: graphql.FieldNode, type_: graphql.GraphQLNamedType | None) -> ListLength:
    """Return what sizes the lists right below a field; lists that nothing sizes count as a default page."""
    if type_ and type_.name.endswith("Connection"):
        return argument_values(node, "first", "last")
    if type_ and type_.name.endswith(STATISTICS):
        return (MAX_PAGE_SIZE,)
    return (INTROSPECTION_PAGE,) if type_ and type_.name.startswith("__") else ()


def variables_of(length: ListLength) -> list[str]:
    """Return the names of the variables that say how long a list is."""
    found: list[str] = []
    for value in length:
        if isinstance(value, graphql.VariableNode):
            found.append(value.name.value)
        elif isinstance(value, FilterArgument):
            found += value.variables
    return found


def input_list_sizes(node: graphql.FieldNode, known: graphql.GraphQLField | None) -> ListLength:
    """Return what sizes the lists right below a mutation: the longest list in its input, at least a default page."""
    given = next((argument.value for argument in node.arguments or () if argument.name.value == "input"), None)
    if isinstance(given, graphql.VariableNode):
        return (DEFAULT_PAGE_SIZE, given)
    if known is None or "input" not in known.args or not isinstance(given, graphql.ObjectValueNode):
        return ()
    fields_ = getattr(graphql.get_named_type(known.args["input"].type), "fields", {})
    lists = {name for name, field_ in fields_.items() if graphql.is_list_type(graphql.get_nullable_type(field_.type))}
    return (DEFAULT_PAGE_SIZE, *(literal_value(part.value) for part in given.fields if part.name.value in lists))


def argument_values(node: graphql.FieldNode, *names: str) -> ListLength:
    """Return the values of some arguments of a field, those that it has."""
    return tuple(literal_value(argument.value) for argument in node.arguments or () if argument.name.value in names)


def literal_value(node: graphql.ValueNode) -> object:
    """Return as much of a literal's value as tells a length; a variable, and any other literal, as it is."""
    if isinstance(node, graphql.NullValueNode):
        return None
    if isinstance(node, graphql.ListValueNode):
        return list(node.values)
    # int() refuses some thousand digits, and no valid size has more than the largest page.
    if isinstance(node, graphql.IntValueNode) and len(node.value) <= len(str(MAX_PAGE_SIZE)):
        return int(node.value)
    return node
