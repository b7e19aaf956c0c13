"""The guard of what operations cost: it sees a fast path that takes twice the CPU, measured as the guard measures."""

import json
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from bench.environment import open_environment
from bench.regression import RECORD, USUAL, WAYS, Cost, Recorded, Way, find_dearer, measure_way
from bench.servers import ATRIUM, run_server
from tests.support import tmpfs

WAY = Way("fast path", ATRIUM, ("Q1", "Q3"))
SLOWED = replace(
    ATRIUM, command=lambda port: [sys.executable, "-m", "tests.support.slowed_server", "serve", "--port", str(port)]
)


def record_of(costs: list[Cost]) -> Recorded:
    """What would be recorded of these."""
    return {way: {cost.operation: cost.times for cost in costs if cost.way == way} for way in {c.way for c in costs}}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_fast_path_that_takes_twice_the_cpu_is_seen() -> None:
    with tmpfs.temporary_folder() as folder:
        async with open_environment(folder, scale=0.03, console=Console(quiet=True)) as place:
            with run_server(USUAL, place) as usual:
                with run_server(ATRIUM, place) as server:
                    recorded = record_of(await measure_way(WAY, server, usual))
                    again = await measure_way(WAY, server, usual, recorded)
                with run_server(SLOWED, place) as server:
                    slowed = await measure_way(WAY, server, usual, recorded)
    assert find_dearer(again, recorded) == [], again
    assert [cost.operation for cost in find_dearer(slowed, recorded)] == list(WAY.operations), (slowed, recorded)


def test_every_operation_of_every_way_may_cost_so_much_and_no_more() -> None:
    recorded = {"fast path": {"Q3": 10.0}}
    as_ever = Cost("fast path", "Q3", own=1, usual=10, statements=1)
    nearly = replace(as_ever, own=1.6)
    twice, chatty = replace(as_ever, own=2), replace(as_ever, statements=2)
    assert find_dearer([as_ever, nearly, twice, chatty], recorded) == [twice, chatty]
    assert {way.name for way in WAYS} == {"fast path", "reference", "one write"}
    assert {way: set(costs) for way, costs in json.loads(RECORD.read_text()).items()} == {
        way.name: set(way.operations) for way in WAYS
    }
