"""The document budget: hostile documents are refused cheaply, and honest ones pass."""

from dataclasses import replace

import pytest
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    get_introspection_query,
    validate,
)
from graphql import parse as parse_unbounded

from graph.runtime import complexity
from graph.runtime.complexity import MAX_FIGURE, Limits, QueryCost
from tests.support.assertions import bounded_cpu
from tests.support.complexity_cases import LIMITS, SCHEMA, UNBOUNDED, measure_cost


def cost(text: str, **variables: object) -> int:
    return measure_cost(text, variables).cost


def answer(text: str, bounds: Limits = LIMITS) -> dict[str, object] | None:
    """Give the extensions of the refusal that a text meets on its whole way, and bound the CPU it takes."""
    with bounded_cpu():
        try:
            error = (
                complexity.analyze(SCHEMA, complexity.parse_document(text, bounds), None)
                .measure(None)
                .limit_error(bounds)
            )
        except GraphQLError as early:
            error = early
    if error is None:
        return None
    assert error.message.startswith("The ")
    assert error.message.endswith((".", "variables.", "lists."))
    assert "\n" not in error.message
    return dict(error.extensions or {})


def refused(limit: str, allowed: int, found: int) -> dict[str, object]:
    return {"code": "DOCUMENT_TOO_COMPLEX", "limit": limit, "allowed": allowed, "found": found}


def chain(length: int, *, body: str, last: str = "{ id }") -> str:
    """Build a document whose expansion doubles with every fragment; NEXT stands for the next spread."""
    links = (f"fragment F{i} on User {body.replace('NEXT', f'...F{i + 1}')} " for i in range(length))
    return f"{{ viewer {{ ...F0 }} }} {''.join(links)} fragment F{length} on User {last}"


# Hostile documents.


def test_chain_of_spreads_is_counted_not_expanded() -> None:
    text = chain(20, body="{ NEXT NEXT }", last="{ other: id @include(if: true) }")
    assert measure_cost(text) == QueryCost(
        tokens=parse_unbounded(text).token_count,
        depth=2,
        aliases=2**20,
        directives=2**20,
        root_fields=1,
        cost=1 + 2**20,
    )
    assert answer(text) == refused("aliases", 50, 2**20)
    assert answer(chain(20, body="{ NEXT NEXT }")) == refused("cost", 100_000, 1 + 2**20)


def test_nested_chain_is_counted_not_expanded() -> None:
    found = measure_cost(chain(20, body="{ boss { NEXT } boss { NEXT } }"))
    assert (found.depth, found.cost) == (22, 1 + (2**21 - 2) + 2**20)


def test_figures_stop_at_the_ceiling() -> None:
    text = chain(90, body="{ a: boss @skip(if: false) { NEXT } a: boss { NEXT } }")
    found = measure_cost(
        "{ ...R ...R } fragment R on Query { ...Q ...Q } " + text.replace("{ viewer", "fragment Q on Query { viewer", 1)
    )
    assert (found.aliases, found.directives, found.cost) == (MAX_FIGURE, MAX_FIGURE, MAX_FIGURE)
    assert (found.root_fields, found.depth) == (4, 92)
    outline = complexity.analyze(SCHEMA, parse_unbounded(text), None)
    assert set(outline.total.once.values()) == {MAX_FIGURE}


def test_variable_page_under_a_chain_keeps_its_terms_few() -> None:
    links = "".join(f"fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }} " for i in range(100))
    last = "fragment F100 on User { orders(first: $n) { edges { cursor } } }"
    document = complexity.parse_document(f"query($n: Int) {{ viewer {{ ...F0 }} }} {links} {last}", LIMITS)
    with bounded_cpu():
        assert complexity.analyze(SCHEMA, document, None).measure({"n": 3}).cost == MAX_FIGURE


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { ...A } } fragment A on User { ...A }",
        "{ viewer { ...A } } fragment A on User { boss { ...B } } fragment B on User { id ...A }",
        "{ viewer { id } } fragment A on User { ...B } fragment B on User { boss { boss { ...A } } }",
    ],
)
def test_fragment_cycle(text: str) -> None:
    assert answer(text) == refused("cycles", 0, 1)
    with pytest.raises(GraphQLError, match="spreads itself"):
        measure_cost(text)


def test_long_cycle_does_not_exhaust_the_stack() -> None:
    links = "".join(f"fragment F{i} on User {{ ...F{(i + 1) % 400} }} " for i in range(400))
    assert answer(f"{{ viewer {{ ...F0 }} }} {links}") == refused("cycles", 0, 1)


