"""What mutations do to the tables: the same, whichever server does it, and as often as it was asked."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from bench.environment import BenchEnvironment
from bench.queries import BenchOperation
from bench.servers import RunningServer

__all__ = ["require_created", "require_equal_effects"]

REFUSED_SHARE = 0.01  # of the requests may be refused: two new tasks get the same place once in some thousand times

COUNTS_QUERY = """
SELECT (SELECT count(*) FROM tasks) AS tasks, (SELECT count(*) FROM orders) AS orders,
    (SELECT count(*) FROM order_items) AS order_items, (SELECT count(*) FROM events) AS events,
    (SELECT count(*) FROM audit_log) AS audit_log,
    (SELECT count(*) FROM unsealed) + (SELECT count(*) FROM feed) AS entries,
    (SELECT sum(last) FROM order_numbers) AS numbers,
    (SELECT sum(stock_quantity) FROM products) AS stock
"""
NEWEST_QUERY = "SELECT to_jsonb(t) FROM {} t ORDER BY created_at DESC LIMIT 1"
LINES_QUERY = "SELECT to_jsonb(t) FROM order_items t ORDER BY id DESC LIMIT 1"

# What differs between two rows that were created alike: keys, moments, places, numbers.
DIFFERENT = {"id", "order_id", "stream_id", "item_id", "created_at", "updated_at", "position", "number", "request_id"}


async def require_equal_effects(operation: BenchOperation, servers: Sequence[RunningServer]) -> None:
    """Make sure that a mutation leaves as much behind in every table, and the same rows, whichever server does it.

    Raises:
        RuntimeError: it does not.
    """
    environment = servers[0].environment
    chance = Random(f"effects of {operation.name}")  # noqa: S311  # the same each time
    given = operation.variables(chance, environment.data)
    expected: Any = None
    for server in servers:
        if not operation.created:  # what is so already is no change
            given = operation.variables(chance, environment.data)
        before = await _count(environment)
        server.execute(operation, given)
        after = await _count(environment)
        found = {name: after[name] - before[name] for name in after}, await _newest(environment, operation)
        if server is servers[0]:
            expected = found
        elif found != expected:
            raise RuntimeError(f"{operation.name} of {server.kind.title} leaves {found} and not {expected}")


@asynccontextmanager
async def require_created(operation: BenchOperation, server: RunningServer) -> AsyncIterator[list[int]]:
    """Make sure that requests, whose number is appended within, created a row each.

    Raises:
        RuntimeError: they did not.
    """
    requests: list[int] = []
    before = await _count_created(server.environment, operation)
    yield requests
    made = await _count_created(server.environment, operation) - before
    if operation.created and made < (1 - REFUSED_SHARE) * sum(requests):
        raise RuntimeError(f"{operation.name} of {server.kind.title}: {sum(requests)} requests created {made} rows")


async def _count(environment: BenchEnvironment) -> dict[str, int]:
    return dict(await environment.superuser.fetchrow(COUNTS_QUERY) or {})


async def _count_created(environment: BenchEnvironment, operation: BenchOperation) -> int:
    if not operation.created:
        return 0
    return int(await environment.superuser.fetchval(f"SELECT count(*) FROM {operation.created[0]}"))  # noqa: S608  # a name of ours


async def _newest(environment: BenchEnvironment, operation: BenchOperation) -> list[Any]:
    """Return the newest rows of the tables that an operation creates rows in, without what differs each time."""
    queries = [LINES_QUERY if table == "order_items" else NEWEST_QUERY.format(table) for table in operation.created]
    return [_without_keys(await environment.read_json(query)) for query in queries]


def _without_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_keys(each) for name, each in value.items() if name not in DIFFERENT}
    return [_without_keys(each) for each in value] if isinstance(value, list) else value
