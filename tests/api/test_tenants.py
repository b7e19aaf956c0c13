"""Tenants through HTTP: founding one, how people come and go, and what that does to their tokens."""

import asyncio
from typing import Any

from atrium import admin as atrium_admin
from models.base import new_id
from tests.conftest import Urls
from tests.support.client import Client
from tests.support.factories import PASSWORD, Person, World

ERROR = "... on Error { message code }"
FIELDS = "... on InvalidInput { fields { path message } }"
TENANT = f"... on Tenant {{ id name slug isActive version }} {ERROR}"
CREATED = f"{TENANT} {FIELDS} ... on AlreadyExists {{ field }}"
INVITED = f"... on Invitation {{ id email role token }} {ERROR} {FIELDS}"
USER = f"... on User {{ id fullName role isFormer version }} {ERROR}"
SESSION = "... on Session { accessToken refreshToken tenant { slug } viewer { role } }"
CONFLICT = "... on VersionConflict { currentVersion current { id ... on Tenant { name } ... on User { role } } }"
ME = "{ viewer { role tenant { slug } } }"


async def log_in(world: World, email: str, tenant: str | None = None) -> Client:
    given = {"email": email, "password": PASSWORD, "tenant": tenant}
    session = await world.nobody.mutate("login", SESSION, **given)
    return world.app.client_with(session["accessToken"])


async def second_owner(world: World) -> Person:
    """The admin, made one without the rules, and logged in again."""
    admin = world.acme.admin
    await world.connection.execute("UPDATE memberships SET role = 'OWNER' WHERE id = $1", admin.member_id)
    return Person(admin.user_id, admin.email, await log_in(world, admin.email), admin.member_id)


async def test_a_tenant_is_founded_joined_and_left(world: World) -> None:
    founder = await log_in(world, world.outsider.email)
    tenant = await founder.mutate("createTenant", CREATED, name=" Initech ", slug="Initech")
    assert (tenant["name"], tenant["slug"], tenant["isActive"], tenant["version"]) == ("Initech", "initech", True, 1)
    switched = await founder.mutate("switchTenant", SESSION, tenant="initech")
    assert switched["viewer"]["role"] == "OWNER"
    owner = world.app.client_with(switched["accessToken"])
    assert (await owner.run("{ tenant { id } }"))["tenant"] == {"id": tenant["id"]}

    invitation = await owner.mutate("inviteMember", INVITED, email="new@example.com")
    assert (invitation["email"], invitation["role"]) == ("new@example.com", "MEMBER")
    new = {"email": "new@example.com", "fullName": "New", "password": PASSWORD}
    registered = await world.nobody.mutate("register", SESSION, **new)
    guest = world.app.client_with(registered["accessToken"])
    offers = "{ viewer { invitations { nodes { role } } } }"
    assert (await guest.run(offers))["viewer"]["invitations"]["nodes"] == [{"role": "MEMBER"}]
    joined = await guest.mutate("acceptInvitation", TENANT, token=invitation["token"])
    assert joined["id"] == tenant["id"]
    assert (await guest.run(offers))["viewer"]["invitations"]["nodes"] == []
    switched = await guest.mutate("switchTenant", SESSION, tenant="initech")
    member = world.app.client_with(switched["accessToken"])
    people = (await member.run("{ users { nodes { id fullName email role } } }"))["users"]["nodes"]
    assert [(p["fullName"], p["email"], p["role"]) for p in people] == [
        ("New", "new@example.com", "MEMBER"),
        ("Outsider", None, "OWNER"),
    ]

    promoted = await owner.mutate("changeMemberRole", USER, id=people[0]["id"], role="ADMIN")
    assert (promoted["role"], promoted["version"]) == ("ADMIN", 2)
    assert await member.error_codes(ME) == ["UNAUTHENTICATED"]
    renewed = await world.nobody.mutate("refresh", SESSION, refreshToken=registered["refreshToken"])
    assert (renewed["tenant"], renewed["viewer"]["role"]) == ({"slug": "initech"}, "ADMIN")
    left = await world.app.client_with(renewed["accessToken"]).run(f"mutation {{ leaveTenant {{ {USER} }} }}")
    assert left["leaveTenant"]["isFormer"]
    assert await world.app.client_with(renewed["accessToken"]).error_codes(ME) == ["UNAUTHENTICATED"]
    alone = (await owner.run(f"mutation {{ leaveTenant {{ {USER} }} }}"))["leaveTenant"]
    assert alone["code"] == "ILLEGAL_TRANSITION"


