"""Access tokens: short-lived JWT signed with Ed25519, the keys that sign them, and their reading.

A token follows the profile of RFC 9068 (header `typ` is `at+jwt`) with the one algorithm EdDSA of RFC 8037.
It says who somebody was when it was issued; whether the session still lives is asked in every statement.
"""

import hashlib
import json
import re
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Self
from uuid import UUID, uuid4

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.utils import base64url_decode, base64url_encode

from models.lru import CacheUsage, SegmentedLRU

_ALGORITHM: Final = "EdDSA"
_HEADER_TYPE: Final = "at+jwt"
_TYPE: Final = "access"
_MAX_TOKEN_LENGTH: Final = 4096
_CLAIMS_BYTES: Final = 1_200
_REMEMBERED_BYTES: Final = 6 * 2**20
_MIN_SECRET_LENGTH: Final = 32
_MIN_DISTINCT: Final = 10
_KEY_BYTES: Final = 32
_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADER: Final = frozenset({"alg", "kid", "typ"})
_CLAIMS: Final = frozenset({"iss", "aud", "sub", "tid", "role", "sid", "typ", "jti", "exp", "iat"})


class WeakKey(ValueError):
    """A signing key is missing, unreadable or easy to guess; the sentence says which and never shows it."""


class InvalidAccessToken(Exception):
    """An access token is refused; the sentence is for the log and shows nothing of the token."""


class SigningKeys:
    """Ed25519 keys in order: the first signs, all verify, so a key is replaced by putting a new one first.

    A key's `kid` is its JWK thumbprint (RFC 7638, with the members that RFC 8037 names for an OKP key).
    """

    def __init__(self, private_keys: Sequence[Ed25519PrivateKey]) -> None:
        if not private_keys:
            raise WeakKey("At least one signing key is needed.")
        self.private_key = private_keys[0]
        self.public_keys: Mapping[str, Ed25519PublicKey] = MappingProxyType(
            {_thumbprint(key.public_key()): key.public_key() for key in private_keys}
        )
        self.kid = next(iter(self.public_keys))

    @classmethod
    def from_secret(cls, secret: str) -> Self:
        """Return keys derived from a secret text: HKDF-SHA256 (RFC 5869) gives the Ed25519 seed.

        Raises WeakKey for fewer than 32 characters or fewer than 10 distinct ones.
        """
        if len(secret) < _MIN_SECRET_LENGTH:
            raise WeakKey(
                f"The secret key has {len(secret)} characters; it needs at least {_MIN_SECRET_LENGTH} random ones."
            )
        if len(set(secret)) < _MIN_DISTINCT:
            raise WeakKey(
                f"The secret key has {len(set(secret))} distinct characters;"
                f" it needs at least {_MIN_DISTINCT}, chosen at random."
            )
        seed = _hkdf(secret.encode("utf-8", "surrogatepass"), "atrium signing key")
        return cls([Ed25519PrivateKey.from_private_bytes(seed)])

    @classmethod
    def from_pems(cls, texts: Sequence[str]) -> Self:
        r"""Read keys, each an Ed25519 private key in PEM or its seed of 32 bytes in base64 or base64url.

        Line breaks of a PEM may be written `\n`, as environment files do. Raises WeakKey for an empty list,
        for anything else and for a seed of fewer than 10 distinct bytes.
        """
        return cls([_read_key(text, f"{n} of {len(texts)}") for n, text in enumerate(texts, start=1)])

    @classmethod
    def generate(cls) -> Self:
        """Make one new random key, which lives as long as the process."""
        return cls([Ed25519PrivateKey.generate()])

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JSON Web Key Set (RFC 7517 and 8037), to verify tokens elsewhere."""
        return {
            "keys": [
                {**_jwk(key), "kid": kid, "use": "sig", "alg": _ALGORITHM} for kid, key in self.public_keys.items()
            ]
        }

    def derive(self, label: str) -> bytes:
        """Return 32 secret bytes for one purpose, derived from the first key by its label (HKDF-SHA256).

        Another label gives unrelated bytes; a new first key gives new ones.
        """
        return _hkdf(self.private_key.private_bytes_raw(), f"atrium derived {label}")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says; a token without a tenant has no role either. Times are UTC."""

    user_id: UUID
    tenant_id: UUID | None
    role: str | None
    session_id: UUID
    token_id: UUID
    issued_at: datetime
    expires_at: datetime


