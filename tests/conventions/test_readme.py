"""The README is read in five minutes, its figures are those that were measured, and scripts make its pictures."""

import re

from tests.support.doc_pages import CODE_BLOCK, PAGES, page_text, table_rows
from tests.support.pictures import FOLDER, LARGEST_BYTES, NAMES
from tests.support.source_files import ROOT

PICTURE = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)")
README, BENCH = "README.md", "docs/bench.md"
MINUTES, WORDS_A_MINUTE = 5, 200
COLUMNS = {
    "50 orders": "Q1",
    "with buyers, lines, products": "Q2",
    "one order": "Q3",
    "one update": "Q4",
    "50 people with orders": "Q6",
}
"""By the name of a column of the README, the operation of the bench."""
ROWS = {"PostGraphile": "as PostGraphile", "Mercurius": "as Mercurius", "one statement": "as the limit"}
"""By how a row of the README begins, the row of the bench's page."""


def header(page: str, first: str) -> list[str]:
    """The columns of the table whose first one is called so, without that."""
    [line] = [line for line in page_text(page).splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def figures(page: str, first: str) -> dict[str, dict[str, str]]:
    """By row and column, the figures of a table."""
    columns = header(page, first)
    return {name: dict(zip(columns, cells, strict=True)) for name, *cells in table_rows(page, first)}


def test_figures_are_those_that_were_measured() -> None:
    measured = figures(BENCH, "times as many requests/s")
    shown = figures(README, "times as many as")
    assert len(shown) == len(ROWS)
    for name, cells in shown.items():
        [row] = [row for start, row in ROWS.items() if name.startswith(start)]
        assert cells == {column: measured[row][COLUMNS[column]] for column in cells}


def test_it_is_read_in_five_minutes() -> None:
    prose = [line for line in CODE_BLOCK.sub("", page_text(README)).splitlines() if not line.startswith("|")]
    assert sum(len(line.split()) for line in prose) <= MINUTES * WORDS_A_MINUTE


def test_scripts_make_the_pictures() -> None:
    shown = {(ROOT / page.parent / target).resolve() for page in PAGES for target in PICTURE.findall(page_text(page))}
    made = {FOLDER / f"{name}.png" for name in NAMES} | {ROOT / "docs/bench/requests.svg"}
    assert shown <= made, "Let tests/support/pictures.py make these."
    there = {*FOLDER.iterdir()}
    assert there <= shown, "Show these in README.md, or remove them."
    assert [path.name for path in there if path.stat().st_size > LARGEST_BYTES] == []
