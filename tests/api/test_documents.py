"""Documents through HTTP: wherever one can be reached, a deleted one is not, and of a purged one nothing is left.

Every field of the schema that can lead to a document is found by walking the schema. Each has a way here to ask it, and
a test compares both, so that a new field cannot be forgotten. Before a document is deleted all of them must find it.
"""

import json
from collections.abc import Iterator
from typing import Any

import graphql
import pytest
from rich.progress import Progress

from atrium import maintenance
from models.base import new_id
from tests.conftest import Urls
from tests.support.client import Client
from tests.support.factories import World
from tests.support.operation_cases import SCHEMA
from tests.support.pg_catalog import table_names
from tests.support.subscription_client import collect_subscription

ERROR = "... on Error { message code }"
FIELDS = "... on InvalidInput { fields { path } }"
SHOWN = "id title content version createdAt updatedAt deletedAt deletedBy { fullName } creator { fullName }"
DOCUMENT = f"... on Document {{ {SHOWN} project {{ id }} }} {ERROR}"
CONFLICT = "... on VersionConflict { currentVersion current { ... on Document { id title content } } }"
ILLEGAL = "... on IllegalTransition { currentStatus allowed }"

SHOW = "nodes { id title content }"
QUERIES_BY_FIELD = {
    "Query.node": "query($id: ID!) { node(id: $id) { ... on Document { title content } } }",
    "Query.nodes": "query($id: ID!) { nodes(ids: [$id]) { ... on Document { title content } } }",
    "Query.document": "query($id: ID!) { document(id: $id) { title content } }",
    "Query.documents": f'query {{ documents(filter: {{title: {{contains: "secret"}}}}) {{ totalCount {SHOW} }} }}',
    "Project.documents": f"query($in: ID!) {{ project(id: $in) {{ documents {{ totalCount {SHOW} }} }} }}",
}
"""How each field that reads is asked for a document, by its id, in its project, or by its title."""

ELSEWHERE = {
    "Query.trash": "the trash itself",
    "AuditEntry.node": "tried by the entries of a document in the trash, in test_audited_objects.py",
    "VersionConflict.current": "tried by an update with an old version",
    "DocumentChange.document": "tried by following the changes from the beginning",
    "Edge.node": "the same rows as the connection's nodes",
    "Shortage.product": "products alone",
    **dict.fromkeys(
        ("createDocument", "updateDocument", "deleteDocument", "restoreDocument", "purgeDocument", "revertDocument"),
        "tried by themselves: what they answer is what they were asked about",
    ),
}


def leads_to_documents(type_: Any) -> bool:
    """Whether a value of this type may be a document, or a page of them."""
    named = graphql.get_named_type(type_)
    document = SCHEMA.type_map["Document"]
    if isinstance(named, graphql.GraphQLInterfaceType | graphql.GraphQLUnionType):
        return SCHEMA.is_sub_type(named, document)
    return named.name in {"Document", "DocumentConnection"}


def paths() -> Iterator[str]:
    """Every field that may lead to a document; what belongs to its own connection is one way."""
    for type_ in SCHEMA.type_map.values():
        if isinstance(type_, graphql.GraphQLObjectType) and not type_.name.startswith(("DocumentConnection", "__")):
            for name, field in type_.fields.items():
                if leads_to_documents(field.type):
                    here = "Edge" if type_.name == "DocumentEdge" else type_.name
                    yield name if here == "Mutation" else f"{here}.{name}"


def test_every_way_to_a_document_is_known() -> None:
    assert set(paths()) == {*QUERIES_BY_FIELD, *ELSEWHERE}


async def create_document(client: Client, **given: Any) -> dict[str, Any]:
    return await client.mutate(
        "createDocument", f"{DOCUMENT} {FIELDS}", **{"title": "Secret plan", "content": "secret content", **given}
    )


async def reachable_by(client: Client, document_id: str, project_id: str) -> dict[str, bool]:
    """By each way, whether the document is there; a list that shows nothing must count nothing."""
    found = {}
    for way, query in QUERIES_BY_FIELD.items():
        given = {name: value for name, value in (("id", document_id), ("in", project_id)) if f"${name}:" in query}
        text = json.dumps(await client.run(query, **given))
        shown = {part in text for part in ("secret content", "Secret plan")}
        assert len(shown) == 1, (way, text)
        found[way] = shown.pop()
        assert '"totalCount": 0' in text or found[way] or "totalCount" not in text
    return found


