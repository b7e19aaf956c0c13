"""Chromium, driven by Playwright's library, on the pages of a server with a world of its own."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from atrium.web.build import build_pages, is_current
from atrium.web.node import NodeMissing, find_node
from tests.conftest import Urls
from tests.support.browser_scenarios import BrowserScenarios
from tests.support.factories import World
from tests.support.node_packages import install_packages
from tests.support.server_process import Process, served
from tests.support.source_files import ROOT

FOLDER = ROOT / "tests" / "browser"
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> str:
    """The machine's Chromium; without it there is nothing to test with."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def node() -> Path:
    try:
        return find_node()
    except NodeMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def playwright(node: Path) -> Path:  # noqa: ARG001  # skips without Node
    return install_packages(FOLDER, "atrium-browser-tests")


@pytest.fixture(scope="session")
def pages() -> None:
    """The pages, built from the sources as they are."""
    if not is_current():
        build_pages(lambda _text: None)


@pytest.fixture
def server_settings() -> dict[str, Any]:
    """Settings of the server; tests that need others override it."""
    return {}


@pytest.fixture
async def process(pages: None, urls: Urls, tmp_path: Path, server_settings: dict[str, Any]) -> AsyncIterator[Process]:  # noqa: ARG001  # pages first
    async with served(urls, tmp_path, **server_settings) as process:
        yield process


@pytest.fixture
def workshop(playwright: Path, tmp_path: Path) -> Path:
    """A folder with scenarios and what they import."""
    folder = tmp_path / "browser"
    folder.mkdir()
    for source in (FOLDER / "package.json", *FOLDER.glob("*.mjs")):
        shutil.copy(source, folder)
    (folder / "node_modules").symlink_to(playwright)
    return folder


@pytest.fixture
def scenarios(node: Path, workshop: Path, browser: str, world: World, process: Process) -> BrowserScenarios:
    return BrowserScenarios(node, workshop, browser, world, process)
