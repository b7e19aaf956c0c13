"""Two tenants as large as the demo data at scale 1, made in seconds with nothing but SQL (`scale` of tests/cases)."""

import re

import asyncpg

from models.base import Model
from models.database.identity import Identity
from tests.support.domain_cases import CASES_FILE, merged

__all__ = ["TENANTS", "insert_tenants", "owner_identity"]

TENANTS = ("acme", "globex")


async def insert_tenants(connection: asyncpg.Connection) -> None:
    """Make them, as a superuser, and let the planner know."""
    scale = merged("scale")
    unknown = set(scale) - Model.metadata.tables.keys()
    assert not unknown, f"`scale` of {CASES_FILE} names tables that there are not: {sorted(unknown)}"
    for table in _in_order(scale):
        for statement in scale[table].split(";\n"):
            await connection.execute(statement, *([TENANTS] if "$1" in statement else []))
    await connection.execute("ANALYZE")


def _in_order(scale: dict[str, str]) -> list[str]:
    """The tables, each after all those that its statement names."""
    named = {table: (set(re.findall(r"\w+", text)) & scale.keys()) - {table} for table, text in scale.items()}
    done: list[str] = []
    while len(done) < len(scale):
        ready = [table for table in scale if table not in done and named[table] <= set(done)]
        assert ready, f"`scale` of {CASES_FILE} has statements that need each other: {sorted(set(scale) - set(done))}"
        done += ready
    return done


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