async def conflict(client: Client, document_id: str) -> dict[str, Any]:
    """What an update of a version from before answers."""
    fields = f"{CONFLICT} {ERROR}"
    return await client.mutate("updateDocument", fields, id=document_id, content="x", expectedVersion=99)


CHANGES = """
subscription($after: String) {
    documentChanged(after: $after) { action documentId fields document { title content version } deletedDocumentId }
}
"""


async def changes_of(world: World, count: int) -> list[dict[str, Any]]:
    """The first changes of documents, as a member sees them now."""
    return await collect_subscription(world, world.acme.member, CHANGES, count, after="0")


PAST = "query($id: ID!) { document(id: $id) { history { nodes { id createdAt version } } } }"
AS_OF = "query($id: ID!, $at: DateTime!) { document(id: $id, asOf: $at) { title content version deletedAt } }"
TRASH = (
    "query($f: TrashFilter) { trash(filter: $f) { totalCount nodes { id title deletedAt deletedBy { fullName } } } }"
)
HISTORY = "{ trash { nodes { history { nodes { id action version operation changes { field before after } } } } } }"
ALL_LOG = (
    "{ auditLog(first: 100, filter: {table: {eq: DOCUMENT}}) { nodes { action version changes { before after } } } }"
)


async def test_a_deleted_document_is_nowhere_but_in_the_trash_and_its_history(world: World) -> None:
    admin, member = world.acme.admin.client, world.acme.member.client
    project = await admin.mutate("createProject", "... on Project { id }", name="Apollo")
    key = {"projectId": project["id"], "idempotencyKey": "k"}
    made = await create_document(member, **key)
    assert await reachable_by(member, made["id"], project["id"]) == dict.fromkeys(QUERIES_BY_FIELD, True)
    assert (await create_document(member, **key))["id"] == made["id"]
    assert (await conflict(member, made["id"]))["current"]["content"] == "secret content"
    [seen] = await changes_of(world, 1)
    assert (seen["documentId"], seen["document"]["content"]) == (made["id"], "secret content")
    assert seen["deletedDocumentId"] is None
    deleted = await member.mutate("deleteDocument", DOCUMENT, id=made["id"])
    assert (deleted["deletedBy"]["fullName"], deleted["version"]) == ("Member", 2)
    assert deleted["deletedAt"] is not None
    for person in (member, admin):
        assert await reachable_by(person, made["id"], project["id"]) == dict.fromkeys(QUERIES_BY_FIELD, False)
    assert (await create_document(member, **key))["code"] == "NOT_FOUND"
    assert (await conflict(member, made["id"]))["code"] == "NOT_FOUND"
    changes = await changes_of(world, 2)
    assert [(change["document"], change["fields"]) for change in changes][1] == (None, ["deletedAt", "deletedBy"])
    assert changes[0]["document"] is None
    assert [change["deletedDocumentId"] for change in changes] == [made["id"]] * 2
    trash = (await member.run(TRASH, f={"title": {"contains": "SECRET"}, "deletedById": {"eq": world.acme.member.id}}))[
        "trash"
    ]
    assert (trash["totalCount"], [node["id"] for node in trash["nodes"]]) == (1, [made["id"]])
    assert (await member.run(TRASH, f={"title": {"contains": "x"}}))["trash"]["nodes"] == []
    [node] = (await member.run(HISTORY))["trash"]["nodes"]
    assert [(e["action"], e["operation"]) for e in node["history"]["nodes"]] == [
        ("UPDATE", "deleteDocument"),
        ("CREATE", "createDocument"),
    ]
    again = await create_document(member, projectId=project["id"])
    refused = await member.mutate("restoreDocument", f"{DOCUMENT} ... on AlreadyExists {{ field }}", id=made["id"])
    assert (refused["code"], refused["field"]) == ("ALREADY_EXISTS", "title")
    await member.mutate("deleteDocument", DOCUMENT, id=again["id"])
    restored = await member.mutate("restoreDocument", DOCUMENT, id=made["id"])
    assert (restored["deletedAt"], restored["project"]) == (None, {"id": project["id"]})
    assert await reachable_by(member, made["id"], project["id"]) == dict.fromkeys(QUERIES_BY_FIELD, True)


