"""What is seen of a run from outside, minute by minute, and what became of it in the end."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg
from rich.table import Table

from bench.open_loop import percentile
from bench.soak.clients import Figures
from bench.soak.followers import Follower
from bench.soak.nodes import Node
from bench.soak.traffic import NEW_TASK, Traffic

__all__ = ["COLUMNS", "Sample", "find_losses", "growth", "tables", "take_sample"]

DATABASE_QUERY = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'atrium%') AS connections,
    (SELECT 1000 * extract(epoch FROM coalesce(max(replay_lag), '0')) FROM pg_stat_replication) AS replica_lag,
    pg_database_size(current_database()) / 1048576 AS size
"""
UNKNOWN = "?"  # while the database is away
COLUMNS = (
    *("minute", "answered/s", "p50 ms", "p99 ms", "sent again", "failed", "stale"),
    *("memory MB", "handles", "connections", "feed p99 ms", "replica ms", "database MB", "what happened"),
)


@dataclass(frozen=True)
class Sample:
    """One period."""

    minute: float
    per_second: float
    p50: float
    """Milliseconds from the moment when a request was due; so those below."""
    p99: float
    retries: int
    failures: int
    stale: int
    memory: tuple[float, ...]
    """MB of each node."""
    handles: tuple[int, ...]
    database: dict[str, float]
    feed_p99: float
    """Milliseconds from the answer to the one who wrote until a follower was told."""
    events: tuple[str, ...]

    def cells(self) -> list[str]:
        """Return its row."""
        figures = {name: f"{value:.0f}" for name, value in self.database.items()}
        return [
            f"{self.minute:.0f}",
            f"{self.per_second:.1f}",
            *(f"{figure:.0f}" for figure in (self.p50, self.p99)),
            *(str(count) for count in (self.retries, self.failures, self.stale)),
            " + ".join(f"{each:.0f}" for each in self.memory),
            " + ".join(map(str, self.handles)),
            figures.get("connections", UNKNOWN),
            f"{self.feed_p99:.0f}",
            *(figures.get(name, UNKNOWN) for name in ("replica_lag", "size")),
            ", ".join(self.events),
        ]


async def take_sample(
    minute: float, seconds: float, figures: Figures, nodes: Sequence[Node], url: str, events: Iterable[str]
) -> Sample:
    """Return what a period had."""
    try:
        superuser = await asyncpg.connect(url)
        database = {name: float(value) for name, value in (await superuser.fetchrow(DATABASE_QUERY) or {}).items()}
        await superuser.close()
    except (asyncpg.PostgresError, OSError):  # it is one of those minutes
        database = {}
    resources = [node.resources() for node in nodes]
    latencies = [each for kind in figures.latencies.values() for each in kind]
    return Sample(
        minute=minute,
        per_second=len(latencies) / seconds,
        p50=1000 * percentile(latencies, 0.5),
        p99=1000 * percentile(latencies, 0.99),
        retries=figures.retries.total(),
        failures=len(figures.failures),
        stale=figures.stale,
        memory=tuple(memory for memory, _ in resources),
        handles=tuple(handles for _, handles in resources),
        database=database,
        feed_p99=1000 * percentile(figures.feed, 0.99),
        events=tuple(events),
    )


def tables(total: Figures, samples: Sequence[Sample]) -> tuple[Table, Table]:
    """Return the periods, and the kinds of requests in all of them."""
    periods = Table(*COLUMNS)
    for sample in samples:
        periods.add_row(*sample.cells())
    kinds = Table("requests", "answered", "p50 ms", "p99 ms", "slowest ms")
    for kind, seconds in sorted(total.latencies.items()):
        shares = (percentile(seconds, share) for share in (0.5, 0.99, 1))
        kinds.add_row(kind, f"{len(seconds):,}", *(f"{1000 * each:.0f}" for each in shares))
    return periods, kinds


def growth(samples: Sequence[Sample]) -> list[str]:
    """Return how memory and handles have grown, in words: the last third beside the second."""
    third = len(samples) // 3
    if not third:
        return []
    middle, last = samples[third : 2 * third], samples[2 * third :]
    found = []
    for name, read in {"memory, MB": lambda each: sum(each.memory), "handles": lambda each: sum(each.handles)}.items():
        before, after = (statistics.median(read(each) for each in part) for part in (middle, last))
        found.append(f"{name}: {before:.0f} in the second third, {after:.0f} in the last")
    return found


async def find_losses(traffic: Traffic, followers: Sequence[Follower], url: str) -> list[str]:
    """Return what is wrong with what was acknowledged, in words."""
    superuser = await asyncpg.connect(url)
    rows = await superuser.fetch("SELECT id::text, title FROM tasks WHERE title LIKE $1", f"{NEW_TASK}%")
    await superuser.close()
    wanted = set(traffic.created)
    wrong = [f"{id_} was acknowledged and is lost" for id_ in wanted - {f"Task:{row['id']}" for row in rows}]
    if doubled_titles := len(rows) - len({row["title"] for row in rows}):
        wrong.append(f"{doubled_titles} tasks are there twice")
    for number, follower in enumerate(followers):
        missed = wanted - set(follower.created)
        doubled = [id_ for id_, count in follower.created.items() if count > 1]
        if missed or doubled or follower.disorders:
            wrong.append(
                f"follower {number}: {len(missed)} missed, {len(doubled)} doubled, {follower.disorders} out of order"
            )
    return wrong
