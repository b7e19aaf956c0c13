"""A program on a database of a later release: it goes on serving where the later migrations say that it can."""

import asyncio

import asyncpg
import pytest
from typer.testing import CliRunner

from atrium import cli, migrate
from tests.conftest import Urls
from tests.support.client import SECRET_KEY, run_app

NEWEST = migrate.newest_revision()
LATER = "9001"


async def release_later(connection: asyncpg.Connection, oldest: str) -> None:
    """Leave the database as a later release does, whose migrations fit programs from this revision on."""
    await connection.execute("UPDATE alembic_version SET version_num = $1", LATER)
    await connection.execute(f"COMMENT ON TABLE alembic_version IS '{migrate.COMPATIBILITY}{oldest}'")


@pytest.mark.parametrize(
    ("migrations", "oldest"),
    [
        ([], None),
        ([("0001", "0001")], "0001"),
        ([("0003", "0003"), ("0002", "0001"), ("0001", "0001")], "0003"),
        ([("0003", "0002"), ("0002", "0002"), ("0001", "0001")], "0002"),
        ([("0003", "0002"), ("0002", "0001"), ("0001", "0001")], "0002"),
        ([("0003", "0001"), ("0002", "0001"), ("0001", "0001")], "0001"),
        ([("0004", "0001"), ("0003", "0002"), ("0002", "0002"), ("0001", "0001")], "0002"),
    ],
)
def test_the_oldest_program_is_the_one_that_all_later_migrations_fit(
    migrations: list[tuple[str, str]], oldest: str | None
) -> None:
    assert migrate.find_oldest_compatible(migrations) == oldest


async def test_each_migration_says_which_programs_fit(urls: Urls, owner_connection: asyncpg.Connection) -> None:
    said = "SELECT obj_description('alembic_version'::regclass, 'pg_class')"
    assert (await owner_connection.fetchval(said)).startswith(migrate.COMPATIBILITY)
    before = await owner_connection.fetchval(said)
    await asyncio.to_thread(migrate.downgrade, urls.owner, urls.runtime, "0001")
    assert await owner_connection.fetchval(said) == f"{migrate.COMPATIBILITY}0001"
    await asyncio.to_thread(migrate.upgrade, urls.owner, urls.runtime)
    assert await owner_connection.fetchval(said) == before


@pytest.mark.parametrize(("oldest", "status"), [(NEWEST, 200), ("0001", 200), (LATER, 503), ("", 503), ("x", 503)])
async def test_it_is_ready_where_the_later_release_says_so(
    urls: Urls, owner_connection: asyncpg.Connection, oldest: str, status: int
) -> None:
    async with run_app(urls) as app:
        assert (await app.http.get("/readyz")).status_code == 200
        await release_later(owner_connection, oldest)
        assert (await app.http.get("/readyz")).status_code == status


@pytest.mark.parametrize("command", ["doctor", "migrate", "purge"])
@pytest.mark.parametrize("oldest", [NEWEST, LATER])
async def test_commands_work_where_the_later_release_says_so(
    urls: Urls, owner_connection: asyncpg.Connection, command: str, oldest: str
) -> None:
    await release_later(owner_connection, oldest)
    given = {
        "ATRIUM_DATABASE_URL": urls.runtime,
        "ATRIUM_DATABASE_OWNER_URL": urls.owner,
        "ATRIUM_SECRET_KEY": SECRET_KEY,
    }
    ended = await asyncio.to_thread(CliRunner().invoke, cli.main, [command], env=given)
    assert (ended.exit_code, "newer than this program" in ended.stderr) == (
        (0, False) if oldest == NEWEST else (1, True)
    )
    assert await owner_connection.fetchval("SELECT version_num FROM alembic_version") == LATER
