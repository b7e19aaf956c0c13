"""A mail server, and the letters that it was given."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Mailbox", "run_mail_server"]

TOKEN = re.compile(r"#token=([\w.-]+)")


class Mailbox:
    """What came for whom; while it refuses, senders are told to come back."""

    def __init__(self) -> None:
        """Begin with none."""
        self.is_refusing = False
        self.received = 0
        self.refused = 0
        self._tokens: dict[tuple[str, str], asyncio.Queue[str]] = defaultdict(asyncio.Queue)
        self._loop = asyncio.get_running_loop()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # as aiosmtpd names it
        """Take a letter."""
        if self.is_refusing:
            self.refused += 1
            return "451 come back later"
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=default)
        text = letter.get_content()
        self.received += 1
        if found := TOKEN.search(text):
            page = text[: found.start()].rpartition("/")[2]
            self._loop.call_soon_threadsafe(self._put, envelope.rcpt_tos[0], page, found[1])
        return "250 taken"

    def _put(self, address: str, page: str, token: str) -> None:
        self._tokens[address, page].put_nowait(token)

    async def wait_for_token(self, address: str, page: str) -> str:
        """Return the token of the next letter to somebody that leads to a page."""
        return await self._tokens[address, page].get()


@contextmanager
def run_mail_server(port: int) -> Iterator[Mailbox]:
    """Run a mail server for as long as this lasts."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
