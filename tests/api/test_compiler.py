"""The compiler against the reference executor: random queries must get equal answers from both, to the last byte."""

import os
import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.api.both_executors import Both, Tally, both, compare
from tests.conftest import Urls

SHARE = 150
ALL = 20_000


@pytest.fixture
async def executors(urls: Urls, owner_connection: asyncpg.Connection) -> AsyncIterator[Both]:
    async with both(urls, owner_connection) as found:
        yield found


async def differ(executors: Both, queries: int) -> Tally:
    seed = int(os.environ.get("ATRIUM_TEST_SEED") or secrets.randbits(40))
    tally = Tally()
    while tally.queries < queries:
        await compare(executors, seed, tally)
        seed += 1
    print(tally)
    return tally


async def test_both_executors_give_equal_answers(executors: Both) -> None:
    tally = await differ(executors, SHARE)
    assert tally.compiled >= 0.95 * tally.queries, tally
    assert tally.with_rows >= 0.8 * tally.queries, tally
