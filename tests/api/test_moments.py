"""One moment for one change: what the API says of when something happened, and what it shows as of then."""

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from models.base import now
from tests.support.client import Client
from tests.support.factories import PASSWORD, World
from tests.support.order_helpers import create_product
from tests.support.service_client import wait_until_blocked

SEED = 20260131
TIMESTAMP = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"')

STATE = "title content version updatedAt deletedAt"
DOCUMENT = f"... on Document {{ id createdAt {STATE} }} ... on Error {{ code }}"
PROJECT = "... on Project { id createdAt updatedAt deletedAt } ... on Error { code }"
SEEN = f"""query($id: ID!) {{
    document(id: $id) {{ {STATE} }} trash {{ nodes {{ id {STATE} }} }}
    auditLog(first: 5) {{ nodes {{ createdAt }} }}
}}"""
AS_OF = f"query($id: ID!, $at: DateTime!) {{ document(id: $id, asOf: $at) {{ {STATE} }} }}"

ORDERED = "... on Order { id status version createdAt updatedAt events { nodes { createdAt } } } ... on Error { code }"
ORDER_AS_OF = "query($id: ID!, $at: DateTime!) { order(id: $id, asOf: $at) { status version updatedAt } }"

Past = list[tuple[str, Any]]

CLOCKS: dict[str, Callable[[int], str | None]] = {
    "runs": lambda _step: None,
    "stands still": lambda _step: "2026-01-31T09:30:00Z",
    "is set back": lambda step: f"2026-01-31T{max(0, 23 - step):02}:30:00Z",
}


async def set_clock(connection: asyncpg.Connection, moment: str | None) -> None:
    """Have the function that says when a change happened read another clock."""
    if moment is not None:
        source = await connection.fetchval("SELECT pg_get_functiondef('atrium_change_time'::regproc)")
        clock = re.sub(r"greatest\(.*?, last", f"greatest(timestamptz '{moment}', last", source)
        assert clock != source or moment in source
        await connection.execute(clock)


class RecordingClient(Client):
    """A client that records every moment that it was answered."""

    def __init__(self, client: Client) -> None:
        super().__init__(client.http, client.token)
        self.moments: set[str] = set()

    async def send(self, query: str, /, **variables: Any) -> dict[str, Any]:
        answer = await super().send(query, **variables)
        self.moments.update(TIMESTAMP.findall(json.dumps(answer)))
        return answer


def expected(past: Past, moment: str) -> Any:
    """What was true at a moment."""
    return next((state for since, state in reversed(past) if since <= moment), None)


def test_the_past_is_what_was_true_last() -> None:
    past: Past = [("2", "a"), ("4", None), ("5", "c")]
    assert [expected(past, moment) for moment in "123456"] == [None, "a", "a", None, "c", "c"]


async def change(client: Client, chance: random.Random, document: str, project: str) -> None:
    """Change a document, or its project with all that is in it, or try to."""
    mutation, fields, given = chance.choice(
        (
            ("updateDocument", DOCUMENT, {"id": document, "content": str(chance.random())}),
            ("updateDocument", DOCUMENT, {"id": document, "projectId": chance.choice((None, project))}),
            ("deleteDocument", DOCUMENT, {"id": document}),
            ("restoreDocument", DOCUMENT, {"id": document}),
            ("deleteProject", PROJECT, {"id": project}),
            ("restoreProject", PROJECT, {"id": project}),
        )
    )
    await client.mutate(mutation, fields, **given)


