"""What tests find in the mail."""

from collections import deque

from atrium.mail import Logged
from services.email.messages import Letter
from tests.support.factories import World

__all__ = ["letters", "token_in"]


def letters(world: World) -> deque[Letter]:
    """What was mailed, the newest last."""
    assert isinstance(world.app.parts.mailer, Logged)
    return world.app.parts.mailer.letters


def token_in(letter: Letter) -> str:
    """The token behind the link."""
    return letter.text.partition("#token=")[2].split()[0]
