"""The runbooks of the database, as docs/runbooks.md has them: disk full, primary lost, replica lagging."""

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from sqlalchemy import make_url

from atrium import migrate
from atrium.embedded.server import Server
from models.database.errors import DRIVER_ERRORS
from tests.conftest import Urls
from tests.support.client import App, OperationFailed, run_app
from tests.support.doc_steps import fill_in, run_commands, run_sql, runbook_block, runbook_blocks
from tests.support.factories import World, create_world
from tests.support.replication import CREATE_TASK, ReplicatedCluster, asyncpg_url, connect, run_cluster
from tests.support.small_disks import enlarge, may_mount, mounted, on_small_disk

TASKS = "{ tasks(orderBy: { field: CREATED_AT, direction: ASC }) { nodes { title } } }"
DISK_MEGABYTES, LARGER_MEGABYTES = 320, 480  # the log of an embedded server at rest may take 200, by its settings
LITTLE_LOG = """
ALTER SYSTEM SET max_wal_size = '64MB';
ALTER SYSTEM SET min_wal_size = '32MB';
SELECT pg_create_physical_replication_slot('replica_2', true);
"""
IMITATED_FUNCTION = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$
"""
IMITATED_TRIGGER = "CREATE TRIGGER no_room BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION no_room()"
WRITE_LOG = "SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000000)) FROM generate_series(1, $1)"


def on_atrium(server: Server) -> str:
    """The superuser on Atrium's own database."""
    return server.database_url("postgres", "atrium")


def urls_of(server: Server) -> Urls:
    return Urls(on_atrium(server), server.owner_url, server.runtime_url)


async def readiness(app: App) -> int:
    return (await app.http.get("/readyz")).status_code


async def create_task(world: World, title: str) -> None:
    await world.acme.owner.client.run(CREATE_TASK, input={"title": title})


async def create_tasks(world: World, count: int) -> None:
    for number in range(count):
        await create_task(world, f"{number} {'x' * 150}")


async def titles(app: App, world: World) -> set[str]:
    answer = await app.client_with(world.acme.owner.client.token).run(TASKS)
    return {task["title"] for task in answer["tasks"]["nodes"]}


