"""Tenants: founding one, who sees whom, and who may make whom what."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from models import Role
from models.base import new_id
from services import tenants
from services.errors import (
    AlreadyExists,
    Forbidden,
    IllegalTransition,
    InvalidInput,
    NotFound,
    Unauthenticated,
    VersionConflict,
)
from services.permissions import Actor
from tests.support.factories import PASSWORD_HASH, Person, World
from tests.support.service_client import CLIENT, ServiceClient, invalid_paths, wait_until_blocked


async def members(world: World) -> dict[UUID | None, tuple[str, bool]]:
    """The roles in acme, and who has left."""
    rows = await world.connection.fetch(
        "SELECT id, role, is_former FROM memberships WHERE tenant_id = $1 ORDER BY id", world.acme.tenant_id
    )
    return {row["id"]: (row["role"], row["is_former"]) for row in rows}


async def make_owner(world: World, person: Person) -> None:
    """Without the rules; whoever it is has to log in again."""
    await world.connection.execute("UPDATE memberships SET role = 'OWNER' WHERE id = $1", person.member_id)


async def add_member(rules: ServiceClient, world: World, email: str, role: Role) -> Person:
    """A second person of that role in acme, logged in."""
    values = {"email": email, "full_name": email.partition("@")[0]}
    user_id = await world.add("users", **values, password_hash=PASSWORD_HASH)
    member = {"tenant_id": world.acme.tenant_id, "user_id": user_id, "role": role}
    member_id = await world.add("memberships", **member, full_name="", email="")
    opened = await rules.login(email)
    client = world.app.client_with(opened.access_token)
    return Person(user_id, email, client, member_id, opened.identity.session_id)


# --- founding and renaming ---


async def test_whoever_founds_a_tenant_owns_it(rules: ServiceClient, world: World) -> None:
    founder = world.outsider
    tenant = await rules.apply(founder, tenants.create, name="  Initech Überall ", slug=" Initech-2 ")
    assert (tenant.name, tenant.slug, tenant.is_active, tenant.version) == ("Initech Überall", "initech-2", True, 1)
    [row] = await world.connection.fetch("SELECT * FROM memberships WHERE tenant_id = $1", tenant.id)
    assert (row["user_id"], row["role"], row["is_active"]) == (founder.user_id, "OWNER", True)
    assert (row["full_name"], row["email"]) == ("Outsider", founder.email)
    opened = await rules.login(founder.email, tenant="initech-2")
    assert opened.identity.role == "OWNER"


async def test_a_name_has_up_to_100_and_a_slug_up_to_50_characters(rules: ServiceClient, world: World) -> None:
    founder = world.outsider
    for name in ("", "  ", "x" * 101, "a\0b", "\ud800"):
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(founder, tenants.create, name=name, slug="fine")
        assert invalid_paths(refused.value) == ["name"]
    for slug in ("", " ", "-a", "a-", "-", "a_b", "a b", "ä", "a.b", "a\0b", "x" * 51):
        with pytest.raises(InvalidInput) as refused:
            await rules.apply(founder, tenants.create, name="Fine", slug=slug)
        assert invalid_paths(refused.value) == ["slug"]
    with pytest.raises(InvalidInput) as refused:
        await rules.apply(founder, tenants.create, name="", slug="")
    assert invalid_paths(refused.value) == ["name", "slug"]
    assert await rules.rows(founder, tenants.MEMBERSHIPS) == []
    await rules.apply(founder, tenants.create, name="Ж" * 100, slug="x" * 50)
    await rules.apply(founder, tenants.create, name="Y", slug="y")
    assert len(await rules.rows(founder, tenants.MEMBERSHIPS)) == 2


async def test_a_name_and_a_slug_are_unique_whatever_their_case(rules: ServiceClient, world: World) -> None:
    founder = world.outsider
    for given, field in (({"name": "ACME", "slug": "new"}, "name"), ({"name": "New", "slug": "Acme"}, "slug")):
        with pytest.raises(AlreadyExists) as refused:
            await rules.apply(founder, tenants.create, **given)
        assert refused.value.field == field
    await rules.apply(founder, tenants.create, name="École", slug="ecole")
    with pytest.raises(AlreadyExists):
        await rules.apply(founder, tenants.create, name="ÉCOLE", slug="ecole-2")
    assert await world.connection.fetchval("SELECT count(*) FROM tenants") == 3


async def test_of_two_who_found_one_slug_at_once_one_gets_it(rules: ServiceClient, world: World) -> None:
    founders = (rules.apply(world.outsider, tenants.create, name=name, slug="twin") for name in ("One", "Two"))
    outcomes = await asyncio.gather(*founders, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyExists", "TenantRow"]


async def test_a_tenant_is_renamed_by_who_may(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    renamed = await rules.apply(acme.admin, tenants.update, name=" Acme & Co ")
    assert (renamed.name, renamed.slug, renamed.version) == ("Acme & Co", "acme", 2)
    await rules.apply(acme.owner, tenants.update, name="ACME & CO", expected_version=2)
    with pytest.raises(VersionConflict) as late:
        await rules.apply(acme.owner, tenants.update, name="Late", expected_version=2)
    assert late.value.version == 3
    with pytest.raises(AlreadyExists):
        await rules.apply(acme.owner, tenants.update, name="gLOBEX")
    with pytest.raises(InvalidInput):
        await rules.apply(acme.owner, tenants.update, name="x" * 101)
    with pytest.raises(Forbidden):
        await rules.apply(acme.member, tenants.update, name="Mine")
    names = await world.connection.fetch("SELECT name FROM tenants ORDER BY name")
    assert [row["name"] for row in names] == ["ACME & CO", "Globex"]


async def test_outside_a_tenant_there_is_nothing_but_ones_account(rules: ServiceClient, world: World) -> None:
    for collection in (tenants.TENANTS, tenants.USERS):
        with pytest.raises(Forbidden, match="Choose a tenant"):
            await rules.page(world.outsider, collection)
        with pytest.raises(Unauthenticated):
            collection.visible(Actor().permissions)
    for rule in (tenants.leave, tenants.update):
        with pytest.raises(Forbidden, match="Choose a tenant"):
            await rules.apply(world.outsider, rule, **({"name": "x"} if rule is tenants.update else {}))
    async with rules.database.write(CLIENT) as session:
        with pytest.raises(Unauthenticated):
            await tenants.create(session, Actor(), name="Nobody's", slug="nobodys")


async def test_one_sees_the_tenant_one_is_in_and_those_one_belongs_to(rules: ServiceClient, world: World) -> None:
    acme, globex = world.acme, world.globex
    also = {"tenant_id": globex.tenant_id, "user_id": acme.member.user_id, "role": "ADMIN"}
    await world.add("memberships", **also, full_name="", email="")
    for person in (acme.owner, acme.member):
        assert [row.id for row in await rules.rows(person, tenants.TENANTS)] == [acme.tenant_id]
    own = {row.slug for row in await rules.rows(acme.member, tenants.OWN_TENANTS)}
    assert own == {"acme", "globex"}
    mine = await rules.rows(acme.member, tenants.MEMBERSHIPS)
    assert [(row.tenant_id, row.role) for row in mine] == [
        (acme.tenant_id, "MEMBER"),
        (globex.tenant_id, "ADMIN"),
    ]
    await world.connection.execute("UPDATE memberships SET ended_at = now() WHERE role = 'ADMIN'")
    assert len(await rules.rows(acme.member, tenants.MEMBERSHIPS)) == 1
    assert [row.slug for row in await rules.rows(acme.member, tenants.OWN_TENANTS)] == ["acme"]


# --- people ---


async def test_members_see_names_and_managers_addresses_too(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    seen = {row.full_name: row.email for row in await rules.rows(acme.member, tenants.USERS)}
    assert seen == {"Admin": None, "Member": acme.member.email, "Owner": None}
    for manager in (acme.admin, acme.owner):
        emails = [row.email for row in await rules.rows(manager, tenants.USERS)]
        assert emails == [acme.admin.email, acme.member.email, acme.owner.email]


async def test_people_are_found_by_each_filter(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    await world.connection.execute("UPDATE users SET full_name = $2 WHERE id = $1", acme.admin.user_id, "Zoë_O'Ñeil")
    await world.connection.execute("UPDATE memberships SET is_active = false WHERE id = $1", acme.member.member_id)

    async def found(**filter: Any) -> list[UUID | None]:
        return [row.id for row in await rules.rows(acme.owner, tenants.USERS, filter=filter)]

    owner, admin, member, removed = (p.member_id for p in (acme.owner, acme.admin, acme.member, acme.removed))
    assert await found() == [member, owner, admin]
    assert await found(is_former={"eq": True}) == [removed]
    assert await found(role={"eq": "ADMIN"}) == [admin]
    assert await found(is_active={"eq": False}) == [member]
    assert await found(is_active={"eq": True}) == [owner, admin]
    assert await found(email={"eq": "Owner@ACME.example.com"}) == [owner]
    assert await found(email={"eq": "owner@globex.example.com"}) == []
    assert await found(full_name={"contains": "zOË"}) == [admin]
    assert await found(full_name={"contains": "o'ñ"}) == [admin]
    assert await found(full_name={"contains": "ë_o"}) == [admin]
    assert await found(full_name={"contains": "_"}) == [admin]
    assert await found(full_name={"contains": "%"}) == []
    assert await found(full_name={"contains": "e"}, role={"eq": "OWNER"}) == [owner]


async def test_an_address_is_no_filter_for_who_does_not_see_it(rules: ServiceClient, world: World) -> None:
    with pytest.raises(Forbidden):
        await rules.page(world.acme.member, tenants.USERS, filter={"email": {"eq": "owner@acme.example.com"}})
    assert [
        row.role
        for row in await rules.rows(world.acme.member, tenants.USERS, filter={"full_name": {"contains": "own"}})
    ]
    assert not await rules.rows(world.acme.member, tenants.USERS, filter={"full_name": {"contains": "acme"}})


# --- roles ---


async def test_a_new_role_counts_at_once(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    changed = await rules.apply(acme.admin, tenants.change_role, id=acme.member.member_id, role=Role.ADMIN)
    assert (changed.role, changed.version) == ("ADMIN", 2)
    assert not await rules.is_live(rules.identity(acme.member))
    await rules.apply(acme.owner, tenants.change_role, id=acme.admin.member_id, role=Role.MEMBER)
    assert not await rules.is_live(rules.identity(acme.admin))
    assert (await rules.login(acme.admin.email)).identity.role == "MEMBER"


async def test_a_role_is_not_changed_over_a_newer_one(rules: ServiceClient, world: World) -> None:
    acme, member_id = world.acme, world.acme.member.member_id
    await rules.apply(acme.owner, tenants.change_role, id=member_id, role=Role.ADMIN, expected_version=1)
    with pytest.raises(VersionConflict) as late:
        await rules.apply(acme.owner, tenants.change_role, id=member_id, role=Role.MEMBER, expected_version=1)
    assert late.value.version == 2


async def test_admins_neither_make_nor_touch_owners(rules: ServiceClient, world: World) -> None:
    acme, before = world.acme, await members(world)
    calls: list[tuple[Callable[..., Awaitable[Any]], dict[str, Any]]] = [
        (tenants.change_role, {"id": acme.member.member_id, "role": Role.OWNER}),
        (tenants.change_role, {"id": acme.admin.member_id, "role": Role.OWNER}),
        (tenants.change_role, {"id": acme.owner.member_id, "role": Role.MEMBER}),
        (tenants.change_role, {"id": acme.owner.member_id, "role": Role.OWNER}),
        (tenants.remove, {"id": acme.owner.member_id}),
    ]
    for rule, given in calls:
        with pytest.raises(Forbidden):
            await rules.apply(acme.admin, rule, **given)
    for rule, given in calls:
        with pytest.raises(Forbidden):
            await rules.apply(acme.member, rule, **given)
    assert await members(world) == before


async def test_an_admin_does_not_remove_who_is_made_an_owner_at_that_moment(rules: ServiceClient, world: World) -> None:
    owner, member_id = rules.actor(world.acme.owner), world.acme.member.member_id
    assert member_id
    async with rules.database.write(owner.identity) as session:
        await tenants.change_role(session, owner, id=member_id, role=Role.OWNER)
        removal = asyncio.create_task(rules.apply(world.acme.admin, tenants.remove, id=member_id))
        await wait_until_blocked(world.connection)
    with pytest.raises(Forbidden):
        await removal
    assert (await members(world))[member_id] == ("OWNER", False)


async def test_what_is_no_live_member_here_is_not_found(rules: ServiceClient, world: World) -> None:
    for unknown in (new_id(), world.globex.member.member_id, world.acme.removed.member_id, world.acme.member.user_id):
        for given in ({"role": Role.ADMIN}, None):
            rule = tenants.change_role if given else tenants.remove
            with pytest.raises(NotFound) as refused:
                await rules.apply(world.acme.owner, rule, id=unknown, **(given or {}))
            assert str(refused.value) == "There is no such thing here."
    assert await rules.is_live(rules.identity(world.globex.member))


async def test_a_removed_member_is_out_at_once_and_stays_as_a_name(rules: ServiceClient, world: World) -> None:
    acme, member = world.acme, world.acme.member
    ended = await rules.apply(acme.admin, tenants.remove, id=member.member_id)
    assert (ended.id, ended.is_former, ended.role) == (member.member_id, True, "MEMBER")
    assert not await rules.is_live(rules.identity(member))
    former = await rules.rows(acme.owner, tenants.USERS, filter={"is_former": {"eq": True}})
    assert {row.full_name for row in former} == {"Member", "Removed"}
    with pytest.raises(NotFound):
        await rules.apply(acme.admin, tenants.remove, id=member.member_id)


# --- the last owner ---


async def test_whoever_is_no_owner_may_leave(rules: ServiceClient, world: World) -> None:
    left = await rules.apply(world.acme.member, tenants.leave)
    assert (left.id, left.is_former) == (world.acme.member.member_id, True)
    assert not await rules.is_live(rules.identity(world.acme.member))


async def test_the_last_owner_neither_leaves_nor_goes(rules: ServiceClient, world: World) -> None:
    owner = world.acme.owner
    for rule, given in (
        (tenants.leave, {}),
        (tenants.remove, {"id": owner.member_id}),
        (tenants.change_role, {"id": owner.member_id, "role": Role.ADMIN}),
    ):
        with pytest.raises(IllegalTransition, match="at least one owner"):
            await rules.apply(owner, rule, **given)
    same = await rules.apply(owner, tenants.change_role, id=owner.member_id, role=Role.OWNER)
    assert same.role == "OWNER"
    assert (await members(world))[owner.member_id] == ("OWNER", False)


async def test_a_former_or_switched_off_owner_is_none(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    await make_owner(world, acme.removed)
    await make_owner(world, acme.member)
    await world.connection.execute("UPDATE memberships SET is_active = false WHERE id = $1", acme.member.member_id)
    with pytest.raises(IllegalTransition):
        await rules.apply(acme.owner, tenants.leave)
    await world.connection.execute("UPDATE memberships SET is_active = true WHERE id = $1", acme.member.member_id)
    assert (await rules.apply(acme.owner, tenants.leave)).is_former


async def test_when_two_owners_go_at_once_one_stays(rules: ServiceClient, world: World) -> None:
    first, rule = world.acme.owner, tenants.leave
    second = await add_member(rules, world, "second@acme.example.com", Role.OWNER)
    actor = rules.actor(first)
    async with rules.database.write(actor.identity) as session:
        await rule(session, actor)
        leaving = asyncio.create_task(rules.apply(second, rule))
        await wait_until_blocked(world.connection)
    with pytest.raises(IllegalTransition):
        await leaving
    owners = [member for member, state in (await members(world)).items() if state == ("OWNER", False)]
    assert owners == [second.member_id]


async def test_two_owners_who_unmake_each_other_leave_one(rules: ServiceClient, world: World) -> None:
    first = world.acme.owner
    second = await add_member(rules, world, "second@acme.example.com", Role.OWNER)
    outcomes = await asyncio.gather(
        rules.apply(first, tenants.change_role, id=second.member_id, role=Role.MEMBER),
        rules.apply(second, tenants.remove, id=first.member_id),
        return_exceptions=True,
    )
    assert len([outcome for outcome in outcomes if isinstance(outcome, Exception)]) == 1
    owners = [state for state in (await members(world)).values() if state == ("OWNER", False)]
    assert len(owners) == 1
