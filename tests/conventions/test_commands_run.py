"""Every command in a block of the documents is executed: here, or by the test or the script that is named here."""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from atrium import cli, demo, document_admin
from atrium.manifests import document_digest
from atrium.settings import PREFIX, load_settings
from atrium.web.built_pages import BACKOFFICE
from bench.__main__ import parse_arguments
from tests.conftest import Urls
from tests.support import case_objects
from tests.support.case_context import CaseBuilder, CaseContext
from tests.support.client import SECRET_KEY, listen
from tests.support.doc_pages import CODE_BLOCK, PAGES, code_blocks, page_text
from tests.support.factories import PASSWORD, World, create_person, make_superuser
from tests.support.source_files import ROOT

RUN_ELSEWHERE = {
    "uv run atrium serve": ("tests/conventions/test_walkthrough.py", '"atrium", "serve"'),
    "uv run atrium new-domain": ("tests/conventions/test_walkthrough.py", "atrium new-domain"),
    "uv run atrium web build": ("tests/browser/conftest.py", "build_pages("),
    "uv run atrium docs": ("tests/conventions/test_documented_database.py", "outdated_documents(ROOT)"),
    "uv run pytest": (".ci/run", "\nuv run pytest"),
    "uv run ruff check": (".ci/run", "\nuv run ruff check"),
    "uv run ruff format --check": (".ci/run", "\nuv run ruff format --check"),
    "uv run mypy": (".ci/run", "\nuv run mypy"),
    "uv run python -m bench --guard": (".ci/run", "\nuv run python -m bench --guard"),
    "uv build": ("tests/atrium/test_deploy_image.py", '"uv build --wheel"'),
    "uv export": ("tests/atrium/test_deploy_image.py", '"uv export --quiet --no-dev'),
    "uv tool install": ("tests/atrium/test_deploy_image.py", '"uv tool install --constraints'),
    "python3 -m venv": (".ci/run", "python3 -m venv"),
    "pg_dump": ("tests/faults/test_feed.py", '"pg_dump", "--format=custom", "--enable-row-security"'),
    "pg_basebackup": ("tests/faults/test_recovery.py", "fill_in(TAKE,"),
    "pg_verifybackup": ("tests/faults/test_recovery.py", "fill_in(TAKE,"),
    "cp": ("tests/faults/test_recovery.py", "fill_in(COPY,"),
    "touch": ("tests/faults/test_recovery.py", "fill_in(COPY,"),
    "pg_restore": ("tests/faults/test_feed.py", '"pg_restore", "--exit-on-error"'),
}
"""By how a command begins, what executes it, and by which words it is found there."""
BENCH = "uv run python -m bench"
"""A run takes up to an hour and a half, so its arguments alone are read here; `--guard` is executed in full."""
ADDRESS = "http://127.0.0.1:8000"


def lines(block: str) -> Iterator[str]:
    """The commands of a block, without comments."""
    for line in block.splitlines():
        if words := shlex.split(line, comments=True):
            yield shlex.join(words)


def blocks(page: Path) -> list[str]:
    return list(code_blocks(page, "sh"))


def is_script(block: str) -> bool:
    """Whether a block asks the server, and is executed as a whole."""
    return "curl" in block


def is_atrium_command(command: str) -> bool:
    """Whether a command is one of Atrium's that ends by itself, and needs no more than a database."""
    return command.startswith("uv run atrium ") and runs_elsewhere(command) is None


def runs_elsewhere(command: str) -> str | None:
    return next((start for start in RUN_ELSEWHERE if command == start or command.startswith(f"{start} ")), None)


def in_prose() -> list[str]:
    """Atrium's commands that the text of a page tells, the changelog apart."""
    pages = (CODE_BLOCK.sub("", page_text(page)) for page in PAGES if page.name != "CHANGELOG.md")
    found = (
        " ".join(command.split()) for page in pages for command in re.findall(r"`(uv\s+run\s+atrium [^`]+)`", page)
    )
    return sorted(set(found))


BLOCKS = [(page, number, block) for page in PAGES for number, block in enumerate(blocks(page), 1)]
COMMANDS = [command for _, _, block in BLOCKS if not is_script(block) for command in lines(block)] + in_prose()
SCRIPTS = [block for _, _, block in BLOCKS if is_script(block)]
EXPORTING = [(page, number, block) for page, number, block in BLOCKS if f"export {PREFIX}" in block]
OF_ATRIUM = [
    (page, number, block)
    for page, number, block in BLOCKS
    if not is_script(block) and any(map(is_atrium_command, lines(block)))
] + [(Path(), 0, "\n".join(in_prose()))]


def block_name(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value) if isinstance(value, int) else ""


def test_nobody_is_told_a_command_that_nobody_runs() -> None:
    others = [
        command
        for command in COMMANDS
        if not (is_atrium_command(command) or runs_elsewhere(command) or command.startswith(("export ", BENCH)))
    ]
    assert others == [], "Execute these, or say in RUN_ELSEWHERE what does."


@pytest.mark.parametrize("start", RUN_ELSEWHERE)
def test_what_runs_elsewhere_is_found_there(start: str) -> None:
    file, words = RUN_ELSEWHERE[start]
    assert words in page_text(file)
    assert start in {runs_elsewhere(command) for command in COMMANDS}, "No page says it any more."


