"""Login sessions: who is let in, how often one may try, and when a refresh token is good."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import jwt
import pytest

from atrium import admin
from atrium.settings import SettingsError
from models.base import new_id, now
from services import security, sessions, tenants
from services.errors import InvalidCredentials, InvalidInput, InvalidToken, NotFound, Unauthenticated
from services.permissions import Permission
from services.sessions import IssuedSession
from tests.conftest import Urls
from tests.support.factories import PASSWORD, World
from tests.support.service_client import CLIENT, ServiceClient


async def refresh(rules: ServiceClient, refresh_token: str | None, tenant: str | None = None) -> IssuedSession:
    assert refresh_token is not None
    return await sessions.refresh(rules.transactions(), rules.auth, CLIENT, refresh_token=refresh_token, tenant=tenant)


async def age_rotation(world: World, session_id: UUID | None, seconds: int) -> None:
    aged = "UPDATE sessions SET rotated_at = rotated_at - make_interval(secs => $2) WHERE id = $1"
    await world.connection.execute(aged, session_id, seconds)


async def add_member(world: World, tenant_id: UUID, user_id: UUID, role: str = "MEMBER") -> UUID:
    member = {"tenant_id": tenant_id, "user_id": user_id, "role": role}
    return await world.add("memberships", **member, full_name="", email="")


# --- logging in ---


async def test_a_login_enters_the_only_tenant_and_is_remembered(rules: ServiceClient, world: World) -> None:
    before = now()
    opened = await rules.login("  Member@ACME.example.com ")
    claims = rules.auth.tokens.read(opened.access_token)
    assert (claims.tenant_id, claims.role) == (world.acme.tenant_id, "MEMBER")
    assert claims.user_id == world.acme.member.user_id
    assert opened.identity.session_id == claims.session_id
    assert await rules.is_live(opened.identity)
    [row] = await world.connection.fetch(
        "SELECT ip, user_agent, last_login, refresh_digest FROM sessions s JOIN users u ON u.id = s.user_id"
        " WHERE s.id = $1",
        claims.session_id,
    )
    assert (row["ip"], row["user_agent"]) == ("203.0.113.9", "a browser")
    assert before <= row["last_login"] <= now()
    assert opened.refresh_token
    assert opened.refresh_token.rpartition(".")[2] not in row["refresh_digest"]


async def test_an_access_token_lives_thirty_minutes_and_names_its_user(rules: ServiceClient, world: World) -> None:
    opened = await rules.login("owner@acme.example.com")
    claims = jwt.decode(opened.access_token, options={"verify_signature": False})
    assert claims["sub"] == str(world.acme.owner.user_id)
    assert claims["exp"] - claims["iat"] == 30 * 60
    assert opened.expires_at.timestamp() == claims["exp"]
    assert jwt.get_unverified_header(opened.access_token)["alg"] == "EdDSA"


async def test_a_login_enters_the_tenant_that_it_names(rules: ServiceClient, world: World) -> None:
    await add_member(world, world.globex.tenant_id, world.acme.member.user_id, "ADMIN")
    unnamed = await rules.login("member@acme.example.com")
    assert (unnamed.identity.tenant_id, unnamed.identity.role) == (None, None)
    named = await rules.login("member@acme.example.com", tenant=" Globex ")
    assert (named.identity.tenant_id, named.identity.role) == (world.globex.tenant_id, "ADMIN")


async def test_a_tenant_that_one_does_not_belong_to_cannot_be_entered(rules: ServiceClient, world: World) -> None:
    count = "SELECT count(*) FROM sessions"
    before = await world.connection.fetchval(count)
    for slug in ("globex", "nowhere", "", "ac\0"):
        with pytest.raises(InvalidInput, match="do not belong"):
            await rules.login("member@acme.example.com", tenant=slug)
    assert await world.connection.fetchval(count) == before


async def test_neither_an_ended_nor_a_switched_off_membership_is_entered(rules: ServiceClient, world: World) -> None:
    removed = await rules.login("removed@acme.example.com")
    assert removed.identity.tenant_id is None
    await world.connection.execute(
        "UPDATE memberships SET is_active = false WHERE id = $1", world.acme.member.member_id
    )
    assert (await rules.login("member@acme.example.com")).identity.tenant_id is None
    with pytest.raises(InvalidInput):
        await rules.login("member@acme.example.com", tenant="acme")


async def test_an_unknown_person_and_a_wrong_password_read_and_cost_the_same(
    rules: ServiceClient, world: World
) -> None:
    await world.connection.execute("UPDATE users SET is_active = false WHERE id = $1", world.acme.admin.user_id)
    await world.connection.execute("UPDATE users SET password_hash = NULL WHERE id = $1", world.acme.owner.user_id)
    seen = []
    for email, password in (
        ("unknown@example.com", PASSWORD),
        ("member@acme.example.com", "Wrong-0ne!"),
        ("admin@acme.example.com", PASSWORD),
        ("owner@acme.example.com", PASSWORD),
    ):
        checks = rules.auth.passwords.checks
        with pytest.raises(InvalidCredentials) as refused:
            await rules.login(email, password)
        seen.append((str(refused.value), rules.auth.passwords.checks - checks))
    assert seen == [("The e-mail or the password is wrong.", 1)] * 4


async def test_what_is_no_address_is_refused_like_any_other(rules: ServiceClient) -> None:
    for email in ("", "\0", "a\0@example.com", "a" * 10_000):
        with pytest.raises(InvalidCredentials):
            await rules.login(email)


async def test_a_hash_of_lower_cost_is_renewed_at_login(rules: ServiceClient, world: World) -> None:
    cheap = security.Passwords(memory_kib=1024, passes=1)
    cheap.close()
    user_id, stored = world.acme.member.user_id, "SELECT password_hash FROM users WHERE id = $1"
    await world.connection.execute(
        "UPDATE users SET password_hash = $2 WHERE id = $1", user_id, cheap.hash_now(PASSWORD)
    )
    with pytest.raises(InvalidCredentials):
        await rules.login("member@acme.example.com", "Wrong-0ne!")
    assert "m=1024,t=1" in await world.connection.fetchval(stored, user_id)
    await rules.login("member@acme.example.com")
    renewed = await world.connection.fetchval(stored, user_id)
    assert "m=19456,t=2,p=1" in renewed
    await rules.login("member@acme.example.com")
    assert await world.connection.fetchval(stored, user_id) == renewed


async def test_whoever_is_put_out_is_out_at_once(rules: ServiceClient, urls: Urls) -> None:
    opened = await rules.login("member@acme.example.com")
    await admin.set_account_active(urls.owner, email="Member@acme.example.com", tenant=None, active=False)
    assert not await rules.is_live(opened.identity)
    with pytest.raises(InvalidCredentials):
        await rules.login("member@acme.example.com")
    with pytest.raises(InvalidToken):
        await refresh(rules, opened.refresh_token)
    await admin.set_account_active(urls.owner, email="member@acme.example.com", tenant=None, active=True)
    assert await rules.is_live(opened.identity)
    with pytest.raises(SettingsError, match="There is no account"):
        await admin.set_account_active(urls.owner, email="nobody@example.com", tenant=None, active=False)


async def test_a_switched_off_tenant_is_out_at_once(rules: ServiceClient, world: World, urls: Urls) -> None:
    opened = await rules.login("member@acme.example.com")
    other = rules.identity(world.globex.member)
    await admin.set_account_active(urls.owner, email=None, tenant="acme", active=False)
    assert not await rules.is_live(opened.identity)
    assert not await rules.is_live(rules.identity(world.acme.owner))
    assert await rules.is_live(other)
    assert (await rules.login("member@acme.example.com")).identity.tenant_id is None
    with pytest.raises(InvalidInput):
        await rules.login("member@acme.example.com", tenant="acme")
    assert (await refresh(rules, opened.refresh_token)).identity.tenant_id is None


# --- refreshing ---


async def test_a_refresh_gives_a_new_pair_and_a_longer_life(rules: ServiceClient, world: World) -> None:
    opened = await rules.login("member@acme.example.com")
    session_id, until = opened.identity.session_id, "SELECT expires_at FROM sessions WHERE id = $1"
    shortened = "UPDATE sessions SET expires_at = now() + interval '1 minute' WHERE id = $1"
    await world.connection.execute(shortened, session_id)
    renewed = await refresh(rules, opened.refresh_token)
    assert renewed.refresh_token not in {None, opened.refresh_token}
    assert renewed.identity == opened.identity
    assert await world.connection.fetchval(until, session_id) > now() + timedelta(days=29)
    assert (await refresh(rules, renewed.refresh_token)).refresh_token != renewed.refresh_token


async def test_a_lost_answer_is_given_again_within_the_grace(rules: ServiceClient, world: World) -> None:
    opened = await rules.login("member@acme.example.com")
    first = await refresh(rules, opened.refresh_token)
    await age_rotation(world, opened.identity.session_id, 55)
    again = await refresh(rules, opened.refresh_token)
    assert again.refresh_token == first.refresh_token
    assert await rules.is_live(again.identity)
    assert (await refresh(rules, first.refresh_token)).refresh_token


async def test_two_refreshes_at_once_give_the_same_token(rules: ServiceClient) -> None:
    opened = await rules.login("member@acme.example.com")
    pairs = await asyncio.gather(*(refresh(rules, opened.refresh_token) for _ in range(5)))
    assert len({pair.refresh_token for pair in pairs}) == 1
    assert await rules.is_live(pairs[0].identity)


async def test_a_token_used_again_after_the_grace_ends_the_whole_session(rules: ServiceClient, world: World) -> None:
    opened = await rules.login("member@acme.example.com")
    bystander = await rules.login("member@acme.example.com")
    renewed = await refresh(rules, opened.refresh_token)
    await age_rotation(world, opened.identity.session_id, 61)
    with pytest.raises(InvalidToken):
        await refresh(rules, opened.refresh_token)
    assert not await rules.is_live(opened.identity)
    with pytest.raises(InvalidToken):
        await refresh(rules, renewed.refresh_token)
    assert await rules.is_live(bystander.identity)


async def test_the_token_before_the_last_ends_the_session_even_within_the_grace(rules: ServiceClient) -> None:
    opened = await rules.login("member@acme.example.com")
    second = await refresh(rules, opened.refresh_token)
    third = await refresh(rules, second.refresh_token)
    with pytest.raises(InvalidToken):
        await refresh(rules, opened.refresh_token)
    with pytest.raises(InvalidToken):
        await refresh(rules, third.refresh_token)
    assert not await rules.is_live(third.identity)


async def test_what_was_never_given_out_is_no_refresh_token(rules: ServiceClient) -> None:
    opened = await rules.login("member@acme.example.com")
    token = security.OpaqueToken.parse(opened.refresh_token or "", "rt")
    assert token
    made_up = [
        "",
        "rt",
        "nonsense\0",
        "rt..." * 50,
        security.OpaqueToken.make("rt", new_id(), new_id()).text,  # nobody's
        security.OpaqueToken.make("rt", new_id(), token.id).text,  # a real session under another owner
        security.OpaqueToken.make("inv", token.owner, token.id).text,  # another kind of token
        opened.access_token,
    ]
    for text in made_up:
        with pytest.raises(InvalidToken):
            await refresh(rules, text)
    assert (await refresh(rules, opened.refresh_token)).refresh_token
    with pytest.raises(InvalidToken):  # a real session and a guessed secret
        await refresh(rules, security.OpaqueToken.make("rt", token.owner, token.id).text)


async def test_a_session_that_is_over_is_not_refreshed(rules: ServiceClient, world: World) -> None:
    opened = await rules.login("member@acme.example.com")
    await world.connection.execute(
        "UPDATE sessions SET expires_at = now() - interval '1 second' WHERE id = $1", opened.identity.session_id
    )
    assert not await rules.is_live(opened.identity)
    with pytest.raises(InvalidToken):
        await refresh(rules, opened.refresh_token)


async def test_a_refresh_brings_the_new_role(rules: ServiceClient, world: World) -> None:
    opened = await rules.login("member@acme.example.com")
    member_id = world.acme.member.member_id
    await rules.apply(world.acme.owner, tenants.change_role, id=member_id, role="ADMIN")
    assert not await rules.is_live(opened.identity)
    renewed = await refresh(rules, opened.refresh_token)
    assert renewed.identity.role == "ADMIN"
    assert rules.auth.tokens.read(renewed.access_token).role == "ADMIN"
    assert await rules.is_live(renewed.identity)


async def test_after_a_removal_a_refresh_gives_a_session_without_a_tenant(rules: ServiceClient, world: World) -> None:
    opened = await rules.login("member@acme.example.com")
    await rules.apply(world.acme.owner, tenants.remove, id=world.acme.member.member_id)
    assert not await rules.is_live(opened.identity)
    renewed = await refresh(rules, opened.refresh_token)
    assert (renewed.identity.tenant_id, renewed.identity.role) == (None, None)
    assert await rules.is_live(renewed.identity)


# --- ending and switching ---


async def test_logout_ends_the_session_that_asks_and_no_other(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    other = await rules.login("member@acme.example.com")
    assert await rules.apply(member, sessions.logout) == 1
    assert not await rules.is_live(rules.identity(member))
    assert await rules.is_live(other.identity)


async def test_logout_everywhere_ends_all_sessions_of_the_person_alone(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    others = [await rules.login("member@acme.example.com") for _ in range(2)]
    assert await rules.apply(member, sessions.logout_everywhere) == 3
    for identity in [rules.identity(member), *(other.identity for other in others)]:
        assert not await rules.is_live(identity)
    with pytest.raises(InvalidToken):
        await refresh(rules, others[0].refresh_token)
    assert await rules.is_live(rules.identity(world.acme.owner))


async def test_one_session_of_ones_own_can_be_ended(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    other = await rules.login("member@acme.example.com")
    for not_mine in (world.acme.owner.session_id, new_id()):
        with pytest.raises(NotFound):
            await rules.apply(member, sessions.revoke_session, id=not_mine)
    assert await rules.is_live(rules.identity(world.acme.owner))
    assert await rules.apply(member, sessions.revoke_session, id=other.identity.session_id) == 1
    assert not await rules.is_live(other.identity)
    with pytest.raises(NotFound):
        await rules.apply(member, sessions.revoke_session, id=other.identity.session_id)
    assert await rules.is_live(rules.identity(member))


async def test_only_live_sessions_of_ones_own_are_listed(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    second = await rules.login("member@acme.example.com")
    third = await rules.login("member@acme.example.com")
    over = "UPDATE sessions SET expires_at = now() WHERE id = $1"
    await world.connection.execute(over, third.identity.session_id)
    listed = [row.id for row in await rules.rows(member, sessions.SESSIONS)]
    assert listed == [second.identity.session_id, member.session_id]
    with pytest.raises(Unauthenticated):
        sessions.visible_sessions(set())
    assert sessions.visible_sessions({Permission.ACCOUNT}) is not None


async def test_switching_gives_an_access_token_for_the_other_tenant(rules: ServiceClient, world: World) -> None:
    await add_member(world, world.globex.tenant_id, world.acme.member.user_id, "ADMIN")
    opened = await rules.login("member@acme.example.com", tenant="acme")
    actor = rules.actor(world.acme.member)
    actor = replace(actor, identity=opened.identity)
    async with rules.database.write(opened.identity) as session:
        switched = await sessions.switch_tenant(session, actor, rules.auth, tenant="GLOBEX")
    assert switched.refresh_token is None
    claims = rules.auth.tokens.read(switched.access_token)
    assert (claims.tenant_id, claims.role) == (world.globex.tenant_id, "ADMIN")
    assert claims.session_id == opened.identity.session_id
    assert await rules.is_live(switched.identity)
    assert await rules.is_live(opened.identity)
    renewed = await refresh(rules, opened.refresh_token)
    assert renewed.identity.tenant_id == world.acme.tenant_id, "others may use that token too"


async def test_a_refresh_changes_the_tenant_only_when_it_is_named(rules: ServiceClient, world: World) -> None:
    await add_member(world, world.globex.tenant_id, world.acme.member.user_id, "ADMIN")
    opened = await rules.login("member@acme.example.com", tenant="acme")
    assert (await refresh(rules, opened.refresh_token)).identity.tenant_id == world.acme.tenant_id
    other_tab = await refresh(rules, opened.refresh_token, "Globex")
    assert other_tab.identity.tenant_id == world.globex.tenant_id
    third = await refresh(rules, other_tab.refresh_token)
    assert third.identity.tenant_id == world.acme.tenant_id, "it was given to a tab in acme first"
    moved = await refresh(rules, third.refresh_token, "globex")
    assert (moved.identity.tenant_id, moved.identity.role) == (world.globex.tenant_id, "ADMIN")
    assert (await refresh(rules, third.refresh_token)).identity.tenant_id == world.acme.tenant_id, "a lost answer"
    assert (await refresh(rules, moved.refresh_token)).identity.tenant_id == world.globex.tenant_id


async def test_a_token_is_not_used_up_by_naming_a_tenant_where_one_does_not_belong(
    rules: ServiceClient, world: World
) -> None:
    opened = await rules.login("member@acme.example.com")
    for slug in ("globex", "nowhere", ""):
        with pytest.raises(InvalidInput):
            await refresh(rules, opened.refresh_token, slug)
    stored = "SELECT previous_digest FROM sessions WHERE id = $1"
    assert await world.connection.fetchval(stored, opened.identity.session_id) is None
    assert (await refresh(rules, opened.refresh_token)).identity.tenant_id == world.acme.tenant_id


async def test_a_token_without_a_tenant_is_for_the_first_that_is_entered(rules: ServiceClient, world: World) -> None:
    await add_member(world, world.globex.tenant_id, world.acme.member.user_id, "ADMIN")
    opened = await rules.login("member@acme.example.com")
    assert opened.identity.tenant_id is None
    actor = replace(rules.actor(world.acme.member), identity=opened.identity)
    for slug in ("globex", "acme"):
        async with rules.database.write(opened.identity) as session:
            await sessions.switch_tenant(session, actor, rules.auth, tenant=slug)
        assert (await refresh(rules, opened.refresh_token)).identity.tenant_id == world.globex.tenant_id


async def test_one_cannot_switch_to_where_one_does_not_belong(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    for slug in ("globex", "nowhere", ""):
        with pytest.raises(InvalidInput):
            await rules.apply(member, sessions.switch_tenant, auth=rules.auth, tenant=slug)
    stored = "SELECT tenant_id FROM sessions WHERE id = $1"
    assert await world.connection.fetchval(stored, member.session_id) == world.acme.tenant_id
