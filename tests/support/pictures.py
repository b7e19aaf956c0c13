"""Make the pictures of the README: `uv run python -m tests.support.pictures [NAME …]`, all of them without a name.

It starts a server with an embedded database and the demo data, builds the pages if they are not current, and has
Chromium show what the pictures show. It fails where a page is not what it was, and where a picture has become large.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from atrium import demo
from atrium.web.build import build_pages, is_current
from atrium.web.node import find_node
from tests.support.client_scenarios import run_command
from tests.support.doc_pages import code_blocks
from tests.support.node_packages import install_packages
from tests.support.source_files import ROOT

__all__ = ["FOLDER", "LARGEST_BYTES", "NAMES"]

FOLDER = ROOT / "docs" / "pictures"
NAMES = ("explorer", "board", "order")
LARGEST_BYTES = 150 * 1024
SCENARIOS = ROOT / "tests" / "browser"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
LOGIN = "mutation($input: LoginInput!) { login(input: $input) { ... on Session { accessToken } } }"
ORDERS = """{ orders(first: 100, filter: { status: { eq: DELIVERED } }) {
  nodes { id items { totalCount } events { totalCount } }
} }"""


def main(names: list[str]) -> None:
    """Make these pictures, or all."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"There are no pictures {unknown}; there are {', '.join(NAMES)}.")
    if not is_current():
        build_pages(print)
    with tempfile.TemporaryDirectory(prefix="atrium-pictures-") as folder:
        asyncio.run(make_pictures(names or list(NAMES), Path(folder)))


async def make_pictures(names: list[str], folder: Path) -> None:
    """Make pictures with a browser, and put them in place when all are there."""
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None:
        sys.exit("It needs Chromium: apt-get install chromium")
    made = folder / "pictures"
    made.mkdir()
    async with demo_server(folder) as address:
        environment = {
            "ADDRESS": address,
            "CHROMIUM": browser,
            "PICTURES": str(made),
            "QUERY": next(code_blocks("README.md", "graphql")),
            "ORDER": await longest_order(address),
        }
        await run_command([find_node(), "pictures.mjs", *names], scenario_folder(folder), environment)
    for name in names:
        size = (made / f"{name}.png").stat().st_size
        if size > LARGEST_BYTES:
            sys.exit(f"{name}.png has {size:,} bytes, of {LARGEST_BYTES:,} that it may have.")
        sys.stdout.write(f"docs/pictures/{name}.png: {size:,} bytes\n")
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(made / f"{name}.png", FOLDER)


def scenario_folder(folder: Path) -> Path:
    """Copy the scenarios to where the packages that they import are."""
    copy = folder / "scenarios"
    copy.mkdir()
    for source in (SCENARIOS / "package.json", *SCENARIOS.glob("*.mjs")):
        shutil.copy(source, copy)
    (copy / "node_modules").symlink_to(install_packages(SCENARIOS, "atrium-browser-tests"))
    return copy


@asynccontextmanager
async def demo_server(folder: Path) -> AsyncIterator[str]:
    """Yield the address of a server with an embedded database and the demo data.

    Raises:
        RuntimeError: it ended by itself; has what it said.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("ATRIUM_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "atrium", "serve", "--no-web", "--port", "0"),
        env={**own, "ATRIUM_DATA_DIR": str(folder / "data")},
        cwd=folder,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = ""
    try:
        async for line in process.stderr:
            said += line.decode()
            if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", said):
                break
        else:
            raise RuntimeError(said)
        drained = asyncio.create_task(process.stderr.read())
        yield found[1]
    finally:
        process.terminate()
        await process.wait()
    await drained


async def longest_order(address: str) -> str:
    """Return the id of the delivered order to which most has happened, as the demo's owner of acme sees them."""
    given = {"email": demo.OWNER_EMAIL, "password": demo.PASSWORD, "tenant": demo.TENANT_SLUG}
    async with httpx.AsyncClient(base_url=address) as http:

        async def ask(query: str, **variables: Any) -> Any:
            answer = (await http.post("/graphql", json={"query": query, "variables": variables})).json()
            if "errors" in answer:
                raise RuntimeError(answer["errors"])
            return answer["data"]

        http.headers["authorization"] = f"Bearer {(await ask(LOGIN, input=given))['login']['accessToken']}"
        orders = (await ask(ORDERS))["orders"]["nodes"]
    longest = max(orders, key=lambda order: (order["events"]["totalCount"], order["items"]["totalCount"]))
    return str(longest["id"])


if __name__ == "__main__":
    main(sys.argv[1:])
