"""Compiled statements: each enters by itself, and is a session or a transaction of its own."""

from collections.abc import Sequence
from typing import Any

from graph.runtime.caller import Caller
from graph.runtime.database_errors import translate_database_errors
from graph.runtime.operation_log import OperationLog
from models.database.errors import DatabaseUnavailable, InvalidValue, PoolTimeout, SessionNotLive, TransactionConflict
from models.database.read_routing import ReadRouter
from services.errors import Unavailable

__all__ = ["CompiledStatements"]


class CompiledStatements:
    """Runs the compiler's statements for the caller of an operation."""

    __slots__ = ("_caller", "_log", "_route")

    def __init__(self, route: ReadRouter, caller: Caller, log: OperationLog) -> None:
        self._route = route
        self._caller = caller
        self._log = log

    async def fetch(self, statement: str, values: Sequence[Any], *, prepare: bool = True) -> str:
        """Return the one text of a statement that reads.

        The server is to remember how it is run, unless `prepare` is False.

        Raises:
            Unauthenticated: the session is no longer live.
            Unavailable: no connection came free in time, or the database is away.
            InvalidValue: the statement met a value that it can make nothing of.
            SuperuserRefused: it answers to superusers alone.
        """
        self._note(statement)
        with translate_database_errors:
            data = await self._route.fetch_value(self._caller.identity, statement, values, prepare=prepare)
        self._log.statements += 1
        return data

    async def execute(self, statement: str, values: Sequence[Any], *, prepare: bool = True) -> str | None:
        """Return the one text of a statement that changes something; None if it changed nothing.

        The server is to remember how it is run, unless `prepare` is False.

        Raises:
            Unavailable: no connection came free in time, or the database is away; it may have been changed.
            StatementRejected: PostgreSQL refuses the statement as it is; nothing was changed.
        """
        self._note(statement)
        try:
            data = await self._route.execute_update(statement, values, prepare=prepare)
        except (SessionNotLive, TransactionConflict, InvalidValue):
            return None
        except (PoolTimeout, DatabaseUnavailable):
            raise Unavailable from None
        self._log.statements += 1
        return data

    def _note(self, statement: str) -> None:
        if self._log.sql is not None:
            self._log.sql.append(statement)
