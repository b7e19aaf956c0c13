"""CONTRIBUTING's "Add your own domain", followed word for word in a copy of the repository.

The page runs `atrium new-domain` and shows parts of what that writes; both are compared, and the examples tried.
"""

import asyncio
import contextlib
import difflib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from atrium.embedded.server import OWNER_ROLE
from tests.conftest import Cluster
from tests.support.clone_copy import copy_clone
from tests.support.source_files import ROOT

CODE_BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAX_WRITTEN_FILES = 10
MAX_LINES = 450  # of a whole domain, as ruff formats it: what has to be written by hand without the command
MAX_TEST_LINES = 80
COMMAND = re.compile(r"^uv run (atrium new-domain .*)$", re.MULTILINE)
SHOWN_ID = re.compile(r"(\w+):…")
SEED = """
mutation($person: RegisterInput!, $tenant: CreateTenantInput!, $enter: SwitchTenantInput!) {
  register(input: $person) { __typename }
  createTenant(input: $tenant) { __typename }
  switchTenant(input: $enter) { ... on Session { accessToken } }
}
"""


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, what stands behind that, and its text."""

    language: str
    mark: str
    text: str


def blocks() -> list[Block]:
    page = (ROOT / "CONTRIBUTING.md").read_text().partition("## Add your own domain")[2]
    return [Block(*found.groups()) for found in CODE_BLOCK.finditer(page)]


def apply_diff(text: str, diff: str) -> str:
    """A file with the lines of a diff added and replaced; `…` stands for what it has there already."""
    at, kept = 0, ""
    for line in diff.splitlines():
        kind, content = line[:1], line[1:]
        if kind == "+":
            new = content.replace("…", kept) + "\n"
            text, at = text[:at] + new + text[at:], at + len(new)
        elif content != "…":
            pattern = "^" + re.escape(content).replace("…", "(.*)") + "\n"
            found = re.compile(pattern, re.MULTILINE).search(text, at)
            assert found, f"CONTRIBUTING.md shows a line that is no longer there: {content}"
            kept = found[1] if "…" in content else ""
            text, at = (
                (text[: found.start()] + text[found.end() :], found.start()) if kind == "-" else (text, found.end())
            )
    return text


@dataclass
class RepositoryCopy:
    """A copy of the repository in which the page was followed."""

    home: Path
    owner_url: str
    runtime_url: str
    written: list[str] = field(default_factory=list)

    def python(self, *arguments: str, error: bool = False) -> str:
        """Run Python in the copy; gives what it printed, as output or as errors, and fails as it does."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stderr if error else done.stdout

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ATRIUM_", "PYTEST_"))}
        urls = {"ATRIUM_DATABASE_URL": self.runtime_url, "ATRIUM_DATABASE_OWNER_URL": self.owner_url}
        return inherited | urls | {"ATRIUM_DATA_DIR": str(self.home / ".atrium")}

    def follow(self) -> None:
        """Run the command that the page shows."""
        [command] = [found[1] for block in blocks() if (found := COMMAND.search(block.text))]
        done = self.python("-m", *shlex.split(command), error=True)
        self.written = done.split()

    def shown_path(self, shown: str) -> Path:
        """Where a file is that the page names; the number of the migration is the next one."""
        numbered = re.sub(r"/\d{4}_", "/*_", shown)
        [path] = self.home.glob(numbered)
        return path


@pytest.fixture(scope="module")
def house(cluster: Cluster, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RepositoryCopy]:
    database = f"walkthrough_{worker_id}"
    drop = f"DROP DATABASE IF EXISTS {database} WITH (FORCE)"
    asyncio.run(cluster.admin(drop, f"CREATE DATABASE {database} OWNER {OWNER_ROLE}"))
    home = tmp_path_factory.mktemp("walkthrough") / "atrium"
    copy_clone(home)
    made = RepositoryCopy(home, cluster.of(cluster.owner_url, database), cluster.of(cluster.runtime_url, database))
    made.follow()
    yield made
    shutil.rmtree(home.parent)
    asyncio.run(cluster.admin(drop))


def test_what_it_shows_is_what_the_command_writes(house: RepositoryCopy) -> None:
    shown = [block for block in blocks() if block.language == "python"]
    assert {house.shown_path(block.mark) for block in shown} <= {house.home / name for name in house.written}
    for block in shown:
        assert block.text in house.shown_path(block.mark).read_text(), f"{block.mark} holds something else"


