"""Traces for OpenTelemetry: one span for each operation that is sampled, and one for each of its steps.

Spans are made when an operation is over, of what was noted meanwhile (`models.timings`), so that the layers below know
nothing of OpenTelemetry. What the standard variables `OTEL_*` name decides where spans go and which requests are
sampled. Needs the extra `otel`; import this module only where tracing is on.

No span holds a value that a client sent, but for the operation's name: documents, variables, headers and addresses stay
out, and SQL has placeholders.
"""

import asyncio
import re
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from atrium.logs import NAME_LENGTH, TRACE_PARENT, RequestRecord
from models.timings import StepKind, Timing

__all__ = ["Tracer", "summarize_statement"]

FLUSH_SECONDS = 2.0  # that the last spans have to be sent when the process ends
UNNAMED = "GraphQL Operation"  # what a span is called until the operation's type is known
SUMMARY_CHARACTERS = 255
MAX_SUMMARIES = 1_000

_SPAN_NAMES = {
    StepKind.PARSE: "graphql.parse",
    StepKind.VALIDATE: "graphql.validate",
    StepKind.PLAN: "graphql.plan",
    StepKind.CONNECTION: "db.connection.wait",
}
_VERB = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM|SELECT|SAVEPOINT|COMMIT)\b")
_TARGET = re.compile(r'\b(?:FROM|INSERT INTO|UPDATE)\s+"?([a-z_]+)')
_ROOT = Context()

# How the descriptions of samplers say that they drop what has no parent, or whose parent is not sampled.
_DROPPED_ALL = ("AlwaysOffSampler", "TraceIdRatioBased{0.0}")
_DROPPED_ROOTS = tuple(f"root:{name}," for name in _DROPPED_ALL)
_DROPPED_UNSAMPLED = "remoteParentNotSampled:AlwaysOffSampler"


class Tracer:
    """Traces the operations of one application."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        """Args: processor: what takes the spans; without one they are sent by OTLP over HTTP."""
        # The program's own name is a default: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come after it.
        own = Resource({"service.name": "atrium", "service.version": version("atrium")})
        resource = Resource.create().merge(own).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("atrium", version("atrium"))
        self._propagator = TraceContextTextMapPropagator()
        sampler = self._provider.sampler.get_description()
        self._drops_roots = any(name in sampler for name in _DROPPED_ROOTS) or sampler in _DROPPED_ALL
        self._drops_unsampled = _DROPPED_UNSAMPLED in sampler or sampler in _DROPPED_ALL

    def start(self, trace_parent: str | None, trace_state: str | None = None) -> Span:
        """Begin the span of a request, as a child of the span that its headers name; it may not be recorded."""
        if self._is_dropped(trace_parent):
            return trace.INVALID_SPAN
        context = _ROOT
        if trace_parent is not None:
            carrier = {"traceparent": trace_parent, "tracestate": trace_state or ""}
            context = self._propagator.extract(carrier, _ROOT)
        return self._tracer.start_span(UNNAMED, context, SpanKind.SERVER)

    def _is_dropped(self, trace_parent: str | None) -> bool:
        """Return whether it is plain that a request is not sampled, as of most; the sampler takes longer to say so."""
        parent = None if trace_parent is None else TRACE_PARENT.fullmatch(trace_parent)
        if parent is None:
            return self._drops_roots
        return self._drops_unsampled and not int(parent[3], 16) & trace.TraceFlags.SAMPLED

    def finish(self, record: RequestRecord) -> None:
        """End the span of a request, with one for each of its steps."""
        span = record.span
        if span is None:
            return
        span.update_name(record.operation_type or UNNAMED)
        span.set_attributes(_attributes(record))
        if record.error_code is not None:
            span.set_status(Status(StatusCode.ERROR))
        inner = trace.set_span_in_context(span, _ROOT)
        for timing in record.timings.steps if record.timings else ():
            self._add_step(inner, timing)
        span.end()

    def _add_step(self, context: Context, timing: Timing) -> None:
        if timing.kind is StepKind.STATEMENT:
            name, kind, attributes = _describe_statement(timing)
        else:
            name, kind, attributes = _SPAN_NAMES[timing.kind], SpanKind.INTERNAL, {}
        step = self._tracer.start_span(name, context, kind, attributes, start_time=timing.began)
        if timing.fault is not None:
            step.set_attribute("error.type", timing.fault)
            step.set_status(Status(StatusCode.ERROR))
        step.end(timing.ended)

    async def close(self) -> None:
        """Send what is left, for a moment; whoever does not take it by then does not get it."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self._provider.shutdown()
            loop.call_soon_threadsafe(sent.set)

        # A thread that nobody has to wait for, unlike those of the loop.
        threading.Thread(target=send, name="atrium-spans", daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await sent.wait()
        except TimeoutError:
            return


def _attributes(record: RequestRecord) -> dict[str, Any]:
    """Return what the span of a request says, by the semantic conventions of GraphQL and HTTP, and of Atrium's own."""
    known = {
        "graphql.operation.type": record.operation_type,
        "graphql.operation.name": record.operation_name[:NAME_LENGTH] if record.operation_name else None,
        "http.request.method": record.method if record.method in {"GET", "POST"} else None,
        "http.response.status_code": record.status or None,
        "http.route": record.path,
        "url.path": record.path,
        "url.scheme": "http",
        "error.type": record.error_code,
        "atrium.request_id": record.request_id,
        "atrium.outcome": record.outcome,
        "atrium.executor": record.executor,
        "atrium.document_id": record.document_id,
        "atrium.tenant_id": str(record.tenant_id) if record.tenant_id else None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _describe_statement(timing: Timing) -> tuple[str, SpanKind, dict[str, Any]]:
    """Return the name of a statement's span, its kind, and its attributes by the conventions for databases."""
    sql = timing.sql
    summary = summarize_statement(sql)
    attributes = {"db.system.name": "postgresql", "db.query.summary": summary, "db.query.text": sql}
    attributes |= _describe_server(timing.engine.url) if timing.engine is not None else {}
    if timing.fault is not None and re.fullmatch("[0-9A-Z]{5}", timing.fault):
        attributes["db.response.status_code"] = timing.fault
    return summary, SpanKind.CLIENT, attributes


def _describe_server(url: Any) -> Mapping[str, Any]:
    """Return the name and the address of a database; where its URL names several, it is not known which it is."""
    host = url.host or url.query.get("host")
    known = {
        "db.namespace": url.database,
        "server.address": host if isinstance(host, str) else None,
        "server.port": url.port or url.query.get("port"),
    }
    return {name: value for name, value in known.items() if value is not None}


@lru_cache(MAX_SUMMARIES)
def summarize_statement(sql: str) -> str:
    """Return what a statement does and to which tables, in a few words: `SELECT tasks`, or `COMMIT`."""
    summary = " ".join(_summary_words(sql))
    return summary[:SUMMARY_CHARACTERS].rpartition(" ")[0] if len(summary) > SUMMARY_CHARACTERS else summary


def _summary_words(sql: str) -> Iterator[str]:
    verbs = _VERB.findall(sql)
    changing = [verb for verb in verbs if verb not in {"SELECT", "COMMIT"}]
    yield (changing or verbs or ["UNKNOWN"])[0].split()[0]
    yield from dict.fromkeys(_TARGET.findall(sql))
