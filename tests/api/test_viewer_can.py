"""`viewerCan`: it is true exactly where the mutation is allowed, for every role and every state of an object."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLObjectType

from graph.fields.declared import NODE_TYPES
from models import Role
from models.base import new_id, now
from services.permissions import ROLES, Permission
from tests.support import case_objects
from tests.support.case_context import CaseBuilder, CaseContext, enter_as, global_id, table_digests, use_api_key
from tests.support.case_documents import changed_document, deleted_document
from tests.support.factories import World
from tests.support.graph_schema import ROOTS, SCHEMA
from tests.support.operation_cases import NODE_BUILDERS

MakeInput = Callable[[CaseContext, str], Awaitable[dict[str, Any]]]
WHO = ("owner", "admin", "member", "key of an owner", "key of a member")


def give(**values: Any) -> MakeInput:
    """An input with the id and these values."""

    async def make(_stage: CaseContext, row_id: str) -> dict[str, Any]:
        return {"id": row_id, **values}

    return make


async def new_name(_stage: CaseContext, _row_id: str) -> dict[str, Any]:
    return {"name": str(new_id())}


async def with_new_name(_stage: CaseContext, row_id: str) -> dict[str, Any]:
    return {"id": row_id, "name": str(new_id())}


async def to_first_entry(stage: CaseContext, row_id: str) -> dict[str, Any]:
    first = "SELECT id FROM audit_log WHERE row_id = $1 ORDER BY created_at, id LIMIT 1"
    entry = await stage.world.connection.fetchval(first, UUID(row_id.partition(":")[2]))
    return {"id": row_id, "to": f"AuditEntry:{entry}"}


async def other_role(stage: CaseContext, row_id: str) -> dict[str, Any]:
    role = await stage.world.connection.fetchval(
        "SELECT role FROM memberships WHERE id = $1", UUID(row_id.partition(":")[2])
    )
    return {"id": row_id, "role": "ADMIN" if role != "ADMIN" else "MEMBER"}


async def switched(stage: CaseContext, row_id: str) -> dict[str, Any]:
    is_active = await stage.world.connection.fetchval(
        "SELECT is_active FROM memberships WHERE id = $1", UUID(row_id.partition(":")[2])
    )
    return {"ids": [row_id], "isActive": not is_active}


ACTIONS: dict[tuple[str, str], tuple[str, MakeInput | None]] = {
    ("Task", "update"): ("updateTask", give(title="another")),
    ("Task", "delete"): ("deleteTask", give()),
    ("Comment", "update"): ("updateComment", give(body="another")),
    ("Comment", "delete"): ("deleteComment", give()),
    ("Label", "update"): ("updateLabel", with_new_name),
    ("Label", "delete"): ("deleteLabel", give()),
    ("Project", "update"): ("updateProject", give(name="another")),
    ("Project", "archive"): ("archiveProject", give(archived=True)),
    ("Project", "delete"): ("deleteProject", give()),
    ("Project", "restore"): ("restoreProject", give()),
    ("Document", "update"): ("updateDocument", give(content="another")),
    ("Document", "revert"): ("revertDocument", to_first_entry),
    ("Document", "delete"): ("deleteDocument", give()),
    ("Document", "restore"): ("restoreDocument", give()),
    ("Document", "purge"): ("purgeDocument", give()),
    ("Product", "update"): ("updateProduct", give(name="another")),
    ("Product", "restock"): ("restockProduct", give(quantity=1)),
    ("Order", "confirm"): ("confirmOrder", give()),
    ("Order", "ship"): ("shipOrder", give()),
    ("Order", "deliver"): ("deliverOrder", give()),
    ("Order", "cancel"): ("cancelOrder", give()),
    ("Order", "delete"): ("deleteOrder", give()),
    ("Article", "update"): ("updateArticle", give(title="another")),
    ("Article", "publish"): ("updateArticle", give(status="PUBLISHED")),
    ("Article", "delete"): ("deleteArticle", give()),
    ("Invitation", "revoke"): ("revokeInvitation", give()),
    ("ApiKey", "revoke"): ("revokeApiKey", give()),
    ("User", "changeRole"): ("changeMemberRole", other_role),
    ("User", "remove"): ("removeMember", give()),
    ("User", "setActive"): ("setUsersActive", switched),
    ("Tenant", "update"): ("updateTenant", new_name),
    ("Tenant", "leave"): ("leaveTenant", None),
}
"""By type and action, the mutation, and what makes its input."""

BY_NODE = "query($id: ID!) {{ node(id: $id) {{ ... on {type} {{ found: viewerCan {{ {actions} }} }} }} }}"


@dataclass(frozen=True)
class State:
    """A state of an object: what makes one, and a list that shows it where `node` does not."""

    make: CaseBuilder
    listed: str = ""


def article(status: str, *, own: bool) -> CaseBuilder:
    """An article, by whoever asks or by somebody else."""

    async def make(stage: CaseContext) -> str:
        assert stage.actor is not None
        author = stage.actor.user_id if own else stage.tenant.owner.user_id
        values = {"title": "one", "content": "text", "author_id": author, "status": status}
        published_at = now() if status == "PUBLISHED" else None
        return global_id("Article", await stage.add("articles", **values, published_at=published_at))

    return make


async def own_comment(stage: CaseContext) -> str:
    """A comment by whoever asks."""
    assert stage.actor is not None
    task_id = UUID((await case_objects.task(stage)).partition(":")[2])
    given = {"task_id": task_id, "body": "one", "author_id": stage.actor.user_id}
    return global_id("Comment", await stage.add("comments", **given))


def somebody(role: str, *, active: bool = True, former: bool = False) -> CaseBuilder:
    """Somebody else in the tenant."""

    async def make(stage: CaseContext) -> str:
        made = await enter_as(stage.world, stage.tenant, role)
        assert made.actor is not None
        assert made.actor.member_id is not None
        state = "UPDATE memberships SET is_active = $2, ended_at = CASE WHEN $3 THEN now() END WHERE id = $1"
        await stage.world.connection.execute(state, made.actor.member_id, active, former)
        return made.actor.id

    return make


async def oneself(stage: CaseContext) -> str:
    assert stage.actor is not None
    return stage.actor.id


async def archived_project(stage: CaseContext) -> str:
    return await case_objects.project(stage, archived_at=now())


async def full_product(stage: CaseContext) -> str:
    made = await case_objects.product(stage)
    full = "UPDATE products SET stock_quantity = 2147483647 WHERE id = $1"
    await stage.world.connection.execute(full, UUID(made.partition(":")[2]))
    return made


TRASH = "trash(first: 100) { nodes { id found: viewerCan { {actions} } } }"
DELETED_PROJECTS = (
    "projects(first: 100, filter: { deletedAt: { isNull: false } }) { nodes { id found: viewerCan { {actions} } } }"
)

STATES: dict[str, dict[str, State]] = {
    "Task": {"live": State(case_objects.task)},
    "Comment": {"own": State(own_comment), "somebody's": State(NODE_BUILDERS["Comment"])},
    "Label": {"live": State(NODE_BUILDERS["Label"])},
    "Project": {
        "live": State(case_objects.project),
        "in the trash": State(case_objects.deleted_project, DELETED_PROJECTS),
    },
    "Document": {"live": State(changed_document), "in the trash": State(deleted_document, TRASH)},
    "Product": {"some in stock": State(case_objects.product), "stock full": State(full_product)},
    "Order": {
        "somebody's, pending": State(case_objects.order),
        "own, pending": State(case_objects.own_order),
        "confirmed": State(case_objects.confirmed_order),
        "shipped": State(case_objects.shipped_order),
        "delivered": State(case_objects.delivered_order),
        "own, cancelled": State(case_objects.own_cancelled_order),
    },
    "Article": {
        "own draft": State(article("DRAFT", own=True)),
        "somebody's draft": State(article("DRAFT", own=False)),
        "own, published": State(article("PUBLISHED", own=True)),
        "somebody's, published": State(article("PUBLISHED", own=False)),
    },
    "Invitation": {"open": State(case_objects.invitation)},
    "ApiKey": {"somebody's": State(case_objects.api_key), "own": State(case_objects.own_key)},
    "User": {
        "oneself": State(oneself),
        **{f"{role}": State(somebody(role)) for role in ("member", "admin", "owner")},
        **{f"{role}, deactivated": State(somebody(role, active=False)) for role in ("member", "owner")},
        "former": State(somebody("member", former=True)),
    },
    "Tenant": {"one's own": State(case_objects.tenant)},
}
"""By type, the states that its objects can be in."""


def actions_of(type_name: str) -> list[str]:
    """The actions that the schema names for a type."""
    made = SCHEMA.type_map[f"{type_name}ViewerCan"]
    assert isinstance(made, GraphQLObjectType)
    return list(made.fields)


async def enter(world: World, who: str) -> CaseContext:
    """Whoever asks, by a token of a login or by an API key."""
    if not who.startswith("key of"):
        return await enter_as(world, world.acme, who)
    role = who.rpartition(" ")[2]
    stage = await enter_as(world, world.acme, role)
    await use_api_key(stage, role.upper())
    return stage


async def told(stage: CaseContext, type_name: str, state: State, row_id: str) -> dict[str, bool] | None:
    """What the schema says that the viewer may do; None if they do not see the object."""
    actions = " ".join(actions_of(type_name))
    if state.listed:
        answer = await stage.client.send(f"{{ {state.listed.replace('{actions}', actions)} }}")
        rows = next(iter(answer["data"].values()))["nodes"]
        return next((row["found"] for row in rows if row["id"] == row_id), None)
    answer = await stage.client.send(BY_NODE.format(type=type_name, actions=actions), id=row_id)
    node = (answer["data"] or {}).get("node")
    return node["found"] if node else None


async def does(stage: CaseContext, mutation: str, given: dict[str, Any] | None) -> bool:
    """Run a mutation; return whether it was allowed and changed something."""
    before = await table_digests(stage.world.connection)
    field = ROOTS["mutation"].fields[mutation]
    call = "" if given is None else "(input: $input)"
    head = "" if given is None else f"($input: {field.args['input'].type})"
    answer = await stage.client.send(f"mutation{head} {{ it: {mutation}{call} {{ __typename }} }}", input=given)
    errors = {member.name for member in field.type.of_type.types if "message" in member.fields}
    allowed = not answer.get("errors") and answer["data"]["it"]["__typename"] not in errors
    changed = await table_digests(stage.world.connection) != before
    assert allowed or not changed
    return allowed and changed


CASES = [(type_name, state, who) for type_name, states in STATES.items() for state in states for who in WHO]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("type_name", "state", "who"), CASES)
async def test_it_is_true_exactly_where_the_mutation_is_allowed(
    founded_world: World, type_name: str, state: str, who: str
) -> None:
    found: dict[str, bool] | None = None
    happened = {}
    for action in actions_of(type_name):
        stage = await enter(founded_world, who)
        row_id = await STATES[type_name][state].make(stage)
        found = await told(stage, type_name, STATES[type_name][state], row_id)
        mutation, make_input = ACTIONS[type_name, action]
        happened[action] = await does(stage, mutation, await make_input(stage, row_id) if make_input else None)
    if found is None:
        assert not any(happened.values())  # what is not seen cannot be changed
    else:
        assert found == happened


def test_every_action_is_tried() -> None:
    types = [name for name in NODE_TYPES if NODE_TYPES[name].collection.abilities]
    assert sorted(types) == sorted(STATES)
    assert sorted(ACTIONS) == sorted((name, action) for name in types for action in actions_of(name))
    for (name, action), (mutation, _) in ACTIONS.items():
        made = SCHEMA.type_map[f"{name}ViewerCan"]
        assert isinstance(made, GraphQLObjectType)
        assert f"with `{mutation}`" in str(made.fields[action].description)


LAST = (
    """{ viewer { user { found: viewerCan { changeRole remove setActive } } } tenant { found: viewerCan { leave } } }"""
)


async def test_the_last_owner_stays(world: World) -> None:
    founder = world.outsider.client
    await founder.mutate("createTenant", "... on Tenant { id }", name="One", slug="one")
    entered = await founder.mutate("switchTenant", "... on Session { accessToken }", tenant="one")
    client = world.app.client_with(entered["accessToken"])
    told_alone = await client.run(LAST)
    assert told_alone["tenant"] == {"found": {"leave": False}}
    assert told_alone["viewer"]["user"] == {"found": {"changeRole": False, "remove": False, "setActive": False}}
    tenant_id = await world.connection.fetchval("SELECT id FROM tenants WHERE slug = 'one'")
    row = {"tenant_id": tenant_id, "user_id": world.acme.owner.user_id, "role": "OWNER", "full_name": "", "email": ""}
    await world.add("memberships", **row)
    told_together = await client.run(LAST)
    assert told_together["tenant"] == {"found": {"leave": True}}
    assert told_together["viewer"]["user"] == {"found": {"changeRole": True, "remove": True, "setActive": False}}


async def test_what_is_gone_or_past_can_be_changed_by_nobody(world: World) -> None:
    client = world.acme.owner.client
    made = await client.mutate("createTask", "... on Task { id viewerCan { update delete } }", title="one")
    assert made["viewerCan"] == {"update": True, "delete": True}
    changed = await client.mutate("updateTask", "... on Task { viewerCan { delete } }", id=made["id"], title="two")
    assert changed["viewerCan"] == {"delete": True}
    gone = await client.mutate("deleteTask", "... on Task { viewerCan { update delete } }", id=made["id"])
    assert gone["viewerCan"] == {"update": False, "delete": False}
    written = await client.mutate("createDocument", "... on Document { id createdAt }", title="one")
    past = "query($id: ID!, $at: DateTime) { document(id: $id, asOf: $at) { viewerCan { update } } }"
    assert (await client.run(past, id=written["id"], at=None))["document"] == {"viewerCan": {"update": True}}
    shown = await client.run(past, id=written["id"], at=written["createdAt"])
    assert shown["document"] == {"viewerCan": {"update": False}}


VIEWER = "{ viewer { role permissions user { id fullName } } }"


@pytest.mark.parametrize("who", ["owner", "admin", "member"])
async def test_a_viewer_learns_who_they_are_and_what_they_may(world: World, who: str) -> None:
    person = getattr(world.acme, who)
    viewer = (await person.client.run(VIEWER))["viewer"]
    assert viewer["user"] == {"id": person.id, "fullName": who.title()}
    assert set(viewer["permissions"]) == ROLES[Role(person.role)] - {Permission.SUPERUSER}
    listed = await person.client.run("{ users(first: 100) { nodes { id } } }")
    assert {"id": viewer["user"]["id"]} in listed["users"]["nodes"]


async def test_a_viewer_without_a_tenant_is_no_user(world: World) -> None:
    viewer = (await world.outsider.client.run(VIEWER))["viewer"]
    assert viewer == {"role": None, "permissions": ["ACCOUNT"], "user": None}
