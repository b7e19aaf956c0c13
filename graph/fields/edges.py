"""`edge`: an object as an item of its default list, for clients that add what they have created to a list.

`backed_by(…, listed_as="tasks")` adds it to a type. Its cursor is one that `tasks` takes without a filter and an order.
"""

from collections.abc import Awaitable
from functools import cached_property
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from graph.fields.declared import DeclaredField, with_attributes
from graph.fields.descriptions import type_words
from services.queries.page_request import PageRequest

__all__ = ["EdgeField", "edge"]

DESCRIPTION = (
    "The {noun} as an item of the list `{list}`, for Relay's `@prependEdge` and `@appendEdge` after it was created; the"
    " cursor is one of the default list, without a filter and in the default order."
)


class EdgeField(DeclaredField, compilable=True):
    """A row as an edge of the list of all rows of its type."""

    list_name: str
    """The list's own name, which its cursors are bound to."""

    @cached_property
    def request(self) -> PageRequest:
        """Return the request for the default list."""
        return PageRequest.of(self.binding.collection, self.list_name)

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Return the row with its cursor, which is computed only when it is selected."""
        return LazyEdge(self, source, info.context.loaders)


class LazyEdge:
    """A row, and its cursor for whoever asks."""

    __slots__ = ("_field", "_loaders", "node")

    def __init__(self, field: EdgeField, node: Any, loaders: Any) -> None:
        self.node = node
        self._field = field
        self._loaders = loaders

    @property
    def cursor(self) -> Awaitable[str]:
        """Load the cursor, together with those of all the other rows."""
        loaded: Awaitable[str] = self._loaders.cursor(self._field.binding.collection, self._field.request, self.node)
        return loaded


def edge(name: str, list_field: str) -> EdgeField:
    """Return the field `edge` of a type, by the name that the root field of its default list has in Python."""
    description = DESCRIPTION.format(noun=type_words(name), list=to_camel_case(list_field))
    field: EdgeField = with_attributes(EdgeField(description=description), list_name=f"Queries.{list_field}")
    return field
