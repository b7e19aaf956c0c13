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
    bindparam,
    cast,
    false,
    func,
    lateral,
    literal,
    literal_column,
    null,
    select,
    table,
    true,
    union_all,
)
from sqlalchemy import column as named
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel import col

from models import Article
from models.base import Row, row_class, table_of
from models.database import AnySession
from services.articles.highlights import Segment, marked, pieces, segments, shortened
from services.articles.rules import ARTICLES, LONGEST_TITLE, filters_of, seen, visible
from services.articles.search_view import ASKED, SEARCHED, query_in
from services.articles.spelling import corrected
from services.errors import InvalidInput
from services.permissions import Actor, Permission
from services.queries.collection import LONGEST_FILTER, MOST, Collection, Order, PageRequest
from services.queries.cursors import cursor_of
from services.queries.loading import Edge, Page, cut, values_of
from services.queries.search_source import Finding
from services.queries.statements import directed, filtered, order_keys, paged
from services.validation import storable

__all__ = [
    "FOUND",
    "MATCHES",
    "Facets",
    "Found",
    "Highlight",
    "Hit",
    "facets",
    "highlights",
    "query_of",
    "request_of",
    "search",
    "statement_of",
    "suggest",
]

MOST_SUGGESTIONS = 20
MOST_AUTHORS = 20

MATCHED = table(
    "matched",
    named("id", Uuid()),
    named("language", Text()),
    named("author_id", Uuid()),
    named("created_at", DateTime(timezone=True)),
    named("rank", REAL()),
    named("query", TSQUERY()),
)
"""What was found, each with its rank, while a page of it is taken."""

PAGE = table("page", named("id", Uuid()), named("key"), named("rank", REAL()), named("query", TSQUERY()))
"""The page, each with what it is sorted by."""

MATCHES = Collection(
    model=Article,
    visible=visible,
    filters={"query": SEARCHED.c.vector.bool_op("@@")(ASKED.c.query), **filters_of(SEARCHED.c)},
    orders={"relevance": Order.by(MATCHED.c.rank), "newest": Order.by(MATCHED.c.created_at)},
    default_order=("relevance", True),
    row_id=MATCHED.c.id,
)


@dataclass(frozen=True, slots=True)
class Hit(Edge):
    """An article that was found, its place, and how well it fits."""

    rank: float


@dataclass(frozen=True, slots=True)
class Found:
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


def request_of(query: str, filters: Mapping[str, Any], **paging: Any) -> PageRequest:
    """Check what a client searches for; for the paging see `PageRequest.of`.

    Raises:
        InvalidInput: as there, or a query of more than 255 characters or of what no text can hold.
    """
    if not storable(query):
        raise InvalidInput.of("query", "This holds characters that can be found nowhere.")
    if len(query) > LONGEST_FILTER:
        raise InvalidInput.of("query", f"This may have {LONGEST_FILTER} characters at most.")
    return PageRequest.of(MATCHES, "searchArticles", filters={**filters, "query": query.strip()}, **paging)


async def search(session: AnySession, actor: Actor, *, request: PageRequest) -> Found:
    """One page of the articles that match, the best or the newest first.

    Where nothing matches, words that no article holds are taken for the most similar one that some article does, and
    that is searched instead.
    """
    actor.require(Permission.ARTICLES_READ)
    if not query_of(request):
        return Found(cut([], request), 0, request)
    found = await _searched(session, actor, request)
    if found.total:
        return found
    instead = await corrected(session, actor, query_of(request))
    if instead is None:
        return found
    again = await _searched(session, actor, _asking(request, instead))
    return Found(again.page, again.total, again.request, instead) if again.total else found


async def highlights(session: AnySession, actor: Actor, *, query: str, ids: Sequence[UUID]) -> dict[UUID, Highlight]:
    """Where these articles match a query: the title whole, and of the content a snippet of 50 words at most."""
    actor.require(Permission.ARTICLES_READ)
    statement = _highlighted(frozenset(actor.permissions))
    result = await session.exec(statement, params={**values_of(actor), "ids": list(ids), "query": query})
    return {row_id: Highlight(segments(title), segments(snippet)) for row_id, title, snippet in result}


