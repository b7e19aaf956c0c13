"""Cost buckets: what processes spend together, what each of them knows, and how far a bucket can be overdrawn."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import pytest

from models.base import new_id
from models.database.identity import Identity
from services import cost_buckets
from services.cost_buckets import Bucket, BucketLimit, CostBuckets
from tests.conftest import Urls

ACTOR, TENANT, NOTHING = BucketLimit(10_000, 10), BucketLimit(40_000, 30), BucketLimit(0, 1)
NOWHERE = "postgresql+asyncpg://atrium@127.0.0.1:1/nothing"
USER = Identity(new_id(), new_id(), "MEMBER", new_id(), ip="203.0.113.7")


@dataclass
class Clock:
    """Time that passes when a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


Processes = Callable[[int], list[CostBuckets]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def running(
    urls: Urls, clock: Clock, count: int, actor: BucketLimit = ACTOR, tenant: BucketLimit = NOTHING
) -> AsyncIterator[list[CostBuckets]]:
    """The buckets of several processes, which report when they are told to."""
    processes = [CostBuckets(urls.runtime, actor, tenant, clock=clock) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            await process.stop()


def spend(process: CostBuckets, points: int, identity: Identity = USER) -> bool:
    """Spend points if they are there; says whether they were."""
    account = process.account_of(identity)
    assert account is not None
    return account.take(points) is None


def level(process: CostBuckets, identity: Identity = USER) -> int:
    account = process.account_of(identity)
    assert account is not None
    return int(account.scarcest.level)


def seconds_until(process: CostBuckets, points: int) -> int:
    account = process.account_of(USER)
    assert account is not None
    refusing = account.refusing(points)
    assert refusing is not None
    return refusing[1].seconds_until(points)


async def pass_time(connection: asyncpg.Connection, clock: Clock, seconds: float) -> None:
    """Let time pass, in the database too."""
    clock.seconds += seconds
    await connection.execute(
        "UPDATE cost_buckets SET updated_at = updated_at - make_interval(secs => $1), spenders = "
        "(SELECT jsonb_object_agg(key, value::text::float8 - $1) FROM jsonb_each(spenders))",
        seconds,
    )


async def test_what_one_process_spends_the_others_know(urls: Urls, clock: Clock) -> None:
    async with running(urls, clock, 2) as (one, other):
        assert spend(one, 6_000)
        await one.report()
        assert level(one) == 4_000
        assert spend(other, 100)
        await other.report()
        assert level(other) == pytest.approx(3_900, abs=20)
        assert not spend(other, 5_000)
        assert spend(one, 1_000)  # not told yet
        await one.report()
        assert level(one) == pytest.approx(2_900, abs=20)


async def test_who_is_refused_is_told_when_there_is_enough(
    urls: Urls, clock: Clock, owner_connection: asyncpg.Connection
) -> None:
    async with running(urls, clock, 1) as (process,):
        assert spend(process, 9_950)
        await process.report()
        seconds = seconds_until(process, 1_000)
        assert seconds in {94, 95}  # 950 points are missing, and 10 come back each second
        await pass_time(owner_connection, clock, seconds - 6)
        assert not spend(process, 1_000)
        await process.report()
        assert not spend(process, 1_000)
        await pass_time(owner_connection, clock, 6)
        assert spend(process, 1_000)
        await process.report()
        assert level(process) == pytest.approx(0, abs=30)


async def test_an_operation_of_more_than_a_bucket_holds_waits_until_it_is_full(urls: Urls, clock: Clock) -> None:
    async with running(urls, clock, 1) as (process,):
        assert spend(process, 25_000)
        await process.report()
        assert level(process) == -15_000
        assert seconds_until(process, 25_000) == 2_500
        clock.seconds += 2_500
        assert spend(process, 25_000)


async def test_what_was_not_used_is_put_back(urls: Urls, clock: Clock) -> None:
    async with running(urls, clock, 2) as (one, other):
        assert spend(one, 9_000)
        await one.report()
        account = one.account_of(USER)
        assert account is not None
        account.spend(-8_000)
        await one.report()
        assert spend(other, 100)
        await other.report()
        assert level(other) == pytest.approx(8_900, abs=20)


async def test_a_tenant_pays_for_all_its_actors_and_each_for_itself(urls: Urls, clock: Clock) -> None:
    colleagues = [Identity(USER.tenant_id, new_id(), "MEMBER") for _ in range(3)]
    key = Identity(USER.tenant_id, USER.user_id, "MEMBER", api_key_id=new_id())
    elsewhere = Identity(new_id(), USER.user_id, "MEMBER")
    async with running(urls, clock, 1, tenant=TENANT) as (process,):
        for who in colleagues:
            assert spend(process, 8_000, who)
            await process.report()
        assert not spend(process, 3_000, colleagues[0])  # their own bucket is empty
        assert spend(process, 10_000)
        await process.report()
        assert not spend(process, 7_000, key)  # the tenant's is: its own is full
        account = process.account_of(key)
        assert account is not None
        refusing = account.refusing(7_000)
        assert refusing is not None
        assert refusing[0] == "tenant"
        assert spend(process, 10_000, elsewhere)


async def test_each_gets_its_part_of_what_several_spend_from(urls: Urls, clock: Clock) -> None:
    async with running(urls, clock, 4) as processes:
        for _ in range(2):
            for process in processes:
                spend(process, 1)
                await process.report()
        spent = [0, 0, 0, 0]
        for number, process in enumerate(processes):
            while spend(process, 10):
                spent[number] += 10
        assert spent == [pytest.approx(2_500, abs=30)] * 4


@pytest.mark.parametrize("seed", range(5))
async def test_together_they_spend_hardly_more_than_there_is(
    seed: int, urls: Urls, clock: Clock, owner_connection: asyncpg.Connection
) -> None:
    count, most, rounds, interval = 4, 500, 60, 0.1
    randomness, total = random.Random(seed), 0
    async with running(urls, clock, count) as processes:
        for _ in range(rounds):
            for process in randomness.sample(processes, count):  # each reports once in an interval, in any order
                for _ in range(randomness.randint(0, 40)):
                    spender, points = randomness.choice(processes), randomness.randint(1, most)
                    total += points if spend(spender, points) else 0
                await process.report()
            await pass_time(owner_connection, clock, interval)
    seconds = rounds * interval + 10  # and what passes in fact while this runs
    assert total >= ACTOR.maximum
    bound = ACTOR.maximum / 2 + count * (ACTOR.maximum / cost_buckets.UNKNOWN_SHARERS + most)
    assert total <= ACTOR.maximum + ACTOR.rate * seconds + bound


async def test_processes_report_the_same_buckets_at_the_same_time(
    urls: Urls, clock: Clock, owner_connection: asyncpg.Connection
) -> None:
    actors, randomness = [Identity(user_id=new_id()) for _ in range(50)], random.Random(1)
    async with running(urls, clock, 4, actor=BucketLimit(10_000, 1)) as processes:
        for _ in range(5):
            for process in processes:
                for actor in randomness.sample(actors, len(actors)):
                    assert spend(process, 100, actor)
            await asyncio.gather(*(process.report() for process in processes))
    left = [row["remaining"] for row in await owner_connection.fetch("SELECT remaining FROM cost_buckets")]
    assert left == [pytest.approx(10_000 - 5 * 4 * 100, abs=20)] * len(actors)


async def test_without_the_database_each_goes_on_with_its_part(clock: Clock) -> None:
    process = CostBuckets(NOWHERE, ACTOR, NOTHING, clock=clock)
    spent = 0
    for _ in range(600):
        while spend(process, 50):
            spent += 50
        with pytest.raises(OSError, match=r"\d"):
            await process.report()
        clock.seconds += 0.1
    part = 1 / cost_buckets.UNKNOWN_SHARERS
    assert part * (ACTOR.maximum + 50 * ACTOR.rate) <= spent <= part * (ACTOR.maximum + 60 * ACTOR.rate) + 50


async def test_what_could_not_be_reported_is_reported_later(urls: Urls, clock: Clock) -> None:
    async with running(urls, clock, 2) as (one, other):
        right, one.url = one.url, NOWHERE
        assert spend(one, 2_000)
        with pytest.raises(OSError, match=r"\d"):
            await one.report()
        assert spend(one, 300)
        one.url = right
        await one.report()
        assert level(one) == 7_700
        assert spend(other, 100)
        await other.report()
        assert level(other) == pytest.approx(7_600, abs=20)


async def test_what_is_kept_is_bounded(clock: Clock) -> None:
    process = CostBuckets(NOWHERE, ACTOR, NOTHING, clock=clock)
    for _ in range(cost_buckets.MAX_PENDING * 2):
        spend(process, 1, Identity(user_id=uuid4()))
    assert 0 < process.usage.bytes <= cost_buckets.BUCKETS_BYTES
    assert len(process._pending) == cost_buckets.MAX_PENDING  # noqa: SLF001  # nothing else shows it


async def test_a_bucket_that_was_forgotten_before_its_report_is_the_same(clock: Clock) -> None:
    process = CostBuckets(NOWHERE, ACTOR, NOTHING, clock=clock)
    assert spend(process, 7_000)
    for _ in range(cost_buckets.BUCKETS_BYTES // cost_buckets.BUCKET_BYTES + 1):
        spend(process, 1, Identity(ip=str(uuid4())))
    assert level(process) == 3_000


async def test_who_is_nobody_pays_from_their_address_alone(
    urls: Urls, clock: Clock, owner_connection: asyncpg.Connection
) -> None:
    async with running(urls, clock, 1, tenant=TENANT) as (process,):
        assert spend(process, 10_000, Identity(ip="203.0.113.7"))
        assert not spend(process, 1, Identity(ip="203.0.113.7"))
        assert spend(process, 1, Identity(ip="203.0.113.8"))
        assert process.account_of(Identity()) is None
        await process.report()
        assert await owner_connection.fetchval("SELECT count(*) FROM cost_buckets") == 0


def test_a_limit_of_nothing_limits_nothing(clock: Clock) -> None:
    assert CostBuckets(NOWHERE, NOTHING, NOTHING, clock=clock).account_of(USER) is None


def test_a_bucket_is_never_fuller_than_full() -> None:
    bucket = Bucket(ACTOR, 9_990.0, 9_990.0, 2, 0.0)
    bucket.refill(1_000.0)
    assert (bucket.level, bucket.allowance) == (10_000, 5_000)


async def test_they_report_by_themselves(
    urls: Urls, owner_connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, reported = CostBuckets(urls.runtime, BucketLimit(100, 1), BucketLimit(100, 1)), asyncio.Event()
    report = process.report

    async def observed() -> None:
        await report()
        reported.set()

    monkeypatch.setattr(process, "report", observed)
    process.start()
    for _ in range(2):
        assert spend(process, 10)
        async with asyncio.timeout(10):
            await reported.wait()
        reported.clear()
    assert spend(process, 10)
    await process.stop()  # which reports what is left
    rows = await owner_connection.fetch("SELECT key, maximum - remaining AS spent FROM cost_buckets")
    assert {row["key"].partition(":")[0] for row in rows} == {"user", "tenant"}
    assert all(20 <= row["spent"] <= 30 for row in rows)
