"""Anything by its id: `node` and `nodes`."""

import asyncio
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types.arguments import StrawberryArgument

from graph.fields.declared import NODE_TYPES, DeclaredField, Node, argument
from graph.fields.descriptions import object_type
from graph.fields.scalars import decode_global_id
from services.errors import InvalidInput

__all__ = ["NodeField", "NodesField", "Queries"]

MAX_NODE_IDS = 100


class NodeField(DeclaredField):
    """One thing of any type, by its id."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Its id."""
        return [argument("id", strawberry.ID, "The id of anything.", required=True)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with all the others that the operation asks for."""
        return _load_node(info, *self.parse_arguments(kwargs))

    def parse_arguments(self, kwargs: dict[str, Any]) -> tuple[str, UUID]:
        """The type and the id of the row."""
        return parse_global_id(kwargs["id"])


class NodesField(DeclaredField):
    """Many things of any types, by their ids."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Their ids."""
        return [argument("ids", list[strawberry.ID], f"The ids of anything, {MAX_NODE_IDS} at most.", required=True)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load them, one statement a type; each in the place of its id."""
        return asyncio.gather(*(_load_node(info, *each) for each in self.parse_arguments(kwargs)))

    def parse_arguments(self, kwargs: dict[str, Any]) -> list[tuple[str, UUID]]:
        """The types and the ids of the rows."""
        if len(kwargs["ids"]) > MAX_NODE_IDS:
            raise InvalidInput.of("ids", f"At most {MAX_NODE_IDS} ids can be asked for at once.")
        return [parse_global_id(text) for text in kwargs["ids"]]


def parse_global_id(text: str) -> tuple[str, UUID]:
    """The type and the row that an id names.

    Raises:
        InvalidInput: it is not an id, or names no type that has any.
    """
    type_name, row_id = decode_global_id(text)
    if type_name not in NODE_TYPES:
        raise InvalidInput.of("id", "This is not an id.")
    return type_name, row_id


def _load_node(info: Any, type_name: str, row_id: UUID) -> Any:
    return info.context.loaders.one(NODE_TYPES[type_name].collection, "id", row_id)


def node_field() -> Any:
    """One thing of any type."""
    return NodeField()


def nodes_field() -> Any:
    """Many things of any types."""
    return NodesField()


@object_type
class Queries:
    """Anything at the root."""

    node: Node | None = node_field()
    """Anything by its id; null when there is no such thing, or none that may be seen."""
    nodes: list[Node | None] = nodes_field()
    """Many things by their ids, in the order of the ids."""
