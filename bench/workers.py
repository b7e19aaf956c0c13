"""Memory of workers: what each takes at the start, and how much of it workers by fork would share.

`uv run python -m bench.workers` needs no database: it builds the server as a worker does, forks, and looks at both.
"""

import os

import psutil
from pydantic import SecretStr
from rich.console import Console

from atrium.server import create_server
from atrium.settings import Settings
from atrium.startup_checks import DatabaseUrls

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"
MEGABYTE = 2**20


def main() -> None:
    """Measure and print."""
    settings = Settings(secret_key=SecretStr("only-for-this-measurement-0123456789"))
    server = create_server(settings, DatabaseUrls(NOWHERE, NOWHERE))
    own = psutil.Process().memory_full_info()
    child = os.fork()
    if child == 0:
        shared = psutil.Process().memory_full_info()
        private, resident = (size / MEGABYTE for size in (shared.uss, shared.rss))
        Console().print(f"A forked process has {resident:.0f} MB, of which {private:.0f} are its own at first.")
        os._exit(0)
    os.waitpid(child, 0)
    Console().print(f"{type(server).__name__}: {own.rss / MEGABYTE:.0f} MB, {own.uss / MEGABYTE:.0f} of them its own.")


if __name__ == "__main__":
    main()
