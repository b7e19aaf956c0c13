"""What there is to know of a database before it is used, asked by connections of their own.

A pooler that gives its connections to another client after each transaction breaks what connections are used for:
named statements of one process answer another's, a listener hears nothing, and a lock is anybody's. So it is found out
first, by statements that need no name (docs/decisions/0029).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import asyncpg
from sqlalchemy import make_url

from models.database.errors import DRIVER_ERRORS
from models.database.hosts import CONNECT_SECONDS, HostConnector

__all__ = ["DatabaseState", "inspect_database"]

ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 1.0
ROUNDS = 2  # one is enough where nobody else uses the pooler
ROUNDS_BEHIND_POOLER = 20  # others may take a connection in between

BACKEND_QUERY = "SELECT pg_backend_pid()"

STATE_QUERY = """
SELECT current_database() AS database, current_user AS role,
    (SELECT system_identifier FROM pg_control_system()) AS system,
    current_setting('server_version_num')::integer AS version_number, current_setting('server_version') AS version,
    NULL AS revision, to_regclass('throttles') IS NOT NULL AS is_atrium,
    NOT EXISTS (
        SELECT FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            AND c.relname <> 'alembic_version'
            AND NOT EXISTS (
                SELECT FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i')
            )
    ) AS is_empty,
    obj_description(v.oid, 'pg_class') AS compatibility,
    has_table_privilege(v.oid, 'SELECT') AS reads_revision, r.rolsuper AS is_superuser, r.rolbypassrls AS bypasses_rls,
    coalesce(pg_has_role(v.relowner, 'MEMBER'), false) AS is_owner,
    has_schema_privilege(current_schema(), 'CREATE') AS creates_tables,
    coalesce(
        (
            SELECT array_agg(name ORDER BY name)
            FROM unnest($1::text[], $2::text[]) AS given(name, value) WHERE current_setting(name) <> value
        ),
        '{}'
    ) AS ignored_settings
FROM pg_roles r LEFT JOIN pg_class v ON v.oid = to_regclass('alembic_version') WHERE r.rolname = current_user
"""


class DatabaseState(NamedTuple):
    """What a database is, seen by one role."""

    database: str
    role: str
    system: int
    """The cluster's own number."""
    version_number: int
    """Such as 180001."""
    version: str
    revision: str | None
    """None where there is no migration."""
    compatibility: str | None
    """What the table of the revision says of older programs."""
    is_atrium: bool
    """Whether Atrium's tables are there."""
    is_empty: bool
    """Whether no tables are there, where Atrium's would be, but those of extensions."""
    reads_revision: bool | None
    """Whether the role may read the revision; None where there is none."""
    is_superuser: bool
    bypasses_rls: bool
    is_owner: bool
    """Whether the role owns Atrium's tables, or belongs to who does."""
    creates_tables: bool
    ignored_settings: list[str]
    """Settings of the connection that are not in force."""
    shares_connections: bool = False
    """Whether something in between gives a connection to others after each transaction."""


async def inspect_database(url: str, server_settings: Mapping[str, str], *, sends: bool = True) -> DatabaseState:
    """Return what a database is, for the role in its address.

    Args:
        url: `postgresql+asyncpg://…`.
        server_settings: what has to be set on connections.
        sends: whether connections set it from their start; else it is the role's.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: it does not let anybody in, or does not answer.
    """
    async with asyncio.timeout(ANSWER_SECONDS), AsyncExitStack() as stack:
        sent = server_settings if sends else {}
        first, second = [await stack.enter_async_context(_connect(url, sent)) for _ in range(2)]
        shares_connections = await _shares_backends(first, second)
        async with first.transaction(readonly=True):
            names, values = list(server_settings), list(server_settings.values())
            row = await first.fetchrow(STATE_QUERY, names, values)
            assert row is not None, "whoever is connected has a role"
            state = DatabaseState(**row, shares_connections=shares_connections)
            if state.reads_revision:
                revisions = [row[0] for row in await first.fetch("SELECT version_num FROM alembic_version ORDER BY 1")]
                state = state._replace(revision=", ".join(revisions) or None)
            return state


@asynccontextmanager
async def _connect(url: str, server_settings: Mapping[str, str]) -> AsyncIterator[asyncpg.Connection]:
    address = make_url(url)
    _, options = address.get_dialect()().create_connect_args(address)
    connection = await HostConnector().connect(
        **options, timeout=CONNECT_SECONDS, statement_cache_size=0, server_settings=dict(server_settings)
    )
    try:
        yield connection
    finally:
        try:
            await connection.close(timeout=CLOSE_SECONDS)
        except DRIVER_ERRORS:
            connection.terminate()


async def _shares_backends(first: asyncpg.Connection, second: asyncpg.Connection) -> bool:
    """Return whether two transactions of one connection see two backends, or two connections see the same one.

    While `second` keeps a transaction open, it has the backend that `first` had before, if that was taken away.
    """
    own = await _backend(first)
    # What the connection was told at its start is the pooler's own number, where there is one.
    rounds = ROUNDS if own == first.get_server_pid() else ROUNDS_BEHIND_POOLER
    for _ in range(rounds):
        async with second.transaction():
            if await second.fetchval(BACKEND_QUERY) == own or await _backend(first) != own:
                return True
    return False


async def _backend(connection: asyncpg.Connection) -> int:
    async with connection.transaction():  # without a name, a statement is known to its own transaction alone
        backend: int = await connection.fetchval(BACKEND_QUERY)
        return backend
