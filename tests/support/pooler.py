"""A real PgBouncer in front of a database of the tests."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from sqlalchemy import make_url

from models.database.engine import SERVER_SETTINGS

__all__ = ["PooledUrls", "run_pooler", "set_role_settings"]

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
START_SECONDS = 20

CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
ignore_startup_parameters = {ignored}
"""


@dataclass(frozen=True)
class PooledUrls:
    """The addresses of a database through a pooler, by role."""

    owner: str
    runtime: str


class HasRoles(Protocol):
    """The addresses of a database by role."""

    @property
    def owner(self) -> str: ...
    @property
    def runtime(self) -> str: ...


class HasSuperuser(HasRoles, Protocol):
    """The same, and that of a superuser."""

    @property
    def superuser(self) -> str: ...


@asynccontextmanager
async def run_pooler(
    urls: HasRoles, mode: str, *, size: int = 20, ignored: str = "jit,statement_timeout"
) -> AsyncIterator[PooledUrls]:
    """The addresses of a database through a PgBouncer in this mode, which runs as long as this does."""
    assert PROGRAM is not None, "pgbouncer is not installed: `apt-get install pgbouncer`"
    with tempfile.TemporaryDirectory(prefix="atrium-pooler-") as name, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        folder, server = Path(name), make_url(urls.runtime)
        pooled = [make_url(url).set(host="127.0.0.1", port=port) for url in (urls.runtime, urls.owner)]
        (folder / "users").write_text("".join(f'"{url.username}" "{url.password}"\n' for url in pooled))
        configuration = {"host": server.host, "port": server.port, "listen_port": port, "folder": folder}
        (folder / "ini").write_text(CONFIGURATION.format(**configuration, mode=mode, size=size, ignored=ignored))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([PROGRAM, folder / "ini"], stdout=log, stderr=log, **_give_away(folder))
        try:
            runtime, owner = [url.render_as_string(hide_password=False) for url in pooled]
            await _until_it_answers(process, port, folder / "log")
            yield PooledUrls(owner, runtime)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


async def set_role_settings(urls: HasSuperuser) -> None:
    """Do what an operator does whose pooler leaves out what connections are told."""
    role, database = make_url(urls.runtime).username, make_url(urls.runtime).database
    connection = await asyncpg.connect(urls.superuser.replace("+asyncpg", ""))
    for name, value in SERVER_SETTINGS.items():
        await connection.execute(f"ALTER ROLE {role} IN DATABASE {database} SET {name} = '{value}'")
    await connection.close()


def _give_away(folder: Path) -> dict[str, Any]:
    """Give its files to whoever is to run it, since it does not run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


async def _until_it_answers(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            assert process.poll() is None, log.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)  # it announces it in no way
            else:
                writer.close()
                return
