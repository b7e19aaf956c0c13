"""Passwords: each rule has its sentence, nobody learns who has an account, and the work is bounded."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from passlib.context import CryptContext

from services import security

PASSWORD = "Atrium-demo-1!"


@pytest.fixture
def passwords() -> Iterator[security.Passwords]:
    made = security.Passwords()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "broken"),
    [
        (PASSWORD, []),
        ("Ab1!5678", []),
        ("A1!" + "a" * 125, []),
        ("Élan-vital-1!", []),
        ("Ab1!567", ["Use at least 8 characters."]),
        ("A1!" + "a" * 126, ["Use at most 128 characters."]),
        ("atrium-demo-1!", ["Use at least one upper-case letter."]),
        ("Ⓐtrium-demo-1!", ["Use at least one upper-case letter."]),
        ("Atrium-demo-!", ["Use at least one digit."]),
        ("Atrium-demo-²!", ["Use at least one digit."]),
        ("Atrium-demo-1?", ["Use at least one of these characters: !@#$%^&*()"]),
        (PASSWORD + "\0", ["Leave out the NUL character."]),
        (PASSWORD + "\ud83d", ["Leave out half of a surrogate pair, which is not a character."]),
    ],
)
def test_each_rule_of_a_password_has_its_sentence(password: str, broken: list[str]) -> None:
    assert security.password_weaknesses(password) == broken


def test_an_empty_password_is_told_every_rule_at_once() -> None:
    assert len(security.password_weaknesses("")) == 4


@pytest.mark.parametrize("symbol", "!@#$%^&*()")
def test_each_listed_symbol_will_do(symbol: str) -> None:
    assert security.password_weaknesses(f"Atrium{symbol}demo1") == []


async def test_a_hash_is_argon2id_with_the_documented_costs_and_a_fresh_salt(
    passwords: security.Passwords,
) -> None:
    first, second = await asyncio.gather(passwords.hash(PASSWORD), passwords.hash(PASSWORD))
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    for stored in (first, second, passwords.hash_now(PASSWORD)):
        assert await passwords.verify(PASSWORD, stored) == security.PasswordCheck(ok=True, needs_rehash=False)
    assert await passwords.verify(PASSWORD + " ", first) == security.PasswordCheck(ok=False, needs_rehash=False)


@pytest.mark.parametrize("stored", ["", "x", "é", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA", "$2b$04$"])
async def test_a_malformed_hash_is_a_wrong_password(passwords: security.Passwords, stored: str) -> None:
    assert await passwords.verify(PASSWORD, stored) == security.PasswordCheck(ok=False, needs_rehash=False)
    assert passwords.checks == 1


async def test_no_user_costs_as_many_hashes_as_a_wrong_password(passwords: security.Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    costs = []
    for password, against in [("Wrong-1!", stored), ("Wrong-1!", None), (PASSWORD, stored)]:
        before = passwords.checks
        await passwords.verify(password, against)
        costs.append(passwords.checks - before)
    assert costs == [1, 1, 1]


async def test_a_dummy_hash_costs_what_a_real_one_costs(
    passwords: security.Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    against = []

    def remember(_: CryptContext, __: str, stored: str) -> bool:
        against.append(stored)
        return True

    monkeypatch.setattr(CryptContext, "verify", remember)
    stored = passwords.hash_now(PASSWORD)
    assert (await passwords.verify(PASSWORD, stored)).ok
    # Even where the dummy's password is guessed, there is still no such user.
    assert not (await passwords.verify(PASSWORD, None)).ok
    real, dummy = (hash_.split("$")[1:4] for hash_ in against)
    assert real == dummy


@pytest.mark.parametrize("password", ["a" * 129, "a" * 200_000, PASSWORD + "\0", PASSWORD + "\udc00"])
async def test_a_password_that_nobody_can_have_is_refused_unhashed(
    passwords: security.Passwords, password: str
) -> None:
    stored = passwords.hash_now(PASSWORD)
    for against in (stored, None):
        assert not (await passwords.verify(password, against)).ok
    assert passwords.checks == 0
    with pytest.raises(ValueError, match="at most 128"):
        await passwords.hash(password)
    with pytest.raises(ValueError, match="at most 128"):
        passwords.hash_now(password)


@pytest.mark.parametrize("costs", [{"argon2__memory_cost": 9728}, {"argon2__time_cost": 1}, {"argon2__parallelism": 2}])
async def test_a_hash_of_other_costs_is_right_and_to_be_renewed(
    passwords: security.Passwords, costs: dict[str, int]
) -> None:
    ours = {"argon2__memory_cost": 19_456, "argon2__time_cost": 2, "argon2__parallelism": 1}
    stored = CryptContext(schemes=["argon2"], **(ours | costs)).hash(PASSWORD)
    assert await passwords.verify(PASSWORD, stored) == security.PasswordCheck(ok=True, needs_rehash=True)
    assert await passwords.verify("Wrong-1!", stored) == security.PasswordCheck(ok=False, needs_rehash=False)


async def test_hashing_is_bounded_in_computing_and_in_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = security.Passwords(workers=2, waiting=3, memory_kib=64, passes=1)
    counting, both_run, go_on = threading.Lock(), threading.Barrier(2 + 1), threading.Event()
    running = most = 0

    def verify(*_: object) -> bool:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        if not go_on.is_set():
            both_run.wait(timeout=30)
        assert go_on.wait(timeout=30)
        with counting:
            running -= 1
        return False

    monkeypatch.setattr(CryptContext, "verify", verify)
    accepted = [asyncio.create_task(passwords.verify(PASSWORD, None)) for _ in range(2 + 3)]
    await asyncio.to_thread(both_run.wait, 30)
    for work in (passwords.verify(PASSWORD, None), passwords.hash(PASSWORD)):
        with pytest.raises(security.HashingBusy):
            await work
    accepted[-1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await accepted.pop()
    # The one who gave up while waiting left a place, and only one.
    accepted.append(asyncio.create_task(passwords.verify(PASSWORD, None)))
    refused = asyncio.create_task(passwords.verify(PASSWORD, None))
    with pytest.raises(security.HashingBusy):
        await refused
    go_on.set()
    await asyncio.gather(*accepted)
    assert (most, running) == (2, 0)
    assert passwords.checks == 5
    await asyncio.gather(*(passwords.verify(PASSWORD, None) for _ in range(2 + 3)))
    passwords.close()
    for _ in range(10):
        with pytest.raises(security.HashingBusy, match="closing"):
            await passwords.verify(PASSWORD, None)
