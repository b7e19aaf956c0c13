"""The walls, run into: what the runtime role gets out of context, and what it cannot get around."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from atrium.embedded.server import RUNTIME_ROLE
from models import Model
from models.base import now
from tests.conftest import Urls
from tests.support.case_context import CaseContext
from tests.support.case_objects import order
from tests.support.derived_rows import sample_values
from tests.support.domain_cases import CASES_FILE
from tests.support.factories import World
from tests.support.service_client import stop_sequencer


@pytest.fixture
async def runtime(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the runtime role, in no context."""
    connection = await asyncpg.connect(urls.plain("runtime"))
    yield connection
    await connection.close()


async def readable(connection: asyncpg.Connection) -> set[str]:
    """The tables and views that a connection may read, but for Alembic's and what fails for all but superusers."""
    names = await connection.fetch(
        """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
            AND has_table_privilege(oid, 'SELECT') AND relname <> 'alembic_version'
            AND NOT starts_with(relname, 'superuser_')
        """
    )
    return {name for (name,) in names}


async def rows(connection: asyncpg.Connection, names: set[str]) -> dict[str, int]:
    return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in sorted(names)}


OPEN_TO_ALL = {"trusted_documents"}
"""Tables of which the runtime role sees all in any context, since their rows are nobody's."""

MADE_BY_ORDERS = {"orders", "order_items", "events", "products", "unsealed", "feed", "audit_log"}


async def insert_missing_rows(world: World) -> None:
    """One row more in every table that the world leaves empty."""
    acme = world.acme
    for table in Model.metadata.sorted_tables:
        if {"tenant_id", "id"} <= set(table.c.keys()) and table.name not in MADE_BY_ORDERS:
            if await world.connection.fetchval(
                f"SELECT count(*) FROM {table.name} WHERE tenant_id = $1", acme.tenant_id
            ):
                continue
            values = await sample_values(world, acme.tenant_id, acme.member, table, lambda _: "Plan")
            await world.add(table.name, **values)
    proof = {"kind": "verify", "email": acme.member.email, "digest": "none", "expires_at": now() + timedelta(days=1)}
    await world.add("mailed_tokens", user_id=acme.member.user_id, **proof)
    await world.connection.execute(
        "INSERT INTO idempotency_keys (tenant_id, user_id, mutation, key, input_digest) VALUES ($1, $2, '', '', '')",
        acme.tenant_id,
        acme.member.user_id,
    )
    await world.connection.execute("INSERT INTO throttles VALUES ('key', 1, now())")
    await world.connection.execute("INSERT INTO cost_buckets VALUES ('key', 1, 1, 1, '{}', now())")
    await world.connection.execute(
        "INSERT INTO trusted_documents (id, sha256, operation_type, source) VALUES ('a', repeat('0', 64), 'query', '')"
    )
    await stop_sequencer(world)
    stage = CaseContext(world, acme, None)
    await order(stage)
    assert await world.connection.fetchval("SELECT atrium_seal(1)") == 1
    await order(stage)  # what happened to it stays unsealed


async def test_out_of_context_nothing_is_seen(world: World, runtime: asyncpg.Connection) -> None:
    await insert_missing_rows(world)
    everything = await readable(world.connection)
    empty = {name for name, count in (await rows(world.connection, everything)).items() if count == 0}
    views = {name for name in everything if name.endswith(("_text", "_search"))}  # they wall their owner off too
    assert empty == views, (
        f"Let `insert_listed` of {CASES_FILE}, or insert_missing_rows in this file, insert rows of"
        f" {sorted(empty - views)}."
    )
    seen = await readable(runtime)
    unreadable = everything - seen
    assert unreadable == {
        *("article_words", "cost_buckets", "live_api_keys", "live_sessions", "throttles", "unsealed"),
    }, f"Write SELECT into the grants of {sorted(unreadable)} in their migration, or name them here."
    seen -= OPEN_TO_ALL
    assert set((await rows(runtime, seen)).values()) == {0}

    member = world.acme.member
    async with runtime.transaction():
        entered = "SELECT count(*) FROM atrium_enter($1, $2, 'MEMBER', $3, '', '', '')"
        assert await runtime.fetchval(entered, world.acme.tenant_id, member.user_id, member.session_id) == 1
        assert 0 not in (await rows(runtime, seen)).values()
    assert set((await rows(runtime, seen)).values()) == {0}


async def test_what_is_for_superusers_fails_out_of_context_and_for_everybody_else(
    world: World, runtime: asyncpg.Connection
) -> None:
    names = await runtime.fetch(
        "SELECT relname FROM pg_class WHERE starts_with(relname, 'superuser_') AND relkind = 'v'"
    )
    assert len(names) > 4
    owner = world.acme.owner
    for entered in (False, True):
        for (name,) in names:
            transaction = runtime.transaction()
            await transaction.start()
            if entered:
                enter = "SELECT count(*) FROM atrium_enter($1, $2, 'OWNER', $3, '', '', '')"
                assert await runtime.fetchval(enter, world.acme.tenant_id, owner.user_id, owner.session_id) == 1
            with pytest.raises(asyncpg.PostgresError, match="no superuser"):
                await runtime.execute(f"SELECT FROM {name} LIMIT 1")
            await transaction.rollback()


async def test_the_throttle_is_out_of_reach(runtime: asyncpg.Connection) -> None:
    for statement in ("SELECT FROM throttles", "DELETE FROM throttles", "INSERT INTO throttles VALUES ('', 1, now())"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.execute(statement)


@pytest.mark.parametrize("role", ["owner", "runtime"])
async def test_copy_does_not_climb_the_walls(role: str, urls: Urls) -> None:
    connection = await asyncpg.connect(urls.plain(role))
    tables = await connection.fetch(
        """
        SELECT relname, attname FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attnum = 1
        WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND has_table_privilege(c.oid, 'INSERT')
        """
    )
    expected = set(Model.metadata.tables)
    if role == "runtime":
        granted = "SELECT table_name FROM information_schema.table_privileges WHERE privilege_type = 'INSERT'"
        expected &= {name for (name,) in await connection.fetch(f"{granted} AND grantee = $1", RUNTIME_ROLE)}
    assert {table for table, _ in tables} == expected > {"tasks"}, (
        "Call enable_rls, or create_tenant_table, with the runtime role's grants in the migration of every table."
    )
    for table, column in tables:
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="row-level security"):
            await connection.copy_records_to_table(table, columns=[column], records=[])
    await connection.close()
