"""The soak, for half a minute: it runs, and finds nothing wrong with a server whose worker is killed."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.support.source_files import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OPTIONS = ("--minutes", "0.5", "--rate", "4", "--fault-every", "0.2", "--scale", "0.02")
GOOD = "nothing failed, nothing was stale, lost or doubled"


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
