"""What is measured, for Prometheus: operations, their time, their statements, reads by node, pools and caches.

Each application has its own registry, so two of them in one process (tests, say) count apart.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
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
        what = "GraphQL operations by type and outcome."
        operations = Counter("atrium_operations", what, ("type", "outcome"), registry=self.registry)
        fast = "GraphQL operations that were answered on the fast path."
        self._fast_path = Counter("atrium_fast_path_operations", fast, registry=self.registry)
        seconds = Histogram(
            "atrium_operation_seconds",
            "Time from request to answer; of a subscription or a socket's operation, its whole life.",
            ("type",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        statements = Histogram(
            "atrium_operation_statements",
            "Database statements of one operation.",
            ("type",),
            buckets=_STATEMENTS,
            registry=self.registry,
        )
        asked = "GraphQL operations by the trusted document that was asked for."
        self._documents = Counter("atrium_document_operations", asked, ("document",), registry=self.registry)
        who = "GraphQL operations by the executor that ran them: one compiled statement, or the reference."
        executions = Counter("atrium_executions", who, ("executor",), registry=self.registry)
        why = "Read units by the node that served them and why it did."
        reads = Counter("atrium_reads", why, ("node", "why"), registry=self.registry)
        # Looked up once: every series exists from the start, and counting one costs little.
        kinds = (*get_args(OperationType), UNKNOWN)
        self._counts = {(kind, how): operations.labels(kind, how) for kind in kinds for how in get_args(RequestOutcome)}
        self._reads = cache(reads.labels)
        self._executions = {executor: executions.labels(executor) for executor in get_args(Executor)}
        self._histograms = {kind: (seconds.labels(kind), statements.labels(kind)) for kind in kinds}
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
        kind = record.operation_type or UNKNOWN
        self._counts[kind, record.outcome].inc()
        if record.executor is not None:
            self._executions[record.executor].inc()
        if record.took_fast_path:
            self._fast_path.inc()
        if record.document_id is not None:
            self._documents.labels(record.document_id).inc()
        seconds, statements = self._histograms[kind]
        seconds.observe(record.duration)
        statements.observe(record.statements)

    def count_read(self, node: str, why: str) -> None:
        """Count one read session."""
        self._reads(node, why).inc()

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def route(self) -> Route:
        """`GET /metrics`."""

        async def metrics(_request: Request) -> Response:
            return Response(self.render(), headers={"content-type": CONTENT_TYPE_LATEST})

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
