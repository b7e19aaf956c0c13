"""What npm installs for the tests: once for each state of a lock file, by whichever process comes first."""

import fcntl
import hashlib
import shutil
import tempfile
from pathlib import Path

from atrium.web.node import run_npm
from bench.node import cache_folder

__all__ = ["install_packages"]

SOURCES = ("package.json", "package-lock.json", ".npmrc")


def install_packages(folder: Path, cache_name: str) -> Path:
    """Install what a folder's package.json names into the user's cache; return its node_modules."""
    sources = [folder / name for name in SOURCES]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    cache = cache_folder(cache_name)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / digest).exists():
            made = Path(tempfile.mkdtemp(dir=cache))
            for source in sources:
                shutil.copy(source, made)
            run_npm(made, "ci")
            made.rename(cache / digest)
    return cache / digest / "node_modules"
