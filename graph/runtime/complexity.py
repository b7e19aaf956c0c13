"""The document budget: how much one operation may ask for, decided before validation and execution.

A document of a few hundred bytes can stand for millions of fields, because fragments spread fragments. So
nothing here expands one: each fragment is measured once, bottom-up, and its figures are added wherever it is spread.
All but the cost follows from the text alone, the cost from the text and the lengths of lists: `analyze` reads
the text, once if the caller keeps the result, and `CostModel.measure` fills in the variables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import graphql
from graphql.language.parser import MAX_NESTING_DEPTH, Parser

from services.queries.page_request import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

RawVariables = Mapping[str, object] | None

TOO_COMPLEX_CODE = "DOCUMENT_TOO_COMPLEX"
MAX_FIGURE = 1_000_000_000  # figures stop growing here; it fits a GraphQL Int and no sensible limit is higher
COUNT_COST = 10  # totalCount and statistics look at every row of a list, not at one page
# Their groups count as a largest page.
STATISTICS = "Stats"  # how names of statistics and of their types end
INTROSPECTION_PAGE = 8  # the fields of a type, the arguments of a field: short lists, read from memory
INTROSPECTION_DEPTH = 16  # GraphiQL asks for 15: the type of an argument of a field, unwrapped nine times

_UNITS = {
    "characters": "characters; values belong in its variables",
    "tokens": "tokens",
    "nesting": "levels of braces and brackets",
    "depth": "levels of fields",
    "aliases": "aliases, those of a fragment counted at every spread",
    "directives": "directives, those of a fragment counted at every spread",
    "root_fields": "fields at its root",
    "cost": "points of cost; ask for smaller pages or fewer lists within lists",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one document may ask for; each figure is the largest that still passes.

    `characters` and `tokens` bound the work of the parser. `cost` estimates the fields of the answer: one
    point for a field, as often as the lists around it are long, and ten more for a `totalCount` or for
    statistics. 100,000 points are about a second of one core where every field is resolved in Python: a page
    of 100 within a page of 100, with eight fields in each inner row, still fits, and a page of 100 within
    those two never does. GraphiQL's introspection costs nearly 30,000: a lower limit shuts it out.
    """

    depth: int = 15
    aliases: int = 50
    directives: int = 50
    root_fields: int = 50
    tokens: int = 4_000
    cost: int = 100_000
    characters: int = 65_536


@dataclass(frozen=True, slots=True)
class QueryCost:
    """What one operation asks for, its fragments expanded: upper bounds, since `@skip` is not looked at.

    `tokens` counts the whole document, comments included. Introspection up to `INTROSPECTION_DEPTH` levels deep
    counts as one level of `depth`. No figure is larger than `MAX_FIGURE`.
    """

    tokens: int
    depth: int
    aliases: int
    directives: int
    root_fields: int
    cost: int

    def limit_error(self, limits: Limits) -> graphql.GraphQLError | None:
        """Return a `DOCUMENT_TOO_COMPLEX` error about the first limit that a figure exceeds, or None."""
        pairs = ((name.name, getattr(limits, name.name), getattr(self, name.name)) for name in fields(self))
        return next((_limit_error(name, allowed, found) for name, allowed, found in pairs if found > allowed), None)


# A cost is a sum of steps: the number of a step, to how often it counts. Step 0 is one point; the others are
# lists whose length waits for the variables. Spreading a fragment twice doubles figures and adds no terms.
_Cost = dict[int, int]

# What tells the length of a list: values of arguments, with a variable standing for its later value.
_Length = tuple[object, ...]


class _Step(NamedTuple):
    """What a list of a length yet unknown costs `once`, and for `each` of its items."""

    length: _Length
    once: _Cost
    each: _Cost


