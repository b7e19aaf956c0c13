"""Servers on one database, loaded in turns: the medians of what the same operations take of each."""

import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.load import Sample, build_requests, measure_undisturbed
from bench.queries import OPERATIONS
from bench.servers import RunningServer

__all__ = ["compare_servers"]

SECONDS = 2.0  # of load in a round
FIGURES = {"requests/s": ("per_second", 0), "p50 ms": ("p50", 1)} | {
    f"{whose} CPU ms": (f"{whose}_cpu", 3) for whose in ("server", "database")
}
"""What of a sample is shown, with how many decimal places, by what the table calls it."""


async def compare_servers(servers: Mapping[str, RunningServer], names: Sequence[str], rounds: int) -> Table:
    """Load servers with operations, and return the medians of the rounds; a round before them warms up.

    Args:
        servers: by what the table calls them.
        names: of operations in `bench.queries`.
        rounds: in each of which every server has its turn.
    """
    table = Table("operation", "way", *FIGURES, title="Medians of the rounds", title_justify="left")
    for name in names:
        taken: dict[str, list[Sample]] = {way: [] for way in servers}
        for draw in range(1, rounds + 2):
            for way, server in servers.items():
                requests = build_requests(OPERATIONS[name], server, draw=draw)
                taken[way].append(await measure_undisturbed(server, OPERATIONS[name], requests, SECONDS))
        for way, samples in taken.items():
            table.add_row(name, way, *_medians(samples[1:]))
    return table


def _medians(samples: Sequence[Sample]) -> list[str]:
    return [
        f"{statistics.median(getattr(sample, figure) for sample in samples):.{places}f}"
        for figure, places in FIGURES.values()
    ]
