"""The rules of articles: writing and reading them in `rules`, finding them in `search`."""

from services.articles.highlights import Segment
from services.articles.rules import (
    ARTICLES,
    MAX_CONTENT_LENGTH,
    MAX_TITLE_LENGTH,
    ArticleChanges,
    article_columns,
    create,
    delete,
    import_all,
    update,
    visible,
)
from services.articles.search import (
    ARTICLE_SEARCH,
    Facets,
    Highlight,
    Hit,
    SearchResult,
    load_facets,
    load_highlights,
    page_statement,
    parse_request,
    query_text,
    search,
)
from services.articles.suggestions import MAX_SUGGESTIONS, check_suggestion, select_suggestions, suggest

__all__ = [
    "ARTICLES",
    "ARTICLE_SEARCH",
    "MAX_CONTENT_LENGTH",
    "MAX_SUGGESTIONS",
    "MAX_TITLE_LENGTH",
    "ArticleChanges",
    "Facets",
    "Highlight",
    "Hit",
    "SearchResult",
    "Segment",
    "article_columns",
    "check_suggestion",
    "create",
    "delete",
    "import_all",
    "load_facets",
    "load_highlights",
    "page_statement",
    "parse_request",
    "query_text",
    "search",
    "select_suggestions",
    "suggest",
    "update",
    "visible",
]
