"""What is searched: the view of all articles' words, and the query in each language that the tenant writes in."""

from typing import Any

from sqlalchemy import ARRAY, DateTime, Text, Uuid, bindparam, column, distinct, func, lateral, select, table, true
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlmodel import col

from models import ArticleLanguageInUse
from services.permissions import TENANT_ID

__all__ = ["ANY_QUERY", "LANGUAGES", "QUERIES", "SEARCH_VIEW", "query_in_language"]

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


LANGUAGES = (
    select(col(ArticleLanguageInUse.language)).where(col(ArticleLanguageInUse.tenant_id) == TENANT_ID).cte("present")
)
"""The languages of the tenant's articles; perhaps some that are no longer used."""

_PARSED = query_in_language(LANGUAGES.c.language)

QUERIES = (
    select(LANGUAGES.c.language, *_PARSED.c)
    .select_from(LANGUAGES.join(_PARSED, true()))
    .cte("asked")
    .prefix_with("MATERIALIZED")
)

ANY_QUERY = select(func.atrium_any_query(distinct(QUERIES.c.query), type_=TSQUERY())).scalar_subquery()
"""What matches if the query matches in any language, so that one look into the index is enough for all."""
