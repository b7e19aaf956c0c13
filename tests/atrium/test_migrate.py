"""How migrations run: each whole or not at all, waiting for nobody for long, beside readers and writers."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from atrium import migrate
from atrium.embedded.server import OWNER_ROLE
from atrium.startup_checks import describe_failure
from tests.conftest import Cluster, Urls
from tests.support.extra_migrations import extra_migrations, statements
from tests.support.pg_catalog import Snapshot, take_snapshot
from tests.support.postgres_programs import postgres_programs
from tests.support.service_client import wait_until_blocked

SOON = 30  # seconds; what is waited for comes at once
NEWEST = migrate.newest_revision()
COMMENT = "SELECT obj_description('alembic_version'::regclass)"
REVISION = "SELECT version_num FROM alembic_version"
INDEX = 'operations.create_index_concurrently("tasks_by_note", "tasks (tenant_id, description, id)")'
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('tasks_by_note')"


@pytest.fixture
async def looker(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the owner's, besides that of the migrations."""
    connection = await asyncpg.connect(urls.plain("owner"))
    yield connection
    await connection.close()


async def upgrade(urls: Urls) -> None:
    """Apply what is pending, while the test goes on."""
    await asyncio.to_thread(migrate.upgrade, urls.owner, urls.runtime)


def run_psql(url: str, script: str) -> "subprocess.CompletedProcess[str]":
    """What psql says of a script."""
    command = [postgres_programs() / "psql", "-qX", "-d", url, "-f", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False, encoding="utf-8")


async def state_of(urls: Urls) -> tuple[Snapshot, str, str]:
    """What a database is made of, its revision, and which programs it says it fits."""
    connection = await asyncpg.connect(urls.plain("owner"))
    revision, comment = await connection.fetchval(REVISION), await connection.fetchval(COMMENT)
    await connection.close()
    return await take_snapshot(urls.plain("owner")), revision, comment


async def test_what_psql_runs_makes_the_same_database(urls: Urls, cluster: Cluster, worker_id: str) -> None:
    name = f"scripted_{worker_id}"
    await cluster.admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} OWNER {OWNER_ROLE}")
    scripted = Urls(*(cluster.of(url, name) for url in (cluster.superuser_url, cluster.owner_url, cluster.runtime_url)))
    for current, revision in ((None, "0015"), ("0015", "head")):
        script = migrate.sql_script(urls.runtime, current, revision)
        given = await asyncio.to_thread(run_psql, scripted.plain("owner"), script)
        assert (given.returncode, given.stderr) == (0, "")
    assert await state_of(scripted) == await state_of(urls)
    again = await asyncio.to_thread(run_psql, scripted.plain("owner"), script)
    assert (again.returncode, "is not at revision 0015" in again.stderr) == (3, True)
    await cluster.admin(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_script_runs_while_nobody_else_migrates(urls: Urls, looker: asyncpg.Connection) -> None:
    script = migrate.sql_script(urls.runtime, "0030", "0031")
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "0030")
    await looker.execute("SELECT pg_advisory_lock(hashtext('atrium migrations'))")
    refused = await asyncio.to_thread(run_psql, urls.plain("owner"), script)
    assert (refused.returncode, "Somebody else is migrating" in refused.stderr) == (3, True)
    assert await looker.fetchval(REVISION) == "0030"
    await looker.execute("SELECT pg_advisory_unlock_all()")
    assert (await asyncio.to_thread(run_psql, urls.plain("owner"), script)).returncode == 0
    assert await looker.fetchval(REVISION) == "0031"


def test_there_is_no_script_for_what_is_applied() -> None:
    for current, revision in ((NEWEST, "head"), (NEWEST, "0030"), ("0030", "0030")):
        script = migrate.sql_script("postgresql+asyncpg://atrium_app@127.0.0.1/atrium", current, revision)
        assert script == "-- Nothing is pending.\n"


async def test_what_fails_leaves_nothing_and_what_came_before_stays(
    urls: Urls, looker: asyncpg.Connection, tmp_path: Path
) -> None:
    added = [statements(f"ALTER TABLE tasks ADD COLUMN {name} text") for name in ("one", "two", "three")]
    added[1] += "\n" + statements("SELECT 1 / 0")
    with (
        extra_migrations(tmp_path, *added, declared=f'oldest_compatible = "{NEWEST}"') as revisions,
        pytest.raises(DBAPIError, match="division by zero"),
    ):
        await upgrade(urls)
    columns = await looker.fetch("SELECT attname FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attnum > 0")
    assert {row[0] for row in columns} & {"one", "two", "three"} == {"one"}
    assert await looker.fetchval(REVISION) == revisions[0]
    assert await looker.fetchval(COMMENT) == f"{migrate.COMPATIBILITY}{NEWEST}"


