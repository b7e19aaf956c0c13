"""A real PgBouncer between Atrium and its database: one that pools sessions is good, any other is refused."""

import asyncio
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from atrium import cli, startup_checks
from atrium.settings import Settings, SettingsError
from atrium.startup_checks import DatabaseUrls
from models.database.engine import SERVER_SETTINGS
from tests.conftest import Urls
from tests.support.client import SECRET_KEY
from tests.support.pooler import run_pooler
from tests.support.server_process import served

pytestmark = pytest.mark.slow

SETTINGS = Settings(secret_key=SECRET_KEY)
COMMANDS = (
    ("serve",),
    ("doctor",),
    ("migrate",),
    ("demo",),
    ("suspend", "--tenant", "acme"),
    ("replay",),
)


async def check(urls: Urls, settings: Settings = SETTINGS) -> None:
    await startup_checks.require_usable_database(settings, DatabaseUrls(urls.runtime, urls.owner))


async def keep_settings(urls: Urls, connection: asyncpg.Connection) -> None:
    """What an operator does whose pooler leaves out what connections are told."""
    role, database = make_url(urls.runtime).username, make_url(urls.runtime).database
    for name, value in SERVER_SETTINGS.items():
        await connection.execute(f"ALTER ROLE {role} IN DATABASE {database} SET {name} = '{value}'")


@pytest.mark.parametrize("size", [1, 2, 20])
async def test_shared_connections_are_refused(urls: Urls, size: int) -> None:
    async with run_pooler(urls, "transaction", size=size) as pooled:
        for _ in range(5):
            with pytest.raises(SettingsError, match=r"^ATRIUM_DATABASE_URL leads through a pooler that shares [^\n]*$"):
                await check(pooled)
            with pytest.raises(SettingsError, match=r"^ATRIUM_DATABASE_OWNER_URL leads through a pooler"):
                await check(Urls(urls.superuser, pooled.owner, urls.runtime))


async def test_shared_connections_are_refused_while_others_use_them(urls: Urls) -> None:
    async def use(url: str) -> None:
        connection = await asyncpg.connect(url, statement_cache_size=0)
        while True:
            async with connection.transaction():
                await connection.fetchval("SELECT pg_sleep(0.001 * random())")

    async with run_pooler(urls, "transaction") as pooled:
        others = [asyncio.create_task(use(pooled.plain("runtime"))) for _ in range(10)]
        for _ in range(20):
            with pytest.raises(SettingsError, match="pooler"):
                await check(pooled)
        assert not any(other.done() for other in others)
        for other in others:
            other.cancel()
        await asyncio.wait(others)


async def test_replicas_behind_a_pooler_are_refused_too(urls: Urls) -> None:
    async with run_pooler(urls, "transaction") as pooled:
        settings = Settings(database_url=urls.runtime, database_replica_urls=(pooled.runtime,))
        with pytest.raises(SettingsError, match=r"^ATRIUM_DATABASE_REPLICA_URLS leads through a pooler"):
            await check(urls, settings)
    await check(urls, settings)  # one that does not answer may do so later


async def test_every_command_ends_with_one_sentence(
    urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with run_pooler(urls, "transaction") as pooled:
        given = {
            "ATRIUM_DATABASE_URL": pooled.runtime,
            "ATRIUM_DATABASE_OWNER_URL": pooled.owner,
            "ATRIUM_SECRET_KEY": SECRET_KEY,
        }
        for command in COMMANDS:
            ended = await asyncio.to_thread(CliRunner().invoke, cli.main, command, env=given)
            assert (ended.exit_code, ended.stdout) == (1, ""), command
            [line] = ended.stderr.splitlines()
            assert "leads through a pooler" in line, command


async def test_pooled_sessions_serve(urls: Urls, tmp_path: Path) -> None:
    async with run_pooler(urls, "session") as pooled:
        with pytest.raises(SettingsError, match="statement_timeout"):
            await check(pooled)
    superuser = await asyncpg.connect(urls.plain("superuser"))
    await keep_settings(urls, superuser)
    await superuser.close()
    async with run_pooler(urls, "session") as pooled:
        for _ in range(10):
            await check(pooled)
        async with served(pooled, tmp_path) as process, httpx.AsyncClient() as http:
            assert (await http.get(f"{process.url}/readyz")).status_code == 200


async def test_what_a_pooler_refuses_is_said(urls: Urls) -> None:
    async with run_pooler(urls, "session", ignored="") as pooled:
        with pytest.raises(SettingsError, match=r"^The database does not let ATRIUM_DATABASE_URL in: .*(jit|timeout)"):
            await check(pooled)
