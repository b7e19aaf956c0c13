"""What carries letters: the log in development, a mail server by SMTP, or nothing.

Whoever posts a letter never waits for it, and never learns what became of it; the log does. The number of letters that
wait is bounded, and so are the tries of each and the time of each try.
"""

import asyncio
import logging
from collections import deque
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from atrium.settings import Settings
from services.email.messages import Letter, Mailer

__all__ = ["Carrier", "Logged", "Smtp", "carrier"]

log = logging.getLogger("atrium.mail")

KEPT = 100  # letters that are remembered in development
WAITING = 2_000  # letters at most; a call may invite a thousand people
AT_ONCE = 4  # connections to the mail server
TRIES = 3
TRY_SECONDS = 10.0
PAUSE_SECONDS = 2.0  # before the second try; twice as long before the third
FINAL = 500  # a code from which on the server will never take the letter
END_SECONDS = 5.0  # that letters get which are under way when the process ends


class Carrier(Mailer, Protocol):
    """A mailer that works in the background."""

    def start(self) -> None:
        """Begin to carry."""

    async def stop(self) -> None:
        """End, after some seconds at most."""


def carrier(settings: Settings) -> Carrier:
    """What the settings say that letters are carried by."""
    if settings.smtp_url is not None:
        return Smtp(settings.smtp_url.get_secret_value(), settings.mail_from)
    return Dropped() if settings.is_production else Logged()


class Logged:
    """Writes letters to the log, tokens and all, and remembers the last ones: for development."""

    def __init__(self) -> None:
        self.letters: deque[Letter] = deque(maxlen=KEPT)

    def post(self, letter: Letter) -> None:
        """Write it down."""
        self.letters.append(letter)
        log.info("mail to %s: %s\n\n%s", letter.to, letter.subject, letter.text)

    def start(self) -> None:
        """Nothing works in the background."""

    async def stop(self) -> None:
        """Likewise."""


class Dropped:
    """Drops letters, and says so once: in production, nothing that opens an account may reach the log."""

    def post(self, letter: Letter) -> None:
        """Drop it."""

    def start(self) -> None:
        """Say so."""
        log.warning("no mail is sent: ATRIUM_SMTP_URL is not set")

    async def stop(self) -> None:
        """Nothing works in the background."""


class Smtp:
    """Hands letters to a mail server.

    `smtps` is TLS from the first byte. With `smtp`, TLS is used where the server offers it, and demanded before a
    password is sent.
    """

    def __init__(self, url: str, sender: str, *, waiting: int = WAITING, pause: float = PAUSE_SECONDS) -> None:
        """Prepare it; nothing connects yet.

        Args:
            url: `smtp://user:password@host:port`.
            sender: who letters are from.
            waiting: letters at most that wait; what is more is dropped.
            pause: seconds before the second try.
        """
        parts = urlsplit(url)
        self._server: dict[str, Any] = {
            "hostname": parts.hostname,
            "port": parts.port,
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": parts.scheme == "smtps",
            "start_tls": True if parts.username and parts.scheme == "smtp" else None,
            "timeout": TRY_SECONDS,
        }
        self._sender = sender
        self._pause = pause
        self._waiting: asyncio.Queue[Letter] = asyncio.Queue(waiting)
        self._workers: list[asyncio.Task[None]] = []

    def post(self, letter: Letter) -> None:
        """Let it wait for its turn, or drop it when too many do."""
        try:
            self._waiting.put_nowait(letter)
        except asyncio.QueueFull:
            self._lost(letter, "too many are waiting")

    def start(self) -> None:
        """Begin to send."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(AT_ONCE)]

    async def stop(self) -> None:
        """Give what waits some seconds to be sent; what is left then is lost, and the log says so."""
        sending = asyncio.ensure_future(self._waiting.join())
        await asyncio.wait([sending], timeout=END_SECONDS)
        for task in (sending, *self._workers):
            task.cancel()
        await asyncio.gather(sending, *self._workers, return_exceptions=True)
        while not self._waiting.empty():
            self._lost(self._waiting.get_nowait(), "the process ended")

    async def _work(self) -> None:
        while True:
            letter = await self._waiting.get()
            try:
                await self._carry(letter)
            except asyncio.CancelledError:
                self._lost(letter, "the process ended")
                raise
            except Exception:  # whatever one letter does, the next one is sent
                log.exception("a letter was not sent")
            finally:
                self._waiting.task_done()

    async def _carry(self, letter: Letter) -> None:
        """Send one letter, in some tries at most."""
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(2 * TRY_SECONDS):  # the library's own bound is for each step of a try
                    await aiosmtplib.send(self._message(letter), recipients=[letter.to], **self._server)
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # TimeoutError is an OSError
                if attempt == TRIES or isinstance(error, ValueError) or _is_final(error):
                    self._lost(letter, type(error).__name__)
                    return
                await asyncio.sleep(self._pause * attempt)
            else:
                return

    def _message(self, letter: Letter) -> EmailMessage:
        """The letter in the form of RFC 5322; one whose headers could be read as more than one is a ValueError."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, letter.to, letter.subject
        message["Date"], message["Auto-Submitted"] = formatdate(), "auto-generated"
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].strip("> ") or None)
        message.set_content(letter.text)
        return message

    def _lost(self, letter: Letter, why: str) -> None:
        # Neither the address nor the text: the one is somebody's, and the other opens their account.
        log.warning("a letter was not sent", extra={"fields": {"subject": letter.subject, "why": why}})


def _is_final(error: Exception) -> bool:
    """Whether the server has said that it will never take this letter."""
    refused = error.recipients[0] if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else error
    return isinstance(refused, aiosmtplib.SMTPResponseException) and refused.code >= FINAL