@dataclass(slots=True)
class _SelectionCost:
    """What a selection set asks for; `each` is the cost per item of the lists that its parent field sizes."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0
    once: _Cost = field(default_factory=dict)
    each: _Cost = field(default_factory=dict)

    def add(self, other: "_SelectionCost") -> None:
        self.depth = max(self.depth, other.depth)
        self.aliases = min(MAX_FIGURE, self.aliases + other.aliases)
        self.directives = min(MAX_FIGURE, self.directives + other.directives)
        self.fields = min(MAX_FIGURE, self.fields + other.fields)
        _add_cost(self.once, other.once)
        _add_cost(self.each, other.each)


@dataclass(frozen=True, slots=True)
class CostModel:
    """What a text says about one operation. It holds no value of a variable, so it may be kept with the text."""

    tokens: int
    total: _SelectionCost
    steps: tuple[_Step, ...]
    defaults: Mapping[str, object]

    def measure(self, variables: RawVariables) -> QueryCost:
        """Return the figures for these variables, as the client sent them; absent ones take their defaults."""
        given = {**self.defaults, **(variables or {})}
        values = [1]

        def value(cost: _Cost) -> int:
            return min(MAX_FIGURE, sum(count * values[step] for step, count in cost.items()))

        for step in self.steps:
            values += [min(MAX_FIGURE, value(step.once) + _largest_size(step.length, given) * value(step.each))]
        total = self.total
        return QueryCost(
            self.tokens, total.depth, total.aliases, total.directives, total.fields, cost=value(total.once)
        )


class _CostVisitor:
    """One pass over a document: each fragment after those it spreads, so that none is read twice."""

    def __init__(self, schema: graphql.GraphQLSchema, nodes: Mapping[str, graphql.FragmentDefinitionNode]) -> None:
        self.schema = schema
        self.steps: list[_Step] = []
        self.fragments: dict[str, _SelectionCost] = {}
        for name in TopologicalSorter({name: _spread_fragments(node) for name, node in nodes.items()}).static_order():
            if name in nodes:  # a spread of no fragment is for validation to answer
                on = schema.get_type(nodes[name].type_condition.name.value)
                self.fragments[name] = self.visit_selections(nodes[name].selection_set, on)
                self.fragments[name].directives += len(nodes[name].directives or ())

    def visit_operation(self, node: graphql.OperationDefinitionNode) -> _SelectionCost:
        summary = self.visit_selections(node.selection_set, self.schema.get_root_type(node.operation))
        summary.directives += len(node.directives or ())
        summary.directives += sum(len(variable.directives or ()) for variable in node.variable_definitions or ())
        summary.once = self.total((), summary.once, summary.each)
        return summary

    def visit_selections(
        self, node: graphql.SelectionSetNode, parent: graphql.GraphQLNamedType | None
    ) -> _SelectionCost:
        """Add up a selection set; this recurs only as deep as one definition nests, which the parser bounds."""
        summary = _SelectionCost()
        for selection in node.selections:
            summary.directives += len(selection.directives or ())
            if isinstance(selection, graphql.FieldNode):
                summary.add(self.visit_field(selection, parent))
            elif isinstance(selection, graphql.FragmentSpreadNode):
                summary.add(self.fragments.get(selection.name.value, _SelectionCost()))
            elif isinstance(selection, graphql.InlineFragmentNode):
                condition = selection.type_condition
                on = self.schema.get_type(condition.name.value) if condition else parent
                summary.add(self.visit_selections(selection.selection_set, on))
        return summary

    def visit_field(self, node: graphql.FieldNode, parent: graphql.GraphQLNamedType | None) -> _SelectionCost:
        """Read one field. What is below a list counts as often as its `ids`, else its parent's page or input, says."""
        name = node.name.value
        counts_rows = name == "totalCount" or name.endswith(STATISTICS)
        aliases, once = int(node.alias is not None), {0: 1 + COUNT_COST * counts_rows}
        if not node.selection_set:
            return _SelectionCost(1, aliases, 0, 1, once)
        known = self.schema.get_field(parent, name) if graphql.is_composite_type(parent) else None
        type_ = graphql.get_named_type(known.type) if known else None
        inner = self.visit_selections(node.selection_set, type_)
        depth = inner.depth + 1
        if name in {"__schema", "__type"} and depth <= INTROSPECTION_DEPTH:
            depth = 1
        summary = _SelectionCost(depth, inner.aliases + aliases, inner.directives, 1, once)
        length = _page_size_arguments(node, type_) or _input_list_sizes(node, known)
        cost, ids = self.total(length, inner.once, inner.each), _arguments(node, "ids")
        if not known or not graphql.is_list_type(graphql.get_nullable_type(known.type)):
            _add_cost(summary.once, cost)
        elif ids:
            _add_cost(summary.once, self.total(ids, {}, cost))
        else:
            summary.each = cost
        return summary

    def total(self, length: _Length, once: _Cost, each: _Cost) -> _Cost:
        if each and any(isinstance(value, graphql.VariableNode) for value in length):
            self.steps.append(_Step(length, once, each))
            return {len(self.steps): 1}
        cost = dict(once)
        _add_cost(cost, each, times=_largest_size(length, {}))
        return cost


