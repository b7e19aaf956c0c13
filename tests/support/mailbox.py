"""What tests find in the mail."""

from collections import deque

from atrium.mail import ConsoleTransport
from services.email.messages import OutgoingEmail
from tests.support.factories import World

__all__ = ["sent_emails", "token_from_email"]


def sent_emails(world: World) -> deque[OutgoingEmail]:
    """What was mailed, the newest last."""
    assert isinstance(world.app.components.mailer, ConsoleTransport)
    return world.app.components.mailer.messages


def token_from_email(email: OutgoingEmail) -> str:
    """The token behind the link."""
    return email.text.partition("#token=")[2].split()[0]
