"""The application with traces that stay in this process, and a look at every span for what may not be in it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from atrium.tracing import Tracer
from tests.conftest import Urls
from tests.support.client import App, run_app
from tests.support.sent_values import SENT


@dataclass
class Spans:
    """The spans that were finished so far."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    @property
    def all(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    @property
    def roots(self) -> list[ReadableSpan]:
        """Those of requests and operations."""
        return [span for span in self.all if span.attributes is not None and "atrium.outcome" in span.attributes]

    @property
    def root(self) -> ReadableSpan:
        """The only one of these."""
        (span,) = self.roots
        return span

    def names_below(self, parent: ReadableSpan) -> list[str]:
        """The names of a span's children, in their order."""
        children = [span for span in self.all if span.parent and span.parent.span_id == parent.context.span_id]
        return [span.name for span in sorted(children, key=lambda span: span.start_time or 0)]

    def clear(self) -> None:
        """Forget what was before."""
        self.exporter.clear()


@pytest.fixture
def sampler() -> str:
    """As OTEL_TRACES_SAMPLER has it."""
    return "parentbased_always_on"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch, sampler: str) -> Iterator[Spans]:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    SENT.values.clear()
    SENT.is_taking = True
    spans = Spans()
    yield spans
    SENT.is_taking = False
    told = "\n".join(span.to_json() for span in spans.all)
    assert [value for value in SENT.values if value in told] == [], "a span holds what a client sent"


@pytest.fixture
def tracer(spans: Spans) -> Tracer:
    return Tracer(SimpleSpanProcessor(spans.exporter))


@pytest.fixture
async def app(urls: Urls, tracer: Tracer) -> AsyncIterator[App]:
    async with run_app(urls, tracer=tracer, compiler=True) as app:
        yield app
