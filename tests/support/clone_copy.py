"""A copy of the repository as a clone is: without what was installed, built or measured in it."""

import shutil
from pathlib import Path

from tests.support.source_files import ROOT

__all__ = ["copy_clone"]

HIDDEN = (".git", ".venv", ".atrium", ".build", ".coverage*", ".hypothesis", ".*_cache")
MADE = ("__pycache__", "*.egg-info", "node_modules", "build", "dist", "gql", "static", "uv.lock")


def copy_clone(home: Path) -> Path:
    """Copy it to a path where nothing is yet; return the path."""
    return Path(shutil.copytree(ROOT, home, ignore=shutil.ignore_patterns(*HIDDEN, *MADE)))