def _add_cost(to: _Cost, cost: _Cost, times: int = 1) -> None:
    for step, count in cost.items():
        to[step] = min(MAX_FIGURE, to.get(step, 0) + count * times)


def _largest_size(length: _Length, variables: Mapping[str, object]) -> int:
    """Return the largest size asked for; one that its field will refuse later counts as the largest page."""

    def size(value: object) -> int:
        if isinstance(value, dict):
            return max((len(rows) for rows in value.values() if isinstance(rows, list)), default=DEFAULT_PAGE_SIZE)
        if isinstance(value, list):
            return len(value)
        return value if type(value) is int and 0 <= value <= MAX_PAGE_SIZE else MAX_PAGE_SIZE

    values = (variables.get(v.name.value) if isinstance(v, graphql.VariableNode) else v for v in length)
    return max((size(value) for value in values if value is not None), default=DEFAULT_PAGE_SIZE)


def _page_size_arguments(node: graphql.FieldNode, type_: graphql.GraphQLNamedType | None) -> _Length:
    """Return what sizes the lists right below a field; lists that nothing sizes count as a default page."""
    if type_ and type_.name.endswith("Connection"):
        return _arguments(node, "first", "last")
    if type_ and type_.name.endswith(STATISTICS):
        return (MAX_PAGE_SIZE,)
    return (INTROSPECTION_PAGE,) if type_ and type_.name.startswith("__") else ()


def _input_list_sizes(node: graphql.FieldNode, known: graphql.GraphQLField | None) -> _Length:
    """Return what sizes the lists right below a mutation: the longest list in its input, at least a default page."""
    given = next((argument.value for argument in node.arguments or () if argument.name.value == "input"), None)
    if isinstance(given, graphql.VariableNode):
        return (DEFAULT_PAGE_SIZE, given)
    if known is None or "input" not in known.args or not isinstance(given, graphql.ObjectValueNode):
        return ()
    fields_ = getattr(graphql.get_named_type(known.args["input"].type), "fields", {})
    lists = {name for name, field_ in fields_.items() if graphql.is_list_type(graphql.get_nullable_type(field_.type))}
    return (DEFAULT_PAGE_SIZE, *(_literal_value(part.value) for part in given.fields if part.name.value in lists))


def _arguments(node: graphql.FieldNode, *names: str) -> _Length:
    return tuple(_literal_value(argument.value) for argument in node.arguments or () if argument.name.value in names)


def _literal_value(node: graphql.ValueNode) -> object:
    """Return as much of a literal's value as tells a length; a variable, and any other literal, as it is."""
    if isinstance(node, graphql.NullValueNode):
        return None
    if isinstance(node, graphql.ListValueNode):
        return list(node.values)
    # int() refuses some thousand digits, and no valid size has more than the largest page.
    if isinstance(node, graphql.IntValueNode) and len(node.value) <= len(str(MAX_PAGE_SIZE)):
        return int(node.value)
    return node


