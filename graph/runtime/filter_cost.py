"""Cost of filters: a point for each operator, more within a relation, and more where no index serves it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import graphql
from strawberry.utils.str_converters import to_snake_case

from services.queries.collection import Collection

__all__ = ["FilterArgument", "filter_argument"]

UNINDEXED_COST = 10  # of an operator that looks at every row that the others leave
COMBINATORS = ("and", "or", "not")
QUANTIFIERS = ("some", "none")


class FilterArgument:
    """The filter of one field, with its variables left open."""

    __slots__ = ("_collection", "_value", "variables")

    def __init__(self, collection: Callable[[], Collection], value: object) -> None:
        """Make it.

        Args:
            collection: returns what is filtered; asked for when the cost is, since it is declared later.
            value: the filter, with nodes of the document where it has variables.
        """
        self._collection = collection
        self._value = value
        self.variables = tuple(dict.fromkeys(_variables_in(value)))
        """Names of the variables that it has."""

    def points(self, variables: Mapping[str, object]) -> int:
        """Return the points of its operators with these variables."""
        return _points_of_object(self._collection(), _with_variables(self._value, variables), 1)


def filter_argument(node: graphql.FieldNode, known: graphql.GraphQLField | None) -> FilterArgument | None:
    """Return the filter that a field is given; None without one, and for fields that have no collection."""
    given = next((argument.value for argument in node.arguments or () if argument.name.value == "filter"), None)
    declared: Any = known.extensions.get("strawberry-definition") if known else None
    if given is None or not (hasattr(declared, "collection") or hasattr(declared, "statistics")):
        return None
    statistics = getattr(declared, "statistics", None)
    return FilterArgument(lambda: statistics.collection if statistics else declared.collection, _plain(given))


def _plain(node: graphql.ValueNode) -> object:
    """Return a literal as JSON has it, but for its variables, and for scalars, which are all alike here."""
    if isinstance(node, graphql.ObjectValueNode):
        return {field.name.value: _plain(field.value) for field in node.fields}
    if isinstance(node, graphql.ListValueNode):
        return [_plain(each) for each in node.values]
    return node if isinstance(node, graphql.VariableNode) else None


def _variables_in(value: object) -> Iterator[str]:
    if isinstance(value, graphql.VariableNode):
        yield value.name.value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _variables_in(each)


def _with_variables(value: Any, variables: Mapping[str, object]) -> Any:
    if isinstance(value, graphql.VariableNode):
        return variables.get(value.name.value)
    if isinstance(value, dict):
        return {name: _with_variables(each, variables) for name, each in value.items()}
    return [_with_variables(each, variables) for each in value] if isinstance(value, list) else value


def _points_of_object(collection: Collection, given: object, weight: int) -> int:
    """Return the points of an object with conditions; what does not fit the schema costs nothing, and is refused."""
    points = 0
    for name, value in given.items() if isinstance(given, dict) else ():
        key = to_snake_case(name)
        if name in COMBINATORS:
            listed = value if isinstance(value, list) else [value]
            points += sum(_points_of_object(collection, each, weight) for each in listed)
        elif key in collection.relations:
            points += _points_of_relation(collection, key, value, weight)
        elif key in collection.filters:
            unindexed = collection.filters[key].unindexed
            operators = [to_snake_case(operator) for operator in value] if isinstance(value, dict) else [""]
            points += weight * sum(UNINDEXED_COST if operator in unindexed else 1 for operator in operators)
    return points


def _points_of_relation(collection: Collection, key: str, given: object, weight: int) -> int:
    relation = collection.relations[key]
    if not isinstance(given, dict):
        return weight
    inner = [value for name, value in given.items() if name in QUANTIFIERS] if relation.is_many else [given]
    return sum(weight + _points_of_object(relation.target(), each, weight + 1) for each in inner)