def test_long_chain_does_not_exhaust_the_stack() -> None:
    assert answer(chain(400, body="{ boss { NEXT } }"), UNBOUNDED) is None
    assert measure_cost(chain(400, body="{ boss { NEXT } }")).depth == 402


def test_an_empty_selection_set_costs_what_a_field_does() -> None:
    for text in ("{ viewer {} }", "{ users(first: 7) { nodes {} } }", "{ ...F ...F } fragment F on Query {}"):
        assert cost(text) == cost(text.replace("{}", "{ __typename }")), text
    assert cost("{}") == 1
    page = "orders(first: 100) { edges { node { customer { orders(first: 100) { edges {} } } } } }"
    assert answer(f"{{ users(first: 100) {{ nodes {{ {page} }} }} }}")
    assert cost(f"{{ {'... {} ' * 50} }}") == 50
    assert answer(f"{{ {'... @include(if: true) {} ' * 51} }}") == refused("directives", 50, 51)


def test_descriptions_are_counted_as_characters_and_tokens_alone() -> None:
    plain = "query Q($n: Int) { users(first: $n) { nodes { ...F } } } fragment F on User {}"
    text = plain.replace("query", '"a" query').replace("$n: Int", '"b" $n: Int').replace("fragment", '"c" fragment')
    found = measure_cost(text, {"n": 3})
    assert found == replace(measure_cost(plain, {"n": 3}), tokens=found.tokens)
    assert found.tokens == measure_cost(plain).tokens + 3
    length = LIMITS.characters + 1
    assert answer('"words" query Q { viewer { id } }'.ljust(length)) == refused("characters", LIMITS.characters, length)


def test_aliases() -> None:
    text = f"{{ viewer {{ {' '.join(f'a{i}: id' for i in range(1000))} }} }}"
    assert answer(text) == refused("aliases", 50, 1000)
    assert answer(text, replace(LIMITS, aliases=1000)) is None
    assert answer(text, replace(LIMITS, aliases=999)) == refused("aliases", 999, 1000)


def test_directives_are_counted_wherever_they_stand() -> None:
    text = """
      query($v: Int @a) @a { viewer @a { ...F @a ... @a { id @a } } }
      fragment F on User @a { id @a @a }
    """
    assert measure_cost(text).directives == 9


def test_directives() -> None:
    text = f"{{ viewer {{ id {'@a' * 5000} }} }}"
    assert answer(text) == refused("tokens", 4000, 4001)
    assert answer(text, replace(LIMITS, tokens=20_000)) == refused("directives", 50, 5000)


def test_root_fields_are_counted_through_fragments() -> None:
    assert answer(f"{{ {'viewer { id } ' * 51} }}") == refused("root_fields", 50, 51)
    assert answer(f"{{ {'viewer { id } ' * 50} }}") is None
    text = "{ ...A ...A ... on Query { ...A } } fragment A on Query { viewer { id } a: viewer { id } }"
    assert measure_cost(text).root_fields == 6
    assert measure_cost("mutation { rename(id: 1) { id } r: rename(id: 2) { id } }").root_fields == 2


def test_depth() -> None:
    def nested(levels: int) -> str:
        return "{ viewer " + "{ boss " * (levels - 2) + "{ id }" + " }" * (levels - 1)

    assert measure_cost(nested(15)).depth == 15
    assert answer(nested(15)) is None
    assert answer(nested(16)) == refused("depth", 15, 16)
    assert answer(nested(200)) == refused("depth", 15, 200)  # the deepest that the parser lets through


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer " + "{ boss " * 3000 + "{ id }" + " }" * 3001,
        "{" + "a{" * 10_000 + "}" * 10_001,
        "{ users(filter: " + "[" * 5000 + "]" * 5000 + ") { totalCount } }",
        "{ users(filter: " + "{a: " * 5000 + "1" + "}" * 5000 + ") { totalCount } }",
        "query($v: Int = " + "[" * 5000 + "]" * 5000 + ") { viewer { id } }",
        "query($v: " + "[" * 5000 + "Int" + "]" * 5000 + ") { viewer { id } }",
    ],
)
def test_nesting_is_refused_by_tokens_or_by_the_parser(text: str) -> None:
    assert answer(text) in (refused("nesting", 200, 201), refused("tokens", 4000, 4001))
    assert answer(text, replace(LIMITS, tokens=MAX_FIGURE)) == refused("nesting", 200, 201)


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { id } " + " " * 200_000 + "}",
        '{ viewer { id(a: "' + "\\n" * 120_000 + '") } }',
        '{ viewer { id(a: """' + "\n" * 200_000 + '""") } }',
        "#" + "x" * 250_000 + "\n{ viewer { id } }",
        "{ " + "x" * 250_000 + " }",
    ],
)
def test_long_text_is_refused_unread(text: str) -> None:
    assert answer(text) == refused("characters", 65_536, len(text))


