"""Fields of the search of articles: what matches, page by page, with what the services say of each match.

search_words: WordConnection = article_search_field(SEARCH, …)           at the root, a page of results
rank: float = match_field("rank", lambda edge: edge.rank)                   an attribute of a result

Each says how the reference executor answers it as well.
"""

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any

from strawberry.types.arguments import StrawberryArgument

from graph.fields.declared import DeclaredField, NotCompilable, with_attributes
from services.permissions import Permission
from services.queries.article_search import ArticleSearchSource
from services.queries.page_request import PageRequest

__all__ = [
    "DEFAULT_SUGGESTIONS",
    "ArticleSearchField",
    "ArticleSuggestionsField",
    "MatchField",
    "article_search_field",
    "match_field",
    "suggestions_field",
]

DEFAULT_SUGGESTIONS = 10


class ArticleSearchField(DeclaredField, compilable=True):
    """A page of what matches."""

    search_source: ArticleSearchSource
    build_arguments: Callable[[], Sequence[StrawberryArgument]]
    parse: Callable[[dict[str, Any]], PageRequest]
    resolve: Callable[[Any, PageRequest], Awaitable[Any]]

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return what is searched for, and where."""
        return self._built_arguments

    @cached_property
    def _built_arguments(self) -> list[StrawberryArgument]:
        return list(self.build_arguments())

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Search, and try something similar where nothing matches."""
        return self.resolve(info, self.parse(kwargs))

    def parse_arguments(self, kwargs: dict[str, Any]) -> PageRequest:
        """Return the page that the arguments ask for."""
        request = self.parse(kwargs)
        if self.search_source.is_empty_search(request):
            raise NotCompilable
        return request


class ArticleSuggestionsField(DeclaredField, compilable=True):
    """The articles whose titles begin with a prefix."""

    select: Callable[[AbstractSet[Permission]], Any]
    """Selects them for these permissions, over the binds `prefix` and `first`."""
    build_arguments: Callable[[], Sequence[StrawberryArgument]]
    check: Callable[[str, int], tuple[str, int]]
    """Returns the prefix, empty where nothing is suggested, and how many articles are suggested at most."""
    resolve: Callable[[Any, str, int], Awaitable[Any]]

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return the prefix, and how many articles are suggested at most."""
        return self._built_arguments

    @cached_property
    def _built_arguments(self) -> list[StrawberryArgument]:
        return list(self.build_arguments())

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Look for them."""
        return self.resolve(info, *self._given(kwargs))

    def parse_arguments(self, kwargs: dict[str, Any]) -> tuple[str, int]:
        """Return the prefix, and how many articles are suggested at most."""
        prefix, first = self.check(*self._given(kwargs))
        if not prefix:
            raise NotCompilable
        return prefix, first

    def _given(self, kwargs: dict[str, Any]) -> tuple[str, int]:
        first = kwargs.get("first")
        return kwargs["prefix"], DEFAULT_SUGGESTIONS if first is None else first


class MatchField(DeclaredField, compilable=True):
    """What is said of a match, or of all that match, by the services' name for it."""

    expression: str
    resolve: Callable[[Any], Any]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Read it from what was found."""
        return self.resolve(source)


def article_search_field(
    search_source: ArticleSearchSource,
    *,
    arguments: Callable[[], Sequence[StrawberryArgument]],
    parse: Callable[[dict[str, Any]], PageRequest],
    resolve: Callable[[Any, PageRequest], Awaitable[Any]],
    description: str | None = None,
) -> Any:
    """Declare a search: its arguments, how they are parsed, and how the reference executor answers it."""
    return with_attributes(
        ArticleSearchField(description=description),
        search_source=search_source,
        build_arguments=arguments,
        parse=parse,
        resolve=resolve,
    )


def suggestions_field(
    select: Callable[[AbstractSet[Permission]], Any],
    *,
    arguments: Callable[[], Sequence[StrawberryArgument]],
    check: Callable[[str, int], tuple[str, int]],
    resolve: Callable[[Any, str, int], Awaitable[Any]],
) -> Any:
    """Declare suggestions: how they are selected, their arguments, and how the reference executor answers them."""
    return with_attributes(
        ArticleSuggestionsField(), select=select, build_arguments=arguments, check=check, resolve=resolve
    )


def match_field(name: str, resolve: Callable[[Any], Any]) -> Any:
    """Declare an attribute of search results by the services' name, and how it is read from a result."""
    return with_attributes(MatchField(), expression=name, resolve=resolve)
