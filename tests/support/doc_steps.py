"""The commands that docs/operations.md and docs/runbooks.md tell operators, as tests run them: word for word.

What differs from one installation to the next, such as folders, addresses and ids, stands in the documents by way of
example. A test says what takes the place of each; an example that is not there is a mistake.
"""

import asyncio
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from atrium import cli
from atrium.embedded.process import ServerHome
from tests.conftest import Urls
from tests.support.client import SECRET_KEY
from tests.support.doc_pages import CODE_BLOCK, section_text
from tests.support.replication import connect

__all__ = [
    "RUNBOOKS",
    "fill_in",
    "labelled_blocks",
    "run_atrium",
    "run_commands",
    "run_shell",
    "run_sql",
    "runbook_block",
    "runbook_blocks",
    "section_blocks",
]

RUNBOOKS = "docs/runbooks.md"
LABEL = re.compile(r"^\*\*(\w+)\.\*\*", re.MULTILINE)
Rows = list[dict[str, Any]]


def section_blocks(page: str, heading: str, language: str) -> list[str]:
    """The blocks in a language under a heading of the second level, in their order."""
    return _blocks(section_text(page, heading), language)


def labelled_blocks(page: str, heading: str, language: str) -> dict[str, list[str]]:
    """The same, by the bold word that begins the paragraph which they belong to, such as `**Look.**`."""
    _, *parts = LABEL.split(section_text(page, heading))
    return {label: _blocks(text, language) for label, text in zip(parts[::2], parts[1::2], strict=True)}


def runbook_blocks(heading: str, label: str, language: str = "sql") -> list[str]:
    """The blocks of one step of a runbook."""
    return labelled_blocks(RUNBOOKS, heading, language)[label]


def runbook_block(heading: str, label: str, language: str = "sql") -> str:
    """The one block of a step, such as `runbook_block("Disk full", "Mend")`."""
    (block,) = runbook_blocks(heading, label, language)
    return block


def _blocks(text: str, language: str) -> list[str]:
    return [dedent(found[3]) for found in CODE_BLOCK.finditer(text) if found[2] == language]


def fill_in(block: str, examples: Mapping[str, object]) -> str:
    """A block with what is meant in the place of its examples."""
    for example, meant in examples.items():
        assert example in block, f"{example} is no example in {block}"
        block = block.replace(example, str(meant))
    return block


async def run_sql(url: str, block: str) -> list[Rows]:
    """Run the statements of a block, each by itself; gives what each of them answered."""
    async with connect(url) as connection:
        statements = re.sub(r"--.*", "", block).strip().rstrip(";").split(";\n")
        return [[dict(row) for row in await connection.fetch(each)] for each in statements]


def run_shell(block: str, folder: Path) -> str:
    """Run a block as the user that runs the server of this folder, whose programs come first; gives what it printed."""
    home = ServerHome.locate(folder)
    user = {} if home.account is None else {"user": home.account[0], "group": home.account[1], "extra_groups": []}
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(
        command,
        env={"PATH": f"{home.binaries}:/usr/bin:/bin", "LC_ALL": "C"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **user,
    )
    assert done.returncode == 0, (block, done.stdout, done.stderr)
    return done.stdout


async def run_atrium(runtime_url: str, owner_url: str, command: str) -> Result:
    """Run a command of Atrium's as it is written, such as `uv run atrium doctor`, on this database."""
    settings = {"DATABASE_URL": runtime_url, "DATABASE_OWNER_URL": owner_url, "SECRET_KEY": SECRET_KEY}
    environment = {f"ATRIUM_{name}": value for name, value in settings.items()}
    arguments = shlex.split(command.removeprefix("uv run atrium "), comments=True)
    return await asyncio.to_thread(CliRunner().invoke, cli.main, arguments, env=environment)


async def run_commands(urls: Urls, heading: str, label: str, examples: Mapping[str, object] | None = None) -> str:
    """Run the commands of Atrium's in a step of a runbook, which end well; gives what they printed."""
    printed = ""
    for block in runbook_blocks(heading, label, "sh"):
        for command in fill_in(block, examples or {}).splitlines():
            done = await run_atrium(urls.runtime, urls.owner, command)
            assert done.exit_code == 0, (command, done.output)
            printed += done.output
    return printed
