"""Prepared statements: what the server process behind each connection remembers, bounded in its bytes."""

import time
from typing import Any

import asyncpg

from models.lru import CacheUsage, SegmentedLRU

__all__ = ["STATEMENT_BYTES", "PreparedStatements"]

STATEMENT_BYTES = 32 * 2**20
"""What the processes of the server remember for all connections of a pool at most."""

# What a statement takes in its server process, by measurement: for itself, and for each character of its text, which
# is kept as a tree before and after rewriting, and as a plan.
BASE_BYTES = 16 * 2**10
CHARACTER_BYTES = 150
STATEMENT_PROBATION_SHARE = 2
LARGE_BYTES = 256 * 2**10

CachedStatement = tuple[Any, Any, float]
"""A statement, the attributes of its result, and when it was prepared: what SQLAlchemy's adapter keeps."""


class PreparedStatements:
    """The prepared statements of one connection, by their text; the least used one is closed for another.

    It stands in for the cache of SQLAlchemy's adapter, which counts statements whatever their size, and is used by the
    statements that go past SQLAlchemy too. A statement that is no longer kept is closed when the connection prepares
    the next one.
    """

    def __init__(self, max_bytes: int) -> None:
        """Args: max_bytes: what its server process may remember; 0 where a pooler gives it to others meanwhile."""
        self._kept: SegmentedLRU[str, CachedStatement] = SegmentedLRU(
            max_bytes, _weigh, probation_share=STATEMENT_PROBATION_SHARE
        )
        self._has_own_process = max_bytes > 0

    def __contains__(self, statement: str) -> bool:
        return statement in self._kept

    def __getitem__(self, statement: str) -> CachedStatement:
        kept = self._kept.get(statement)
        if kept is None:
            raise KeyError(statement)
        return kept

    def __setitem__(self, statement: str, kept: CachedStatement) -> None:
        self._kept.put(statement, kept)

    @property
    def usage(self) -> CacheUsage:
        """How much the server process remembers."""
        return self._kept.usage

    async def fetch_value(self, driver: Any, statement: str, values: Any, *, prepare: bool = True) -> Any:
        """Run a statement; give its one value. It is kept with `prepare`, if there is room for it."""
        kept = self._kept.get(statement) if prepare else None
        if kept is None:
            if not prepare or not self._kept.fits(_weigh_text(statement)):
                return await self._fetch_value_once(driver, statement, values)
            prepared = await driver.prepare(statement)
            kept = (prepared, prepared.get_attributes(), time.time())
            self._kept.put(statement, kept)
        try:
            return await kept[0].fetchval(*values)
        except (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError):
            self._kept.discard(statement)  # a migration came in between, and the statement has not been run
            return await self._fetch_value_once(driver, statement, values)

    async def _fetch_value_once(self, driver: Any, statement: str, values: Any) -> Any:
        """Run a statement that is not to be kept; give its one value.

        The server process remembers the last one of these until another comes, or a simple query: a large one is
        followed by an empty one. A process that others use as well is soon told another.
        """
        prepared = await driver.prepare(statement, name="")
        try:
            return await prepared.fetchval(*values)
        finally:
            if self._has_own_process and _weigh_text(statement) > LARGE_BYTES and not driver.is_closed():
                await driver.execute("SELECT")


def _weigh_text(statement: str) -> int:
    return BASE_BYTES + CHARACTER_BYTES * len(statement)


def _weigh(statement: str, _kept: CachedStatement) -> int:
    return _weigh_text(statement)
