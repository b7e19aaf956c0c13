"""Accounts: who may have one, its name and its password."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from models.base import now
from models.database.identity import NOBODY, Identity
from services import accounts, security, sessions
from services.errors import (
    AlreadyExists,
    InvalidCredentials,
    InvalidInput,
    RateLimited,
    Unauthenticated,
    VersionConflict,
)
from services.permissions import Actor
from services.sessions import IssuedSession
from tests.support.factories import PASSWORD, PASSWORD_HASH, Person, World
from tests.support.service_client import CLIENT, CallerTransactions, ServiceClient, invalid_paths

NEW_PASSWORD = "An0ther-one!"
GIVEN = {"email": "new@example.com", "full_name": "New Person", "password": PASSWORD}


async def register(rules: ServiceClient, **given: str) -> IssuedSession:
    return await accounts.register(rules.transactions(), rules.auth, CLIENT, **{**GIVEN, **given})


async def change_password(
    rules: ServiceClient, person: Person, current: str = PASSWORD, new: str = NEW_PASSWORD
) -> int:
    return await accounts.change_password(
        rules.transactions(person), rules.auth, rules.actor(person), current_password=current, new_password=new
    )


async def users(world: World) -> list[Any]:
    return list(await world.connection.fetch("SELECT * FROM users ORDER BY id"))


# --- registering ---


async def test_whoever_registers_is_logged_in_and_belongs_nowhere_yet(rules: ServiceClient, world: World) -> None:
    before = now()
    opened = await register(rules, email="  New.Person@Example.COM", full_name="  Ñew Person ")
    assert await rules.is_live(opened.identity)
    assert (opened.identity.tenant_id, opened.identity.role) == (None, None)
    assert opened.refresh_token
    row = (await users(world))[-1]
    assert row["id"] == opened.identity.user_id
    assert (row["email"], row["full_name"]) == ("new.person@example.com", "Ñew Person")
    assert (row["is_active"], row["is_superuser"]) == (True, False)
    assert before <= row["created_at"] <= now()
    assert before <= row["last_login"] <= now()
    assert row["password_hash"].startswith("$argon2id$")
    assert (await rules.login("NEW.person@example.com")).identity.user_id == row["id"]


async def test_a_known_address_is_refused_whatever_its_case(rules: ServiceClient, world: World) -> None:
    before = await users(world)
    for email in ("member@acme.example.com", "Member@ACME.Example.com", " MEMBER@acme.example.com "):
        with pytest.raises(AlreadyExists) as refused:
            await register(rules, email=email)
        assert refused.value.field == "email"
    assert await users(world) == before
    assert await world.connection.fetchval("SELECT count(*) FROM sessions WHERE ip IS NOT NULL") == 0


async def test_of_two_who_register_one_address_at_once_one_gets_it(rules: ServiceClient, world: World) -> None:
    before = len(await users(world))
    twins = (register(rules, email=email) for email in ("twin@example.com", "Twin@example.com"))
    outcomes = await asyncio.gather(*twins, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyExists", "IssuedSession"]
    assert len(await users(world)) == before + 1


async def test_an_address_has_a_valid_form_and_at_most_255_characters(rules: ServiceClient, world: World) -> None:
    before = await users(world)
    local = "a" * 64
    long = f"{local}@{'b' * 63}.{'c' * 63}.{'d' * 63}"  # 255 characters, of which 254 are allowed by RFC 5321
    for email in ("", "   ", "nobody", "@example.com", "a b@example.com", "a\0@example.com", "a@\ud800.com", long):
        with pytest.raises(InvalidInput) as refused:
            await register(rules, email=email)
        assert invalid_paths(refused.value) == ["email"]
    assert await users(world) == before
    await register(rules, email=f"{local}@{'b' * 63}.{'c' * 63}.{'d' * 57}.com")


async def test_a_name_has_one_to_a_hundred_characters(rules: ServiceClient, world: World) -> None:
    before = await users(world)
    for full_name in ("", " \t ", "x" * 101, "a\0b", "\udcff"):
        with pytest.raises(InvalidInput) as refused:
            await register(rules, full_name=full_name)
        assert invalid_paths(refused.value) == ["full_name"]
    assert await users(world) == before
    await register(rules, full_name="Ж" * 100)
    assert (await users(world))[-1]["full_name"] == "Ж" * 100


async def test_a_weak_password_is_told_all_that_it_lacks_before_any_hash_is_made(
    rules: ServiceClient, world: World
) -> None:
    before = await users(world)
    for password, sentences in (
        ("", 4),
        ("Sh0rt!!", 1),
        ("no-upper-case-1!", 1),
        ("No-digit!", 1),
        ("No0symbol", 1),
        ("A1!" + "x" * 126, 1),
        ("Passw0rd!\0", 1),
    ):
        with pytest.raises(InvalidInput) as refused:
            await register(rules, password=password)
        assert invalid_paths(refused.value) == ["password"] * sentences
    assert await users(world) == before
    assert await world.connection.fetchval("SELECT count(*) FROM throttles") == 0
    await register(rules, email="long@example.com", password="A1!" + "x" * 125)
    await register(rules, email="short@example.com", password="Ab1!5678")


async def test_all_that_is_wrong_is_told_at_once(rules: ServiceClient) -> None:
    with pytest.raises(InvalidInput) as refused:
        await register(rules, email="nobody", full_name="", password="Passw0rd")
    assert invalid_paths(refused.value) == ["email", "full_name", "password"]


async def test_registrations_from_one_address_are_counted_also_refused_ones(rules: ServiceClient, world: World) -> None:
    await world.connection.execute("DELETE FROM throttles")
    await register(rules)
    with pytest.raises(AlreadyExists):
        await register(rules)
    [row] = await world.connection.fetch("SELECT attempts FROM throttles")
    assert row["attempts"] == 2
    await world.connection.execute("UPDATE throttles SET attempts = 50")
    with pytest.raises(RateLimited):
        await register(rules, email="another@example.com")


# --- the name ---


async def test_a_new_name_reaches_every_tenant_of_the_person(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    renamed = await rules.apply(member, accounts.update, full_name=" Ada Lovelace ")
    assert (renamed.full_name, renamed.version) == ("Ada Lovelace", 2)
    assert renamed.updated_at > renamed.created_at
    stored = "SELECT full_name, name_key FROM memberships WHERE id = $1"
    [row] = await world.connection.fetch(stored, member.member_id)
    assert (row["full_name"], row["name_key"]) == ("Ada Lovelace", "ada lovelace")
    for full_name in ("", "x" * 101):
        with pytest.raises(InvalidInput):
            await rules.apply(member, accounts.update, full_name=full_name)


async def test_a_name_is_not_changed_over_a_newer_one(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    await rules.apply(member, accounts.update, full_name="First", expected_version=1)
    with pytest.raises(VersionConflict) as refused:
        await rules.apply(member, accounts.update, full_name="Second", expected_version=1)
    assert refused.value.version == 2
    [row] = await rules.rows(member, accounts.VIEWERS)
    assert row.full_name == "First"


async def test_one_sees_ones_own_account_alone(rules: ServiceClient, world: World) -> None:
    for person in (world.acme.owner, world.outsider):
        assert [row.id for row in await rules.rows(person, accounts.VIEWERS)] == [person.user_id]
    with pytest.raises(Unauthenticated):
        accounts.viewers(Actor().permissions)


# --- the password ---


async def test_a_new_password_ends_all_other_sessions(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    others = [await rules.login(member.email) for _ in range(2)]
    assert await change_password(rules, member) == 2
    assert await rules.is_live(rules.identity(member))
    assert [await rules.is_live(other.identity) for other in others] == [False, False]
    assert await rules.is_live(rules.identity(world.acme.owner))
    with pytest.raises(InvalidCredentials):
        await rules.login(member.email)
    assert (await rules.login(member.email, NEW_PASSWORD)).identity.user_id == member.user_id


async def test_the_current_password_must_be_right_and_the_new_one_strong(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    other = await rules.login(member.email)
    with pytest.raises(InvalidCredentials):
        await change_password(rules, member, current="Wrong-0ne!")
    checks = rules.auth.passwords.checks
    with pytest.raises(InvalidInput) as refused:
        await change_password(rules, member, new="weak")
    assert invalid_paths(refused.value) == ["new_password"] * 4
    assert rules.auth.passwords.checks == checks
    assert await rules.is_live(other.identity)
    await rules.login(member.email)


async def test_the_current_password_can_be_guessed_no_faster_than_at_the_door(
    rules: ServiceClient, world: World
) -> None:
    member = world.acme.member
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await change_password(rules, member, current="Wrong-0ne!")
    checks = rules.auth.passwords.checks
    with pytest.raises(RateLimited):
        await change_password(rules, member)
    with pytest.raises(RateLimited):
        await rules.login(member.email)
    assert rules.auth.passwords.checks == checks


async def test_nobody_has_neither_name_nor_password(rules: ServiceClient) -> None:
    with pytest.raises(Unauthenticated):
        await accounts.change_password(
            rules.transactions(), rules.auth, Actor(), current_password=PASSWORD, new_password=NEW_PASSWORD
        )
    async with rules.database.write(CLIENT) as session:
        with pytest.raises(Unauthenticated):
            await accounts.update(session, Actor(), full_name="Nobody")


# --- a password that is changed while it is being checked ---


@dataclass(frozen=True)
class InterleavedTransactions(CallerTransactions):
    """Units after whose first something else happens."""

    change: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)

    async def write(self, work: Any, identity: Identity | None = None) -> Any:
        result = await super().write(work, identity)
        if self.change:
            await self.change.pop()()
        return result


def change_password_between(
    rules: ServiceClient, world: World, person: Person, identity: Identity, stored: str
) -> InterleavedTransactions:
    """Units between which a person's password is changed to another, once."""
    change = "UPDATE users SET password_hash = $2 WHERE id = $1"
    return InterleavedTransactions(
        rules.database, identity, [lambda: world.connection.execute(change, person.user_id, stored)]
    )


