"""Folders in memory, where the machine has room: a database is copied there in a tenth of the time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

__all__ = ["temporary_folder"]

TMPFS = Path("/dev/shm")  # noqa: S108  # the folders in it are made by mkdtemp
PREFIX = "atrium-tests-"
NEEDED_BYTES = 4 * 2**30


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for a server's data, in memory or else among the temporary files; gone afterwards."""
    _remove_leftovers()
    made = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=TMPFS if _has_room() else None))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _has_room() -> bool:
    if not os.access(TMPFS, os.W_OK):
        return False
    return min(shutil.disk_usage(TMPFS).free, psutil.virtual_memory().available) >= NEEDED_BYTES


def _remove_leftovers() -> None:
    """Remove what processes have left that were killed."""
    for left in TMPFS.glob(f"{PREFIX}*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
