"""Writing and reading articles."""

from collections.abc import AsyncGenerator
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry
from strawberry import UNSET

import models
from graph import audit, subscriptions
from graph.fields.bulk import Outcome, Outcomes, parse_rows, to_outcomes
from graph.fields.columns import column
from graph.fields.connection import Connection
from graph.fields.descriptions import docstring_summary, enum, input_type, object_type, result_union
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.filtering import filter_input
from graph.fields.inputs import create_kwargs, given_or_none, id_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import to_many, to_one
from graph.fields.sorting import order_input
from graph.runtime.context import Info
from models import ArticleLanguage, ArticleStatus
from models.database import WriteSession
from services import articles
from services.permissions import Actor, Permission

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = [
    "MUTATIONS",
    "Article",
    "ArticleFilter",
    "ArticleOrder",
    "ArticleOutcome",
    "ArticleOutcomes",
    "ArticleSearchFilter",
    "ArticleStats",
    "Subscriptions",
]

enum(ArticleLanguage)
enum(ArticleStatus)


ArticleFilter = filter_input(
    articles.ARTICLES,
    ids={"author_id": "User"},
    related={"author": ("UserFilter", "graph.tenants")},
    mine="that the viewer wrote",
    status="publication status",
    published_at="date and time of publication",
)
ArticleSearchFilter = filter_input(
    articles.ARTICLE_SEARCH.matches,
    name="ArticleSearch",
    plural="articles that match",
    ids={"author_id": "User"},
    mine="that the viewer wrote",
    status="publication status",
)
ArticleOrder = order_input(articles.ARTICLES)


@backed_by(
    articles.ARTICLES,
    filter=ArticleFilter,
    order=ArticleOrder,
    listed_as="articles",
    mutations={"publish": "updateArticle"},
)
class Article(Node):
    """An article of the tenant, a text that members can read and search.

    Published articles are visible to all members, a draft only to its author and to admins and owners.
    """

    title: str
    """Title of the article, 1 to 200 characters."""
    content: str
    """Content of the article as plain text, at most 100,000 characters; not to be interpreted as HTML or other
    markup."""
    language: ArticleLanguage
    """Language of the article; determines how its words are searched."""
    status: ArticleStatus
    """Publication status of the article: draft or published."""
    author: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("author_id", key="user_id")
    """Member who wrote the article, even if they have since left the tenant."""
    published_at: datetime | None
    """Date and time the article was published (UTC); null for a draft."""
    created_at: datetime
    updated_at: datetime
    """Date and time the article was last changed (UTC)."""
    version: int
    history: Connection[audit.AuditEntry] = to_many("row_id")
    """Audit entries of the article, newest first by default. Members who did not write the article see only the changes
    since its latest publication."""


@object_type
class ArticleChange(audit.Change):
    """Message of the subscription `articleChanged`: one change of one article."""

    article_id: strawberry.ID
    """Global ID of the article that changed, even if the article no longer exists."""
    article: Article | None
    """Article as it is now, possibly newer than the change; null if the article was
    deleted, or is a draft of somebody else whom the viewer may not edit."""
    deleted_article_id: strawberry.ID | None
    """Global ID of the article if it can no longer be read, for Relay's `@deleteRecord`; null while there is an
    `article`."""


def _article_changed(
    info: Info, after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET
) -> AsyncGenerator[ArticleChange, None]:
    """Changes of the articles that the viewer sees, each once and in order, from now on or after a cursor.

    Of articles of others, who only reads learns what is published, changed since, withdrawn or deleted; of a
    publication, a withdrawal and a deletion the status alone is told.
    """
    return subscriptions.follow_changes(
        info,
        ArticleChange,
        "article",
        Permission.ARTICLES_READ,
        articles.ARTICLES,
        after or None,
        articles.CHANGED_ENTRIES,
    )


@object_type
class Subscriptions:
    """Articles, live."""

    article_changed: AsyncGenerator[ArticleChange, None] = strawberry.subscription(
        resolver=_article_changed, description=docstring_summary(_article_changed)
    )


@input_type
class ImportArticleInput:
    """Fields of one article to import with `importArticles`."""

    title: str
    """Title of the new article, 1 to 200 characters; surrounding whitespace is removed."""
    content: str
    """Content of the new article as plain text, at most 100,000 characters; surrounding whitespace is removed."""
    language: ArticleLanguage = ArticleLanguage.ENGLISH
    """Language of the new article, ENGLISH if omitted; determines how its words are searched."""
    status: ArticleStatus = ArticleStatus.DRAFT
    """Publication status of the new article: DRAFT if omitted."""