def cheap_hash(password: str) -> str:
    """A hash of lower cost, which a login renews."""
    passwords = security.Passwords(memory_kib=1024, passes=1)
    passwords.close()
    return passwords.hash_now(password)


async def test_the_old_password_lets_nobody_in_when_it_is_changed_meanwhile(rules: ServiceClient, world: World) -> None:
    member, stored = world.acme.member, "SELECT password_hash FROM users WHERE id = $1"
    new = cheap_hash(NEW_PASSWORD)
    for old in (PASSWORD_HASH, cheap_hash(PASSWORD)):
        await world.connection.execute("UPDATE users SET password_hash = $2 WHERE id = $1", member.user_id, old)
        units = change_password_between(rules, world, member, NOBODY, new)
        with pytest.raises(InvalidCredentials):
            await sessions.login(units, rules.auth, CLIENT, email=member.email, password=PASSWORD)
        assert await world.connection.fetchval(stored, member.user_id) == new
    assert await world.connection.fetchval("SELECT count(*) FROM sessions WHERE ip IS NOT NULL") == 0


async def test_the_old_password_changes_nothing_when_it_is_changed_meanwhile(
    rules: ServiceClient, world: World
) -> None:
    member, new = world.acme.member, cheap_hash(NEW_PASSWORD)
    units = change_password_between(rules, world, member, rules.identity(member), new)
    with pytest.raises(InvalidCredentials):
        await accounts.change_password(
            units, rules.auth, rules.actor(member), current_password=PASSWORD, new_password="An0ther-two!"
        )
    stored = await world.connection.fetchval("SELECT password_hash FROM users WHERE id = $1", member.user_id)
    assert stored == new


async def test_two_logins_that_renew_a_hash_at_once_both_get_in(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    renewed = "UPDATE users SET password_hash = $2 WHERE id = $1"
    await world.connection.execute(renewed, member.user_id, cheap_hash(PASSWORD))
    opened = await asyncio.gather(*(rules.login(member.email) for _ in range(2)))
    assert len({each.identity.session_id for each in opened}) == 2


@pytest.mark.parametrize("email", ["=?utf-8?q?victim?=@corp.example.com", "=?utf-8?b?AA?=@example.com"])
async def test_an_address_that_a_header_would_read_otherwise_is_none(rules: ServiceClient, email: str) -> None:
    with pytest.raises(InvalidInput):
        await accounts.register(rules.transactions(), rules.auth, CLIENT, email=email, full_name="A", password=PASSWORD)