async def test_of_a_purged_document_nothing_is_left_and_the_chain_is_whole(world: World, urls: Urls) -> None:
    admin, member = world.acme.admin.client, world.acme.member.client
    project = await admin.mutate("createProject", "... on Project { id }", name="Apollo")
    key = {"projectId": project["id"], "idempotencyKey": "k"}
    made = await create_document(member, **key)
    await member.mutate("updateDocument", DOCUMENT, id=made["id"], content="secret content, more")
    newest, _ = (await member.run(PAST, id=made["id"]))["document"]["history"]["nodes"]
    past = {"id": made["id"], "at": newest["createdAt"]}
    assert (await member.run(AS_OF, **past))["document"]["content"] == "secret content, more"
    assert await reachable_by(member, made["id"], project["id"]) == dict.fromkeys(QUERIES_BY_FIELD, True)
    await member.mutate("deleteDocument", DOCUMENT, id=made["id"])
    answers = ((admin, TRASH), (admin, ALL_LOG), (member, HISTORY))
    for person, query in answers:
        assert "ecret" in json.dumps(await person.run(query)), query
    held = "SELECT count(*) FROM {} t WHERE t::text LIKE '%ecret%'"
    everywhere = await table_names(world.connection)
    holding = {t for t in everywhere if await world.connection.fetchval(held.format(t))}
    assert holding == {"documents", "audit_log"}
    refused = "mutation($id: ID!) { purgeDocument(input: {id: $id}) { __typename } }"
    assert await member.error_codes(refused, id=made["id"]) == ["FORBIDDEN"]
    assert (await admin.mutate("purgeDocument", DOCUMENT, id=made["id"]))["id"] == made["id"]
    for person, query in answers:
        assert "ecret" not in json.dumps(await person.run(query)), query
    assert {t for t in everywhere if await world.connection.fetchval(held.format(t))} == set()
    assert [entry["action"] for entry in (await admin.run(ALL_LOG))["auditLog"]["nodes"]] == [
        "PURGE",
        "DELETE",
        "UPDATE",
        "UPDATE",
        "CREATE",
    ]
    for person in (member, admin):
        assert await reachable_by(person, made["id"], project["id"]) == dict.fromkeys(QUERIES_BY_FIELD, False)
        assert (await person.run(AS_OF, **past))["document"] is None
        assert (await conflict(person, made["id"]))["code"] == "NOT_FOUND"
    assert (await create_document(member, **key))["code"] == "NOT_FOUND"
    for mutation in ("purgeDocument", "restoreDocument", "deleteDocument"):
        assert (await admin.mutate(mutation, ERROR, id=made["id"]))["code"] == "NOT_FOUND"
    changes = await changes_of(world, 5)
    assert "ecret" not in json.dumps(changes)
    gone = {"document": None, "deletedDocumentId": made["id"]}
    assert changes[-1] == {"action": "PURGE", "documentId": made["id"], "fields": [], **gone}
    found = await maintenance.verify(urls.runtime, urls.owner, Progress(disable=True))
    assert (found.faults, found.first_gap) == ([], None)


