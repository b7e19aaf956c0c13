"""Finding articles: by words and phrases, each article in its own language, the best first.

What is searched is the view `articles_search`: no policy lets full text reach an index, so the view reads with its
owner's rights, keeps to the tenant, and who sees which article is said here as everywhere. Of what it finds only ids
are taken; the articles themselves come through their own wall.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple
from unicodedata import normalize
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    REAL,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    null,
    select,
    table,
    true,
    union_all,
)
from sqlalchemy import column as sa_column
from sqlmodel import col

from models import Article
from models.base import row_class, table_of
from models.database import ReadSession
from services.articles.highlights import START, STOP, Segment, highlight, parse_segments, select_segments, truncate
from services.articles.rules import ARTICLES, article_filters, visible, visible_conditions
from services.articles.search_view import ANY_QUERY, QUERIES, SEARCH_VIEW
from services.articles.spelling import correct_spelling
from services.errors import InvalidInput
from services.permissions import Actor, Permission
from services.queries.article_search import ArticleSearchSource
from services.queries.collection import Collection, SortOrder
from services.queries.cursors import encode_cursor
from services.queries.filter_parsing import Filter
from services.queries.filters import MAX_FILTER_LENGTH
from services.queries.loading import Edge, Page, bind_values, slice_page
from services.queries.page_request import MAX_PAGE_SIZE, PageRequest
from services.queries.statements import OrderKey, apply_filter, apply_page, order_by, order_keys
from services.validation import is_storable_text

__all__ = [
    "ARTICLE_SEARCH",
    "MATCHES",
    "Facets",
    "Highlight",
    "Hit",
    "SearchResult",
    "load_facets",
    "load_highlights",
    "page_statement",
    "parse_request",
    "query_text",
    "search",
]

MAX_FACET_AUTHORS = 20

MATCHED_CTE = table(
    "matched",
    sa_column("id", Uuid()),
    sa_column("language", Text()),
    sa_column("author_id", Uuid()),
    sa_column("created_at", DateTime(timezone=True)),
    sa_column("rank", REAL()),
    sa_column("terms", ARRAY(Text())),
)
"""What was found, each with its rank, while a page of it is taken."""

PAGE_CTE = table(
    "page", sa_column("id", Uuid()), sa_column("key"), sa_column("rank", REAL()), sa_column("terms", ARRAY(Text()))
)
"""The page, each with what it is sorted by."""

MATCHES = Collection(
    model=Article,
    visible=visible,
    filters=article_filters(SEARCH_VIEW.c),
    orders={"relevance": SortOrder.by(MATCHED_CTE.c.rank), "newest": SortOrder.by(MATCHED_CTE.c.created_at)},
    default_order=("relevance", True),
    row_id=MATCHED_CTE.c.id,
)


@dataclass(frozen=True, slots=True)
class Hit(Edge):
    """An article that was found, its place, and how well it fits."""

    rank: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of what was found, and how much that is altogether."""

    page: Page
    total: int
    request: PageRequest
    """What was searched in the end."""
    corrected_query: str | None = None
    """What was searched instead, where nothing matched the query itself."""


class Highlight(NamedTuple):
    """Where an article matches."""

    title: list[Segment]
    snippet: list[Segment]


class Facets(NamedTuple):
    """How many of all that was found have what in common, most first."""

    languages: list[tuple[str, int]]
    authors: list[tuple[UUID, int]]
    """By account, twenty at most."""
    months: list[tuple[str, int]]
    """By month of writing, as in 2026-11, the newest first."""


def parse_request(query: str, filter: Mapping[str, Any] | None = None, **paging: Any) -> PageRequest:
    """Check what a client searches for; for the paging see `PageRequest.of`.

    Raises:
        InvalidInput: as there, or a query of more than 255 characters or of what no text can hold.
    """
    if not is_storable_text(query):
        raise InvalidInput.of("query", "This holds characters that can be found nowhere.")
    if len(query) > MAX_FILTER_LENGTH:
        raise InvalidInput.of("query", f"This may have {MAX_FILTER_LENGTH} characters at most.")
    search = normalize("NFC", query.strip())
    return PageRequest.of(MATCHES, "searchArticles", filter=filter, search=search, **paging)


async def search(session: ReadSession, actor: Actor, *, request: PageRequest) -> SearchResult:
    """Return one page of the articles that match, by relevance or by age.

    Where nothing matches, words that no article holds are taken for the most similar one that some article does, and
    that is searched instead.
    """
    actor.require(Permission.ARTICLES_READ)
    if not query_text(request):
        return SearchResult(slice_page([], request), 0, request)
    found = await _run_search(session, actor, request)
    if found.total:
        return found
    instead = await correct_spelling(session, actor, query_text(request))
    if instead is None:
        return found
    again = await _run_search(session, actor, _with_query(request, instead))
    return SearchResult(again.page, again.total, again.request, instead) if again.total else found


