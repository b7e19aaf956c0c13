"""Opaque tokens, which mean nothing without their row in the database, and the keys of the throttle.

Refresh tokens, API keys, invitations and mailed tokens have one form, `kind.owner.id.secret`. The ids lead
to the row before anybody is signed in; the secret proves the right to it and is stored only as a digest.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final, Self
from uuid import UUID

from jwt.utils import base64url_decode, base64url_encode

_SECRET_BYTES: Final = 32
_KIND: Final = re.compile(r"[a-z]{1,8}")
_FORM: Final = re.compile(r"([a-z]{1,8})\.([0-9a-f]{32})\.([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    """One opaque token: its kind (such as `rt`, `inv`, `key`, `mail`), whose it is, its row and its secret.

    A token has exactly one spelling. The secret shows in `text` alone, never in the representation.
    """

    kind: str
    owner: UUID
    id: UUID
    secret: bytes = field(repr=False)

    @classmethod
    def make(cls, kind: str, owner: UUID, id: UUID) -> Self:
        """Make a token with a new random secret of 256 bits; the kind is 1 to 8 letters a to z.

        Raises ValueError for any other kind.
        """
        if not _KIND.fullmatch(kind):
            raise ValueError("The kind of an opaque token is 1 to 8 letters from a to z.")
        return cls(kind, owner, id, secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str, kind: str) -> Self | None:
        """Read a token of this kind, or answer None for whatever else a client may have sent; never raises."""
        # A client decides what arrives here, so the annotation alone is not relied on.
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        if match is None or match[1] != kind:
            return None
        secret = base64url_decode(match[4])
        if base64url_encode(secret).decode() != match[4]:
            return None
        return cls(kind, UUID(match[2]), UUID(match[3]), secret)

    @property
    def text(self) -> str:
        """Return the token as its holder keeps it: ids in 32 hexadecimal digits, the secret in base64url."""
        return f"{self.kind}.{self.owner.hex}.{self.id.hex}.{base64url_encode(self.secret).decode()}"

    @property
    def digest(self) -> str:
        """Return what is stored: the secret's SHA-256 in 64 hexadecimal digits.

        A plain hash suffices where a password needs argon2: 256 random bits cannot be guessed.
        """
        return hashlib.sha256(self.secret).hexdigest()

    def matches(self, digest: str) -> bool:
        """Return whether a stored digest is this token's, in a time that does not depend on where they differ."""
        return hmac.compare_digest(self.digest.encode(), digest.encode())

    def successor(self, pepper: bytes) -> Self:
        """Return the one refresh token that follows this one: same kind, owner and id, the next secret.

        The next secret is HMAC-SHA256(pepper, "refresh-successor" || secret). A client that lost the answer
        to a refresh asks again with the old token. Were the successor random, that second answer would either
        lock out whoever holds the first or leave two tokens alive, two branches of a family in which reuse
        no longer tells a thief from the owner. Derived, both answers are the same token, nothing but its
        digest need be stored, and a family has one live end at any time. Without the pepper, which never
        leaves the server, a stolen token does not yield the next.
        """
        secret = hmac.digest(pepper, b"refresh-successor" + self.secret, "sha256")
        return type(self)(self.kind, self.owner, self.id, secret)


def throttle_key(kind: str, value: str, *, pepper: bytes = b"") -> str:
    """Return the key of an attempt counter, 64 hexadecimal digits that do not reveal whose it is.

    The name is HMAC-SHA256(pepper, kind || NUL || value); a kind holds no NUL, and the value comes in its one
    spelling (an e-mail in lower case). With a pepper, a reader of the table cannot even try the few billion
    addresses there are; without one, the value is only out of sight.
    """
    text = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
    return hmac.digest(pepper, text, "sha256").hex()
