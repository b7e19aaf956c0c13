"""Descriptions from docstrings: what is written beside the code is what schema.graphql says.

Fields that every domain has in the same words need no docstring: see STANDARD_OBJECT_FIELDS, STANDARD_INPUT_FIELDS.
"""

import ast
import inspect
import re
from collections.abc import Collection, Iterable, Mapping
from enum import EnumMeta, StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, dataclass_transform, get_args, get_origin

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

__all__ = [
    "STANDARD_INPUT_FIELDS",
    "STANDARD_OBJECT_FIELDS",
    "computed_enum",
    "describe_attributes",
    "describe_node",
    "docstring_summary",
    "enum",
    "input_type",
    "interface",
    "object_type",
    "partial_enum",
    "result_union",
    "type_words",
]

MAYBE: Any = strawberry.Maybe
NEVER_NULL = "__never_null__"
"""Where an input type notes which of its fields may be left out, but never be null."""

ClassType = TypeVar("ClassType", bound=type)
EnumType = TypeVar("EnumType", bound=EnumMeta)

STANDARD_OBJECT_FIELDS: Mapping[str, str] = {
    "created_at": "Date and time the {noun} was created (UTC).",
    "updated_at": "Date and time the {noun} last changed (UTC).",
    "version": "Version of this object: 1 at first, one more with each change; send it as `expectedVersion` to detect "
    "concurrent changes.",
    "history": "Audit log entries about the {noun}, newest first; visible to all members who can see the {noun}.",
}
"""Descriptions of a node's fields that have no docstring, by attribute; `noun` is the type's name in a sentence."""

STANDARD_INPUT_FIELDS: Mapping[str, str] = {
    "id": "Global ID of the {noun} to {verb}.",
    "expected_version": "Version of the {noun} that the client last saw; if the {noun} has changed since, nothing is "
    "written and a VersionConflict is returned. Omit it to write without the check.",
    "idempotency_key": "Key chosen by the client, 1 to 255 characters, that makes `{mutation}` safe to retry: a "
    "repeated call with the same key and input creates nothing new and returns the {noun} created by the first call; "
    "the same key with other input returns an IdempotencyConflict. Null to create without this protection.",
}
"""Likewise for inputs. Of `UpdateTaskInput` the mutation is `updateTask`, the verb "update" and the noun "task"; where
the input has an `id`, the noun is the type that it is of."""


def docstring_summary(thing: object) -> str | None:
    """Return a docstring without its sections for Python readers: arguments, returns, errors."""
    text = inspect.getdoc(thing)
    if text is None:
        return None
    for section in ("\nArgs:", "\nReturns:", "\nRaises:"):
        text = text.partition(section)[0]
    return _join_lines(text)


def attribute_docstrings(cls: type) -> dict[str, str]:
    """Return the string literals that follow a class's attributes, by attribute."""
    body = _class_definitions(inspect.getsourcefile(cls) or "")[cls.__qualname__].body
    found = {}
    for statement, after in pairwise(body):
        name = _attribute_name(statement)
        if (
            name is not None
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[name] = _join_lines(after.value.value)
    return found


def _attribute_name(statement: ast.stmt) -> str | None:
    """Return the name that a statement of a class body gives to an attribute or to a member of an enum."""
    target: ast.expr | None = None
    if isinstance(statement, ast.AnnAssign):
        target = statement.target
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) else None


def _join_lines(text: str) -> str:
    """Return a docstring as one paragraph, however the source wraps it."""
    return " ".join(text.split())


