"""File systems with little room, for a server of the tests; they take the right to mount."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from atrium.embedded.process import ServerHome

__all__ = ["enlarge", "may_mount", "mounted", "on_small_disk"]


@cache
def may_mount() -> bool:
    """Whether this user may mount a file system here: root may, outside most containers."""
    if os.geteuid() or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "tmpfs", folder]
        is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        if is_mounted:
            _run("umount", folder)
    return is_mounted


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own at a folder, with room for so much, of whoever runs the embedded server."""
    account = ServerHome.locate(folder).account
    assert account is not None, "root mounts, and does not run the server"
    options = f"size={megabytes}m,mode=0700,uid={account[0]},gid={account[1]}"
    _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield
    finally:
        _run("umount", str(folder))


@contextmanager
def on_small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Move what is in a folder to a file system of its own, which takes its place."""
    content = folder.with_name(f"{folder.name}.before")
    folder.rename(content)
    folder.mkdir()
    with mounted(folder, megabytes):
        _run("cp", "--archive", f"{content}/.", str(folder))
        yield


def enlarge(folder: Path, megabytes: int) -> None:
    """Give the file system at a folder room for so much."""
    _run("mount", "-o", f"remount,size={megabytes}m", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
