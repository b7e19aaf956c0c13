"""The build of the pages: it ends with its server, is whole or not there, and says what it lacks."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from atrium.settings import Settings
from atrium.web import background, build
from atrium.web.build import BuildFailed
from atrium.web.node import NodeFailed, NodeMissing
from tests.support.clone_copy import copy_clone

SECONDS = 60
SERVER = """
import sys, time
from atrium.web.background import build_in_background
with build_in_background(lambda text: print(text, flush=True)):
    time.sleep(600)
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with next to nothing in it, which is built by what the test puts in place of Node."""
    root = tmp_path / "clone"
    (root / "web").mkdir(parents=True)
    (root / "web" / "package-lock.json").write_text("{}")
    (root / "schema.graphql").write_text("type Query { a: Int }")
    for name, path in {
        "CLONE": root,
        "SOURCES": root / "web",
        "BUILD": root / "web" / ".build",
        "STATIC": root / "static",
    }.items():
        monkeypatch.setattr(build, name, path)
    monkeypatch.setattr(build, "find_node", lambda: root / "node")
    monkeypatch.setattr(build, "run_npm", lambda folder, *_: (folder / "node_modules").mkdir())
    monkeypatch.setattr(build, "run_node", _write_result)
    return root


def _write_result(folder: Path, program: Path, *arguments: str, name: str) -> None:
    if name == "vite":
        assert program.is_relative_to(folder / "node_modules")
        app = arguments[arguments.index("--config") + 1].partition("/")[0]
        (folder / app / "dist").mkdir(parents=True)
        (folder / app / "dist" / "index.html").write_text(f"made {app}")


def _pages(clone: Path) -> list[str]:
    return [(clone / "static" / app / "index.html").read_text() for app in build.APPS]


MADE_PAGES = ["made explorer", "made backoffice"]


def test_a_build_is_put_in_place_and_leaves_its_packages(clone: Path) -> None:
    said: list[str] = []
    build.build_pages(said.append)
    assert _pages(clone) == MADE_PAGES
    assert (build.is_built(), build.is_current(), build.read_progress()) == (True, True, None)
    assert said[0].startswith("installing npm's packages")
    assert sorted(path.name for path in build.BUILD.iterdir()) == ["lock", "packages"]


def test_packages_are_installed_once_for_a_lock_file(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.build_pages(lambda _text: None)
    (clone / "web" / "other.ts").write_text("changed")
    assert not build.is_current()
    monkeypatch.setattr(build, "run_npm", lambda *_: pytest.fail("they are there"))
    build.build_pages(lambda _text: None)
    assert build.is_current()


def test_a_failed_build_leaves_what_was_there(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.build_pages(lambda _text: None)
    (clone / "web" / "other.ts").write_text("changed")

    def fail(*_arguments: object, name: str) -> None:
        raise NodeFailed(name, "error in other.ts")

    monkeypatch.setattr(build, "run_node", fail)
    with pytest.raises(BuildFailed, match=r"graphql-codegen failed: error in other\.ts"):
        build.build_pages(lambda _text: None)
    assert _pages(clone) == MADE_PAGES
    assert "error in other.ts" in (build.read_progress() or "")


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (NodeMissing("Node is not installed."), "The pages are not built: Node is not installed."),
        (
            NodeFailed("npm ci", "npm error code ECONNREFUSED"),
            "npm does not reach its registry (ECONNREFUSED);",
        ),
        (NodeFailed("npm ci", "npm error code SELF_SIGNED_CERT_IN_CHAIN"), "registry (SELF_SIGNED_CERT_IN_CHAIN)"),
        (NodeFailed("npm ci", "npm error code EINTEGRITY"), "npm ci failed: npm error code EINTEGRITY"),
    ],
)
@pytest.mark.usefixtures("clone")
def test_what_is_missing_is_said(failure: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise failure

    monkeypatch.setattr(build, "run_npm", fail)
    with pytest.raises(BuildFailed) as caught:
        build.build_pages(lambda _text: None)
    assert sentence in str(caught.value)
    assert build.read_progress() == str(caught.value)
    assert not build.is_built()


def test_a_server_builds_nothing_where_pages_are(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.build_pages(lambda _text: None)
    monkeypatch.setattr(background.subprocess, "Popen", lambda *_, **__: pytest.fail("it builds"))
    said: list[str] = []
    with background.build_in_background(said.append):
        assert said == []
    (clone / "web" / "other.ts").write_text("changed")
    with background.build_in_background(said.append):
        assert said == [background.OUTDATED]


def test_only_development_builds() -> None:
    assert Settings().builds_pages
    for changes in ({"explorer": False}, {"backoffice": False}, {"documents": "only"}):
        assert Settings(**changes).builds_pages, changes
    for changes in ({"environment": "production"}, {"web_build": False}, {"explorer": False, "backoffice": False}):
        assert not Settings(**changes).builds_pages, changes


def test_one_page_of_two_is_not_built(clone: Path) -> None:
    build.build_pages(lambda _text: None)
    shutil.rmtree(clone / "static" / "backoffice")
    assert (build.is_built(), build.is_current()) == (False, False)
    build.build_pages(lambda _text: None)
    assert _pages(clone) == MADE_PAGES


@pytest.fixture
def silent_registry() -> Iterator[str]:
    """A registry that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _environment(tmp_path: Path, registry: str) -> dict[str, str]:
    return os.environ | {"npm_config_registry": registry, "npm_config_cache": str(tmp_path / "npm"), "PYTHONPATH": "."}


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_build_ends_with_its_server(tmp_path: Path, silent_registry: str, ending: signal.Signals) -> None:
    clone, environment = copy_clone(tmp_path / "clone"), _environment(tmp_path, silent_registry)
    command = [sys.executable, "-c", SERVER]
    server = subprocess.Popen(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert "installing npm's packages" in server.stdout.readline()
    deadline = time.monotonic() + SECONDS
    while len(building := psutil.Process(server.pid).children(recursive=True)) < 2:
        assert time.monotonic() < deadline, "npm does not start"
        time.sleep(0.05)
    server.send_signal(ending)
    server.wait(SECONDS)
    _, alive = psutil.wait_procs(building, timeout=SECONDS)
    assert alive == []
    assert not (clone / "atrium" / "web" / "static").exists()


@pytest.mark.slow
def test_a_registry_out_of_reach_is_said_in_one_sentence(tmp_path: Path) -> None:
    clone, environment = copy_clone(tmp_path / "clone"), _environment(tmp_path, "http://127.0.0.1:9")
    command = [sys.executable, "-m", "atrium", "web", "build"]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    sentence = "The pages are not built: npm does not reach its registry (ECONNREFUSED); "
    assert done.stderr.splitlines()[-1] == sentence + build.AGAIN + "."


@pytest.mark.slow
def test_a_wheel_carries_the_pages(tmp_path: Path) -> None:
    clone = copy_clone(tmp_path / "clone")
    command = ["uv", "build", "--wheel", "--out-dir", str(tmp_path / "out"), str(clone)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode
    assert "`uv run atrium web build` builds them" in refused.stderr
    static = clone / "atrium" / "web" / "static"
    for app in build.APPS:
        (static / app).mkdir(parents=True)
        (static / app / "index.html").write_text("made")
    (static / "backoffice" / "persisted-documents.json").write_text("{}")
    digest = subprocess.run(
        [sys.executable, "-c", "from atrium.web.build import source_digest; print(source_digest(), end='')"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=True,
    )
    (static / "sources.sha256").write_text(digest.stdout)
    subprocess.run(command, check=True, capture_output=True)
    [wheel] = (tmp_path / "out").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    carried = ["explorer/index.html", "backoffice/index.html", "backoffice/persisted-documents.json"]
    assert [names.count(f"atrium/web/static/{name}") for name in carried] == [1, 1, 1]
    assert names.count("atrium/schema.graphql") == names.count("migrations/env.py") == 1
    assert not [name for name in names if "node_modules" in name or name.startswith("web/")]
