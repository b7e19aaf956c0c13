"""The embedded PostgreSQL: a real server from a wheel, for development and tests, that never outlives its owner.

A data directory holds everything in `postgres/`:

    lock        held (flock) by the living Atrium that owns the server; its text is the port, once ready
    leash       held by every process of the server, so whoever gets it knows that none is left
    log, log.1  what PostgreSQL wrote
    cluster/    pgdata/ and credentials.json, made aside in new/ and renamed when whole

The kernel drops both locks with their holders.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from atrium.embedded.process import (
    START_SECONDS,
    EmbeddedFailed,
    EmbeddedUnavailable,
    ServerHome,
    end_process,
    take_lock,
)

__all__ = [
    "DATABASE",
    "OWNER_ROLE",
    "RUNTIME_ROLE",
    "SUPERUSER_ROLE",
    "EmbeddedFailed",
    "EmbeddedUnavailable",
    "Server",
]

DATABASE = "atrium"
OWNER_ROLE = "atrium_owner"
RUNTIME_ROLE = "atrium_app"
SUPERUSER_ROLE = "postgres"

_LOG_BYTES = 10 * 1024 * 1024
_HOST_RULES = "".join(f"host {name} all 127.0.0.1/32 scram-sha-256\n" for name in ("all", "replication"))
_SOCKET_RULE = "local all all scram-sha-256\n"
_SOCKET_PATH_BYTES = 107  # what the kernel takes

# The builtin locale sorts and folds alike everywhere; pg_trgm still asks the C library what a letter is.
_CTYPE = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={_CTYPE}")


@dataclass
class Server:
    """A running embedded PostgreSQL, with database `atrium` and its owner and runtime roles.

    `owned` is False where another living Atrium runs the server: then `stop()` leaves it alone. Keep the object as
    long as the server is needed; it is also a context manager.
    """

    port: int
    owned: bool
    _passwords: dict[str, str] = field(repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _lock: IO[str] | None = field(default=None, repr=False)
    _socket_folder: Path | None = None

    @classmethod
    def start(cls, data_dir: Path, *, fast: bool = False, unix_socket: bool = False) -> Self:
        """Start the server of a data directory, made at the first start, or attach to the one a living Atrium runs.

        Blocks until the server answers. Only the main thread may call it, since the kernel ends the server with the
        thread that started it. `fast` gives up durability, for tests. With `unix_socket` the addresses of an owned
        server lead through a socket in its data directory; without, and of an attached one, by TCP.

        Raises:
            EmbeddedUnavailable: the platform or the user cannot run it.
            EmbeddedFailed: the server did not start, or an earlier one did not end in time.
            RuntimeError: called from another thread.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("The embedded PostgreSQL is started from the main thread only.")
        path = data_dir.resolve() / "postgres"
        try:
            return cls._attach_or_run(path, fast=fast, unix_socket=unix_socket)
        except OSError as error:
            raise EmbeddedFailed(f"The embedded PostgreSQL cannot run in {path}: {error}.") from error

    @classmethod
    def _attach_or_run(cls, path: Path, *, fast: bool, unix_socket: bool) -> Self:
        home = ServerHome.locate(path)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + START_SECONDS
        while (lock := take_lock(path / "lock")) is None:
            time.sleep(0.05)  # before looking: a new owner has emptied the text of the one before it by then
            if (port := _read_answering_port(path / "lock")) is not None:
                return cls(port, owned=False, _passwords=_read_passwords(home.cluster))
            if time.monotonic() > deadline:
                raise EmbeddedFailed(f"Another Atrium holds {path / 'lock'}, but its server does not answer.")
        try:
            return cls._run(home, lock, fast=fast, unix_socket=unix_socket)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def _run(cls, home: ServerHome, lock: IO[str], *, fast: bool, unix_socket: bool) -> Self:
        lock.truncate(0)
        with contextlib.suppress(FileNotFoundError):
            if (home.path / "log").stat().st_size > _LOG_BYTES:
                (home.path / "log").replace(home.path / "log.1")
        with home.acquire_process_lock() as process_lock:
            if not home.cluster.exists():
                _initialise_cluster(home, process_lock.fileno(), fast=fast)
            folder = _prepare_socket(home.cluster / "pgdata") if unix_socket else None
            process, port = home.launch(process_lock.fileno(), fast=fast, unix_socket=unix_socket)
        lock.write(str(port))
        lock.flush()
        return cls(port, True, _read_passwords(home.cluster), process, lock, folder)

    @property
    def owner_url(self) -> str:
        """Return the owner role on database `atrium`: for migrations."""
        return self.database_url(OWNER_ROLE, DATABASE)

    @property
    def runtime_url(self) -> str:
        """Return the runtime role on database `atrium`: it owns nothing and bypasses no policy."""
        return self.database_url(RUNTIME_ROLE, DATABASE)

    @property
    def superuser_url(self) -> str:
        """Return the superuser on database `postgres`: for tests that make and drop databases."""
        return self.database_url(SUPERUSER_ROLE, "postgres")

    def database_url(self, role: str, database: str) -> str:
        """Return the asyncpg address of a database for one of the three roles; KeyError for any other role."""
        account = f"postgresql+asyncpg://{role}:{self._passwords[role]}"
        if self._socket_folder is None:
            return f"{account}@127.0.0.1:{self.port}/{database}"
        return f"{account}@/{database}?host={quote(str(self._socket_folder), safe='')}&port={self.port}"

    def stop(self) -> None:
        """Shut an owned server down, fast but cleanly, by force after 15 s; an attached one is left alone."""
        if self._process is None or self._lock is None:
            return
        end_process(self._process)
        self._lock.truncate(0)
        self._lock.close()
        self._process = self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _read_answering_port(lock: Path) -> int | None:
    with contextlib.suppress(ValueError, OSError):
        port = int(lock.read_text())
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return port
    return None


