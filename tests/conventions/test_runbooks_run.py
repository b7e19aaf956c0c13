"""Every block of docs/runbooks.md is run by a test in tests/faults, and every runbook says the same four things."""

import re

from tests.support.doc_pages import CODE_BLOCK, page_text
from tests.support.doc_steps import RUNBOOKS, labelled_blocks
from tests.support.source_files import sources

STEPS = ["See", "Look", "Mend", "Over"]
LANGUAGES = ("sql", "sh")
USES = {
    "sql": re.compile(r'\brunbook_blocks?\("([^"]+)", "(\w+)"\)'),
    "sh": re.compile(r'\b(?:runbook_blocks?\("([^"]+)", "(\w+)", "sh"\)|run_commands\([^"]+, "([^"]+)", "(\w+)")'),
}
"""By the language of a block, how a test says that it runs it."""

HEADINGS = re.findall(r"^## (.+)$", page_text(RUNBOOKS), re.MULTILINE)
TESTS = "\n".join(source.text for source in sources("tests/faults"))


def used(language: str) -> set[tuple[str, str]]:
    found = USES[language].findall(TESTS)
    return {tuple(part for part in parts if part) for parts in found}


def test_every_step_is_run() -> None:
    for language in LANGUAGES:
        there = {
            (heading, label)
            for heading in HEADINGS
            for label, blocks in labelled_blocks(RUNBOOKS, heading, language).items()
            if blocks
        }
        assert there == used(language), f"run these blocks ({language}) in tests/faults, or take them out"


def test_runbooks_have_the_same_steps() -> None:
    assert HEADINGS
    assert {heading: [*labelled_blocks(RUNBOOKS, heading, "sql")] for heading in HEADINGS} == dict.fromkeys(
        HEADINGS, STEPS
    )
    assert {found[2] for found in CODE_BLOCK.finditer(page_text(RUNBOOKS))} == {*LANGUAGES}
