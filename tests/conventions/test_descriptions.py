"""Every description of the schema can be read alone, in a tooltip, by somebody who does not know the code."""

import re
from collections import defaultdict
from collections.abc import Iterator

import graphql
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
)

from graph.schema import create_schema

SCHEMA = create_schema().graphql
MIN_LENGTH = 15  # characters; shorter ones were riddles
STANDARD_NAMES = {"Currency", "ArticleLanguage"}  # their values are described by the standard's name for them

# Said in the same words on purpose: by GraphQL name, whatever type has it.
SHARED_FIELDS = {
    *("id", "version", "message", "code", "edges", "nodes", "pageInfo", "totalCount", "node", "cursor"),
    *("first", "after", "last", "before", "filter", "orderBy"),
    "expectedVersion",  # of `updateTask` and `moveTask`, which check the same
    *("eq", "in", "not", "isNull", "gt", "gte", "lt", "lte", "contains", "startsWith", "currency"),
}
STUBS = (
    r"^The thing itself",
    r"^What (is|it|changes|became)\b",
    r"^Which (one|way|task|\w+)\.$",
    r"^(By what|When it|Who|How|Those)\b",
    r"^(It|He|She|They|This|That)\b",
)
"""How descriptions began that could not be understood without the name that they stood beside."""

IN_HOUSE_WORDS = r"\b(walls?|walled|seal(ed|er)?|door|keyring|newcomer|faults?|wish|asked for)\b"


def described(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Every schema coordinate, with its description."""
    for name, type_ in schema.type_map.items():
        if name.startswith("__") or graphql.is_specified_scalar_type(type_):
            continue
        yield name, type_.description
        if isinstance(type_, GraphQLEnumType):
            yield from ((f"{name}.{value}", definition.description) for value, definition in type_.values.items())
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field, definition in type_.fields.items():
                yield f"{name}.{field}", definition.description
                for argument, detail in getattr(definition, "args", {}).items():
                    yield f"{name}.{field}({argument}:)", detail.description


DESCRIPTIONS = dict(described(SCHEMA))


def is_standard_name(coordinate: str) -> bool:
    return coordinate.partition(".")[0] in STANDARD_NAMES and "." in coordinate


def faults(coordinate: str, text: str | None) -> list[str]:
    """What is wrong with one description; empty if nothing is."""
    if not text:
        return ["there is none: write a docstring beside it that says what it holds, its unit, null and limits"]
    if is_standard_name(coordinate):
        return []
    found = [f"begins with a riddle: name the subject ({pattern})" for pattern in STUBS if re.search(pattern, text)]
    if len(text) < MIN_LENGTH:
        found.append(f"has fewer than {MIN_LENGTH} characters")
    if "\n" in text:
        found.append("is more than one paragraph: give `docstring_summary` of what it describes")
    if word := re.search(IN_HOUSE_WORDS, text, re.IGNORECASE):
        found.append(f"has an in-house word: {word[0]!r}")
    return found


def test_every_description_is_understood_alone() -> None:
    found = {coordinate: wrong for coordinate, text in DESCRIPTIONS.items() if (wrong := faults(coordinate, text))}
    assert found == {}, f"Write the docstring beside each of these anew, since it is the description: {found}"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "Which task.",
        "By what.",
        "The thing itself, or why not.",
        "Its walls stand high.",
        "Tasks.\n\n    Live.",
    ],
)
def test_a_riddle_is_seen(text: str | None) -> None:
    assert faults("Task.title", text) != []


def test_a_standard_field_needs_no_docstring_and_may_have_its_own() -> None:
    standard = DESCRIPTIONS["DeleteTaskInput.id"], DESCRIPTIONS["UpdateTaskInput.expectedVersion"]
    assert standard[0] == "Global ID of the task to delete."
    assert str(standard[1]).startswith("Version of the task that the client last saw;")
    assert "`createTask` safe to retry" in str(DESCRIPTIONS["CreateTaskInput.idempotencyKey"])
    assert (
        DESCRIPTIONS["Order.updatedAt"]
        != DESCRIPTIONS["Task.updatedAt"]
        == "Date and time the task last changed (UTC)."
    )
    assert (
        DESCRIPTIONS["DeleteTaskResult"]
        == "Result of `deleteTask`: the deleted task as it was before, or a typed error."
    )


def inherited(coordinate: str) -> str:
    """The interface or the input's base class that declares a field, if there is one: its types may share its words."""
    type_name, _, field = coordinate.partition(".")
    type_ = SCHEMA.type_map.get(type_name)
    interfaces = type_.interfaces if isinstance(type_, GraphQLObjectType) else ()
    found = [each.name for each in interfaces if field.partition("(")[0] in each.fields]
    if isinstance(type_, GraphQLInputObjectType):
        bases = type_.extensions["strawberry-definition"].origin.__mro__
        found = [
            each.__name__ for each in reversed(bases) if _python_name(field) in vars(each).get("__annotations__", {})
        ]
    return f"{found[0]}.{field}" if found else coordinate


def _python_name(name: str) -> str:
    return re.sub("([A-Z])", lambda letter: f"_{letter[0].lower()}", name)


def short_name(coordinate: str) -> str:
    return re.split(r"[.(]", coordinate.rstrip(":)"))[-1]


def shared_texts(descriptions: dict[str, str | None]) -> dict[str, list[str]]:
    """The descriptions that different things share, without being on the list."""
    places: dict[str, set[str]] = defaultdict(set)
    for coordinate, text in descriptions.items():
        if text and short_name(coordinate) not in SHARED_FIELDS and not is_standard_name(coordinate):
            places[text].add(inherited(coordinate))
    return {text: sorted(where) for text, where in places.items() if len(where) > 1}


def test_no_description_serves_two_things() -> None:
    found = shared_texts(DESCRIPTIONS)
    assert found == {}, f"Write docstrings that describe each of these by what it alone holds: {found}"


def test_a_copy_is_seen() -> None:
    assert shared_texts({"Task.title": "Text of it.", "Order.total": "Text of it."}) != {}
    assert shared_texts({"Task.id": "Global ID.", "Order.id": "Global ID."}) == {}


def test_unions_name_their_mutation() -> None:
    assert SCHEMA.mutation_type is not None
    nameless = [
        name
        for name, type_ in SCHEMA.type_map.items()
        if isinstance(type_, GraphQLUnionType)
        and f"{name[0].lower()}{name[1:].removesuffix('Result')}" in SCHEMA.mutation_type.fields
        and f"`{name[0].lower()}{name[1:].removesuffix('Result')}`" not in (type_.description or "")
    ]
    assert nameless == [], f"Describe {nameless} as 'Result of `createTask`: …', as @mutation(…, result=…) does."


def test_scalars_name_their_specification() -> None:
    ours = [type_ for type_ in SCHEMA.type_map.values() if isinstance(type_, graphql.GraphQLScalarType)]
    ours = [type_ for type_ in ours if not graphql.is_specified_scalar_type(type_)]
    unspecified = [type_.name for type_ in ours if type_.specified_by_url is None]
    assert unspecified == [], f"Write `specified_by_url` beside {unspecified} in graph/fields/scalars.py."


def halves(text: str) -> tuple[str, str]:
    words = text.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])


def test_no_description_says_everything_twice() -> None:
    twice = [coordinate for coordinate, text in DESCRIPTIONS.items() if text and len(set(halves(text))) == 1]
    assert twice == [], f"Write the docstrings of {twice} once, not twice over."
