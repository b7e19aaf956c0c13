"""Opaque tokens: one spelling, a hidden secret, one successor; and throttle keys that show nothing."""

import base64
import hashlib
import hmac
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import security

SECRET = "a long enough secret, made for the tests alone"
USER, SESSION = uuid4(), uuid4()


def test_an_opaque_token_survives_its_text_and_hides_its_secret() -> None:
    token = security.OpaqueToken.make("rt", USER, SESSION)
    secret = token.text.rsplit(".", 1)[1]
    assert token.text == f"rt.{USER.hex}.{SESSION.hex}.{secret}"
    assert len(token.secret) == 32
    assert security.OpaqueToken.parse(token.text, "rt") == token
    assert token.digest == hashlib.sha256(token.secret).hexdigest()
    assert secret not in repr(token)
    assert repr(token.secret) not in repr(token)
    assert token.matches(token.digest)
    other = security.OpaqueToken.make("rt", USER, SESSION)
    assert other.secret != token.secret
    assert not other.matches(token.digest)
    assert not token.matches("")
    assert not token.matches("é")


@pytest.mark.parametrize("kind", ["", "RT", "r.t", "ninechars", "rt\n", "r1"])
def test_a_kind_that_could_not_be_read_back_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="kind"):
        security.OpaqueToken.make(kind, USER, SESSION)


def test_any_other_spelling_or_kind_is_no_token() -> None:
    text = security.OpaqueToken.make("rt", USER, SESSION).text
    kind, owner, row, secret = text.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(secret[-1])
    # The last digit carries two bits that no byte uses: another spelling of the same secret.
    twin = secret[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last ^ 1]
    assert base64.urlsafe_b64decode(twin + "=") == base64.urlsafe_b64decode(secret + "=")
    wrong: list[Any] = [f"{kind}.{owner}.{row}.{twin}", text + "=", text + "\n", " " + text, text.upper()]
    wrong += [f"{kind}.{UUID(owner)}.{row}.{secret}", f"{kind}.{owner}.{row}", f"{text}.{secret}", text[:-1]]
    wrong += ["", "...", "\ud800", "\0", "rt." * 100_000, None, 7, text.encode(), [text]]
    for one in wrong:
        assert security.OpaqueToken.parse(one, "rt") is None
    assert security.OpaqueToken.parse(text, "key") is None
    assert security.OpaqueToken.parse(text, "") is None


@given(st.text())
def test_parse_never_raises(text: str) -> None:
    assert security.OpaqueToken.parse(text, "rt") is None
    security.OpaqueToken.parse(f"rt.{USER.hex}.{SESSION.hex}.{text}", "rt")


def test_a_lost_answer_asked_for_again_gives_the_same_successor() -> None:
    pepper = security.SigningKeys.from_secret(SECRET).derive("refresh")
    first = security.OpaqueToken.make("rt", USER, SESSION)
    retried = security.OpaqueToken.parse(first.text, "rt")
    assert retried is not None
    second = first.successor(pepper)
    assert second == retried.successor(pepper)
    assert second.secret == hmac.digest(pepper, b"refresh-successor" + first.secret, "sha256")
    assert (second.kind, second.owner, second.id) == ("rt", USER, SESSION)
    assert security.OpaqueToken.parse(second.text, "rt") == second
    assert len({first.secret, second.secret, second.successor(pepper).secret}) == 3
    assert second.secret != first.successor(b"another pepper").secret


def test_a_throttle_key_tells_counters_apart_and_shows_nothing() -> None:
    address = "member@acme.example.com"
    names = [
        security.throttle_key("login", address),
        security.throttle_key("reset", address),
        security.throttle_key("login", "other@acme.example.com"),
        security.throttle_key("login", address, pepper=b"pepper"),
        security.throttle_key("login", "\ud800"),
    ]
    assert len(set(names)) == len(names)
    assert names[0] == security.throttle_key("login", address)
    assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in names)
