"""What a query asks its lists and statistics for: operators, combinators, related rows, sort keys, periods."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import FieldNode, OperationDefinitionNode, Visitor, parse, value_from_ast_untyped, visit
from graphql.language import ast

__all__ = ["features_of"]

COMBINATORS = {"and", "or", "not"}
QUANTIFIERS = {"some", "none"}
OPERATORS = {"eq", "in", "not", "isNull", "gt", "gte", "lt", "lte", "contains", "startsWith"}


def features_of(text: str, variables: Mapping[str, Any]) -> set[str]:
    """Return the names of what a query uses, such as `filter in`, `orderBy more keys` and `stats by DAY`."""
    document = parse(text)
    finder = _Finder({**_defaults(document), **variables})
    visit(document, finder)
    return finder.found


def _defaults(document: ast.DocumentNode) -> dict[str, Any]:
    return {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }


class _Finder(Visitor):
    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self.variables = variables
        self.found: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Note what the arguments of a field use."""
        is_statistics = node.name.value.endswith("Stats")
        for argument in node.arguments or ():
            value = value_from_ast_untyped(argument.value, dict(self.variables))
            match argument.name.value:
                case "filter" if isinstance(value, dict):
                    self.found |= set(_of_filter(value))
                case "orderBy":
                    keys = len(value) if isinstance(value, list) else 1
                    self.found.add(f"orderBy {'one key' if keys < 2 else 'more keys'}")
                case "by" if is_statistics and value:
                    self.found.add(f"stats by {value}")
                case "groupBy" if is_statistics and isinstance(value, list):
                    self.found.add(f"stats groupBy {'no key' if not value else 'keys'}")


def _of_filter(value: Mapping[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        if name in COMBINATORS and (name != "not" or isinstance(inner, dict)):
            yield f"filter {{{name}}}"
            for each in inner if isinstance(inner, list) else [inner]:
                yield from _of_filter(each or {})
        elif not isinstance(inner, dict):
            yield "filter mine" if name == "mine" else "filter null"
        elif QUANTIFIERS & inner.keys():
            for quantifier, related in inner.items():
                yield f"filter {{{quantifier}}}"
                yield from _of_filter(related or {})
        elif OPERATORS & inner.keys() and not any(isinstance(each, dict) for each in inner.values()):
            yield from (f"filter {operator}" for operator in inner if operator != "currency")
        else:
            yield "filter {to one}"
            yield from _of_filter(inner)
