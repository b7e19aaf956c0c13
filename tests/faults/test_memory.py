"""Hostile documents leave nothing behind, neither in the server nor in the processes of its connections."""

from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console

from bench.environment import open_environment
from bench.hostile import hostile_documents
from bench.memory import Memory, attack, warm
from bench.servers import ATRIUM, run_server
from tests.support import tmpfs

SCALE = 0.005  # of the demo data
WARMING = 300  # of them, so that every connection and every cache is there before anything is compared
DOCUMENTS = 1_500
MOST_MB = 45.0  # 20 are kept; without bounds on what is kept it is 90 and more


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_hostile_documents_leave_little_behind() -> None:
    with tmpfs.temporary_folder() as folder:
        async with open_environment(Path(folder), scale=SCALE, console=Console(quiet=True)) as place:
            with run_server(ATRIUM, place) as server:
                seen, documents = Memory(), hostile_documents(WARMING + DOCUMENTS, scales=(1.0,))
                await warm(server)
                await attack(server, islice(documents, WARMING), Memory())
                await seen.look(server)
                codes = await attack(server, documents, seen)
                await seen.look(server)
    assert {"ANSWERED", "UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED", "DOCUMENT_TOO_COMPLEX"} <= codes.keys()
    for name, _, _, _, kept in seen.rows():
        assert kept < MOST_MB, name
