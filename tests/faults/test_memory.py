"""Hostile documents leave nothing behind, neither in the server nor in the processes of its connections."""

from pathlib import Path

import pytest
from rich.console import Console

from bench.environment import open_environment
from bench.memory import Memory, attack, warm
from bench.servers import ATRIUM, run_server
from tests.support import tmpfs

SCALE = 0.005  # of the demo data
DOCUMENTS = 500
MOST_MB = 60.0  # half as much was left when what is refused was kept


@pytest.mark.timeout(600)
async def test_hostile_documents_leave_little_behind() -> None:
    with tmpfs.temporary_folder() as folder:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as place:
            with run_server(ATRIUM, place) as server:
                seen = Memory()
                await warm(server)
                await seen.look(server)
                codes = await attack(server, DOCUMENTS, seen, scales=(1.0,))
                await seen.look(server)
    assert {"ANSWERED", "UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED", "DOCUMENT_TOO_COMPLEX"} <= codes.keys()
    for name, _, _, _, kept in seen.rows():
        assert kept < MOST_MB, name
