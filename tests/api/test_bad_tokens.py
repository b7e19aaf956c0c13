"""Tokens that are none: each gets UNAUTHENTICATED, changes nothing, and costs little. And how often one may guess."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_encode

from models.base import new_id, now
from services.security import SigningKeys
from tests.support.assertions import CPU_BUDGET_SECONDS, bounded_cpu, post_operation, post_raw
from tests.support.case_context import CaseContext, enter_as
from tests.support.client import SECRET_KEY
from tests.support.factories import PASSWORD
from tests.support.operation_cases import run_world

KEYS = SigningKeys.from_secret(SECRET_KEY)

READ = json.dumps({"query": "{ tasks { totalCount } }"})
WRITE = json.dumps({"query": 'mutation { createTask(input: {title: "t"}) { __typename } }'})
VIEWER = json.dumps({"query": "{ viewer { email } }"})

pytestmark = pytest.mark.asyncio(loop_scope="module")


def claims(stage: CaseContext, **changes: Any) -> dict[str, Any]:
    """What the good token says, but for these; None takes a claim away."""
    said = {**jwt.decode(stage.client.token or "", options={"verify_signature": False}), **changes}
    return {name: value for name, value in said.items() if value is not None or name in {"tid", "role"}}


def sign(said: dict[str, Any], *, key: Any = KEYS.private_key, algorithm: str = "EdDSA", **header: Any) -> str:
    """A token, signed with the real key unless told otherwise."""
    return jwt.encode(said, key, algorithm=algorithm, headers={"typ": "at+jwt", "kid": KEYS.kid, **header})


def encode_unsigned(said: dict[str, Any], algorithm: str) -> str:
    """A token without a signature."""
    header = {"typ": "at+jwt", "kid": KEYS.kid, "alg": algorithm}
    parts = (base64url_encode(json.dumps(part).encode()).decode() for part in (header, said))
    return f"{'.'.join(parts)}."


LONG_AGO = int(now().timestamp()) - 10_000

BAD_TOKENS: dict[str, Callable[[CaseContext], str]] = {
    "expired": lambda s: sign(claims(s, iat=LONG_AGO, exp=LONG_AGO + 1800)),
    "from the future": lambda s: sign(claims(s, iat=LONG_AGO + 20_000, exp=LONG_AGO + 21_000)),
    "living too long": lambda s: sign(claims(s, exp=claims(s)["iat"] + 100_000)),
    "never ending": lambda s: sign(claims(s, exp=None)),
    "ending in words": lambda s: sign({**claims(s, exp=None), "exp": "never"}),
    "of another key": lambda s: sign(claims(s), key=Ed25519PrivateKey.generate()),
    "of an unknown key": lambda s: sign(claims(s), kid="other"),
    "of no key": lambda s: encode_unsigned(claims(s), "none"),
    "of no key, in capitals": lambda s: encode_unsigned(claims(s), "NONE"),
    "without its signature": lambda s: encode_unsigned(claims(s), "EdDSA"),
    "of the public key as a secret": lambda s: sign(
        claims(s), key=KEYS.private_key.public_key().public_bytes_raw().hex(), algorithm="HS256"
    ),
    "of another type by its header": lambda s: sign(claims(s), typ="JWT"),
    "of another type by its claim": lambda s: sign(claims(s, typ="refresh")),
    "for another audience": lambda s: sign(claims(s, aud="elsewhere")),
    "for several audiences": lambda s: sign(claims(s, aud=["atrium", "elsewhere"])),
    "by another issuer": lambda s: sign(claims(s, iss="elsewhere")),
    "with more to say": lambda s: sign(claims(s, admin=True)),
    "changed": lambda s: (s.client.token or "")[:-4] + "AAAA",
    "for a tenant that there is not": lambda s: sign(claims(s, tid=str(new_id()))),
    "for another tenant": lambda s: sign(claims(s, tid=str(s.world.globex.tenant_id))),
    "for no tenant, but with a role": lambda s: sign(claims(s, tid=None)),
    "for a garbage tenant": lambda s: sign(claims(s, tid="' OR true --")),
    "with another role": lambda s: sign(claims(s, role="ADMIN")),
    "with a role that there is not": lambda s: sign(claims(s, role="GOD")),
    "for a person whom there is not": lambda s: sign(claims(s, sub=str(new_id()))),
    "for another person": lambda s: sign(claims(s, sub=str(s.tenant.admin.user_id))),
    "for a session that there is not": lambda s: sign(claims(s, sid=str(new_id()))),
    "for another person's session": lambda s: sign(claims(s, sid=str(s.tenant.admin.session_id))),
    "a refresh token": lambda _: f"rt.{new_id().hex}.{new_id().hex}.{'A' * 43}",
    "garbage": lambda _: "garbage",
    "dots": lambda _: "...",
    "long": lambda _: "x" * 50_000,
    "not ASCII": lambda _: "\u00e9\u00e9",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_nobodys(stage: CaseContext, name: str) -> None:
    authorization = f"Bearer {BAD_TOKENS[name](stage)}"
    for body in (READ, WRITE, VIEWER):
        assert await post_raw(stage, body, authorization) == {"UNAUTHENTICATED"}


async def test_the_same_with_a_good_token_is_somebodys(stage: CaseContext) -> None:
    assert await post_raw(stage, READ, f"Bearer {sign(claims(stage))}") == set()


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   ", "bEaReR "])
async def test_the_scheme_is_written_in_any_case(stage: CaseContext, scheme: str) -> None:
    assert await post_raw(stage, READ, f"{scheme}{stage.client.token}") == set()


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token ", "Bearer", "Bearer=", "Bearer Bearer "])
async def test_a_token_needs_its_scheme(stage: CaseContext, scheme: str) -> None:
    for body in (READ, WRITE, VIEWER):
        assert await post_raw(stage, body, f"{scheme}{stage.client.token}") == {"UNAUTHENTICATED"}


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Basic YTpi", "Negotiate", "Bearer a b", "\u00ff"])
async def test_other_ways_to_authenticate(stage: CaseContext, authorization: str) -> None:
    for body in (READ, WRITE, VIEWER):
        assert await post_raw(stage, body, authorization) == {"UNAUTHENTICATED"}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sessions SET revoked_at = now() WHERE id = $1",
        "UPDATE sessions SET expires_at = now() WHERE id = $1",
        "UPDATE users SET is_active = false WHERE id = (SELECT user_id FROM sessions WHERE id = $1)",
        "UPDATE memberships SET is_active = false WHERE user_id = (SELECT user_id FROM sessions WHERE id = $1)",
        "UPDATE memberships SET ended_at = now() WHERE user_id = (SELECT user_id FROM sessions WHERE id = $1)",
        "UPDATE memberships SET role = 'MEMBER' WHERE user_id = (SELECT user_id FROM sessions WHERE id = $1)",
    ],
    ids=["session revoked", "session over", "person inactive", "member inactive", "member removed", "member demoted"],
)
async def test_a_good_token_ends_at_once(stage: CaseContext, change: str) -> None:
    other = await enter_as(stage.world, stage.tenant, "owner")
    assert other.actor is not None
    assert await post_raw(other, READ) == set()
    await stage.world.connection.execute(change, other.actor.session_id)
    for body in (READ, WRITE, VIEWER):
        assert await post_raw(other, body) == {"UNAUTHENTICATED"}


async def test_an_inactive_tenant_lets_nobody_in(stage: CaseContext) -> None:
    other = await enter_as(stage.world, stage.world.globex, "owner")
    switch = "UPDATE tenants SET is_active = $2 WHERE id = $1"
    await stage.world.connection.execute(switch, other.tenant.tenant_id, False)
    for body in (READ, WRITE, VIEWER):
        assert await post_raw(other, body) == {"UNAUTHENTICATED"}
    await stage.world.connection.execute(switch, other.tenant.tenant_id, True)
    assert await post_raw(other, READ) == set()


GUESSES = " ".join(
    f'g{n}: login(input: {{email: "owner@acme.example.com", password: "Guess-{n}!"}}) {{ ... on Error {{ code }} }}'
    for n in range(100)
)


async def test_a_hundred_guesses_in_one_request_are_too_many(stage: CaseContext) -> None:
    checks = stage.world.app.components.auth.passwords.checks
    assert await post_operation(stage, f"mutation {{ {GUESSES} }}") == {"DOCUMENT_TOO_COMPLEX"}
    assert stage.world.app.components.auth.passwords.checks == checks


async def test_guesses_are_counted_one_by_one(make_database: Callable[[], Awaitable[Any]]) -> None:
    limits = {"limit_aliases": 100, "limit_root_fields": 100, "limit_tokens": 10_000}
    async with run_world(await make_database(), **limits) as world:
        passwords = world.app.components.auth.passwords
        with bounded_cpu(3 * CPU_BUDGET_SECONDS):  # a hundred times two transactions, and five hashes
            answers = (await world.nobody.run(f"mutation {{ {GUESSES} }}")).values()
        codes = [answer["code"] for answer in answers]
        assert codes == ["INVALID_CREDENTIALS"] * 5 + ["RATE_LIMITED"] * 95
        assert passwords.checks == 5
        right = {"email": " OWNER@acme.example.com", "password": PASSWORD}
        assert (await world.nobody.mutate("login", "... on Error { code }", **right))["code"] == "RATE_LIMITED"
