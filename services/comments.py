"""The rules of comments: what members say about a task, and whom they mention."""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Annotated, Any, TypedDict
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, select
from sqlmodel import col

from models import Comment, Task
from models.base import table_of
from models.database import WriteSession
from services import tasks, tenants
from services.abilities import Ability
from services.permissions import TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, related_row
from services.queries.filters import id_filter, id_list_filter, scalar_filter, viewer_filter
from services.writes.changes import FreeText, ReferenceList, WriteRules, change_row, create_row
from services.writes.rows import delete_row

__all__ = ["COMMENTS", "CommentChanges", "create", "delete", "update", "visible"]


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all comments of the tenant, except those on tasks in the trash."""
    require_permission(permissions, Permission.TASKS_READ)
    live = exists().where(
        col(Task.tenant_id) == TENANT_ID, col(Task.id) == col(Comment.task_id), col(Task.deleted_at).is_(None)
    )
    return select(*table_of(Comment).c).where(col(Comment.tenant_id) == TENANT_ID, live)


OWN = col(Comment.author_id) == USER_ID
"""The condition for comments that the actor wrote."""

COMMENTS = Collection(
    model=Comment,
    visible=visible,
    filters={
        "task_id": id_filter(col(Comment.task_id)),
        "author_id": tenants.member_filter(col(Comment.author_id)),
        "mention_ids": id_list_filter("comments_search", col(Comment.id), compared=tenants.user_id_of_member),
        "mine": viewer_filter(OWN),
        "created_at": scalar_filter(col(Comment.created_at)),
        "updated_at": scalar_filter(col(Comment.updated_at)),
    },
    relations={
        "task": related_row(lambda: tasks.TASKS, "task_id"),
        "author": related_row(lambda: tenants.USERS, "author_id", "user_id"),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Comment.created_at)),
        "updated_at": SortOrder.newest_first(col(Comment.updated_at)),
    },
    default_order=("created_at", True),
    abilities={
        "update": Ability.by(Permission.TASKS_WRITE, OWN),
        "delete": Ability.by(Permission.TASKS_WRITE, OWN).or_by(Permission.COMMENTS_MODERATE),
    },
)


class CommentChanges(TypedDict, total=False):
    """Fields that a create or an update gives; what is absent stays as it is. A comment stays with its task."""

    task_id: Annotated[UUID, tasks.LIVE_TASK]
    body: Annotated[str, FreeText(10_000, min_length=1)]
    mention_ids: Annotated[list[UUID], ReferenceList(tenants.ACTIVE_MEMBER, 50)]


COMMENT_RULES = WriteRules(Comment, CommentChanges, defaults={"mention_ids": list[UUID]()}, creator="author_id")


async def create(
    session: WriteSession, actor: Actor, *, values: CommentChanges, idempotency_key: str | None = None
) -> Comment:
    """Comment on a task; `task_id` and `body` are required. Nothing is sent to who is mentioned.

    Raises:
        NotFound: the same call with the same key made a comment that is no longer there.
        InvalidInput: a body that is empty or longer than 10,000 characters, an unknown task or one in the trash, more
            than 50 mentions, or a mention of who is not an active member.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.TASKS_WRITE)
    return await create_row(session, actor, COMMENT_RULES, values, idempotency_key)


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, changes: CommentChanges, expected_version: int | None = None
) -> Comment:
    """Change one's own comment; what is absent from the changes stays as it is.

    Raises:
        NotFound: no such comment, or somebody else's.
        InvalidInput: as in `create`.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.TASKS_WRITE)
    return await change_row(session, actor, replace(COMMENT_RULES, where=_own(actor)), id, changes, expected_version)


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> Comment:
    """Delete one's own comment for good, or anybody's as who may moderate; give it as it was.

    Raises:
        NotFound: no such comment, or somebody else's.
    """
    actor.require(Permission.TASKS_WRITE)
    may_moderate = Permission.COMMENTS_MODERATE in actor.permissions
    return await delete_row(session, actor, Comment, id, where=None if may_moderate else _own(actor))


def _own(actor: Actor) -> ColumnElement[bool]:
    return col(Comment.author_id) == actor.identity.user_id
