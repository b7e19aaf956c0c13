"""Finding articles: by words and phrases, each article in its own language, the best first.

What is searched is the view `articles_search`: no policy lets full text reach an index, so the view reads with its
owner's rights, keeps to the tenant, and who sees which article is said here as everywhere. Of what it finds only ids
are taken; the articles themselves come through their own wall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    REAL,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    lateral,
    literal,
    literal_column,
    select,
    table,
    true,
    union_all,
)
from sqlalchemy import column as named
from sqlmodel import col

from models import Article
from models.base import Row, row_class
from models.database import AnySession
from services.access import Actor, Permission
from services.articles.corrections import corrected
from services.articles.rules import ARTICLES, LONGEST_TITLE, filters_of, seen, visible
from services.articles.searched import ASKED, SEARCHED, query_in
from services.articles.segments import CLEAN, SNIPPET, TITLE, Segment, segments
from services.cursors import cursor_of
from services.errors import InvalidInput
from services.pagination import LONGEST_FILTER, Collection, Order, PageRequest
from services.reading import Edge, Page, by_keys, cut, values_of
from services.selects import directed, filtered, order_keys, paged
from services.validation import storable

__all__ = [
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

MOST_WORDS = 50
MOST_SUGGESTIONS = 20
MOST_AUTHORS = 20

MATCHED = table("matched", named("id", Uuid()), named("rank", REAL()), named("created_at", DateTime(timezone=True)))
"""What was found, each with its rank, while a page of it is taken."""

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
    rows = visible(actor.permissions)
    config = func.atrium_text_config(col(Article.language))
    marked = [
        func.ts_headline(config, func.translate(text, *CLEAN), query_in(col(Article.language)), options)
        for text, options in ((col(Article.title), TITLE), (col(Article.content), SNIPPET))
    ]
    statement = rows.with_only_columns(col(Article.id), *marked, maintain_column_froms=True)
    statement = statement.where(col(Article.id) == func.any(bindparam("ids", type_=ARRAY(Uuid()))))
    result = await session.exec(statement, params={**values_of(actor), "ids": list(ids), "query": query})
    return {row_id: Highlight(segments(title), segments(snippet, most=MOST_WORDS)) for row_id, title, snippet in result}


async def facets(session: AnySession, actor: Actor, *, request: PageRequest) -> Facets:
    """How many of all that was found are in which language, by whom, and of which month."""
    actor.require(Permission.ARTICLES_READ)
    if not query_of(request):
        return Facets([], [], [])
    matched = _matched(actor, request, SEARCHED.c.language, SEARCHED.c.author_id, SEARCHED.c.created_at)
    month = func.to_char(func.timezone("UTC", matched.c.created_at), "YYYY-MM")
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
    result = await session.exec(statement, params=values_of(actor, request))
    rows = result.all()
    places = [(row_id, cursor, rank) for _, row_id, cursor, rank in rows if row_id is not None]
    there = await by_keys(session, actor, ARTICLES, "id", [row_id for row_id, _, _ in places])
    hits = [Hit(there[row_id], cursor, rank) for row_id, cursor, rank in places]
    return Found(cut(hits, request), rows[0][0], request)


@lru_cache(maxsize=256)  # it takes as long to put together as PostgreSQL takes to answer a small one
def statement_of(actor: Actor, request: PageRequest) -> Select[Any]:
    """A page of ids with their cursors and ranks, each beside the number of all that was found.

    It depends on what the actor may do and on the shape of the request, and on no value.
    """
    rank = func.ts_rank_cd(SEARCHED.c.vector, ASKED.c.query, 1)
    matched = _matched(actor, request, SEARCHED.c.id, SEARCHED.c.created_at, rank.label("rank"))
    key, row_id, downwards = order_keys(MATCHES, request)
    page = select(row_id.label("id"), MATCHED.c.rank, key.label("key")).select_from(MATCHED)
    rows = paged(page, MATCHES, request, bindparam("limit", type_=Integer())).subquery("page")
    total = select(func.count()).select_from(MATCHED).scalar_subquery()
    one = select(literal(1).label("one")).subquery("one")
    return (
        select(total, rows.c.id, cursor_of(rows.c.key, rows.c.id), rows.c.rank)
        .select_from(one.outerjoin(rows, true()))
        .order_by(*directed((rows.c.key, rows.c.id), downwards=downwards))
        .add_cte(matched)
    )


def _matched(actor: Actor, request: PageRequest, *columns: Any) -> CTE:
    """Everything that matches and is visible.

    Its inner part keeps its OFFSET, which has it run once for each language, with the query of that language looked
    up in the index; the planner would else be free to read all articles and to compare each with every query.
    """
    inner = select(*columns).where(SEARCHED.c.language == ASKED.c.language, *seen(actor.permissions, SEARCHED.c))
    wanted = [name for name, _ in request.filters]
    inner = filtered(inner.correlate(ASKED), MATCHES, actor.permissions, wanted).offset(literal_column("0"))
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
