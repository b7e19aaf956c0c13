"""The chain: whatever was altered, moved or taken out of the log or the feed since it was sealed is found and named."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from rich.progress import Progress

from atrium import maintenance
from models import Task
from services.eventlog import row_history
from tests.conftest import Urls
from tests.support.factories import World
from tests.support.service_client import stop_sequencer


@pytest.fixture
async def superuser(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """Somebody whom no wall holds and whom no trigger watches."""
    connection = await asyncpg.connect(urls.plain("superuser"))
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def verify_chain(urls: Urls) -> maintenance.VerificationReport:
    return await maintenance.verify(urls.runtime, urls.owner, Progress(disable=True))


async def write_task(world: World) -> UUID:
    """A task that was made, changed and changed again, and the feed with nothing unsealed."""
    ours = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id}
    task_id = await world.add("tasks", **ours, title="Plan")
    for title in ("Plan B", "Plan C"):
        await world.connection.execute("UPDATE tasks SET title = $2 WHERE id = $1", task_id, title)
    await wait_until_sequenced(world)
    return task_id


async def wait_until_sequenced(world: World) -> None:
    await stop_sequencer(world)
    unsealed = await world.connection.fetchval("SELECT count(*) FROM unsealed")
    assert await world.connection.fetchval("SELECT atrium_seal($1)", unsealed) == unsealed


async def entry_of(connection: asyncpg.Connection, row_id: UUID) -> UUID:
    """The first change of a row."""
    found = "SELECT id FROM audit_log WHERE row_id = $1 AND action = 'UPDATE' ORDER BY created_at LIMIT 1"
    entry_id: UUID = await connection.fetchval(found, row_id)
    return entry_id


async def test_what_nobody_touched_is_whole(world: World, urls: Urls) -> None:
    await write_task(world)
    found = await verify_chain(urls)
    assert (found.faults, found.first_gap, found.unsequenced) == ([], None, 0)
    assert found.entries == found.head[0] == await world.connection.fetchval("SELECT count(*) FROM feed")


async def test_the_tail_is_counted_and_no_damage(world: World, urls: Urls) -> None:
    await write_task(world)
    await world.connection.execute("UPDATE tasks SET title = 'Plan D'")
    found = await verify_chain(urls)
    assert (found.is_intact, found.unsequenced) == (True, 1)


ENTRY = "WHERE id = $1"
FED = "WHERE entry_id = $1"
NEXT = "(SELECT min(position) FROM feed WHERE position > (SELECT position FROM feed WHERE entry_id = $1))"


@pytest.mark.parametrize(
    ("statements", "what"),
    [
        ([f'UPDATE audit_log SET new_values = \'{{"title": "Plan X"}}\' {ENTRY}'], "holds other values than it did"),
        ([f"UPDATE audit_log SET old_values = NULL {ENTRY}"], "holds other values than it did"),
        ([f"UPDATE audit_log SET old_values = NULL, new_values = NULL, salt = NULL {ENTRY}"], "holds other values"),
        ([f"UPDATE audit_log SET actor_id = gen_random_uuid() {ENTRY}"], "was altered"),
        ([f"UPDATE audit_log SET created_at = created_at - interval '1 day' {ENTRY}"], "was altered"),
        ([f"DELETE FROM audit_log {ENTRY}"], "was removed"),
        ([f"UPDATE feed SET digest = sha256('') {FED}"], "was altered"),
        ([f"UPDATE feed SET chain = sha256('') {FED}"], "does not follow"),
        ([f"UPDATE feed SET position = position + 1000000 {FED}"], "does not follow"),
    ],
)
async def test_damage_is_found_and_named(
    statements: list[str], what: str, world: World, urls: Urls, superuser: asyncpg.Connection
) -> None:
    entry_id = await entry_of(superuser, await write_task(world))
    for statement in statements:
        await superuser.execute(statement, entry_id)
    found = await verify_chain(urls)
    assert not found.is_intact
    [(slug, damage)] = found.faults
    assert slug == "acme"
    assert what in damage.reason
    if "position +" not in statements[0]:
        assert damage.entry_id == entry_id


async def test_entries_that_changed_places_are_found(world: World, urls: Urls, superuser: asyncpg.Connection) -> None:
    task_id = await write_task(world)
    first, second = await superuser.fetch(
        "SELECT f.position, f.entry_id, f.digest FROM feed f JOIN audit_log a ON a.id = f.entry_id"
        " WHERE a.row_id = $1 AND a.action = 'UPDATE' ORDER BY 1",
        task_id,
    )
    await superuser.execute("DROP INDEX feed_by_entry")  # which is in the way of whoever takes it in two steps
    swap = "UPDATE feed SET entry_id = $2, digest = $3 WHERE position = $1"
    await superuser.execute(swap, first["position"], second["entry_id"], second["digest"])
    await superuser.execute(swap, second["position"], first["entry_id"], first["digest"])
    [(_, damage)] = (await verify_chain(urls)).faults
    assert (damage.entry_id, damage.position) == (second["entry_id"], first["position"])


async def test_what_is_cut_out_of_the_feed_is_missed(world: World, urls: Urls, superuser: asyncpg.Connection) -> None:
    entry_id = await entry_of(superuser, await write_task(world))
    position = await superuser.fetchval("DELETE FROM feed WHERE entry_id = $1 RETURNING position", entry_id)
    found = await verify_chain(urls)
    assert (found.is_intact, found.first_gap) == (False, position)


async def test_an_entry_that_was_never_queued_is_found(world: World, urls: Urls, superuser: asyncpg.Connection) -> None:
    await write_task(world)
    forged = await superuser.fetchval(
        "INSERT INTO audit_log SELECT tenant_id, gen_random_uuid(), table_name, row_id, action, actor_id, api_key_id,"
        " request_id, operation, ip, user_agent, old_values, new_values, salt, values_digest, created_at"
        " FROM audit_log WHERE table_name = 'tasks' LIMIT 1 RETURNING id"
    )
    [(_, damage)] = (await verify_chain(urls)).faults
    assert damage.entry_id == forged


async def test_what_was_forgotten_leaves_the_chain_whole(world: World, urls: Urls) -> None:
    task_id = await write_task(world)
    await world.connection.execute("DELETE FROM tasks WHERE id = $1", task_id)
    async with world.app.components.database.operator_transaction(world.acme.tenant_id) as session:
        assert await row_history.redact(session, Task, task_id) == 4
    for _ in range(2):
        found: Any = await verify_chain(urls)
        assert found.faults == []
        await wait_until_sequenced(world)
