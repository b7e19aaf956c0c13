"""What deploy/compose.yaml starts, started on this machine without containers, in the order in which it would be.

The scripts, the pooler's configuration, the settings and Caddy's configuration are those of deploy/, with ports of this
machine in place of the names of containers.
"""

import asyncio
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.client import Client
from tests.support.deployment import DEPLOY, compose_settings
from tests.support.ports import free_port
from tests.support.postgres_programs import postgres_programs
from tests.support.proxies import program, run_proxy

pytestmark = pytest.mark.slow

START_SECONDS = 60
END_SECONDS = 20
SERVICES = ("primary", "replica", "pgbouncer", "atrium", "grafana")
INSTALL = """#!/bin/sh
# In place of the system's own, for secrets.sh: nobody but root may give files away.
shift 4
exec /usr/bin/install "$@"
"""
REGISTER = """mutation {
    register(input: { email: "first@example.com", fullName: "First", password: "Correct-horse-1!" }) {
        ... on Session { accessToken }
    }
}"""
CREATE_TENANT = 'mutation { createTenant(input: { name: "Acme", slug: "acme" }) { __typename } }'
SWITCH_TENANT = 'mutation { switchTenant(input: { tenant: "acme" }) { ... on Session { accessToken } } }'
CREATE_TASK = 'mutation { createTask(input: { title: "First" }) { __typename } }'
COUNT_TASKS = "{ tasks(first: 1) { totalCount } }"


@dataclass
class Machine:
    """Folders, ports and processes in place of containers."""

    folder: Path
    programs: Path
    """The folder of PostgreSQL's programs."""
    stack: ExitStack
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def account(self) -> dict[str, Any]:
        """Who runs what refuses to be run by root."""
        return {} if os.geteuid() else {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}

    def give_away(self, *folders: Path) -> None:
        """Let that account have these folders or files, with all that is in them."""
        if os.geteuid() == 0:
            for path in (each for folder in folders for each in (folder, *folder.rglob("*"))):
                shutil.chown(path, "nobody", pwd.getpwnam("nobody").pw_gid)

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        path = f"{self.folder}/bin:{self.programs}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **given}

    def run(self, *command: object, **given: str) -> None:
        """Run a program to its end."""
        words = [str(word) for word in command]
        environment = self.environment(given)
        done = subprocess.run(
            words, env=environment, cwd=self.folder, capture_output=True, text=True, check=False, **self.account
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def start(self, name: str, *command: object, **given: str) -> None:
        """Start a server, and wait until it listens on its port."""
        words = [str(word) for word in command]
        log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            words, env=self.environment(given), cwd=self.folder, stdout=log, stderr=log, **self.account
        )
        self.keep(process, name)

    def keep(self, process: "subprocess.Popen[bytes]", name: str) -> None:
        """Wait until a server listens on its port; it is ended with the others, the last one first."""
        self.stack.callback(end, process)
        asyncio.run(self._until_it_listens(process, name))

    async def _until_it_listens(self, process: "subprocess.Popen[bytes]", name: str) -> None:
        async with asyncio.timeout(START_SECONDS):
            while process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", self.ports[name])) == 0:
                        return
                await asyncio.sleep(0.05)  # it announces it in no way
        raise AssertionError((self.folder / f"{name}.log").read_text())


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a server in good order; PostgreSQL waits for its clients, who may be left over by a test that failed."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="atrium-deploy-") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "bin").mkdir()
        (folder / "bin/install").write_text(INSTALL)
        (folder / "bin/install").chmod(0o755)
        for service in ("kept", *SERVICES):
            (folder / "secrets" / service).mkdir(parents=True)
        found = Machine(folder, postgres_programs(), stack, {service: free_port() for service in SERVICES})
        found.give_away(folder)
        yield found


def secret_texts(machine: Machine) -> dict[str, str]:
    paths = (path for path in (machine.folder / "secrets").rglob("*") if path.is_file())
    return {str(path.relative_to(machine.folder)): path.read_text() for path in paths}


