"""Traces and the fast path: what is not sampled takes it as ever, what is sampled leaves it, and nobody asks twice."""

from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from atrium.tracing import Tracer
from tests.support.raw_http import TASKS, Server, body_of, request, token_of

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = (f"traceparent: 00-{TRACE}-{PARENT}-{flags}" for flags in ("01", "00"))


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What the sampler was asked for, by the parent of each."""
    asked: list[str | None] = []
    start = Tracer.start

    def noted(self: Tracer, trace_parent: str | None, trace_state: str | None = None) -> Any:
        asked.append(trace_parent)
        return start(self, trace_parent, trace_state)

    monkeypatch.setattr(Tracer, "start", noted)
    return asked


@pytest.fixture
def settings(
    exporter: InMemorySpanExporter, asked: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    asked.clear()
    return {"tracer": Tracer(SimpleSpanProcessor(exporter))}


async def test_only_what_is_sampled_leaves_the_fast_path(
    server: Server, exporter: InMemorySpanExporter, asked: list[str | None]
) -> None:
    token = token_of(server)
    plain, sampled = request(body_of(TASKS), token=token), request(body_of(TASKS), SAMPLED, token=token)
    unsampled = request(body_of(TASKS), UNSAMPLED, token=token)
    await server.warm(plain)
    asked.clear()
    async with server.connect(fast=True) as connection:
        for each, fast, spans in (
            *((plain, 1, 0), (unsampled, 1, 0), (sampled, 0, 1), (plain, 1, 0)),
            *((sampled + plain, 0, 1), (plain, 1, 0)),
        ):
            exporter.clear()
            before = await server.count_fast()
            await connection.send(each)
            for _ in range(each.count(b"POST /graphql")):
                assert b"200 OK" in await connection.answer()
            assert await server.count_fast() == before + fast
            found = [span for span in exporter.get_finished_spans() if span.name == "query"]
            assert len(found) == spans
    assert len(asked) == 7, "each request was sampled once"


async def test_the_line_of_a_sampled_request_names_its_span(server: Server, exporter: InMemorySpanExporter) -> None:
    token = token_of(server)
    for line, is_sampled in ((SAMPLED, True), (UNSAMPLED, False)):
        exporter.clear()
        assert b"200 OK" in await server.ask(request(body_of(TASKS), line, token=token), fast=True)
        logged = server.lines[-1]
        assert (logged["trace_id"], logged["parent_id"]) == (TRACE, PARENT)
        roots = [span for span in exporter.get_finished_spans() if span.name == "query"]
        assert [f"{span.context.span_id:016x}" for span in roots] == ([logged["span_id"]] if is_sampled else [])


@pytest.mark.parametrize("line", [SAMPLED, UNSAMPLED, None], ids=["sampled", "unsampled", "no parent"])
async def test_what_the_fast_path_hands_on_is_sampled_once(
    server: Server, asked: list[str | None], line: str | None
) -> None:
    """A document that nobody sent before cannot be answered there."""
    token = token_of(server)
    await server.warm(request(body_of(TASKS), token=token))
    asked.clear()
    new = request(body_of("{ __typename }"), *([line] if line else ()), token=token)
    assert b"200 OK" in await server.ask(new, fast=True)
    assert len(asked) == 1
