"""Descriptions from docstrings: what is written beside the code is what schema.graphql says."""

import ast
import inspect
from collections.abc import Mapping
from enum import EnumMeta
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, dataclass_transform, get_args, get_origin

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

__all__ = ["describe_attributes", "docstring_summary", "enum", "input_type", "interface", "object_type", "result_union"]

MAYBE: Any = strawberry.Maybe
NEVER_NULL = "__never_null__"
"""Where an input type notes which of its fields may be left out, but never be null."""

ClassType = TypeVar("ClassType", bound=type)
EnumType = TypeVar("EnumType", bound=EnumMeta)


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
    """Make a GraphQL input type, described by the class's docstrings.

    Null for a `Maybe` that cannot be null is a refusal that its mutation answers as data, and one row of a bulk call
    alone: Strawberry would refuse the whole operation for it. So the type accepts null here and remembers the field.
    """
    maybes = {name: get_args(type_)[0] for name, type_ in cls.__annotations__.items() if get_origin(type_) is MAYBE}
    never_null = {name: type_ for name, type_ in maybes.items() if NoneType not in get_args(type_)}
    cls.__annotations__.update({name: MAYBE[type_ | None] for name, type_ in never_null.items()})
    made = strawberry.input(describe_attributes(cls), description=docstring_summary(cls))
    setattr(made, NEVER_NULL, frozenset(never_null))
    return made


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


def result_union(name: str, description: str) -> StrawberryUnion:
    """Return the union that a mutation answers, to annotate its return type with."""
    return strawberry.union(f"{name}Result", description=description)


def describe_attributes(cls: ClassType) -> ClassType:
    """Give each attribute its docstring as description."""
    for name, text in attribute_docstrings(cls).items():
        value = cls.__dict__.get(name)
        if not isinstance(value, StrawberryField):
            value = strawberry.field(default=value) if name in cls.__dict__ else strawberry.field()
            setattr(cls, name, value)
        value.description = value.description or text
    return cls
