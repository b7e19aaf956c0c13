"""Signing keys: the standard's names for them, every spelling of a good one, no weak one."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from services import security

SECRET = "a long enough secret, made for the tests alone"
# RFC 8037, appendix A.1 to A.3: a private key, its public key, and the thumbprint.
RFC_SEED = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
RFC_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def pem(key: Any, encryption: Any = None) -> str:
    encryption = encryption or NoEncryption()
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return text.decode()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_kid_and_key_set_are_those_of_the_standard() -> None:
    keys = security.SigningKeys.from_pems([RFC_SEED])
    assert keys.kid == RFC_KID
    expected = {"kty": "OKP", "crv": "Ed25519", "x": RFC_X, "kid": RFC_KID, "use": "sig", "alg": "EdDSA"}
    assert keys.jwks() == {"keys": [expected]}


def test_every_spelling_of_a_key_is_the_same_key() -> None:
    private_key = Ed25519PrivateKey.generate()
    seed = private_key.private_bytes_raw()
    text = pem(private_key)
    spellings = [text, text.strip().replace("\n", "\\n"), base64.b64encode(seed).decode(), base64url(seed) + "\n"]
    kids = {security.SigningKeys.from_pems([spelling]).kid for spelling in spellings}
    assert kids == {security.SigningKeys([private_key]).kid}


def test_a_secret_always_gives_the_same_key_and_another_secret_another() -> None:
    first, again, other = (security.SigningKeys.from_secret(s) for s in (SECRET, SECRET, SECRET + "."))
    assert first.kid == again.kid != other.kid
    assert first.derive("a") == again.derive("a") != first.derive("b")
    assert first.derive("a") != other.derive("a")
    assert len(first.derive("a")) == 32
    assert security.SigningKeys.from_secret("0123456789" * 3 + "01").kid
    assert security.SigningKeys.generate().kid != security.SigningKeys.generate().kid


@pytest.mark.parametrize("secret", ["", "0123456789abcdef0123456789abcde", "012345678" * 10, " " * 64])
def test_a_weak_secret_is_refused_in_a_sentence_that_does_not_show_it(secret: str) -> None:
    with pytest.raises(security.WeakKey, match=r"^The secret key has \d+ .*\.$") as refusal:
        security.SigningKeys.from_secret(secret)
    assert not secret.strip() or secret not in str(refusal.value)


def weak_keys() -> dict[str, str]:
    good = Ed25519PrivateKey.generate()
    return {
        "public": good.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "encrypted": pem(good, BestAvailableEncryption(b"secret")),
        "another curve": pem(generate_private_key(SECP256R1())),
        "truncated": pem(good)[:60],
        "short seed": base64url(good.private_bytes_raw()[:31]),
        "stray characters": base64url(good.private_bytes_raw()) + "!!!!",
        "zeros": base64url(bytes(32)),
        "no base64": "é" * 43,
        "lone surrogate": "-----BEGIN \udc80",
        "empty": "",
    }


@pytest.mark.parametrize("name", weak_keys())
def test_what_is_no_good_ed25519_private_key_is_refused(name: str) -> None:
    with pytest.raises(security.WeakKey, match=r"^Signing key 2 of 2 .*\.$") as refusal:
        security.SigningKeys.from_pems([RFC_SEED, weak_keys()[name]])
    assert refusal.value.__cause__ is None


def test_no_key_at_all_is_refused() -> None:
    with pytest.raises(security.WeakKey):
        security.SigningKeys.from_pems([])
