"""API keys: what a machine may, and when it is out."""

import time
from datetime import timedelta

import pytest

from models import Role
from models.base import new_id, now
from models.database.identity import Identity
from services import api_keys, security, tasks
from services.api_keys import API_KEYS, ApiKeyCache, ApiKeyIdentity
from services.errors import Forbidden, InvalidInput, InvalidToken, NotFound
from services.permissions import FORBIDDEN_TO_API_KEYS, ROLES, Actor
from tests.support.factories import Person, World
from tests.support.service_client import CLIENT, ServiceClient


async def create_key(rules: ServiceClient, person: Person, role: Role = Role.MEMBER, **given: object) -> str:
    """The text of a new key."""
    _, token = await rules.apply(person, api_keys.create, name="Robot", role=role, **given)
    return token


async def authenticate(rules: ServiceClient, token: str) -> Identity:
    """Whom a key stands for."""
    return (await ApiKeyCache(rules.database).authenticate(token, CLIENT)).to_identity(CLIENT)


async def test_a_key_acts_in_the_name_of_whoever_made_it(rules: ServiceClient, world: World) -> None:
    admin = world.acme.admin
    identity = await authenticate(rules, await create_key(rules, admin))
    assert (identity.tenant_id, identity.user_id, identity.role) == (world.acme.tenant_id, admin.user_id, "MEMBER")
    assert (identity.session_id, identity.ip) == (None, CLIENT.ip)
    async with rules.database.write(identity) as session:
        task = await tasks.create(session, Actor.of(identity), values={"title": "Made by a machine"})
        setting = "SELECT current_setting('app.api_key_id')"
        assert (await (await session.connection()).exec_driver_sql(setting)).scalar_one() == str(identity.api_key_id)
    assert task.created_by == admin.user_id


async def test_a_key_is_stored_as_a_digest_alone(rules: ServiceClient, world: World) -> None:
    token = await create_key(rules, world.acme.owner)
    stored = await world.connection.fetchval("SELECT t::text FROM api_keys t")
    assert token.rpartition(".")[2] not in stored
    listed = await rules.rows(world.acme.admin, API_KEYS)
    assert [key.name for key in listed] == ["Robot"]
    assert await rules.rows(world.acme.member, API_KEYS) == []
    assert await rules.rows(world.globex.owner, API_KEYS) == []


@pytest.mark.parametrize("role", Role)
def test_a_machine_may_what_its_role_may_but_for_what_is_personal(role: Role) -> None:
    machine = ApiKeyIdentity(new_id(), new_id(), new_id(), role, None).to_identity(CLIENT)
    assert Actor.of(machine).permissions == ROLES[role] - FORBIDDEN_TO_API_KEYS
    assert ROLES[role] & FORBIDDEN_TO_API_KEYS


async def test_a_key_can_do_no_more_than_whoever_makes_it(rules: ServiceClient, world: World) -> None:
    with pytest.raises(Forbidden):
        await create_key(rules, world.acme.admin, Role.OWNER)
    with pytest.raises(Forbidden):
        await create_key(rules, world.acme.member)
    assert await rules.is_live(await authenticate(rules, await create_key(rules, world.acme.owner, Role.OWNER)))


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE api_keys SET revoked_at = now()",
        "UPDATE api_keys SET expires_at = clock_timestamp()",
        "UPDATE memberships SET ended_at = now()",
        "UPDATE memberships SET is_active = false",
        "UPDATE memberships SET role = 'MEMBER'",
        "UPDATE users SET is_active = false",
        "UPDATE tenants SET is_active = false",
        "UPDATE api_keys SET role = 'OWNER'",
    ],
)
async def test_a_machine_is_out_with_the_next_transaction(rules: ServiceClient, world: World, ending: str) -> None:
    ring, token = ApiKeyCache(rules.database), await create_key(rules, world.acme.admin, Role.ADMIN)
    identity = (await ring.authenticate(token, CLIENT)).to_identity(CLIENT)
    assert await rules.is_live(identity)
    await world.connection.execute(ending)
    assert (await ring.authenticate(token, CLIENT)).to_identity(CLIENT) == identity  # what it stands for is remembered
    assert not await rules.is_live(identity)


async def test_a_machine_lives_on_when_its_maker_rises(rules: ServiceClient, world: World) -> None:
    identity = await authenticate(rules, await create_key(rules, world.acme.admin, Role.ADMIN))
    await world.connection.execute("UPDATE memberships SET role = 'OWNER'")
    assert await rules.is_live(identity)


