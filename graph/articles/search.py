"""Finding articles: pages of what matches, the best first, with the places where it does."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument

from graph.articles.types import Article, ArticleFilter, ArticleSearchFilter, ArticleStats
from graph.fields.connection import Connection, PageInfo, to_page_info
from graph.fields.declared import argument
from graph.fields.descriptions import enum, object_type
from graph.fields.filtering import to_filter
from graph.fields.inputs import page_kwargs
from graph.fields.match_fields import DEFAULT_SUGGESTIONS, article_search_field, match_field, suggestions_field
from graph.fields.relations import by_id, connection, page_arguments, to_one
from graph.fields.statistics import statistics_field
from graph.runtime.context import Info
from models import ArticleLanguage
from services import articles
from services.articles import ARTICLE_SEARCH, ARTICLE_STATISTICS, check_suggestion, select_suggestions
from services.queries.page_request import PageRequest

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = ["ArticleSearchConnection", "ArticleSearchEdge", "Queries"]


@enum
class ArticleSearchOrder(Enum):
    """Sort order of the articles that match a search."""

    RELEVANCE = "relevance"
    """Sort matching articles by relevance, most relevant first."""
    NEWEST = "newest"
    """Sort matching articles by creation, newest first."""


@object_type
class TextSegment:
    """A segment of a text with search matches; all segments in order make up the text.

    Segments are plain text, never HTML.
    """

    text: str
    """Text of the segment; show it as plain text, not as HTML."""
    match: bool
    """Whether the text of the segment matches the search query and is to be highlighted."""


@object_type
class ArticleLanguageFacet:
    """Number of matching articles in one language."""

    value: ArticleLanguage
    """Language of the counted articles."""
    count: int
    """Number of matching articles in this language."""


@object_type
class ArticleAuthorFacet:
    """Number of matching articles written by one author."""

    value: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("author_id", key="user_id")
    """Author of the counted articles."""
    count: int
    """Number of matching articles written by this author."""
    author_id: strawberry.Private[UUID]


@object_type
class ArticleMonthFacet:
    """Number of matching articles created in one month."""

    value: str
    """Month (UTC) in which the counted articles were created, as year and month, such as `2026-11`."""
    count: int
    """Number of articles that match the search and were created in the month of this facet (UTC)."""


@object_type
class ArticleFacets:
    """Numbers of matching articles by language, author and month, over all pages of the search."""

    languages: list[ArticleLanguageFacet] = match_field("languages", lambda facets: _to_language_facets(facets.counted))
    """Number of matching articles in each language, highest number first."""
    authors: list[ArticleAuthorFacet] = match_field("authors", lambda facets: _to_author_facets(facets.counted))
    """Number of matching articles by each author, highest number first; at most 20 authors."""
    months: list[ArticleMonthFacet] = match_field("months", lambda facets: _to_month_facets(facets.counted))
    """Number of matching articles created in each month, newest month first."""
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
        """Return the highlights of one article."""
        if self._highlights is None:
            self._highlights = asyncio.ensure_future(self._load())
        # Shielded: a neighbour that fails cancels those who wait, and with one of them what the others wait for.
        return (await asyncio.shield(self._highlights))[article_id]


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
    """An article that matches a search, with its cursor, rank and highlighted text."""

    node: Article
    """Article that matches the search."""
    cursor: str
    """Opaque cursor of this matching article, for `after` or `before` in the same search with the same filter and
    order."""
    rank: float = match_field("rank", lambda edge: edge.hit.rank)
    """Relevance of the article for the query, higher is better: 2 or more if the title of the article matches the
    query, 1 or more if the title matches a part of the query; beyond that, frequent matches and matches close together
    count."""
    title_segments: list[TextSegment] = match_field("title", _title_segments)
    """Whole title of the article, split into segments that match the query and segments that do not."""
    snippet_segments: list[TextSegment] = match_field("snippet", _snippet_segments)
    """Excerpt of the article's content that matches best, at most 50 words and 300 characters, split into segments that
    match the query and segments that do not; the beginning of the content if only the title matches."""
    hit: strawberry.Private[articles.Hit]
    highlights: strawberry.Private[LazyHighlights]


@object_type
class ArticleSearchConnection:
    """A page of the articles that match a search."""

    edges: list[ArticleSearchEdge]
    """Matching articles of this page, each with its cursor, rank and highlighted text."""
    nodes: list[Article]
    """Matching articles of this page, without cursors or highlighted text."""
    page_info: PageInfo
    """Position of this page among all matching articles."""
    total_count: int
    """Number of matching articles on all pages of the search."""
    corrected: bool = match_field("corrected", lambda found: found.corrected_by is not None)
    """True if no article matched the query and a corrected spelling of it was searched instead."""
    corrected_query: str | None = match_field("corrected_query", lambda found: found.corrected_by)
    """Corrected query that was searched instead; null if the original query was searched."""
    facets: ArticleFacets = match_field("facets", lambda found: found.count_facets())
    """Numbers of matching articles by language, author and month; computed only when selected."""
    corrected_by: strawberry.Private[str | None]
    count_facets: strawberry.Private[Callable[[], Awaitable[ArticleFacets]]]


def _search_arguments() -> list[StrawberryArgument]:
    return [
        argument(
            "query",
            str,
            "Words to search for, at most 255 characters: double quotes enclose a phrase, `or` stands between "
            "alternatives, and `-` stands right before a word that must not occur. Words that signs join, such as "
            "`example.org/guide` or `covid-19`, are found together in this order; Chinese, Japanese and Korean "
            "characters are found anywhere in a text.",
            required=True,
        ),
        *page_arguments(),
        argument(
            "language",
            ArticleLanguage,
            "Language of the articles to search; null to search articles in all languages.",
        ),
        argument("filter", ArticleSearchFilter, "Conditions that the articles to search must meet."),
        argument(
            "order_by", ArticleSearchOrder, "Sort order of the articles that match; most relevant first if omitted."
        ),
    ]


def _parse_search(kwargs: dict[str, Any]) -> PageRequest:
    """Return the page that the arguments ask for.

    Raises:
        InvalidInput: as in `services.articles.parse_request`.
    """
    wanted, language = kwargs.get("filter"), kwargs.get("language")
    given = to_filter(wanted) if wanted else {}
    if language and given.get("and", True):  # an empty `and` is refused
        given["and"] = [*given.get("and", ()), {"language": {"eq": language}}]
    order = [((kwargs.get("order_by") or ArticleSearchOrder.RELEVANCE).value, True)]
    return articles.parse_request(kwargs["query"], given, order=order, **page_kwargs(kwargs))


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


def _suggestion_arguments() -> list[StrawberryArgument]:
    return [
        argument(
            "prefix",
            str,
            "Prefix with which the title of the suggested articles starts, ignoring case, at most 200 characters.",
            required=True,
        ),
        StrawberryArgument(
            "first",
            None,
            StrawberryAnnotation(int | None),
            default=DEFAULT_SUGGESTIONS,
            description=f"Maximum number of suggested articles to return: 1 to {articles.MAX_SUGGESTIONS}; "
            f"{DEFAULT_SUGGESTIONS} if omitted or null.",
        ),
    ]


async def _suggest(info: Info, prefix: str, first: int) -> Any:
    return await articles.suggest(await info.context.read(), info.context.actor, prefix=prefix, first=first)


@object_type
class Queries:
    """Articles at the root."""

    article: Article | None = by_id()
    """Article by its global ID; null if there is no such article, or if it is another member's draft and the viewer is
    not an admin or owner."""
    articles: Connection[Article] = connection()
    """Published articles and the viewer's own drafts, or all articles of the tenant for admins and owners; newest first
    by default."""
    search_articles: ArticleSearchConnection = article_search_field(
        ARTICLE_SEARCH, arguments=_search_arguments, parse=_parse_search, resolve=_resolve_search
    )
    """Articles that match a full-text search, most relevant first by default: published articles and the viewer's own
    drafts, or all articles of the tenant for admins and owners. Words are compared by their stems in the language of
    each article, with and without accents, without stop words. If no article matches, a corrected spelling of the query
    is searched and `corrected` is true. A blank query matches no article."""
    suggest_articles: list[Article] = suggestions_field(
        select_suggestions,
        arguments=_suggestion_arguments,
        check=check_suggestion,
        resolve=_suggest,
    )
    """Articles whose titles begin with this, by title; for what is typed into a search box. A blank prefix has none."""
    article_stats: ArticleStats = statistics_field(ARTICLE_STATISTICS, filter=ArticleFilter)
    """Numbers of articles by group: of the articles that the list `articles` holds for the viewer with the same
    filter."""
