"""Operations that took long: a line in the log with what they did, and on demand the plans of their statements."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from atrium.logs import NAME_LENGTH, RequestRecord
from atrium.manifests import document_digest
from models.timings import OperationTimings, StepKind

__all__ = ["SlowOperationLog"]

MAX_STATEMENTS = 3  # of an operation that are shown
SQL_CHARACTERS = 20_000  # of a statement that are shown
PLAN_INTERVAL_SECONDS = 10.0  # between two plans: whoever is slow already is asked for little
PLANNED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")  # how the statements begin that have a plan

log = logging.getLogger("atrium.slow")

Explain = Callable[[str], Awaitable[list[str]]]
"""Returns the lines of a statement's plan, which it does not run."""


class SlowOperationLog:
    """Logs operations that take long; subscriptions are meant to."""

    def __init__(self, seconds: float, explain: Explain | None = None) -> None:
        """Args: seconds: how long is long; explain: makes plans of the slowest statements, if they are wanted."""
        self._seconds = seconds
        self._explain = explain
        self._next_plan = 0.0
        self._explaining: asyncio.Task[None] | None = None

    def is_slow(self, record: RequestRecord) -> bool:
        """Return whether a finished operation took long; what came to no document and no statement was none."""
        if record.duration < self._seconds or record.operation_type == "subscription":
            return False
        return record.document is not None or (record.timings is not None and record.timings.statements > 0)

    def write(self, record: RequestRecord) -> None:
        """Log an operation that took long."""
        timings = record.timings or OperationTimings()
        slowest = _slowest(timings)
        known = {
            "request_id": record.request_id,
            "operation_type": record.operation_type,
            "operation_name": record.operation_name[:NAME_LENGTH] if record.operation_name else None,
            "document_hash": document_digest(record.document) if record.document is not None else None,
            "outcome": record.outcome,
            "duration_ms": round(record.duration * 1000, 2),
            "database_ms": round(timings.database_seconds * 1000, 2),
            "waiting_ms": round(_waited(timings) * 1000, 2),
            "statements": timings.statements,
            "slowest": slowest,
        }
        fields = {name: value for name, value in known.items() if value is not None}
        log.warning("an operation took long", extra={"fields": fields})
        if slowest and self._explain is not None:
            self._begin_to_explain(self._explain, str(slowest[0]["sql"]), record.request_id)

    def _begin_to_explain(self, explain: Explain, sql: str, request_id: str) -> None:
        """Have a statement explained beside the requests, unless that was done a moment ago."""
        now = time.monotonic()
        if now >= self._next_plan and sql.lstrip().startswith(PLANNED) and len(sql) < SQL_CHARACTERS:
            self._next_plan = now + PLAN_INTERVAL_SECONDS
            self._explaining = asyncio.get_running_loop().create_task(_log_plan(explain, sql, request_id))


async def _log_plan(explain: Explain, sql: str, request_id: str) -> None:
    fields: dict[str, Any] = {"request_id": request_id, "sql": sql}
    try:
        fields["plan"] = await explain(sql)
    except Exception as error:  # noqa: BLE001  # nobody waits for it, and the operation is logged already
        log.info("there is no plan of a slow statement: %s", type(error).__name__, extra={"fields": fields})
    else:
        log.warning("the plan of a slow statement", extra={"fields": fields})


def _slowest(timings: OperationTimings) -> list[dict[str, Any]]:
    """Return the statements that took longest together, each with how often it was run and for how long."""
    durations: dict[str, list[float]] = defaultdict(list)
    for step in timings.steps:
        if step.kind is StepKind.STATEMENT:
            durations[step.sql[:SQL_CHARACTERS]].append(step.seconds)
    found = sorted(durations.items(), key=lambda each: sum(each[1]), reverse=True)[:MAX_STATEMENTS]
    return [{"sql": sql, "ms": round(sum(took) * 1000, 2), "times": len(took)} for sql, took in found]


def _waited(timings: OperationTimings) -> float:
    """Return the seconds that were waited for connections."""
    return sum(step.seconds for step in timings.steps if step.kind is StepKind.CONNECTION)
