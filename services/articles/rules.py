"""Writing and reading articles: members write drafts, admins and owners decide what everybody reads."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, func, or_, select, true
from sqlmodel import col

from models import Article, ArticleLanguage, ArticleStatus, AuditAction, AuditEntry
from models.base import CHANGE_TIME, new_id, table_of
from models.database import WriteSession, fetch
from services import tenants
from services.abilities import Ability
from services.errors import DomainError, Forbidden, InvalidInput, NotFound
from services.permissions import TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, related_row
from services.queries.filters import FilterField, choice_filter, scalar_filter, text_filter, viewer_filter
from services.queries.loading import bind_values, rows_by_key
from services.queries.statistics import Statistics
from services.tenants import member_filter
from services.validation import Validator, validating
from services.writes.bulk import Batch, insert_statement, unnest_params
from services.writes.idempotency import key_scope, once, once_many
from services.writes.rows import delete_row, get_row, insert_row, update_row

__all__ = [
    "ARTICLES",
    "ARTICLE_STATISTICS",
    "MAX_CONTENT_LENGTH",
    "MAX_TITLE_LENGTH",
    "ArticleChanges",
    "article_columns",
    "article_filters",
    "create",
    "delete",
    "import_all",
    "update",
    "visible",
    "visible_conditions",
]

MAX_TITLE_LENGTH = 200
MAX_CONTENT_LENGTH = 100_000


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return published articles and the actor's own drafts; all articles for who may publish."""
    require_permission(permissions, Permission.ARTICLES_READ)
    return select(*table_of(Article).c).where(
        col(Article.tenant_id) == TENANT_ID, *visible_conditions(permissions, table_of(Article).c)
    )


def visible_conditions(permissions: AbstractSet[Permission], columns: Any) -> list[ColumnElement[bool]]:
    """Return the conditions for visible articles, over the columns of the table or of the search view."""
    require_permission(permissions, Permission.ARTICLES_READ)
    if Permission.ARTICLES_PUBLISH in permissions:
        return []
    return [or_(columns.status == ArticleStatus.PUBLISHED, columns.author_id == USER_ID)]


def history_filter(permissions: AbstractSet[Permission], article: Any, entry: Any) -> ColumnElement[bool]:
    """Return the condition for visible history entries: of others' articles, those since the last publication."""
    if Permission.ARTICLES_PUBLISH in permissions:
        return true()
    earlier = table_of(AuditEntry).alias("publication")
    published = (
        select(func.max(earlier.c.created_at))
        .where(earlier.c.tenant_id == TENANT_ID, earlier.c.row_id == entry.row_id)
        .where(earlier.c.new_values["status"].astext == ArticleStatus.PUBLISHED)
        .correlate(entry.row_id.table)
        .scalar_subquery()
    )
    whole = and_(entry.action == AuditAction.CREATE, entry.created_at == published)
    return or_(article.author_id == USER_ID, entry.created_at > published, whole)


def article_filters(columns: Any) -> dict[str, FilterField]:
    """Return the filters of articles, over the columns of the table or of the search view."""
    return {
        "status": choice_filter(columns.status, ArticleStatus),
        "language": choice_filter(columns.language, ArticleLanguage),
        "author_id": member_filter(columns.author_id),
        "mine": viewer_filter(columns.author_id == USER_ID),
        "created_at": scalar_filter(columns.created_at),
    }


OWN_DRAFT = and_(col(Article.status) == ArticleStatus.DRAFT, col(Article.author_id) == USER_ID)
"""What its author may change, besides those who publish."""

ARTICLES = Collection(
    model=Article,
    visible=visible,
    filters={
        "title": text_filter(col(Article.title_key)),
        **article_filters(table_of(Article).c),
        "updated_at": scalar_filter(col(Article.updated_at)),
        "published_at": scalar_filter(col(Article.published_at), is_indexed=False),
    },
    relations={"author": related_row(lambda: tenants.USERS, "author_id", "user_id")},
    orders={
        "created_at": SortOrder.newest_first(col(Article.created_at)),
        "updated_at": SortOrder.newest_first(col(Article.updated_at)),
        "title": SortOrder.by(col(Article.title_key)),
    },
    default_order=("created_at", True),
    history_filter=history_filter,
    abilities={
        "update": Ability.by(Permission.ARTICLES_PUBLISH).or_by(Permission.ARTICLES_WRITE, OWN_DRAFT),
        "publish": Ability.by(Permission.ARTICLES_PUBLISH, col(Article.status) == ArticleStatus.DRAFT),
        "delete": Ability.by(Permission.ARTICLES_PUBLISH).or_by(Permission.ARTICLES_WRITE, OWN_DRAFT),
    },
)


ARTICLE_STATISTICS = Statistics(
    ARTICLES,
    keys={
        "status": col(Article.status),
        "language": col(Article.language),
        "author_id": col(Article.author_id),
    },
    dates={
        "created_at": col(Article.created_at),
        "updated_at": col(Article.updated_at),
        "published_at": col(Article.published_at),
    },
)


class ArticleChanges(TypedDict, total=False):
    """What an update says; what is absent stays as it is."""

    title: str
    content: str
    language: ArticleLanguage
    status: ArticleStatus


