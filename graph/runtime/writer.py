"""Writing: transactions on the primary, which are tried again when PostgreSQL asks for it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from graph.runtime.caller import Caller
from graph.runtime.database_errors import translate_database_errors
from graph.runtime.operation_log import OperationLog
from graph.runtime.reader import Reader
from models.database import WriteSession
from models.database.errors import Preempted, TransactionConflict
from models.database.identity import Identity
from models.database.read_routing import ReadRouter

__all__ = ["Writer"]

Result = TypeVar("Result")

MAX_WRITE_ATTEMPTS = 4


class Writer:
    """Runs the transactions of an operation; what is read after one is read in a fresh session."""

    def __init__(self, route: ReadRouter, caller: Caller, reader: Reader, log: OperationLog) -> None:
        self.operation = ""
        """What is being done, such as `createTask`; the audit log keeps it."""
        self.refusal: Exception | None = None
        """Why nothing can be written, if that is known already."""
        self._route = route
        self._caller = caller
        self._reader = reader
        self._log = log

    async def write(
        self, work: Callable[[WriteSession], Awaitable[Result]], identity: Identity | None = None
    ) -> Result:
        """Do one thing in one transaction on the primary; it is committed when this returns.

        When PostgreSQL asks for it (a deadlock, a serialization failure), or it was preempted on a reserved connection,
        it is done again from the start.

        Raises:
            Unauthenticated: the session is no longer live.
            Unavailable: no connection came free in time, or the database is away.
        """
        if self.refusal is not None:
            raise self.refusal
        await self._reader.close()
        whose = replace(identity or self._caller.identity, operation=self.operation)
        for attempt in range(1, MAX_WRITE_ATTEMPTS + 1):
            try:
                with translate_database_errors:
                    async with self._route.write(whose) as session:
                        session.statement_texts = self._log.sql
                        result = await work(session)
                    self._log.statements += session.statements + 1
                    self._route.general_only = False
                    return result
            except TransactionConflict as error:
                if attempt == MAX_WRITE_ATTEMPTS:
                    raise
                self._route.general_only |= isinstance(error, Preempted)
        raise AssertionError  # the loop returns or raises
