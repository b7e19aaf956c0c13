"""Articles in GraphQL: writing and reading them in `things`, finding them in `search`."""

from graph.articles.search import ArticleSearchConnection, ArticleSearchEdge, Queries
from graph.articles.types import MUTATIONS, Article, ArticleFilter, ArticleOrder, ArticleOutcome, ArticleOutcomes

__all__ = [
    "MUTATIONS",
    "Article",
    "ArticleFilter",
    "ArticleOrder",
    "ArticleOutcome",
    "ArticleOutcomes",
    "ArticleSearchConnection",
    "ArticleSearchEdge",
    "Queries",
]