async def test_readers_wait_no_longer_than_the_migration_does(
    urls: Urls, looker: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "TABLE_LOCK_SECONDS", 1.0)
    user, reader = [await asyncpg.connect(urls.plain("owner")) for _ in range(2)]
    change = statements("CREATE TABLE first_half (id uuid)", "ALTER TABLE tasks ADD COLUMN note text")
    with extra_migrations(tmp_path, change):
        async with user.transaction():
            await user.fetch("SELECT FROM tasks")
            migration = asyncio.create_task(upgrade(urls))
            await wait_until_blocked(looker)
            async with asyncio.timeout(SOON):
                await reader.fetch("SELECT FROM tasks")  # behind the migration, which has waited for `user` first
            with pytest.raises(DBAPIError, match="lock timeout"):
                await migration
            assert await looker.fetchval("SELECT to_regclass('first_half')") is None
            assert await looker.fetchval(REVISION) == NEWEST
        await upgrade(urls)
    assert await looker.fetchval("SELECT to_regclass('first_half')") is not None
    for connection in (user, reader):
        await connection.close()


async def test_an_index_is_made_beside_writers_and_waits_for_them_as_long_as_it_takes(
    urls: Urls, looker: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "TABLE_LOCK_SECONDS", 0.2)
    user, writer = [await asyncpg.connect(urls.plain("owner")) for _ in range(2)]
    with extra_migrations(tmp_path, INDEX, statements("CREATE TABLE behind (id uuid)")):
        async with user.transaction():
            await user.execute("LOCK TABLE tasks IN ROW EXCLUSIVE MODE")  # as whoever writes has it
            migration = asyncio.create_task(upgrade(urls))
            await wait_until_blocked(looker)
            async with asyncio.timeout(SOON):
                await writer.execute("UPDATE tasks SET description = ''")
                await writer.execute("SELECT pg_sleep(0.5)")  # longer than a migration waits for a table
            assert not migration.done()
            assert await looker.fetchval("SELECT to_regclass('tasks_by_note')") is not None
        await migration
    assert await looker.fetchval(IS_VALID) is True
    assert await looker.fetchval("SELECT to_regclass('behind')") is not None
    for connection in (user, writer):
        await connection.close()


@pytest.mark.parametrize("end", ["pg_cancel_backend", "pg_terminate_backend"])
async def test_an_index_that_was_broken_off_is_made_anew(
    urls: Urls, looker: asyncpg.Connection, tmp_path: Path, end: str
) -> None:
    user = await asyncpg.connect(urls.plain("owner"))
    with extra_migrations(tmp_path, INDEX):
        async with user.transaction():
            await user.execute("LOCK TABLE tasks IN ROW EXCLUSIVE MODE")
            migration = asyncio.create_task(upgrade(urls))
            await wait_until_blocked(looker)
            await looker.execute(
                f"SELECT {end}(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND datname = current_database()"
            )
            with pytest.raises(SQLAlchemyError) as failure:
                await migration
            said = describe_failure(failure.value) or str(failure.value)
            assert "canceling statement due to user request" in said or said == "The database does not answer."
        assert await looker.fetchval(IS_VALID) is False
        assert await looker.fetchval(REVISION) == NEWEST
        await upgrade(urls)
    assert await looker.fetchval(IS_VALID) is True
    await user.close()


async def test_two_that_migrate_at_once_do_not_wait_for_each_other_in_a_circle(
    urls: Urls, looker: asyncpg.Connection, tmp_path: Path
) -> None:
    user = await asyncpg.connect(urls.plain("owner"))
    waiting = (
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{make_url(urls.owner).database}' AND usename = $1"
    )
    with extra_migrations(tmp_path, INDEX):
        async with user.transaction():
            await user.execute("LOCK TABLE tasks IN ROW EXCLUSIVE MODE")
            first = asyncio.create_task(upgrade(urls))
            await wait_until_blocked(looker)
            before = await looker.fetchval(waiting, OWNER_ROLE)
            second = asyncio.create_task(upgrade(urls))
            async with asyncio.timeout(SOON):
                while await looker.fetchval(waiting, OWNER_ROLE) == before:
                    await asyncio.sleep(0.05)  # it waits without a lock, which nobody can see
        await asyncio.gather(first, second)
    assert await looker.fetchval(IS_VALID) is True
    await user.close()


async def test_indexes_of_a_table_that_exists_are_those_that_a_new_table_gets(
    urls: Urls, looker: asyncpg.Connection, tmp_path: Path
) -> None:
    made = 'operations.create_indexes("tasks", "description", nulls_last={"deleted_at": "timestamptz"}%s)'
    find = (
        "SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'tasks_by_description%'"
        " OR indexname LIKE 'tasks_by_deleted_at%' UNION"
        " SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxname LIKE 'tasks_deleted_at%'"
    )
    found = []
    for number, concurrently in enumerate(("", ", concurrently=True")):
        (folder := tmp_path / str(number)).mkdir()
        with extra_migrations(folder, made % concurrently):
            await upgrade(urls)
        found.append({row[0] for row in await looker.fetch(find)})
        await looker.execute("DROP INDEX tasks_by_description, tasks_by_deleted_at_asc, tasks_by_deleted_at_desc")
        await looker.execute("DROP STATISTICS tasks_deleted_at_asc, tasks_deleted_at_desc")
        await looker.execute(f"UPDATE alembic_version SET version_num = '{NEWEST}'")
    assert len(found[0]) == 5
    assert found[0] == found[1]
