"""The throttle: how often a password may be guessed, on one account and from one address."""

import asyncio
from dataclasses import replace

import pytest

from models.database.identity import Identity
from services.errors import InvalidCredentials, RateLimited
from tests.support.factories import World
from tests.support.service_client import CLIENT, ServiceClient

ELSEWHERE = replace(CLIENT, ip="2001:db8::1")


async def fail_logins(rules: ServiceClient, email: str, times: int, origin: Identity = CLIENT) -> None:
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            await rules.login(email, "Wrong-0ne!", client=origin)


async def test_an_account_is_closed_after_five_failures_and_opens_after_the_window(
    rules: ServiceClient, world: World
) -> None:
    await fail_logins(rules, "member@acme.example.com", 5)
    checks = rules.auth.passwords.checks
    with pytest.raises(RateLimited) as refused:
        await rules.login("MEMBER@acme.example.com", client=ELSEWHERE)
    assert 0 < refused.value.retry_after <= 15 * 60
    assert rules.auth.passwords.checks == checks
    assert (await rules.login("admin@acme.example.com")).identity.role == "ADMIN"
    await world.connection.execute("UPDATE throttles SET started_at = started_at - interval '14 minutes'")
    with pytest.raises(RateLimited) as sooner:
        await rules.login("member@acme.example.com")
    assert sooner.value.retry_after <= 60
    await world.connection.execute("UPDATE throttles SET started_at = started_at - interval '61 seconds'")
    assert (await rules.login("member@acme.example.com")).identity.role == "MEMBER"


async def test_an_unknown_account_is_closed_just_the_same(rules: ServiceClient) -> None:
    await fail_logins(rules, "unknown@example.com", 5)
    with pytest.raises(RateLimited):
        await rules.login("unknown@example.com")


async def test_guesses_in_parallel_are_counted_one_by_one(rules: ServiceClient) -> None:
    checks = rules.auth.passwords.checks
    guesses = [rules.login("member@acme.example.com", f"Wrong-{n}!") for n in range(12)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(InvalidCredentials) == 5
    assert [type(outcome) for outcome in outcomes].count(RateLimited) == 7
    assert rules.auth.passwords.checks - checks == 5


async def test_a_success_forgives_the_account(rules: ServiceClient) -> None:
    for _ in range(2):
        await fail_logins(rules, "member@acme.example.com", 4)
        await rules.login("member@acme.example.com")


async def test_an_address_is_closed_for_all_accounts_and_charged_for_failures_alone(
    rules: ServiceClient, world: World
) -> None:
    rules = replace(rules, auth=replace(rules.auth, address_attempts=3))
    for _ in range(5):
        await rules.login("member@acme.example.com")
    for number in range(3):
        await fail_logins(rules, f"somebody-{number}@example.com", 1)
    with pytest.raises(RateLimited):
        await rules.login("member@acme.example.com")
    await rules.login("member@acme.example.com", client=ELSEWHERE)
    await world.connection.execute("UPDATE throttles SET started_at = started_at - interval '15 minutes'")
    await rules.login("member@acme.example.com")


async def test_the_counters_name_neither_accounts_nor_addresses(rules: ServiceClient, world: World) -> None:
    await fail_logins(rules, "member@acme.example.com", 1)
    keys = [row["key"] for row in await world.connection.fetch("SELECT key FROM throttles")]
    assert len(keys) == 2
    assert all(len(key) == 64 and int(key, 16) >= 0 for key in keys)