async def load_highlights(
    session: ReadSession, actor: Actor, *, query: str, ids: Sequence[UUID]
) -> dict[UUID, Highlight]:
    """Return where these articles match a query: the whole title, and a snippet of at most 50 words."""
    actor.require(Permission.ARTICLES_READ)
    statement = _highlight_statement(frozenset(actor.permissions))
    result = await session.exec(statement, params={**bind_values(actor), "ids": list(ids), "query": query})
    return {row_id: Highlight(parse_segments(title), parse_segments(snippet)) for row_id, title, snippet in result}


async def load_facets(session: ReadSession, actor: Actor, *, request: PageRequest) -> Facets:
    """Return how many matching articles there are by language, author and month."""
    actor.require(Permission.ARTICLES_READ)
    if not query_text(request):
        return Facets([], [], [])
    matched = _matches_cte(actor.permissions, request, has_ranks=False)
    month = _month_expression(matched.c.created_at)
    counted = union_all(
        *(
            select(literal(kind, Text()).label("kind"), cast(value, Text()).label("value"), func.count().label("count"))
            .select_from(matched)
            .group_by(value)
            for kind, value in (("language", matched.c.language), ("author", matched.c.author_id), ("month", month))
        )
    ).subquery()
    result = await session.exec(select(counted), params=bind_values(actor, request))
    by_kind: dict[str, list[tuple[str, int]]] = {"language": [], "author": [], "month": []}
    for kind, value, count in result:
        by_kind[kind].append((value, count))
    languages, authors = (sorted(by_kind[kind], key=lambda f: (-f[1], f[0])) for kind in ("language", "author"))
    months = sorted(by_kind["month"], reverse=True)
    return Facets(languages, [(UUID(value), count) for value, count in authors[:MAX_FACET_AUTHORS]], months)


async def _run_search(session: ReadSession, actor: Actor, request: PageRequest) -> SearchResult:
    statement = page_statement(Actor(permissions=frozenset(actor.permissions)), _without_values(request))
    rows = (await session.exec(statement, params=bind_values(actor, request))).all()
    make = row_class(Article).of
    hits = [Hit(make(columns), cursor, rank) for _, cursor, rank, *columns in rows if rank is not None]
    return SearchResult(slice_page(hits, request), rows[0][0], request)


@lru_cache(maxsize=64)  # it takes as long to put together as PostgreSQL takes to answer a small one
def page_statement(actor: Actor, request: PageRequest) -> Select[Any]:
    """Return the statement for a page of articles with cursors and ranks, and the total number of matches.

    It depends on what the actor may do and on the shape of the request, and on no value.
    """
    [key, _] = order_keys(MATCHES, request)
    rows = _page_rows(actor.permissions).add_columns(PAGE_CTE.c.key, PAGE_CTE.c.rank).subquery("rows")
    columns = [rows.c[column.name] for column in table_of(Article).c]
    total = select(func.count()).select_from(MATCHED_CTE).scalar_subquery()
    one = select(literal(1).label("one")).subquery("one")
    found: Select[Any] = (
        select(total, encode_cursor(rows.c.key, rows.c.id), rows.c.rank, *columns)
        .select_from(one.outerjoin(rows, true()))
        .order_by(*order_by(OrderKey(column, key.downwards) for column in (rows.c.key, rows.c.id)))
        .add_cte(*_match_and_page_ctes(actor.permissions, request, bindparam("limit", type_=Integer())))
    )
    return found


def _match_and_page_ctes(permissions: AbstractSet[Permission], request: PageRequest, limit: Any) -> tuple[CTE, CTE]:
    """Return the CTEs of all matches and of the page.

    The page is planned for the longest one, since a plan may not know the limit.
    """
    [(key, _), (row_id, _)] = order_keys(MATCHES, request)
    ids = select(row_id.label("id"), key.label("key"), MATCHED_CTE.c.rank, MATCHED_CTE.c.terms).select_from(MATCHED_CTE)
    longest = apply_page(ids, MATCHES, request, literal_column(str(MAX_PAGE_SIZE + 1))).subquery("longest")
    matched = _matches_cte(permissions, request, has_ranks=True)
    return matched, select(*longest.c).limit(limit).cte("page")


def _page_rows(permissions: AbstractSet[Permission]) -> Select[Any]:
    return visible(permissions).where(col(Article.id) == PAGE_CTE.c.id)


def _highlight_expressions(terms: ColumnElement[Any]) -> dict[str, ColumnElement[str]]:
    """Return the expressions that highlight an article's matches in its own language."""
    title = highlight(col(Article.language), col(Article.title), terms, whole=True)
    snippet = highlight(col(Article.language), col(Article.content), terms, whole=False)
    return {"title": title, "snippet": truncate(snippet, table_of(Article), PAGE_CTE, QUERIES)}


