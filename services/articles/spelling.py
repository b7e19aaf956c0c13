"""What a misspelled query may have meant: for each of its words the most similar one that a visible article holds."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ARRAY, Select, Text, Uuid, bindparam, exists, func, lateral, select, table, true
from sqlalchemy import column as named

from models.database import AnySession
from services.articles.rules import seen
from services.articles.search_view import PRESENT, SEARCHED
from services.permissions import Actor, Permission
from services.queries.loading import values_of

__all__ = ["corrected", "statement_of", "words_of"]

MOST_WORDS = 8
MOST_CANDIDATES = 8

KNOWN = table("article_words_search", named("tenant_id", Uuid()), named("word", Text()))

# Words as they are kept: letters alone, four at least. What is not wanted has none to be corrected.
_WORD = re.compile(r"(?<![\w-])-?\w+")
_KEPT = re.compile(r"[^\W\d_]{4,30}")


async def corrected(session: AnySession, actor: Actor, query: str) -> str | None:
    """The query with its first eight words put right as far as need be; None when nothing is to be put right."""
    actor.require(Permission.ARTICLES_READ)
    words = words_of(query)
    if not words:
        return None
    result = await session.exec(statement_of(actor), params={**values_of(actor), "words": words})
    known = {given: best for given, best in result if given != best}
    return _put_right(query, known) if known else None


def words_of(query: str) -> list[str]:
    """The words of a query that may be misspelled."""
    given = (word for word in _WORD.findall(query.lower()) if _KEPT.fullmatch(word))
    return list(dict.fromkeys(given))[:MOST_WORDS]


def statement_of(actor: Actor) -> Select[Any]:
    """For each word of the bind `words` the most similar known one that some visible article holds."""
    given = func.unnest(bindparam("words", type_=ARRAY(Text()))).table_valued(named("word", Text()), name="given")
    given = given.render_derived()
    distance = KNOWN.c.word.op("<->")(given.c.word)
    similar = (
        select(KNOWN.c.word, distance.label("distance"))
        .where(KNOWN.c.word.bool_op("%")(given.c.word))
        .order_by(distance)
        .limit(MOST_CANDIDATES)
        .correlate(given)
        .subquery("similar")
    )
    meant = func.plainto_tsquery(func.atrium_text_config(PRESENT.c.language), similar.c.word)
    in_language = SEARCHED.c.language == PRESENT.c.language
    held = (
        exists()
        .select_from(PRESENT.join(SEARCHED, in_language))
        .where(
            SEARCHED.c.vector.bool_op("@@")(meant),
            *seen(actor.permissions, SEARCHED.c),
        )
    )
    best = lateral(
        select(similar.c.word).where(held.correlate(similar)).order_by(similar.c.distance, similar.c.word).limit(1),
        "best",
    )
    return select(given.c.word, best.c.word).select_from(given.join(best, true()))


def _put_right(query: str, known: Mapping[str, str]) -> str:
    return _WORD.sub(lambda word: known.get(word[0].lower(), word[0]), query)