@pytest.mark.parametrize("clock", CLOCKS)
async def test_a_document_is_shown_as_it_was_at_every_moment_that_anybody_was_told(clock: str, world: World) -> None:
    client, chance = RecordingClient(world.acme.owner.client), random.Random(SEED)
    await set_clock(world.connection, CLOCKS[clock](0))
    project = (await client.mutate("createProject", PROJECT, name="Apollo"))["id"]
    made = await client.mutate("createDocument", DOCUMENT, title="Plan", projectId=project)
    other = await client.mutate("createDocument", DOCUMENT, title="Other", projectId=project)
    past: Past = [(made["createdAt"], {name: made[name] for name in STATE.split()})]
    for step in range(60):
        await set_clock(world.connection, CLOCKS[clock](step))
        await change(client, chance, other["id"] if step % 7 == 6 else made["id"], project)
        seen = await client.run(SEEN, id=made["id"])
        (thrown,) = [each for each in seen["trash"]["nodes"] if each["id"] == made["id"]] or [None]
        row = seen["document"] or thrown
        if row["updatedAt"] != past[-1][0]:
            assert row["updatedAt"] > past[-1][0]
            past.append((row["updatedAt"], seen["document"]))
    assert sum(state is None for _, state in past) > 5
    assert len(client.moments) > 20
    for moment in sorted(client.moments):
        shown = (await client.run(AS_OF, id=made["id"], at=moment))["document"]
        assert shown == expected(past, moment), moment


@pytest.mark.parametrize("clock", CLOCKS)
async def test_an_order_is_shown_as_it_was_at_every_moment_that_anybody_was_told(clock: str, world: World) -> None:
    tea = await create_product(world, "tea")
    client = RecordingClient(world.acme.owner.client)
    await set_clock(world.connection, CLOCKS[clock](0))
    items = [{"productId": tea["id"], "quantity": 1}]
    order = await client.mutate("placeOrder", ORDERED, items=items, shippingAddress="Here")
    past: Past = [(order["createdAt"], {name: order[name] for name in ("status", "version", "updatedAt")})]
    for step, mutation in enumerate(("confirmOrder", "shipOrder", "deliverOrder"), 1):
        await set_clock(world.connection, CLOCKS[clock](step))
        moved = await client.mutate(mutation, ORDERED, id=order["id"])
        assert moved["updatedAt"] == moved["events"]["nodes"][-1]["createdAt"] > past[-1][0]
        past.append((moved["updatedAt"], {name: moved[name] for name in ("status", "version", "updatedAt")}))
        log = "query($id: ID!) { auditLog(first: 1, filter: {rowId: {eq: $id}}) { nodes { createdAt } } }"
        assert (await client.run(log, id=order["id"]))["auditLog"]["nodes"] == [{"createdAt": moved["updatedAt"]}]
    for moment in sorted(client.moments):
        assert (await client.run(ORDER_AS_OF, id=order["id"], at=moment))["order"] == expected(past, moment), moment


ENTRY = "query($id: ID!) { auditLog(first: 1, filter: {rowId: {eq: $id}}) { nodes { createdAt } } }"

Prepare = Callable[[World], Awaitable[str]]


async def _made(world: World, mutation: str, type_name: str, **given: Any) -> str:
    made: str = (await world.acme.owner.client.mutate(mutation, f"... on {type_name} {{ id }}", **given))["id"]
    return made


async def _project(world: World) -> str:
    project = await _made(world, "createProject", "Project", name="Apollo")
    await _made(world, "createTask", "Task", title="Fly", projectId=project)
    await _made(world, "createDocument", "Document", title="Plan", projectId=project)
    return project


async def _member(world: World) -> str:
    return world.acme.member.id


async def _invited(world: World) -> str:
    return await _made(world, "inviteMember", "Invitation", email="guest@example.com")


async def _key(world: World) -> str:
    return await _made(world, "createApiKey", "ApiKey", name="Robot")


async def _article(world: World) -> str:
    return await _made(world, "createArticle", "Article", title="Tea", content="green")


async def _document(world: World) -> str:
    return await _made(world, "createDocument", "Document", title="Plan")


