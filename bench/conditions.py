"""What holds for all servers alike, read and not assumed: the interpreter, the sockets, what a commit waits for."""

import asyncpg
from rich.console import Console

from atrium.interpreter import describe_interpreter
from bench.environment import BenchEnvironment, asyncpg_url
from bench.servers import RunningServer

__all__ = ["describe_conditions", "print_conditions"]

COMMIT_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "commit_delay", "wal_level")
SETTINGS_QUERY = "SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name"


async def print_conditions(console: Console, environment: BenchEnvironment, servers: list[RunningServer]) -> list[str]:
    """Print what holds for all servers, and return it."""
    lines = await describe_conditions(environment, servers)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    return lines


async def describe_conditions(environment: BenchEnvironment, servers: list[RunningServer]) -> list[str]:
    """Return what holds for all servers, a line each.

    Raises:
        RuntimeError: it does not hold for all.
    """
    interpreters = {server.process.exe() for server in servers if server.kind.is_python}
    if len(interpreters) > 1:
        raise RuntimeError(f"the servers in Python run on several interpreters: {sorted(interpreters)}")
    commits = [
        await _read_commit_settings(url) for url in (environment.server.runtime_url, environment.server.owner_url)
    ]
    if commits[0] != commits[1]:
        raise RuntimeError(f"the two roles commit otherwise: {commits}")
    database = "a unix socket" if environment.unix_socket else "TCP to 127.0.0.1"
    version = await environment.superuser.fetchval("SHOW server_version")
    return [
        f"All servers in Python run on {describe_interpreter()}",
        f"All servers reach PostgreSQL {version} by {database}, with {environment.pool} connections each.",
        "All are loaded by TCP to 127.0.0.1.",
        f"All commit with {', '.join(f'{name} = {value}' for name, value in commits[0].items())}.",
    ]


async def _read_commit_settings(url: str) -> dict[str, str]:
    """Return the settings of commits that a new connection has."""
    connection = await asyncpg.connect(asyncpg_url(url))
    try:
        rows = await connection.fetch(SETTINGS_QUERY, list(COMMIT_SETTINGS))
    finally:
        await connection.close()
    return {row["name"]: row["setting"] for row in rows}
