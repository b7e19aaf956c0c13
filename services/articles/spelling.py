"""What a misspelled query may have meant: for each of its words the most similar one that a visible article holds."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ARRAY, Select, Text, Uuid, bindparam, column, exists, func, lateral, select, table, true

from models.database import ReadSession
from services.articles.rules import visible_conditions
from services.articles.search_view import LANGUAGES, SEARCH_VIEW, query_in_language
from services.permissions import Actor, Permission
from services.queries.loading import bind_values

__all__ = ["correct_spelling", "correctable_words", "spelling_statement"]

MAX_CORRECTED_WORDS = 8
MAX_CANDIDATES = 8

WORDS_VIEW = table("article_words_search", column("tenant_id", Uuid()), column("word", Text()))

# Words as they are kept: letters alone, four at least. What is not wanted is matched whole, and no such word.
_WORD = re.compile(r'(?<!\S)-(?:"[^"]*"?|[^\s"-]\S*)|[^\W_]+')
_INDEXED_WORD = re.compile(r"[^\W\d_]{4,30}")


async def correct_spelling(session: ReadSession, actor: Actor, query: str) -> str | None:
    """Return the query with its first eight words corrected; None if there is nothing to correct."""
    actor.require(Permission.ARTICLES_READ)
    words = correctable_words(query)
    if not words:
        return None
    result = await session.exec(spelling_statement(actor), params={**bind_values(actor), "words": words})
    known = {given: best for given, best in result if given != best}
    return _replace_words(query, known) if known else None


def correctable_words(query: str) -> list[str]:
    """Return the words of a query that may be misspelled."""
    given = (word for word in _WORD.findall(query.lower()) if _INDEXED_WORD.fullmatch(word))
    return list(dict.fromkeys(given))[:MAX_CORRECTED_WORDS]


def spelling_statement(actor: Actor) -> Select[Any]:
    """Return the statement that finds the most similar visible word for each word of the bind `words`."""
    given = func.unnest(bindparam("words", type_=ARRAY(Text()))).table_valued(column("word", Text()), name="given")
    given = given.render_derived()
    distance = WORDS_VIEW.c.word.op("<->")(given.c.word)
    similar = (
        select(WORDS_VIEW.c.word, distance.label("distance"))
        .where(WORDS_VIEW.c.word.bool_op("%")(given.c.word))
        .order_by(distance)
        .limit(MAX_CANDIDATES)
        .correlate(given)
        .subquery("similar")
    )
    meant = query_in_language(LANGUAGES.c.language, similar.c.word)
    in_language = SEARCH_VIEW.c.language == LANGUAGES.c.language
    held = (
        exists()
        .select_from(LANGUAGES.join(meant, true()).join(SEARCH_VIEW, in_language))
        .where(
            SEARCH_VIEW.c.vector.bool_op("@@")(meant.c.query),
            *visible_conditions(actor.permissions, SEARCH_VIEW.c),
        )
    )
    best = lateral(
        select(similar.c.word).where(held.correlate(similar)).order_by(similar.c.distance, similar.c.word).limit(1),
        "best",
    )
    return select(given.c.word, best.c.word).select_from(given.join(best, true()))


def _replace_words(query: str, known: Mapping[str, str]) -> str:
    return _WORD.sub(lambda word: known.get(word[0].lower(), word[0]), query)