async def test_a_past_state_is_shown_and_brought_back(world: World) -> None:
    member = world.acme.member.client
    made = await create_document(member)
    await member.mutate("updateDocument", DOCUMENT, id=made["id"], title="Plan B", content="Fly")
    newest, oldest = (await member.run(PAST, id=made["id"]))["document"]["history"]["nodes"]
    assert (newest["version"], oldest["version"]) == (2, 1)
    seen = (await member.run(AS_OF, id=made["id"], at=oldest["createdAt"]))["document"]
    assert (seen["title"], seen["content"], seen["version"]) == ("Secret plan", "secret content", 1)
    for at, title in (
        ("2999-01-01T00:00:00Z", "Plan B"),
        (newest["createdAt"], "Plan B"),
        ("2000-01-01T00:00:00Z", None),
    ):
        seen = (await member.run(AS_OF, id=made["id"], at=at))["document"]
        assert (seen and seen["title"]) == title
    given = {"id": made["id"], "to": oldest["id"]}
    refused = await member.mutate("revertDocument", f"{CONFLICT} {ERROR}", **given, expectedVersion=1)
    assert (refused["__typename"], refused["currentVersion"], refused["current"]["title"]) == (
        "VersionConflict",
        2,
        "Plan B",
    )
    reverted = await member.mutate("revertDocument", DOCUMENT, **given, expectedVersion=2)
    assert (reverted["title"], reverted["content"], reverted["version"]) == ("Secret plan", "secret content", 3)
    newest, *_ = (await member.run(PAST, id=made["id"]))["document"]["history"]["nodes"]
    seen = (await member.run(AS_OF, id=made["id"], at=newest["createdAt"]))["document"]
    assert (newest["version"], seen["version"], seen["title"]) == (3, 3, "Secret plan")


async def test_bad_input_gets_typed_answers(world: World) -> None:
    admin, member = world.acme.admin.client, world.acme.member.client
    made, other = await create_document(member), await create_document(member, title="Other")
    log = '{ auditLog(filter: {rowId: {eq: "%s"}}) { nodes { id } } }'
    [entry] = (await admin.run(log % other["id"]))["auditLog"]["nodes"]
    for to in (entry["id"], f"AuditEntry:{new_id()}"):
        refused = await member.mutate("revertDocument", f"{FIELDS} {ERROR}", id=made["id"], to=to)
        assert (refused["code"], refused["fields"]) == ("BAD_USER_INPUT", [{"path": "to"}])
    live = await admin.mutate("purgeDocument", f"{ILLEGAL} {ERROR}", id=made["id"])
    assert (live["code"], live["currentStatus"], live["allowed"]) == ("ILLEGAL_TRANSITION", "LIVE", ["TRASHED"])
    assert (await member.mutate("restoreDocument", DOCUMENT, id=made["id"]))["version"] == 1
    markup = "<img onerror=alert(1)> '; DROP TABLE documents; -- \U0001f600"
    shown = await create_document(member, title=markup, content=markup)
    assert (shown["title"], shown["content"]) == (markup, markup)
    taken = await member.mutate(
        "updateDocument", f"... on AlreadyExists {{ field }} {ERROR}", id=made["id"], title="OTHER"
    )
    assert (taken["code"], taken["field"]) == ("ALREADY_EXISTS", "title")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"content": "x" * 100_001}, "content"),
        ({"projectId": f"Project:{new_id()}"}, "projectId"),
        ({"projectId": "Task:1"}, "projectId"),
    ],
    ids=range(5),
)
async def test_what_cannot_be_written_says_where(world: World, given: dict[str, Any], path: str) -> None:
    refused = await create_document(world.acme.member.client, **given)
    assert (refused["code"], refused["fields"]) == ("BAD_USER_INPUT", [{"path": path}])


async def test_a_project_takes_its_documents_along_and_brings_them_back(world: World) -> None:
    admin, member = world.acme.admin.client, world.acme.member.client
    project = await admin.mutate("createProject", "... on Project { id }", name="Apollo")
    kept, gone = [
        await create_document(member, title=title, projectId=project["id"]) for title in ("Secret plan", "Gone")
    ]
    await member.mutate("deleteDocument", DOCUMENT, id=gone["id"])
    await admin.mutate("deleteProject", "... on Project { id }", id=project["id"])
    assert (await member.run(TRASH))["trash"]["totalCount"] == 2
    assert (await member.run(QUERIES_BY_FIELD["Query.document"], id=kept["id"]))["document"] is None
    await admin.mutate("restoreProject", "... on Project { id }", id=project["id"])
    assert await reachable_by(member, kept["id"], project["id"]) == dict.fromkeys(QUERIES_BY_FIELD, True)
    assert [node["title"] for node in (await member.run(TRASH))["trash"]["nodes"]] == ["Gone"]
