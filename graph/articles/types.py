"""Writing and reading articles."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, cast

import strawberry
from strawberry import UNSET

import models
from graph import audit
from graph.fields.bulk import Outcome, Outcomes, parse_rows, to_outcomes
from graph.fields.connection import Connection, OrderDirection
from graph.fields.descriptions import enum, input_type, object_type, result_union
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.inputs import create_kwargs, id_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import to_many, to_one
from models import ArticleLanguage, ArticleStatus
from models.database import WriteSession
from services import articles
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = [
    "MUTATIONS",
    "Article",
    "ArticleFilter",
    "ArticleOrder",
    "ArticleOutcome",
    "ArticleOutcomes",
]

enum(ArticleLanguage)
enum(ArticleStatus)


@backed_by(articles.ARTICLES)
class Article(Node):
    """What a tenant writes for its members to read and to find."""

    title: str
    """What it is called, in 1 to 200 characters."""
    content: str
    """What it says: text, in up to 100,000 characters. What looks like markup in it is text too."""
    language: ArticleLanguage
    """What it is written in, and so how its words are found."""
    status: ArticleStatus
    """Whether it is there for everybody."""
    author: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("author_id", key="user_id")
    """Who wrote it; still there when they have left the tenant."""
    published_at: datetime | None
    """When it was published; null for a draft."""
    created_at: datetime
    """When it was begun."""
    updated_at: datetime
    """When it last changed."""
    version: int
    """How often it changed; for `expectedVersion`."""
    history: Connection[audit.AuditEntry] = to_many("row_id")
    """What became of it, the newest first."""


@input_type
class ArticleFilter:
    """Which articles are listed or searched."""

    status: ArticleStatus | None = UNSET
    """Drafts, or those that are published."""
    language: ArticleLanguage | None = UNSET
    """Those in this language."""
    author_id: strawberry.ID | None = id_of("User", default=UNSET)
    """Those of this person."""
    created_from: datetime | None = UNSET
    """Those begun at this moment or later."""
    created_before: datetime | None = UNSET
    """Those begun before this moment."""


@enum
class ArticleOrderField(Enum):
    """What articles can be sorted by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    TITLE = "title"


@input_type
class ArticleOrder:
    """How articles are sorted; by default the newest first."""

    field: ArticleOrderField
    """By what."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@input_type
class ImportArticleInput:
    """One article of many."""

    title: str
    """What it is called: 1 to 200 characters."""
    content: str
    """What it says: up to 100,000 characters of text."""
    language: ArticleLanguage = ArticleLanguage.ENGLISH
    """What it is written in."""
    status: ArticleStatus = ArticleStatus.DRAFT
    """Whether it is there for everybody; only admins and owners publish."""


@input_type
class CreateArticleInput(ImportArticleInput):
    """What a new article is."""

    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key makes one article only."""


@input_type
class UpdateArticleInput:
    """What changes about an article. What is absent stays as it is."""

    id: strawberry.ID = id_of("Article")
    """Which article."""
    title: strawberry.Maybe[str]
    """What it is called: 1 to 200 characters."""
    content: strawberry.Maybe[str]
    """What it says: up to 100,000 characters of text."""
    language: strawberry.Maybe[ArticleLanguage]
    """What it is written in."""
    status: strawberry.Maybe[ArticleStatus]
    """Whether it is there for everybody; only admins and owners publish."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class DeleteArticleInput:
    """Which article is deleted."""

    id: strawberry.ID = id_of("Article")
    """Which article."""


@input_type
class ImportArticlesInput:
    """Many new articles."""

    articles: list[ImportArticleInput]
    """1 to 1,000 of them."""
    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key makes them once."""


CreateArticleResult = Annotated[Article | NotFound | InvalidInput | IdempotencyConflict, result_union("CreateArticle")]
UpdateArticleResult = Annotated[Article | NotFound | InvalidInput | VersionConflict, result_union("UpdateArticle")]
DeleteArticleResult = Annotated[Article | NotFound, result_union("DeleteArticle")]
ImportedArticleResult = Annotated[Article | NotFound | InvalidInput, result_union("ImportedArticle")]


@object_type
class ArticleOutcome(Outcome):
    """What became of one article of a call."""

    result: ImportedArticleResult
    """The article, or why there is none; NotFound where the call was made before and it is gone since."""


@object_type
class ArticleOutcomes(Outcomes):
    """What became of the articles of a call."""

    outcomes: list[ArticleOutcome]
    """One for each row of the input, in their order."""


ImportArticlesResult = Annotated[ArticleOutcomes | InvalidInput | IdempotencyConflict, result_union("ImportArticles")]


@mutation(CreateArticleResult)
async def create_article(session: WriteSession, actor: Actor, input: CreateArticleInput) -> models.Article:
    """Write an article: a draft, unless an admin or owner publishes it at once."""
    return await articles.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(UpdateArticleResult)
async def update_article(session: WriteSession, actor: Actor, input: UpdateArticleInput) -> models.Article:
    """Change an article, only the fields that are given: your own draft, or any for admins and owners."""
    return await articles.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(DeleteArticleResult)
async def delete_article(session: WriteSession, actor: Actor, input: DeleteArticleInput) -> models.Article:
    """Delete an article for good: your own draft, or any for admins and owners; answers it as it was."""
    return await articles.delete(session, actor, **to_kwargs(input))


@mutation(ImportArticlesResult)
async def import_articles(session: WriteSession, actor: Actor, input: ImportArticlesInput) -> ArticleOutcomes:
    """Write up to 1,000 articles at once; those that are refused hold up no other. For admins and owners."""
    given = parse_rows(input.articles, "articles", lambda kwargs: cast("articles.ArticleChanges", kwargs))
    key = input.idempotency_key or None
    results = await articles.import_all(session, actor, rows=given, idempotency_key=key)
    return to_outcomes(ArticleOutcomes, ArticleOutcome, results)


MUTATIONS = [create_article, update_article, delete_article, import_articles]
