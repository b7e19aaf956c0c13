"""Workers: several processes that serve one port, supervised by uvicorn's own supervisor.

The process that was started binds the port and starts the workers, each a new interpreter that builds an application of
its own. One that ends by itself, or hangs, is started again. SIGHUP replaces them one after the other, each by one that
is ready before the old one is told to end; since it is a new interpreter, it runs the code and reads the `.env` file
that are there then. SIGTERM ends all of them, as `atrium.http.shutdown` says.
"""

import os
import signal
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing import connection, parent_process
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess, multiprocess

from atrium import startup_checks
from atrium.server import create_server
from atrium.settings import Settings, load_settings

__all__ = ["run_workers"]

READY_SECONDS = 60  # that a new worker may take until it serves, or one that hangs to answer its supervisor
ORPHANED_SIGNAL = signal.SIGTERM


@dataclass(frozen=True)
class WorkerOrigin:
    """What a worker builds its application from, besides its environment."""

    urls: startup_checks.DatabaseUrls
    changes: Mapping[str, Any]
    """The settings that differ from those of the environment, by name."""
    metrics_folder: Path
    """Where the workers of one supervisor read each other's metrics."""

    def load_settings(self) -> Settings:
        """Return the settings as they are now."""
        return startup_checks.with_signing_key(load_settings().model_copy(update=dict(self.changes)))


class WorkerConfig(uvicorn.Config):
    """uvicorn's configuration of a supervisor, with what its workers need."""

    def __init__(self, settings: Settings, origin: WorkerOrigin) -> None:
        super().__init__(
            "",  # each worker builds its own application
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            log_config=None,
            timeout_worker_healthcheck=READY_SECONDS,
        )
        self.origin = origin


class Worker(multiprocess.Process):
    """One worker, seen by its supervisor; `target` runs in the worker itself."""

    config: WorkerConfig

    def target(self, sockets: list[socket] | None = None) -> None:
        """Serve until told to end, or until the supervisor is gone."""
        threading.Thread(target=_end_with_supervisor, daemon=True).start()
        origin = self.config.origin
        # Before two threads ask for it: the one that serves, and the one that tells the supervisor whether it does.
        self._server = create_server(origin.load_settings(), origin.urls, metrics_folder=origin.metrics_folder)
        super().target(sockets)


def _end_with_supervisor() -> None:
    supervisor = parent_process()
    assert supervisor is not None, "a worker has a supervisor"
    connection.wait([supervisor.sentinel])
    os.kill(os.getpid(), ORPHANED_SIGNAL)


def run_workers(settings: Settings, urls: startup_checks.DatabaseUrls, changes: Mapping[str, Any]) -> None:
    """Serve with `settings.workers` processes until told to end.

    Args:
        settings: all of them.
        urls: where the database is.
        changes: those of the settings that the environment does not have, by name.

    Raises:
        SystemExit: a worker cannot start, with uvicorn's exit code for that.
    """
    kept: dict[str, Any] = {**changes, "database_replica_urls": settings.database_replica_urls}
    with tempfile.TemporaryDirectory(prefix="atrium-") as folder:
        # An embedded server belongs to this process, and its workers need its addresses alone.
        config = WorkerConfig(settings, WorkerOrigin(replace(urls, server=None), kept, Path(folder)))
        multiprocess.Process = Worker  # type: ignore[misc]  # the supervisor names the class so, and takes no other
        supervisor = Multiprocess(config, [config.bind_socket()])
        supervisor.run()
    failed = [each for each in supervisor.processes if each.exitcode == uvicorn.config.STARTUP_FAILURE]
    if failed:
        raise SystemExit(uvicorn.config.STARTUP_FAILURE)
