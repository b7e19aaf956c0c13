"""Finding articles: pages of what matches, the best first, with the places where it does."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from graph.articles.things import Article, ArticleFilter
from graph.connection import Connection, PageInfo, page_info
from graph.context import Info
from graph.described import enum, output
from graph.fields import listing, single
from graph.inputs import values
from models import ArticleLanguage
from services import articles
from services.errors import InvalidInput
from services.tenants import USERS

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

    value: Annotated["User", strawberry.lazy("graph.tenants")]
    """The person."""
    count: int
    """How many articles."""


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

    languages: list[ArticleLanguageFacet]
    """By language, most first."""
    authors: list[ArticleAuthorFacet]
    """By author, most first; twenty at most."""
    months: list[ArticleMonthFacet]
    """By month, the newest first."""


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


async def _title_segments(root: "ArticleSearchEdge") -> list[TextSegment]:
    return _segments((await root.marked.of(root.article_id)).title)


async def _snippet_segments(root: "ArticleSearchEdge") -> list[TextSegment]:
    return _segments((await root.marked.of(root.article_id)).snippet)


def _segments(found: Sequence[articles.Segment]) -> list[TextSegment]:
    return [TextSegment(text=segment.text, match=segment.match) for segment in found]


@output
class ArticleSearchEdge:
    """An article that matches, and its place among the others."""

    node: Article
    """The article."""
    cursor: str
    """Its place, for `after` or `before` of the same search with the same filter and order."""
    rank: float
    """How well it matches: what is in the title counts most, and what stands close together."""
    title_segments: list[TextSegment] = strawberry.field(resolver=_title_segments)
    """The whole title, in pieces."""
    snippet_segments: list[TextSegment] = strawberry.field(resolver=_snippet_segments)
    """The part of the content that matches best, in pieces; 50 words at most."""
    article_id: strawberry.Private[UUID]
    marked: strawberry.Private[Marked]


async def _facets(root: "ArticleSearchConnection") -> ArticleFacets:
    return await root.count_facets()


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
    corrected: bool
    """Whether nothing matched the query itself, and something similar was searched instead."""
    corrected_query: str | None
    """What was searched instead; null where it was the query itself."""
    facets: ArticleFacets = strawberry.field(resolver=_facets)
    """What all articles that match have in common. Computed only when it is asked for."""
    count_facets: strawberry.Private[Callable[[], Awaitable[ArticleFacets]]]


QUERY = strawberry.argument(
    description='Words, "phrases", `or` between what may be, `-` before what must not be; up to 255 characters.'
)
LANGUAGE = strawberry.argument(
    description="Only articles in this language. Without it, each article is searched in its own."
)
FIRST = strawberry.argument(description="How many from the beginning or after `after`: 1 to 100, 20 by default.")
AFTER = strawberry.argument(description="A cursor of this search; the page begins behind it.")
LAST = strawberry.argument(description="How many from the end or before `before`: 1 to 100.")
BEFORE = strawberry.argument(description="A cursor of this search; the page ends before it.")
FILTER = strawberry.argument(name="filter", description="Which articles are searched.")
ORDER = strawberry.argument(description="Which come first.")
PREFIX = strawberry.argument(description="How the title begins, in any case.")
SUGGESTIONS = strawberry.argument(description="How many: 1 to 20.")


async def _search_articles(
    info: Info,
    query: Annotated[str, QUERY],
    first: Annotated[int | None, FIRST] = UNSET,
    after: Annotated[str | None, AFTER] = UNSET,
    last: Annotated[int | None, LAST] = UNSET,
    before: Annotated[str | None, BEFORE] = UNSET,
    language: Annotated[ArticleLanguage | None, LANGUAGE] = UNSET,
    wanted: Annotated[ArticleFilter | None, FILTER] = UNSET,
    order_by: Annotated[ArticleSearchOrder, ORDER] = ArticleSearchOrder.RELEVANCE,
) -> ArticleSearchConnection:
    """The articles that match, the best first: published ones, and your own drafts; all for admins and owners.

    Each is compared in its own language: words by their stems, without stop words. Where nothing matches, what the
    words may have been meant for is searched instead, and `corrected` says so. A blank query matches nothing.
    """
    filters = values(wanted, "filter") if wanted else {}
    if language:
        if filters.get("language") not in {None, language}:
            raise InvalidInput.of("language", "`filter` names another language.")
        filters["language"] = language
    paging = {"first": first, "last": last, "after": after or None, "before": before or None}
    request = articles.request_of(
        query,
        filters,
        order=(order_by.value, True),
        **{name: None if value is UNSET else value for name, value in paging.items()},
    )
    found = await articles.search(await info.context.read(), info.context.actor, request=request)
    return _connected(info, found)


def _connected(info: Info, found: articles.Found) -> ArticleSearchConnection:
    page, searched = found.page, articles.query_of(found.request)
    marked = Marked(info, searched, [edge.node.id for edge in page.edges])
    hits: list[Any] = list(page.edges)
    edges = [
        ArticleSearchEdge(node=hit.node, cursor=hit.cursor, rank=hit.rank, article_id=hit.node.id, marked=marked)
        for hit in hits
    ]
    return ArticleSearchConnection(
        edges=edges,
        nodes=[hit.node for hit in hits],
        page_info=page_info(page),
        total_count=found.total,
        corrected=found.corrected_query is not None,
        corrected_query=found.corrected_query,
        count_facets=lambda: _counted(info, found),
    )


async def _counted(info: Info, found: articles.Found) -> ArticleFacets:
    context = info.context
    counted = await articles.facets(await context.read(), context.actor, request=found.request)
    people = await asyncio.gather(*(context.loaders.one(USERS, "user_id", user_id) for user_id, _ in counted.authors))
    return ArticleFacets(
        languages=[ArticleLanguageFacet(value=ArticleLanguage(name), count=count) for name, count in counted.languages],
        authors=[
            ArticleAuthorFacet(value=person, count=count)
            for person, (_, count) in zip(people, counted.authors, strict=True)
        ],
        months=[ArticleMonthFacet(value=month, count=count) for month, count in counted.months],
    )


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
    search_articles: ArticleSearchConnection = strawberry.field(
        resolver=_search_articles, description=_search_articles.__doc__
    )
    suggest_articles: list[Article] = strawberry.field(
        resolver=_suggest_articles, description=_suggest_articles.__doc__
    )
