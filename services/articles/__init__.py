"""The rules of articles: writing and reading them in `rules`, finding them in `search`."""

from services.articles.rules import (
    ARTICLES,
    LONGEST_CONTENT,
    LONGEST_TITLE,
    ArticleChanges,
    change,
    columns_of,
    create,
    delete,
    import_all,
    visible,
)
from services.articles.search import (
    Facets,
    Found,
    Highlight,
    Hit,
    facets,
    highlights,
    query_of,
    request_of,
    search,
    statement_of,
    suggest,
)
from services.articles.segments import Segment

__all__ = [
    "ARTICLES",
    "LONGEST_CONTENT",
    "LONGEST_TITLE",
    "ArticleChanges",
    "Facets",
    "Found",
    "Highlight",
    "Hit",
    "Segment",
    "change",
    "columns_of",
    "create",
    "delete",
    "facets",
    "highlights",
    "import_all",
    "query_of",
    "request_of",
    "search",
    "statement_of",
    "suggest",
    "visible",
]
