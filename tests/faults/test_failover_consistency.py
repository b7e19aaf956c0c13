"""What was acknowledged is read, through whichever process, also when the primary is lost between write and read."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.support.failover import (
    AcknowledgedWrite,
    WriteAndReadPairs,
    detach,
    follow,
    kill_primary,
    promote,
    run_two_apps,
    wait_until_used,
)
from tests.support.replication import GET_TASK, ReplicatedCluster, connect, run_cluster

pytestmark = pytest.mark.timeout(300)

LOST_BYTES = 32 * 2**20
"""What the lost primary writes alone: more than the new one does in a test, so that their positions are the same."""

counts = pytest.mark.parametrize(
    "count",
    [pytest.param(60, marks=pytest.mark.slow), pytest.param(1000, marks=[pytest.mark.exhaustive])],
)


@pytest.fixture
def trio() -> Iterator[ReplicatedCluster]:
    """A primary and two standbys."""
    with run_cluster(2) as made:
        yield made


@pytest.fixture
def quartet() -> Iterator[ReplicatedCluster]:
    """A primary and three standbys."""
    with run_cluster(3) as made:
        yield made


async def confirm_by_both(cluster: ReplicatedCluster) -> None:
    """Have both standbys confirm each commit from now on."""
    async with connect(cluster.server.superuser_url) as connection:
        await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '2 (*)'")
        await connection.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            while await connection.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") < 2:
                await asyncio.sleep(0.05)  # nothing tells


@counts
async def test_with_confirmed_commits_every_write_is_read_after_a_failover(
    trio: ReplicatedCluster, count: int, record_property: Callable[[str, object], None]
) -> None:
    await confirm_by_both(trio)
    promoted, follower = trio.standbys
    async with run_two_apps(trio) as apps:
        pairs = WriteAndReadPairs(trio, apps)
        await pairs.run(count // 3)
        before = pairs.nodes.copy()
        async with asyncio.TaskGroup() as group:
            going = group.create_task(pairs.run(count // 3))
            while pairs.count < count // 2:
                await asyncio.sleep(0.005)  # nothing tells
            await kill_primary(trio.server.superuser_url)
            await promote(promoted)
        during, acknowledged = pairs.nodes.copy(), going.result()
        assert pairs.codes, "nobody noticed that the primary was lost"
        await follow(follower, promoted)
        await wait_until_used(apps, 2, promoted)
        acknowledged += await pairs.run(count - pairs.count)
        after = pairs.nodes.copy()
    await assert_stored(promoted.superuser_url, acknowledged)
    assert pairs.stale == 0
    assert pairs.count >= count - pairs.clients * 3
    assert before["replica-1"] + before["replica-2"] > before.total() // 2
    assert after["replica-2"] > after.total() // 2
    assert set(after) <= {"primary", "replica-2"}
    record_property(
        "summary",
        f"Failover, confirmed commits: {pairs.stale} of {pairs.count} reads stale, 0 writes lost; read before "
        f"{dict(before)}, meanwhile {dict(during)}, afterwards {dict(after)}; to be sent again {dict(pairs.codes)}",
    )


async def assert_stored(superuser_url: str, acknowledged: list[AcknowledgedWrite]) -> None:
    """Make sure that each task has the title that was acknowledged last."""
    latest = {write.task_id: write.title for write in acknowledged}
    assert await read_titles(superuser_url, acknowledged) == latest


async def read_titles(superuser_url: str, writes: list[AcknowledgedWrite]) -> dict[str, str]:
    """The titles that a server has of tasks that were written."""
    ids = [write.task_id.removeprefix("Task:") for write in writes]
    async with connect(superuser_url.rpartition("/")[0] + "/atrium") as connection:
        rows = await connection.fetch("SELECT id, title FROM tasks WHERE id = ANY ($1::uuid[])", ids)
    return {f"Task:{row['id']}": row["title"] for row in rows}


async def present_again(pairs: WriteAndReadPairs, writes: list[AcknowledgedWrite], *, why: set[str]) -> None:
    """Have whoever was told of lost writes read, through either process: of the primary, where they are not."""
    for number, write in enumerate(writes):
        browser = pairs.cluster.member()
        browser.cookie = write.cookie
        assert await pairs.send(browser, number % 2, GET_TASK, id=write.task_id) == {"task": None}
        assert browser.node == "primary"
        assert browser.why in why


@counts
async def test_a_position_of_lost_writes_leads_to_the_primary_and_a_replica_that_has_them_is_left_out(
    quartet: ReplicatedCluster, count: int, record_property: Callable[[str, object], None]
) -> None:
    """A standby that is behind is promoted; one follows it, and one, which is asked first, has more of the lost one."""
    session_id = quartet.world.acme.member.session_id
    assert session_id is not None
    first = session_id.int % 3
    ahead, promoted, follower = quartet.standbys[first:] + quartet.standbys[:first]
    number = quartet.standbys.index(follower) + 1
    async with run_two_apps(quartet) as apps:
        pairs = WriteAndReadPairs(quartet, apps)
        await pairs.run(count // 4)
        for standby in (follower, promoted):
            await detach(standby)
        await write_until(quartet.server.superuser_url, await read_lsn(ahead.superuser_url) + LOST_BYTES)
        lost = await pairs.run(count // 4)
        async with asyncio.timeout(30):
            while len(await read_titles(ahead.superuser_url, lost)) < pairs.clients:
                await asyncio.sleep(0.02)  # nothing tells
        await kill_primary(quartet.server.superuser_url)
        await promote(promoted)
        await present_again(pairs, lost[:1], why={"timeline", "no_replica"})
        await follow(follower, promoted)
        await wait_until_used(apps, number, promoted)
        await present_again(pairs, lost, why={"timeline"})
        early = await pairs.run(count // 4)
        soon, reached = pairs.nodes.copy(), await read_lsn(ahead.superuser_url)
        assert await read_lsn(promoted.superuser_url) < reached
        await write_until(promoted.superuser_url, reached)
        for servers in [app.components.servers for app in apps] * 2:
            await servers.probe_all()  # so that nobody finds the replica ahead of the primary any more
        await present_again(pairs, lost, why={"timeline"})
        await read_again(pairs, early)
        await pairs.run(count - pairs.count)
        late = pairs.nodes.copy()
        faults = {"it is no replica", "it has not followed the primary to its timeline", None}
        for app in apps:
            assert {replica.unhealthy_reason for replica in app.components.servers.replicas} == faults
    assert await read_titles(promoted.superuser_url, lost) == {}
    assert pairs.stale == 0
    assert set(soon + late) <= {"primary", f"replica-{number}"}
    assert late[f"replica-{number}"] > late.total() // 2
    record_property(
        "summary",
        f"Failover, unconfirmed commits: {len(lost)} acknowledged writes lost, whose positions led to the primary; "
        f"{pairs.stale} of {pairs.count} reads stale; read afterwards {dict(soon + late)}",
    )


async def read_again(pairs: WriteAndReadPairs, writes: list[AcknowledgedWrite]) -> None:
    """Have whoever wrote last read it with the position that they were given then."""
    for write in {write.task_id: write for write in writes}.values():
        browser = pairs.cluster.member()
        browser.cookie = write.cookie
        assert await pairs.send(browser, 0, GET_TASK, id=write.task_id) == {"task": {"title": write.title}}


async def read_lsn(superuser_url: str) -> int:
    """How far a server's log reaches, as far as it shows; in bytes."""
    async with connect(superuser_url) as connection:
        is_standby = await connection.fetchval("SELECT pg_is_in_recovery()")
        function = "pg_last_wal_replay_lsn" if is_standby else "pg_current_wal_flush_lsn"
        lsn: int = await connection.fetchval(f"SELECT ({function}() - '0/0')::bigint")
    return lsn


async def write_until(superuser_url: str, lsn: int) -> None:
    """Have a primary's log grow beyond a position."""
    async with connect(superuser_url) as connection:
        await connection.execute("SET synchronous_commit = on")
        while await connection.fetchval("SELECT pg_current_wal_flush_lsn() - '0/0'") <= lsn:
            await connection.execute("SELECT pg_logical_emit_message(true, 'test', repeat('x', 100000))")
