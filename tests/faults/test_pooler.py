"""A real PgBouncer before the database: one that shares connections between transactions is found, or named."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner

from atrium import cli, startup_checks
from atrium.settings import Settings, SettingsError
from atrium.startup_checks import DatabaseUrls
from models.database.inspection import DatabaseState
from tests.conftest import Urls
from tests.support.client import SECRET_KEY
from tests.support.pooler import PooledUrls, run_pooler, set_role_settings
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


async def check(urls: Urls | PooledUrls, settings: Settings = SETTINGS, pooler: str | None = None) -> DatabaseState:
    return await startup_checks.require_usable_database(settings, DatabaseUrls(urls.runtime, urls.owner, pooler))


@pytest.mark.parametrize("size", [1, 2, 20])
async def test_shared_connections_are_refused(urls: Urls, size: int) -> None:
    async with run_pooler(urls, "transaction", size=size) as pooled:
        for _ in range(5):
            with pytest.raises(SettingsError, match=r"^ATRIUM_DATABASE_URL leads through a pooler that shares [^\n]*$"):
                await check(pooled)
            with pytest.raises(SettingsError, match=r"^ATRIUM_DATABASE_OWNER_URL leads through a pooler"):
                await check(PooledUrls(pooled.owner, urls.runtime))


async def test_shared_connections_are_refused_while_others_use_them(urls: Urls) -> None:
    async def use(url: str) -> None:
        connection = await asyncpg.connect(url, statement_cache_size=0)
        while True:
            async with connection.transaction():
                await connection.fetchval("SELECT pg_sleep(0.001 * random())")

    async with run_pooler(urls, "transaction") as pooled:
        plain = pooled.runtime.replace("+asyncpg", "")
        others = [asyncio.create_task(use(plain)) for _ in range(10)]
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
    await set_role_settings(urls)
    async with run_pooler(urls, "session") as pooled:
        for _ in range(10):
            await check(pooled)
        async with served(pooled, tmp_path) as process, httpx.AsyncClient() as http:
            assert (await http.get(f"{process.url}/readyz")).status_code == 200


async def test_what_a_pooler_refuses_is_said(urls: Urls) -> None:
    async with run_pooler(urls, "session", ignored="") as pooled:
        with pytest.raises(SettingsError, match=r"^The database does not let ATRIUM_DATABASE_URL in: .*(jit|timeout)"):
            await check(pooled)


async def test_what_to_set_is_said_until_it_serves(urls: Urls) -> None:
    async with run_pooler(urls, "transaction", ignored="") as pooled:
        with pytest.raises(SettingsError, match=r"ignore_startup_parameters of PgBouncer"):
            await check(pooled)
    async with run_pooler(urls, "transaction") as pooled:
        with pytest.raises(SettingsError, match=r": set ATRIUM_DATABASE_DIRECT_URL to PostgreSQL itself"):
            await check(pooled)
        with pytest.raises(SettingsError, match=r"^ATRIUM_DATABASE_DIRECT_URL leads through a pooler"):
            await check(pooled, pooler=pooled.runtime)
    async with run_pooler(urls, "transaction", ignored="") as pooled:
        with pytest.raises(
            SettingsError, match=r"^Connections by ATRIUM_DATABASE_URL .* ALTER ROLE atrium_app SET statement_timeout"
        ):
            await check(urls, pooler=pooled.runtime)
    await set_role_settings(urls)
    async with run_pooler(urls, "transaction", ignored="") as pooled:
        assert (await check(urls, pooler=pooled.runtime)).shares_connections
        replicated = Settings(database_url=urls.runtime, database_replica_urls=(pooled.runtime,))
        assert (await check(urls, replicated, pooler=pooled.runtime)).shares_connections
    assert not (await check(urls, pooler=urls.runtime)).shares_connections


async def test_both_addresses_lead_to_one_database(urls: Urls, make_database: Callable[[], Awaitable[Urls]]) -> None:
    other = await make_database()
    await set_role_settings(urls)
    await set_role_settings(other)
    async with run_pooler(other, "transaction") as pooled:
        with pytest.raises(SettingsError, match="lead to different databases"):
            await check(urls, pooler=pooled.runtime)


async def test_the_doctor_says_what_the_pooler_does(
    urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await set_role_settings(urls)
    async with run_pooler(urls, "transaction") as pooled:
        for address, said in ((pooled.runtime, "statements are not prepared"), (urls.runtime, "takes less CPU")):
            given = {
                "ATRIUM_DATABASE_URL": address,
                "ATRIUM_DATABASE_DIRECT_URL": urls.runtime,
                "ATRIUM_DATABASE_OWNER_URL": urls.owner,
                "ATRIUM_SECRET_KEY": SECRET_KEY,
            }
            ended = await asyncio.to_thread(CliRunner().invoke, cli.main, ["doctor"], env=given)
            assert (ended.exit_code, said in ended.stderr) == (0, True), ended.stderr
