"""What `atrium purge` forgets, and what it keeps."""

from datetime import timedelta

from atrium import maintenance
from models.base import new_id, now
from tests.conftest import Urls
from tests.support.factories import World

DAY = timedelta(days=1)


async def test_what_has_had_its_time_is_forgotten(world: World, urls: Urls) -> None:
    acme, year = world.acme, timedelta(days=366)
    ours, member_id = {"tenant_id": acme.tenant_id}, acme.member.user_id
    token = {"user_id": member_id, "kind": "verify", "email": acme.member.email, "digest": ""}
    key = {**ours, "name": "Robot", "role": "MEMBER", "digest": "", "created_by": acme.owner.user_id}
    kept = {
        await world.add("mailed_tokens", **token, expires_at=now() + DAY),
        await world.add("api_keys", **key),
        await world.add("api_keys", **key, revoked_at=now() - DAY),
        await world.add("api_keys", **key, expires_at=now() + DAY),
    }
    await world.add("mailed_tokens", **token, expires_at=now() - DAY)
    await world.add("mailed_tokens", **token, expires_at=now() - DAY, used_at=now() - 2 * DAY)
    await world.add("api_keys", **key, revoked_at=now() - year)
    await world.add("api_keys", **key, expires_at=now() - year)
    used = "INSERT INTO idempotency_keys (tenant_id, user_id, mutation, key, input_digest, created_at)"
    for age in (timedelta(0), 2 * DAY):
        await world.connection.execute(
            f"{used} VALUES ($1, $2, '', $3, '', $4)", acme.tenant_id, member_id, str(new_id()), now() - age
        )
    login = {"user_id": member_id, "refresh_digest": "none"}
    for ended in ({"expires_at": now() - 31 * DAY}, {"expires_at": now() + DAY, "revoked_at": now() - 31 * DAY}):
        await world.add("sessions", **login, **ended)
    there = await world.connection.fetchval("SELECT count(*) FROM sessions") - 2
    await world.connection.execute("DELETE FROM throttles")
    for key, age in (("old", 2 * DAY), ("new", timedelta(0))):
        await world.connection.execute("INSERT INTO throttles VALUES ($1, 1, $2)", key, now() - age)
    bucket = "INSERT INTO cost_buckets VALUES ($1, 1, 1, 1, '{}', $2)"
    for name, age in (("old", 2 * DAY), ("new", timedelta(0))):
        await world.connection.execute(bucket, name, now() - age)
    purged = await maintenance.purge(urls.owner, keys_older_than=DAY)
    forgotten = {"idempotency_keys": 1, "mailed_tokens": 2, "api_keys": 2, "sessions": 2, "throttles": 1}
    assert purged._asdict() == forgotten | {"cost_buckets": 1}
    assert await world.connection.fetchval("SELECT count(*) FROM sessions") == there
    left = await world.connection.fetch("SELECT id FROM mailed_tokens UNION SELECT id FROM api_keys")
    assert {row[0] for row in left} == kept
