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
from graph.fields.connection import Connection, PageInfo, to_page_info
from graph.fields.declared import argument
from graph.fields.descriptions import enum, object_type
from graph.fields.inputs import page_kwargs, to_kwargs
from graph.fields.match_fields import match_field, search_field
from graph.fields.relations import by_id, connection, to_one
from graph.runtime.context import Info
from models import ArticleLanguage
from services import articles
from services.articles import ARTICLE_SEARCH
from services.errors import InvalidInput
from services.queries.page_request import PageRequest

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = ["ArticleSearchConnection", "ArticleSearchEdge", "Queries"]


@enum
class ArticleSearchOrder(Enum):
    """Which of the articles that match come first."""

    RELEVANCE = "relevance"
    NEWEST = "newest"


@object_type
class TextSegment:
    """A piece of text. All pieces together are the text; none of them is markup, whatever it looks like."""

    text: str
    """The text of this piece, to be shown as text."""
    match: bool
    """Whether it is what was searched for."""


@object_type
class ArticleLanguageFacet:
    """How much of what was found is in one language."""

    value: ArticleLanguage
    """The language."""
    count: int
    """How many articles."""


@object_type
class ArticleAuthorFacet:
    """How much of what was found is by one person."""

    value: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("author_id", key="user_id")
    """The person."""
    count: int
    """How many articles."""
    author_id: strawberry.Private[UUID]


@object_type
class ArticleMonthFacet:
    """How much of what was found was begun in one month."""

    value: str
    """The month in UTC, such as 2026-11."""
    count: int
    """How many articles."""


@object_type
class ArticleFacets:
    """What all that was found has in common."""

    languages: list[ArticleLanguageFacet] = match_field("languages", lambda facets: _to_language_facets(facets.counted))
    """By language, most first."""
    authors: list[ArticleAuthorFacet] = match_field("authors", lambda facets: _to_author_facets(facets.counted))
    """By author, most first; twenty at most."""
    months: list[ArticleMonthFacet] = match_field("months", lambda facets: _to_month_facets(facets.counted))
    """By month, the newest first."""
    counted: strawberry.Private[articles.Facets]


def _to_language_facets(counted: articles.Facets) -> list[ArticleLanguageFacet]:
    return [ArticleLanguageFacet(value=ArticleLanguage(name), count=count) for name, count in counted.languages]


def _to_author_facets(counted: articles.Facets) -> list[ArticleAuthorFacet]:
    return [ArticleAuthorFacet(author_id=author_id, count=count) for author_id, count in counted.authors]


def _to_month_facets(counted: articles.Facets) -> list[ArticleMonthFacet]:
    return [ArticleMonthFacet(value=month, count=count) for month, count in counted.months]


class LazyHighlights:
    """The highlights of a page, made at the first need, together for all of its articles."""

    def __init__(self, info: Info, query: str, ids: Sequence[UUID]) -> None:
        self._load: Callable[[], Coroutine[Any, Any, dict[UUID, articles.Highlight]]]
        self._load = partial(_load_highlights, info, query, ids)
        self._highlights: asyncio.Future[dict[UUID, articles.Highlight]] | None = None

    async def for_article(self, article_id: UUID) -> articles.Highlight:
        """Those of one article."""
        if self._highlights is None:
            self._highlights = asyncio.ensure_future(self._load())
        return (await self._highlights)[article_id]


async def _load_highlights(info: Info, query: str, ids: Sequence[UUID]) -> dict[UUID, articles.Highlight]:
    return await articles.load_highlights(await info.context.read(), info.context.actor, query=query, ids=ids)


async def _title_segments(edge: "ArticleSearchEdge") -> list[TextSegment]:
    return _to_segments((await edge.highlights.for_article(edge.hit.node.id)).title)


async def _snippet_segments(edge: "ArticleSearchEdge") -> list[TextSegment]:
    return _to_segments((await edge.highlights.for_article(edge.hit.node.id)).snippet)


def _to_segments(segments: Sequence[articles.Segment]) -> list[TextSegment]:
    return [TextSegment(text=segment.text, match=segment.match) for segment in segments]


