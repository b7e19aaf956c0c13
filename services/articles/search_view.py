"""What is searched: the view of all articles' words, and the query in each language that the tenant writes in."""

from typing import Any

from sqlalchemy import ARRAY, CTE, DateTime, Text, Uuid, bindparam, column, func, lateral, select, table, true
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlmodel import col

from models import Article
from services.permissions import TENANT_ID

__all__ = ["LANGUAGES", "QUERIES", "SEARCH_VIEW", "query_in_language"]

SEARCH_VIEW = table(
    "articles_search",
    column("tenant_id", Uuid()),
    column("id", Uuid()),
    column("language", Text()),
    column("status", Text()),
    column("author_id", Uuid()),
    column("created_at", DateTime(timezone=True)),
    column("vector", TSVECTOR()),
)


QUERY = bindparam("query", type_=Text())


def query_in_language(language: Any, query: Any = QUERY) -> Any:
    """Return a query as a language reads it, one row: what it asks of a vector, of a title, and what it highlights.

    It has words, phrases, `or`, and `-` for exclusion; see `atrium_search_query` in the migrations.
    """
    columns = [column(name, TSQUERY()) for name in ("query", "title_query", "title_terms")]
    parsed = func.atrium_search_query(language, query).table_valued(*columns, column("terms", ARRAY(Text())))
    return lateral(select(*parsed.c), "parsed")


def _languages() -> CTE:
    """Return the languages of the tenant's articles and a null, by a loose index scan."""
    language = col(Article.language)
    lowest = select(func.min(language)).where(col(Article.tenant_id) == TENANT_ID)
    known = lowest.with_only_columns(func.min(language).label("language")).cte("present", recursive=True)
    following = lowest.where(language > known.c.language).scalar_subquery()
    return known.union_all(select(following).where(known.c.language.is_not(None)))


LANGUAGES = _languages()

_PARSED = query_in_language(LANGUAGES.c.language)

QUERIES = (
    select(LANGUAGES.c.language, *_PARSED.c)
    .select_from(LANGUAGES.join(_PARSED, true()))
    .where(LANGUAGES.c.language.is_not(None))
    .cte("asked")
    .prefix_with("MATERIALIZED")
)
