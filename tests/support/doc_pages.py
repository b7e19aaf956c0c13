"""The documents for people, as the tests of the house read them."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from tests.support.source_files import ROOT

__all__ = [
    "CODE_BLOCK",
    "PAGES",
    "code_blocks",
    "code_spans",
    "page_text",
    "relative_path",
    "section_text",
    "table_rows",
]

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])
CODE_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def relative_path(page: Path) -> str:
    """Where a page is below the root."""
    return str(page.relative_to(ROOT))


def page_text(page: Path | str) -> str:
    """What a page says; it may be given by where it is below the root."""
    return (ROOT / page).read_text(encoding="utf-8")


def code_blocks(page: Path | str, *languages: str) -> Iterator[str]:
    """The fenced blocks of a page that are in one of these languages."""
    return (dedent(found[3]) for found in CODE_BLOCK.finditer(page_text(page)) if found[2] in languages)


def section_text(page: Path | str, heading: str) -> str:
    """What stands under a heading of the second level, down to the next."""
    _, found, rest = page_text(page).partition(f"\n## {heading}\n")
    assert found, f"{page} has no heading {heading}"
    return rest.partition("\n## ")[0]


def table_rows(page: Path | str, head: str) -> list[list[str]]:
    """The rows of all tables of a page whose first column is called `head`, cell by cell."""
    found, inside = list[list[str]](), False
    for line in page_text(page).splitlines():
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")] if line.startswith("|") else []
        inside = inside and bool(cells)
        if inside and not set(line) <= set("|-: "):
            found.append(cells)
        inside = inside or cells[:1] == [head]
    assert found, f"{page} has no table of {head}"
    return found


def code_spans(prose: str) -> list[str]:
    """What is set as code in a line or a cell."""
    return re.findall(r"`([^`\n]+)`", prose)