CHANGES: dict[str, tuple[Prepare, str, dict[str, Any], str, str, str]] = {
    "projects: archived": (
        _project,
        "archiveProject",
        {"archived": True},
        "Project { updatedAt archivedAt }",
        "projects",
        "archived_at",
    ),
    "projects: deleted": (
        _project,
        "deleteProject",
        {},
        "Project { updatedAt deletedAt }",
        "projects",
        "deleted_at",
    ),
    "documents": (_document, "deleteDocument", {}, "Document { updatedAt deletedAt }", "documents", "deleted_at"),
    "articles": (
        _article,
        "updateArticle",
        {"status": "PUBLISHED"},
        "Article { updatedAt publishedAt }",
        "articles",
        "published_at",
    ),
    "memberships": (_member, "removeMember", {}, "User { isFormer }", "memberships", "ended_at"),
    "invitations": (_invited, "revokeInvitation", {}, "Invitation { email }", "invitations", "revoked_at"),
    "api_keys": (_key, "revokeApiKey", {}, "ApiKey { name }", "api_keys", "revoked_at"),
}
"""By what is changed: how it is made, the mutation, its input, what it answers, the table, the column of the moment."""


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_has_one_moment_which_is_taken_while_its_row_is_locked(name: str, world: World) -> None:
    prepare, mutation, given, fields, table, column = CHANGES[name]
    thing, client = await prepare(world), world.acme.owner.client
    row_id = thing.partition(":")[2]
    async with world.connection.transaction():
        await world.connection.execute(f"SELECT FROM {table} WHERE id = $1 FOR UPDATE", row_id)
        changing = asyncio.create_task(client.mutate(mutation, f"... on {fields}", id=thing, **given))
        await wait_until_blocked(world.connection)
        released: datetime = await world.connection.fetchval("SELECT clock_timestamp()")
    answer = await changing
    moment: datetime = await world.connection.fetchval(f"SELECT {column} FROM {table} WHERE id = $1", row_id)
    assert released < moment < now() + timedelta(minutes=1)
    said = {value for key, value in answer.items() if key.endswith("At")}
    entry = (await client.run(ENTRY, id=thing))["auditLog"]["nodes"][0]["createdAt"]
    assert said | {entry} == {moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")}


async def test_a_project_goes_to_the_trash_with_all_that_is_in_it_at_one_moment(world: World) -> None:
    project = await _project(world)
    later = "UPDATE {} SET title = title || '!'"
    for table in ("tasks", "documents"):
        await world.connection.execute(later.format(table))
    await set_clock(world.connection, "2026-01-31T09:30:00Z")  # before all of them
    for mutation in ("deleteProject", "restoreProject"):
        await world.acme.owner.client.mutate(mutation, "__typename", id=project)
        rows = [f"SELECT updated_at, deleted_at FROM {table}" for table in ("projects", "tasks", "documents")]
        moments = {tuple(row) for row in await world.connection.fetch(" UNION ALL ".join(rows))}
        assert len(moments) == 1
        ((updated, deleted),) = moments
        assert deleted == (updated if mutation == "deleteProject" else None)


async def test_nobody_logs_in_before_they_are_there_and_nothing_is_published_before_it_is_written(
    world: World,
) -> None:
    given = {"email": "new@example.com", "fullName": "New", "password": PASSWORD}
    viewer = "... on Session { viewer { createdAt updatedAt lastLogin sessions { nodes { createdAt refreshedAt } } } }"
    account = (await world.nobody.mutate("register", viewer, **given))["viewer"]
    assert account["createdAt"] == account["updatedAt"] == account["lastLogin"]
    (session,) = account["sessions"]["nodes"]
    assert account["createdAt"] <= session["createdAt"] == session["refreshedAt"]
    article = {"title": "Tea", "content": "green", "status": "PUBLISHED"}
    times = "createdAt updatedAt publishedAt"
    client = world.acme.owner.client
    one = await client.mutate("createArticle", f"... on Article {{ {times} }}", **article)
    fields = f"... on ArticleOutcomes {{ outcomes {{ result {{ ... on Article {{ {times} }} }} }} }}"
    many = await client.mutate("importArticles", fields, articles=[article, article])
    for made in (one, *(outcome["result"] for outcome in many["outcomes"])):
        assert made["createdAt"] == made["updatedAt"] == made["publishedAt"]


async def test_what_was_written_down_some_time_after_it_happened_is_shown_as_of_then(world: World) -> None:
    client = world.acme.owner.client
    made = await client.mutate("createDocument", DOCUMENT, title="Plan")
    deleted = await client.mutate("deleteDocument", DOCUMENT, id=made["id"])
    await world.connection.execute("UPDATE audit_log SET created_at = created_at + interval '1 second'")
    shown = [
        (await client.run(AS_OF, id=made["id"], at=moment))["document"]
        for moment in (made["createdAt"], deleted["deletedAt"])
    ]
    assert [each and each["title"] for each in shown] == ["Plan", None]
