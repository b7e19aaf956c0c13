"""The documents for people: what they name exists, and what they quote is what the code says."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from graphql import GraphQLObjectType, GraphQLSchema, build_schema, parse, validate
from typer.core import TyperGroup

from atrium import cli
from atrium.settings import PREFIX, Settings
from graph.fields.error_codes import ErrorCode
from graph.fields.errors import CLOSE_CODE, REQUEST_FAULTS, STATUS
from graph.runtime import complexity
from models import Model
from services.errors import DomainError
from tests.support.doc_pages import CODE_BLOCK, PAGES, code_blocks, page_text, relative_path
from tests.support.source_files import ROOT, sources

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
QUERY = re.compile(r'"query":\s*("(?:[^"\\]|\\.)*")')


def anchors(page: Path) -> set[str]:
    """What can be linked to on a page: its headings, in lower case, with hyphens for spaces and no punctuation."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", page_text(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=relative_path)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(CODE_BLOCK.sub("", page_text(page))):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def commands(page: Path) -> Iterator[list[str]]:
    """The commands that a page tells to run: in blocks for a shell, and in the text."""
    lines = [line for block in code_blocks(page, "sh") for line in block.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", CODE_BLOCK.sub("", page_text(page)))
    for line in (*lines, *spans):
        if line.startswith(("uv run ", "atrium ")):
            words = shlex.split(line, comments=True)
            yield words[2:] if words[0] == "uv" else words


def fault(command: list[str]) -> str | None:
    """Why a command could not be run; None if it could."""
    if command[0] == "--group":
        known = command[1] in declared()["dependency-groups"]
        return fault(command[2:]) if known else f"there is no group {command[1]}"
    name, *arguments = command
    if name == "atrium":
        return atrium_fault(*arguments)
    if [name, *arguments[:1]] == ["python", "-m"]:
        return module_fault(*arguments[1:])
    tools = {re.split("[=;<>]", tool)[0] for tool in declared()["dependency-groups"]["dev"]}
    if name not in tools:
        return f"{name} is no tool of this project"
    paths = [argument for argument in arguments if "/" in argument]
    return next((f"there is no {path}" for path in paths if not (ROOT / path).exists()), None)


def module_fault(module: str, *arguments: str) -> str | None:
    path = ROOT / module.replace(".", "/")
    source = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    if not source.exists():
        return f"there is no {module}"
    options = {*re.findall(r'"(--[\w-]+)"', page_text(source)), "--help"}
    unknown = [argument for argument in arguments if argument.startswith("--") and argument not in options]
    return f"{module} has no {unknown}" if unknown else None


def atrium_fault(subcommand: str, *arguments: str) -> str | None:
    group = typer.main.get_command(cli.main)
    assert isinstance(group, TyperGroup)
    if subcommand not in group.commands:
        return f"atrium has no {subcommand}"
    options = {option for parameter in group.commands[subcommand].params for option in parameter.opts}
    unknown = [argument for argument in arguments if argument.startswith("--") and argument not in options]
    return f"atrium {subcommand} has no {unknown}" if unknown else None


def declared() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("page", PAGES, ids=relative_path)
def test_commands_exist(page: Path) -> None:
    assert [found for command in commands(page) if (found := fault(command))] == []


def test_commands_are_found_and_checked() -> None:
    assert sum(1 for page in PAGES for _ in commands(page)) > len(PAGES)
    faulty = (["atrium", "fly"], ["atrium", "serve", "--fast"], ["cobol"], ["pytest", "tests/none.py"])
    assert all(map(fault, faulty))


TEST_VARIABLES = {"ATRIUM_TEST_DATABASE_URL", "ATRIUM_TEST_POOLER"}


def test_every_setting_that_is_named_exists() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | TEST_VARIABLES
    named = {name for page in PAGES for name in re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", page_text(page))}
    assert named <= known


def codes() -> set[str]:
    """Every code that an error can carry, wherever the code says so."""
    raised = {kind.code for kind in DomainError.__subclasses__()}
    written = {
        code for source in sources("graph", "atrium") for code in re.findall(r'"(GRAPHQL_[A-Z]+_FAILED)"', source.text)
    }
    refused = {
        code
        for source in sources("atrium", "graph")
        for code in re.findall(r'RequestRefused\(\s*"([A-Z_]+)"', source.text)
    }
    return raised | written | refused | {complexity.TOO_COMPLEX_CODE} | set(CLOSE_CODE) | set(REQUEST_FAULTS.values())


def test_every_code_has_its_status() -> None:
    assert codes() == set(STATUS)


def test_every_code_is_in_the_schema() -> None:
    assert {code.value for code in ErrorCode} == set(STATUS), "say in graph/fields/error_codes.py what it means"


def test_all_codes_are_documented() -> None:
    rows = page_text(ROOT / "docs/clients.md").partition("## Errors")[2].partition("## Pages")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", rows, re.MULTILINE)) == set(STATUS)


def test_types_of_errors_are_documented() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    objects = (type_ for type_ in schema.type_map.values() if isinstance(type_, GraphQLObjectType))
    kinds = {type_.name for type_ in objects if any(interface.name == "Error" for interface in type_.interfaces)}
    rows = re.findall(r"^\| `[A-Z_]+` \| `(\w+)` \|", page_text(ROOT / "docs/clients.md"), re.MULTILINE)
    assert set(rows) == kinds


def test_documented_limits_are_the_defaults() -> None:
    rows = re.findall(rf"^\| .* \| ([\d.]+) \| `{PREFIX}(\w+)` \|$", page_text(ROOT / "docs/clients.md"), re.MULTILINE)
    assert rows
    for figure, name in rows:
        assert figure == str(Settings.model_fields[name.lower()].default), name


def test_every_table_is_in_the_picture() -> None:
    picture = next(
        block for block in code_blocks(ROOT / "docs/architecture.md", "mermaid") if block.startswith("erDiagram")
    )
    drawn = set(re.findall(r"^    (\w+)(?: \{)?$", picture, re.MULTILINE))
    assert drawn == set(Model.metadata.tables), (
        "Run `uv run atrium docs`, which draws every table in docs/architecture.md."
    )


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text())


# The operations of CONTRIBUTING.md are about a domain that is yet to be added; test_walkthrough.py runs them.
ABOUT_WHAT_IS_THERE = [page for page in PAGES if page.name != "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", ABOUT_WHAT_IS_THERE, ids=relative_path)
def test_operations_fit_the_schema(page: Path, schema: GraphQLSchema) -> None:
    inline = [json.loads(quoted) for block in code_blocks(page, "sh") for quoted in QUERY.findall(block)]
    for operation in (*code_blocks(page, "graphql"), *inline):
        assert validate(schema, parse(operation)) == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"^\d+\. \[.+\]\((\d{4}-[a-z0-9-]+\.md)\)$", page_text(folder / "README.md"), re.MULTILINE)
    assert listed == sorted(path.name for path in folder.glob("0*.md"))
    assert [int(name[:4]) for name in listed] == list(range(1, len(listed) + 1))


def test_decisions_are_listed_by_their_headings() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"^(\d+\. )\[(.+)\]\((.+)\)$", page_text(folder / "README.md"), re.MULTILINE)
    assert [f"# {number}{title}" for number, title, _ in listed] == [
        page_text(folder / name).partition("\n")[0] for _, _, name in listed
    ]


def test_every_folder_is_on_the_map() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"deploy", "docs", "web"}
    mapped = re.findall(r"^(\w+)/ ", page_text("docs/architecture.md"), re.MULTILINE)
    advice = f"Write {sorted(set(mapped) ^ folders)} on the map of docs/architecture.md, or take them out."
    assert set(mapped) == folders, advice
