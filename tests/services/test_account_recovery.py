"""What is done by mail: tokens that are good once, and answers that say nothing of who has an account."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models import EmailTokenKind
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
from tests.support.bulk_mutations import record_statements
from tests.support.factories import PASSWORD, Person, World
from tests.support.mailbox import sent_emails, token_from_email
from tests.support.service_client import CLIENT, ServiceClient, stop_sequencer, wait_until_blocked

NEXT = "An0ther-one!"


async def request_token(rules: ServiceClient, world: World, email: str) -> str:
    """The token for a new password."""
    await account_recovery.request_password_reset(rules.transactions(), rules.auth, CLIENT, email=email)
    letter = sent_emails(world)[-1]
    assert letter.to == email.lower()
    return token_from_email(letter)


async def reset(rules: ServiceClient, token: str, password: str = NEXT) -> int:
    return await account_recovery.reset_password(
        rules.transactions(), rules.auth, CLIENT, token=token, new_password=password
    )


async def verify(rules: ServiceClient, token: str) -> str:
    return await account_recovery.verify_email(rules.transactions(), rules.auth, CLIENT, token=token)


async def change(rules: ServiceClient, person: Person, email: str, password: str = PASSWORD) -> timedelta:
    units, actor = rules.transactions(person), rules.actor(person)
    return await account_recovery.request_email_change(units, rules.auth, actor, email=email, password=password)


async def verified_at(world: World, person: Person) -> Any:
    return await world.connection.fetchval("SELECT email_verified_at FROM users WHERE id = $1", person.user_id)


# --- a forgotten password ---


async def test_a_forgotten_password_is_set_anew_and_all_sessions_end(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    opened = await rules.login(member.email)
    token = await request_token(rules, world, member.email.upper())
    stored = await world.connection.fetchrow("SELECT * FROM mailed_tokens WHERE user_id = $1", member.user_id)
    assert token.rpartition(".")[2] not in str(stored)
    assert await reset(rules, token) == 2
    assert not await rules.is_live(opened.identity)
    assert not await rules.is_live(rules.identity(member))
    assert (await rules.login(member.email, NEXT)).identity.user_id == member.user_id
    with pytest.raises(InvalidCredentials):
        await rules.login(member.email)
    assert await verified_at(world, member) is not None
    assert sent_emails(world)[-1].to == member.email
    assert "#token=" not in sent_emails(world)[-1].text


async def test_a_mailed_token_is_good_once(rules: ServiceClient, world: World) -> None:
    token = await request_token(rules, world, world.acme.member.email)
    await reset(rules, token)
    with pytest.raises(InvalidToken):
        await reset(rules, token, "A-third-0ne!")
    assert await rules.login(world.acme.member.email, NEXT)


async def test_of_many_who_use_a_token_at_once_one_succeeds(rules: ServiceClient, world: World) -> None:
    token = await request_token(rules, world, world.acme.member.email)
    passwords = [f"Passw0rd!{number}" for number in range(5)]
    ended = await asyncio.gather(*(reset(rules, token, new) for new in passwords), return_exceptions=True)
    won = [new for new, outcome in zip(passwords, ended, strict=True) if outcome == 1]
    assert len(won) == 1
    assert sum(isinstance(outcome, InvalidToken) for outcome in ended) == 4
    assert await rules.login(world.acme.member.email, won[0])


async def test_a_new_password_takes_every_other_mailed_token_along(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    first, second = [await request_token(rules, world, member.email) for _ in range(2)]
    await change(rules, member, "thief@example.com")
    moved = token_from_email(sent_emails(world)[-1])
    await reset(rules, first)
    with pytest.raises(InvalidToken):
        await reset(rules, second)
    with pytest.raises(InvalidToken):
        await verify(rules, moved)


async def test_a_changed_password_takes_mailed_tokens_along(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    token = await request_token(rules, world, member.email)
    given = {"current_password": PASSWORD, "new_password": NEXT}
    await change_password(rules.transactions(member), rules.auth, rules.actor(member), **given)
    with pytest.raises(InvalidToken):
        await reset(rules, token)


async def test_a_token_ends_after_its_time(rules: ServiceClient, world: World) -> None:
    token = await request_token(rules, world, world.acme.member.email)
    assert await account_recovery.request_password_reset(
        rules.transactions(), rules.auth, CLIENT, email="a@example.com"
    ) == timedelta(hours=1)
    await world.connection.execute("UPDATE mailed_tokens SET expires_at = expires_at - interval '1 hour'")
    with pytest.raises(InvalidToken):
        await reset(rules, token)


async def test_no_other_token_sets_a_password_and_none_is_hashed_for(rules: ServiceClient, world: World) -> None:
    member, outsider = world.acme.member, world.outsider
    good = security.OpaqueToken.parse(await request_token(rules, world, member.email), "reset")
    assert good is not None
    proof = replace(good, kind="verify")
    await change(rules, world.acme.admin, "moved@example.com")
    other_kind = token_from_email(sent_emails(world)[-1]).replace("change.", "reset.")
    bad = [
        proof.text,
        other_kind,
        security.OpaqueToken("reset", good.owner, good.id, bytes(32)).text,
        security.OpaqueToken("reset", outsider.user_id, good.id, good.secret).text,
        security.OpaqueToken("reset", good.owner, new_id(), good.secret).text,
        *("", "reset", good.text.upper(), f"{good.text} ", "\0", "😀" * 5000, member.client.token or ""),
    ]
    checks = rules.auth.passwords.checks
    for token in bad:
        with pytest.raises(InvalidToken):
            await reset(rules, token)
        with pytest.raises(InvalidToken):
            await verify(rules, token if token != proof.text else good.text)
    assert rules.auth.passwords.checks == checks
    assert await reset(rules, good.text) == 1


async def test_a_weak_password_leaves_the_token_good(rules: ServiceClient, world: World) -> None:
    token = await request_token(rules, world, world.acme.member.email)
    with pytest.raises(InvalidInput):
        await reset(rules, token, "weak")
    assert await reset(rules, token) == 1


async def test_whoever_was_suspended_sets_no_password(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    token, sent = await request_token(rules, world, member.email), len(sent_emails(world))
    await world.connection.execute("UPDATE users SET is_active = false WHERE id = $1", member.user_id)
    with pytest.raises(InvalidToken):
        await reset(rules, token)
    await account_recovery.request_password_reset(rules.transactions(), rules.auth, CLIENT, email=member.email)
    assert len(sent_emails(world)) == sent


# --- who has an account ---


async def test_an_unknown_address_gets_the_same_answer_for_the_same_work(rules: ServiceClient, world: World) -> None:
    await stop_sequencer(world)  # what it does is nobody's

    async def sent_for(email: str) -> list[str]:
        with record_statements() as sent:
            assert await account_recovery.request_password_reset(
                rules.transactions(), rules.auth, CLIENT, email=email
            ) == timedelta(hours=1)
        return sent

    await sent_for("another@example.com")  # the first one looks types up
    known, unknown = await sent_for(world.acme.member.email), await sent_for("unknown@example.com")
    assert len(known) > 1
    assert known == unknown
    assert {letter.to for letter in sent_emails(world)} == {world.acme.member.email}


async def test_letters_are_counted_and_use_up_no_logins(rules: ServiceClient, world: World) -> None:
    for email in (world.acme.member.email, "unknown@example.com"):
        for _ in range(5):
            await account_recovery.request_password_reset(rules.transactions(), rules.auth, CLIENT, email=email)
        with pytest.raises(RateLimited):
            await account_recovery.request_password_reset(rules.transactions(), rules.auth, CLIENT, email=email)
    assert len(sent_emails(world)) == 5
    assert await rules.login(world.acme.member.email)


@pytest.mark.parametrize("email", ["", " ", "nobody", "a\0@example.com", "a@example.com\nBcc: b@example.com"])
async def test_what_is_no_address_is_refused(rules: ServiceClient, email: str) -> None:
    with pytest.raises(InvalidInput):
        await account_recovery.request_password_reset(rules.transactions(), rules.auth, CLIENT, email=email)


# --- proving an address, and changing it ---


async def test_a_new_account_is_asked_to_prove_its_address(rules: ServiceClient, world: World) -> None:
    given = {"email": "New@example.com", "full_name": "New", "password": PASSWORD}
    opened = await accounts.register(rules.transactions(), rules.auth, CLIENT, **given)
    token = token_from_email(sent_emails(world)[-1])
    assert await verify(rules, token) == "new@example.com"
    with pytest.raises(InvalidToken):
        await verify(rules, token)
    proved = "SELECT email_verified_at IS NOT NULL FROM users WHERE id = $1"
    assert await world.connection.fetchval(proved, opened.identity.user_id)


async def test_one_asks_for_another_proof_until_it_is_given(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    units, actor = rules.transactions(member), rules.actor(member)
    tokens = []
    for _ in range(2):
        assert await account_recovery.request_email_verification(units, rules.auth, actor) == timedelta(days=1)
        tokens.append(token_from_email(sent_emails(world)[-1]))
    assert await verify(rules, tokens[0]) == member.email
    with pytest.raises(InvalidToken):
        await verify(rules, tokens[1])
    with pytest.raises(IllegalTransition):
        await account_recovery.request_email_verification(units, rules.auth, actor)


async def test_an_address_changes_when_the_new_one_is_proved(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    with pytest.raises(InvalidCredentials):
        await change(rules, member, "next@example.com", "Wrong-0ne!")
    with pytest.raises(InvalidInput):
        await change(rules, member, member.email.upper())
    forgotten = await request_token(rules, world, member.email)
    await change(rules, member, "Next@Example.com")
    assert sent_emails(world)[-1].to == "next@example.com"
    assert (await rules.login(member.email)).identity.user_id == member.user_id  # nothing has changed yet
    assert await verify(rules, token_from_email(sent_emails(world)[-1])) == "next@example.com"
    assert (sent_emails(world)[-1].to, "next@example.com" in sent_emails(world)[-1].text) == (member.email, True)
    assert (await rules.login("next@example.com")).identity.user_id == member.user_id
    with pytest.raises(InvalidCredentials):
        await rules.login(member.email)
    copied = "SELECT email FROM memberships WHERE id = $1"
    assert await world.connection.fetchval(copied, member.member_id) == "next@example.com"
    with pytest.raises(InvalidToken):
        await reset(rules, forgotten)


async def test_an_address_of_somebody_else_is_refused_only_to_who_reads_its_mail(
    rules: ServiceClient, world: World
) -> None:
    member, admin = world.acme.member, world.acme.admin
    assert await change(rules, member, admin.email) == await change(rules, member, "free@example.com")
    taken = next(letter for letter in sent_emails(world) if letter.to == admin.email)
    for _ in range(2):
        with pytest.raises(AlreadyExists):
            await verify(rules, token_from_email(taken))
    assert await world.connection.fetchval("SELECT email FROM users WHERE id = $1", member.user_id) == member.email


async def test_whoever_is_suspended_meanwhile_proves_nothing(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    await account_recovery.request_email_verification(rules.transactions(member), rules.auth, rules.actor(member))
    token = token_from_email(sent_emails(world)[-1])
    async with world.connection.transaction():
        await world.connection.execute("UPDATE users SET is_active = false WHERE id = $1", member.user_id)
        proving = asyncio.create_task(verify(rules, token))
        await wait_until_blocked(world.connection)
    with pytest.raises(InvalidToken):
        await proving


async def test_an_old_proof_does_not_bring_an_old_address_back(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    await account_recovery.request_email_verification(rules.transactions(member), rules.auth, rules.actor(member))
    old = token_from_email(sent_emails(world)[-1])
    await change(rules, member, "next@example.com")
    moved = token_from_email(sent_emails(world)[-1])
    outcomes = await asyncio.gather(*(verify(rules, moved) for _ in range(3)), return_exceptions=True)
    assert outcomes.count("next@example.com") == 1
    with pytest.raises(InvalidToken):
        await verify(rules, old)


# --- invitations ---


async def test_invitations_travel_by_mail(rules: ServiceClient, world: World) -> None:
    day, admin = timedelta(days=1), world.acme.admin
    units, actor = rules.transactions(admin), rules.actor(admin)
    _, token = await invitations.invite(units, rules.auth, actor, email="guest@example.com", lifetime=day)
    letter = sent_emails(world).pop()
    assert (letter.to, token_from_email(letter)) == ("guest@example.com", token)
    assert "Acme" in letter.text
    newcomers = [members.NewMember(f"{n}@example.com", "N", PASSWORD if n == 0 else None) for n in range(3)]
    outcomes = await members.create_all(units, rules.auth, actor, new_members=newcomers, lifetime=day)
    invited = [outcome for outcome in outcomes if isinstance(outcome, members.IssuedInvitation)]
    assert [(o.invitation.email, o.token) for o in invited] == [(m.to, token_from_email(m)) for m in sent_emails(world)]
    assert [m.to for m in sent_emails(world)] == ["1@example.com", "2@example.com"]


async def test_nothing_is_mailed_for_what_was_rolled_back(rules: ServiceClient, world: World) -> None:
    given = {"email": world.acme.member.email, "full_name": "Twin", "password": PASSWORD}
    with pytest.raises(AlreadyExists):
        await accounts.register(rules.transactions(), rules.auth, CLIENT, **given)
    assert not sent_emails(world)


@pytest.mark.parametrize("kind", EmailTokenKind)
async def test_a_letter_leads_to_the_public_address(rules: ServiceClient, kind: EmailTokenKind) -> None:
    post = replace(rules.auth.emails, public_url="https://app.example.com/")
    letter = post.token_message(kind, "a@example.com", security.OpaqueToken.make(kind, new_id(), new_id()))
    assert (
        f"https://app.example.com/{'reset-password' if kind == 'reset' else 'verify-email'}#token={kind}."
        in letter.text
    )
    assert ("1 hour" if kind == "reset" else "1 day") in letter.text
    assert "token" not in repr(letter)
