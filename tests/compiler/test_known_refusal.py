"""A refusal that the compiler has met: all fields of the reference executor learn of it, without another try."""

import asyncio
from unittest.mock import MagicMock
from uuid import UUID

import pytest

from graph.runtime.loaders import Loaders
from graph.runtime.reader import LazyReadSession
from models.base import new_id
from models.database import ReadSession
from models.database.identity import NOBODY
from services.errors import Unavailable
from services.permissions import Actor
from services.tasks import TASKS

TURNS = 50  # of the event loop: more than any field takes to ask


@pytest.fixture
def refused() -> LazyReadSession:
    session = LazyReadSession(MagicMock(), NOBODY)
    session.refusal = Unavailable()
    return session


async def turn_loop() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_fields_that_read_directly_learn_of_it_together(refused: LazyReadSession) -> None:
    found = await asyncio.gather(*(refused.open() for _ in range(3)), return_exceptions=True)
    assert found == [refused.refusal] * 3


async def test_none_learns_of_it_before_the_last_announced_batch(refused: LazyReadSession) -> None:
    refused.expect_batch()
    direct = asyncio.ensure_future(refused.open())
    await turn_loop()
    assert not direct.done()
    refused.expected_batches -= 1
    found = await asyncio.gather(direct, refused.open(), return_exceptions=True)
    assert found == [refused.refusal] * 2


async def test_each_batch_of_a_loader_is_announced_and_comes(refused: LazyReadSession) -> None:
    async def open_for_batch() -> ReadSession:
        refused.expected_batches -= 1
        return await refused.open()

    loaders = Loaders(refused.open, open_for_batch, refused.expect_batch, Actor())
    ids: list[UUID] = [new_id(), new_id()]
    loads = [loaders.one(TASKS, key, row_id) for key in ("id", "project_id") for row_id in (*ids, ids[0])]
    assert refused.expected_batches == 2
    found = await asyncio.gather(*loads, refused.open(), return_exceptions=True)
    assert found == [refused.refusal] * 7
    assert refused.expected_batches == 0


async def test_who_still_waits_at_the_end_learns_of_it(refused: LazyReadSession) -> None:
    refused.expect_batch()
    waiting = asyncio.ensure_future(refused.open())
    await turn_loop()
    assert await refused.end() == 0
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(asyncio.CancelledError):
        await refused.open()
