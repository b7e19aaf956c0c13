"""The audit log speaks the schema's language: its names, its ids, its moments, its amounts."""

import re
from typing import Any

from tests.support.factories import World
from tests.support.graph_schema import SCHEMA
from tests.support.order_helpers import PRODUCT_FIELDS

LOG = """
query($after: String) {
  auditLog(first: 100, after: $after, orderBy: {field: CREATED_AT, direction: ASC}) {
    pageInfo { hasNextPage endCursor }
    nodes { table rowId changes { field before after } }
  }
}
"""
TYPES = {
    "TASK": "Task",
    "PROJECT": "Project",
    "DOCUMENT": "Document",
    "PRODUCT": "Product",
    "ARTICLE": "Article",
    "USER": "User",
    "INVITATION": "Invitation",
    "API_KEY": "ApiKey",
    "TENANT": "Tenant",
}
WITHOUT_A_FIELD = {
    ("TASK", "labelIds"),
    ("USER", "endedAt"),
    ("USER", "isActive"),
    ("INVITATION", "invitedBy"),
    ("INVITATION", "acceptedAt"),
    ("INVITATION", "revokedAt"),
    ("API_KEY", "revokedAt"),
    ("PROJECT", "deletedBy"),
    ("TASK", "deletedAt"),
}
"""Columns that no field of their type shows, and that are told by their own names."""

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")
OFFSET = re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?[+-]\d\d")


async def changes(world: World) -> list[dict[str, Any]]:
    """Return all entries of the log."""
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await world.acme.owner.client.run(LOG, after=after))["auditLog"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def make_history(world: World) -> tuple[str, str]:
    """Change something of every audited kind; return the ids of a product and of a task."""
    owner, member = world.acme.owner.client, world.acme.member
    project = await owner.mutate("createProject", "... on Project { id }", name="Apollo")
    task = await owner.mutate(
        "createTask", "... on Task { id }", title="t", projectId=project["id"], dueDate="2030-01-31T09:30:00+02:00"
    )
    await owner.mutate("updateTask", "... on Task { id }", id=task["id"], assigneeId=member.id)
    price = {"amount": "19.90", "currency": "EUR"}
    product = await owner.mutate("createProduct", PRODUCT_FIELDS, sku="a", name="n", price=price, stockQuantity=1)
    for change in ({"amount": "21.00", "currency": "EUR"}, {"amount": "2100", "currency": "JPY"}):
        await owner.mutate("updateProduct", PRODUCT_FIELDS, id=product["id"], price=change)
    await owner.mutate("updateProduct", PRODUCT_FIELDS, id=product["id"], price={"amount": "22", "currency": "JPY"})
    document = await owner.mutate("createDocument", "... on Document { id }", title="d", projectId=project["id"])
    await owner.mutate("deleteDocument", "... on Document { id }", id=document["id"])
    await owner.mutate("createArticle", "... on Article { id }", title="a", content="c", status="PUBLISHED")
    await owner.mutate("createApiKey", "... on ApiKey { id }", name="k", expiresAt="2099-01-31T00:00:00Z")
    invitation = await owner.mutate("inviteMember", "... on Invitation { id }", email="new@example.org")
    await owner.mutate("revokeInvitation", "... on Invitation { id }", id=invitation["id"])
    await owner.mutate("changeMemberRole", "... on User { id }", id=member.id, role="ADMIN")
    await owner.mutate("deleteProject", "... on Project { id }", id=project["id"])
    return product["id"], task["id"]


async def test_changes_go_by_the_names_of_the_schema(world: World) -> None:
    await make_history(world)
    entries = await changes(world)
    assert {entry["table"] for entry in entries} >= TYPES.keys() - {"TENANT"}
    unknown = {
        (entry["table"], change["field"])
        for entry in entries
        for change in entry["changes"]
        if change["field"] not in SCHEMA.type_map[TYPES[entry["table"]]].fields
    }
    assert unknown <= WITHOUT_A_FIELD
    values = [value for e in entries for c in e["changes"] for value in (c["before"], c["after"]) if value is not None]
    texts = [value for value in values if isinstance(value, str)]
    assert [text for text in texts if UUID.match(text) or OFFSET.search(text)] == []


async def test_amounts_references_and_moments_are_told_as_the_schema_writes_them(world: World) -> None:
    product_id, task_id = await make_history(world)
    told: dict[str, list[Any]] = {}
    for entry in await changes(world):
        for change in entry["changes"]:
            told.setdefault(f"{entry['rowId']} {change['field']}", []).append((change["before"], change["after"]))
    euros, more_euros = {"amount": "19.90", "currency": "EUR"}, {"amount": "21.00", "currency": "EUR"}
    yen, fewer_yen = {"amount": "2100", "currency": "JPY"}, {"amount": "22", "currency": "JPY"}
    assert told[f"{product_id} price"] == [(None, euros), (euros, more_euros), (more_euros, yen), (yen, fewer_yen)]
    assert told[f"{task_id} assignee"][-1] == (None, world.acme.member.id)
    assert told[f"{task_id} creator"] == [(None, world.acme.owner.id)]
    assert told[f"{task_id} dueDate"] == [(None, "2030-01-31T07:30:00.000000Z")]
