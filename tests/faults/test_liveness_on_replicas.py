"""On a replica too the rows of the liveness check are what the tables say, at any time."""

import asyncio
import contextlib
from random import Random

import asyncpg
from sqlalchemy import make_url

from tests.support.liveness import ENTER_BY_TABLES, compare_verdicts, create_universe, differences, random_transaction
from tests.support.replication import ReplicatedCluster, connect

TRANSACTIONS = 150


async def test_in_no_snapshot_of_a_replica_the_rows_differ_and_the_verdicts_are_the_same(
    place: ReplicatedCluster,
) -> None:
    chance = Random(2028)  # the same each time
    standby = place.standbys[0]
    seeing_all = make_url(standby.superuser_url).set(database=make_url(standby.runtime_url).database)
    replica_url = seeing_all.render_as_string(hide_password=False)
    async with place.owner() as primary, connect(replica_url) as replica:
        await primary.execute(ENTER_BY_TABLES)
        universes = [await create_universe(primary) for _ in range(3)]

        async def write() -> None:
            for _ in range(TRANSACTIONS):
                async with primary.transaction():
                    for universe, statement in random_transaction(universes, chance):
                        await universe.change(primary, statement)

        looks, writing = 0, asyncio.create_task(write())
        while not writing.done():
            with contextlib.suppress(asyncpg.SerializationError):  # where it stood in the way of what is replayed
                assert await differences(replica) == []
                looks += 1
        await writing
        assert looks > 1
        await place.wait_until_replayed()
        assert await differences(replica) == []
        verdicts = await compare_verdicts(replica)
        assert verdicts == await compare_verdicts(primary)
        assert verdicts.different == 0
        assert verdicts.let_in > 0
        await primary.execute("DROP FUNCTION enter_by_tables")
