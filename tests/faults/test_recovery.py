"""A backup, a disaster, and a restore to a moment between them, by the very commands of docs/operations.md."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from atrium import migrate
from atrium.embedded.process import ServerHome
from atrium.embedded.server import DATABASE, SUPERUSER_ROLE, Server
from atrium.embedded.standby import Standby, run_standbys
from models.database.topology import STATUS_QUERY
from tests.support.client import App, Client, run_app
from tests.support.doc_steps import fill_in, run_atrium, run_shell, run_sql, section_blocks
from tests.support.factories import PASSWORD, Person, World, create_world
from tests.support.order_helpers import ORDER_FIELDS, create_product
from tests.support.replication import asyncpg_url, connect
from tests.support.subscription_client import collect_subscription

pytestmark = pytest.mark.slow  # it starts three servers

PAGE, HEADING = "docs/operations.md", "Backup and recovery"
SET_UP, LAST_FILE, AFTERWARDS = section_blocks(PAGE, HEADING, "sql")
_, TAKE, COPY, INSPECT = section_blocks(PAGE, HEADING, "sh")
(RECOVERY_SETTINGS,) = section_blocks(PAGE, HEADING, "ini")

BACKUP, RESTORED = "/backup/atrium", "/var/lib/postgresql/restored"
REPLICATION_URL = "postgresql://atrium_backup:third-secret@db.example.com/postgres"
MOMENT = "2026-01-31 09:30:00+00"
DISASTER = "DELETE FROM comments; DELETE FROM order_items; DELETE FROM orders; DELETE FROM documents"

ARCHIVED = "SELECT last_archived_wal FROM pg_stat_archiver"

LOGIN = "mutation($input: LoginInput!) { login(input: $input) { ... on Session { accessToken refreshToken } } }"
REFRESH = """mutation($input: RefreshInput!) { refresh(input: $input) {
    ... on Session { accessToken refreshToken } ... on Error { code }
} }"""
CHANGES = "subscription($after: String) { documentChanged(after: $after) { cursor document { title } } }"
ALL = """{ documents { nodes { title content } } orders { nodes { id number status } }
    auditLog { totalCount } feedCursor }"""


@dataclass
class Story:
    """What was done before the moment to which everything is restored, and after it."""

    world: World
    product: str
    moment: datetime | None = None
    seen: dict[str, Any] = field(default_factory=dict)
    """What the owner of acme saw at that moment."""
    cursor_after: str = ""
    refreshed: dict[str, str] = field(default_factory=dict)
    login_after: str = ""

    @property
    def owner(self) -> Client:
        return self.world.acme.owner.client

    async def order(self, key: str) -> dict[str, Any]:
        items = [{"productId": self.product, "quantity": 1}]
        given = {"items": items, "shippingAddress": "1 Main St", "idempotencyKey": key}
        return await self.owner.mutate("placeOrder", ORDER_FIELDS, **given)

    async def write(self, title: str) -> None:
        document = await self.owner.mutate("createDocument", "... on Document { id }", title=title, content="Draft")
        change = {"id": document["id"], "content": f"{title}, revised"}
        await self.owner.mutate("updateDocument", "... on Document { id }", **change)

    async def login(self, person: Person) -> dict[str, str]:
        given = {"email": person.email, "password": PASSWORD, "tenant": "acme"}
        session: dict[str, str] = (await self.world.nobody.run(LOGIN, input=given))["login"]
        return session


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the user who runs the server, open to them; those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="atrium-recovery-") as name:
        made = Path(name)
        give_to_server(made, made)
        yield made


def give_to_server(path: Path, folder: Path) -> None:
    if account := ServerHome.locate(folder).account:
        os.chown(path, *account)


def of_database(server: Server) -> str:
    """The superuser on Atrium's own database."""
    return server.database_url(SUPERUSER_ROLE, DATABASE)


async def wait_until_sequenced(connection: asyncpg.Connection) -> None:
    """Wait until all that was written has its position; PostgreSQL announces it in no way."""
    async with asyncio.timeout(30):
        while await connection.fetchval("SELECT count(*) FROM unsealed"):
            await asyncio.sleep(0.02)


