"""Fields of a search: what matches, page by page, with what the services say of each match.

search_words: WordConnection = search(FOUND, takes=[…], read=…, answer=…)   at the root, a page of what matches
rank: float = said("rank", lambda edge: edge.rank)                          what a match says of its row, or of all

Each says how the reference executor answers it as well.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any

from strawberry.types.arguments import StrawberryArgument

from graph.fields.declared import Declared, NeedsPython, with_attributes
from services.queries.collection import PageRequest
from services.queries.search_source import Finding

__all__ = ["Said", "Search", "said", "search"]


class Search(Declared):
    """A page of what matches."""

    of: Finding
    takes: Callable[[], Sequence[StrawberryArgument]]
    read: Callable[[dict[str, Any]], PageRequest]
    answer: Callable[[Any, PageRequest], Awaitable[Any]]

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """What is searched for, and where."""
        return self._taken

    @cached_property
    def _taken(self) -> list[StrawberryArgument]:
        return list(self.takes())

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Search, and try something similar where nothing matches."""
        return self.answer(info, self.read(kwargs))

    def asked(self, kwargs: dict[str, Any]) -> PageRequest:
        """The page that the arguments ask for."""
        request = self.read(kwargs)
        if self.of.is_nothing(request):
            raise NeedsPython
        return request


class Said(Declared):
    """What is said of a match, or of all that match, by the services' name for it."""

    said: str
    answer: Callable[[Any], Any]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Read it from what was found."""
        return self.answer(source)


def search(
    of: Finding,
    *,
    takes: Callable[[], Sequence[StrawberryArgument]],
    read: Callable[[dict[str, Any]], PageRequest],
    answer: Callable[[Any, PageRequest], Awaitable[Any]],
    description: str | None = None,
) -> Any:
    """A page of what matches: the arguments that it takes, how they are read, and how it is answered by code."""
    return with_attributes(Search(description=description), of=of, takes=takes, read=read, answer=answer)


def said(name: str, answer: Callable[[Any], Any]) -> Any:
    """What the services say of a match, or of all that match, by its name; and how to read it from what was found."""
    return with_attributes(Said(), said=name, answer=answer)
