"""Two tenants as large as the demo data at scale 1, made in seconds with nothing but SQL (`scale` of tests/cases)."""

import asyncpg

from models.base import Model
from models.database.identity import Identity
from tests.support.domain_cases import CASES_FILE, merged

__all__ = ["TENANTS", "insert_tenants", "owner_identity"]

TENANTS = ("acme", "globex")


async def insert_tenants(connection: asyncpg.Connection) -> None:
    """Make them, as a superuser, and let the planner know."""
    scale = merged("scale")
    tables = [table.name for table in Model.metadata.sorted_tables]
    assert set(scale) <= set(tables), f"`scale` of {CASES_FILE} names no table: {sorted(set(scale) - set(tables))}"
    for table in sorted(scale, key=tables.index):
        for statement in scale[table].split(";\n"):
            await connection.execute(statement, *([TENANTS] if "$1" in statement else []))
    await connection.execute("ANALYZE")


async def owner_identity(connection: asyncpg.Connection, slug: str) -> Identity:
    """An owner of one of them, logged in."""
    row = await connection.fetchrow(
        """
        SELECT m.tenant_id, m.user_id, m.role, s.id FROM memberships m
            JOIN tenants t ON t.id = m.tenant_id JOIN sessions s USING (user_id)
        WHERE t.slug = $1 AND m.role = 'OWNER' ORDER BY m.email LIMIT 1
        """,
        slug,
    )
    assert row is not None
    return Identity(*row.values())