@pytest.mark.parametrize("change", ["tenant_id", "user_id", "role", "api_key_id"])
async def test_what_a_machine_claims_must_be_its_own(rules: ServiceClient, world: World, change: str) -> None:
    identity = await authenticate(rules, await create_key(rules, world.acme.admin))
    claims = {name: getattr(identity, name) for name in Identity.__dataclass_fields__}
    other = {
        "tenant_id": world.globex.tenant_id,
        "user_id": world.acme.owner.user_id,
        "role": "ADMIN",
        "api_key_id": new_id(),
    }
    assert await rules.is_live(Identity(**claims))
    assert not await rules.is_live(Identity(**{**claims, change: other[change]}))
    assert not await rules.is_live(Identity(**{**claims, change: None}))


async def test_a_revoked_key_is_gone(rules: ServiceClient, world: World) -> None:
    key, token = await rules.apply(world.acme.owner, api_keys.create, name=" Robot ")
    assert key.name == "Robot"
    with pytest.raises(NotFound):
        await rules.apply(world.globex.owner, api_keys.revoke, id=key.id)
    with pytest.raises(Forbidden):
        await rules.apply(world.acme.member, api_keys.revoke, id=key.id)
    await rules.apply(world.acme.admin, api_keys.revoke, id=key.id)
    with pytest.raises(NotFound):
        await rules.apply(world.acme.admin, api_keys.revoke, id=key.id)
    assert not await rules.is_live(await authenticate(rules, token))
    assert await rules.rows(world.acme.owner, API_KEYS) == []


async def test_what_is_no_key_is_recognised_as_such_and_costs_little(rules: ServiceClient, world: World) -> None:
    good = security.OpaqueToken.parse(await create_key(rules, world.acme.owner), "key")
    assert good is not None
    ring = ApiKeyCache(rules.database)
    bad = [
        security.OpaqueToken("key", good.owner, good.id, bytes(32)).text,
        security.OpaqueToken("key", world.globex.tenant_id, good.id, good.secret).text,
        security.OpaqueToken("key", good.owner, new_id(), good.secret).text,
        security.OpaqueToken("inv", good.owner, good.id, good.secret).text,
        *("", "key.", good.text.upper(), f"{good.text}\n", "key." + "x" * 100_000, "\0", "\ud800"),
    ]
    before = time.process_time()
    for text in bad:
        with pytest.raises(InvalidToken):
            await ring.authenticate(text, CLIENT)
    assert time.process_time() - before < 1
    assert (await ring.authenticate(good.text, CLIENT)).key_id == good.id


async def test_bad_input_makes_no_key(rules: ServiceClient, world: World) -> None:
    for given in ({"name": " "}, {"name": "x" * 101}, {"name": "\0"}, {"name": "Late", "expires_at": now()}):
        with pytest.raises(InvalidInput):
            await rules.apply(world.acme.owner, api_keys.create, **given)
    _, token = await rules.apply(
        world.acme.owner, api_keys.create, name="x" * 100, expires_at=now() + timedelta(days=1)
    )
    assert await rules.is_live(await authenticate(rules, token))


async def test_it_is_noted_now_and_then_that_a_key_is_used(rules: ServiceClient, world: World) -> None:
    ring, token = ApiKeyCache(rules.database), await create_key(rules, world.acme.owner)

    async def used_at() -> object:
        return await world.connection.fetchval("SELECT last_used_at FROM api_keys")

    assert await used_at() is None
    await ring.authenticate(token, CLIENT)
    first = await used_at()
    assert first is not None
    for again in (ring, ApiKeyCache(rules.database)):  # the same process, and another one
        await again.authenticate(token, CLIENT)
        assert await used_at() == first
    await world.connection.execute("UPDATE api_keys SET last_used_at = last_used_at - interval '5 minutes'")
    await ApiKeyCache(rules.database).authenticate(token, CLIENT)
    assert await used_at() > first  # type: ignore[operator]  # it is a moment by now


async def test_the_keys_that_are_remembered_are_bounded(rules: ServiceClient, world: World) -> None:
    ring = ApiKeyCache(rules.database, remembered_bytes=6_000)
    tokens = [await create_key(rules, world.acme.owner) for _ in range(4)]
    for token in (*tokens, *tokens):
        assert (await ring.authenticate(token, CLIENT)).created_by == world.acme.owner.user_id
    assert 1 <= ring.usage.entries < len(tokens) + 1
    assert ring.usage.bytes <= 6_000
