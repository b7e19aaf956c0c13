"""What is measured, for Prometheus: operations, their time, their statements, reads by node, pools and caches.

Each application has its own registry, so two of them in one process (tests, say) count apart.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, product
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.logs import Executor, OperationType, RequestOutcome, RequestRecord
from models.lru import CacheUsage

UNKNOWN = "unknown"

PoolUsage = Callable[[], Mapping[str, Mapping[str, float]]]
CacheUsages = Callable[[], Mapping[str, CacheUsage]]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_STATEMENTS = (0, 1, 2, 4, 8, 16, 32, 64)


class Tally:
    """Values counted by upper bounds: a histogram of the registry would take four times as long for each."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, label: str) -> None:
        """Add it to what is shown, under a label."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        family.add_metric([label], list(zip(names, accumulate(self._counts), strict=True)), self._sum)


class OperationTallies(Collector):
    """Operations that were counted, and their time and statements."""

    def __init__(self) -> None:
        # Every series exists from the start.
        kinds = (*get_args(OperationType), UNKNOWN)
        self._counts = dict.fromkeys(product(kinds, get_args(RequestOutcome)), 0)
        self._executions = dict.fromkeys(get_args(Executor), 0)
        self._seconds = {kind: Tally(_SECONDS) for kind in kinds}
        self._statements = {kind: Tally(_STATEMENTS) for kind in kinds}
        self._fast = 0

    def observe(self, record: RequestRecord) -> None:
        """Count one finished operation."""
        kind = record.operation_type or UNKNOWN
        self._counts[kind, record.outcome] += 1
        if record.executor is not None:
            self._executions[record.executor] += 1
        self._fast += record.took_fast_path
        self._seconds[kind].observe(record.duration)
        self._statements[kind].observe(record.statements)

    def collect(self) -> Iterator[Metric]:
        """Everything that was counted."""
        what = "GraphQL operations by type and outcome."
        operations = CounterMetricFamily("atrium_operations", what, labels=("type", "outcome"))
        for labels, count in self._counts.items():
            operations.add_metric(labels, count)
        who = "GraphQL operations by the executor that ran them: one compiled statement, or the reference."
        executions = CounterMetricFamily("atrium_executions", who, labels=("executor",))
        for executor, count in self._executions.items():
            executions.add_metric([executor], count)
        fast = "GraphQL operations that were answered on the fast path."
        seconds = HistogramMetricFamily(
            "atrium_operation_seconds",
            "Time from request to answer; of a subscription or a socket's operation, its whole life.",
            labels=("type",),
        )
        statements = HistogramMetricFamily(
            "atrium_operation_statements", "Database statements of one operation.", labels=("type",)
        )
        for family, tallies in ((seconds, self._seconds), (statements, self._statements)):
            for kind, tally in tallies.items():
                tally.add_to(family, kind)
        yield from (operations, executions, seconds, statements)
        yield CounterMetricFamily("atrium_fast_path_operations", fast, value=self._fast)


class Metrics:
    """The registry of one application.

    `pool_usage` is asked whenever the metrics are read, and answers per pool how many connections are in which
    state: `{"primary": {"size": 10, "in_use": 3}}`. `cache_usages` is asked as well, and answers how much each cache
    holds; `subscriptions`, how many are open.
    """

    def __init__(
        self,
        pool_usage: PoolUsage | None = None,
        cache_usages: CacheUsages | None = None,
        subscriptions: Callable[[], int] | None = None,
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series, and nothing reads them
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._operations = OperationTallies()
        self.registry.register(self._operations)
        asked = "GraphQL operations by the trusted document that was asked for."
        self._documents = Counter("atrium_document_operations", asked, ("document",), registry=self.registry)
        why = "Read units by the node that served them and why it did."
        reads = Counter("atrium_reads", why, ("node", "why"), registry=self.registry)
        self._reads = cache(reads.labels)
        self._register_gauges(pool_usage, cache_usages, subscriptions)

    def _register_gauges(
        self,
        pool_usage: PoolUsage | None,
        cache_usages: CacheUsages | None,
        subscriptions: Callable[[], int] | None,
    ) -> None:
        if subscriptions is not None:
            opened = Gauge("atrium_subscriptions", "Subscriptions that are open.", registry=self.registry)
            opened.set_function(subscriptions)
        if pool_usage is not None:
            self.registry.register(_PoolUsageCollector(pool_usage))
        if cache_usages is not None:
            self.registry.register(_CacheCollector(cache_usages))

    def observe(self, record: RequestRecord) -> None:
        """Count one finished operation.

        Its type is one of three, or unknown where nothing was executed.
        """
        self._operations.observe(record)
        if record.document_id is not None:
            self._documents.labels(record.document_id).inc()

    def count_read(self, node: str, why: str) -> None:
        """Count one read session."""
        self._reads(node, why).inc()

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    async def render_now(self) -> bytes:
        """Return the same to who awaits it."""
        return self.render()


def metrics_endpoint(render: Callable[[], Awaitable[bytes]]) -> Route:
    """Return `GET /metrics`, which answers what `render` returns."""

    async def metrics(_request: Request) -> Response:
        return Response(await render(), headers={"content-type": CONTENT_TYPE_LATEST})

    return Route("/metrics", metrics, methods=["GET"])


class _PoolUsageCollector(Collector):
    """Reads the pools when the metrics are read."""

    def __init__(self, pool_usage: PoolUsage) -> None:
        self._pool_usage = pool_usage

    def collect(self) -> Iterator[Metric]:
        """The connections of each pool by state."""
        gauge = GaugeMetricFamily("atrium_pool_connections", "Connections by pool and state.", labels=("pool", "state"))
        for pool, states in self._pool_usage().items():
            for state, count in states.items():
                gauge.add_metric((pool, state), count)
        yield gauge


class _CacheCollector(Collector):
    """Reads the caches when the metrics are read."""

    def __init__(self, cache_usages: CacheUsages) -> None:
        self._cache_usages = cache_usages

    def collect(self) -> Iterator[Metric]:
        """The bytes and the entries of each cache."""
        sizes = GaugeMetricFamily("atrium_cache_bytes", "Bytes that each cache takes, as estimated.", labels=("cache",))
        entries = GaugeMetricFamily("atrium_cache_entries", "Entries of each cache.", labels=("cache",))
        for name, usage in self._cache_usages().items():
            sizes.add_metric((name,), usage.bytes)
            entries.add_metric((name,), usage.entries)
        yield from (sizes, entries)
