"""The form of the documents for people: a heading is there once, and a line of prose fits on a screen."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doc_pages import CODE_BLOCK, PAGES, page_text, relative_path

WIDEST = 120
ADDRESS = re.compile(r"\]\([^)\s]+\)|<?https?://\S+")


def repeated(page: str) -> list[str]:
    """The headings that a page has more than once under the same heading."""
    above, found = list[str](), Counter[tuple[str, ...]]()
    for marks, heading in re.findall(r"^(#+) (.+)$", CODE_BLOCK.sub("", page), re.MULTILINE):
        above[len(marks) - 1 :] = [heading]
        found[tuple(above)] += 1
    return [" / ".join(path) for path, times in found.items() if times > 1]


def wide(page: str) -> Iterator[str]:
    """Lines of prose that are too long. Tables, code and the addresses of links may be."""
    for line in CODE_BLOCK.sub("", page).splitlines():
        if not line.lstrip().startswith("|") and len(ADDRESS.sub("](…)", line)) > WIDEST:
            yield line


@pytest.mark.parametrize("page", PAGES, ids=relative_path)
def test_a_heading_is_there_once(page: Path) -> None:
    assert repeated(page_text(page)) == [], f"Give these headings of {page.name} names of their own."


@pytest.mark.parametrize("page", PAGES, ids=relative_path)
def test_lines_are_wrapped(page: Path) -> None:
    assert list(wide(page_text(page))) == [], f"Wrap these lines of {page.name} at {WIDEST} characters."


def test_what_breaks_the_form_is_seen() -> None:
    words = "word " * 30
    fine = f"# A\n\n## B\n\n### In both\n\n## C\n\n### In both\n\n   ```sql\n{words}\n## B\n   ```\n| {words} |\n"
    fine += f"[link](https://example.com/{'x' * WIDEST})\n"
    assert (repeated(fine), list(wide(fine))) == ([], [])
    assert repeated(fine + "## B\n") == ["A / B"]
    assert list(wide(fine + words + "\n")) == [words]
