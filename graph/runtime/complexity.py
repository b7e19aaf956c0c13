"""The document budget: how much one operation may ask for, decided before validation and execution.

A document of a few hundred bytes can stand for millions of fields, because fragments spread fragments. So
nothing here expands one: each fragment is measured once, bottom-up, and its figures are added wherever it is spread.
An empty selection set costs what one field does, since its object is read all the same. All but the cost follows from
the text alone, the cost from the text and the lengths of lists: `analyze` reads the text, once if the caller keeps the
result, and `CostModel.measure` fills in the variables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import graphql
from graphql.language.parser import MAX_NESTING_DEPTH, Parser

from graph.runtime.filter_cost import filter_argument
from graph.runtime.list_sizes import (
    STATISTICS,
    ListLength,
    argument_values,
    input_list_sizes,
    largest_size,
    literal_value,
    page_size_arguments,
    variables_of,
)

RawVariables = Mapping[str, object] | None

TOO_COMPLEX_CODE = "DOCUMENT_TOO_COMPLEX"
MAX_FIGURE = 1_000_000_000  # figures stop growing here; it fits a GraphQL Int and no sensible limit is higher
COUNT_COST = 10  # totalCount and statistics look at every row of a list, not at one page
WRITE_COST = 400  # a mutation's transaction, which waits for the disk
ROW_COST = 10  # each row that a mutation is given, with its entry in the audit log
MAX_KNOWN = 8  # figures for values of variables that are kept with a document
PLAIN_TYPES = frozenset({int, str, tuple, type(None), type(...)})  # an absent variable stands as `...`
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

    `characters` and `tokens` bound the work of the parser. `cost` estimates the fields of the answer: one point for a
    field, as often as the lists around it are long, ten more for a `totalCount` or for statistics, and one or ten for
    each operator of a filter; a mutation costs 400 points more, and ten for each row in its input. 100,000 points are
    about a second of one core where every field is resolved in Python: a page of 100 within a page of 100, with eight
    fields in each inner row, still fits, and a page of 100 within those two never does. GraphiQL's introspection costs
    nearly 30,000: a lower limit shuts it out.
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


# A cost is a sum of steps: the number of a step, to how often it counts. Step 0 is one point, and step 1 one for a
# field of the answer; the others are lists whose length waits for the variables. Spreading a fragment twice doubles
# figures and adds no terms.
_Cost = dict[int, int]
POINT, FIELD = 0, 1


class _Step(NamedTuple):
    """What a list of a length yet unknown costs `once`, and for `each` of its items."""

    length: ListLength
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
    size_variables: tuple[str, ...] = ()
    """The variables that lengths wait for."""
    known: dict[tuple[object, ...], tuple[int, int]] = field(default_factory=dict, compare=False)
    """What some of their values came to."""

    def measure(self, variables: RawVariables) -> QueryCost:
        """Return the figures for these variables, as the client sent them; absent ones take their defaults."""
        total = self.total
        return QueryCost(
            self.tokens, total.depth, total.aliases, total.directives, total.fields, cost=self.cost(variables)
        )

    def cost(self, variables: RawVariables) -> int:
        """Return the cost alone; see `measure`."""
        return self.cost_and_work(variables)[0]

    def cost_and_work(self, variables: RawVariables) -> tuple[int, int]:
        """Return the cost, and the part of it that is no field of the answer: what is done whatever that holds."""
        once = self.total.once
        if not self.steps:
            return min(MAX_FIGURE, once.get(POINT, 0) + once.get(FIELD, 0)), once.get(POINT, 0)
        sizes = tuple([_size_of(variables.get(name, ...)) for name in self.size_variables]) if variables else ()
        if not PLAIN_TYPES.issuperset(map(type, sizes)):
            return self._cost_and_work(variables)
        found = self.known.get(sizes)
        if found is None:
            found = self._cost_and_work(variables)
            if len(self.known) < MAX_KNOWN:
                self.known[sizes] = found
        return found

    def _cost_and_work(self, variables: RawVariables) -> tuple[int, int]:
        once, given = self.total.once, {**self.defaults, **(variables or {})}
        costs, work = [1, 1], [1, 0]
        for step in self.steps:
            size = largest_size(step.length, given)
            for values in (costs, work):
                values.append(min(MAX_FIGURE, _value(step.once, values) + size * _value(step.each, values)))
        return _value(once, costs), _value(once, work)


def _size_of(value: object) -> object:
    """Return what matters of the value of a variable: not what a text says, and of a flat object its keys alone."""
    if isinstance(value, str):
        return ""
    if isinstance(value, dict) and not any(isinstance(each, dict | list) for each in value.values()):
        return tuple(value)
    return value


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
        summary = _SelectionCost(once={} if node.selections else {POINT: 1})  # what is empty is read all the same
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
        aliases, once = int(node.alias is not None), {FIELD: 1}
        if name == "totalCount" or name.endswith(STATISTICS):
            once[POINT] = COUNT_COST
        if not node.selection_set:
            return _SelectionCost(1, aliases, 0, 1, once)
        known = self.schema.get_field(parent, name) if graphql.is_composite_type(parent) else None
        if known and parent is self.schema.mutation_type:
            _add_cost(once, self.total((1, *input_list_sizes(node, known)[1:]), {POINT: WRITE_COST}, {POINT: ROW_COST}))
        if (filtered := filter_argument(node, known)) is not None:
            _add_cost(once, self.total((filtered,), {}, {POINT: 1}))
        type_ = graphql.get_named_type(known.type) if known else None
        inner = self.visit_selections(node.selection_set, type_)
        depth = inner.depth + 1
        if name in {"__schema", "__type"} and depth <= INTROSPECTION_DEPTH:
            depth = 1
        summary = _SelectionCost(depth, inner.aliases + aliases, inner.directives, 1, once)
        length = page_size_arguments(node, type_) or input_list_sizes(node, known)
        cost, ids = self.total(length, inner.once, inner.each), argument_values(node, "ids")
        if not known or not graphql.is_list_type(graphql.get_nullable_type(known.type)):
            _add_cost(summary.once, cost)
        elif ids:
            _add_cost(summary.once, self.total(ids, {}, cost))
        else:
            summary.each = cost
        return summary

    def total(self, length: ListLength, once: _Cost, each: _Cost) -> _Cost:
        if each and variables_of(length):
            self.steps.append(_Step(length, once, each))
            return {FIELD + len(self.steps): 1}
        cost = dict(once)
        _add_cost(cost, each, times=largest_size(length, {}))
        return cost


def _value(cost: _Cost, values: Sequence[int]) -> int:
    points = 0
    for step, count in cost.items():
        points += count * values[step]
    return min(MAX_FIGURE, points)


def _add_cost(to: _Cost, cost: _Cost, times: int = 1) -> None:
    for step, count in cost.items():
        to[step] = min(MAX_FIGURE, to.get(step, 0) + count * times)


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
    defaults = {v.variable.name.value: literal_value(v.default_value) for v in variables if v.default_value}
    names = dict.fromkeys(name for step in visitor.steps for name in variables_of(step.length))
    return CostModel(document.token_count, total, tuple(visitor.steps), defaults, tuple(names))


def _limit_error(limit: str, allowed: int, found: int) -> graphql.GraphQLError:
    extensions = {"code": TOO_COMPLEX_CODE, "limit": limit, "allowed": allowed, "found": found}
    return graphql.GraphQLError(f"The document has more than {allowed} {_UNITS[limit]}.", extensions=extensions)
