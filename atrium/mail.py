"""What carries e-mails: the log in development, a mail server by SMTP, or nothing.

Whoever posts an e-mail never waits for it, and never learns what became of it; the log does. The number of e-mails that
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
from services.email.messages import Mailer, OutgoingEmail

__all__ = ["ConsoleTransport", "MailTransport", "SmtpTransport", "build_transport"]

log = logging.getLogger("atrium.mail")

KEPT_MESSAGES = 100  # e-mails that are remembered in development
MAX_WAITING = 2_000  # e-mails at most; a call may invite a thousand people
MAX_CONNECTIONS = 4  # connections to the mail server
MAX_ATTEMPTS = 3
ATTEMPT_SECONDS = 10.0
RETRY_DELAY_SECONDS = 2.0  # before the second try; twice as long before the third
FIRST_PERMANENT_CODE = 500  # a code from which on the server will never take the e-mail
SHUTDOWN_SECONDS = 5.0  # that e-mails get which are under way when the process ends


class MailTransport(Mailer, Protocol):
    """A mailer that works in the background."""

    def start(self) -> None:
        """Begin to carry."""

    async def stop(self) -> None:
        """End, after some seconds at most."""


def build_transport(settings: Settings) -> MailTransport:
    """Build the mail transport of these settings."""
    if settings.smtp_url is not None:
        return SmtpTransport(settings.smtp_url.get_secret_value(), settings.mail_from)
    return NullTransport() if settings.is_production else ConsoleTransport()


class ConsoleTransport:
    """Writes e-mails to the log, tokens and all, and remembers the last ones: for development."""

    def __init__(self) -> None:
        self.messages: deque[OutgoingEmail] = deque(maxlen=KEPT_MESSAGES)

    def send_later(self, email: OutgoingEmail) -> None:
        """Write it down."""
        self.messages.append(email)
        log.info("mail to %s: %s\n\n%s", email.to, email.subject, email.text)

    def start(self) -> None:
        """Do nothing: no work in the background."""

    async def stop(self) -> None:
        """Do nothing: no work in the background."""


class NullTransport:
    """Drops e-mails, and says so once: in production, nothing that opens an account may reach the log."""

    def send_later(self, email: OutgoingEmail) -> None:
        """Drop it."""

    def start(self) -> None:
        """Say so."""
        log.warning("no mail is sent: ATRIUM_SMTP_URL is not set")

    async def stop(self) -> None:
        """Do nothing: no work in the background."""


class SmtpTransport:
    """Hands e-mails to a mail server.

    `smtps` is TLS from the first byte. With `smtp`, TLS is used where the server offers it, and demanded before a
    password is sent.
    """

    def __init__(
        self, url: str, sender: str, *, max_waiting: int = MAX_WAITING, retry_delay: float = RETRY_DELAY_SECONDS
    ) -> None:
        """Prepare it; nothing connects yet.

        Args:
            url: `smtp://user:password@host:port`.
            sender: who e-mails are from.
            max_waiting: e-mails at most that wait; what is more is dropped.
            retry_delay: seconds before the second try.
        """
        parts = urlsplit(url)
        self._server: dict[str, Any] = {
            "hostname": parts.hostname,
            "port": parts.port,
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": parts.scheme == "smtps",
            "start_tls": True if parts.username and parts.scheme == "smtp" else None,
            "timeout": ATTEMPT_SECONDS,
        }
        self._sender = sender
        self._retry_delay = retry_delay
        self._queue: asyncio.Queue[OutgoingEmail] = asyncio.Queue(max_waiting)
        self._workers: list[asyncio.Task[None]] = []

    def send_later(self, email: OutgoingEmail) -> None:
        """Queue a message, or drop it when the queue is full."""
        try:
            self._queue.put_nowait(email)
        except asyncio.QueueFull:
            self._log_discarded(email, "too many are waiting")

    def start(self) -> None:
        """Begin to send."""
        self._workers = [asyncio.create_task(self._run_worker()) for _ in range(MAX_CONNECTIONS)]

    async def stop(self) -> None:
        """Give what waits some seconds to be sent; what is left then is lost, and the log says so."""
        sending = asyncio.ensure_future(self._queue.join())
        await asyncio.wait([sending], timeout=SHUTDOWN_SECONDS)
        for task in (sending, *self._workers):
            task.cancel()
        await asyncio.gather(sending, *self._workers, return_exceptions=True)
        while not self._queue.empty():
            self._log_discarded(self._queue.get_nowait(), "the process ended")

    async def _run_worker(self) -> None:
        while True:
            email = await self._queue.get()
            try:
                await self._send(email)
            except asyncio.CancelledError:
                self._log_discarded(email, "the process ended")
                raise
            except Exception:  # whatever one e-mail does, the next one is sent
                log.exception("an e-mail was not sent")
            finally:
                self._queue.task_done()

    async def _send(self, email: OutgoingEmail) -> None:
        """Send one e-mail, in some tries at most."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                async with asyncio.timeout(2 * ATTEMPT_SECONDS):  # the library's own bound is for each step of a try
                    await aiosmtplib.send(self._build_message(email), recipients=[email.to], **self._server)
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # TimeoutError is an OSError
                if attempt == MAX_ATTEMPTS or isinstance(error, ValueError) or _is_permanent(error):
                    self._log_discarded(email, type(error).__name__)
                    return
                await asyncio.sleep(self._retry_delay * attempt)
            else:
                return

    def _build_message(self, email: OutgoingEmail) -> EmailMessage:
        """Build the message by RFC 5322; a header that could be read as several is a ValueError."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, email.to, email.subject
        message["Date"], message["Auto-Submitted"] = formatdate(), "auto-generated"
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].strip("> ") or None)
        message.set_content(email.text)
        return message

    def _log_discarded(self, email: OutgoingEmail, why: str) -> None:
        # Neither the address nor the text: the one is somebody's, and the other opens their account.
        log.warning("an e-mail was not sent", extra={"fields": {"subject": email.subject, "why": why}})


def _is_permanent(error: Exception) -> bool:
    """Return whether the server has said that it will never take this e-mail."""
    refused = error.recipients[0] if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else error
    return isinstance(refused, aiosmtplib.SMTPResponseException) and refused.code >= FIRST_PERMANENT_CODE
