"""Who looks at each operation: the log and the metrics, and where they are on the log of slow ones, and traces."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from atrium.logs import RequestRecord, log_request
from atrium.slow_operations import SlowOperationLog
from models.timings import OperationTimings

if TYPE_CHECKING:
    from atrium.tracing import Tracer  # whose packages are an extra

__all__ = ["OperationObserver", "load_tracer"]

_logger = logging.getLogger(__name__)


def load_tracer() -> "Tracer":
    """Return what sends spans by OTLP; for settings that were found servable."""
    from atrium.tracing import Tracer  # noqa: PLC0415  # its packages are an extra

    return Tracer()


class OperationObserver:
    """Looks at the operations of one application."""

    def __init__(
        self,
        count: Callable[[RequestRecord], None],
        tracer: "Tracer | None" = None,
        slow_log: SlowOperationLog | None = None,
    ) -> None:
        """Prepare it.

        Args:
            count: counts each finished operation.
            tracer: traces those that are sampled.
            slow_log: logs what took long.
        """
        self._count = count
        self._tracer = tracer
        self._slow_log = slow_log

    def begin_span(self, trace_parent: str | None, trace_state: str | None) -> Any:
        """Begin the span of a request by its headers: recorded where it is sampled, None where nothing is traced."""
        return None if self._tracer is None else self._tracer.start(trace_parent, trace_state)

    def start(self, record: RequestRecord) -> None:
        """Begin to look at an operation; one that came from the fast path may have a span already."""
        if self._tracer is not None:
            span = record.span or self._tracer.start(record.trace_parent, record.trace_state)
            record.span = span if span.is_recording() else None
        if record.timings is None and (record.span is not None or self._slow_log is not None):
            record.timings = OperationTimings()

    def new_timings(self) -> OperationTimings | None:
        """Return where an operation notes its steps that is not sampled; None where nobody will look."""
        return None if self._slow_log is None else OperationTimings()

    def wants_timings(self, record: RequestRecord) -> bool:
        """Return whether a finished operation took so long that its steps are logged."""
        return self._slow_log is not None and self._slow_log.is_slow(record)

    def finish(self, record: RequestRecord) -> None:
        """Log, count and trace a finished operation."""
        log_request(record)
        self._count(record)
        try:
            if self._slow_log is not None and self._slow_log.is_slow(record):
                self._slow_log.write(record)
            if record.span is not None and self._tracer is not None:
                self._tracer.finish(record)
        except Exception:  # it has been answered, and its connection is needed for the next one
            _logger.exception("an operation's steps were lost", extra={"fields": {"request_id": record.request_id}})
