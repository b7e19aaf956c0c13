"""The document budget counts without expanding: its figures equal those of an expansion, for any document."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    is_composite_type,
    print_ast,
)
from graphql import parse as parse_unbounded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.runtime import complexity
from graph.runtime.complexity import MAX_FIGURE, QueryCost
from tests.support.complexity_cases import SCHEMA


@dataclass
class Expansion:
    """The figures found by walking down from the root into every spread anew; weights go downwards."""

    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, object]
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    cost: int = 0

    def walk(self, node: SelectionSetNode, parent: str, weight: int, page: int, depth: int) -> None:
        for selection in node.selections:
            self.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                self.enter(selection, parent, weight, page, depth + 1)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self.fragments[selection.name.value]
                self.directives += len(fragment.directives or ())
                self.walk(fragment.selection_set, fragment.type_condition.name.value, weight, page, depth)
            elif isinstance(selection, InlineFragmentNode):
                on = selection.type_condition.name.value if selection.type_condition else parent
                self.walk(selection.selection_set, on, weight, page, depth)

    def enter(self, node: FieldNode, parent: str, weight: int, page: int, depth: int) -> None:
        name = node.name.value
        self.depth = max(self.depth, depth)
        self.aliases += node.alias is not None
        self.root_fields += depth == 1
        self.cost += weight * (11 if name == "totalCount" else 1)
        if node.selection_set is None:
            return
        parent_type = SCHEMA.get_type(parent)
        assert is_composite_type(parent_type)
        definition = SCHEMA.get_field(parent_type, name)
        assert definition is not None
        printed = str(definition.type)
        type_name = printed.strip("[]!")
        argument = print_ast(node.arguments[0].value) if node.arguments else None
        if name == "nodes" and parent == "Query":
            weight *= str(argument).count("x")
        elif printed.startswith("["):
            weight *= page
        page = 20
        if type_name.endswith("Connection") and argument:
            page = int(argument) if argument.isdigit() else int(str(self.variables.get(argument[1:]) or 20))
        self.walk(node.selection_set, type_name, weight, page, depth)


LEAVES = {
    "Query": ["__typename"],
    "Node": ["id"],
    "Page": ["__typename"],
    "User": ["id", "name", "tags"],
    "Mark": ["text"],
    "Currency": ["code"],
    "Order": ["id", "total"],
    "UserConnection": ["totalCount"],
    "UserEdge": ["cursor"],
    "OrderConnection": ["totalCount"],
    "OrderEdge": ["cursor"],
}
BRANCHES = {
    "Query": [("viewer", "User"), ("users", "UserConnection"), ("currencies", "Currency"), ("nodes", "Node")],
    "Page": [("nodes", "User")],
    "User": [("boss", "User"), ("marks", "Mark"), ("orders", "OrderConnection")],
    "Order": [("customer", "User")],
    "UserConnection": [("nodes", "User"), ("edges", "UserEdge")],
    "UserEdge": [("node", "User")],
    "OrderConnection": [("edges", "OrderEdge")],
    "OrderEdge": [("node", "Order")],
}
FRAGMENTS = 4


@st.composite
def selections(draw: st.DrawFn, parent: str, levels: int, first_fragment: int) -> str:
    """Write a selection set on a type, which spreads fragments from the given one on, so none in a circle."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        directive = draw(st.sampled_from(["", "", " @include(if: true)"]))
        alias = draw(st.sampled_from(["", "", "other: "]))
        kind = draw(st.sampled_from(["leaf", "branch", "branch", "spread", "inline"]))
        if kind == "spread" and first_fragment < FRAGMENTS:
            parts.append(f"...F{draw(st.integers(first_fragment, FRAGMENTS - 1))}{directive}")
        elif kind == "inline" and levels:
            on = draw(st.sampled_from(["", *LEAVES]))
            inner = draw(selections(on or parent, levels - 1, first_fragment))
            parts.append(f"...{' on ' if on else ''}{on}{directive} {inner}")
        elif kind == "branch" and levels and parent in BRANCHES:
            name, type_name = draw(st.sampled_from(BRANCHES[parent]))
            arguments = ""
            if type_name.endswith("Connection"):
                arguments = draw(st.sampled_from(["", "(first: 3)", "(last: 5)", "(first: $n)", "(last: $m)"]))
            elif name == "nodes" and parent == "Query":
                arguments = draw(st.sampled_from(["(ids: [])", '(ids: ["x"])', '(ids: ["x", "x"])']))
            inner = draw(selections(type_name, levels - 1, first_fragment))
            parts.append(f"{alias}{name}{arguments}{directive} {inner}")
        else:
            parts.append(f"{alias}{draw(st.sampled_from(LEAVES[parent]))}{directive}")
    return f"{{ {' '.join(parts)} }}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Write a document of one operation and some fragments, with variables for page sizes."""
    texts = [f"query($n: Int, $m: Int) {draw(selections('Query', 4, 0))}"]
    for number in range(FRAGMENTS):
        on = draw(st.sampled_from(list(LEAVES)))
        directive = draw(st.sampled_from(["", " @a"]))
        texts.append(f"fragment F{number} on {on}{directive} {draw(selections(on, 2, number + 1))}")
    return " ".join(draw(st.permutations(texts)))


@settings(database=None, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(documents(), st.dictionaries(st.sampled_from("nm"), st.one_of(st.none(), st.integers(1, 100))))
def test_measure_equals_the_expansion(text: str, variables: dict[str, int | None]) -> None:
    document = parse_unbounded(text)
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    expansion = Expansion(fragments, variables)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            expansion.walk(node.selection_set, "Query", weight=1, page=20, depth=0)
    assert complexity.analyze(SCHEMA, document, None).measure(variables) == QueryCost(
        tokens=document.token_count,
        depth=expansion.depth,
        aliases=expansion.aliases,
        directives=expansion.directives,
        root_fields=expansion.root_fields,
        cost=min(MAX_FIGURE, expansion.cost),
    )