async def fill_until_it_ends(server: Server, log: Path) -> None:
    """Write the log of the database full, again where it could start again, until it has ended for good."""
    async with asyncio.timeout(60):
        while "shutting down due to startup process failure" not in log.read_text():
            with contextlib.suppress(*DRIVER_ERRORS):
                async with connect(server.superuser_url) as connection:
                    await connection.execute(WRITE_LOG, 40)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a server, on a disk: one in memory could not be told from a small one."""
    with tempfile.TemporaryDirectory(prefix="atrium-runbook-") as name:
        yield Path(name)


@pytest.mark.slow  # it writes 320 MB
@pytest.mark.parametrize("is_small", [True, False] if may_mount() else [False])
async def test_a_slot_that_nobody_reads_fills_the_disk(folder: Path, *, is_small: bool) -> None:
    """On a small disk PostgreSQL ends; where none can be mounted, the log grows all the same."""
    look, mend = runbook_block("Disk full", "Look"), runbook_block("Disk full", "Mend")
    wal = folder / "postgres" / "cluster" / "pgdata" / "pg_wal"
    with Server.start(folder, fast=True) as server:
        await asyncio.to_thread(migrate.upgrade, server.owner_url, server.runtime_url)
        await run_sql(server.superuser_url, LITTLE_LOG)
    with on_small_disk(wal, DISK_MEGABYTES) if is_small else contextlib.nullcontext():
        with Server.start(folder, fast=True) as server:
            async with connect(server.owner_url) as connection, run_app(urls_of(server)) as app:
                world = await create_world(app, connection)
                await create_task(world, "before")
                if is_small:
                    await fill_until_it_ends(server, folder / "postgres" / "log")
                    assert await readiness(app) == httpx.codes.SERVICE_UNAVAILABLE
                    with pytest.raises(OperationFailed) as refused:
                        await titles(app, world)
                    assert refused.value.codes == ["SERVICE_UNAVAILABLE"]
        if is_small:
            enlarge(wal, LARGER_MEGABYTES)
        with Server.start(folder, fast=True) as server:
            await mend_and_require_well(server, world, look, mend, fills=not is_small)


async def mend_and_require_well(server: Server, world: World, look: str, mend: str, *, fills: bool) -> None:
    """Find the slot, drop it, and see that the log gets small and nothing is missing."""
    async with connect(server.superuser_url) as connection:
        if fills:
            await connection.execute(WRITE_LOG, DISK_MEGABYTES)
        [_, [slot], [archiver], largest] = await run_sql(on_atrium(server), look)
        assert (slot["slot_name"], slot["active"]) == ("replica_2", False)
        assert int(slot["kept"].removesuffix(" MB")) > DISK_MEGABYTES / 2
        assert archiver["failed_count"] == 0
        assert len(largest) == 10
        await run_sql(server.superuser_url, mend)
        await connection.execute("SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")
        [[after], slots, _, _] = await run_sql(on_atrium(server), look)
        assert slots == []
        assert int(after["log"].removesuffix(" MB")) < DISK_MEGABYTES
    async with run_app(urls_of(server)) as app:
        assert await readiness(app) == httpx.codes.OK
        assert await titles(app, world) == {"before"}
    await run_commands(urls_of(server), "Disk full", "Over")


@contextmanager
def full_tablespace(folder: Path) -> Iterator[list[str]]:
    """What makes the disk of tasks full: of a file system of its own, or, where none can be mounted, an imitation."""
    if not may_mount():
        yield [IMITATED_FUNCTION, IMITATED_TRIGGER]
        return
    place = folder / "small"
    place.mkdir()
    with mounted(place, 1):
        yield [
            f"CREATE TABLESPACE small LOCATION '{place}'",
            "ALTER TABLE tasks SET TABLESPACE small",
            "CREATE TABLE ballast (page text STORAGE PLAIN) TABLESPACE small",
        ]


@pytest.mark.slow  # it fills a disk page by page
async def test_where_the_data_has_no_room_writing_fails_and_reading_goes_on(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.chmod(0o755)
    with full_tablespace(folder) as statements, Server.start(folder, fast=True) as server:
        await asyncio.to_thread(migrate.upgrade, server.owner_url, server.runtime_url)
        async with (
            connect(on_atrium(server)) as superuser,
            connect(server.owner_url) as connection,
            run_app(urls_of(server)) as app,
        ):
            world = await create_world(app, connection)
            await create_task(world, "before")
            for statement in statements:
                await superuser.execute(statement)
            with contextlib.suppress(asyncpg.DiskFullError, asyncpg.UndefinedTableError):
                while True:
                    await superuser.execute("INSERT INTO ballast VALUES (repeat('x', 7000))")
            with pytest.raises(OperationFailed) as refused:
                await create_tasks(world, 200)
            assert refused.value.codes == ["SERVICE_UNAVAILABLE"]
            assert "No space left on device" in caplog.text
            assert "before" in await titles(app, world)
            metrics = (await app.http.get("/metrics")).text
            assert 'atrium_operations_total{outcome="unavailable",type="mutation"} 1.0' in metrics
            assert await readiness(app) == httpx.codes.OK


@pytest.fixture
def losable() -> Iterator[ReplicatedCluster]:
    """A primary that may be lost, and its replica."""
    with run_cluster(1) as made:
        yield made


async def test_a_replica_takes_the_place_of_a_lost_primary(
    losable: ReplicatedCluster, caplog: pytest.LogCaptureFixture
) -> None:
    standby = losable.standbys[0]
    async with losable.app() as app:
        losable.world.acme.owner.client.http = app.http
        await create_task(losable.world, "kept")
        await losable.wait_until_replayed()
        async with connect(losable.server.superuser_url) as connection:
            postmaster = psutil.Process(connection.get_server_pid()).parent()
        assert postmaster is not None
        postmaster.kill()
        postmaster.wait()
        with pytest.raises(OperationFailed) as refused:
            await titles(app, losable.world)
        assert refused.value.codes == ["SERVICE_UNAVAILABLE"]
        assert await readiness(app) == httpx.codes.SERVICE_UNAVAILABLE
    assert "not ready: database" in caplog.text
    [[seen]] = await run_sql(standby.superuser_url, runbook_block("Primary lost", "Look"))
    assert seen["is_replica"]
    assert seen["age"].total_seconds() > 0
    assert await run_sql(standby.superuser_url, runbook_block("Primary lost", "Mend")) == [[{"pg_promote": True}]]
    port = make_url(standby.runtime_url).port
    owner = make_url(losable.server.owner_url).set(port=port).render_as_string(hide_password=False)
    urls = Urls(standby.superuser_url, owner, standby.runtime_url)
    async with run_app(urls) as app:
        assert await readiness(app) == httpx.codes.OK
        losable.world.acme.owner.client.http = app.http
        await create_task(losable.world, "anew")
        assert await titles(app, losable.world) == {"kept", "anew"}
    assert "All well." in await run_commands(urls, "Primary lost", "Over")


@dataclass
class Lag:
    """What keeps a replica from replaying, on the replica and on the primary, and which line mends it."""

    on_replica: tuple[str, ...]
    on_primary: str
    line: int


LAGS = {
    "paused": Lag(("SELECT pg_wal_replay_pause()",), "SELECT 1", 0),
    "query": Lag(("BEGIN", "SELECT count(*) FROM labels"), "LOCK TABLE labels IN ACCESS EXCLUSIVE MODE", 1),
}


@asynccontextmanager
async def held_up(place: ReplicatedCluster, lag: Lag) -> AsyncIterator[int]:
    """A replica that replays nothing; gives the process of the connection that is to blame, if one is."""
    standby = place.standbys[0]
    url = make_url(standby.superuser_url).set(database="atrium").render_as_string(hide_password=False)
    connection = await asyncpg.connect(asyncpg_url(url))
    try:
        for statement in lag.on_replica:
            await connection.execute(statement)
        async with place.owner() as primary, primary.transaction():
            await primary.execute(lag.on_primary)
        yield connection.get_server_pid()
    finally:
        connection.terminate()


async def wait_until_replica_is(app: App, reason: str | None) -> None:
    """Wait until the application has noticed how its replica is; it looks by itself."""
    async with asyncio.timeout(30):
        while app.components.servers.replicas[0].unhealthy_reason != reason:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("cause", LAGS)
async def test_a_replica_that_lags_is_found_and_mended(
    place: ReplicatedCluster, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "atrium.nodes")
    on_primary, on_replica = runbook_blocks("Replica lagging", "Look")
    lag, replica, browser = LAGS[cause], place.standbys[0].superuser_url, place.member()
    settings = {"database_replica_urls": place.replica_urls[:1], "replica_max_lag_seconds": 1}
    async with place.app(**settings) as app, held_up(place, lag) as pid:
        await browser.run(app, CREATE_TASK, input={"title": "late"})
        await wait_until_replica_is(app, "it is too far behind")
        await place.member().run(app, TASKS)
        assert 'atrium_reads_total{node="primary",why="no_replica"} 1.0' in (await app.http.get("/metrics")).text
        [replicas] = await run_sql(place.server.superuser_url, on_primary)
        assert any(each["unreplayed"] != "0 bytes" for each in replicas)
        [[paused], queries] = await run_sql(replica, on_replica)
        assert (paused["is_paused"], pid in {each["pid"] for each in queries}) == (cause == "paused", cause == "query")
        line = runbook_block("Replica lagging", "Mend").splitlines()[lag.line]
        await run_sql(replica, fill_in(line, {"4711": pid} if cause == "query" else {}))
        await wait_until_replica_is(app, None)
        reader = place.member()
        await reader.run(app, TASKS)
        assert reader.node == "replica-1"
    assert "replica-1 is not used: it is too far behind" in caplog.text
    assert "replica-1 is in use" in caplog.text.rpartition("too far behind")[2]