def test_a_domain_is_written_in_few_lines(house: RepositoryCopy) -> None:
    house.python("-m", "ruff", "format", "--check", *house.written)
    lines = {name: added_lines(ROOT / name, house.home / name) for name in house.written}
    in_tests = sum(count for name, count in lines.items() if name.startswith("tests/"))
    figures = f"{sum(lines.values())} lines, {in_tests} of them tests, in {len(lines)} files: {lines}"
    assert len(lines) <= MAX_WRITTEN_FILES, figures
    assert sum(lines.values()) <= MAX_LINES, (
        f"Lift what repeats into machinery (services/writes, graph/fields): {figures}"
    )
    assert in_tests <= MAX_TEST_LINES, f"Lift what repeats into tests/support: {figures}"
    page = (ROOT / "CONTRIBUTING.md").read_text()
    assert f"{MAX_LINES} lines at most, {MAX_TEST_LINES} of them" in " ".join(page.split())


def added_lines(before: Path, after: Path) -> int:
    """How many lines a file has, blank ones too, that it did not have."""
    old = before.read_text().splitlines() if before.exists() else []
    return sum(line.startswith("+ ") for line in difflib.ndiff(old, after.read_text().splitlines()))


def test_the_lines_that_it_adds_are_added(house: RepositoryCopy) -> None:
    edits = [block for block in blocks() if block.language == "diff"]
    assert edits
    for block in edits:
        before, after = (ROOT / block.mark).read_text(), (house.home / block.mark).read_text()
        expected = sorted(apply_diff(before, block.text).splitlines())
        assert sorted(after.splitlines()) == expected, f"{block.mark} is edited in another way"


def test_the_schema_has_what_the_docstrings_say(house: RepositoryCopy) -> None:
    house.python("-m", "atrium", "schema", "--check")
    schema = (house.home / "schema.graphql").read_text()
    assert "type Invoice implements Node {" in schema
    assert "Invoice" not in (ROOT / "schema.graphql").read_text(), "the copy was to be written, not the original"


def test_its_examples_answer_what_it_says(house: RepositoryCopy) -> None:
    with serving(house) as http:
        reader = Reader({name: create_tenant(http, name) for name in ("acme", "globex")})
        shown = blocks()
        examples = [(block, shown[i + 1]) for i, block in enumerate(shown) if block.language == "graphql"]
        assert examples
        for asked, answer in examples:
            assert answer.language == "json"
            reader.ask(http, asked, json.loads(answer.text))


@contextlib.contextmanager
def serving(house: RepositoryCopy) -> Iterator[httpx.Client]:
    """`atrium serve` in the copy."""
    server = subprocess.Popen(
        [sys.executable, "-m", "atrium", "serve", "--no-web", "--port", "0"],
        cwd=house.home,
        env=house.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        said = ""
        for line in server.stderr:
            said += line
            if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                break
        else:
            raise AssertionError(said)
        with httpx.Client(base_url=found[1], timeout=30) as http:
            yield http
    finally:
        server.terminate()
        server.communicate()


def create_tenant(http: httpx.Client, slug: str) -> str:
    """The access token of somebody who has just founded a tenant."""
    given = {
        "person": {"email": f"owner@{slug}.example.com", "fullName": slug.title(), "password": "Passw0rd!"},
        "tenant": {"name": slug.title(), "slug": slug},
        "enter": {"tenant": slug},
    }
    answer = http.post("/graphql", json={"query": SEED, "variables": given}).json()
    token: str = answer["data"]["switchTenant"]["accessToken"]
    return token


@dataclass
class Reader:
    """Somebody who tries the examples, and puts the id and the cursor that were last answered where `…` stands."""

    tokens: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    cursor: str = ""

    def ask(self, http: httpx.Client, asked: Block, expected: Any) -> None:
        query = SHOWN_ID.sub(lambda found: self.ids[found[1]], asked.text).replace("…", self.cursor)
        headers = {"authorization": f"Bearer {self.tokens[asked.mark or 'acme']}"}
        answer = http.post("/graphql", json={"query": query}, headers=headers).json()
        assert "errors" not in answer, (query, answer)
        self.compare(answer["data"], expected)

    def compare(self, found: Any, expected: Any) -> None:
        if isinstance(expected, dict):
            assert list(found) == list(expected)
            for key, value in expected.items():
                self.compare(found[key], value)
        elif isinstance(expected, list):
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                self.compare(one, other)
        elif isinstance(expected, str) and (shown := SHOWN_ID.fullmatch(expected)):
            assert found.startswith(f"{shown[1]}:")
            self.ids[shown[1]] = found
        elif expected == "…":
            self.cursor = found
        else:
            assert found == expected
