"""Anything by its id: `node` and `nodes`."""

import asyncio
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types.arguments import StrawberryArgument

from graph.fields.declared import NODES, Declared, Node, argument
from graph.fields.descriptions import output
from graph.fields.scalars import split_id
from services.errors import InvalidInput

__all__ = ["AnyNode", "AnyNodes", "Queries"]

MOST_IDS = 100


class AnyNode(Declared):
    """One thing of any type, by its id."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Its id."""
        return [argument("id", strawberry.ID, "The id of anything.", required=True)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with all the others that the operation asks for."""
        return _load(info, *self.asked(kwargs))

    def asked(self, kwargs: dict[str, Any]) -> tuple[str, UUID]:
        """The type and the id of the row."""
        return named(kwargs["id"])


class AnyNodes(Declared):
    """Many things of any types, by their ids."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Their ids."""
        return [argument("ids", list[strawberry.ID], f"The ids of anything, {MOST_IDS} at most.", required=True)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load them, one statement a type; each in the place of its id."""
        return asyncio.gather(*(_load(info, *each) for each in self.asked(kwargs)))

    def asked(self, kwargs: dict[str, Any]) -> list[tuple[str, UUID]]:
        """The types and the ids of the rows."""
        if len(kwargs["ids"]) > MOST_IDS:
            raise InvalidInput.of("ids", f"At most {MOST_IDS} ids can be asked for at once.")
        return [named(text) for text in kwargs["ids"]]


def named(text: str) -> tuple[str, UUID]:
    """The type and the row that an id names.

    Raises:
        InvalidInput: it is not an id, or names no type that has any.
    """
    type_name, row_id = split_id(text)
    if type_name not in NODES:
        raise InvalidInput.of("id", "This is not an id.")
    return type_name, row_id


def _load(info: Any, type_name: str, row_id: UUID) -> Any:
    return info.context.loaders.one(NODES[type_name].collection, "id", row_id)


def any_node() -> Any:
    """One thing of any type."""
    return AnyNode()


def any_nodes() -> Any:
    """Many things of any types."""
    return AnyNodes()


@output
class Queries:
    """Anything at the root."""

    node: Node | None = any_node()
    """Anything by its id; null when there is no such thing, or none that may be seen."""
    nodes: list[Node | None] = any_nodes()
    """Many things by their ids, in the order of the ids."""
