"""What is logged: one line per request and one per event, on standard error, as JSON.

A line never holds variables, tokens or other secrets: a request leaves only what `RequestRecord` names, and an
exception only what `atrium.exception_text` leaves of it. On a terminal in development the same lines are written for
people to read.
"""

import json
import logging
import re
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TextIO
from urllib.parse import quote

import orjson

from atrium.exception_text import describe_exception, hide_quoted
from models.timings import OperationTimings

NAME_LENGTH = 100  # characters of an operation's name that are kept

# Version, trace, span and flags of https://www.w3.org/TR/trace-context-1/#traceparent-header; versions after 00 may say
# more behind them.
TRACE_PARENT = re.compile(
    r"(?!ff)(?!00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)

_QUIET_PATHS = ("/healthz", "/readyz", "/metrics", "/explorer/", "/app/")
_SERVER_ERROR = 500
_request_logger = logging.getLogger("atrium.request")

OperationType = Literal["query", "mutation", "subscription"]
Executor = Literal["compiler", "reference"]
RequestOutcome = Literal["ok", "error", "refused", "timeout", "unavailable", "internal", "abandoned"]


@dataclass(slots=True)
class RequestRecord:
    """What one request, or one operation on a WebSocket, leaves in the log and in the metrics.

    The HTTP layer creates it. Whoever runs the operation fills in `operation_name`, `operation_type`,
    `tenant_id`, `user_id`, `executor` and `statements` (how many the database was sent). `outcome` is `ok` for an
    answer without errors, `error` for one with data and errors, `refused` where nothing was executed, `timeout`,
    `internal` for a fault of Atrium's, `abandoned` when the client went away. `duration` is in seconds; `is_arriving`
    is true while the body is read, `took_fast_path` where it was answered past all layers; `document_id` is that of the
    trusted document that was asked for, `document` the text of whatever runs; `trace_parent` and `trace_state` are the
    request's headers `traceparent` and `tracestate`, as they came. `error_code` is that of a fault, one whose status is
    500 or more. `span` is OpenTelemetry's, of an operation that is traced, and `timings` are there where anybody will
    look at them.
    """

    request_id: str
    method: str = ""
    path: str = ""
    client_address: str | None = None
    user_agent: str | None = None
    trace_parent: str | None = None
    trace_state: str | None = None
    operation_name: str | None = None
    operation_type: OperationType | None = None
    document_id: str | None = None
    document: str | None = None
    tenant_id: object = None
    user_id: object = None
    statements: int = 0
    executor: Executor | None = None
    is_arriving: bool = False
    took_fast_path: bool = False
    status: int = 0
    outcome: RequestOutcome = "ok"
    error_code: str | None = None
    span: Any = None
    timings: OperationTimings | None = None
    started: float = field(default_factory=time.perf_counter)
    duration: float = 0.0

    def finish(self) -> None:
        """Fix the duration: the time since the record was made."""
        self.duration = time.perf_counter() - self.started

    def fields(self) -> dict[str, object]:
        """Return what is logged of this request; what is not known is left out."""
        trace = TRACE_PARENT.fullmatch(self.trace_parent) if self.trace_parent else None
        own = self.span and self.span.get_span_context()
        known = {
            "request_id": self.request_id,
            "trace_id": f"{own.trace_id:032x}" if own else trace and trace[1],
            "parent_id": trace and trace[2],
            "span_id": f"{own.span_id:016x}" if own else None,
            "status": self.status or None,
            "outcome": self.outcome,
            "duration_ms": round(self.duration * 1000, 2),
            "operation_type": self.operation_type,
            "operation_name": self.operation_name[:NAME_LENGTH] if self.operation_name else None,
            "document_id": self.document_id,
            "executor": self.executor,
            "statements": self.statements if self.operation_type else None,
            "tenant_id": str(self.tenant_id) if self.tenant_id else None,
            "user_id": str(self.user_id) if self.user_id else None,
            "client_address": self.client_address,
        }
        return {name: value for name, value in known.items() if value is not None}


def log_request(record: RequestRecord) -> None:
    """Write the line of a finished request: a warning for a fault, debug for a probe or a page's files."""
    level = logging.DEBUG if record.path.startswith(_QUIET_PATHS) else logging.INFO
    if record.status >= _SERVER_ERROR or record.outcome == "internal":
        level = logging.WARNING
    if _request_logger.isEnabledFor(level):
        message = f"{record.method} {quote(record.path, safe='/.')}"
        line = _request_logger.makeRecord(
            _request_logger.name, level, "", 0, message, (), None, extra={"fields": record.fields()}
        )
        _request_logger.handle(line)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, the fields of a request, an exception's trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        line: dict[str, object] = {
            "time": _timestamp(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = describe_exception(record.exc_info[1])
        try:
            return orjson.dumps(line).decode()
        except TypeError:  # half a surrogate pair in a message: ASCII with escapes can still carry it
            return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """The same lines for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        fields = dict(getattr(record, "fields", {}))
        words = [_timestamp(record).astimezone().strftime("%H:%M:%S"), record.levelname.lower().ljust(7)]
        words.append(_message(record))
        words += [f"{name}={value}" for name, value in fields.items()]
        text = " ".join(words)
        return f"{text}\n{describe_exception(record.exc_info[1])}" if record.exc_info and record.exc_info[1] else text


def _message(record: logging.LogRecord) -> str:
    """Return what a record says; asyncio's own name what failed as it is written in Python."""
    message = record.getMessage()
    return hide_quoted(message) if record.name == "asyncio" else message


def _timestamp(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _is_logged(record: logging.LogRecord) -> bool:
    # The server's line of a handshake holds the query string, which may hold anything. The socket's own line
    # says the rest.
    message = str(record.msg)
    return not message.startswith(('%s - "WebSocket', "connection rejected")) and message not in {
        "connection open",
        "connection closed",
    }


def configure(level: str, *, production: bool, stream: TextIO | None = None) -> None:
    """Send all logging to standard error (or `stream`), the server's included, from `level` upwards.

    Lines are JSON, or text where the stream is a terminal and this is not production. The server is to be
    started with `log_config=None` and `access_log=False`, so that it leaves this alone.
    """
    stream = stream or sys.stderr
    # Nothing prints these, and gathering them costs more than the rest of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(stream)
    readable = not production and stream.isatty()
    handler.setFormatter(TextFormatter() if readable else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("alembic").setLevel(logging.WARNING)  # the readiness check would log two lines each time
    server = logging.getLogger("uvicorn.error")
    if _is_logged not in server.filters:
        server.addFilter(_is_logged)
    logging.captureWarnings(capture=True)