async def test_a_name_or_slug_that_is_taken_or_wrong_is_said(world: World) -> None:
    client = world.outsider.client
    for given, field in (({"name": "aCME", "slug": "new"}, "name"), ({"name": "New", "slug": "ACME"}, "slug")):
        taken = await client.mutate("createTenant", CREATED, **given)
        assert (taken["code"], taken["field"]) == ("ALREADY_EXISTS", field)
    wrong = await client.mutate("createTenant", CREATED, name="x" * 101, slug="not a slug")
    assert (wrong["code"], [problem["path"] for problem in wrong["fields"]]) == ("BAD_USER_INPUT", ["name", "slug"])
    made = await client.mutate("createTenant", CREATED, name="x" * 100, slug="s" * 50)
    assert made["__typename"] == "Tenant"
    assert await world.connection.fetchval("SELECT count(*) FROM tenants") == 3


async def test_an_invitation_reads_the_same_for_known_and_unknown_and_shows_its_token_once(world: World) -> None:
    admin = world.acme.admin.client
    answers = [
        await admin.mutate("inviteMember", INVITED, email=email, role="ADMIN")
        for email in (world.outsider.email, "unknown@example.com")
    ]
    assert [set(answer) for answer in answers] == [{"__typename", "id", "email", "role", "token"}] * 2
    assert all(answer["token"].startswith("inv.") for answer in answers)
    listed = (await admin.run("{ invitations { totalCount nodes { id token } } }"))["invitations"]
    assert listed["totalCount"] == 2
    assert listed["nodes"] == [{"id": answer["id"], "token": None} for answer in answers[::-1]]
    again = "query($id: ID!) { node(id: $id) { ... on Invitation { email token } } }"
    assert (await admin.run(again, id=answers[0]["id"]))["node"] == {"email": world.outsider.email, "token": None}
    assert await world.acme.member.client.error_codes("{ invitations { totalCount } }") == ["FORBIDDEN"]


async def test_an_invitation_is_good_for_one_person_once_while_it_is_open(world: World) -> None:
    admin, outsider = world.acme.admin.client, world.outsider.client
    first = await admin.mutate("inviteMember", INVITED, email=world.outsider.email)
    revoked = await admin.mutate("revokeInvitation", INVITED.replace(FIELDS, ""), id=first["id"])
    assert (revoked["id"], revoked["token"]) == (first["id"], None)
    missing = await admin.mutate("revokeInvitation", ERROR, id=first["id"])
    assert missing["code"] == "NOT_FOUND"
    second = await admin.mutate("inviteMember", INVITED, email=world.outsider.email)
    for client, token in (
        (outsider, first["token"]),
        (world.globex.owner.client, second["token"]),
        (outsider, second["token"][:-1]),
        (outsider, ""),
    ):
        answer = await client.mutate("acceptInvitation", TENANT, token=token)
        assert (answer["__typename"], answer["code"]) == ("InvalidToken", "INVALID_TOKEN")
    assert (await outsider.mutate("acceptInvitation", TENANT, token=second["token"]))["slug"] == "acme"
    assert (await outsider.mutate("acceptInvitation", TENANT, token=second["token"]))["code"] == "INVALID_TOKEN"
    already = await admin.mutate("inviteMember", INVITED, email=world.outsider.email)
    assert (already["__typename"], already["code"]) == ("AlreadyExists", "ALREADY_EXISTS")
    wrong = await admin.mutate("inviteMember", INVITED, email="nobody")
    assert [problem["path"] for problem in wrong["fields"]] == ["email"]


async def test_admins_do_not_touch_owners(world: World) -> None:
    acme = world.acme
    calls: list[tuple[str, dict[str, Any]]] = [
        ("changeMemberRole", {"id": acme.owner.id, "role": "MEMBER"}),
        ("changeMemberRole", {"id": acme.member.id, "role": "OWNER"}),
        ("removeMember", {"id": acme.owner.id}),
        ("inviteMember", {"email": "new@example.com", "role": "OWNER"}),
    ]
    for client in (acme.admin.client, acme.member.client):
        for mutation, given in calls:
            name = mutation[0].upper() + mutation[1:]
            query = f"mutation($i: {name}Input!) {{ {mutation}(input: $i) {{ __typename }} }}"
            assert await client.error_codes(query, i=given) == ["FORBIDDEN"]
    last = await acme.owner.client.mutate("changeMemberRole", USER, id=acme.owner.id, role="ADMIN")
    assert (last["__typename"], last["code"]) == ("IllegalTransition", "ILLEGAL_TRANSITION")
    assert (await acme.owner.client.run(ME))["viewer"]["role"] == "OWNER"


async def test_of_two_owners_who_leave_at_once_one_stays(world: World) -> None:
    owners = [world.acme.owner.client, (await second_owner(world)).client]
    leave = f"mutation {{ leaveTenant {{ __typename {USER} }} }}"
    answers = await asyncio.gather(*(owner.run(leave) for owner in owners))
    assert sorted(answer["leaveTenant"]["__typename"] for answer in answers) == ["IllegalTransition", "User"]
    left = [answer["leaveTenant"]["__typename"] == "User" for answer in answers]
    assert [await owner.error_codes(ME) for owner in owners] == [["UNAUTHENTICATED"] if gone else [] for gone in left]


