"""Pipelined statements: what a test submits, and what comes of it."""

import asyncio
from collections.abc import Generator
from typing import Any

from models.database import Database
from models.database.wire import StatementPace, StatementRun, encode_parameters

__all__ = ["ECHO_TEXT", "FROM_TENANT", "RunOutcome", "SubmittedRun", "keep_at_hand"]

FROM_TENANT = "FROM (SELECT $1::uuid) AS tenant"  # what enters is asked for the tenant first
ECHO_TEXT = f"SELECT $2::text {FROM_TENANT}"

RunOutcome = bytes | None | type[Exception]


def _short() -> StatementPace:
    pace = StatementPace()
    for _ in range(20):
        pace.add(0.0)
    return pace


class SubmittedRun:
    """A statement on its way, and what came of it."""

    def __init__(self, database: Database, statement: str, *values: Any, seconds: float = 20.0, **options: Any) -> None:
        self.outcome: asyncio.Future[RunOutcome] = asyncio.get_running_loop().create_future()
        pace = options.pop("pace", None) or _short()
        ends_at = asyncio.get_running_loop().time() + seconds
        parameters = encode_parameters([None, *values])
        assert parameters is not None
        self.run = StatementRun(statement, parameters, None, ends_at, pace, self._take, **options)
        self.is_taken = database.pipeline.submit(self.run)

    def _take(self, value: bytes | None, error: Exception | None) -> None:
        self.outcome.set_result(type(error) if error else value)  # fails if it is called twice

    async def _wait(self) -> RunOutcome:
        async with asyncio.timeout(15):
            return await self.outcome

    def __await__(self) -> Generator[Any, None, RunOutcome]:
        return self._wait().__await__()


async def keep_at_hand(database: Database) -> None:
    """Have the one connection at hand again."""
    await database.fetch_value(ECHO_TEXT, [None, ""])
