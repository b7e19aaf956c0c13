"""The security primitives: passwords, access tokens, and opaque tokens. No database, no settings.

`passwords` says what a new password must be and computes argon2id hashes off the event loop; `tokens` holds
the signing keys and issues and reads access tokens (JWT); `secrets` makes the opaque tokens whose secret is
stored only as a digest, and the keys under which attempts are counted.
"""

from services.security.access_tokens import Claims, InvalidAccessToken, SigningKeys, Tokens, WeakKey
from services.security.opaque_tokens import OpaqueToken, throttle_key
from services.security.passwords import HashingBusy, PasswordCheck, Passwords, password_weaknesses

__all__ = [
    "Claims",
    "HashingBusy",
    "InvalidAccessToken",
    "OpaqueToken",
    "PasswordCheck",
    "Passwords",
    "SigningKeys",
    "Tokens",
    "WeakKey",
    "password_weaknesses",
    "throttle_key",
]