def _prepare_socket(pgdata: Path) -> Path:
    """Let the roles in by a socket in the data directory; return that folder.

    Raises:
        EmbeddedFailed: its path is longer than a socket's may be.
    """
    if len(os.fsencode(pgdata / ".s.PGSQL.65535")) > _SOCKET_PATH_BYTES:
        raise EmbeddedFailed(f"The path of {pgdata} is too long for a unix socket.")
    rules = pgdata / "pg_hba.conf"
    if _SOCKET_RULE not in rules.read_text():
        with rules.open("a") as file:
            file.write(_SOCKET_RULE)
    return pgdata


def _read_passwords(cluster: Path) -> dict[str, str]:
    return dict(json.loads((cluster / "credentials.json").read_text()))


def _initialise_cluster(home: ServerHome, process_lock: int, *, fast: bool) -> None:
    """Make the cluster and its roles aside and rename it at the end, so that a kill leaves nothing half made."""
    new = home.path / "new"
    pgdata = new / "pgdata"
    credentials = new / "credentials.json"
    shutil.rmtree(new, ignore_errors=True)
    pgdata.mkdir(mode=0o700, parents=True)
    if home.account:
        os.chown(pgdata, *home.account)
    passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER_ROLE, OWNER_ROLE, RUNTIME_ROLE)}
    options = [*_LOCALE, "--encoding=UTF8", f"--username={SUPERUSER_ROLE}", "--auth=reject", *(["--no-sync"] * fast)]
    single = ["--single", "--exit_on_error=on", "--log_min_error_statement=panic"]
    single += ["--fsync=off", "--scram_iterations=1"] if fast else []
    for program, arguments, text in (
        ("initdb", options, ""),
        ("postgres", [*single, "postgres"], _role_statements(passwords)),
    ):
        process = home.spawn(process_lock, pgdata, program, *arguments)
        process.communicate(text.encode())
        if process.returncode:
            raise EmbeddedFailed(f"PostgreSQL could not be set up in {home.path}: {home.read_log_tail()}")
    (pgdata / "pg_hba.conf").write_text(_HOST_RULES)
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(passwords))
    _sync(pgdata / "pg_hba.conf", credentials, new, fast=fast)
    new.rename(home.cluster)
    _sync(home.path, fast=fast)


def _sync(*paths: Path, fast: bool) -> None:
    for path in () if fast else paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


# Extensions are left to migrations: those in use are trusted, so the database's owner may create them.
# The owner owns schema public through pg_database_owner.
def _role_statements(passwords: dict[str, str]) -> str:
    """Return one statement a line, as single-user mode reads them."""
    plain = "login nosuperuser nobypassrls nocreatedb nocreaterole noreplication"
    roles = [f"create role {role} {plain} password '{passwords[role]}'" for role in (OWNER_ROLE, RUNTIME_ROLE)]
    superuser = f"alter role {SUPERUSER_ROLE} password '{passwords[SUPERUSER_ROLE]}'"
    return "\n".join([superuser, *roles, f"create database {DATABASE} owner {OWNER_ROLE}"])