@pytest.mark.parametrize("token", ["id ", "# comment\n", "...F ", "...{id} ", "id @a "])
def test_tokens(token: str) -> None:
    assert answer(f"{{ viewer {{ {token * 4500} }} }}") == refused("tokens", 4000, 4001)


def test_tokens_are_checked_again_for_a_document_parsed_elsewhere() -> None:
    document = parse_unbounded(f"{{ viewer {{ {'id ' * 4000} }} }}")
    error = complexity.analyze(SCHEMA, document, None).measure(None).limit_error(LIMITS)
    assert error is not None
    assert error.extensions == refused("tokens", 4000, 4005)


def test_other_syntax_errors_stay_what_they_are() -> None:
    text = '{ viewer "Document contains more than 4000 tokens. Parsing aborted." }'
    with pytest.raises(GraphQLSyntaxError, match="found String"):
        complexity.parse_document(text, LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { " + "id " * 3990 + "} }",
        "{ viewer { " + "...F " * 1990 + "} } fragment F on User { id }",
        "{ viewer { " + "...{id} " * 990 + "} }",
        "{ viewer { " + "boss{id} " * 990 + "} }",
        '{ viewer { id(a: "' + "\\n" * 32_000 + '") } }',
        "query($n: Int) { viewer { " + "orders(first:$n){edges{cursor}} " * 300 + "} }",
        "query($n: Int) { viewer { ...F0 } } "
        + "".join(f"fragment F{i} on User {{ ...F{i + 1} orders(first:$n){{edges{{cursor}}}} }} " for i in range(180))
        + "fragment F180 on User { id }",
    ],
)
def test_largest_documents_within_the_text_limits_are_cheap(text: str) -> None:
    answer(text)


# Honest documents.


@pytest.mark.parametrize(
    "text",
    [
        "{ __typename }",
        "{ users(first: 50) { edges { node { orders(first: 5) { totalCount edges { node { id total } } } } } } }",
        "{ users(first: 100) { totalCount edges { node { id tags boss { id name boss { id name } } } } } }",
        "{ users(first: 100) { edges { node { orders(first: 100) { edges { cursor node { id total } } } } } } }",
        "{ " + " ".join(f"u{i}: users {{ edges {{ node {{ id name boss {{ id }} }} }} }}" for i in range(20)) + " }",
    ],
)
def test_honest_documents_pass(text: str) -> None:
    assert validate(SCHEMA, parse_unbounded(text)) == []
    assert answer(text) is None


@pytest.mark.parametrize("options", [{}, {"input_value_deprecation": True, "schema_description": True, "one_of": True}])
def test_introspection_passes(options: dict[str, bool]) -> None:
    text = get_introspection_query(**options)
    assert answer(text) is None
    found = measure_cost(text)
    assert found.depth == 1
    assert found.cost < 30_000


def test_introspection_has_no_free_pass() -> None:
    deep = "{ __schema { types " + "{ ofType " * 16 + "{ name }" + " }" * 18
    assert answer(deep) == refused("depth", 15, 19)
    circle = "{ fields { type " * 6 + "{ name }" + " } }" * 6
    circle = f"{{ __schema {{ types {{ ...A }} }} }} fragment A on __Type {circle}"
    assert answer(circle) == refused("cost", 100_000, measure_cost(circle).cost)
    text = get_introspection_query()
    many = text.replace(
        "__schema {", "...S ...S ...S ...S ...S ...S ...S ...S ...S ...S } fragment S on Query { __schema {", 1
    )
    assert answer(many) == refused("cost", 100_000, 10 * measure_cost(text).cost)


def test_three_pages_of_a_hundred_are_refused() -> None:
    inner = "orders(first: 100) { edges { node { customer { orders(first: 100) { edges { cursor } } } } } }"
    found = answer(f"{{ users(first: 100) {{ edges {{ node {{ {inner} }} }} }} }}")
    assert found is not None
    assert (found["limit"], found["allowed"]) == ("cost", 100_000)


