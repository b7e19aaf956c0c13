"""Comments on tasks in GraphQL."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import audit, subscriptions
from graph.fields.connection import Connection
from graph.fields.descriptions import input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.filtering import filter_input
from graph.fields.inputs import create_kwargs, id_of, ids_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many, to_one
from graph.fields.sorting import order_input
from graph.runtime.context import Info
from models.database import WriteSession
from services import comments
from services.permissions import Actor, Permission

if TYPE_CHECKING:
    from graph.tasks import Task
    from graph.tenants import User

__all__ = ["DOMAIN", "Comment", "CommentChange", "CommentFilter", "CommentOrder", "Queries", "Subscriptions"]


CommentFilter = filter_input(
    comments.COMMENTS,
    ids={"task_id": "Task", "author_id": "User", "mention_ids": "User"},
    related={"task": ("TaskFilter", "graph.tasks"), "author": ("UserFilter", "graph.tenants")},
    mention_ids="mentioned members, by global IDs,",
    mine="that the viewer wrote",
)
CommentOrder = order_input(comments.COMMENTS)


@backed_by(comments.COMMENTS, filter=CommentFilter, order=CommentOrder, listed_as="comments")
class Comment(Node):
    """A comment on a task, visible to all members; hidden while its task is in the trash."""

    body: str
    """Text of the comment, 1 to 10,000 characters."""
    task: Annotated["Task", strawberry.lazy("graph.tasks")] = to_one("task_id")
    """Task that the comment is on."""
    author: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("author_id", key="user_id")
    """User who wrote the comment, current or former member of the tenant."""
    mentions: Connection[Annotated["User", strawberry.lazy("graph.tenants")]] = to_many("comment_id")
    """Users whom the comment mentions, current or former members of the tenant; at most 50."""
    created_at: datetime
    updated_at: datetime
    version: int


@object_type
class Queries:
    """Comments at the root."""

    comment: Comment | None = by_id()
    """Comment by its global ID; null if there is no such comment or its task is in the trash."""
    comments: Connection[Comment] = connection()
    """Comments on tasks of the tenant, newest first by default."""


@object_type
class CommentChange(audit.Change):
    """Message of the subscription `commentChanged`: one change of one comment."""

    comment_id: strawberry.ID
    """Global ID of the comment that changed, even if the comment no longer exists."""
    comment: Comment | None
    """Comment as it is now, possibly newer than the change; null if the comment was deleted, or its task is in the
    trash."""
    deleted_comment_id: strawberry.ID | None
    """Global ID of the comment if it can no longer be read, for Relay's `@deleteRecord`; null while there is a
    `comment`."""


def _comment_changed(
    info: Info, after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET
) -> AsyncGenerator[CommentChange, None]:
    """Changes of the comments on tasks of the tenant, each once and in order, from now on or after a cursor."""
    return subscriptions.follow_changes(
        info, CommentChange, "comment", Permission.TASKS_READ, comments.COMMENTS, after or None
    )


@object_type
class Subscriptions:
    """Comments, live."""

    comment_changed: AsyncGenerator[CommentChange, None] = strawberry.subscription(
        resolver=_comment_changed, description=_comment_changed.__doc__
    )


@input_type
class CreateCommentInput:
    """Fields of the comment to create."""

    task_id: strawberry.ID = id_of("Task")
    """Global ID of the task to comment on; must not be in the trash."""
    body: str
    """Text of the comment to create, 1 to 10,000 characters."""
    mention_ids: list[strawberry.ID] = ids_of("User")
    """Global IDs of the users whom the comment to create mentions, active members, at most 50; nothing is sent to
    them."""
    idempotency_key: str | None = UNSET


@input_type
class UpdateCommentInput:
    """Fields of the comment to update; fields left out stay as they are."""

    id: strawberry.ID = id_of("Comment")
    body: strawberry.Maybe[str]
    """New text of the comment, 1 to 10,000 characters; cannot be null."""
    mention_ids: strawberry.Maybe[list[strawberry.ID]] = id_of("User", default=None)
    """Global IDs of all users whom the comment is to mention, active members, at most 50; cannot be null."""
    expected_version: int | None = UNSET


@input_type
class DeleteCommentInput:
    """Comment to delete permanently."""

    id: strawberry.ID = id_of("Comment")


@mutation(Comment | NotFound | InvalidInput | IdempotencyConflict, result="the created comment")
async def create_comment(session: WriteSession, actor: Actor, input: CreateCommentInput) -> models.Comment:
    """Comment on a task. Open to all members."""
    return await comments.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(Comment | NotFound | InvalidInput | VersionConflict, result="the updated comment")
async def update_comment(session: WriteSession, actor: Actor, input: UpdateCommentInput) -> models.Comment:
    """Update a comment of the viewer's own: only the fields given in the input change.

    Open to all members. Comments of others are not found.
    """
    return await comments.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(Comment | NotFound, result="the deleted comment as it was before")
async def delete_comment(session: WriteSession, actor: Actor, input: DeleteCommentInput) -> models.Comment:
    """Delete a comment permanently and return it as it was before.

    Members delete their own comments; admins and owners delete any.
    """
    return await comments.delete(session, actor, **to_kwargs(input))


DOMAIN = Domain(
    queries=Queries, mutations=[create_comment, update_comment, delete_comment], subscriptions=Subscriptions
)
