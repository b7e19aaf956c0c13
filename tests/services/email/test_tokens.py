"""Tokens that are sent by e-mail: good once, for their time, for their kind and their account."""

from datetime import timedelta

import pytest

from models import EmailTokenKind
from models.base import new_id
from services import security
from services.email.messages import EmailTemplates
from services.email.tokens import consume_token, is_valid, issue_email_token, parse_email_token, revoke_tokens
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient

RESET, VERIFY = EmailTokenKind.RESET, EmailTokenKind.VERIFY


async def issue(
    rules: ServiceClient, person: Person, kind: EmailTokenKind = RESET, lifetime: timedelta = timedelta(hours=1)
) -> security.OpaqueToken:
    """A token that somebody was sent."""
    templates = EmailTemplates(lifetimes={kind: lifetime})
    async with rules.database.write(rules.identity(person)) as session:
        email, exists = await issue_email_token(session, templates, kind, person.user_id, person.email)
    assert exists
    token = parse_email_token(email.text.partition("#token=")[2].split()[0], kind)
    assert token is not None
    return token


async def validity(rules: ServiceClient, person: Person, token: security.OpaqueToken) -> bool:
    async with rules.database.write(rules.identity(person)) as session:
        return await is_valid(session, token)


async def test_a_token_is_good_once(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    token = await issue(rules, member)
    assert await validity(rules, member, token)
    async with rules.database.write(rules.identity(member)) as session:
        spent = await consume_token(session, token)
        assert spent is not None
        assert (spent.user_id, spent.email, spent.kind) == (member.user_id, member.email, RESET)
        assert await consume_token(session, token) is None
    assert not await validity(rules, member, token)


@pytest.mark.parametrize(("lifetime", "is_good"), [(timedelta(minutes=1), True), (timedelta(0), False)])
async def test_a_token_is_good_for_its_time(
    rules: ServiceClient, world: World, lifetime: timedelta, *, is_good: bool
) -> None:
    token = await issue(rules, world.acme.member, lifetime=lifetime)
    assert await validity(rules, world.acme.member, token) is is_good


async def test_every_part_of_a_token_counts(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    token = await issue(rules, member)
    for kind, owner, row_id in (
        (VERIFY, token.owner, token.id),
        (RESET, world.acme.owner.user_id, token.id),
        (RESET, token.owner, new_id()),
        (RESET, token.owner, token.id),  # of the same parts, with another secret
    ):
        forged = security.OpaqueToken.make(kind, owner, row_id)
        assert not await validity(rules, member, forged)
        async with rules.database.write(rules.identity(member)) as session:
            assert await consume_token(session, forged) is None
    assert await validity(rules, member, token)


async def test_only_an_account_that_is_there_and_active_has_a_token(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    async with rules.database.write(rules.identity(member)) as session:
        email, exists = await issue_email_token(session, EmailTemplates(), RESET, new_id(), member.email)
        assert (email.to, exists) == (member.email, False)  # as if there were one, for whoever measures
    async with rules.database.write(rules.identity(member)) as session:
        await world.connection.execute("UPDATE users SET is_active = false WHERE id = $1", member.user_id)
        _, exists = await issue_email_token(session, EmailTemplates(), RESET, member.user_id, member.email)
        assert not exists
    assert await world.connection.fetchval("SELECT count(*) FROM mailed_tokens") == 0


async def test_tokens_are_revoked_by_their_kinds(rules: ServiceClient, world: World) -> None:
    member = world.acme.member
    reset, verify = await issue(rules, member), await issue(rules, member, VERIFY, timedelta(days=1))
    others = await issue(rules, world.acme.owner)
    async with rules.database.write(rules.identity(member)) as session:
        await revoke_tokens(session, member.user_id, RESET)
    assert not await validity(rules, member, reset)
    assert await validity(rules, member, verify)
    assert await validity(rules, world.acme.owner, others)


def test_a_text_is_read_as_one_of_the_kinds_that_are_asked_for() -> None:
    token = security.OpaqueToken.make(RESET, new_id(), new_id())
    assert parse_email_token(token.text, VERIFY, RESET) == token
    assert parse_email_token(token.text, VERIFY) is None
    assert parse_email_token("nonsense", VERIFY, RESET) is None