async def facets(session: AnySession, actor: Actor, *, request: PageRequest) -> Facets:
    """How many of all that was found are in which language, by whom, and of which month."""
    actor.require(Permission.ARTICLES_READ)
    if not query_of(request):
        return Facets([], [], [])
    matched = _matched(actor.permissions, request, SEARCHED.c.language, SEARCHED.c.author_id, SEARCHED.c.created_at)
    month = _month_of(matched.c.created_at)
    counted = union_all(
        *(
            select(literal(kind, Text()).label("kind"), cast(value, Text()).label("value"), func.count().label("count"))
            .select_from(matched)
            .group_by(value)
            for kind, value in (("language", matched.c.language), ("author", matched.c.author_id), ("month", month))
        )
    ).subquery()
    result = await session.exec(select(counted), params=values_of(actor, request))
    by_kind: dict[str, list[tuple[str, int]]] = {"language": [], "author": [], "month": []}
    for kind, value, count in result:
        by_kind[kind].append((value, count))
    languages, authors = (sorted(by_kind[kind], key=lambda f: (-f[1], f[0])) for kind in ("language", "author"))
    months = sorted(by_kind["month"], reverse=True)
    return Facets(languages, [(UUID(value), count) for value, count in authors[:MOST_AUTHORS]], months)


async def suggest(session: AnySession, actor: Actor, *, prefix: str, first: int = 10) -> list[Row]:
    """The articles whose titles begin with this, in any case, by title; none when it is blank.

    Raises:
        InvalidInput: a prefix of more than 200 characters or of what no text can hold, or `first` not from 1 to 20.
    """
    rows = visible(actor.permissions)
    if not storable(prefix) or len(prefix) > LONGEST_TITLE:
        raise InvalidInput.of("prefix", f"A prefix has {LONGEST_TITLE} characters at most, and none that are not text.")
    if not 1 <= first <= MOST_SUGGESTIONS:
        raise InvalidInput.of("first", f"There are 1 to {MOST_SUGGESTIONS} suggestions.")
    if not prefix.strip():
        return []
    begin = func.lower(bindparam("prefix", type_=Text()))
    end = begin + literal("\U0010ffff", Text())  # no character comes behind it
    key = col(Article.title_key)
    statement = rows.where(key >= begin, key < end).order_by(key, col(Article.id)).limit(bindparam("first"))
    result = await session.exec(statement, params={**values_of(actor), "prefix": prefix.lstrip(), "first": first})
    return [row_class(Article).of(row) for row in result]


async def _searched(session: AnySession, actor: Actor, request: PageRequest) -> Found:
    statement = statement_of(Actor(permissions=frozenset(actor.permissions)), _shape(request))
    rows = (await session.exec(statement, params=values_of(actor, request))).all()
    make = row_class(Article).of
    hits = [Hit(make(columns), cursor, rank) for _, cursor, rank, *columns in rows if rank is not None]
    return Found(cut(hits, request), rows[0][0], request)


@lru_cache(maxsize=256)  # it takes as long to put together as PostgreSQL takes to answer a small one
def statement_of(actor: Actor, request: PageRequest) -> Select[Any]:
    """A page of articles with their cursors and ranks, each beside the number of all that was found.

    It depends on what the actor may do and on the shape of the request, and on no value.
    """
    _, _, downwards = order_keys(MATCHES, request)
    rows = _rows(actor.permissions).add_columns(PAGE.c.key, PAGE.c.rank).subquery("rows")
    columns = [rows.c[column.name] for column in table_of(Article).c]
    total = select(func.count()).select_from(MATCHED).scalar_subquery()
    one = select(literal(1).label("one")).subquery("one")
    found: Select[Any] = (
        select(total, cursor_of(rows.c.key, rows.c.id), rows.c.rank, *columns)
        .select_from(one.outerjoin(rows, true()))
        .order_by(*directed((rows.c.key, rows.c.id), downwards=downwards))
        .add_cte(*_parts(actor.permissions, request, bindparam("limit", type_=Integer())))
    )
    return found


