"""Node with the clients and generators of package.json, and the samples of docs/clients.md with what they generate."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from atrium.web.node import NodeMissing, find_node
from tests.conftest import Urls
from tests.support.client_scenarios import CLIENTS, Scenarios, run_command, write_samples
from tests.support.factories import World
from tests.support.node_packages import install_packages
from tests.support.root_operations import root_operations
from tests.support.server_process import Process, served


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node of the development tools; where it is not installed there is nothing to test with."""
    try:
        return find_node()
    except NodeMissing:
        pytest.skip("needs Node, which `uv sync` installs")


@pytest.fixture(scope="session")
def packages(node: Path) -> Path:  # noqa: ARG001  # skips without Node
    """The clients and generators, installed once for each state of the lock file, by whichever process comes first."""
    return install_packages(CLIENTS, "atrium-clients")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def samples(node: Path, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, with an operation for every root field, and what graphql-codegen and relay-compiler make of them."""
    project = tmp_path_factory.mktemp("samples")
    (project / "node_modules").symlink_to(packages)
    folder = project / "samples"
    write_samples(folder)
    (folder / "every.graphql").write_text("\n".join(root_operations()), encoding="utf-8")
    tags = (f"graphql`{operation}`;" for operation in root_operations(module="everyForRelay"))
    module = "\n".join(('import { graphql } from "react-relay";', *tags))
    (folder / "everyForRelay.ts").write_text(module, encoding="utf-8")
    (folder / "__generated__").mkdir()
    for program in (["@graphql-codegen/cli/esm/bin.js", "--config", "codegen.ts"], ["relay-compiler/cli.js"]):
        await run_command([node, packages / program[0], *program[1:]], folder, {"CI": "true"})
    return folder


@pytest.fixture
def workshop(packages: Path, samples: Path, tmp_path: Path) -> Path:
    """A folder with scenarios, samples, and the clients."""
    folder = tmp_path / "clients"
    folder.mkdir()
    for source in (CLIENTS / "package.json", *CLIENTS.glob("*.mjs"), CLIENTS / "typed.ts"):
        shutil.copy(source, folder)
    (folder / "node_modules").symlink_to(packages)
    for name in ("samples", "other-tab"):
        shutil.copytree(samples, folder / name)
    return folder


@pytest.fixture
async def process(urls: Urls, tmp_path: Path) -> AsyncIterator[Process]:
    async with served(urls, tmp_path) as process:
        yield process


@pytest.fixture
def scenarios(node: Path, workshop: Path, world: World, process: Process) -> Scenarios:
    return Scenarios(node, workshop, world, process)
