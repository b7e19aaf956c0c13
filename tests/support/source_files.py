"""Atrium's own source files, as the tests of the house read them."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["LAYERS", "ROOT", "Source", "sources"]

ROOT = Path(__file__).parents[2]
LAYERS = ("atrium", "graph", "services", "models", "migrations")


@dataclass(frozen=True)
class Source:
    """One file."""

    name: str
    """Where it is below the root, such as `services/tasks.py`."""
    text: str

    @property
    def tree(self) -> ast.Module:
        """What it says."""
        return ast.parse(self.text)


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """The Python files in these folders."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert paths
    return tuple(Source(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in paths)
