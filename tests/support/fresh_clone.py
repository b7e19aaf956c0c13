"""A copy of the repository as a clone is: without what was installed, built or measured in it."""

import shutil
from pathlib import Path

from tests.support.source_files import ROOT

__all__ = ["copy_clone"]

NEVER_COPIED = (".build", ".git", ".venv", ".atrium", "__pycache__", "node_modules", "static", "gql", "dist")


def copy_clone(folder: Path) -> Path:
    """Copy it into a folder, which must not have one yet; return the copy."""
    return Path(shutil.copytree(ROOT, folder / "clone", ignore=shutil.ignore_patterns(*NEVER_COPIED)))
