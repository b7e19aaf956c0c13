"""What is said of an operation besides its data: to the log, and in the extensions of its response."""

from typing import Any, Literal, Protocol

from models.database.identity import Identity
from models.database.read_routing import ReadRouter

__all__ = ["OperationLog", "ResponseExtensions", "Trace"]


class Trace(Protocol):
    """What the log wants to know of an operation."""

    operation_type: Any
    operation_name: str | None
    tenant_id: object
    user_id: object
    statements: int
    executor: Any


class OperationLog:
    """The record of one operation."""

    __slots__ = ("_trace", "declined", "executor", "sql", "statements")

    def __init__(self, trace: Trace | None, *, keeps_sql: bool = False) -> None:
        """Args: trace: where to note what was done, for the log; keeps_sql: whether it keeps the statements' texts."""
        self._trace = trace
        self.executor: str | None = None
        self.declined: str | None = None
        """Why the compiler left the operation to the reference executor, if it did."""
        self.statements = 0
        """How many statements it took so far."""
        self.sql: list[str] | None = [] if keeps_sql else None
        """Texts of the statements so far, without their values; None where nobody wants to know."""

    def record(
        self, executor: Literal["compiler", "reference"], type_: str, name: str | None, identity: Identity
    ) -> None:
        """Note what was done, by which executor, and for whom."""
        self.executor = executor
        if self._trace is not None:
            self._trace.operation_type, self._trace.operation_name = type_, name
            self._trace.executor = executor
            self._trace.tenant_id, self._trace.user_id = identity.tenant_id, identity.user_id
            self._trace.statements = self.statements


class ResponseExtensions:
    """What a response carries beside its data; for developers also who answered, and why."""

    __slots__ = ("_debug", "_log", "_route", "_values")

    def __init__(self, values: dict[str, Any] | None, log: OperationLog, route: ReadRouter, *, debug: bool) -> None:
        """Args: values: by the time that the response is ready; debug: whether the response says who answered."""
        self._values: dict[str, Any] = {} if values is None else values
        self._log = log
        self._route = route
        self._debug = debug

    def collect(self) -> dict[str, Any]:
        """Return the extensions of the response."""
        if not self._debug:
            return self._values
        extensions = dict(self._values)
        if self._route.servers.replicas and (served := self._route.routed_to) is not None:
            extensions |= {"node": served.server, "why": served.reason}
        if self._log.executor is not None:
            extensions["executor"] = self._log.executor
            if self._log.declined:
                extensions["declined"] = self._log.declined
        if self._log.sql is not None:
            extensions["sql"] = self._log.sql
        return extensions
