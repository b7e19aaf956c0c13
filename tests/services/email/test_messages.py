"""What e-mails say: to whom, about what, with which link, and for how long it works."""

from datetime import timedelta

import pytest

from models import EmailTokenKind
from models.base import new_id
from services import security
from services.email.messages import EmailTemplates

LIFETIMES = [
    (timedelta(seconds=10), "0 minutes"),
    (timedelta(minutes=1), "1 minute"),
    (timedelta(minutes=59), "59 minutes"),
    (timedelta(hours=1), "1 hour"),
    (timedelta(minutes=61), "61 minutes"),
    (timedelta(minutes=90), "90 minutes"),
    (timedelta(hours=2), "2 hours"),
    (timedelta(hours=25), "25 hours"),
    (timedelta(days=1), "1 day"),
    (timedelta(days=7), "7 days"),
]


@pytest.mark.parametrize(("lifetime", "words"), LIFETIMES)
def test_a_lifetime_is_said_in_the_largest_whole_unit(lifetime: timedelta, words: str) -> None:
    email = EmailTemplates().invitation_message("a@example.com", "Acme", "token", lifetime)
    assert f"within {words}." in email.text.replace("\n", " ")


def test_an_invitation_names_the_tenant_in_one_line_and_leads_to_its_page() -> None:
    templates = EmailTemplates(public_url="https://atrium.example/")
    email = templates.invitation_message("a@example.com", "Acme\n  Inc", "t0ken", timedelta(days=7))
    assert (email.to, email.subject) == ("a@example.com", "An invitation")
    assert "You are invited to join Acme Inc." in email.text
    assert "https://atrium.example/accept-invitation#token=t0ken\n" in email.text
    assert "t0ken" not in repr(email)


@pytest.mark.parametrize(
    ("kind", "page", "within"),
    [
        (EmailTokenKind.RESET, "reset-password", "1 hour"),
        (EmailTokenKind.VERIFY, "verify-email", "1 day"),
        (EmailTokenKind.CHANGE, "verify-email", "1 day"),
    ],
)
def test_a_token_travels_behind_the_hash_of_its_own_page(kind: EmailTokenKind, page: str, within: str) -> None:
    token = security.OpaqueToken.make(kind, new_id(), new_id())
    email = EmailTemplates(public_url="https://atrium.example").token_message(kind, "a@example.com", token)
    assert f"https://atrium.example/{page}#token={token.text}\n" in email.text
    assert f"within {within}." in email.text
    assert email.to == "a@example.com"


def test_what_has_happened_is_told_without_a_link() -> None:
    templates = EmailTemplates(public_url="https://atrium.example")
    changed = templates.email_changed_message("old@example.com", "new@example.com")
    assert (changed.to, "new@example.com" in changed.text) == ("old@example.com", True)
    reset = templates.password_reset_message("a@example.com")
    assert reset.to == "a@example.com"
    assert not any("https://" in email.text for email in (changed, reset))