class Tokens:
    """Issues and reads access tokens; one instance per process, used from the event loop's thread.

    A token lives for `lifetime`, in whole seconds, and one that was made to live longer is refused although
    signed, so shortening the lifetime takes effect at once. Clocks may differ by `leeway`. Verified tokens
    are kept by the digest of their text, in up to `remembered_bytes`, since checking a signature costs more
    than a query.
    """

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str,
        audience: str,
        lifetime: timedelta,
        leeway: timedelta = timedelta(seconds=5),
        remembered_bytes: int = _REMEMBERED_BYTES,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._lifetime = int(lifetime.total_seconds())
        self._leeway = leeway.total_seconds()
        self._verified: SegmentedLRU[bytes, tuple[float, Claims]] = SegmentedLRU(
            remembered_bytes, lambda _digest, _known: _CLAIMS_BYTES
        )
        if self._lifetime < 1:
            raise ValueError("An access token lives for at least one second.")

    @property
    def usage(self) -> CacheUsage:
        """How much the verified tokens take."""
        return self._verified.usage

    def issue(
        self,
        *,
        user_id: UUID,
        tenant_id: UUID | None,
        role: str | None,
        session_id: UUID,
        now: datetime | None = None,
    ) -> tuple[str, datetime]:
        """Issue a signed token for a session; return it with the moment (UTC) at which it expires.

        Tenant and role come together or not at all, else ValueError. `now` is an aware datetime, by default
        the clock's.
        """
        if (tenant_id is None) != (role is None):
            raise ValueError("An access token names a tenant and a role, or neither.")
        issued = int(time.time() if now is None else now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "tid": None if tenant_id is None else str(tenant_id),
            "role": role,
            "sid": str(session_id),
            "typ": _TYPE,
            "jti": str(uuid4()),
            "exp": issued + self._lifetime,
            "iat": issued,
        }
        header = {"typ": _HEADER_TYPE, "kid": self._keys.kid}
        token = jwt.encode(claims, self._keys.private_key, algorithm=_ALGORITHM, headers=header)
        return token, datetime.fromtimestamp(issued + self._lifetime, UTC)

    def read(self, token: str, now: datetime | None = None) -> Claims:
        """Verify a token and answer what it says; raises InvalidToken for whatever is wrong with it.

        The header holds `alg` EdDSA, a known `kid` and `typ` at+jwt, and nothing else (RFC 8725, 3.1 and
        3.11: no algorithm, key or type of the sender's choosing); the signature is right; issuer, audience
        and the type are ours; every claim is there and of its form; it was issued by now, expires later, and
        lives no longer than `lifetime`. A remembered token is compared with the clock alone. At most 4 KiB.
        """
        instant = time.time() if now is None else now.timestamp()
        # A client decides what arrives here, so the annotation alone is not relied on.
        if not isinstance(token, str) or len(token) > _MAX_TOKEN_LENGTH or not token.isascii():
            raise InvalidAccessToken("The access token is not a text of at most 4 KiB.")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is None:
            claims = self._claims(self._verify(token), instant)
            self._verified.put(digest, (claims.expires_at.timestamp() + self._leeway, claims))
            return claims
        deadline, claims = known
        if instant >= deadline:
            self._verified.discard(digest)
            raise InvalidAccessToken("The access token has expired.")
        return claims

    def _verify(self, token: str) -> dict[str, Any]:
        if not _has_one_spelling(token):
            raise InvalidAccessToken("The access token is not written as RFC 7515 has it.")
        try:
            header = jwt.get_unverified_header(token)
            if header.keys() != _HEADER or header["typ"] != _HEADER_TYPE:
                raise InvalidAccessToken("The access token's header is not one of ours.")
            key = self._keys.public_keys.get(header["kid"])
            if key is None:
                raise InvalidAccessToken("The access token's key is not known.")
            return jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                # The clock is compared in `_claims`, with the caller's now and without coercing text to int.
                options={"strict_aud": True, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError as error:
            raise InvalidAccessToken(f"The access token does not verify ({type(error).__name__}).") from None

    def _claims(self, payload: Mapping[str, Any], instant: float) -> Claims:
        if payload.keys() != _CLAIMS or payload["typ"] != _TYPE:
            raise InvalidAccessToken("The access token's claims are not those of an access token.")
        issued, expires = payload["iat"], payload["exp"]
        if type(issued) is not int or type(expires) is not int:
            raise InvalidAccessToken("The access token's times are not whole seconds.")
        if issued > instant + self._leeway:
            raise InvalidAccessToken("The access token was issued in the future.")
        if expires <= instant - self._leeway:
            raise InvalidAccessToken("The access token has expired.")
        if not 0 < expires - issued <= self._lifetime:
            raise InvalidAccessToken("The access token lives longer than allowed.")
        tenant, role = payload["tid"], payload["role"]
        if (tenant is None) != (role is None) or not isinstance(role, str | None):
            raise InvalidAccessToken("The access token names a tenant without a role or a role without a tenant.")
        return Claims(
            user_id=_uuid(payload["sub"]),
            tenant_id=None if tenant is None else _uuid(tenant),
            role=role,
            session_id=_uuid(payload["sid"]),
            token_id=_uuid(payload["jti"]),
            issued_at=datetime.fromtimestamp(issued, UTC),
            expires_at=datetime.fromtimestamp(expires, UTC),
        )


def _has_one_spelling(token: str) -> bool:
    """Whether a token is three parts in base64url, each as it would be encoded: without padding or unused bits."""
    if not _FORM.fullmatch(token):
        return False
    try:
        return all(base64url_encode(base64url_decode(part)).decode() == part for part in token.split("."))
    except ValueError:  # a part of a length that no bytes have
        return False


def _uuid(text: object) -> UUID:
    try:
        value = UUID(text) if isinstance(text, str) else None
    except ValueError:
        value = None
    if value is None or str(value) != text:
        raise InvalidAccessToken("The access token's ids are not UUIDs.")
    return value


def _read_key(text: str, which: str) -> Ed25519PrivateKey:
    text = text.strip().replace("\\n", "\n")
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_private_key(text.encode(), password=None)
        else:
            standard = text.replace("-", "+").replace("_", "/").rstrip("=")
            seed = b64decode(standard + "=" * (-len(standard) % 4), validate=True)
            key = Ed25519PrivateKey.from_private_bytes(seed)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise WeakKey(f"Signing key {which} is neither an Ed25519 private key in PEM nor a seed of 32 bytes in base64.")
    if len(set(key.private_bytes_raw())) < _MIN_DISTINCT:
        raise WeakKey(f"Signing key {which} repeats a few bytes; make it from 32 random ones.")
    return key


def _hkdf(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode()).derive(secret)


def _jwk(key: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": base64url_encode(key.public_bytes_raw()).decode()}


def _thumbprint(key: Ed25519PublicKey) -> str:
    # RFC 7638: the required members alone, in lexicographic order, without white space.
    members = json.dumps(_jwk(key), sort_keys=True, separators=(",", ":"))
    return base64url_encode(hashlib.sha256(members.encode()).digest()).decode()