@pytest.fixture(scope="module")
def secrets(machine: Machine) -> Path:
    """The folder of the secrets, made twice, as at a second start."""
    for script in ("compose/secrets.sh", "postgres/primary.sh", "postgres/replica.sh"):
        shutil.copy(DEPLOY / script, machine.folder)
    made = []
    for _ in range(2):
        machine.run("sh", "secrets.sh", SECRETS=str(machine.folder / "secrets"))
        made.append(secret_texts(machine))
    assert made[0] == made[1], "a second start keeps them"
    assert len(made[0]) == 15
    assert all(text.strip() for text in made[0].values())
    return machine.folder / "secrets"


@pytest.fixture(scope="module")
def primary(machine: Machine, secrets: Path) -> int:
    """The primary's port; it was set up as the image of PostgreSQL does it."""
    data, port = machine.folder / "primary", machine.ports["primary"]
    machine.run("initdb", "-D", data, "--username=postgres", "--auth=trust", "--no-sync")
    # What the image writes there, and nothing that lets this machine in without a password.
    (data / "pg_hba.conf").write_text("local all all trust\nhost all all all scram-sha-256\n")
    socket_only = f"-c listen_addresses= -c unix_socket_directories={machine.folder}"
    machine.run("pg_ctl", "-D", data, "-w", "-l", machine.folder / "setup.log", "-o", socket_only, "start")
    machine.run(*("bash", "primary.sh"), PGHOST=str(machine.folder), PGDATA=str(data), SECRETS=str(secrets / "primary"))
    machine.run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
    options = ["-c", "max_slot_wal_keep_size=2GB", "-c", f"port={port}", "-c", "unix_socket_directories="]
    machine.start("primary", "postgres", "-D", data, *options)
    return port


@pytest.fixture(scope="module")
def replica(machine: Machine, primary: int, secrets: Path) -> int:
    """The replica's port."""
    data, port = machine.folder / "replica/18/docker", machine.ports["replica"]
    (data.parent / "docker.part").mkdir(parents=True)
    (data.parent / "docker.part/left").write_text("by a copy that was broken off")
    machine.give_away(machine.folder / "replica")
    given = {
        "PRIMARY": "127.0.0.1",
        "PRIMARY_PORT": str(primary),
        "SLOT": "replica_1",
        "PGPASSFILE": str(secrets / "replica/pgpass"),
        "PGDATA": str(data),
    }
    options = ["-c", f"port={port}", "-c", "unix_socket_directories="]
    machine.start("replica", "bash", "replica.sh", *options, **given)
    return port


@pytest.fixture(scope="module")
def pgbouncer(machine: Machine, primary: int, secrets: Path) -> int:
    """The pooler's port."""
    text = (DEPLOY / "pgbouncer/pgbouncer.ini").read_text(encoding="utf-8")
    changes = {
        "host=primary port=5432": f"host=127.0.0.1 port={primary}",
        "listen_addr = *": "listen_addr = 127.0.0.1",
        "listen_port = 6432": f"listen_port = {machine.ports['pgbouncer']}",
        "/run/secrets/": f"{secrets}/",
    }
    for found, replacement in changes.items():
        assert found in text
        text = text.replace(found, replacement)
    (machine.folder / "pgbouncer.ini").write_text(text)
    machine.give_away(machine.folder / "pgbouncer.ini")
    machine.start("pgbouncer", program("pgbouncer"), machine.folder / "pgbouncer.ini")
    return machine.ports["pgbouncer"]


@pytest.fixture(scope="module")
def settings(machine: Machine, secrets: Path, primary: int, replica: int, pgbouncer: int) -> dict[str, str]:
    """What Atrium's containers have in their environment."""
    ports = {"primary:5432": primary, "replica:5432": replica, "pgbouncer:6432": pgbouncer}
    found = dict(compose_settings(), ATRIUM_ENVIRONMENT="production", ATRIUM_HOST="127.0.0.1")
    found["ATRIUM_TRUSTED_PROXIES"] += ",127.0.0.0/8"
    for name, value in found.items():
        for host, port in ports.items():
            value = value.replace(f"@{host}/", f"@127.0.0.1:{port}/")  # noqa: PLW2901  # one replacement after another
        found[name] = value.replace("/run/secrets/", f"{secrets}/")
    assert not re.search(r"@(primary|replica|pgbouncer)", str(found))
    return machine.environment({**found, "PYTHONPATH": str(DEPLOY.parent)})