def test_commands_that_nobody_runs_are_seen() -> None:
    assert list(lines("# about\n\nuv run mypy   # types\n")) == ["uv run mypy"]
    assert [runs_elsewhere(command) for command in ("uv run mypyc", "uv run mypy --help")] == [None, "uv run mypy"]
    assert is_atrium_command("uv run atrium doctor")
    assert not is_atrium_command("uv run atrium serve --port 1")


def exported(block: str) -> dict[str, str]:
    """The settings that a block exports, as a shell gives them to a command."""
    script = "".join(f"{line}\n" for line in block.splitlines() if line.startswith("export "))
    command = ["bash", "-euc", f"{script}env -0"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=clean())
    values = dict(entry.partition("=")[::2] for entry in done.stdout.split("\0") if entry)
    return {name: value for name, value in values.items() if name.startswith(PREFIX)}


def clean() -> dict[str, str]:
    """The environment without settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@pytest.mark.parametrize(("page", "number", "block"), EXPORTING, ids=block_name)
def test_settings_are_accepted(
    page: Path, number: int, block: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del page, number
    if "openssl" in block and shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    monkeypatch.chdir(tmp_path)  # where no file of settings is
    for name in os.environ.keys() - clean().keys():
        monkeypatch.delenv(name)
    values = exported(block)
    assert len(values) == block.count("export ")
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    given = load_settings().model_fields_set
    assert {PREFIX + name.upper() for name in given} == values.keys()


@pytest.fixture
async def workshop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that commands name, and in the database the people whom they name."""
    made = await create_person(world.app, world.connection, "somebody@example.com", world.acme.tenant_id, "member")
    assert made.member_id
    await make_superuser(world.connection, world.outsider)  # the last one cannot be revoked
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "schema.graphql", tmp_path / "old.graphql")
    document = "query Me { viewer { id } }"
    manifest = json.dumps({document_digest(document): document})
    (tmp_path / "persisted_queries.json").write_text(manifest)
    pages = tmp_path / "static" / BACKOFFICE.name
    pages.mkdir(parents=True)
    (pages / "persisted-documents.json").write_text(manifest)  # tests/browser has the real one, which takes a build
    monkeypatch.setattr(document_admin, "STATIC", pages.parent)
    return tmp_path


@pytest.mark.parametrize(("page", "number", "block"), OF_ATRIUM, ids=block_name)
async def test_commands_end_well(page: Path, number: int, block: str, workshop: Path, urls: Urls) -> None:
    del page, number, workshop
    settings = {"DATABASE_URL": urls.runtime, "DATABASE_OWNER_URL": urls.owner, "SECRET_KEY": SECRET_KEY}
    environment = {PREFIX + name: value for name, value in settings.items()}
    for command in filter(is_atrium_command, lines(block)):
        arguments = shlex.split(command.removeprefix("uv run atrium "))
        done = await asyncio.to_thread(CliRunner().invoke, cli.main, arguments, env=environment)
        assert done.exit_code == 0, (command, done.output, done.exception)


def test_arguments_of_the_bench_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = [command for command in COMMANDS if command.startswith(BENCH)]
    assert commands
    for command in commands:
        monkeypatch.setattr("sys.argv", ["bench", *shlex.split(command.removeprefix(BENCH))])
        if "--help" in command:
            with pytest.raises(SystemExit, match=r"^0$"):
                parse_arguments()
        else:
            assert isinstance(parse_arguments(), argparse.Namespace)


async def run_script(world: World, script: str, until: str | None = None, happens: CaseBuilder | None = None) -> str:
    """Run a script against a server of the world, to its end, or until it has printed this; gives what it printed.

    For as long as it prints nothing, something happens, once a second: nobody can see when it begins to follow.
    """
    stage = CaseContext(world, world.acme, world.acme.owner)
    async with listen(world.app.fastapi) as port:
        here = script.replace(ADDRESS, f"http://127.0.0.1:{port}").replace(demo.PASSWORD, PASSWORD)
        environment = {**os.environ, "TOKEN": stage.client.token or "", "NO_PROXY": "*"}
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", here),
            env=environment,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        said, part = "", b"-"
        try:
            async with asyncio.timeout(30):
                while part and (until is None or not re.search(until, said)):
                    if happens is not None:
                        await happens(stage)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            part = await process.stdout.read(4096)
                            said += part.decode()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):  # it has ended, and nobody has told the loop yet
                    os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return said


def with_curl() -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")


def test_scripts_are_those_that_are_tried() -> None:
    assert [script for script in SCRIPTS if "-N" not in script] == [*filter(is_script, blocks(ROOT / "README.md"))]
    assert [script for script in SCRIPTS if "-N" in script] == [*filter(is_script, blocks(ROOT / "docs/clients.md"))]


async def test_the_first_requests_answer(world: World) -> None:
    with_curl()
    [script] = filter(is_script, blocks(ROOT / "README.md"))
    await case_objects.task(CaseContext(world, world.acme, world.acme.owner))
    said = await run_script(world, script)
    answer = json.loads(said)
    assert "errors" not in answer
    assert answer["data"]["viewer"]["tenant"] == {"name": "Acme"}
    assert answer["data"]["tasks"]["totalCount"] == 1


async def test_a_stream_brings_events(world: World) -> None:
    with_curl()
    [script] = filter(is_script, blocks(ROOT / "docs/clients.md"))
    told = r'"type":"\w+"'
    said = await run_script(world, script, told, case_objects.order)
    assert re.search(told, said), said