def _parts(permissions: AbstractSet[Permission], request: PageRequest, limit: Any) -> tuple[CTE, CTE]:
    """All that matches, and the page of that.

    The page is planned for the longest one, since a plan may not know the limit.
    """
    rank = func.ts_rank_cd(SEARCHED.c.vector, ASKED.c.query, 1)
    kept = (SEARCHED.c.id, SEARCHED.c.language, SEARCHED.c.author_id, SEARCHED.c.created_at)
    key, row_id, _ = order_keys(MATCHES, request)
    ids = select(row_id.label("id"), key.label("key"), MATCHED.c.rank, MATCHED.c.query).select_from(MATCHED)
    longest = paged(ids, MATCHES, request, literal_column(str(MOST + 1))).subquery("longest")
    matched = _matched(permissions, request, *kept, rank.label("rank"), ASKED.c.query)
    return matched, select(*longest.c).limit(limit).cte("page")


def _rows(permissions: AbstractSet[Permission]) -> Select[Any]:
    return visible(permissions).where(col(Article.id) == PAGE.c.id)


def _marks(query: ColumnElement[Any]) -> dict[str, ColumnElement[str]]:
    """Where an article matches a query in its language."""
    config = func.atrium_text_config(col(Article.language))
    title = marked(config, col(Article.title), query, whole=True)
    snippet = marked(config, col(Article.content), query, whole=False)
    return {"title": title, "snippet": shortened(snippet, table_of(Article), PAGE)}


@lru_cache(maxsize=16)
def _highlighted(permissions: frozenset[Permission]) -> Select[Any]:
    """The marked titles and snippets of the articles in the bind `ids`, over the bind `query`."""
    marks: Sequence[Any] = [*_marks(query_in(col(Article.language))).values()]
    rows = visible(permissions)
    statement = rows.with_only_columns(col(Article.id), *marks, maintain_column_froms=True)
    return statement.where(col(Article.id) == func.any(bindparam("ids", type_=ARRAY(Uuid()))))


def _matched(permissions: AbstractSet[Permission], request: PageRequest, *columns: Any) -> CTE:
    """Everything that matches and is visible.

    Its inner part keeps its OFFSET, which has it run once for each language, with the query of that language looked
    up in the index; the planner would else be free to read all articles and to compare each with every query.
    """
    inner = select(*columns).where(SEARCHED.c.language == ASKED.c.language, *seen(permissions, SEARCHED.c))
    wanted = [name for name, _ in request.filters]
    inner = filtered(inner.correlate(ASKED), MATCHES, permissions, wanted).offset(literal_column("0"))
    each = lateral(inner, "each")
    return select(*each.c).select_from(ASKED.join(each, true())).cte("matched").prefix_with("MATERIALIZED")


def query_of(request: PageRequest) -> str:
    """What a request searches for."""
    return str(dict(request.filters)["query"])


def _shape(request: PageRequest) -> PageRequest:
    """A request without its values."""
    names = tuple((name, None) for name, _ in request.filters)
    cursor = None if request.cursor is None else ("", UUID(int=0))
    return replace(request, limit=0, filters=names, cursor=cursor, fingerprint="")


def _asking(request: PageRequest, query: str) -> PageRequest:
    """The same request for something else; cursors stay those of what was asked first."""
    return replace(request, filters=tuple(sorted({**dict(request.filters), "query": query}.items())))


def _month_of(moment: ColumnElement[Any]) -> ColumnElement[str]:
    month: ColumnElement[str] = func.to_char(func.timezone("UTC", moment), "YYYY-MM", type_=Text())
    return month


def _tally(name: str, value: ColumnElement[Any], *, newest_first: bool = False) -> Select[Any]:
    """How many of all that was found have each value, in the order of `facets`."""
    count = func.count().label("count")
    text = cast(value, Text()).collate("C")
    order: list[Any] = [text.desc()] if newest_first else [func.count().desc(), text]
    place = func.row_number().over(order_by=order).label("place")
    return select(value.label(name), count, place).select_from(MATCHED).group_by(value).order_by(place)


FOUND = Finding(
    collection=ARTICLES,
    matches=MATCHES,
    matched=MATCHED,
    page=PAGE,
    parts=_parts,
    rows=_rows,
    said={"rank": PAGE.c.rank, **_marks(PAGE.c.query)},
    pieces=pieces,
    of_all={"corrected": false(), "corrected_query": cast(null(), Text)},
    tallies={
        "languages": _tally("value", MATCHED.c.language),
        "authors": _tally("author_id", MATCHED.c.author_id).limit(literal_column(str(MOST_AUTHORS))),
        "months": _tally("value", _month_of(MATCHED.c.created_at), newest_first=True),
    },
    is_nothing=lambda request: not query_of(request),
)