def run_atrium(settings: Mapping[str, str], secrets: Path, *arguments: str) -> str:
    """Run a command where its file of settings is; return what it says."""
    command = [sys.executable, "-m", "atrium", *arguments]
    done = subprocess.run(command, env=settings, cwd=secrets / "atrium", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def migrated(settings: dict[str, str], secrets: Path) -> dict[str, str]:
    """The settings of a database that is up to date."""
    run_atrium(settings, secrets, "migrate")
    return settings


def test_the_database_is_as_atrium_needs_it(migrated: dict[str, str], secrets: Path) -> None:
    assert run_atrium(migrated, secrets, "doctor").splitlines()[-1] == "All well."


async def test_the_replica_follows_by_its_slot(machine: Machine, migrated: dict[str, str], secrets: Path) -> None:
    assert migrated
    password = (secrets / "primary/owner").read_text()
    account = {"user": "atrium_owner", "password": password, "database": "atrium", "host": "127.0.0.1"}
    async with asyncio.timeout(START_SECONDS):
        found = None
        while found is None:  # it follows as fast as it can
            connection = await asyncpg.connect(port=machine.ports["replica"], **account)
            try:
                assert await connection.fetchval("SELECT pg_is_in_recovery()")
                found = await connection.fetchval("SELECT to_regclass('tasks')")
            finally:
                await connection.close()
    connection = await asyncpg.connect(port=machine.ports["primary"], **account)
    try:
        slots = await connection.fetch("SELECT slot_name, active FROM pg_replication_slots")
        assert [tuple(slot) for slot in slots] == [("replica_1", True)]
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def processes(machine: Machine, migrated: dict[str, str], secrets: Path) -> list[int]:
    """The ports of two processes, which listen."""
    for name in ("api-1", "api-2"):
        machine.ports[name] = free_port()
        log = machine.stack.enter_context((machine.folder / f"{name}.log").open("wb"))
        environment = {**migrated, "ATRIUM_PORT": str(machine.ports[name])}
        command = [sys.executable, "-m", "atrium", "serve"]
        process = subprocess.Popen(command, env=environment, cwd=secrets / "atrium", stdout=log, stderr=log)
        machine.keep(process, name)
    return [machine.ports["api-1"], machine.ports["api-2"]]


async def test_two_processes_serve_behind_caddy(
    processes: list[int], migrated: dict[str, str], secrets: Path, tmp_path: Path
) -> None:
    async with run_proxy("caddy", tmp_path, processes) as proxy, httpx.AsyncClient(base_url=proxy.url("http")) as http:
        assert (await http.get("/readyz")).status_code == 200
        assert (await http.get("/metrics")).status_code == 404
        assert (await http.get("/app/")).status_code == 200
        client = Client(http)
        client.token = (await client.run(REGISTER))["register"]["accessToken"]
        assert await client.run(CREATE_TENANT) == {"createTenant": {"__typename": "Tenant"}}
        client.token = (await client.run(SWITCH_TENANT))["switchTenant"]["accessToken"]
        assert await client.run(CREATE_TASK) == {"createTask": {"__typename": "Task"}}
        run_atrium(migrated, secrets, "superuser", "grant", "--email", "first@example.com")
        for _ in range(20):  # to both processes
            assert await client.run(COUNT_TASKS) == {"tasks": {"totalCount": 1}}
        metrics = [(await http.get(f"http://127.0.0.1:{port}/metrics")).text for port in processes]
    for text in metrics:
        assert re.search(r'^atrium_operations_total\{outcome="ok",type="query"\} [1-9]', text, re.MULTILINE)
    assert any(
        re.search(r'^atrium_reads_total\{node="replica-1",why="\w+"\} [1-9]', text, re.MULTILINE) for text in metrics
    )
