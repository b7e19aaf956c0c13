"""The samples for Python of docs/clients.md, each in an environment of its own, against a server."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.client_scenarios import CLIENTS, run_command, session_of, write_samples
from tests.support.factories import World
from tests.support.root_operations import root_operations
from tests.support.server_process import Process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def make_environment(requirements: str, folder: Path) -> Path:
    """Make a virtual environment of these packages; gives its folder of programs."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv")
    await run_command([uv, "venv", "-q", "--python", sys.executable, folder], CLIENTS)
    programs = folder / "bin"
    python = programs / "python"
    await run_command([uv, "pip", "install", "-q", "--python", python, "--requirement", requirements], CLIENTS)
    return programs


def environment_of(process: Process, token: str) -> dict[str, str]:
    """The environment variables that the samples read."""
    return {"GRAPHQL_URL": f"{process.url}/graphql", "GRAPHQL_TOKEN": token, "PYTHONWARNINGS": "ignore"}


async def test_ariadne_codegen_makes_a_client_for_every_root_field(
    world: World, process: Process, tmp_path: Path
) -> None:
    programs = await make_environment("ariadne-codegen.txt", tmp_path / "environment")
    folder = tmp_path / "samples"
    write_samples(folder)
    await run_command([programs / "ariadne-codegen"], folder)
    token = (await session_of(world))["accessToken"]
    printed = await run_command([programs / "python", "tasks_by_ariadne.py"], folder, environment_of(process, token))
    assert printed.splitlines() == ["three two", "one", "CREATE one", "CREATE two", "CREATE three"]

    (folder / "operations" / "every.graphql").write_text("\n".join(root_operations()), encoding="utf-8")
    await run_command([programs / "ariadne-codegen"], folder)
    imported = "import atrium_client; print(len([n for n in vars(atrium_client.Client) if n.startswith('every_')]))"
    printed = await run_command([programs / "python", "-W", "ignore", "-c", imported], folder)
    assert int(printed) == len(list(root_operations()))


async def test_gql_checks_sends_and_follows(world: World, process: Process, tmp_path: Path) -> None:
    programs = await make_environment("gql.txt", tmp_path / "environment")
    folder = tmp_path / "samples"
    write_samples(folder)
    token = (await session_of(world))["accessToken"]
    printed = await run_command([programs / "python", "tasks_by_gql.py"], folder, environment_of(process, token))
    assert printed.splitlines() == ["four", "BAD_USER_INPUT", "CREATE four"]
