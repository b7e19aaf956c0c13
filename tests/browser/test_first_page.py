"""How much the first page of the back office loads and asks for, and how soon a fresh clone has it (printed)."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import Urls
from tests.support.browser_scenarios import BrowserScenarios
from tests.support.clone_copy import copy_clone
from tests.support.server_process import served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MOST_SECONDS = 240  # for a machine that does other things; on a quiet one it takes some 20


async def test_the_first_page_is_light(
    scenarios: BrowserScenarios, record_property: Callable[[str, object], None]
) -> None:
    record_property("summary", (await scenarios.run("first_page.mjs")).strip())


@pytest.mark.usefixtures("node")
async def test_a_fresh_clone_has_pages_soon(
    urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    clone = copy_clone(tmp_path / "clone")
    monkeypatch.setenv("PYTHONPATH", str(clone))
    monkeypatch.setenv("ATRIUM_WEB_BUILD", "on")
    began = time.monotonic()
    async with served(urls, tmp_path) as process, httpx.AsyncClient(base_url=process.url) as client:
        async with asyncio.timeout(MOST_SECONDS):
            while "<base " not in (page := await client.get("/app/")).text:
                assert page.status_code == 200
                await asyncio.sleep(0.2)  # as the page that waits looks again
    seconds = time.monotonic() - began
    packages = sum(file.lstat().st_size for file in (clone / "web" / ".build" / "packages").rglob("*")) / 1e6
    said = f"A fresh clone has the back office {seconds:.0f} s after `atrium serve`, with {packages:.0f} MB of packages"
    record_property("summary", said)
