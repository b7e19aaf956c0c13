"""A mail server that is slow, refuses, or is away: nobody waits for it, and nobody's answer tells."""

import asyncio
import email
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from email.policy import default
from typing import Any

import pytest

from atrium import mail
from atrium.mail import SmtpTransport
from services.email.messages import OutgoingEmail
from tests.conftest import Urls
from tests.support.client import run_app
from tests.support.factories import create_world

EMAIL = OutgoingEmail("a@example.com", "A subject", "Öpen https://example.com/#token=abc\n")


class FakeMailServer:
    """A mail server that speaks as much SMTP as it takes to deliver a letter."""

    def __init__(self) -> None:
        self.letters: asyncio.Queue[Message] = asyncio.Queue()
        self.connections = 0
        self.answers: list[str] = []
        """What the next recipients are answered, before it goes back to accepting."""
        self.silent = asyncio.Event()
        self.silent.set()

    async def letter(self) -> Message:
        """The next one that comes, within ten seconds."""
        async with asyncio.timeout(10):
            return await self.letters.get()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self.silent.wait()
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            command = line[:4].upper()
            if command == "RCPT" and self.answers:
                writer.write(f"{self.answers.pop(0)}\r\n".encode())
            elif command == "DATA":
                writer.write(b"354 go on\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                self.letters.put_nowait(email.message_from_bytes(data[:-5], policy=default))
                writer.write(b"250 ok\r\n")
            else:
                writer.write(b"221 bye\r\n" if command == "QUIT" else b"250 ok\r\n")
                if command == "QUIT":
                    break
        writer.close()


@asynccontextmanager
async def run_mail_server() -> AsyncIterator[tuple[FakeMailServer, str]]:
    server = FakeMailServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield server, f"smtp://127.0.0.1:{port}"
    finally:
        listening.close()


@asynccontextmanager
async def run_transport(url: str, **options: Any) -> AsyncIterator[SmtpTransport]:
    carrier = SmtpTransport(url, "Atrium <atrium@example.com>", retry_delay=0.0, **options)
    carrier.start()
    try:
        yield carrier
    finally:
        await carrier.stop()


def discard_reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Why letters were lost, by the log."""
    return [record.fields["why"] for record in caplog.records if record.msg == "an e-mail was not sent"]  # type: ignore[attr-defined]  # our own


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with run_mail_server() as (server, url), run_transport(url) as carrier:
        carrier.send_later(EMAIL)
        found = await server.letter()
    assert (found["To"], found["Subject"]) == ("a@example.com", "A subject")
    assert found["From"] == "Atrium <atrium@example.com>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Message-ID"].endswith("@example.com>")
    assert found.get_content().replace("\r\n", "\n") == EMAIL.text  # type: ignore[attr-defined]  # the policy's


async def test_a_server_that_hesitates_is_asked_again() -> None:
    async with run_mail_server() as (server, url), run_transport(url) as carrier:
        server.answers = ["451 later", "451 later"]
        carrier.send_later(EMAIL)
        await server.letter()
        assert server.connections == 3


@pytest.mark.parametrize(("answers", "connections"), [(["550 no"], 1), (["451 later"] * 9, 3)])
async def test_tries_are_bounded(answers: list[str], connections: int, caplog: pytest.LogCaptureFixture) -> None:
    async with run_mail_server() as (server, url):
        async with run_transport(url) as carrier:
            server.answers = answers
            carrier.send_later(EMAIL)
        assert server.connections == connections
    assert len(discard_reasons(caplog)) == 1
    assert server.letters.empty()


async def test_a_letter_that_would_be_two_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    async with run_mail_server() as (server, url), run_transport(url) as carrier:
        carrier.send_later(OutgoingEmail("a@example.com\r\nBcc: b@example.com", "A subject", "Text"))
        carrier.send_later(EMAIL)
        assert (await server.letter())["To"] == "a@example.com"
    assert discard_reasons(caplog) == ["ValueError"]


async def test_letters_that_wait_are_bounded_and_none_outlives_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "SHUTDOWN_SECONDS", 0.1)
    async with run_mail_server() as (server, url):
        server.silent.clear()
        async with run_transport(url, max_waiting=3) as carrier:
            for _ in range(5):
                carrier.send_later(EMAIL)
            assert discard_reasons(caplog) == ["too many are waiting"] * 2
        assert discard_reasons(caplog)[2:] == ["the process ended"] * 3
        server.silent.set()


async def test_a_password_is_sent_over_tls_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with run_mail_server() as (server, url):
        async with run_transport(url.replace("//", "//user:secret@")) as carrier:
            carrier.send_later(EMAIL)
        assert server.letters.empty()
    assert len(discard_reasons(caplog)) == 1
    assert "secret" not in caplog.text


REQUEST = "mutation($i: RequestPasswordResetInput!) { requestPasswordReset(input: $i) { __typename } }"


@pytest.mark.parametrize("is_away", [False, True])
async def test_the_answer_is_the_same_whatever_becomes_of_the_letter(
    urls: Urls,
    owner_connection: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_away: bool,
) -> None:
    caplog.set_level(logging.INFO)
    if is_away:
        monkeypatch.setattr(mail, "SHUTDOWN_SECONDS", 0.1)
    async with run_mail_server() as (server, url):
        settings = {"smtp_url": "smtp://127.0.0.1:9" if is_away else url, "public_url": "https://app.example.com"}
        async with run_app(urls, **settings) as app:
            world = await create_world(app, owner_connection)
            sent = [
                await world.nobody.send(REQUEST, i={"email": email})
                for email in (world.acme.member.email, "unknown@example.com")
            ]
            assert sent[0] == sent[1]
            assert sent[0]["data"] == {"requestPasswordReset": {"__typename": "MailRequested"}}
        if not is_away:
            letter = await server.letter()
            assert letter["To"] == world.acme.member.email
            assert "https://app.example.com/reset-password#token=reset." in letter.get_content()  # type: ignore[attr-defined]  # the policy's
    assert "token=" not in caplog.text
    assert world.acme.member.email not in caplog.text