async def test_what_a_removed_member_did_still_reads(world: World) -> None:
    acme = world.acme
    task = "... on Task { id }"
    mine = await acme.member.client.mutate("createTask", task, title="Mine", assigneeId=acme.member.id)
    removed = await acme.admin.client.mutate("removeMember", USER, id=acme.member.id)
    assert (removed["id"], removed["fullName"], removed["isFormer"]) == (acme.member.id, "Member", True)
    assert await acme.member.client.error_codes(ME) == ["UNAUTHENTICATED"]
    assert (await acme.admin.client.mutate("removeMember", ERROR, id=acme.member.id))["code"] == "NOT_FOUND"
    query = (
        "query($id: ID!) { task(id: $id) { assignee { fullName isFormer tasks { nodes { title } } }"
        " creator { fullName } } }"
    )
    assert (await acme.owner.client.run(query, id=mine["id"]))["task"] == {
        "assignee": {"fullName": "Member", "isFormer": True, "tasks": {"nodes": [{"title": "Mine"}]}},
        "creator": {"fullName": "Member"},
    }
    names = "query($f: Boolean) { users(filter: {isFormer: {eq: $f}}) { nodes { fullName } } }"
    for former, found in (({}, ["Admin", "Owner"]), ({"f": True}, ["Member", "Removed"])):
        nodes = (await acme.owner.client.run(names, **former))["users"]["nodes"]
        assert [node["fullName"] for node in nodes] == found


async def test_a_switched_off_tenant_is_out_at_once_and_comes_back_whole(world: World, urls: Urls) -> None:
    acme = world.acme
    await atrium_admin.set_account_active(urls.owner, email=None, tenant="ACME", active=False)
    for person in (acme.owner, acme.admin, acme.member):
        assert await person.client.error_codes(ME) == ["UNAUTHENTICATED"]
    assert (await world.globex.owner.client.run(ME))["viewer"]["tenant"] == {"slug": "globex"}
    session = await world.nobody.mutate("login", SESSION, email=acme.owner.email, password=PASSWORD)
    assert session["tenant"] is None
    await atrium_admin.set_account_active(urls.owner, email=None, tenant="acme", active=True)
    assert (await acme.owner.client.run(ME))["viewer"]["role"] == "OWNER"


async def test_nothing_is_changed_over_a_newer_version(world: World) -> None:
    acme = world.acme
    await acme.owner.client.mutate("updateTenant", TENANT, name="First", expectedVersion=1)
    late = await acme.admin.client.mutate("updateTenant", f"{TENANT} {CONFLICT}", name="Second", expectedVersion=1)
    assert (late["code"], late["currentVersion"]) == ("VERSION_CONFLICT", 2)
    assert late["current"] == {"id": acme.id, "name": "First"}
    given = {"id": acme.member.id, "role": "ADMIN"}
    await acme.owner.client.mutate("changeMemberRole", USER, **given)
    given["role"] = "MEMBER"
    late = await acme.owner.client.mutate("changeMemberRole", f"{USER} {CONFLICT}", **given, expectedVersion=1)
    assert (late["currentVersion"], late["current"]) == (2, {"id": acme.member.id, "role": "ADMIN"})


async def test_people_of_elsewhere_and_of_nowhere_read_the_same(world: World) -> None:
    owner = world.acme.owner.client
    unknown = (f"User:{new_id()}", world.globex.member.id, world.acme.removed.id)
    for mutation, more in (("removeMember", {}), ("changeMemberRole", {"role": "ADMIN"})):
        answers = [await owner.mutate(mutation, USER, id=user_id, **more) for user_id in unknown]
        assert (
            answers == [{"__typename": "NotFound", "message": "There is no such thing here.", "code": "NOT_FOUND"}] * 3
        )
    wrong = 'mutation { removeMember(input: {id: "Task:x"}) { __typename } }'
    assert await owner.error_codes(wrong) == ["BAD_USER_INPUT"]
    assert (await world.globex.member.client.run(ME))["viewer"]["role"] == "MEMBER"


async def test_addresses_are_for_who_manages_members(world: World) -> None:
    by_email = "query($e: String) { users(filter: {email: {eq: $e}}) { totalCount nodes { fullName email } } }"
    email = world.acme.member.email
    found = (await world.acme.admin.client.run(by_email, e=email.upper()))["users"]
    assert found == {"totalCount": 1, "nodes": [{"fullName": "Member", "email": email}]}
    assert await world.acme.member.client.error_codes(by_email, e=email) == ["FORBIDDEN"]
    seen = "{ users { nodes { fullName email } } }"
    nodes = (await world.acme.member.client.run(seen))["users"]["nodes"]
    assert {node["fullName"]: node["email"] for node in nodes} == {"Admin": None, "Member": email, "Owner": None}
    other = "query($id: ID!) { node(id: $id) { ... on User { email } } }"
    assert (await world.acme.member.client.run(other, id=world.acme.owner.id))["node"] == {"email": None}