@object_type
class ArticleStatsGroupKey:
    """What the articles of one group in statistics have in common."""

    status: ArticleStatus | None = column()
    """Publication status of the articles of the group; null if they are not grouped by it."""
    language: ArticleLanguage | None = column()
    """Language of the articles of the group; null if they are not grouped by it."""
    author: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("author_id", key="user_id")
    """Author of the articles of the group; null if they are not grouped by it."""


@object_type
class ArticleStatsGroup:
    """A group of articles in statistics."""

    key: ArticleStatsGroupKey
    """What the articles of this group have in common."""
    period: date | None = column()
    """First day of the period of these articles; null if they are not grouped by periods, or have no such date."""
    count: int = column()
    """Number of articles in this group, 1 or more."""


@object_type
class ArticleStats:
    """Statistics of articles."""

    total_count: int
    """Number of articles in all groups."""
    groups: list[ArticleStatsGroup]
    """Groups of articles, by period and then by what they have in common; what no row is in is left out."""


@input_type
class CreateArticleInput(ImportArticleInput):
    """Fields of the article to create."""

    idempotency_key: str | None = UNSET


@input_type
class UpdateArticleInput:
    """Input of `updateArticle`: fields of the article to update; fields left out stay as they are."""

    id: strawberry.ID = id_of("Article")
    title: strawberry.Maybe[str]
    """New title of the article: 1 to 200 characters; cannot be null."""
    content: strawberry.Maybe[str]
    """New content of the article, plain text of at most 100,000 characters; cannot be null."""
    language: strawberry.Maybe[ArticleLanguage]
    """New language of the article, which decides how its words are searched; cannot be null."""
    status: strawberry.Maybe[ArticleStatus]
    """New status of the article; only admins and owners may publish. Cannot be null."""
    expected_version: int | None = UNSET


@input_type
class DeleteArticleInput:
    """Article to delete permanently: a draft of the viewer's own, or any article for admins and owners."""

    id: strawberry.ID = id_of("Article")


@input_type
class ImportArticlesInput:
    """Articles to import; for admins and owners."""

    articles: list[ImportArticleInput]
    """Articles to import, 1 to 1,000. The whole request may have 1.25 MiB: send fewer with long texts."""
    idempotency_key: str | None = UNSET
    """Key chosen by the client, 1 to 255 characters, that makes `importArticles` safe to retry: a repeated call with
    the same key and input creates nothing new and returns the articles imported by the first call; the same key with
    other input returns an IdempotencyConflict. Null to create without this protection."""


ImportedArticleResult = Annotated[
    Article | NotFound | InvalidInput,
    result_union(
        "ImportedArticle", "Result of `importArticles` for one article: the imported article, or a typed error."
    ),
]


@object_type
class ArticleOutcome(Outcome):
    """Outcome of `importArticles` for one article of the input."""

    result: ImportedArticleResult
    """Imported article, or a typed error; NotFound if a repeated call with the same idempotency key refers to an
    article deleted since."""


@object_type
class ArticleOutcomes(Outcomes):
    """Outcomes of one `importArticles` call, one for each article of the input."""

    outcomes: list[ArticleOutcome]
    """Outcome of each article, in the order of the input."""


@mutation(Article | NotFound | InvalidInput | IdempotencyConflict, result="the created article")
async def create_article(session: WriteSession, actor: Actor, input: CreateArticleInput) -> models.Article:
    """Create an article, as a draft unless published at once.

    Open to all members; only admins and owners publish.
    """
    return await articles.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(Article | NotFound | InvalidInput | VersionConflict, result="the updated article")
async def update_article(session: WriteSession, actor: Actor, input: UpdateArticleInput) -> models.Article:
    """Update an article: only the fields given in the input change.

    Members update their own drafts; admins and owners update any article and may publish it.
    """
    return await articles.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(Article | NotFound, result="the deleted article as it was before")
async def delete_article(session: WriteSession, actor: Actor, input: DeleteArticleInput) -> models.Article:
    """Delete an article permanently and return it as it was before.

    Members delete their own drafts; admins and owners delete any article.
    """
    return await articles.delete(session, actor, **to_kwargs(input))


@mutation(ArticleOutcomes | InvalidInput | IdempotencyConflict, result="the outcome of each article to import")
async def import_articles(session: WriteSession, actor: Actor, input: ImportArticlesInput) -> ArticleOutcomes:
    """Create 1 to 1,000 articles; failed rows do not affect the others.

    For admins and owners.
    """
    given = parse_rows(input.articles, "articles", lambda kwargs: cast("articles.ArticleChanges", kwargs))
    key = given_or_none(input.idempotency_key)
    results = await articles.import_all(session, actor, rows=given, idempotency_key=key)
    return to_outcomes(ArticleOutcomes, ArticleOutcome, results)


MUTATIONS = [create_article, update_article, delete_article, import_articles]
