"""The ground for all tests: a real PostgreSQL, a template built by the migrations, and a database for each test.

The process that was started runs the server; the workers of xdist get its address. ATRIUM_TEST_DATABASE_URL, the
address of a superuser, makes the tests use another server, such as another PostgreSQL version.
"""

import asyncio
import gc
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url

from atrium import migrate
from atrium.embedded.server import OWNER_ROLE, RUNTIME_ROLE, Server
from tests.support import tmpfs
from tests.support.client import App, run_app
from tests.support.cpu_seconds import process_seconds, server_seconds
from tests.support.factories import World, create_world
from tests.support.http_rules import count_rules
from tests.support.replication import ReplicatedCluster, shared_cluster

TEMPLATE = "atrium_template"


@dataclass(frozen=True)
class Cluster:
    """A server to test on."""

    superuser_url: str
    owner_url: str
    runtime_url: str
    unused: list[str] = field(default_factory=list)
    """Databases that go when the next one is made."""

    def of(self, role_url: str, database: str) -> str:
        return make_url(role_url).set(database=database).render_as_string(hide_password=False)

    async def admin(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.of(self.superuser_url, "postgres").replace("+asyncpg", ""))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@dataclass(frozen=True)
class Urls:
    """One database, by role."""

    superuser: str
    owner: str
    runtime: str

    def plain(self, role: str) -> str:
        """The address as asyncpg itself takes it."""
        url: str = getattr(self, role)
        return url.replace("+asyncpg", "")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    if given := os.environ.get("ATRIUM_TEST_DATABASE_URL"):
        cluster = _cluster_from_url(given)
    else:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        server = stack.enter_context(Server.start(stack.enter_context(tmpfs.temporary_folder()), fast=True))
        cluster = Cluster(server.superuser_url, server.owner_url, server.runtime_url)
    owner, runtime = cluster.of(cluster.owner_url, TEMPLATE), cluster.of(cluster.runtime_url, TEMPLATE)
    asyncio.run(
        cluster.admin(
            f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)",
            f"CREATE DATABASE {TEMPLATE} OWNER {OWNER_ROLE}",
        )
    )
    migrate.upgrade(owner, runtime)
    config.stash[CLUSTER] = cluster


CLUSTER = pytest.StashKey[Cluster]()

LONGEST_FILES = (
    *("test_walkthrough.py", "test_fuzz.py", "test_leaks.py", "test_permissions.py", "test_bad_input.py"),
    *("test_executor.py", "test_query_plans.py", "test_consistency.py", "test_kill.py", "test_embedded_server.py"),
    *("test_replicas.py", "test_update_statement.py", "test_stock.py"),
)
"""Files that go first, so that no worker comes to one of them when the others have nothing left to do."""

SLOW_FILES = ("test_walkthrough.py", "test_mutants.py")
"""Files whose tests all get the marker `slow`: they work on copies of the repository."""

EXHAUSTIVE_SECONDS = 3600


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(pytest.mark.timeout(EXHAUSTIVE_SECONDS))
        elif item.path.name in SLOW_FILES:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Take what all tests share, which is a million objects, out of every later look for garbage."""
    gc.collect()
    gc.freeze()


WORKER_SECONDS = pytest.StashKey[list[float]]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["cpu_seconds"] = process_seconds()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    seconds = node.config.stash.setdefault(WORKER_SECONDS, [])
    seconds.append(getattr(node, "workeroutput", {}).get("cpu_seconds", 0.0))  # a worker that died says nothing


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for reports in terminalreporter.stats.values():
        called = [report for report in reports if getattr(report, "when", "") == "call"]
        for name, said in (pair for report in called for pair in report.user_properties):
            if name == "summary":
                terminalreporter.write_line(said)
    if (rules := count_rules(terminalreporter.stats)) is not None:
        terminalreporter.write_line(rules)
    workers, server = config.stash.get(WORKER_SECONDS, []), server_seconds()
    seconds = sum(workers) + process_seconds(with_children=not workers)
    terminalreporter.write_line(f"CPU: {seconds:.0f} s in tests, {server:.0f} s in the PostgreSQL started for them")
    if "not slow" in config.option.markexpr:
        left_out = "Left out what is slow (copies of the repository, clients in Node)"
        terminalreporter.write_line(f"{left_out}: `uv run pytest -m slow` runs it")


REPEAT_INTERRUPT_SECONDS = 5
TIMEOUT_SETTINGS = pytest.StashKey[Any]()


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> Generator[None, bool, bool]:
    """Interrupt again and again: an event loop swallows what is raised between two of its steps."""
    is_set = yield
    item.stash[TIMEOUT_SETTINGS] = settings
    if settings.method == "signal":
        signal.setitimer(signal.ITIMER_REAL, settings.timeout, REPEAT_INTERRUPT_SECONDS)
    return is_set


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Limit what comes after a failure too: the plugin takes the limit away for whoever wants to debug."""
    if (settings := node.stash.get(TIMEOUT_SETTINGS, None)) is not None:
        node.ihook.pytest_timeout_set_timer(item=node, settings=settings)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    cluster = node.config.stash[CLUSTER]  # type: ignore[attr-defined]  # xdist's own
    node.workerinput["cluster"] = [cluster.superuser_url, cluster.owner_url, cluster.runtime_url]  # type: ignore[attr-defined]  # likewise


