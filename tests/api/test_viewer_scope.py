"""For whom the response to a subscription's event is the same: it may be shared by a role, an account, or nobody."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType

from graph.fields.declared import DeclaredField
from graph.schema import create_schema
from graph.viewer_scope import ViewerScope, field_scope
from models import Role
from services.permissions import ROLES
from tests.support.factories import World
from tests.support.subscription_client import collect_subscription

SCHEMA = create_schema().graphql
MEMBER, ADMIN = frozenset(ROLES[Role.MEMBER]), frozenset(ROLES[Role.ADMIN])

EVERYTHING = """subscription ($after: String) {
    taskChanged(after: $after) {
        cursor action fields taskId
        task {
            id title status version createdAt updatedAt dueDate
            creator { id fullName email } assignee { id fullName } project { id name isArchived tasks { totalCount } }
            history(first: 2) { totalCount nodes { id action fields: changes { field } actor { fullName } } }
        }
    }
}"""


def declared_fields() -> Iterator[tuple[GraphQLObjectType, str, Any]]:
    """Every declared field of the schema's object types."""
    for type_ in SCHEMA.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            for name, field in type_.fields.items():
                if isinstance(field.extensions.get("strawberry-definition"), DeclaredField):
                    yield type_, name, field.extensions["strawberry-definition"]


def scope(path: str, permissions: frozenset[Any]) -> ViewerScope:
    """The scope of a field such as `Task.creator`."""
    type_name, name = path.split(".")
    type_ = SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    return field_scope(type_.fields[name].extensions["strawberry-definition"], type_, permissions)


@pytest.mark.parametrize("role", Role)
def test_every_field_has_a_scope_for_every_role(role: Role) -> None:
    scopes = {field_scope(field, type_, frozenset(ROLES[role])) for type_, _, field in declared_fields()}
    assert scopes == set(ViewerScope)


@pytest.mark.parametrize(
    ("path", "of_member", "of_admin"),
    [
        ("Task.title", ViewerScope.ROLE, ViewerScope.ROLE),
        ("Task.project", ViewerScope.ROLE, ViewerScope.ROLE),
        ("Task.creator", ViewerScope.ACCOUNT, ViewerScope.ROLE),  # members see their own address alone
        ("OrderEvent.apiKey", ViewerScope.ACCOUNT, ViewerScope.ROLE),  # and their own keys
        ("OrderEvent.reason", ViewerScope.ACCOUNT, ViewerScope.ROLE),
        ("Product.price", ViewerScope.ROLE, ViewerScope.ROLE),
        ("Membership.tenant", ViewerScope.SESSION, ViewerScope.SESSION),  # of no tenant
        ("LoginSession.isCurrent", ViewerScope.SESSION, ViewerScope.SESSION),
        ("TaskChange.changes", ViewerScope.ACCOUNT, ViewerScope.ROLE),  # amounts are of the log
        ("AuditEntry.changes", ViewerScope.ACCOUNT, ViewerScope.ROLE),
        ("AuditEntry.node", ViewerScope.SESSION, ViewerScope.SESSION),  # by code that is not known
    ],
)
def test_who_shares_a_field(path: str, of_member: ViewerScope, of_admin: ViewerScope) -> None:
    assert (scope(path, MEMBER), scope(path, ADMIN)) == (of_member, of_admin)


async def test_an_event_shows_what_a_query_shows(world: World) -> None:
    """Each of three people gets of a task what they would get by asking for it."""
    admin = world.acme.admin.client
    project = await admin.mutate("createProject", "... on Project { id }", name="Apollo")
    made = await admin.mutate("createTask", "... on Task { id }", title="Plan", projectId=project["id"])
    selection = EVERYTHING[EVERYTHING.index("task {") + len("task ") : EVERYTHING.rindex("}\n    }\n}") + 1]
    people = world.acme.member, world.acme.admin, world.acme.owner
    changes = await asyncio.gather(*(collect_subscription(world, each, EVERYTHING, 1, after="0") for each in people))
    for person, [change] in zip(people, changes, strict=True):
        asked = await person.client.run(f'{{ task(id: "{made["id"]}") {selection} }}')
        assert change["task"] == asked["task"]
