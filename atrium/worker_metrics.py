"""Metrics of all workers in one answer, whichever of them is asked.

Each worker answers at a unix socket of its own, named by its process id, with its metrics in Prometheus' text format.
The one that is asked reads the others', and labels every series with the process it is of: a counter that begins anew
with a new process is then a series of its own, as Prometheus expects it.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

__all__ = ["LABEL", "WorkerMetrics"]

LABEL = "worker"
READ_SECONDS = 2.0  # that another worker has to answer


class WorkerMetrics:
    """The metrics of the workers of one supervisor, seen from one of them."""

    def __init__(self, folder: Path, render: Callable[[], bytes]) -> None:
        """Args: folder: where the workers meet; render: returns the metrics of this one."""
        self._folder = folder
        self._render = render
        self._path = folder / str(os.getpid())

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Answer the other workers meanwhile."""
        server = await asyncio.start_unix_server(self._answer, self._path)
        try:
            yield
        finally:
            server.close()
            self._path.unlink(missing_ok=True)

    async def render_all(self) -> bytes:
        """Return the metrics of all workers that answer."""
        others = [path for path in sorted(self._folder.iterdir()) if path != self._path]
        texts = await asyncio.gather(*map(self._read, others))
        names = [self._path.name, *(path.name for path in others)]
        registry = CollectorRegistry()
        registry.register(_Merged(zip(names, [self._render(), *texts], strict=True)))
        return generate_latest(registry)

    async def _answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(self._render())
            await writer.drain()
            writer.close()

    async def _read(self, path: Path) -> bytes:
        try:
            async with asyncio.timeout(READ_SECONDS):
                reader, writer = await asyncio.open_unix_connection(path)
                text = await reader.read()
                writer.close()
        except OSError:  # it was killed, or does not answer in time
            return b""
        return text


class _Merged(Collector):
    """The families of several texts, each family once."""

    def __init__(self, texts: Iterable[tuple[str, bytes]]) -> None:
        self._families: dict[str, Metric] = {}
        for worker, text in texts:
            for family in text_string_to_metric_families(text.decode()):
                merged = self._families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    merged.add_sample(sample.name, {**sample.labels, LABEL: worker}, sample.value)

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        return self._families.values()
