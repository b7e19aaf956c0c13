"""The embedded PostgreSQL by a unix socket, which its own account and root alone can reach."""

import asyncio
import stat
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from atrium.embedded.server import EmbeddedFailed, Server
from tests.support.tmpfs import temporary_folder


def ask(url: str, query: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_roles_are_let_in_by_the_socket_with_their_passwords() -> None:
    with temporary_folder() as folder:
        with Server.start(folder, fast=True) as server:  # a cluster that was made without
            assert "host=" not in server.runtime_url
        (folder / "postgres" / "cluster" / "pgdata" / ".s.PGSQL.5432.lock").write_text("1\n")  # of a killed one
        with Server.start(folder, fast=True, unix_socket=True) as server:
            for role in ("postgres", "atrium_owner", "atrium_app"):
                url = server.database_url(role, "atrium")
                assert ask(url, "SELECT current_user || coalesce(host(inet_client_addr()), ' by socket')") == (
                    f"{role} by socket"
                )
                password = make_url(url).password
                assert password is not None
                with pytest.raises(asyncpg.InvalidPasswordError):
                    ask(url.replace(password, "wrong"), "SELECT 1")
            private = Path(str(make_url(server.runtime_url).query["host"]))
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
            assert {each.name for each in private.glob(".s.PGSQL.*")} == {
                f".s.PGSQL.{server.port}",
                f".s.PGSQL.{server.port}.lock",
            }
        with Server.start(folder, fast=True, unix_socket=True):  # the rule is there once
            rules = (folder / "postgres" / "cluster" / "pgdata" / "pg_hba.conf").read_text()
            assert rules.count("local all all scram-sha-256") == 1


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedFailed, match="too long for a unix socket"):
        Server.start(tmp_path / ("long" * 30), fast=True, unix_socket=True)
