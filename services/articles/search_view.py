"""What is searched: the view of all articles' words, and the query in each language that the tenant writes in."""

from typing import Any

from sqlalchemy import CTE, ColumnElement, DateTime, Text, Uuid, bindparam, column, func, select, table
from sqlalchemy.dialects.postgresql import TSVECTOR
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


def query_in_language(language: Any) -> ColumnElement[Any]:
    """Return the bind `query` as a tsquery in a language: words, phrases, `or`, and `-` for exclusion."""
    query: ColumnElement[Any] = func.websearch_to_tsquery(
        func.atrium_text_config(language), bindparam("query", type_=Text())
    )
    return query


def _languages() -> CTE:
    """Return the languages of the tenant's articles and a null, by a loose index scan."""
    language = col(Article.language)
    lowest = select(func.min(language)).where(col(Article.tenant_id) == TENANT_ID)
    known = lowest.with_only_columns(func.min(language).label("language")).cte("present", recursive=True)
    following = lowest.where(language > known.c.language).scalar_subquery()
    return known.union_all(select(following).where(known.c.language.is_not(None)))


LANGUAGES = _languages()

QUERIES = (
    select(LANGUAGES.c.language, query_in_language(LANGUAGES.c.language).label("query"))
    .where(LANGUAGES.c.language.is_not(None))
    .cte("asked")
    .prefix_with("MATERIALIZED")
)
