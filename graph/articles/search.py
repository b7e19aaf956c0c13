"""Finding articles: pages of what matches, the best first, with the places where it does."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry.types.arguments import StrawberryArgument

from graph.articles.types import Article, ArticleFilter
from graph.fields.connection import Connection, PageInfo, page_info
from graph.fields.declared import argument, listing, one, single
from graph.fields.descriptions import enum, output
from graph.fields.inputs import paging, values
from graph.fields.match_fields import said, search
from graph.runtime.context import Info
from models import ArticleLanguage
from services import articles
from services.articles import FOUND
from services.errors import InvalidInput
from services.queries.collection import PageRequest

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = ["ArticleSearchConnection", "ArticleSearchEdge", "Queries"]


@enum
class ArticleSearchOrder(Enum):
    """Which of the articles that match come first."""

    RELEVANCE = "relevance"
    NEWEST = "newest"


@output
class TextSegment:
    """A piece of text. All pieces together are the text; none of them is markup, whatever it looks like."""

    text: str
    """The text of this piece, to be shown as text."""
    match: bool
    """Whether it is what was searched for."""


@output
class ArticleLanguageFacet:
    """How much of what was found is in one language."""

    value: ArticleLanguage
    """The language."""
    count: int
    """How many articles."""


@output
class ArticleAuthorFacet:
    """How much of what was found is by one person."""

    value: Annotated["User", strawberry.lazy("graph.tenants")] = one("author_id", key="user_id")
    """The person."""
    count: int
    """How many articles."""
    author_id: strawberry.Private[UUID]


@output
class ArticleMonthFacet:
    """How much of what was found was begun in one month."""

    value: str
    """The month in UTC, such as 2026-11."""
    count: int
    """How many articles."""


@output
class ArticleFacets:
    """What all that was found has in common."""

    languages: list[ArticleLanguageFacet] = said("languages", lambda facets: _languages(facets.counted))
    """By language, most first."""
    authors: list[ArticleAuthorFacet] = said("authors", lambda facets: _authors(facets.counted))
    """By author, most first; twenty at most."""
    months: list[ArticleMonthFacet] = said("months", lambda facets: _months(facets.counted))
    """By month, the newest first."""
    counted: strawberry.Private[articles.Facets]


def _languages(counted: articles.Facets) -> list[ArticleLanguageFacet]:
    return [ArticleLanguageFacet(value=ArticleLanguage(name), count=count) for name, count in counted.languages]


def _authors(counted: articles.Facets) -> list[ArticleAuthorFacet]:
    return [ArticleAuthorFacet(author_id=author_id, count=count) for author_id, count in counted.authors]


def _months(counted: articles.Facets) -> list[ArticleMonthFacet]:
    return [ArticleMonthFacet(value=month, count=count) for month, count in counted.months]


class Marked:
    """The highlights of a page, made at the first need, together for all of its articles."""

    def __init__(self, info: Info, query: str, ids: Sequence[UUID]) -> None:
        self._make: Callable[[], Coroutine[Any, Any, dict[UUID, articles.Highlight]]]
        self._make = partial(_highlights, info, query, ids)
        self._made: asyncio.Future[dict[UUID, articles.Highlight]] | None = None

    async def of(self, article_id: UUID) -> articles.Highlight:
        """Those of one article."""
        if self._made is None:
            self._made = asyncio.ensure_future(self._make())
        return (await self._made)[article_id]


async def _highlights(info: Info, query: str, ids: Sequence[UUID]) -> dict[UUID, articles.Highlight]:
    return await articles.highlights(await info.context.read(), info.context.actor, query=query, ids=ids)


async def _title_segments(edge: "ArticleSearchEdge") -> list[TextSegment]:
    return _segments((await edge.marked.of(edge.hit.node.id)).title)


async def _snippet_segments(edge: "ArticleSearchEdge") -> list[TextSegment]:
    return _segments((await edge.marked.of(edge.hit.node.id)).snippet)


def _segments(found: Sequence[articles.Segment]) -> list[TextSegment]:
    return [TextSegment(text=segment.text, match=segment.match) for segment in found]


@output
class ArticleSearchEdge:
    """An article that matches, and its place among the others."""

    node: Article
    """The article."""
    cursor: str
    """Its place, for `after` or `before` of the same search with the same filter and order."""
    rank: float = said("rank", lambda edge: edge.hit.rank)
    """How well it matches: what is in the title counts most, and what stands close together."""
    title_segments: list[TextSegment] = said("title", _title_segments)
    """The whole title, in pieces."""
    snippet_segments: list[TextSegment] = said("snippet", _snippet_segments)
    """The part of the content that matches best, in pieces; 50 words at most."""
    hit: strawberry.Private[articles.Hit]
    marked: strawberry.Private[Marked]


@output
class ArticleSearchConnection:
    """One page of the articles that match."""

    edges: list[ArticleSearchEdge]
    """The articles with their cursors, and where they match."""
    nodes: list[Article]
    """The articles alone."""
    page_info: PageInfo
    """Where this page stands among all that match."""
    total_count: int
    """How many articles match."""
    corrected: bool = said("corrected", lambda found: found.corrected_by is not None)
    """Whether nothing matched the query itself, and something similar was searched instead."""
    corrected_query: str | None = said("corrected_query", lambda found: found.corrected_by)
    """What was searched instead; null where it was the query itself."""
    facets: ArticleFacets = said("facets", lambda found: found.count_facets())
    """What all articles that match have in common. Computed only when it is asked for."""
    corrected_by: strawberry.Private[str | None]
    count_facets: strawberry.Private[Callable[[], Awaitable[ArticleFacets]]]


PREFIX = strawberry.argument(description="How the title begins, in any case.")
SUGGESTIONS = strawberry.argument(description="How many: 1 to 20.")


def _taken() -> list[StrawberryArgument]:
    order = argument("order_by", ArticleSearchOrder, "Which come first.", required=True)
    order.default = ArticleSearchOrder.RELEVANCE
    return [
        argument(
            "query",
            str,
            'Words, "phrases", `or` between what may be, `-` before what must not be; up to 255 characters.',
            required=True,
        ),
        argument("first", int, "How many from the beginning or after `after`: 1 to 100, 20 by default."),
        argument("after", str, "A cursor of this search; the page begins behind it."),
        argument("last", int, "How many from the end or before `before`: 1 to 100."),
        argument("before", str, "A cursor of this search; the page ends before it."),
        argument(
            "language",
            ArticleLanguage,
            "Only articles in this language. Without it, each article is searched in its own.",
        ),
        argument("filter", ArticleFilter, "Which articles are searched."),
        order,
    ]


def _read(kwargs: dict[str, Any]) -> PageRequest:
    """The page that is asked for.

    Raises:
        InvalidInput: two languages at once; and as in `services.articles.request_of`.
    """
    wanted, language = kwargs.get("filter"), kwargs.get("language")
    filters = values(wanted, "filter") if wanted else {}
    if language:
        if filters.get("language") not in {None, language}:
            raise InvalidInput.of("language", "`filter` names another language.")
        filters["language"] = language
    order = (kwargs["order_by"].value, True)
    return articles.request_of(kwargs["query"], filters, order=order, **paging(kwargs))


async def _found(info: Info, request: PageRequest) -> ArticleSearchConnection:
    found = await articles.search(await info.context.read(), info.context.actor, request=request)
    return _connected(info, found)


def _connected(info: Info, found: articles.Found) -> ArticleSearchConnection:
    page, searched = found.page, articles.query_of(found.request)
    marked = Marked(info, searched, [edge.node.id for edge in page.edges])
    hits: list[Any] = list(page.edges)
    edges = [ArticleSearchEdge(node=hit.node, cursor=hit.cursor, hit=hit, marked=marked) for hit in hits]
    return ArticleSearchConnection(
        edges=edges,
        nodes=[hit.node for hit in hits],
        page_info=page_info(page),
        total_count=found.total,
        corrected_by=found.corrected_query,
        count_facets=lambda: _counted(info, found),
    )


async def _counted(info: Info, found: articles.Found) -> ArticleFacets:
    context = info.context
    counted = await articles.facets(await context.read(), context.actor, request=found.request)
    return ArticleFacets(counted=counted)


async def _suggest_articles(
    info: Info, prefix: Annotated[str, PREFIX], first: Annotated[int, SUGGESTIONS] = 10
) -> list[Article]:
    """Articles whose titles begin with this, by title; for what is typed into a search box. A blank prefix has none."""
    rows: list[Any] = await articles.suggest(await info.context.read(), info.context.actor, prefix=prefix, first=first)
    return rows


@output
class Queries:
    """Articles at the root."""

    article: Article | None = single()
    """One article by its id; null when there is none, or it is somebody else's draft."""
    articles: Connection[Article] = listing()
    """What is published, and your own drafts; all of the tenant's for admins and owners."""
    search_articles: ArticleSearchConnection = search(FOUND, takes=_taken, read=_read, answer=_found)
    """The articles that match, the best first: published ones, and your own drafts; all for admins and owners.

    Each is compared in its own language: words by their stems, without stop words. Where nothing matches, what the
    words may have been meant for is searched instead, and `corrected` says so. A blank query matches nothing.
    """
    suggest_articles: list[Article] = strawberry.field(
        resolver=_suggest_articles, description=_suggest_articles.__doc__
    )
