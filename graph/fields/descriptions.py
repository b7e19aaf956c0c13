"""Descriptions from docstrings: what is written beside the code is what schema.graphql says."""

import ast
import inspect
from enum import EnumMeta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, dataclass_transform

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

__all__ = ["describe_attributes", "docstring_summary", "enum", "input_type", "interface", "object_type", "result_union"]

ClassType = TypeVar("ClassType", bound=type)
EnumType = TypeVar("EnumType", bound=EnumMeta)


def docstring_summary(thing: object) -> str | None:
    """A docstring without what is meant for Python readers: the sections on arguments and errors."""
    text = inspect.getdoc(thing)
    if text is None:
        return None
    for section in ("\nArgs:", "\nReturns:", "\nRaises:"):
        text = text.partition(section)[0]
    return text.strip()


def attribute_docstrings(cls: type) -> dict[str, str]:
    """The string literals that follow a class's attributes, by attribute."""
    body = _class_definitions(inspect.getsourcefile(cls) or "")[cls.__qualname__].body
    found = {}
    for statement, after in pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[statement.target.id] = inspect.cleandoc(after.value.value)
    return found


@cache
def _class_definitions(path: str) -> dict[str, ast.ClassDef]:
    """A module's classes. `inspect.getsource` would parse the whole module again for each of them."""
    module = ast.parse(Path(path).read_text(encoding="utf-8"))
    return {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def object_type(cls: ClassType) -> ClassType:
    """A GraphQL object type, described by the class's docstrings."""
    return strawberry.type(describe_attributes(cls), description=docstring_summary(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def input_type(cls: ClassType) -> ClassType:
    """A GraphQL input type, described by the class's docstrings."""
    return strawberry.input(describe_attributes(cls), description=docstring_summary(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def interface(cls: ClassType) -> ClassType:
    """A GraphQL interface, described by the class's docstrings."""
    return strawberry.interface(describe_attributes(cls), description=docstring_summary(cls))


def enum(cls: EnumType) -> EnumType:
    """A GraphQL enum, described by the class's docstring."""
    return strawberry.enum(cls, description=docstring_summary(cls))


def result_union(name: str) -> StrawberryUnion:
    """The union that a mutation answers, to annotate it with."""
    return strawberry.union(f"{name}Result", description="The thing itself, or why not.")


def describe_attributes(cls: ClassType) -> ClassType:
    """Give each attribute its docstring as description."""
    for name, text in attribute_docstrings(cls).items():
        value = cls.__dict__.get(name)
        if not isinstance(value, StrawberryField):
            value = strawberry.field(default=value) if name in cls.__dict__ else strawberry.field()
            setattr(cls, name, value)
        value.description = value.description or text
    return cls
