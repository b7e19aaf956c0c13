"""What is done by mail: tokens that are good once, and answers that say nothing of who has an account."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models import MailedKind
from models.base import new_id
from services import account_recovery, accounts, invitations, members, security
from services.accounts import change_password
from services.errors import (
    AlreadyExists,
    IllegalTransition,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    RateLimited,
)
from tests.support.bulk_mutations import watching
from tests.support.factories import PASSWORD, Person, World
from tests.support.mailbox import letters, token_in
from tests.support.service_client import HERE, Rules, without_feed

NEXT = "An0ther-one!"


async def asked(rules: Rules, world: World, email: str) -> str:
    """The token for a new password."""
    await account_recovery.request_reset(rules.units(), rules.door, HERE, email=email)
    letter = letters(world)[-1]
    assert letter.to == email.lower()
    return token_in(letter)


async def reset(rules: Rules, token: str, password: str = NEXT) -> int:
    return await account_recovery.reset(rules.units(), rules.door, HERE, token=token, new_password=password)


async def verify(rules: Rules, token: str) -> str:
    return await account_recovery.verify(rules.units(), rules.door, HERE, token=token)


async def change(rules: Rules, person: Person, email: str, password: str = PASSWORD) -> timedelta:
    units, actor = rules.units(person), rules.actor(person)
    return await account_recovery.request_change(units, rules.door, actor, email=email, password=password)


async def proved_at(world: World, person: Person) -> Any:
    return await world.connection.fetchval("SELECT email_verified_at FROM users WHERE id = $1", person.user_id)


# --- a forgotten password ---


async def test_a_forgotten_password_is_set_anew_and_all_sessions_end(rules: Rules, world: World) -> None:
    member = world.acme.member
    opened = await rules.enter(member.email)
    token = await asked(rules, world, member.email.upper())
    stored = await world.connection.fetchrow("SELECT * FROM mailed_tokens WHERE user_id = $1", member.user_id)
    assert token.rpartition(".")[2] not in str(stored)
    assert await reset(rules, token) == 2
    assert not await rules.is_live(opened.identity)
    assert not await rules.is_live(rules.identity(member))
    assert (await rules.enter(member.email, NEXT)).identity.user_id == member.user_id
    with pytest.raises(InvalidCredentials):
        await rules.enter(member.email)
    assert await proved_at(world, member) is not None
    assert letters(world)[-1].to == member.email
    assert "#token=" not in letters(world)[-1].text


async def test_a_mailed_token_is_good_once(rules: Rules, world: World) -> None:
    token = await asked(rules, world, world.acme.member.email)
    await reset(rules, token)
    with pytest.raises(InvalidToken):
        await reset(rules, token, "A-third-0ne!")
    assert await rules.enter(world.acme.member.email, NEXT)


async def test_of_many_who_use_a_token_at_once_one_succeeds(rules: Rules, world: World) -> None:
    token = await asked(rules, world, world.acme.member.email)
    passwords = [f"Passw0rd!{number}" for number in range(5)]
    ended = await asyncio.gather(*(reset(rules, token, new) for new in passwords), return_exceptions=True)
    won = [new for new, outcome in zip(passwords, ended, strict=True) if outcome == 1]
    assert len(won) == 1
    assert sum(isinstance(outcome, InvalidToken) for outcome in ended) == 4
    assert await rules.enter(world.acme.member.email, won[0])


async def test_a_new_password_takes_every_other_mailed_token_along(rules: Rules, world: World) -> None:
    member = world.acme.member
    first, second = [await asked(rules, world, member.email) for _ in range(2)]
    await change(rules, member, "thief@example.com")
    moved = token_in(letters(world)[-1])
    await reset(rules, first)
    with pytest.raises(InvalidToken):
        await reset(rules, second)
    with pytest.raises(InvalidToken):
        await verify(rules, moved)


async def test_a_changed_password_takes_mailed_tokens_along(rules: Rules, world: World) -> None:
    member = world.acme.member
    token = await asked(rules, world, member.email)
    given = {"current_password": PASSWORD, "new_password": NEXT}
    await change_password(rules.units(member), rules.door, rules.actor(member), **given)
    with pytest.raises(InvalidToken):
        await reset(rules, token)


async def test_a_token_ends_after_its_time(rules: Rules, world: World) -> None:
    token = await asked(rules, world, world.acme.member.email)
    assert await account_recovery.request_reset(rules.units(), rules.door, HERE, email="a@example.com") == timedelta(
        hours=1
    )
    await world.connection.execute("UPDATE mailed_tokens SET expires_at = expires_at - interval '1 hour'")
    with pytest.raises(InvalidToken):
        await reset(rules, token)


async def test_no_other_token_sets_a_password_and_none_is_hashed_for(rules: Rules, world: World) -> None:
    member, outsider = world.acme.member, world.outsider
    good = security.OpaqueToken.parse(await asked(rules, world, member.email), "reset")
    assert good is not None
    proof = replace(good, kind="verify")
    await change(rules, world.acme.admin, "moved@example.com")
    other_kind = token_in(letters(world)[-1]).replace("change.", "reset.")
    bad = [
        proof.text,
        other_kind,
        security.OpaqueToken("reset", good.owner, good.id, bytes(32)).text,
        security.OpaqueToken("reset", outsider.user_id, good.id, good.secret).text,
        security.OpaqueToken("reset", good.owner, new_id(), good.secret).text,
        *("", "reset", good.text.upper(), f"{good.text} ", "\0", "😀" * 5000, member.client.token or ""),
    ]
    checks = rules.door.passwords.checks
    for token in bad:
        with pytest.raises(InvalidToken):
            await reset(rules, token)
        with pytest.raises(InvalidToken):
            await verify(rules, token if token != proof.text else good.text)
    assert rules.door.passwords.checks == checks
    assert await reset(rules, good.text) == 1


async def test_a_weak_password_leaves_the_token_good(rules: Rules, world: World) -> None:
    token = await asked(rules, world, world.acme.member.email)
    with pytest.raises(InvalidInput):
        await reset(rules, token, "weak")
    assert await reset(rules, token) == 1


async def test_whoever_was_suspended_sets_no_password(rules: Rules, world: World) -> None:
    member = world.acme.member
    token, sent = await asked(rules, world, member.email), len(letters(world))
    await world.connection.execute("UPDATE users SET is_active = false WHERE id = $1", member.user_id)
    with pytest.raises(InvalidToken):
        await reset(rules, token)
    await account_recovery.request_reset(rules.units(), rules.door, HERE, email=member.email)
    assert len(letters(world)) == sent


# --- who has an account ---


async def test_an_unknown_address_gets_the_same_answer_for_the_same_work(rules: Rules, world: World) -> None:
    await without_feed(world)  # what it does is nobody's

    async def sent_for(email: str) -> list[str]:
        with watching() as sent:
            assert await account_recovery.request_reset(rules.units(), rules.door, HERE, email=email) == timedelta(
                hours=1
            )
        return sent

    await sent_for("another@example.com")  # the first one looks types up
    known, unknown = await sent_for(world.acme.member.email), await sent_for("unknown@example.com")
    assert len(known) > 1
    assert known == unknown
    assert {letter.to for letter in letters(world)} == {world.acme.member.email}


async def test_letters_are_counted_and_use_up_no_logins(rules: Rules, world: World) -> None:
    for email in (world.acme.member.email, "unknown@example.com"):
        for _ in range(5):
            await account_recovery.request_reset(rules.units(), rules.door, HERE, email=email)
        with pytest.raises(RateLimited):
            await account_recovery.request_reset(rules.units(), rules.door, HERE, email=email)
    assert len(letters(world)) == 5
    assert await rules.enter(world.acme.member.email)


@pytest.mark.parametrize("email", ["", " ", "nobody", "a\0@example.com", "a@example.com\nBcc: b@example.com"])
async def test_what_is_no_address_is_refused(rules: Rules, email: str) -> None:
    with pytest.raises(InvalidInput):
        await account_recovery.request_reset(rules.units(), rules.door, HERE, email=email)


# --- proving an address, and changing it ---


async def test_a_new_account_is_asked_to_prove_its_address(rules: Rules, world: World) -> None:
    given = {"email": "New@example.com", "full_name": "New", "password": PASSWORD}
    opened = await accounts.register(rules.units(), rules.door, HERE, **given)
    token = token_in(letters(world)[-1])
    assert await verify(rules, token) == "new@example.com"
    with pytest.raises(InvalidToken):
        await verify(rules, token)
    proved = "SELECT email_verified_at IS NOT NULL FROM users WHERE id = $1"
    assert await world.connection.fetchval(proved, opened.identity.user_id)


async def test_one_asks_for_another_proof_until_it_is_given(rules: Rules, world: World) -> None:
    member = world.acme.member
    units, actor = rules.units(member), rules.actor(member)
    tokens = []
    for _ in range(2):
        assert await account_recovery.request_verification(units, rules.door, actor) == timedelta(days=1)
        tokens.append(token_in(letters(world)[-1]))
    assert await verify(rules, tokens[0]) == member.email
    with pytest.raises(InvalidToken):
        await verify(rules, tokens[1])
    with pytest.raises(IllegalTransition):
        await account_recovery.request_verification(units, rules.door, actor)


async def test_an_address_changes_when_the_new_one_is_proved(rules: Rules, world: World) -> None:
    member = world.acme.member
    with pytest.raises(InvalidCredentials):
        await change(rules, member, "next@example.com", "Wrong-0ne!")
    with pytest.raises(InvalidInput):
        await change(rules, member, member.email.upper())
    forgotten = await asked(rules, world, member.email)
    await change(rules, member, "Next@Example.com")
    assert letters(world)[-1].to == "next@example.com"
    assert (await rules.enter(member.email)).identity.user_id == member.user_id  # nothing has changed yet
    assert await verify(rules, token_in(letters(world)[-1])) == "next@example.com"
    assert (letters(world)[-1].to, "next@example.com" in letters(world)[-1].text) == (member.email, True)
    assert (await rules.enter("next@example.com")).identity.user_id == member.user_id
    with pytest.raises(InvalidCredentials):
        await rules.enter(member.email)
    copied = "SELECT email FROM memberships WHERE id = $1"
    assert await world.connection.fetchval(copied, member.member_id) == "next@example.com"
    with pytest.raises(InvalidToken):
        await reset(rules, forgotten)


async def test_an_address_of_somebody_else_is_refused_only_to_who_reads_its_mail(rules: Rules, world: World) -> None:
    member, admin = world.acme.member, world.acme.admin
    assert await change(rules, member, admin.email) == await change(rules, member, "free@example.com")
    taken = next(letter for letter in letters(world) if letter.to == admin.email)
    for _ in range(2):
        with pytest.raises(AlreadyExists):
            await verify(rules, token_in(taken))
    assert await world.connection.fetchval("SELECT email FROM users WHERE id = $1", member.user_id) == member.email


async def test_an_old_proof_does_not_bring_an_old_address_back(rules: Rules, world: World) -> None:
    member = world.acme.member
    await account_recovery.request_verification(rules.units(member), rules.door, rules.actor(member))
    old = token_in(letters(world)[-1])
    await change(rules, member, "next@example.com")
    moved = token_in(letters(world)[-1])
    outcomes = await asyncio.gather(*(verify(rules, moved) for _ in range(3)), return_exceptions=True)
    assert outcomes.count("next@example.com") == 1
    with pytest.raises(InvalidToken):
        await verify(rules, old)


# --- invitations ---


async def test_invitations_travel_by_mail(rules: Rules, world: World) -> None:
    day, admin = timedelta(days=1), world.acme.admin
    units, actor = rules.units(admin), rules.actor(admin)
    _, token = await invitations.invite(units, rules.door, actor, email="guest@example.com", lifetime=day)
    letter = letters(world).pop()
    assert (letter.to, token_in(letter)) == ("guest@example.com", token)
    assert "Acme" in letter.text
    newcomers = [members.Newcomer(f"{n}@example.com", "N", PASSWORD if n == 0 else None) for n in range(3)]
    outcomes = await members.create_all(units, rules.door, actor, people=newcomers, lifetime=day)
    invited = [outcome for outcome in outcomes if isinstance(outcome, members.Invited)]
    assert [(o.invitation.email, o.token) for o in invited] == [(m.to, token_in(m)) for m in letters(world)]
    assert [m.to for m in letters(world)] == ["1@example.com", "2@example.com"]


async def test_nothing_is_mailed_for_what_was_rolled_back(rules: Rules, world: World) -> None:
    given = {"email": world.acme.member.email, "full_name": "Twin", "password": PASSWORD}
    with pytest.raises(AlreadyExists):
        await accounts.register(rules.units(), rules.door, HERE, **given)
    assert not letters(world)


@pytest.mark.parametrize("kind", MailedKind)
async def test_a_letter_leads_to_the_public_address(rules: Rules, kind: MailedKind) -> None:
    post = replace(rules.door.post, public_url="https://app.example.com/")
    letter = post.proof(kind, "a@example.com", security.OpaqueToken.make(kind, new_id(), new_id()))
    assert (
        f"https://app.example.com/{'reset-password' if kind == 'reset' else 'verify-email'}#token={kind}."
        in letter.text
    )
    assert ("1 hour" if kind == "reset" else "1 day") in letter.text
    assert "token" not in repr(letter)