@cache
def _class_definitions(path: str) -> dict[str, ast.ClassDef]:
    """Return a module's classes. `inspect.getsource` would parse the module again for each of them."""
    module = ast.parse(Path(path).read_text(encoding="utf-8"))
    return {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def object_type(cls: ClassType) -> ClassType:
    """Make a GraphQL object type, described by the class's docstrings."""
    return strawberry.type(describe_attributes(cls), description=docstring_summary(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def input_type(cls: ClassType) -> ClassType:
    """Make a GraphQL input type, described by the class's docstrings and by STANDARD_INPUT_FIELDS.

    Null for a `Maybe` that cannot be null is a refusal that its mutation answers as data, and one row of a bulk call
    alone: Strawberry would refuse the whole operation for it. So the type accepts null here and remembers the field.
    """
    maybes = {name: get_args(type_)[0] for name, type_ in cls.__annotations__.items() if get_origin(type_) is MAYBE}
    never_null = {name: type_ for name, type_ in maybes.items() if NoneType not in get_args(type_)}
    cls.__annotations__.update({name: MAYBE[type_ | None] for name, type_ in never_null.items()})
    standard = _filled(STANDARD_INPUT_FIELDS, _input_words(cls))
    made = strawberry.input(describe_attributes(cls, standard), description=docstring_summary(cls))
    setattr(made, NEVER_NULL, frozenset(never_null))
    return made


def _input_words(cls: type) -> dict[str, str]:
    """Return what an input is for: its mutation, the verb, and the noun."""
    mutation = cls.__name__.removesuffix("Input")
    verb, _, noun = type_words(mutation).partition(" ")
    target = getattr(cls.__dict__.get("id"), "metadata", {}).get("ref")
    noun = type_words(target) if isinstance(target, str) else noun
    return {"mutation": mutation[:1].lower() + mutation[1:], "verb": verb, "noun": noun}


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def interface(cls: ClassType) -> ClassType:
    """Make a GraphQL interface, described by the class's docstrings."""
    return strawberry.interface(describe_attributes(cls), description=docstring_summary(cls))


def enum(cls: EnumType, value_descriptions: Mapping[str, str] | None = None) -> EnumType:
    """Make a GraphQL enum, described by the class's docstrings, or its values by the given texts."""
    enum_type = strawberry.enum(cls, description=docstring_summary(cls))
    texts = attribute_docstrings(cls) if value_descriptions is None else value_descriptions
    for value in enum_type.__strawberry_definition__.values:  # type: ignore[attr-defined]  # Strawberry adds it
        value.description = texts.get(value.name)
    return enum_type


def partial_enum(of: type[StrEnum], *, without: Collection[StrEnum]) -> Any:
    """Make a GraphQL enum of the members of another, but for some; described by the docstrings of the other."""
    members = [(member.name, member.value) for member in of if member not in without]
    return computed_enum(of.__name__, members, of.__doc__ or "", attribute_docstrings(of))


def computed_enum(
    name: str, members: Iterable[tuple[str, str]], description: str, value_descriptions: Mapping[str, str]
) -> Any:
    """Make a GraphQL enum of members that follow from something else."""
    make: Any = StrEnum  # what mypy knows of is a literal list of members
    cls = make(name, list(members))
    cls.__doc__ = description
    return enum(cls, value_descriptions)


def result_union(name: str, description: str) -> StrawberryUnion:
    """Return the union that a mutation answers, to annotate its return type with."""
    return strawberry.union(f"{name}Result", description=description)


def describe_node(cls: ClassType) -> ClassType:
    """Give each attribute of a node's class its description: its docstring, or that of STANDARD_OBJECT_FIELDS."""
    return describe_attributes(cls, _filled(STANDARD_OBJECT_FIELDS, {"noun": type_words(cls.__name__)}))


def describe_attributes(cls: ClassType, standard: Mapping[str, str] | None = None) -> ClassType:
    """Give each attribute its docstring as description; without one, what is standard for its name."""
    own: dict[str, Any] = inspect.get_annotations(cls)
    defaults = {name: text for name, text in (standard or {}).items() if name in own}
    for name, text in (defaults | attribute_docstrings(cls)).items():
        value = cls.__dict__.get(name)
        if not isinstance(value, StrawberryField):
            value = strawberry.field(default=value) if name in cls.__dict__ else strawberry.field()
            setattr(cls, name, value)
        value.description = value.description or text
    return cls


def _filled(texts: Mapping[str, str], words: Mapping[str, str]) -> dict[str, str]:
    return {name: text.format(**words) for name, text in texts.items()}


def type_words(name: str) -> str:
    """Return a type's name as words: `order item` for OrderItem."""
    return re.sub("(?<!^)(?=[A-Z])", " ", name).lower()
