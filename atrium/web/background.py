"""The build beside a server that was started in a clone: a process of its own, which never outlives the server."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from atrium.web.build import has_sources, is_built, is_current

__all__ = ["build_in_background"]

DONE = "The pages are built."
OUTDATED = (
    "The pages were built from other sources than those of web/: `uv run atrium web build` brings them up to date."
)


@contextmanager
def build_in_background(say: Callable[[str], None]) -> Iterator[None]:
    """Build the pages while this lasts, if there are none and they can be built here; `say` is told how it goes."""
    if not has_sources():
        yield
        return
    if is_built():
        if not is_current():
            say(OUTDATED)
        yield
        return
    process = subprocess.Popen(  # our own command
        [sys.executable, "-m", "atrium.web.build"],
        stdin=subprocess.PIPE,  # its end says that this process is gone, however it ended
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # a group of its own, which is ended as a whole
    )
    thread = threading.Thread(target=_follow, args=(process, say), daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        thread.join()


def _follow(process: "subprocess.Popen[str]", say: Callable[[str], None]) -> None:
    assert process.stdout is not None, "it is a pipe"
    for line in process.stdout:
        text = line.strip()
        say(text if text.startswith("The pages") else f"Building the pages: {text} …")
    if process.wait() == 0:
        say(DONE)
