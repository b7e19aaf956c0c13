"""What is sampled: as the standard variables have it, also where that is plain without asking the sampler."""

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from atrium.tracing import Tracer, summarize_statement

PREFIX = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
PARENTS = (None, *(f"{PREFIX}-{flags}" for flags in ("00", "01", "02", "03", "zz")), "", "no such thing")


@pytest.mark.parametrize("ratio", ["0", "1", None])
@pytest.mark.parametrize("kind", ["always_on", "always_off", "traceidratio"])
@pytest.mark.parametrize("prefix", ["", "parentbased_"])
def test_the_sampler_decides(monkeypatch: pytest.MonkeyPatch, prefix: str, kind: str, ratio: str | None) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", prefix + kind)
    if ratio is not None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
    tracer = Tracer(SimpleSpanProcessor(InMemorySpanExporter()))
    plain, propagator = TracerProvider().get_tracer("plain"), TraceContextTextMapPropagator()
    for parent in PARENTS:
        context = propagator.extract({"traceparent": parent} if parent is not None else {}, Context())
        expected = plain.start_span("any", context).is_recording()
        assert tracer.start(parent).is_recording() == expected, parent


@pytest.mark.parametrize(
    ("sql", "summary"),
    [
        ("COMMIT", "COMMIT"),
        ("SELECT 1 FROM atrium_enter(:a)", "SELECT atrium_enter"),
        ("INSERT INTO tasks (id) SELECT id FROM drafts", "INSERT tasks drafts"),
        ("WITH one AS (SELECT 1) UPDATE tasks SET title = $1", "UPDATE tasks"),
        ("DELETE FROM tasks WHERE id IN (SELECT task_id FROM comments)", "DELETE tasks comments"),
        ("SAVEPOINT one", "SAVEPOINT"),
    ],
)
def test_a_summary_is_short_and_has_no_values(sql: str, summary: str) -> None:
    assert summarize_statement(sql) == summary


def test_a_long_summary_ends_between_two_words() -> None:
    tables = [f"table_{letter * 9}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    summary = summarize_statement("SELECT 1 " + " ".join(f"FROM {table}" for table in tables))
    assert len(summary) <= 255
    assert set(summary.split()[1:]) < set(tables)
