"""What takes how long in one operation: its work on the document, its waits for a connection, its statements.

Whoever serves an operation collects its timings, if anybody will look at them: those who trace it, or who log what was
slow. The layers below note what they do by `timed`, which does nothing where nobody collects.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["MAX_TIMINGS", "OperationTimings", "StepKind", "Timing", "collect_timings", "timed", "timed_statement"]

MAX_TIMINGS = 500  # of one operation that are kept: a subscription may run statements for hours
NANOSECONDS = 10**9


class StepKind(Enum):
    """What a step of an operation is."""

    PARSE = "parse"
    VALIDATE = "validate"
    PLAN = "plan"
    CONNECTION = "connection"
    STATEMENT = "statement"


@dataclass(slots=True)
class Timing:
    """One step of an operation, from when to when it took, in nanoseconds of the system's clock."""

    kind: StepKind
    began: int
    ended: int
    statement: Any = None
    """A statement's text or SQLAlchemy's expression of it; never its parameters."""
    engine: Any = None
    """What its connection is of."""
    fault: str | None = None
    """The SQLSTATE or the class of the exception that ended it."""

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return (self.ended - self.began) / NANOSECONDS

    @property
    def sql(self) -> str:
        """Return the text of its statement, with placeholders for all parameters."""
        if isinstance(self.statement, str):
            return self.statement
        return str(self.statement.compile(dialect=self.engine.dialect))


class OperationTimings:
    """The timings of one operation."""

    __slots__ = ("database_seconds", "is_closed", "statements", "steps")

    def __init__(self) -> None:
        self.steps: list[Timing] = []
        """The first of them, in the order in which they ended."""
        self.statements = 0
        self.database_seconds = 0.0
        """How long all statements took together."""
        self.is_closed = False

    @classmethod
    def of_statement(cls, sql: str, seconds: float) -> "OperationTimings":
        """Return the timings of an operation that has just ended, and was one statement."""
        timings, ended = cls(), time.time_ns()
        timings.add(Timing(StepKind.STATEMENT, ended - int(seconds * NANOSECONDS), ended, sql))
        return timings

    def add(self, timing: Timing) -> None:
        """Note one step, unless the operation is over: what it began may go on."""
        if self.is_closed:
            return
        if timing.kind is StepKind.STATEMENT:
            self.statements += 1
            self.database_seconds += timing.seconds
        if len(self.steps) < MAX_TIMINGS:
            self.steps.append(timing)


_collected: ContextVar[OperationTimings | None] = ContextVar("timings", default=None)


@contextmanager
def collect_timings(timings: OperationTimings | None) -> Iterator[None]:
    """Have what is done in this task, and in those that it starts, noted here; None has nothing noted."""
    if timings is None:
        yield
        return
    timings.is_closed = False
    token = _collected.set(timings)
    try:
        yield
    finally:
        timings.is_closed = True
        _collected.reset(token)


@contextmanager
def timed(kind: StepKind, statement: Any = None, engine: Any = None) -> Iterator[None]:
    """Note how long the block takes, and what it fails with."""
    timings = _collected.get()
    if timings is None:
        yield
        return
    timing = Timing(kind, time.time_ns(), 0, statement, engine)
    try:
        yield
    except BaseException as error:
        timing.fault = _fault(error)
        raise
    finally:
        timing.ended = time.time_ns()
        timings.add(timing)


def timed_statement(connection: Any, statement: Any) -> Any:
    """Note how long the block takes, which runs a statement on one of SQLAlchemy's connections."""
    return timed(StepKind.STATEMENT, statement, connection.engine)


def _fault(error: BaseException) -> str:
    """Return the SQLSTATE of an error or of one of its causes, else the name of its class; never what it says."""
    cause: BaseException | None = error
    while cause is not None:
        code = getattr(cause, "sqlstate", None)
        if isinstance(code, str):
            return code
        cause = cause.__cause__
    return type(error).__name__
