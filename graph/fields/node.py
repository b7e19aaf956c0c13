"""Anything by its id: `node` and `nodes`."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import get_object_definition

from graph.fields.as_of import AS_OF_RULES
from graph.fields.columns import GlobalId, column
from graph.fields.declared import (
    NODE_FIELDS,
    NODE_TYPES,
    DeclaredField,
    NotCompilable,
    TypeBinding,
    argument,
    require_filter_type,
)
from graph.fields.descriptions import describe_node, docstring_summary, interface, object_type
from graph.fields.scalars import decode_global_id, decode_past_id
from models.base import Model, row_class
from services.errors import InvalidInput
from services.queries.collection import Collection

__all__ = ["Node", "NodeField", "NodesField", "Queries", "backed_by"]

ClassType = TypeVar("ClassType", bound=type)

ID_DESCRIPTION = "Global ID of this object, unique across all types; opaque to clients."


@interface
class Node:
    """An object with a global ID, as the Relay specification defines it; `node` and `nodes` find it by the ID."""

    id: strawberry.ID = strawberry.field(description=ID_DESCRIPTION)


def backed_by(
    collection: Collection, *, is_node: bool = True, filter: type | None = None, order: type | None = None
) -> Callable[[ClassType], ClassType]:
    """Make a class the GraphQL type of a collection's rows.

    Its annotations become fields: those without a declaration are columns of the same name. Rows resolve directly;
    they are never copied into instances of the class.

    Args:
        collection: where the rows come from.
        is_node: whether it is a Relay node, which `node` finds by a global ID; it derives from `Node` then.
        filter: the input type by which lists of it are filtered, if they are.
        order: the input type by which lists of it are sorted, if there is a choice.
    """

    def decorate(cls: ClassType) -> ClassType:
        if issubclass(cls, Node) != is_node:
            raise TypeError(f"{cls.__name__} is to derive from Node, or to say is_node=False; one of the two.")
        require_filter_type(collection, filter)
        binding = TypeBinding(cls.__name__, collection, filter, order)
        annotations = inspect.get_annotations(cls)
        for attribute in annotations:
            if attribute not in cls.__dict__:
                setattr(cls, attribute, column())
        if is_node:
            cls.id = GlobalId(description=ID_DESCRIPTION)  # type: ignore[attr-defined]  # a declaration
            cls.__annotations__["id"] = strawberry.ID
            NODE_TYPES[binding.name] = binding
        cls.is_type_of = staticmethod(_row_check(collection.model))  # type: ignore[attr-defined]  # Strawberry's hook
        cls.__type_binding__ = binding  # type: ignore[attr-defined]  # where `binding_of` finds it
        type_: ClassType = strawberry.type(describe_node(cls), name=binding.name, description=docstring_summary(cls))
        fields = get_object_definition(type_, strict=True).fields
        for field in fields:
            if isinstance(field, DeclaredField):
                field.binding = binding
        if is_node:
            NODE_FIELDS[binding.name] = fields
        return type_

    return decorate


def _row_check(model: type[Model]) -> Callable[[Any, Any], bool]:
    classes = (model, row_class(model))
    return lambda value, _info: isinstance(value, classes)


MAX_NODE_IDS = 100


class NodeField(DeclaredField, compilable=True):
    """One thing of any type, by its id."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return its id."""
        return [argument("id", strawberry.ID, "Global ID of the object to read.", required=True)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with all the others that the operation asks for."""
        return _load_node(info.context, kwargs["id"])

    def parse_arguments(self, kwargs: dict[str, Any]) -> tuple[str, UUID]:
        """Return the type and the id of the row, which is read as it is now."""
        if decode_past_id(kwargs["id"]):
            raise NotCompilable
        return parse_global_id(kwargs["id"])


class NodesField(DeclaredField, compilable=True):
    """Many things of any types, by their ids."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return their ids."""
        return [
            argument(
                "ids", list[strawberry.ID], f"Global IDs of the objects to read, at most {MAX_NODE_IDS}.", required=True
            )
        ]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load them, one statement a type; each in the place of its id."""
        _check_number(kwargs["ids"])
        return asyncio.gather(*(_load_node(info.context, text) for text in kwargs["ids"]))

    def parse_arguments(self, kwargs: dict[str, Any]) -> list[tuple[str, UUID]]:
        """Return the types and the ids of the rows, which are read as they are now."""
        _check_number(kwargs["ids"])
        if any(map(decode_past_id, kwargs["ids"])):
            raise NotCompilable
        return [parse_global_id(text) for text in kwargs["ids"]]


def _check_number(ids: list[str]) -> None:
    if len(ids) > MAX_NODE_IDS:
        raise InvalidInput.of("ids", f"At most {MAX_NODE_IDS} ids can be asked for at once.")


def parse_global_id(text: str) -> tuple[str, UUID]:
    """Return the type and the row that an id names.

    Raises:
        InvalidInput: it is not an id, or names no type that has any.
    """
    type_name, row_id = decode_global_id(text)
    if type_name not in NODE_TYPES:
        raise InvalidInput.of("id", "This is not an id.")
    return type_name, row_id


async def _load_node(context: Any, text: str) -> Any:
    """Return what an id names, now or in the past; None where it names nothing, or is no id at all."""
    if past := decode_past_id(text):
        return await _load_past(context, *past)
    try:
        type_name, row_id = parse_global_id(text)
    except InvalidInput:
        return None
    return await context.loaders.one(NODE_TYPES[type_name].collection, "id", row_id)


async def _load_past(context: Any, type_name: str, row_id: UUID, since: datetime) -> Any:
    """Return what a row was since a moment; None unless it changed at that moment."""
    if type_name not in AS_OF_RULES:
        return None
    row = await AS_OF_RULES[type_name](await context.read(), context.actor, id=row_id, moment=since)
    return row if row is not None and row.updated_at == since else None


def node_field() -> Any:
    """Return one thing of any type."""
    return NodeField()


def nodes_field() -> Any:
    """Many things of any types."""
    return NodesField()


@object_type
class Queries:
    """Anything at the root."""

    node: Node | None = node_field()
    """Object of any type by its global ID; null if there is no such object, the viewer may not see it, or the text is
    no global ID."""
    nodes: list[Node | None] = nodes_field()
    """Objects of any types by their global IDs, in the order of the IDs; null in place of each object that does not
    exist or that the viewer may not see, and of each text that is no global ID."""
