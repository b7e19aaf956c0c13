"""What the shared tests try of comments."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from models.base import now
from services import comments
from tests.support import case_objects
from tests.support.case_context import CaseContext, Identifier, global_id, secret_text
from tests.support.case_values import PAGE
from tests.support.derived_cases import insert_listed_rows
from tests.support.derived_rows import some_rows
from tests.support.derived_scale import scale_insert
from tests.support.domain_cases import CollectionCase, DomainCases
from tests.support.factories import World

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: Comment                     ok         ok         ok         U          F          U
comment                           ok         ok         ok         U          F          U
comments                          ok         ok         ok         U          F          U
comments: on a task               ok         ok         ok         U          F          U
comments: by somebody             ok         ok         ok         U          F          U
comments: mentioning somebody     ok         ok         ok         U          F          U
comments: after                   ok         ok         ok         U          F          U
createComment                     ok         ok         ok         U          F          U
updateComment                     ok         ok         ok         U          F          U
updateComment: at a version       ok         ok         ok         U          F          U
updateComment: somebody's         NOT_FOUND  NOT_FOUND  NOT_FOUND  U          F          U
deleteComment                     ok         ok         ok         U          F          U
deleteComment: somebody's         ok         ok         NOT_FOUND  U          F          U
"""


async def _insert(stage: CaseContext, author: UUID | None = None) -> tuple[UUID, str]:
    """A comment on a task that mentions a member; gives its id and that of the task."""
    task_id, member = await case_objects.task(stage), stage.tenant.member.user_id
    given = {"task_id": UUID(task_id.partition(":")[2]), "body": await secret_text(stage), "mention_ids": [member]}
    return await stage.add("comments", **given, author_id=author or member), task_id


async def comment(stage: CaseContext) -> Identifier:
    """A member's comment."""
    return global_id("Comment", (await _insert(stage))[0])


async def own_comment(stage: CaseContext) -> Identifier:
    """A comment of whoever asks, if they ever belonged to the tenant."""
    whose = stage.actor.user_id if stage.actor and stage.actor.member_id else None
    return global_id("Comment", (await _insert(stage, whose))[0])


async def commented_task(stage: CaseContext) -> Identifier:
    """A task with a comment."""
    return global_id("Task", UUID((await _insert(stage))[1].partition(":")[2]))


async def commenter(stage: CaseContext) -> Identifier:
    """A member who has commented and was mentioned."""
    await _insert(stage)
    assert stage.tenant.member.member_id
    return global_id("User", stage.tenant.member.member_id)


MENTIONS = "CASE WHEN n % 50 = 0 THEN ARRAY[memberships.ids[1 + n % 200]] ELSE '{}' END"
RARELY_MENTIONED = """
    SELECT unnest(mention_ids) FROM comments WHERE tenant_id = $1 GROUP BY 1 ORDER BY count(*), 1 LIMIT 1
"""

MOMENTS = ("created_at", "updated_at")
LATER, LONG_AGO = now() + timedelta(days=1), datetime(2000, 1, 1, tzinfo=UTC)
MEMBER = "SELECT id FROM memberships WHERE tenant_id = $1 AND user_id ="


async def insert_listed(world: World) -> None:
    """Insert comments on the newest task, each of which mentions three members."""
    acme = world.acme
    newest = "SELECT id FROM tasks WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1"
    task_id = await world.connection.fetchval(newest, acme.tenant_id)
    mentioned = [person.user_id for person in (acme.owner, acme.admin, acme.member)]
    await insert_listed_rows(comments.COMMENTS, "Comment", task_id=task_id, mention_ids=mentioned)(world)


CASES = DomainCases(
    operations={
        "comment": {"id": comment},
        "comments": {"orderBy": {"field": "UPDATED_AT"}},
        "comments: on a task": {"filter": {"taskId": {"eq": commented_task}}},
        "comments: by somebody": {"filter": {"authorId": {"eq": commenter}}},
        "comments: mentioning somebody": {"filter": {"mentionIds": {"contains": commenter}}},
        "comments: after": {**PAGE, "after": case_objects.first_cursor("comments", comment)},
        "createComment": {
            "input": {"taskId": case_objects.task, "body": secret_text, "mentionIds": [case_objects.member]}
        },
        "updateComment": {"input": {"id": own_comment, "mentionIds": [case_objects.member]}},
        "updateComment: at a version": {"input": {"id": own_comment, "body": secret_text, "expectedVersion": 1}},
        "updateComment: somebody's": {"input": {"id": comment, "body": secret_text}},
        "deleteComment": {"input": {"id": own_comment}},
        "deleteComment: somebody's": {"input": {"id": comment}},
    },
    nodes={"Comment": comment},
    outcomes=OUTCOMES,
    owner_outcomes={"updateComment: somebody's": "NOT_FOUND"},
    collections={"comments.COMMENTS": CollectionCase(comments.COMMENTS, some_rows(comments.COMMENTS.model, 120), 120)},
    scale={"comments": scale_insert(comments.COMMENTS.model, mention_ids=MENTIONS)},
    selective={
        "Query.comments task_id": "SELECT task_id FROM comments WHERE tenant_id = $1 LIMIT 1",
        "Query.comments author_id": f"{MEMBER} (SELECT author_id FROM comments WHERE tenant_id = $1 LIMIT 1)",
        **{f"Query.comments {name}": f"SELECT {name} FROM comments WHERE tenant_id = $1 LIMIT 1" for name in MOMENTS},
        **{f"Query.comments {name} {operator}": LATER for name in MOMENTS for operator in ("gt", "gte")},
        **{f"Query.comments {name} {operator}": LONG_AGO for name in MOMENTS for operator in ("lt", "lte")},
        "Query.comments mention_ids": f"{MEMBER} ({RARELY_MENTIONED})",
    },
    cannot_leak={
        "updateComment: at a version": "finds one's own comments alone",
        "updateComment: somebody's": "finds one's own comments alone",
    },
    insert_listed=insert_listed,
)
