"""What is searched: the view of all articles' words, and the query in each language that the tenant writes in."""

from typing import Any

from sqlalchemy import CTE, ColumnElement, DateTime, Text, Uuid, bindparam, func, select, table
from sqlalchemy import column as named
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import col

from models import Article
from services.permissions import TENANT_ID

__all__ = ["ASKED", "PRESENT", "SEARCHED", "query_in"]

SEARCHED = table(
    "articles_search",
    named("tenant_id", Uuid()),
    named("id", Uuid()),
    named("language", Text()),
    named("status", Text()),
    named("author_id", Uuid()),
    named("created_at", DateTime(timezone=True)),
    named("vector", TSVECTOR()),
)


def query_in(language: Any) -> ColumnElement[Any]:
    """The bind `query` as a query in this language: words, "phrases", `or`, and `-` before what must not be there."""
    query: ColumnElement[Any] = func.websearch_to_tsquery(
        func.atrium_text_config(language), bindparam("query", type_=Text())
    )
    return query


def _present() -> CTE:
    """The languages of the tenant's articles, and a null: from each to the next one, without reading all articles."""
    language = col(Article.language)
    lowest = select(func.min(language)).where(col(Article.tenant_id) == TENANT_ID)
    known = lowest.with_only_columns(func.min(language).label("language")).cte("present", recursive=True)
    following = lowest.where(language > known.c.language).scalar_subquery()
    return known.union_all(select(following).where(known.c.language.is_not(None)))


PRESENT = _present()

ASKED = (
    select(PRESENT.c.language, query_in(PRESENT.c.language).label("query"))
    .where(PRESENT.c.language.is_not(None))
    .cte("asked")
    .prefix_with("MATERIALIZED")
)
