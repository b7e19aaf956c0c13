"""Read replicas of the embedded PostgreSQL: streaming standbys that live beside it, and only as long.

Each is copied from the running primary when it starts and thrown away when it stops, since a copy of a development
database takes a second, and a standby that was away too long could not catch up anyway. A data directory holds
standby N in `postgres/replica-N/`, laid out like the primary's own folder, and its processes end as the primary's do.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from atrium.embedded.process import EmbeddedFailed, ServerHome, end_process
from atrium.embedded.server import Server

__all__ = ["Standby", "run_standbys"]

COPY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Standby:
    """A running standby: the addresses of its database, and its process."""

    runtime_url: str
    superuser_url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def run_standbys(server: Server, data_dir: Path, count: int) -> Iterator[tuple[Standby, ...]]:
    """`count` standbys of an embedded server, for as long as this lasts.

    Blocks until they answer. As for the server, only the main thread may call it.

    Raises:
        EmbeddedFailed: another Atrium owns the server and may stop it at any time, or a standby did not start.
    """
    if count and not server.owned:
        raise EmbeddedFailed("Another Atrium runs this database; its replicas are started there.")
    with ExitStack() as stack:
        yield tuple(stack.enter_context(_run_standby(server, data_dir, number)) for number in range(1, count + 1))


@contextmanager
def _run_standby(server: Server, data_dir: Path, number: int) -> Iterator[Standby]:
    home = _locate_home(data_dir, number)
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with home.acquire_process_lock() as process_lock:
        _copy_primary(server, home, process_lock.fileno())
        process, port = home.launch(process_lock.fileno(), fast=True)  # a copy that is lost is made again
    try:
        yield Standby(_with_port(server.runtime_url, port), _with_port(server.superuser_url, port), process)
    finally:
        end_process(process)
        shutil.rmtree(home.cluster)


def _with_port(url: str, port: int) -> str:
    return make_url(url).set(port=port).render_as_string(hide_password=False)


def _locate_home(data_dir: Path, number: int) -> ServerHome:
    path = data_dir.resolve() / "postgres" / f"replica-{number}"
    return ServerHome.locate(path, beside=path.parent)


def _copy_primary(server: Server, home: ServerHome, process_lock: int) -> None:
    """Copy the primary as it is now, and have the copy follow it."""
    shutil.rmtree(home.cluster, ignore_errors=True)
    pgdata = home.cluster / "pgdata"
    pgdata.mkdir(mode=0o700, parents=True)
    if home.account:
        shutil.chown(pgdata, *home.account)
    source = make_url(server.superuser_url)
    address = f"--host={source.host}", f"--port={source.port}", f"--username={source.username}"
    options = "--pgdata=.", "--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--password"
    # There is no terminal to ask, so it reads the password from its input, where no list of processes shows it.
    process = home.spawn(process_lock, pgdata, "pg_basebackup", *address, *options)
    try:
        process.communicate(f"{source.password}\n".encode(), COPY_SECONDS)
    except subprocess.TimeoutExpired:
        end_process(process)
    if process.returncode:
        raise EmbeddedFailed(f"The database could not be copied to {home.path}: {home.read_log_tail()}")