def _cluster_from_url(superuser_url: str) -> Cluster:
    url = make_url(superuser_url).set(drivername="postgresql+asyncpg")
    superuser = url.render_as_string(hide_password=False)
    password = "only-for-tests"
    roles = {role: url.set(username=role, password=password) for role in (OWNER_ROLE, RUNTIME_ROLE)}
    urls = {role: address.render_as_string(hide_password=False) for role, address in roles.items()}
    cluster = Cluster(superuser, urls[OWNER_ROLE], urls[RUNTIME_ROLE])
    make = "DO $$ BEGIN CREATE ROLE {0}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    login = "ALTER ROLE {0} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '{1}'"
    asyncio.run(cluster.admin(*(s.format(role, password) for role in roles for s in (make, login))))
    return cluster


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    workerinput = getattr(request.config, "workerinput", None)
    return Cluster(*workerinput["cluster"]) if workerinput else request.config.stash[CLUSTER]


@pytest.fixture(scope="session")
def make_database(cluster: Cluster, worker_id: str) -> Callable[[], Awaitable[Urls]]:
    """A new database, as the migrations make it, in some milliseconds."""
    numbers = itertools.count()

    async def make() -> Urls:
        name = f"test_{worker_id}_{next(numbers)}"
        await cluster.admin(
            *(f"DROP DATABASE IF EXISTS {each} WITH (FORCE)" for each in (*cluster.unused, name)),
            # Copying the files takes half the time that copying through the log does, where nothing is flushed.
            f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER_ROLE} STRATEGY FILE_COPY",
        )
        cluster.unused.clear()
        urls = (cluster.superuser_url, cluster.owner_url, cluster.runtime_url)
        return Urls(*(cluster.of(url, name) for url in urls))

    return make


@pytest.fixture
async def urls(make_database: Callable[[], Awaitable[Urls]], cluster: Cluster) -> AsyncIterator[Urls]:
    """An empty database of the test's own."""
    made = await make_database()
    yield made
    cluster.unused.append(str(make_url(made.owner).database))


@pytest.fixture
async def app(urls: Urls) -> AsyncIterator[App]:
    """The application on the test's own database, called without a network."""
    async with run_app(urls) as app:
        yield app


@pytest.fixture
async def owner_connection(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner role, which sees every tenant."""
    connection = await asyncpg.connect(urls.plain("owner"))
    yield connection
    await connection.close()


@pytest.fixture
async def world(app: App, owner_connection: asyncpg.Connection) -> World:
    """Two tenants, acme and globex, with somebody in every role, and somebody in none."""
    return await create_world(app, owner_connection)


@pytest.fixture
def replicated_cluster(request: pytest.FixtureRequest) -> ReplicatedCluster:
    """A primary and two standbys, the same ones for every test of this process, as the last test left them."""
    return shared_cluster(request.config)


@pytest.fixture
async def place(replicated_cluster: ReplicatedCluster) -> ReplicatedCluster:
    """The same servers, whose standbys have caught up, whatever lag the last test gave them."""
    await replicated_cluster.catch_up()
    return replicated_cluster


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the machine do not reach the tests."""
    for name in list(os.environ):
        if name.startswith("ATRIUM_") and name != "ATRIUM_TEST_DATABASE_URL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("ATRIUM_WEB_BUILD", "off")  # a server that a test starts builds no pages beside it
