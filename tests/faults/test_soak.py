"""The soak: what is lost, doubled or out of order is found, and half a minute of it finds nothing wrong."""

import asyncio
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.queries import SampleIds
from bench.soak.followers import Follower
from bench.soak.traffic import NEW_TASK, Traffic
from bench.soak.watch import find_losses
from tests.conftest import Urls
from tests.support.factories import World
from tests.support.source_files import ROOT

OPTIONS = ("--minutes", "0.5", "--rate", "4", "--fault-every", "0.2", "--scale", "0.02")
GOOD = "nothing failed, nothing was stale, lost or doubled"


def change(cursor: int, task_id: str) -> dict[str, Any]:
    """What a follower is told of a new task."""
    return {"data": {"taskChanged": {"cursor": str(cursor), "action": "CREATE", "taskId": task_id}}}


async def test_what_is_lost_doubled_or_out_of_order_is_found(urls: Urls, world: World) -> None:
    async def create(title: str) -> str:
        made = await world.acme.owner.client.mutate("createTask", "... on Task { id }", title=f"{NEW_TASK}{title}")
        return str(made["id"])

    once, twice, again = await create("1"), await create("2"), await create("2")
    traffic = Traffic([], SampleIds("", [], [], [], ""), None, Random(1))  # type: ignore[arg-type]  # nobody has mail
    traffic.created = dict.fromkeys((once, twice), 0.0)
    good, bad = Follower(None), Follower(None)  # type: ignore[arg-type]  # nobody connects
    for number, task_id in enumerate((once, twice, again)):
        good._take(change(number, task_id))  # noqa: SLF001  # as what comes by a socket
    for cursor, task_id in ((2, once), (1, once)):
        bad._take(change(cursor, task_id))  # noqa: SLF001  # likewise
    url = urls.plain("superuser")
    assert await find_losses(traffic, [good], url) == ["1 tasks are there twice"]
    traffic.created["Task:gone"] = 0.0
    assert await find_losses(traffic, [bad], url) == [
        "Task:gone was acknowledged and is lost",
        "1 tasks are there twice",
        "follower 0: 2 missed, 1 doubled, 1 out of order",
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_half_a_minute_of_it_finds_nothing_wrong(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.soak", *OPTIONS), cwd=ROOT, stdout=file, stderr=file
        )
        code = await process.wait()
    said = output.read_text()
    assert (code, said.splitlines()[-1]) == (0, GOOD), said
    assert "'worker killed': 1" in said
