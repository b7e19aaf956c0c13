"""Who looks at each operation from its beginning to its end: the log, the metrics, and where they are on the traces."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from atrium.logs import RequestRecord, log_request
from models.timings import OperationTimings

if TYPE_CHECKING:
    from atrium.tracing import Tracer  # whose packages are an extra

__all__ = ["OperationObserver", "load_tracer"]


def load_tracer() -> "Tracer":
    """Return what sends spans by OTLP; for settings that were found servable."""
    from atrium.tracing import Tracer  # noqa: PLC0415  # its packages are an extra

    return Tracer()


class OperationObserver:
    """Looks at the operations of one application."""

    def __init__(self, count: Callable[[RequestRecord], None], tracer: "Tracer | None" = None) -> None:
        """Args: count: counts each finished operation; tracer: traces those that are sampled."""
        self._count = count
        self._tracer = tracer

    def begin_span(self, trace_parent: str | None, trace_state: str | None) -> Any:
        """Begin the span of a request by its headers: recorded where it is sampled, None where nothing is traced."""
        return None if self._tracer is None else self._tracer.start(trace_parent, trace_state)

    def start(self, record: RequestRecord) -> None:
        """Begin to look at an operation; one that came from the fast path may have a span already."""
        if self._tracer is None:
            return
        span = record.span or self._tracer.start(record.trace_parent, record.trace_state)
        record.span = span if span.is_recording() else None
        if record.span is not None:
            record.timings = OperationTimings()

    def finish(self, record: RequestRecord) -> None:
        """Log, count and trace a finished operation."""
        log_request(record)
        self._count(record)
        if record.span is not None and self._tracer is not None:
            self._tracer.finish(record)
