"""What an audit entry is about: its type by name, and the object itself for whoever may see it."""

from uuid import UUID

from graph.audited_types import AuditedType
from models.base import Model
from tests.support.audit_exemptions import EXEMPT
from tests.support.factories import World

LOG = """query($type: AuditedType) {
    auditLog(first: 100, filter: { table: { eq: $type } }) {
        nodes { table rowId node { __typename id ... on Task { title } ... on User { fullName } } }
    }
}"""


def test_every_audited_table_is_a_type() -> None:
    audited = {table.name for table in Model.metadata.sorted_tables} - EXEMPT.keys()
    assert {each.value for each in AuditedType} == audited


async def test_an_entry_leads_to_its_object_for_as_long_as_there_is_one(world: World) -> None:
    admin = world.acme.admin.client
    task = await admin.mutate("createTask", "... on Task { id }", title="Plan")
    [entry] = (await admin.run(LOG, type="TASK"))["auditLog"]["nodes"]
    shown = {"__typename": "Task", "id": task["id"], "title": "Plan"}
    assert entry == {"table": "TASK", "rowId": task["id"], "node": shown}
    await admin.mutate("deleteTask", "... on Task { id }", id=task["id"])
    gone = (await admin.run(LOG, type="TASK"))["auditLog"]["nodes"]
    assert gone == [{"table": "TASK", "rowId": task["id"], "node": None}] * 2
    assert (await admin.run(LOG, type="ORDER"))["auditLog"]["nodes"] == []
    every = (await admin.run(LOG))["auditLog"]["nodes"]
    assert {(each["table"], each["node"] and each["node"]["__typename"]) for each in every} == {
        *(("TASK", None), ("TENANT", "Tenant"), ("USER", "User"))
    }


TRASH = "{ trash { nodes { title history { nodes { action node { id } } } } } }"


async def test_a_document_in_the_trash_is_null_until_it_is_restored(world: World) -> None:
    member, shown = world.acme.member.client, "... on Document { id }"
    made = await member.mutate("createDocument", shown, title="Plan", content="x")
    await member.mutate("deleteDocument", shown, id=made["id"])
    [deleted] = (await member.run(TRASH))["trash"]["nodes"]
    entries = [{"action": action, "node": None} for action in ("UPDATE", "CREATE")]
    assert deleted == {"title": "Plan", "history": {"nodes": entries}}
    log = (await world.acme.admin.client.run(LOG, type="DOCUMENT"))["auditLog"]["nodes"]
    assert [each["node"] for each in log] == [None, None]
    await member.mutate("restoreDocument", shown, id=made["id"])
    log = (await world.acme.admin.client.run(LOG, type="DOCUMENT"))["auditLog"]["nodes"]
    assert [each["node"] for each in log] == [{"__typename": "Document", "id": made["id"]}] * 3


HISTORY = "query($id: ID!) { article(id: $id) { history { nodes { table node { ... on Article { id title } } } } } }"


async def test_an_object_that_may_not_be_seen_is_null(world: World) -> None:
    admin, member = world.acme.admin.client, world.acme.member.client
    made = await admin.mutate("createArticle", "... on Article { id }", title="one", content="x", status="PUBLISHED")
    for client in (admin, member):
        [entry] = (await client.run(HISTORY, id=made["id"]))["article"]["history"]["nodes"]
        assert entry == {"table": "ARTICLE", "node": {"id": made["id"], "title": "one"}}
    invited = await admin.mutate("inviteMember", "... on Invitation { id }", email="new@example.com")
    [entry] = (await admin.run(LOG, type="INVITATION"))["auditLog"]["nodes"]
    assert entry["node"] == {"__typename": "Invitation", "id": invited["id"]}
    revoke = "UPDATE invitations SET revoked_at = now() WHERE id = $1"
    await world.connection.execute(revoke, UUID(invited["id"].partition(":")[2]))
    entries = (await admin.run(LOG, type="INVITATION"))["auditLog"]["nodes"]
    assert [each["node"] for each in entries] == [None, None]