@object_type
class ArticleSearchEdge:
    """An article that matches, and its place among the others."""

    node: Article
    """The article."""
    cursor: str
    """Its place, for `after` or `before` of the same search with the same filter and order."""
    rank: float = match_field("rank", lambda edge: edge.hit.rank)
    """How well it matches: what is in the title counts most, and what stands close together."""
    title_segments: list[TextSegment] = match_field("title", _title_segments)
    """The whole title, in pieces."""
    snippet_segments: list[TextSegment] = match_field("snippet", _snippet_segments)
    """The part of the content that matches best, in pieces; 50 words at most."""
    hit: strawberry.Private[articles.Hit]
    highlights: strawberry.Private[LazyHighlights]


@object_type
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
    corrected: bool = match_field("corrected", lambda found: found.corrected_by is not None)
    """Whether nothing matched the query itself, and something similar was searched instead."""
    corrected_query: str | None = match_field("corrected_query", lambda found: found.corrected_by)
    """What was searched instead; null where it was the query itself."""
    facets: ArticleFacets = match_field("facets", lambda found: found.count_facets())
    """What all articles that match have in common. Computed only when it is asked for."""
    corrected_by: strawberry.Private[str | None]
    count_facets: strawberry.Private[Callable[[], Awaitable[ArticleFacets]]]


PREFIX_ARGUMENT = strawberry.argument(description="How the title begins, in any case.")
FIRST_ARGUMENT = strawberry.argument(description="How many: 1 to 20.")


def _search_arguments() -> list[StrawberryArgument]:
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


def _parse_search(kwargs: dict[str, Any]) -> PageRequest:
    """The page that is asked for.

    Raises:
        InvalidInput: two languages at once; and as in `services.articles.request_of`.
    """
    wanted, language = kwargs.get("filter"), kwargs.get("language")
    filters = to_kwargs(wanted, "filter") if wanted else {}
    if language:
        if filters.get("language") not in {None, language}:
            raise InvalidInput.of("language", "`filter` names another language.")
        filters["language"] = language
    order = (kwargs["order_by"].value, True)
    return articles.parse_request(kwargs["query"], filters, order=order, **page_kwargs(kwargs))


async def _resolve_search(info: Info, request: PageRequest) -> ArticleSearchConnection:
    found = await articles.search(await info.context.read(), info.context.actor, request=request)
    return _to_search_connection(info, found)


def _to_search_connection(info: Info, found: articles.SearchResult) -> ArticleSearchConnection:
    page, query = found.page, articles.query_text(found.request)
    highlights = LazyHighlights(info, query, [edge.node.id for edge in page.edges])
    hits: list[Any] = list(page.edges)
    edges = [ArticleSearchEdge(node=hit.node, cursor=hit.cursor, hit=hit, highlights=highlights) for hit in hits]
    return ArticleSearchConnection(
        edges=edges,
        nodes=[hit.node for hit in hits],
        page_info=to_page_info(page),
        total_count=found.total,
        corrected_by=found.corrected_query,
        count_facets=lambda: _count_facets(info, found),
    )


async def _count_facets(info: Info, found: articles.SearchResult) -> ArticleFacets:
    context = info.context
    counted = await articles.load_facets(await context.read(), context.actor, request=found.request)
    return ArticleFacets(counted=counted)


async def _suggest_articles(
    info: Info, prefix: Annotated[str, PREFIX_ARGUMENT], first: Annotated[int, FIRST_ARGUMENT] = 10
) -> list[Article]:
    """Articles whose titles begin with this, by title; for what is typed into a search box. A blank prefix has none."""
    rows: list[Any] = await articles.suggest(await info.context.read(), info.context.actor, prefix=prefix, first=first)
    return rows


@object_type
class Queries:
    """Articles at the root."""

    article: Article | None = by_id()
    """One article by its id; null when there is none, or it is somebody else's draft."""
    articles: Connection[Article] = connection()
    """What is published, and your own drafts; all of the tenant's for admins and owners."""
    search_articles: ArticleSearchConnection = search_field(
        ARTICLE_SEARCH, arguments=_search_arguments, parse=_parse_search, resolve=_resolve_search
    )
    """The articles that match, the best first: published ones, and your own drafts; all for admins and owners.

    Each is compared in its own language: words by their stems, without stop words. Where nothing matches, what the
    words may have been meant for is searched instead, and `corrected` says so. A blank query matches nothing.
    """
    suggest_articles: list[Article] = strawberry.field(
        resolver=_suggest_articles, description=_suggest_articles.__doc__
    )
