"""Passwords: the rules that a new one must meet, and argon2id hashes computed off the event loop.

A hash is slow and large on purpose (19 MiB of memory, some tens of milliseconds), so it must neither hold up
the event loop nor pile up: a small pool computes, a bounded number waits, and what comes beyond is refused.
"""

import asyncio
import secrets
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

from passlib.context import CryptContext  # type: ignore[import-untyped]  # libpass ships no annotations

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 128
SYMBOLS: Final = "!@#$%^&*()"

_Result = TypeVar("_Result")


class HashingBusy(Exception):
    """As many password hashes as allowed are computed or waiting, or the pool is closed: try again later."""


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """What checking a password found: whether it is right, and whether to store a fresh hash of it."""

    ok: bool
    needs_rehash: bool


def password_weaknesses(password: str) -> list[str]:
    """Return one sentence for each rule that a new password breaks; none if it is accepted.

    The rules: 8 to 128 characters (code points), an upper-case letter and a decimal digit of any script, one
    of `!@#$%^&*()`, no NUL, and nothing that UTF-8 cannot carry (lone surrogates). What is counted is the
    composed form (NFC), which is what is hashed: the same password may be typed in several forms.
    """
    password = _composed(password)
    rules = (
        (len(password) >= MIN_LENGTH, f"Use at least {MIN_LENGTH} characters."),
        (len(password) <= MAX_LENGTH, f"Use at most {MAX_LENGTH} characters."),
        (any(c.isupper() and c.isalpha() for c in password), "Use at least one upper-case letter."),
        (any(c.isdecimal() for c in password), "Use at least one digit."),
        (any(c in SYMBOLS for c in password), f"Use at least one of these characters: {SYMBOLS}"),
        ("\0" not in password, "Leave out the NUL character."),
        (_is_encodable(password), "Leave out half of a surrogate pair, which is not a character."),
    )
    return [sentence for kept, sentence in rules if not kept]


class Passwords:
    """Hashes and checks passwords with argon2id in a bounded pool; constructed once, closed at the end.

    The costs default to the OWASP Password Storage Cheat Sheet's configuration of 19 MiB of memory
    (`memory_kib`, in KiB), 2 passes and 1 lane. At most `workers` hashes are computed at once and at most
    `waiting` more wait. `checks` counts the hashes computed to check a password since construction.
    """

    def __init__(self, *, workers: int = 2, waiting: int = 64, memory_kib: int = 19_456, passes: int = 2) -> None:
        self._context, self._dummy = _hashing_at(memory_kib, passes)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        self._places = threading.BoundedSemaphore(workers + waiting)
        self._workers = workers
        self._batch_workers = max(1, workers - 1)
        self._turn = asyncio.Lock()
        self._single = 0  # hashes that somebody waits for, each by itself
        self._has_room = asyncio.Event()
        self._counting = threading.Lock()
        self.checks = 0

    async def hash(self, password: str) -> str:
        """Hash a password for storage, with a fresh salt.

        The rules of `password_weaknesses` are the caller's to apply. Raises HashingBusy when too many wait, and
        ValueError for a password that `verify` would never accept (too long, NUL, lone surrogates).
        """
        _require_storable(_composed(password))
        return await self._at_once(self.hash_now, password)

    async def hash_all(self, passwords: Sequence[str]) -> list[str]:
        """Hash many passwords for storage, in their order.

        All callers of this together use one worker fewer than there are, and at least one, and take turns. None is
        begun while whoever logs in would have to wait for it: they wait for a hash under way at most, where there is
        one worker only. Raises what `hash` raises.
        """
        hashes: list[str] = []
        for start in range(0, len(passwords), self._batch_workers):
            async with self._turn:
                batch = passwords[start : start + self._batch_workers]
                hashes += await asyncio.gather(*map(self._hash_when_idle, batch))
        return hashes

    def hash_now(self, password: str) -> str:
        """Hash a password in the calling thread: for commands, never on the event loop.

        Raises ValueError as `hash` does.
        """
        composed = _composed(password)
        _require_storable(composed)
        return str(self._context.hash(composed))

    async def verify(self, password: str, stored: str | None) -> PasswordCheck:
        """Check a password against a stored hash; `stored` is None when there is no such user.

        No user, a malformed hash and a wrong password all cost one hash and answer alike, so that the time
        does not tell who has an account. A password that can belong to nobody (too long, NUL, lone
        surrogates) costs none, whoever asks for whom. Raises HashingBusy when too many wait.
        """
        composed = _composed(password)
        if not _is_storable(composed):
            return PasswordCheck(ok=False, needs_rehash=False)
        return await self._at_once(self._verify_now, composed, stored)

    def close(self) -> None:
        """Refuse further work with HashingBusy; what was accepted is still computed."""
        self._pool.shutdown(wait=False)

    def _verify_now(self, password: str, stored: str | None) -> PasswordCheck:
        if stored is not None:
            try:
                ok = self._check(password, stored)
            except (ValueError, TypeError, NotImplementedError):
                pass  # passlib's three ways to say malformed, all of them before any hash was computed
            else:
                return PasswordCheck(ok=ok, needs_rehash=ok and bool(self._context.needs_update(stored)))
        self._check(password, self._dummy)
        return PasswordCheck(ok=False, needs_rehash=False)

    def _check(self, password: str, stored: str) -> bool:
        ok = bool(self._context.verify(password, stored))
        with self._counting:
            self.checks += 1
        return ok

    async def _hash_when_idle(self, password: str) -> str:
        _require_storable(_composed(password))
        while self._single >= self._workers:
            self._has_room.clear()
            await self._has_room.wait()
        return await self._in_pool(self.hash_now, password)

    async def _at_once(self, work: Callable[..., _Result], *arguments: str | None) -> _Result:
        self._single += 1
        try:
            return await self._in_pool(work, *arguments)
        finally:
            self._single -= 1
            if self._single < self._workers:
                self._has_room.set()

    async def _in_pool(self, work: Callable[..., _Result], *arguments: str | None) -> _Result:
        if not self._places.acquire(blocking=False):
            raise HashingBusy("Too many passwords are being checked; try again in a moment.")
        try:
            future = self._pool.submit(work, *arguments)
        except RuntimeError:
            self._places.release()
            raise HashingBusy("Passwords are no longer checked here: the service is closing.") from None
        # On the pool's future, not the awaiting task's: a caller who gives up does not stop a running hash.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def _composed(password: str) -> str:
    """A password in the form in which it is compared (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFC", password)


def _is_encodable(password: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in password)


def _is_storable(password: str) -> bool:
    return len(password) <= MAX_LENGTH and "\0" not in password and _is_encodable(password)


def _require_storable(password: str) -> None:
    if not _is_storable(password):
        raise ValueError("A password has at most 128 characters, no NUL and no lone surrogates.")


@cache
def _hashing_at(memory_kib: int, passes: int) -> tuple[CryptContext, str]:
    """Return what hashes at these costs, and the hash of a password that nobody has."""
    context = CryptContext(
        schemes=["argon2"],
        argon2__type="ID",
        argon2__memory_cost=memory_kib,
        argon2__time_cost=passes,
        argon2__parallelism=1,
    )
    return context, context.hash(secrets.token_urlsafe())
