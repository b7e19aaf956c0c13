"""Where what npm installs for the servers for Node, and for the clients of the tests, is kept."""

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(name: str) -> Path:
    """Return a folder in the user's cache: what a package index has does not belong in the repository."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