def test_two_pages_of_a_hundred_pass_with_eight_fields_in_a_row() -> None:
    def nested(fields: int) -> str:
        row = f"edges {{ node {{ {'id ' * fields} }} }}"
        return f"{{ users(first: 100) {{ edges {{ node {{ orders(first: 100) {{ {row} }} }} }} }} }}"

    assert answer(nested(8)) is None
    assert answer(nested(9)) == refused("cost", 100_000, 100_302)


# Cost.


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ("", 20),
        ("(first: 7)", 7),
        ("(last: 100)", 100),
        ("(first: 3, last: 9)", 9),
        ("(first: null)", 20),
        ("(first: null, last: 4)", 4),
        ("(first: 0)", 0),
        ("(first: -1)", 100),
        ("(first: 101)", 100),
        ("(first: 2.0)", 100),
        ('(first: "2")', 100),
        ("(first: " + "1" * 10_000 + ")", 100),
    ],
)
def test_literal_page_sizes(arguments: str, size: int) -> None:
    assert cost(f"{{ users{arguments} {{ edges {{ cursor }} }} }}") == 2 + size


@pytest.mark.parametrize(
    ("default", "variables", "size"),
    [
        ("", {}, 20),
        ("", {"n": 5}, 5),
        ("", {"n": None}, 20),
        ("= 6", {}, 6),
        ("= 6", {"n": 5}, 5),
        ("= 6", {"n": None}, 20),
        ("= 600", {}, 100),
        ("", {"n": -5}, 100),
        ("", {"n": 10**400}, 100),
        ("", {"n": True}, 100),
        ("", {"n": "5"}, 100),
        ("", {"n": {}}, 20),  # an input without lists; for an Int it is refused later
        ("", {"other": 5}, 20),
    ],
)
def test_page_sizes_by_variable(default: str, variables: dict[str, object], size: int) -> None:
    assert cost(f"query($n: Int {default}) {{ users(first: $n) {{ edges {{ cursor }} }} }}", **variables) == 2 + size


def test_page_size_reaches_lists_inside_fragments() -> None:
    text = """
      query($n: Int, $m: Int) { users(first: $n) { ...C ... on Page { nodes { id } } } }
      fragment C on UserConnection { totalCount edges { ...E } }
      fragment E on UserEdge { node { orders(first: $m) { edges { cursor } } } }
    """
    assert cost(text, n=7, m=9) == 1 + 1 + 7 + 11 + 1 + 7 * (1 + 1 + 1 + 9)
    by_interface = "{ users(first: 90) { ...P } } fragment P on Page { nodes { id } }"
    assert cost(by_interface) == 1 + 1 + 90


@pytest.mark.parametrize(
    ("text", "variables", "size"),
    [
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', {}, 3),
        ("{ nodes(ids: []) { id } }", {}, 0),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["a"] * 400}, 400),
        ('query($i: [ID!]! = ["a", "b"]) { nodes(ids: $i) { id } }', {}, 2),
        ("query($i: ID!) { nodes(ids: [$i, $i]) { id } }", {"i": "a"}, 2),
    ],
)
def test_ids_size_their_list(text: str, variables: dict[str, object], size: int) -> None:
    assert cost(text, **variables) == 1 + size


def test_lists_that_nothing_sizes_count_as_a_default_page() -> None:
    assert cost("{ currencies { code } }") == 1 + 20
    assert cost("{ viewer { tags marks { text } } }") == 1 + 1 + 1 + 20


def test_unknown_names_cost_one_point_and_are_left_to_validation() -> None:
    assert cost("{ nothing { at { all } } viewer { ...None } ... on Nobody { id } }") == 3 + 1 + 1
    assert cost("{ viewer { ...F } } fragment F on User { id ...None }") == 2
    assert cost("subscription { a { b } }") == 2


# Which operation, and keeping an outline.


def test_only_the_named_operation_is_measured() -> None:
    text = "query A { viewer { id } } query B { a: viewer { id } b: viewer { id } }"
    assert measure_cost(text, name="A").aliases == 0
    assert measure_cost(text, name="B").aliases == 2
    # None of them can run, unless someone reads the name otherwise: then it was measured all the same.
    assert measure_cost(text).root_fields == measure_cost(text, name="C").root_fields == 3
    assert measure_cost("{ a: viewer { id } }", name="").aliases == 1
    assert measure_cost("fragment F on User { id }") == QueryCost(7, 0, 0, 0, 0, 0)