async def tell_story(story: Story, take_backup: Callable[[], object]) -> None:
    """Write, take the backup, write on, note the moment, and write what is to be lost."""
    await story.write("Plan")
    await story.order("first")
    left = await story.login(story.world.acme.member)
    await asyncio.to_thread(take_backup)
    await story.write("Budget")
    await story.order("second")
    await wait_until_sequenced(story.world.connection)
    story.moment = await story.world.connection.fetchval("SELECT clock_timestamp()")
    story.seen = await story.owner.run(ALL)

    await story.write("Lost")
    await story.order("third")
    story.refreshed = (await story.world.nobody.run(REFRESH, input={"refreshToken": left["refreshToken"]}))["refresh"]
    story.login_after = (await story.login(story.world.acme.member))["accessToken"]
    await story.world.acme.admin.client.run("mutation { logout { __typename } }")
    story.cursor_after = (await story.owner.run(ALL))["feedCursor"]


async def give_last_file_away(server: Server) -> None:
    [[last]] = await run_sql(server.superuser_url, LAST_FILE)
    async with asyncio.timeout(60), connect(server.superuser_url) as connection:
        while (await connection.fetchval(ARCHIVED) or "") < last["pg_walfile_name"]:
            await asyncio.sleep(0.05)  # PostgreSQL announces it in no way


def copy_backup(folder: Path, moment: datetime) -> Path:
    """Make the data folder of a server that will restore to this moment; gives the folder that it starts from."""
    data = folder / "restored"
    cluster = data / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    for path in (data, data / "postgres", cluster):
        give_to_server(path, folder)
    run_shell(fill_in(COPY, {BACKUP: folder / "backup", RESTORED: cluster / "pgdata"}), folder)
    with (cluster / "pgdata" / "postgresql.auto.conf").open("a") as settings:
        settings.write(fill_in(RECOVERY_SETTINGS, {BACKUP: folder / "backup", MOMENT: moment.isoformat()}))
    shutil.copy(folder / "damaged/postgres/cluster/credentials.json", cluster)
    return data


@dataclass
class Damaged:
    """What is left of the damaged server: what it said of itself last, and its replica, which goes on alone."""

    status: dict[str, Any]
    replica: Standby


async def live_through(folder: Path, stack: ExitStack) -> tuple[Story, Damaged]:
    """Everything up to the disaster, by a server that is stopped then."""
    (folder / "backup" / "wal").mkdir(parents=True)
    for path in (folder / "backup", folder / "backup" / "wal"):
        give_to_server(path, folder)
    with Server.start(folder / "damaged", fast=True) as server:
        await run_sql(server.superuser_url, fill_in(SET_UP, {BACKUP: folder / "backup"}))
    with Server.start(folder / "damaged", fast=True) as server:
        address = REPLICATION_URL.replace("db.example.com", f"127.0.0.1:{server.port}")
        take = fill_in(TAKE, {REPLICATION_URL: address, BACKUP: folder / "backup"})
        await asyncio.to_thread(migrate.upgrade, server.owner_url, server.runtime_url)
        async with connect(server.owner_url) as connection, run_app(Urls(server)) as app:
            world = await create_world(app, connection)
            story = Story(world, (await create_product(world, "tea", stock=100))["id"])
            await tell_story(story, lambda: run_shell(take, folder))
            await app.components.cost_buckets.report()
            assert await connection.fetchval("SELECT count(*) FROM cost_buckets") > 0
        psql = [str(ServerHome.locate(folder).binaries / "psql"), "--quiet", asyncpg_url(of_database(server))]
        subprocess.run([*psql, "--command", DISASTER], check=True)
        await give_last_file_away(server)
        (replica,) = stack.enter_context(run_standbys(server, folder / "damaged", 1))
        async with connect(of_database(server)) as connection:
            return story, Damaged(dict(await connection.fetchrow(STATUS_QUERY) or {}), replica)


