"""Authentication: its configuration, the throttling of attempts, and the check of passwords.

Work around a password takes a hundred times as long as a statement, on purpose, and no connection may wait for it. So
the rules around it open their own units, several short ones.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TypeVar

from sqlalchemy import func, select
from sqlmodel import col

from models import User
from models.base import table_of
from models.database import WriteSession, extend_context, fetch
from models.database.identity import Identity
from services import security
from services.email.messages import EmailTemplates
from services.errors import RateLimited, Unavailable
from services.validation import MAX_EMAIL_LENGTH, is_storable_text

__all__ = [
    "EMAIL_COUNTER",
    "MAX_EMAIL_LENGTH",
    "AuthConfig",
    "Transactions",
    "clear_attempts",
    "find_account",
    "find_account_throttled",
    "hash_password",
    "record_attempt",
    "verify_password",
]

ACCOUNT_COUNTER = "account"
EMAIL_COUNTER = "mail"
"""What tries on an address are counted as, besides logins: e-mails, which must not use up the logins of whoever gets
them."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """What it takes to let people in: keys, clocks, counters and the post, made once from the settings."""

    passwords: security.Passwords
    tokens: security.Tokens
    pepper: bytes
    """From which a refresh token's successor is derived, and throttle keys are made."""
    session_lifetime: timedelta = timedelta(days=30)
    """How long a session lasts after it was last refreshed."""
    invitation_lifetime: timedelta = timedelta(days=7)
    """How long an invitation is good."""
    refresh_grace: timedelta = timedelta(seconds=60)
    """How long the refresh token before the newest is still answered, for lost answers and tabs that share it."""
    account_attempts: int = 5
    """Tries on one account within the window; as many e-mails to one address."""
    address_attempts: int = 50
    """Tries from one address within the window: failed logins, registrations, e-mails requested."""
    window: timedelta = timedelta(minutes=15)
    emails: EmailTemplates = field(default_factory=EmailTemplates)
    """How they are written to."""


class Transactions(Protocol):
    """Whoever opens transactions; the graph's context does."""

    async def write(
        self, work: Callable[[WriteSession], Awaitable[Result]], identity: Identity | None = None
    ) -> Result:
        """Run the work in one transaction, in the actor's name or another's."""

    def long_work(self) -> AbstractAsyncContextManager[None]:
        """Give the time that it takes to hash many passwords to what is done within, as long as somebody waits."""


def _account_key(auth: AuthConfig, email: str, kind: str = ACCOUNT_COUNTER) -> str:
    """Return the key under which attempts on an account are counted."""
    return security.throttle_key(kind, email, pepper=auth.pepper)


def _address_key(auth: AuthConfig, client: Identity) -> str:
    """Return the key under which attempts from an address are counted."""
    return security.throttle_key("address", client.ip, pepper=auth.pepper)


async def record_attempt(
    transactions: Transactions,
    auth: AuthConfig,
    client: Identity,
    email: str | None = None,
    *,
    kind: str = ACCOUNT_COUNTER,
) -> None:
    """Count a try, which stays counted whatever becomes of it.

    Raises:
        RateLimited: there were too many.
    """

    async def work(session: WriteSession) -> int:
        return await _charge_attempt(session, auth, client, email, kind)

    if seconds := await transactions.write(work, client.without_user()):
        raise RateLimited(seconds)


async def clear_attempts(session: WriteSession, auth: AuthConfig, client: Identity, email: str) -> None:
    """Clear the attempts on the account after a success, and do not count this one for the address."""
    await session.exec(select(func.atrium_forgive(_account_key(auth, email), _address_key(auth, client))))


async def find_account(transactions: Transactions, auth: AuthConfig, client: Identity, email: str) -> User | None:
    """Count a try on an account, and find it.

    Raises:
        RateLimited: there were too many.
    """
    seconds, account = await transactions.write(
        lambda session: find_account_throttled(session, auth, client, email), client.without_user()
    )
    if seconds:
        raise RateLimited(seconds)
    return account


async def find_account_throttled(
    session: WriteSession, auth: AuthConfig, client: Identity, email: str, *, kind: str = ACCOUNT_COUNTER
) -> tuple[int, User | None]:
    """Count a try on an account and find it, in a transaction that is to commit; or the seconds to wait."""
    seconds = await _charge_attempt(session, auth, client, email, kind)
    if seconds or not email or not is_storable_text(email):
        return seconds, None
    await extend_context(session, email=email)
    rows = await fetch(session, User, select(*table_of(User).c).where(col(User.email) == email))
    return 0, rows[0] if rows else None


async def _charge_attempt(
    session: WriteSession, auth: AuthConfig, client: Identity, email: str | None, kind: str
) -> int:
    """Count an attempt; return the seconds to wait, or 0."""
    counted = [func.atrium_throttle(_address_key(auth, client), auth.address_attempts, auth.window)]
    if email:
        counted.append(func.atrium_throttle(_account_key(auth, email, kind), auth.account_attempts, auth.window))
    return int(max((await session.exec(select(*counted))).one()))


async def verify_password(auth: AuthConfig, password: str, stored: str | None) -> security.PasswordCheck:
    """Verify a password against its stored hash, or against a dummy where there is none; holds no connection.

    Raises:
        Unavailable: too many passwords are waiting to be checked.
    """
    try:
        return await auth.passwords.verify(password, stored)
    except security.HashingBusy:
        raise Unavailable from None


async def hash_password(auth: AuthConfig, password: str) -> str:
    """Return the hash of a new password; holds no connection.

    Raises:
        Unavailable: too many passwords are waiting to be hashed.
    """
    try:
        return await auth.passwords.hash(password)
    except security.HashingBusy:
        raise Unavailable from None