async def create(
    session: WriteSession, actor: Actor, *, values: ArticleChanges, idempotency_key: str | None = None
) -> Article:
    """Write an article; `title` and `content` are required, it is in English and a draft unless told otherwise.

    Raises:
        NotFound: the same call with the same key made an article that is no longer there.
        Forbidden: publishing without the permission.
        InvalidInput: a title that is empty or longer than 200 characters, a content longer than 100,000.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(_required_permission(values))
    with validating() as validator:
        columns = article_columns(validator, values)

    async def make() -> UUID:
        return (await insert_row(session, actor, Article, {**columns, "author_id": actor.identity.user_id})).id

    article_id = await once(session, actor, key_scope("create", Article), idempotency_key, _meaning(columns), make)
    return await get_row(session, actor, Article, article_id)


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, changes: ArticleChanges, expected_version: int | None = None
) -> Article:
    """Change an article: one's own draft, or any for who publishes. What is absent stays as it is.

    It keeps the moment of its first publication until it is a draft again.

    Raises:
        NotFound: no such article, or none that the actor sees.
        Forbidden: it is not the actor's own draft, or publishing without the permission.
        InvalidInput: as in `create`.
        VersionConflict: it is not at the expected version.
    """
    actor.require(_required_permission(changes))
    await _require_own_draft(session, actor, id)
    columns = _validate_changes(changes)
    if "status" in changes:
        published = changes["status"] == ArticleStatus.PUBLISHED
        columns["published_at"] = func.coalesce(col(Article.published_at), CHANGE_TIME) if published else None
    own = _own_draft_condition(actor)
    return await update_row(session, actor, Article, id, columns, expected_version=expected_version, where=own)


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> Article:
    """Delete an article for good: one's own draft, or any for who publishes; give it as it was.

    Raises:
        NotFound: no such article, or none that the actor sees.
        Forbidden: it is not the actor's own draft.
    """
    actor.require(Permission.ARTICLES_WRITE)
    await _require_own_draft(session, actor, id)
    return await delete_row(session, actor, Article, id, where=_own_draft_condition(actor))


async def import_all(
    session: WriteSession,
    actor: Actor,
    *,
    rows: Sequence[ArticleChanges | InvalidInput],
    idempotency_key: str | None = None,
) -> list[Article | DomainError]:
    """Write up to 1,000 articles, each as in `create`; give what became of each, in their order.

    Raises:
        InvalidInput: no rows, or too many. What is wrong with one row is its own outcome.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.ARTICLES_PUBLISH)
    batch = Batch[ArticleChanges, Article]("articles", rows)
    meaning: list[Any] = [None] * len(rows)
    full: list[dict[str, Any]] = []
    for index, row in batch.pending_rows():
        with batch.validating(index) as validator:
            columns = article_columns(validator, row)
        meaning[index] = _meaning(columns)
        if index in batch.pending:
            full.append(columns | {"author_id": actor.identity.user_id})

    async def make() -> Sequence[UUID]:
        for row in full:
            row |= {"tenant_id": actor.identity.tenant_id, "id": new_id()}
        if full:
            await session.exec(insert_statement(Article, sorted(full[0])), params=unnest_params("given", full))
        return [row["id"] for row in full]

    made = await once_many(
        session, actor, key_scope("import", Article, many=True), idempotency_key, {"articles": meaning}, make
    )
    articles: dict[UUID, Article] = await rows_by_key(session, actor, ARTICLES, "id", made)
    for (index, _), article_id in zip(batch.pending_rows(), made, strict=True):
        batch.finish(index, articles.get(article_id, NotFound()))  # a replay may find it gone
    return batch.outcomes()


def article_columns(validator: Validator, changes: ArticleChanges) -> dict[str, Any]:
    """Return all column values of a new article."""
    return {
        "title": validator.check_line("title", changes.get("title", ""), max_length=MAX_TITLE_LENGTH),
        "content": validator.check_text("content", changes.get("content", ""), max_length=MAX_CONTENT_LENGTH),
        "language": changes.get("language", ArticleLanguage.ENGLISH),
        "status": changes.get("status", ArticleStatus.DRAFT),
        "published_at": CHANGE_TIME if changes.get("status") == ArticleStatus.PUBLISHED else None,
    }


def _validate_changes(changes: ArticleChanges) -> dict[str, Any]:
    columns: dict[str, Any] = dict(changes)
    with validating() as validator:
        if "title" in changes:
            columns["title"] = validator.check_line("title", changes["title"], max_length=MAX_TITLE_LENGTH)
        if "content" in changes:
            columns["content"] = validator.check_text("content", changes["content"], max_length=MAX_CONTENT_LENGTH)
    return columns


def _meaning(columns: dict[str, Any]) -> dict[str, Any]:
    """What tells a new article from another; not the moment of its publication, which is that of the call."""
    return {name: value for name, value in columns.items() if name != "published_at"}


def _required_permission(changes: ArticleChanges) -> Permission:
    """Return the permission that these changes require."""
    published = changes.get("status") == ArticleStatus.PUBLISHED
    return Permission.ARTICLES_PUBLISH if published else Permission.ARTICLES_WRITE


def _own_draft_condition(actor: Actor) -> ColumnElement[bool] | None:
    """Return the condition for an article that the actor wrote."""
    if Permission.ARTICLES_PUBLISH in actor.permissions:
        return None
    return and_(col(Article.author_id) == actor.identity.user_id, col(Article.status) == ArticleStatus.DRAFT)


async def _require_own_draft(session: WriteSession, actor: Actor, article_id: UUID) -> None:
    """Refuse, unless the actor writes this article; what they do not see is not there."""
    own = _own_draft_condition(actor)
    if own is None:
        return
    this = visible(actor.permissions).where(col(Article.id) == bindparam("article_id", type_=Uuid()))
    (article,) = await fetch(session, Article, this, {**bind_values(actor), "article_id": article_id}) or (None,)
    if article is None:
        raise NotFound
    if article.author_id != actor.identity.user_id or article.status != ArticleStatus.DRAFT:
        raise Forbidden("Members write their own drafts; what is published is for admins and owners to change.")
