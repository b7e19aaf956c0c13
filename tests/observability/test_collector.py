"""A process that sends its spans to a collector: what arrives there, and what it costs if there is none."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from atrium.tracing import FLUSH_SECONDS
from tests.conftest import Urls
from tests.support.server_process import served

SOON = 5 * 3  # seconds, with slack for a slow machine
QUERY = {"query": "query Mine { viewer { __typename } }"}
NEVER_BY_ITSELF = "600000"  # milliseconds


@dataclass
class Collector:
    """A receiver of OTLP over HTTP; one that is stuck takes everything and answers nothing."""

    is_stuck: bool = False
    port: int = 0
    paths: list[str] = field(default_factory=list)
    received: list[ExportTraceServiceRequest] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                self.paths.append(head.split()[1])
                self.received.append(ExportTraceServiceRequest.FromString(await reader.readexactly(length)))
                if self.is_stuck:
                    await reader.read()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    def texts(self, name: str) -> set[str]:
        """The values of an attribute of the resources."""
        resources = [each.resource for request in self.received for each in request.resource_spans]
        return {a.value.string_value for resource in resources for a in resource.attributes if a.key == name}

    @property
    def names(self) -> list[str]:
        """The names of all spans."""
        scopes = [scope for request in self.received for each in request.resource_spans for scope in each.scope_spans]
        return [span.name for scope in scopes for span in scope.spans]


@contextlib.asynccontextmanager
async def collecting(monkeypatch: pytest.MonkeyPatch, *, is_stuck: bool = False) -> AsyncIterator[Collector]:
    """A collector, and the variables that lead to it; spans are sent when the process ends."""
    collector = Collector(is_stuck)
    server = await asyncio.start_server(collector.serve, "127.0.0.1")
    collector.port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", NEVER_BY_ITSELF)
    try:
        yield collector
    finally:
        server.close()


async def ask(url: str, times: int) -> float:
    """Send so many queries; gives the longest time of one."""
    longest = 0.0
    async with httpx.AsyncClient(base_url=url) as http:
        for _ in range(times):
            began = time.monotonic()
            answer = await http.post("/graphql", json=QUERY)
            assert answer.status_code == httpx.codes.OK
            longest = max(longest, time.monotonic() - began)
    return longest


@pytest.mark.parametrize("name", [None, "shop"])
async def test_spans_arrive_before_the_process_has_ended(
    urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    if name is not None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    async with collecting(monkeypatch) as collector:
        async with served(urls, tmp_path, tracing="on") as process:
            await ask(process.url, 3)
            assert collector.received == []
            process.terminate()
            await process.wait(SOON)
        assert set(collector.paths) == {"/v1/traces"}
        assert collector.texts("service.name") == {name or "atrium"}
        assert collector.names.count("query") == 3
        assert "graphql.parse" in collector.names


async def test_a_collector_that_is_stuck_holds_nobody_up(
    urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with collecting(monkeypatch, is_stuck=True) as collector:
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
        async with served(urls, tmp_path, tracing="on") as process:
            await ask(process.url, 1)
            async with asyncio.timeout(SOON):
                while not collector.received:  # from then on the exporter waits
                    await asyncio.sleep(0.01)
            assert await ask(process.url, 50) < 1
            process.terminate()
            assert await process.wait(SOON) < FLUSH_SECONDS + 3


async def test_no_collector_costs_nobody_a_request(urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with collecting(monkeypatch) as collector:
        pass  # its port is free from now on
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    async with served(urls, tmp_path, tracing="on") as process:
        assert await ask(process.url, 50) < 1
        process.terminate()
        assert await process.wait(SOON) < FLUSH_SECONDS + 3
    assert collector.received == []
    assert [line for line in process.lines if "Traceback" in line] == []
    assert [line for line in process.lines if "/v1/traces" in line], "the log says so"