@lru_cache(maxsize=16)
def _highlight_statement(permissions: frozenset[Permission]) -> Select[Any]:
    """Return the statement for the highlighted titles and snippets of the articles in the bind `ids`."""
    marks: Sequence[Any] = [*_highlight_expressions(QUERIES.c.terms).values()]
    rows = visible(permissions).where(col(Article.language) == QUERIES.c.language)
    statement = rows.with_only_columns(col(Article.id), *marks, maintain_column_froms=True)
    return statement.where(col(Article.id) == func.any(bindparam("ids", type_=ARRAY(Uuid()))))


def _matches_cte(permissions: AbstractSet[Permission], request: PageRequest, *, has_ranks: bool) -> CTE:
    """Return the CTE of all visible matches.

    Its inner part looks up what matches in any language, and keeps its OFFSET; the planner would else be free to read
    all articles and to compare each with every query. What that finds is compared with the query of its own language.
    """
    kept = (SEARCH_VIEW.c.id, SEARCH_VIEW.c.language, SEARCH_VIEW.c.author_id, SEARCH_VIEW.c.created_at)
    inner = select(*kept, SEARCH_VIEW.c.vector).where(
        SEARCH_VIEW.c.vector.bool_op("@@")(ANY_QUERY), *visible_conditions(permissions, SEARCH_VIEW.c)
    )
    filtered = apply_filter(inner, MATCHES, permissions, request.filter.condition)
    each = filtered.offset(literal_column("0")).subquery("each")
    columns: list[Any] = [each.c[column.name] for column in kept]
    if has_ranks:
        columns += [_rank_expression(each.c.vector).label("rank"), QUERIES.c.terms]
    in_language = and_(QUERIES.c.language == each.c.language, each.c.vector.bool_op("@@")(QUERIES.c.query))
    return select(*columns).select_from(each.join(QUERIES, in_language)).cte("matched").prefix_with("MATERIALIZED")


def _rank_expression(vector: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return how well an article fits.

    Two and more if its title matches, one and more if a part of the query is in its title.
    """
    matches = vector.bool_op("@@")
    in_title = case((matches(QUERIES.c.title_query), literal_column("2")), else_=literal_column("1"))
    by_title = case((matches(QUERIES.c.title_terms), in_title), else_=literal_column("0"))
    by_mentions = func.ts_rank_cd(vector, QUERIES.c.query, literal_column("33"))  # by length, and below one
    return cast(by_mentions + by_title, REAL)


def query_text(request: PageRequest) -> str:
    """Return the text that a request searches for."""
    return request.search or ""


def _without_values(request: PageRequest) -> PageRequest:
    """Return a request without its values."""
    cursor = None if request.cursor is None else (("",), UUID(int=0))
    return replace(request, limit=0, filter=Filter(request.filter.condition), cursor=cursor, fingerprint="", search="")


def _with_query(request: PageRequest, query: str) -> PageRequest:
    """Return the same request with another query; its cursors stay those of the first query."""
    return replace(request, search=query)


def _month_expression(moment: ColumnElement[Any]) -> ColumnElement[str]:
    month: ColumnElement[str] = func.to_char(func.timezone("UTC", moment), "YYYY-MM", type_=Text())
    return month


def _facet(name: str, value: ColumnElement[Any], *, newest_first: bool = False) -> Select[Any]:
    """Return how many matches have each value, in the order of `load_facets`."""
    count = func.count().label("count")
    text = cast(value, Text()).collate("C")
    order: list[Any] = [text.desc()] if newest_first else [func.count().desc(), text]
    place = func.row_number().over(order_by=order).label("place")
    return select(value.label(name), count, place).select_from(MATCHED_CTE).group_by(value).order_by(place)


ARTICLE_SEARCH = ArticleSearchSource(
    collection=ARTICLES,
    matches=MATCHES,
    matched=MATCHED_CTE,
    page=PAGE_CTE,
    match_and_page_ctes=_match_and_page_ctes,
    rows=_page_rows,
    match_expressions={"rank": PAGE_CTE.c.rank, **_highlight_expressions(PAGE_CTE.c.terms)},
    marks=(START, STOP),
    segments=select_segments,
    result_expressions={"corrected": false(), "corrected_query": cast(null(), Text)},
    facets={
        "languages": _facet("value", MATCHED_CTE.c.language),
        "authors": _facet("author_id", MATCHED_CTE.c.author_id).limit(literal_column(str(MAX_FACET_AUTHORS))),
        "months": _facet("value", _month_expression(MATCHED_CTE.c.created_at), newest_first=True),
    },
    is_empty_search=lambda request: not query_text(request),
)
