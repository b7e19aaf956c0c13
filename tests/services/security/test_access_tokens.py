"""Access tokens: what they say, each way to forge one, and what is remembered of a verified one."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from services import security

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
ISSUED = int(NOW.timestamp())
LIFETIME = timedelta(minutes=30)
LEEWAY = timedelta(seconds=5)
CLAIMS = {"iss", "aud", "sub", "tid", "role", "sid", "typ", "jti", "exp", "iat"}
USER, TENANT, SESSION = (UUID(f"01900000-0000-7000-8000-00000000000{n}") for n in (1, 2, 3))


@pytest.fixture
def private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def keys(private_key: Ed25519PrivateKey) -> security.SigningKeys:
    return security.SigningKeys([private_key])


def tokens_of(keys: security.SigningKeys, **changes: Any) -> security.Tokens:
    values: dict[str, Any] = {"issuer": "atrium", "audience": "atrium-api"}
    return security.Tokens(keys, **(values | {"lifetime": LIFETIME, "leeway": LEEWAY} | changes))


def issue(tokens: security.Tokens, now: datetime = NOW) -> str:
    return tokens.issue(user_id=USER, tenant_id=TENANT, role="OWNER", session_id=SESSION, now=now)[0]


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge_token(sign: Callable[[bytes], bytes], header: Any, claims: Any) -> str:
    """A token put together by hand, so that nothing keeps it from being wrong."""
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{base64url(sign(signed.encode()))}"


def abbreviate(value: Any) -> str:
    return repr(value)[:40]


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def test_a_token_says_what_it_was_issued_with(keys: security.SigningKeys) -> None:
    tokens = tokens_of(keys)
    token, expires_at = tokens.issue(
        user_id=USER, tenant_id=TENANT, role="ADMIN", session_id=SESSION, now=NOW + timedelta(microseconds=9)
    )
    assert expires_at == NOW + LIFETIME
    header, claims = parts(token)
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": keys.kid}
    assert set(claims) == CLAIMS
    assert claims["typ"] == "access"
    assert tokens.read(token, now=NOW) == security.Claims(
        user_id=USER,
        tenant_id=TENANT,
        role="ADMIN",
        session_id=SESSION,
        token_id=UUID(claims["jti"]),
        issued_at=NOW,
        expires_at=expires_at,
    )


def test_without_now_the_clock_counts(keys: security.SigningKeys) -> None:
    tokens = tokens_of(keys)
    token, _ = tokens.issue(user_id=USER, tenant_id=None, role=None, session_id=SESSION)
    claims = tokens.read(token)
    assert (claims.tenant_id, claims.role) == (None, None)
    assert parts(issue(tokens))[1]["jti"] != parts(issue(tokens))[1]["jti"]


def test_tenant_and_role_go_together(keys: security.SigningKeys) -> None:
    for tenant, role in ((TENANT, None), (None, "OWNER")):
        with pytest.raises(ValueError, match="neither"):
            tokens_of(keys).issue(user_id=USER, tenant_id=tenant, role=role, session_id=SESSION)


def test_a_new_first_key_signs_while_the_old_one_still_verifies(private_key: Ed25519PrivateKey) -> None:
    old = security.SigningKeys([private_key])
    new = security.SigningKeys([Ed25519PrivateKey.generate(), private_key])
    assert tokens_of(new).read(issue(tokens_of(old)), now=NOW).user_id == USER
    assert parts(issue(tokens_of(new)))[0]["kid"] == new.kid != old.kid
    assert [key["kid"] for key in new.jwks()["keys"]] == [new.kid, old.kid]
    with pytest.raises(security.InvalidAccessToken, match="not known"):
        tokens_of(old).read(issue(tokens_of(new)), now=NOW)


def test_the_forger_used_below_makes_good_tokens_too(
    keys: security.SigningKeys, private_key: Ed25519PrivateKey
) -> None:
    header, claims = parts(issue(tokens_of(keys)))
    assert tokens_of(keys).read(forge_token(private_key.sign, header, claims), now=NOW).session_id == SESSION


ABSENT = "ABSENT"
CHANGED_CLAIMS: list[dict[str, Any]] = [
    *({name: value} for name in sorted(CLAIMS) for value in (ABSENT, None)),
    {"iss": "other"},
    {"iss": ["atrium"]},
    {"aud": "other"},
    {"aud": ["atrium-api"]},
    {"typ": "refresh"},
    {"sub": "1"},
    {"sub": USER.hex},
    {"sub": 7},
    {"sid": "x"},
    {"tid": [str(TENANT)]},
    {"jti": {}},
    {"role": 1},
    {"role": ["OWNER"]},
    {"admin": True},
    {"nbf": ISSUED},
    {"exp": ISSUED},
    {"exp": ISSUED + 1801},
    {"exp": ISSUED - 5, "iat": ISSUED - 60},
    {"exp": ISSUED + 1, "iat": ISSUED + 2},
    {"exp": ISSUED + 60, "iat": ISSUED + 6},
    {"exp": ISSUED + 60, "iat": ISSUED - 1741},
    {"exp": 10**400},
    {"iat": -(10**400)},
    {"exp": float(ISSUED + 60)},
    {"exp": str(ISSUED + 60)},
    {"exp": float("nan")},
    {"iat": float(ISSUED)},
    {"iat": True},
]


@pytest.mark.parametrize("change", CHANGED_CLAIMS, ids=abbreviate)
def test_a_wrong_claim_is_refused_although_signed(
    keys: security.SigningKeys, private_key: Ed25519PrivateKey, change: dict[str, Any]
) -> None:
    header, claims = parts(issue(tokens_of(keys)))
    claims = {name: value for name, value in (claims | change).items() if value != ABSENT}
    with pytest.raises(security.InvalidAccessToken):
        tokens_of(keys).read(forge_token(private_key.sign, header, claims), now=NOW)


NO_TEXTS: list[Any] = [ABSENT, None, 1, ["x"], {}]
CHANGED_HEADERS: list[dict[str, Any]] = [
    *({name: value} for name in ("alg", "kid", "typ") for value in NO_TEXTS),
    *({"alg": alg} for alg in ("none", "None", "HS256", "Ed25519", "eddsa")),
    {"typ": "JWT"},
    {"kid": "other"},
    {"crit": ["b64"], "b64": False},
    {"crit": ["x"]},
    {"jwk": {}},
    {"jku": "https://example.com/jwks.json"},
]


@pytest.mark.parametrize("change", CHANGED_HEADERS, ids=abbreviate)
def test_a_wrong_header_is_refused_although_signed(
    keys: security.SigningKeys, private_key: Ed25519PrivateKey, change: dict[str, Any]
) -> None:
    header, claims = parts(issue(tokens_of(keys)))
    header = {name: value for name, value in (header | change).items() if value != ABSENT}
    with pytest.raises(security.InvalidAccessToken):
        tokens_of(keys).read(forge_token(private_key.sign, header, claims), now=NOW)


def test_a_token_signed_with_nothing_or_with_the_public_key_is_refused(
    keys: security.SigningKeys, private_key: Ed25519PrivateKey
) -> None:
    header, claims = parts(issue(tokens_of(keys)))
    public = private_key.public_key()
    secrets = [public.public_bytes_raw(), public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)]
    attempts = [
        forge_token(lambda _: b"", header | {"alg": "none"}, claims),
        forge_token(lambda _: b"", header, claims),
    ]
    for alg in ("HS256", "EdDSA"):
        attempts += [
            forge_token(partial(hmac.digest, secret, digest="sha256"), header | {"alg": alg}, claims)
            for secret in secrets
        ]
    attempts.append(forge_token(Ed25519PrivateKey.generate().sign, header, claims))
    for attempt in attempts:
        with pytest.raises(security.InvalidAccessToken):
            tokens_of(keys).read(attempt, now=NOW)


def test_a_changed_byte_anywhere_is_refused(keys: security.SigningKeys) -> None:
    tokens = tokens_of(keys)
    token = issue(tokens)
    tokens.read(token, now=NOW)
    for position in range(0, len(token), 7):
        other = "A" if token[position] != "A" else "B"
        with pytest.raises(security.InvalidAccessToken):
            tokens.read(token[:position] + other + token[position + 1 :], now=NOW)


@pytest.mark.parametrize(
    "garbage",
    ["", ".", "..", "...", "a.b.c", "é.é.é", "\0", "\ud800", "=" * 30, "A" * 4097, None, 7, b"a.b.c", [], {}],
    ids=abbreviate,
)
def test_garbage_is_refused(keys: security.SigningKeys, garbage: Any) -> None:
    with pytest.raises(security.InvalidAccessToken):
        tokens_of(keys).read(garbage, now=NOW)


def test_a_well_signed_token_over_4_kib_is_refused(keys: security.SigningKeys, private_key: Ed25519PrivateKey) -> None:
    header, claims = parts(issue(tokens_of(keys)))
    for length, fits in ((2000, True), (4000, False)):
        token = forge_token(private_key.sign, header, claims | {"role": "x" * length})
        assert (len(token) <= 4096) is fits
        if fits:
            tokens_of(keys).read(token, now=NOW)
        else:
            with pytest.raises(security.InvalidAccessToken, match="4 KiB"):
                tokens_of(keys).read(token, now=NOW)


@given(st.one_of(st.text(max_size=60), st.lists(st.binary(max_size=40), min_size=3, max_size=3)))
def test_no_input_raises_anything_but_invalid_token(made: str | list[bytes]) -> None:
    tokens = tokens_of(security.SigningKeys.generate())
    text = made if isinstance(made, str) else ".".join(map(base64url, made))
    with pytest.raises(security.InvalidAccessToken):
        tokens.read(text)


@pytest.mark.parametrize("kept", [0, 1], ids=["verified anew", "remembered"])
def test_a_token_ends_at_its_expiry_plus_leeway(keys: security.SigningKeys, kept: int) -> None:
    tokens = tokens_of(keys, remembered_bytes=kept * 10_000)
    token = issue(tokens)
    tokens.read(token, now=NOW)
    tokens.read(token, now=NOW + LIFETIME + LEEWAY - timedelta(milliseconds=1))
    for _ in range(2):
        with pytest.raises(security.InvalidAccessToken, match="expired"):
            tokens.read(token, now=NOW + LIFETIME + LEEWAY)


def test_a_token_begins_when_it_was_issued_minus_leeway(keys: security.SigningKeys) -> None:
    token = issue(tokens_of(keys))
    tokens_of(keys).read(token, now=NOW - LEEWAY)
    with pytest.raises(security.InvalidAccessToken, match="future"):
        tokens_of(keys).read(token, now=NOW - LEEWAY - timedelta(milliseconds=1))


def test_a_shorter_lifetime_ends_longer_tokens_at_once(keys: security.SigningKeys) -> None:
    with pytest.raises(security.InvalidAccessToken, match="longer than allowed"):
        tokens_of(keys, lifetime=LIFETIME - timedelta(seconds=1)).read(issue(tokens_of(keys)), now=NOW)
    with pytest.raises(ValueError, match="at least one second"):
        tokens_of(keys, lifetime=timedelta(0))


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    decode = jwt.decode

    def counting(token: str, *arguments: Any, **options: Any) -> Any:
        seen.append(token)
        return decode(token, *arguments, **options)

    monkeypatch.setattr(jwt, "decode", counting)
    return seen


def test_a_signature_is_checked_once_per_token(keys: security.SigningKeys, verifications: list[str]) -> None:
    tokens = tokens_of(keys)
    token = issue(tokens)
    assert len({id(tokens.read(token, now=NOW)) for _ in range(5)}) == 1
    assert verifications == [token]


def test_a_refused_token_is_never_remembered(keys: security.SigningKeys, verifications: list[str]) -> None:
    tokens = tokens_of(keys)
    token = issue(tokens)
    tampered = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    for _ in range(3):
        with pytest.raises(security.InvalidAccessToken):
            tokens.read(tampered, now=NOW)
    assert len(verifications) == 3


def test_the_least_recently_read_token_is_forgotten_first(keys: security.SigningKeys, verifications: list[str]) -> None:
    tokens = tokens_of(keys, remembered_bytes=10 * 1_200)  # two of them on probation
    a, b, c, d = (issue(tokens) for _ in range(4))
    for token in (a, a, b, c, d):
        tokens.read(token, now=NOW)
    verifications.clear()
    for token in (a, c, d, b):
        tokens.read(token, now=NOW)
    assert verifications == [b]


@given(st.data())
def test_a_token_has_one_spelling(data: st.DataObject) -> None:
    """Padding, foreign characters and unused bits of the last character are refused, though Base64 decodes them."""
    tokens = tokens_of(security.SigningKeys.generate())
    token = issue(tokens)
    *said, signature = token.split(".")
    place = data.draw(st.integers(0, len(token)))
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = {last[last.index(signature[-1]) & ~15 | bits] for bits in range(16)} - {signature[-1]}
    changed = [
        token + "=",
        token + "==",
        token[:place] + data.draw(st.sampled_from("=\n !%\t~")) + token[place:],
        ".".join([*said, signature[:-1] + data.draw(st.sampled_from(sorted(others)))]),
        token.replace("-", "+").replace("_", "/") if set(token) & set("-_") else token + "==",
    ]
    for other in changed:
        with pytest.raises(security.InvalidAccessToken):
            tokens.read(other, NOW)
    assert tokens.read(token, NOW).user_id == USER
