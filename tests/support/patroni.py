"""Three servers under Patroni and an etcd, all on this machine; PostgreSQL's programs are the embedded ones."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from atrium.embedded.process import LAUNCHER, ServerHome
from tests.support import tmpfs
from tests.support.pooler import PooledUrls
from tests.support.ports import free_port

__all__ = ["PatroniCluster", "PatroniServer", "run_patroni"]

REQUIREMENT = "patroni[etcd3,psycopg3]==4.1.5"
START_SECONDS = 120
SCOPE = "atrium"
TTL_SECONDS = 20  # the least that Patroni takes: how long a leader is believed to be alive
PASSWORDS = {
    "postgres": "super",
    "replicator": "copy",
    "rewinder": "back",
    "atrium_owner": "own",
    "atrium_app": "serve",
}
DISTRIBUTED_SETTINGS = {
    "ttl": TTL_SECONDS,
    "loop_wait": 2,
    "retry_timeout": 5,
    "synchronous_mode": True,
    "postgresql": {"use_pg_rewind": True, "parameters": {"wal_log_hints": "on", "max_connections": 100}},
}


@dataclass
class PatroniServer:
    """One of the servers, with the Patroni that runs it."""

    name: str
    port: int
    api_port: int
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def settings(self) -> Path:
        """The file of Patroni's settings."""
        return self.folder / "patroni.yml"

    def url(self, role: str, database: str = "atrium") -> str:
        """The address of the server as a role."""
        return f"postgresql://{role}:{PASSWORDS[role]}@127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """Kill Patroni, the postmaster and all of its processes, at once."""
        assert self.process is not None, "it runs"
        pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        postmaster, patroni = psutil.Process(pid), psutil.Process(self.process.pid)
        for process in (patroni, *patroni.children(), postmaster, *postmaster.children()):
            if process.is_running():
                os.kill(process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class PatroniCluster:
    """The servers, what starts them, and the addresses of all."""

    programs: Path
    home: ServerHome
    folder: Path
    servers: list[PatroniServer] = field(default_factory=list)
    etcd_port: int = 0

    @property
    def urls(self) -> PooledUrls:
        """The addresses by role, each of which names all servers."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        owner, runtime = (
            f"postgresql://{role}:{PASSWORDS[role]}@{hosts}/atrium" for role in ("atrium_owner", "atrium_app")
        )
        return PooledUrls(owner, runtime)

    @property
    def replica_urls(self) -> str:
        """The address of each server, as the runtime role."""
        return ",".join(server.url("atrium_app") for server in self.servers)

    def launch(self, *command: object, log: str) -> "subprocess.Popen[bytes]":
        """Start a program as the user who runs the servers; it ends when this process does."""
        account = map(str, self.home.account or ("", ""))
        launcher = (sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), "", *account)
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                [*launcher, *map(str, command)],
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
            )

    def start(self, server: PatroniServer) -> None:
        """Start a server, or start it again."""
        server.process = self.launch(self.programs / "patroni", server.settings, log=f"{server.name}.log")

    async def members(self) -> dict[str, dict[str, Any]]:
        """What Patroni says of each server that it knows, by its name."""
        async with httpx.AsyncClient() as http:
            for server in self.servers:
                try:
                    answer = await http.get(f"http://127.0.0.1:{server.api_port}/cluster")
                except httpx.TransportError:
                    continue
                return {member["name"]: member for member in answer.json()["members"]}
        return {}

    async def wait_until_whole(self) -> tuple[PatroniServer, PatroniServer]:
        """Wait for a leader and two standbys that stream, one of which confirms; returns the leader and that one."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                members = await self.members()
                roles = {member["role"]: server for server in self.servers if (member := members.get(server.name))}
                streaming = [member for member in members.values() if member["state"] == "streaming"]
                if len(streaming) == len(self.servers) - 1 and {"leader", "sync_standby"} <= set(roles):
                    return roles["leader"], roles["sync_standby"]
                await asyncio.sleep(0.2)  # nothing tells

    async def switch_over(self, leader: PatroniServer, candidate: PatroniServer) -> None:
        """Have the leader hand over to another server; returns when that is the leader."""
        async with httpx.AsyncClient(timeout=START_SECONDS) as http:
            wanted = {"leader": leader.name, "candidate": candidate.name}
            answer = await http.post(f"http://127.0.0.1:{leader.api_port}/switchover", json=wanted)
        assert answer.status_code == httpx.codes.OK, answer.text


def server_settings(server: PatroniServer, cluster: PatroniCluster) -> dict[str, Any]:
    """The settings of one Patroni."""
    users = {"superuser": "postgres", "replication": "replicator", "rewind": "rewinder"}
    return {
        "scope": SCOPE,
        "name": server.name,
        "restapi": {"listen": f"127.0.0.1:{server.api_port}", "connect_address": f"127.0.0.1:{server.api_port}"},
        "etcd3": {"host": f"127.0.0.1:{cluster.etcd_port}"},
        "bootstrap": {
            "dcs": DISTRIBUTED_SETTINGS,
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums", "no-sync"],
        },
        "postgresql": {
            "listen": f"127.0.0.1:{server.port}",
            "connect_address": f"127.0.0.1:{server.port}",
            "data_dir": str(server.folder / "data"),
            "bin_dir": str(cluster.home.binaries),
            "pgpass": str(server.folder / "pgpass"),
            "authentication": {use: {"username": name, "password": PASSWORDS[name]} for use, name in users.items()},
            "parameters": {"unix_socket_directories": str(server.folder), "shared_buffers": "32MB"},
            "pg_hba": [f"host {name} all 127.0.0.1/32 scram-sha-256" for name in ("all", "replication")]
            + ["local all all scram-sha-256"],
        },
    }


def make_environment(folder: Path) -> Path:
    """Make an environment of Patroni's own, for a user who may not enter root's home; returns its programs."""
    uv = shutil.which("uv")
    assert uv is not None, "it needs uv"
    python = sys.executable if os.geteuid() else shutil.which("python3", path="/usr/bin")
    subprocess.run([uv, "venv", "-q", "--python", str(python), folder], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", folder / "bin" / "python", REQUIREMENT], check=True)
    return folder / "bin"


@contextmanager
def run_patroni(count: int) -> Iterator[PatroniCluster]:
    """So many servers, which begin to form a cluster; ended afterwards."""
    etcd = shutil.which("etcd")
    if etcd is None:
        pytest.fail("etcd is missing; install it, on Debian by `apt-get install etcd-server`.")
    with ExitStack() as stack:
        folder = stack.enter_context(tmpfs.temporary_folder())
        cluster = PatroniCluster(make_environment(folder / "environment"), ServerHome.locate(folder), folder)
        cluster.etcd_port, peer_port = free_port(), free_port()
        names = [f"db-{number}" for number in range(1, count + 1)]
        cluster.servers = [PatroniServer(name, free_port(), free_port(), folder / name) for name in names]
        for server in cluster.servers:
            server.folder.mkdir()
            server.settings.write_text(yaml.safe_dump(server_settings(server, cluster)))
        if cluster.home.account:
            for path in (folder, *(each for server in cluster.servers for each in (server.folder, server.settings))):
                shutil.chown(path, *cluster.home.account)
        options = _etcd_options(folder, cluster.etcd_port, peer_port)
        stack.enter_context(_ended(cluster.launch(etcd, *options, log="etcd.log")))
        stack.callback(_end_servers, cluster.servers)
        for server in cluster.servers:
            cluster.start(server)
        yield cluster


def _etcd_options(folder: Path, port: int, peer_port: int) -> Iterator[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    yield from (f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={client}", f"--advertise-client-urls={client}")
    yield from (f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}")
    yield from (f"--initial-cluster=default={peer}", "--unsafe-no-fsync")


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _end_servers(servers: list[PatroniServer]) -> None:
    """End each Patroni, which ends its server."""
    running = [server.process for server in servers if server.process is not None]
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        process.wait(START_SECONDS)
