"""Plans of statements, without running them and without parameters."""

import re
from typing import Any

__all__ = ["explain_statement"]

PREPARED_NAME = "atrium_explained"
_PARAMETER = re.compile(r"\$(\d+)")


async def explain_statement(driver: Any, statement: str) -> list[str]:
    """Return the lines of a statement's generic plan, the one for any parameters, as the connection's role gets it.

    It is prepared and explained with NULLs, which a generic plan does not look at: that way PostgreSQL 15 tells it too,
    whose EXPLAIN has no GENERIC_PLAN. Row-level security is part of the plan.

    Raises:
        asyncpg.PostgresError: there is no plan of it.
    """
    count = max(map(int, _PARAMETER.findall(statement)), default=0)
    arguments = f"({', '.join(['NULL'] * count)})" if count else ""
    async with driver.transaction(readonly=True):
        await driver.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        async with driver.transaction():  # a savepoint: whatever fails, what was prepared is dropped
            await driver.execute(f"PREPARE {PREPARED_NAME} AS {statement}")
        try:
            async with driver.transaction():
                rows = await driver.fetch(f"EXPLAIN EXECUTE {PREPARED_NAME}{arguments}")
        finally:
            await driver.execute(f"DEALLOCATE {PREPARED_NAME}")
    return [str(row[0]) for row in rows]
