"""The sources of the pages are typed and linted as the rest of the project is, and name exact versions."""

import json
import re
import shutil
from pathlib import Path

import pytest

from atrium.web.build import MADE, OTHER_SOURCES, SOURCES
from tests.support.client_scenarios import run_command
from tests.support.node_packages import install_packages
from tests.support.source_files import ROOT

LONGEST_FILE = 400
MESSAGES = SOURCES / "backoffice" / "src" / "messages"
PLACEHOLDER = re.compile(r"\{\{\s*(\w+)")
PROGRAMS = (
    ["@graphql-codegen/cli/esm/bin.js", "--config", "codegen.ts"],
    ["typescript/bin/tsc", "--noEmit"],
    ["eslint/bin/eslint.js", "--max-warnings", "0", "."],
)


def test_versions_are_exact_and_the_lock_names_no_registry() -> None:
    package = json.loads((SOURCES / "package.json").read_text())
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert {name: version for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)} == {}
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    assert [path for path, entry in lock["packages"].items() if "resolved" in entry] == []


def test_files_are_short() -> None:
    files = [path for path in SOURCES.rglob("*") if path.suffix in {".ts", ".tsx", ".css"}]
    sources = [path for path in files if MADE.isdisjoint(path.relative_to(SOURCES).parts)]
    assert sources
    assert [path.name for path in sources if path.read_text().count("\n") > LONGEST_FILE] == []


def read_messages(language: str) -> dict[str, set[str]]:
    """The placeholders of each message, by the message's file and key."""
    found = {}
    waiting = [(path.stem, json.loads(path.read_text())) for path in (MESSAGES / language).glob("*.json")]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, str):
            assert value.strip(), f"{language}: {name} is empty"
            found[name] = set(PLACEHOLDER.findall(value))
        else:
            waiting += [(f"{name}.{key}", each) for key, each in value.items()]
    return found


def test_messages_are_the_same_in_all_languages() -> None:
    english, *others = sorted((path.name for path in MESSAGES.iterdir()), key=lambda name: name != "en")
    assert others
    expected = read_messages(english)
    assert len(expected) > 100
    for language in others:
        assert read_messages(language) == expected, language


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_types_and_lint_hold(node: Path, tmp_path: Path) -> None:
    packages = install_packages(SOURCES, "atrium-web")
    shutil.copytree(SOURCES, tmp_path / "web", ignore=shutil.ignore_patterns(*MADE))
    for name in OTHER_SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "web" / "node_modules").symlink_to(packages)
    for program, *arguments in PROGRAMS:
        await run_command([node, packages / program, *arguments], tmp_path / "web", {"CI": "true"})
