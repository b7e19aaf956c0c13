"""Letters: what Atrium mails to people, and the tokens in them. How a letter travels is its mailer's to know.

A letter goes out after its transaction has committed, and whether it arrives changes no answer: whoever asks learns
nothing of an address by waiting, and a mail server that is away holds nobody up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Text, Uuid, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import MailedKind, MailedToken, User
from models.base import new_id, now, table_of
from models.database import WriteSession, assume, fetch
from services import security

__all__ = ["Letter", "Mailer", "Nowhere", "Post", "is_good", "issue", "parse", "spend", "spend_all"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, in plain text."""

    to: str
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    """Whatever carries letters."""

    def post(self, letter: Letter) -> None:
        """Take a letter to be sent soon, if that is possible; never waits, and never fails."""


class Nowhere:
    """Carries nothing."""

    def post(self, letter: Letter) -> None:
        """Drop it."""


LIFETIMES = {
    MailedKind.RESET: timedelta(hours=1),
    MailedKind.VERIFY: timedelta(days=1),
    MailedKind.CHANGE: timedelta(days=1),
}

RESET = """Somebody asked to set a new password for your account. To set it, open

    {link}

within {lifetime}. The link works once. If it was not you, do nothing: your password stays as it is.
"""

VERIFY = """To confirm that this address is yours, open

    {link}

within {lifetime}. The link works once. If you have not asked for it, do nothing.
"""

CHANGED = """The address of your account is {email} from now on, and letters no longer come here.

If that was not you, ask whoever runs this service for help at once.
"""

RESET_DONE = """The password of your account was set anew by a link that was mailed here, and all its sessions ended.

If that was not you, ask whoever runs this service for help at once.
"""

INVITED = """You are invited to join {tenant}. Log in with this address, or register with it, and accept by opening

    {link}

within {lifetime}. The link works once. If you do not know what this is about, do nothing.
"""


@dataclass(frozen=True, slots=True)
class Post:
    """Writes letters, and gives them to a mailer."""

    mailer: Mailer = field(default_factory=Nowhere)
    public_url: str = "http://localhost"
    """Where people open what the links lead to. A token stands behind a `#`, which no browser sends to a server."""
    lifetimes: Mapping[MailedKind, timedelta] = field(default_factory=LIFETIMES.copy)
    """How long each kind of token is good."""

    def proof(self, kind: MailedKind, email: str, token: security.OpaqueToken) -> Letter:
        """The letter that a mailed token travels in."""
        text, page, subject = VERIFY, "verify-email", "Confirm your address"
        if kind is MailedKind.RESET:
            text, page, subject = RESET, "reset-password", "Set a new password"
        lifetime = _spelled(self.lifetimes[kind])
        return Letter(email, subject, text.format(link=self._link(page, token.text), lifetime=lifetime))

    def invitation(self, email: str, tenant: str, token: str, lifetime: timedelta) -> Letter:
        """The letter that an invitation travels in."""
        link, name = self._link("accept-invitation", token), " ".join(tenant.split())
        return Letter(email, "An invitation", INVITED.format(tenant=name, link=link, lifetime=_spelled(lifetime)))

    def changed(self, old: str, new: str) -> Letter:
        """What the old address is told when an account's address has changed."""
        return Letter(old, "Your address has changed", CHANGED.format(email=new))

    def reset_done(self, email: str) -> Letter:
        """What an account is told when its password was set anew."""
        return Letter(email, "Your password was set anew", RESET_DONE)

    def _link(self, page: str, token: str) -> str:
        return f"{self.public_url.rstrip('/')}/{page}#token={token}"


async def issue(session: WriteSession, post: Post, kind: MailedKind, user_id: UUID, email: str) -> tuple[Letter, bool]:
    """Make a mailed token for an account, and its letter; says whether there is such an account, and it is active.

    It takes one statement, and a letter is written, whether there is one or not: nobody can tell from the work. What
    may reach the account must have been assumed.
    """
    token = security.OpaqueToken.make(kind, user_id, new_id())
    values = {
        "id": literal(token.id, Uuid()),
        "kind": literal(kind.value, Text()),
        "email": literal(email, Text()),
        "digest": literal(token.digest, Text()),
        "expires_at": literal(now() + post.lifetimes[kind], DateTime(timezone=True)),
    }
    account = select(col(User.id), *values.values()).where(col(User.id) == user_id, col(User.is_active))
    made = insert(MailedToken).from_select(["user_id", *values], account, include_defaults=False)
    exists = bool((await session.exec(made.returning(col(MailedToken.id)))).all())
    return post.proof(kind, email, token), exists


def parse(text: str, *kinds: MailedKind) -> security.OpaqueToken | None:
    """Read a token of one of these kinds; None for whatever else a client may have sent."""
    return next((token for kind in kinds if (token := security.OpaqueToken.parse(text, kind))), None)


async def is_good(session: WriteSession, token: security.OpaqueToken) -> bool:
    """Whether a token could be spent now."""
    await assume(session, presented=token.id)
    return bool((await session.exec(select(col(MailedToken.id)).where(*_good(token)))).all())


async def spend(session: WriteSession, token: security.OpaqueToken) -> MailedToken | None:
    """Use a token up; None if it is unknown, used, or over. Of two who use it at once, one succeeds.

    From here on the transaction reaches the account that it was mailed to.
    """
    await assume(session, presented=token.id)
    used = update(MailedToken).where(*_good(token)).values(used_at=func.clock_timestamp())
    rows = await fetch(session, MailedToken, used.returning(*table_of(MailedToken).c))
    if not rows:
        return None
    await assume(session, user_id=rows[0].user_id)
    return rows[0]


async def spend_all(session: WriteSession, user_id: UUID, *kinds: MailedKind) -> None:
    """Use up whatever tokens of these kinds an account has left, since what they were for has happened."""
    left = update(MailedToken).where(
        col(MailedToken.user_id) == user_id, col(MailedToken.used_at).is_(None), col(MailedToken.kind).in_(kinds)
    )
    await session.exec(left.values(used_at=func.clock_timestamp()))


def _good(token: security.OpaqueToken) -> tuple[ColumnElement[bool], ...]:
    return (
        col(MailedToken.id) == token.id,
        col(MailedToken.user_id) == token.owner,
        col(MailedToken.kind) == token.kind,
        col(MailedToken.digest) == token.digest,
        col(MailedToken.used_at).is_(None),
        col(MailedToken.expires_at) > func.clock_timestamp(),
    )


def _spelled(lifetime: timedelta) -> str:
    minutes = round(lifetime.total_seconds() / 60)
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes >= size and minutes % size == 0:
            count = minutes // size
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
