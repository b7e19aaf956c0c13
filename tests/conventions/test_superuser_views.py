"""Views for superusers: each asks who reads it, before the first row, and shows what superusers may see."""

import asyncpg
import pytest

from atrium.embedded.server import OWNER_ROLE, RUNTIME_ROLE

SEEN = {
    *("id", "email", "full_name", "name", "slug", "text", "is_active", "is_superuser", "email_verified_at"),
    *("last_login", "created_at", "updated_at", "version", "type", "actor_id", "account_id", "target_tenant_id"),
    *("request_id", "ip", "user_agent", "user_id", "operation"),
}
"""What is shown of accounts, of tenants, and of the log; nothing that a tenant owns, and no digest."""

FAULTS = rf"""
    SELECT relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND relkind = 'v' AND starts_with(relname, 'superuser_') AND (
        relowner <> '{OWNER_ROLE}'::regrole
        OR pg_get_viewdef(c.oid) !~ 'WHERE \( SELECT atrium_require_superuser\(\) AS atrium_require_superuser\);$'
        OR has_table_privilege('{RUNTIME_ROLE}', c.oid, 'INSERT, UPDATE, DELETE, TRIGGER')
        OR NOT ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) <@ $1
    )
"""


async def faulty(connection: asyncpg.Connection) -> set[str]:
    return {name for (name,) in await connection.fetch(FAULTS, sorted(SEEN))}


async def test_every_view_for_superusers_asks_who_reads_it(owner_connection: asyncpg.Connection) -> None:
    assert await faulty(owner_connection) == set()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE VIEW superuser_all AS SELECT id, slug FROM tenants",
        "CREATE VIEW superuser_hash AS SELECT password_hash FROM users WHERE (SELECT atrium_require_superuser())",
        "CREATE VIEW superuser_open AS SELECT id FROM users WHERE (SELECT atrium_require_superuser()) OR is_active",
        f"GRANT UPDATE ON superuser_accounts TO {RUNTIME_ROLE}",
    ],
)
async def test_one_that_is_open_is_noticed(owner_connection: asyncpg.Connection, change: str) -> None:
    await owner_connection.execute(change)
    assert len(await faulty(owner_connection)) == 1


async def test_it_asks_before_it_looks_for_a_row(owner_connection: asyncpg.Connection) -> None:
    names = await owner_connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'v' AND starts_with(relname, 'superuser_')"
    )
    assert len(names) > 4
    for (name,) in names:
        plan = "\n".join(row[0] for row in await owner_connection.fetch(f"EXPLAIN SELECT id FROM {name} LIMIT 1"))
        assert "One-Time Filter" in plan
