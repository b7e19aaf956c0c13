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

from models import EmailToken, EmailTokenKind, User
from models.base import new_id, now, table_of
from models.database import WriteSession, extend_context, fetch
from services import security

__all__ = [
    "EmailTemplates",
    "Mailer",
    "NullMailer",
    "OutgoingEmail",
    "consume_token",
    "is_valid",
    "issue_email_token",
    "parse_email_token",
    "revoke_tokens",
]


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """One mail, in plain text."""

    to: str
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    """Whatever carries letters."""

    def send_later(self, email: OutgoingEmail) -> None:
        """Take a letter to be sent soon, if that is possible; never waits, and never fails."""


class NullMailer:
    """Carries nothing."""

    def send_later(self, email: OutgoingEmail) -> None:
        """Drop it."""


TOKEN_LIFETIMES = {
    EmailTokenKind.RESET: timedelta(hours=1),
    EmailTokenKind.VERIFY: timedelta(days=1),
    EmailTokenKind.CHANGE: timedelta(days=1),
}

RESET_TEMPLATE = """Somebody asked to set a new password for your account. To set it, open

    {link}

within {lifetime}. The link works once. If it was not you, do nothing: your password stays as it is.
"""

VERIFY_TEMPLATE = """To confirm that this address is yours, open

    {link}

within {lifetime}. The link works once. If you have not asked for it, do nothing.
"""

EMAIL_CHANGED_TEMPLATE = """The address of your account is {email} from now on, and letters no longer come here.

If that was not you, ask whoever runs this service for help at once.
"""

RESET_DONE_TEMPLATE = """\
The password of your account was set anew by a link that was mailed here, and all its sessions ended.

If that was not you, ask whoever runs this service for help at once.
"""

INVITATION_TEMPLATE = """\
You are invited to join {tenant}. Log in with this address, or register with it, and accept by opening

    {link}

within {lifetime}. The link works once. If you do not know what this is about, do nothing.
"""


@dataclass(frozen=True, slots=True)
class EmailTemplates:
    """Writes letters, and gives them to a mailer."""

    mailer: Mailer = field(default_factory=NullMailer)
    public_url: str = "http://localhost"
    """Where people open what the links lead to. A token stands behind a `#`, which no browser sends to a server."""
    lifetimes: Mapping[EmailTokenKind, timedelta] = field(default_factory=TOKEN_LIFETIMES.copy)
    """How long each kind of token is good."""

    def token_message(self, kind: EmailTokenKind, email: str, token: security.OpaqueToken) -> OutgoingEmail:
        """The letter that a mailed token travels in."""
        text, page, subject = VERIFY_TEMPLATE, "verify-email", "Confirm your address"
        if kind is EmailTokenKind.RESET:
            text, page, subject = RESET_TEMPLATE, "reset-password", "Set a new password"
        lifetime = _format_lifetime(self.lifetimes[kind])
        return OutgoingEmail(email, subject, text.format(link=self._link(page, token.text), lifetime=lifetime))

    def invitation_message(self, email: str, tenant: str, token: str, lifetime: timedelta) -> OutgoingEmail:
        """The letter that an invitation travels in."""
        link, name = self._link("accept-invitation", token), " ".join(tenant.split())
        return OutgoingEmail(
            email,
            "An invitation",
            INVITATION_TEMPLATE.format(tenant=name, link=link, lifetime=_format_lifetime(lifetime)),
        )

    def email_changed_message(self, old: str, new: str) -> OutgoingEmail:
        """What the old address is told when an account's address has changed."""
        return OutgoingEmail(old, "Your address has changed", EMAIL_CHANGED_TEMPLATE.format(email=new))

    def password_reset_message(self, email: str) -> OutgoingEmail:
        """What an account is told when its password was set anew."""
        return OutgoingEmail(email, "Your password was set anew", RESET_DONE_TEMPLATE)

    def _link(self, page: str, token: str) -> str:
        return f"{self.public_url.rstrip('/')}/{page}#token={token}"


async def issue_email_token(
    session: WriteSession, emails: EmailTemplates, kind: EmailTokenKind, user_id: UUID, email: str
) -> tuple[OutgoingEmail, bool]:
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
        "expires_at": literal(now() + emails.lifetimes[kind], DateTime(timezone=True)),
    }
    account = select(col(User.id), *values.values()).where(col(User.id) == user_id, col(User.is_active))
    made = insert(EmailToken).from_select(["user_id", *values], account, include_defaults=False)
    exists = bool((await session.exec(made.returning(col(EmailToken.id)))).all())
    return emails.token_message(kind, email, token), exists


def parse_email_token(text: str, *kinds: EmailTokenKind) -> security.OpaqueToken | None:
    """Read a token of one of these kinds; None for whatever else a client may have sent."""
    return next((token for kind in kinds if (token := security.OpaqueToken.parse(text, kind))), None)


async def is_valid(session: WriteSession, token: security.OpaqueToken) -> bool:
    """Whether a token could be spent now."""
    await extend_context(session, presented=token.id)
    return bool((await session.exec(select(col(EmailToken.id)).where(*_valid_conditions(token)))).all())


async def consume_token(session: WriteSession, token: security.OpaqueToken) -> EmailToken | None:
    """Use a token up; None if it is unknown, used, or over. Of two who use it at once, one succeeds.

    From here on the transaction reaches the account that it was mailed to.
    """
    await extend_context(session, presented=token.id)
    used = update(EmailToken).where(*_valid_conditions(token)).values(used_at=func.clock_timestamp())
    rows = await fetch(session, EmailToken, used.returning(*table_of(EmailToken).c))
    if not rows:
        return None
    await extend_context(session, user_id=rows[0].user_id)
    return rows[0]


async def revoke_tokens(session: WriteSession, user_id: UUID, *kinds: EmailTokenKind) -> None:
    """Use up whatever tokens of these kinds an account has left, since what they were for has happened."""
    left = update(EmailToken).where(
        col(EmailToken.user_id) == user_id, col(EmailToken.used_at).is_(None), col(EmailToken.kind).in_(kinds)
    )
    await session.exec(left.values(used_at=func.clock_timestamp()))


def _valid_conditions(token: security.OpaqueToken) -> tuple[ColumnElement[bool], ...]:
    return (
        col(EmailToken.id) == token.id,
        col(EmailToken.user_id) == token.owner,
        col(EmailToken.kind) == token.kind,
        col(EmailToken.digest) == token.digest,
        col(EmailToken.used_at).is_(None),
        col(EmailToken.expires_at) > func.clock_timestamp(),
    )


def _format_lifetime(lifetime: timedelta) -> str:
    minutes = round(lifetime.total_seconds() / 60)
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes >= size and minutes % size == 0:
            count = minutes // size
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
