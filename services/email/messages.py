"""E-mails: what Atrium mails to people, and the tokens in them. How an e-mail travels is its mailer's to know.

An e-mail goes out after its transaction has committed, and whether it arrives changes no answer: whoever asks learns
nothing of an address by waiting, and a mail server that is away holds nobody up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from models import EmailTokenKind
from services import security

__all__ = ["EmailTemplates", "Mailer", "NullMailer", "OutgoingEmail"]


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """One mail, in plain text."""

    to: str
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    """Whatever carries e-mails."""

    def send_later(self, email: OutgoingEmail) -> None:
        """Take an e-mail to be sent soon, if that is possible; never waits, and never fails."""


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

EMAIL_CHANGED_TEMPLATE = """The address of your account is {email} from now on, and e-mails no longer come here.

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
    """Writes e-mails, and gives them to a mailer."""

    mailer: Mailer = field(default_factory=NullMailer)
    public_url: str = "http://localhost"
    """Where people open what the links lead to. A token stands behind a `#`, which no browser sends to a server."""
    lifetimes: Mapping[EmailTokenKind, timedelta] = field(default_factory=TOKEN_LIFETIMES.copy)
    """How long each kind of token is good."""

    def token_message(self, kind: EmailTokenKind, email: str, token: security.OpaqueToken) -> OutgoingEmail:
        """Return the message that carries an e-mailed token."""
        text, page, subject = VERIFY_TEMPLATE, "verify-email", "Confirm your address"
        if kind is EmailTokenKind.RESET:
            text, page, subject = RESET_TEMPLATE, "reset-password", "Set a new password"
        lifetime = _format_lifetime(self.lifetimes[kind])
        return OutgoingEmail(email, subject, text.format(link=self._link(page, token.text), lifetime=lifetime))

    def invitation_message(self, email: str, tenant: str, token: str, lifetime: timedelta) -> OutgoingEmail:
        """Return the message that carries an invitation."""
        link, name = self._link("accept-invitation", token), " ".join(tenant.split())
        return OutgoingEmail(
            email,
            "An invitation",
            INVITATION_TEMPLATE.format(tenant=name, link=link, lifetime=_format_lifetime(lifetime)),
        )

    def email_changed_message(self, old: str, new: str) -> OutgoingEmail:
        """Return the message to the old address after an account's address has changed."""
        return OutgoingEmail(old, "Your address has changed", EMAIL_CHANGED_TEMPLATE.format(email=new))

    def password_reset_message(self, email: str) -> OutgoingEmail:
        """Return the message to an account whose password was reset."""
        return OutgoingEmail(email, "Your password was set anew", RESET_DONE_TEMPLATE)

    def _link(self, page: str, token: str) -> str:
        return f"{self.public_url.rstrip('/')}/{page}#token={token}"


def _format_lifetime(lifetime: timedelta) -> str:
    minutes = round(lifetime.total_seconds() / 60)
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes >= size and minutes % size == 0:
            count = minutes // size
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
