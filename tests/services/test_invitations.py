"""Invitations: how people come to belong to a tenant, and what a token is good for."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from atrium import admin as atrium_admin
from models import Role
from models.base import new_id, now
from models.tenants import Invitation, Tenant
from services import invitations, members, security, tenants
from services.errors import AlreadyExists, Forbidden, InvalidInput, InvalidToken, NotFound, Unauthenticated
from services.permissions import Actor
from tests.conftest import Urls
from tests.support.factories import Person, World
from tests.support.service_client import CLIENT, ServiceClient, invalid_paths

LIFETIME = timedelta(days=7)


async def invite(
    rules: ServiceClient, person: Person, email: str, role: Role = Role.MEMBER, lifetime: timedelta = LIFETIME
) -> tuple[Invitation, str]:
    units, actor = rules.transactions(person), rules.actor(person)
    return await invitations.invite(units, rules.auth, actor, email=email, role=role, lifetime=lifetime)


async def accept(rules: ServiceClient, person: Person, token: str) -> Tenant:
    return await rules.apply(person, invitations.accept, token=token)


async def membership(world: World, user_id: UUID) -> Any:
    """Theirs in acme, if any."""
    found = "SELECT * FROM memberships WHERE tenant_id = $1 AND user_id = $2"
    return await world.connection.fetchrow(found, world.acme.tenant_id, user_id)


async def test_a_known_and_an_unknown_address_have_the_same_outcome(rules: ServiceClient, world: World) -> None:
    outcomes = []
    for email in (world.outsider.email, "unknown@example.com"):
        before = now()
        invitation, token = await invite(rules, world.acme.admin, f" {email.upper()} ", Role.ADMIN)
        assert before + LIFETIME <= invitation.expires_at <= now() + LIFETIME
        assert token.rpartition(".")[2] not in invitation.digest
        own = {"id", "email", "digest", "created_at", "expires_at"}
        same = {name: getattr(invitation, name) for name in Invitation.model_fields if name not in own}
        outcomes.append((same, len(token), invitation.email == email))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][2]


async def test_who_is_invited_joins_with_the_role_that_was_meant(rules: ServiceClient, world: World) -> None:
    _, token = await invite(rules, world.acme.admin, world.outsider.email, Role.ADMIN)
    tenant = await accept(rules, world.outsider, token)
    assert (tenant.id, tenant.slug) == (world.acme.tenant_id, "acme")
    joined = await membership(world, world.outsider.user_id)
    assert (joined["role"], joined["is_former"], joined["is_active"]) == ("ADMIN", False, True)
    assert (joined["full_name"], joined["email"]) == ("Outsider", world.outsider.email)
    assert (await rules.login(world.outsider.email)).identity.role == "ADMIN"


async def test_who_registers_after_the_invitation_can_accept_it(rules: ServiceClient, world: World) -> None:
    _, token = await invite(rules, world.acme.owner, "Later@example.com")
    user_id = await world.add("users", email="later@example.com", full_name="Later")
    session = {"user_id": user_id, "refresh_digest": "none", "expires_at": now() + LIFETIME}
    session_id = await world.add("sessions", **session)
    issued, _ = rules.auth.tokens.issue(user_id=user_id, tenant_id=None, role=None, session_id=session_id)
    later = Person(user_id, "later@example.com", world.app.client_with(issued))
    assert (await accept(rules, later, token)).slug == "acme"
    assert (await membership(world, user_id))["full_name"] == "Later"


async def test_a_token_is_good_once(rules: ServiceClient, world: World) -> None:
    _, token = await invite(rules, world.acme.admin, world.outsider.email)
    await accept(rules, world.outsider, token)
    with pytest.raises(InvalidToken):
        await accept(rules, world.outsider, token)
    opened = await rules.login(world.outsider.email)
    person = Person(world.outsider.user_id, world.outsider.email, world.app.client_with(opened.access_token))
    await rules.apply(person, tenants.leave)
    with pytest.raises(InvalidToken):
        await accept(rules, world.outsider, token)
    assert (await membership(world, world.outsider.user_id))["is_former"]


async def test_of_two_acceptances_at_once_one_counts(rules: ServiceClient, world: World) -> None:
    _, token = await invite(rules, world.acme.admin, world.outsider.email)
    twins = (accept(rules, world.outsider, token) for _ in range(2))
    outcomes = await asyncio.gather(*twins, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvalidToken", "TenantRow"]


async def test_a_token_of_somebody_elses_is_none(rules: ServiceClient, world: World) -> None:
    _, token = await invite(rules, world.acme.admin, "somebody@example.com")
    for person in (world.outsider, world.globex.owner, world.acme.member):
        with pytest.raises(InvalidToken):
            await accept(rules, person, token)
    assert await membership(world, world.outsider.user_id) is None


async def test_what_was_never_given_out_is_no_invitation(rules: ServiceClient, world: World) -> None:
    invitation, token = await invite(rules, world.acme.admin, world.outsider.email)
    made = security.OpaqueToken.make
    made_up = [
        "",
        "inv\0",
        token[:-1],
        made("inv", new_id(), new_id()).text,
        made("inv", world.acme.tenant_id, invitation.id).text,  # the right ids and a guessed secret
        made("inv", world.globex.tenant_id, invitation.id).text,
        token.replace(world.acme.tenant_id.hex, world.globex.tenant_id.hex),
        token.replace("inv.", "rt."),
    ]
    for text in made_up:
        with pytest.raises(InvalidToken):
            await accept(rules, world.outsider, text)
    assert (await accept(rules, world.outsider, token)).slug == "acme"


async def test_an_invitation_that_is_over_revoked_or_of_a_dead_tenant_is_none(
    rules: ServiceClient, world: World
) -> None:
    admin, email = world.acme.admin, world.outsider.email
    _, over = await invite(rules, admin, email, lifetime=timedelta(seconds=-1))
    revoked, revoked_token = await invite(rules, admin, email)
    await rules.apply(admin, invitations.revoke, id=revoked.id)
    _, replaced = await invite(rules, admin, email)
    _, newest = await invite(rules, admin, email)
    for token in (over, revoked_token, replaced):
        with pytest.raises(InvalidToken):
            await accept(rules, world.outsider, token)
    switch = "UPDATE tenants SET is_active = $1 WHERE slug = 'acme'"
    await world.connection.execute(switch, False)  # the column's value
    with pytest.raises(InvalidToken):
        await accept(rules, world.outsider, newest)
    await world.connection.execute(switch, True)  # likewise
    assert (await accept(rules, world.outsider, newest)).slug == "acme"


async def test_who_was_a_member_before_is_the_same_one_again(rules: ServiceClient, world: World) -> None:
    removed = world.acme.removed
    await world.connection.execute("UPDATE memberships SET is_active = false WHERE id = $1", removed.member_id)
    _, token = await invite(rules, world.acme.owner, removed.email, Role.ADMIN)
    opened = await rules.login(removed.email)
    person = Person(removed.user_id, removed.email, world.app.client_with(opened.access_token))
    await accept(rules, person, token)
    again = await membership(world, removed.user_id)
    assert (again["id"], again["role"]) == (removed.member_id, "ADMIN")
    assert (again["is_former"], again["is_active"]) == (False, True)


async def test_a_member_is_not_invited_again_and_does_not_join_twice(rules: ServiceClient, world: World) -> None:
    for member in (world.acme.member, world.acme.owner):
        with pytest.raises(AlreadyExists) as refused:
            await invite(rules, world.acme.owner, member.email.upper(), Role.ADMIN)
        assert refused.value.field == "email"
    _, token = await invite(rules, world.acme.admin, world.outsider.email, Role.MEMBER)
    also = {"tenant_id": world.acme.tenant_id, "user_id": world.outsider.user_id, "role": "ADMIN"}
    await world.add("memberships", **also, full_name="", email="")
    with pytest.raises(AlreadyExists):
        await accept(rules, world.outsider, token)
    assert (await membership(world, world.outsider.user_id))["role"] == "ADMIN"


async def test_owners_alone_invite_owners_and_members_nobody(rules: ServiceClient, world: World) -> None:
    email = world.outsider.email
    for person, role in ((world.acme.admin, Role.OWNER), (world.acme.member, Role.MEMBER)):
        with pytest.raises(Forbidden):
            await invite(rules, person, email, role)
    assert await world.connection.fetchval("SELECT count(*) FROM invitations") == 0
    _, token = await invite(rules, world.acme.owner, email, Role.OWNER)
    await accept(rules, world.outsider, token)
    assert (await membership(world, world.outsider.user_id))["role"] == "OWNER"


async def test_only_an_address_is_invited(rules: ServiceClient, world: World) -> None:
    for email in ("", "nobody", "a\0@example.com", "x" * 250 + "@example.com"):
        with pytest.raises(InvalidInput) as refused:
            await invite(rules, world.acme.admin, email)
        assert invalid_paths(refused.value) == ["email"]


async def test_open_invitations_are_listed_for_who_manages_members_and_for_who_is_meant(
    rules: ServiceClient, world: World
) -> None:
    acme = world.acme
    await invite(rules, acme.admin, "over@example.com", lifetime=timedelta(seconds=-1))
    taken_back, _ = await invite(rules, acme.admin, "back@example.com")
    await rules.apply(acme.owner, invitations.revoke, id=taken_back.id)
    mine, _ = await invite(rules, acme.admin, world.outsider.email)
    other, _ = await invite(rules, acme.owner, "other@example.com")
    theirs, _ = await invite(rules, world.globex.owner, world.outsider.email)
    listed = [row.id for row in await rules.rows(acme.admin, invitations.INVITATIONS)]
    assert listed == [other.id, mine.id]
    received = [row.id for row in await rules.rows(world.outsider, invitations.RECEIVED_INVITATIONS)]
    assert received == [theirs.id, mine.id]
    assert await rules.rows(acme.member, invitations.RECEIVED_INVITATIONS) == []
    with pytest.raises(Forbidden):
        await rules.page(acme.member, invitations.INVITATIONS)


async def test_only_an_open_invitation_of_ones_own_tenant_is_taken_back(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    mine, token = await invite(rules, acme.admin, world.outsider.email)
    theirs, _ = await invite(rules, world.globex.owner, world.outsider.email)
    with pytest.raises(Forbidden):
        await rules.apply(acme.member, invitations.revoke, id=mine.id)
    for unknown in (theirs.id, new_id()):
        with pytest.raises(NotFound):
            await rules.apply(acme.admin, invitations.revoke, id=unknown)
    await accept(rules, world.outsider, token)
    with pytest.raises(NotFound):
        await rules.apply(acme.admin, invitations.revoke, id=mine.id)
    assert len(await rules.rows(world.globex.owner, invitations.INVITATIONS)) == 1


async def test_nobody_accepts_nothing(rules: ServiceClient, world: World) -> None:
    _, token = await invite(rules, world.acme.admin, world.outsider.email)
    async with rules.database.write(CLIENT) as session:
        with pytest.raises(Unauthenticated):
            await invitations.accept(session, Actor(), token=token)


# --- what stands behind an invitation ---


async def open_ones(world: World) -> int:
    found = "SELECT count(*) FROM invitations WHERE accepted_at IS NULL AND revoked_at IS NULL"
    return int(await world.connection.fetchval(found))


async def test_one_that_has_expired_makes_room_for_another(rules: ServiceClient, world: World) -> None:
    await invite(rules, world.acme.admin, world.outsider.email, lifetime=timedelta(seconds=-1))
    _, token = await invite(rules, world.acme.admin, world.outsider.email)
    assert await open_ones(world) == 1
    await accept(rules, world.outsider, token)


async def test_the_database_holds_one_open_invitation_for_an_address(rules: ServiceClient, world: World) -> None:
    invitation, _ = await invite(rules, world.acme.admin, world.outsider.email)
    same = {"tenant_id": invitation.tenant_id, "email": invitation.email, "role": "ADMIN", "digest": "x"}
    another = {**same, "invited_by": invitation.invited_by, "expires_at": invitation.expires_at}
    with pytest.raises(asyncpg.UniqueViolationError, match="invitations_tenant_id_email_key"):
        await world.add("invitations", **another)
    await world.add("invitations", **{**another, "email": "another@example.com"})


LOSSES: dict[str, tuple[Any, Role, int]] = {
    "removed": (lambda acme: (acme.owner, tenants.remove, {"id": acme.admin.member_id}), Role.MEMBER, 0),
    "left": (lambda acme: (acme.admin, tenants.leave, {}), Role.MEMBER, 0),
    "made a member": (
        lambda acme: (acme.owner, tenants.change_role, {"id": acme.admin.member_id, "role": Role.MEMBER}),
        Role.MEMBER,
        0,
    ),
    "made an owner": (
        lambda acme: (acme.owner, tenants.change_role, {"id": acme.admin.member_id, "role": Role.OWNER}),
        Role.MEMBER,
        1,
    ),
    "shut out": (
        lambda acme: (acme.owner, members.set_active, {"ids": [acme.admin.member_id], "is_active": False}),
        Role.ADMIN,
        0,
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_an_invitation_ends_with_its_senders_right_to_grant_it(
    loss: str, rules: ServiceClient, world: World
) -> None:
    change, role, left = LOSSES[loss]
    _, token = await invite(rules, world.acme.admin, world.outsider.email, role)
    await invite(rules, world.acme.owner, "another@example.com")
    person, rule, given = change(world.acme)
    await rules.apply(person, rule, **given)
    assert await open_ones(world) == left + 1
    if not left:
        with pytest.raises(InvalidToken):
            await accept(rules, world.outsider, token)


async def test_an_owner_who_becomes_an_admin_has_made_no_owners(rules: ServiceClient, world: World) -> None:
    acme = world.acme
    second = await rules.apply(acme.owner, tenants.change_role, id=acme.admin.member_id, role=Role.OWNER)
    opened = await rules.login(acme.admin.email)
    admin = Person(acme.admin.user_id, acme.admin.email, world.app.client_with(opened.access_token))
    await invite(rules, admin, "owner@example.com", Role.OWNER)
    await invite(rules, admin, "admin@example.com", Role.ADMIN)
    await rules.apply(acme.owner, tenants.change_role, id=second.id, role=Role.ADMIN)
    left = "SELECT email FROM invitations WHERE accepted_at IS NULL AND revoked_at IS NULL"
    assert [row["email"] for row in await world.connection.fetch(left)] == ["admin@example.com"]


async def test_who_is_removed_has_no_way_back(rules: ServiceClient, world: World) -> None:
    _, token = await invite(rules, world.acme.admin, "later@example.com", Role.ADMIN)
    member = world.acme.member
    await world.connection.execute("UPDATE users SET email = 'later@example.com' WHERE id = $1", member.user_id)
    await rules.apply(world.acme.owner, tenants.remove, id=member.member_id)
    assert await open_ones(world) == 0
    alone = Actor.of(replace(rules.identity(member), tenant_id=None, role=None))
    async with rules.database.write(alone.identity) as session:
        with pytest.raises(InvalidToken):
            await invitations.accept(session, alone, token=token)


async def test_who_is_suspended_invites_nobody(rules: ServiceClient, world: World, urls: Urls) -> None:
    _, token = await invite(rules, world.acme.admin, world.outsider.email)
    await atrium_admin.set_account_active(urls.owner, email=world.acme.admin.email, tenant=None, active=False)
    with pytest.raises(InvalidToken):
        await accept(rules, world.outsider, token)