@dataclass(frozen=True)
class Urls:
    """A server as the application is told of it."""

    server: Server

    @property
    def runtime(self) -> str:
        return self.server.runtime_url


def move(story: Story, app: App) -> None:
    """Have everybody go to another application, with the tokens that they have."""
    world = story.world
    world.app, world.nobody = app, app.client_with()
    for person in (world.acme.owner, world.acme.admin, world.acme.member):
        person.client = app.client_with(person.client.token)


async def require_well(server: Server) -> None:
    """Look at the restored database as the page says."""
    for command in INSPECT.splitlines():
        done = await run_atrium(server.runtime_url, server.owner_url, command)
        assert done.exit_code == 0, (command, done.output)


async def require_known_sessions_alone(story: Story) -> None:
    """Whose session was there at the moment is let in, also who logged out later; nobody else is."""
    viewer, app = "{ viewer { email } }", story.world.app
    for person in (story.world.acme.owner, story.world.acme.admin):
        assert (await app.client_with(person.client.token).run(viewer))["viewer"]["email"] == person.email
    assert await app.client_with(story.login_after).error_codes(viewer) == ["UNAUTHENTICATED"]
    again = await story.world.nobody.run(REFRESH, input={"refreshToken": story.refreshed["refreshToken"]})
    assert again["refresh"]["code"] == "INVALID_TOKEN"


async def require_feed_goes_on(story: Story) -> None:
    """A cursor of the moment goes on with what is written now, and one from later is refused."""
    world, owner = story.world, story.world.acme.owner
    with pytest.raises(AssertionError, match="ahead of this feed"):
        await collect_subscription(world, owner, CHANGES, 1, after=story.cursor_after)
    await story.write("Anew")
    seen = await collect_subscription(world, owner, CHANGES, 2, after=story.seen["feedCursor"])
    assert [change["document"]["title"] for change in seen] == ["Anew", "Anew"]


async def require_old_replica_is_left_out(server: Server, replica: Standby) -> None:
    """It does not follow the restored server to its timeline."""
    async with run_app(Urls(server), database_replica_urls=(replica.runtime_url,)) as app:
        await app.components.servers.probe_all()
        [seen] = app.components.servers.replicas
        assert seen.unhealthy_reason == "it has not followed the primary to its timeline"


async def test_what_was_there_at_a_moment_is_there_again_and_nothing_else(folder: Path) -> None:
    with ExitStack() as stack:
        story, damaged = await live_through(folder, stack)
        assert story.moment is not None
        await restore_and_look(story, damaged, copy_backup(folder, story.moment))


async def restore_and_look(story: Story, damaged: Damaged, data: Path) -> None:
    with Server.start(data, fast=True) as server:
        await require_well(server)
        async with connect(of_database(server)) as connection:
            restored = dict(await connection.fetchrow(STATUS_QUERY) or {})
            assert await connection.fetchval("SELECT count(*) FROM cost_buckets") == 0
        assert (restored["system"], restored["timeline"]) == (damaged.status["system"], damaged.status["timeline"] + 1)
        assert restored["lsn"] < damaged.status["lsn"]
        await require_old_replica_is_left_out(server, damaged.replica)
        async with run_app(Urls(server)) as app:
            move(story, app)
            assert await story.owner.run(ALL) == story.seen
            await require_known_sessions_alone(story)
            await require_feed_goes_on(story)
            assert (await story.order("second"))["id"] in {each["id"] for each in story.seen["orders"]["nodes"]}
            await run_sql(server.owner_url, AFTERWARDS)
            assert await story.owner.error_codes("{ viewer { email } }") == ["UNAUTHENTICATED"]
            story.owner.token = (await story.login(story.world.acme.owner))["accessToken"]
            placed = await story.order("third")
            assert placed["number"] > max(each["number"] for each in story.seen["orders"]["nodes"]) + 10_000
            assert len((await story.owner.run(ALL))["orders"]["nodes"]) == len(story.seen["orders"]["nodes"]) + 1
        await require_well(server)
