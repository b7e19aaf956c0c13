"""Articles in GraphQL: writing and reading them in `types`, finding them in `search`."""

from graph.articles.search import ArticleSearchConnection, ArticleSearchEdge, Queries
from graph.articles.types import (
    MUTATIONS,
    Article,
    ArticleFilter,
    ArticleOrder,
    ArticleOutcome,
    ArticleOutcomes,
    Subscriptions,
)
from graph.fields.domain import Domain

__all__ = [
    "DOMAIN",
    "Article",
    "ArticleFilter",
    "ArticleOrder",
    "ArticleOutcome",
    "ArticleOutcomes",
    "ArticleSearchConnection",
    "ArticleSearchEdge",
    "Queries",
    "Subscriptions",
]

DOMAIN = Domain(queries=Queries, mutations=MUTATIONS, subscriptions=Subscriptions)