def _spread_fragments(fragment: graphql.FragmentDefinitionNode) -> set[str]:
    names, waiting = set(), [fragment.selection_set]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, graphql.FragmentSpreadNode):
                names.add(node.name.value)
            elif isinstance(node, graphql.FieldNode | graphql.InlineFragmentNode) and node.selection_set:
                waiting.append(node.selection_set)
    return names


def parse_document(source: str, limits: Limits) -> graphql.DocumentNode:
    """Parse a document within its budget of characters, tokens and nesting.

    Raises:
        GraphQLError: coded `DOCUMENT_TOO_COMPLEX`, when it is larger.
        GraphQLSyntaxError: when it is no GraphQL.
    """
    if len(source) > limits.characters:
        raise _limit_error("characters", limits.characters, len(source))
    parser = _Parser(graphql.Source(source), max_tokens=limits.tokens)
    try:
        return parser.parse_document()
    except RecursionError:
        raise _limit_error("nesting", MAX_NESTING_DEPTH, MAX_NESTING_DEPTH + 1) from None
    except graphql.GraphQLSyntaxError as error:
        # The parser gives up at the first token too many, and says so in words only.
        for limit, allowed, words in (
            ("tokens", limits.tokens, f"Document contains more than {limits.tokens} tokens."),
            ("nesting", MAX_NESTING_DEPTH, "Document is nested too deeply."),
        ):
            if error.message == f"Syntax Error: {words} Parsing aborted.":
                raise _limit_error(limit, allowed, allowed + 1) from None
        raise
    finally:
        parser.release()


class _Parser(Parser):
    """A parser whose nodes know their places, and hold none of the tokens, which hold each other in a circle."""

    def loc(self, start_token: graphql.Token) -> graphql.Location | None:
        location = super().loc(start_token)
        if location is not None:
            location.start_token = location.end_token = NO_TOKEN
        return location

    def release(self) -> None:
        """Break the circles of the tokens, whose memory returns at once then."""
        token: graphql.Token | None = self._lexer.token
        while token is not None and token.next is not None:  # comments may have been read on ahead
            token = token.next
        while token is not None:
            previous, token.prev, token.next = token.prev, None, None
            token = previous


NO_TOKEN = graphql.Token(graphql.TokenKind.SOF, 0, 0, 0, 0)


def analyze(schema: graphql.GraphQLSchema, document: graphql.DocumentNode, operation_name: str | None) -> CostModel:
    """Read what the text says about the operation of this name, or about all operations when none has it.

    An unknown field costs one point and an unknown fragment nothing: validation, which comes after, answers them.

    Raises:
        GraphQLError: coded `DOCUMENT_TOO_COMPLEX`, when a fragment spreads itself.
    """
    definitions = document.definitions
    fragments = {f.name.value: f for f in definitions if isinstance(f, graphql.FragmentDefinitionNode)}
    every = [node for node in definitions if isinstance(node, graphql.OperationDefinitionNode)]
    operations = [node for node in every if node.name and node.name.value == operation_name] or every
    try:
        visitor = _CostVisitor(schema, fragments)
    except CycleError as error:
        raise graphql.GraphQLError(
            f"The fragment {error.args[1][0]} spreads itself, directly or through others.",
            extensions={"code": TOO_COMPLEX_CODE, "limit": "cycles", "allowed": 0, "found": 1},
        ) from None
    total = _SelectionCost()
    for node in operations:
        total.add(visitor.visit_operation(node))
    variables = [variable for node in operations for variable in node.variable_definitions or ()]
    defaults = {v.variable.name.value: _literal_value(v.default_value) for v in variables if v.default_value}
    return CostModel(document.token_count, total, tuple(visitor.steps), defaults)


def _limit_error(limit: str, allowed: int, found: int) -> graphql.GraphQLError:
    extensions = {"code": TOO_COMPLEX_CODE, "limit": limit, "allowed": allowed, "found": found}
    return graphql.GraphQLError(f"The document has more than {allowed} {_UNITS[limit]}.", extensions=extensions)
