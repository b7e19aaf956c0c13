"""The operations of the schema's reference in docs/schema do what they show."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from atrium.schema_reference import EXAMPLES_FOLDER, REFERENCE_FOLDER, reference_pages
from tests.support.domain_cases import insert_rows
from tests.support.factories import World
from tests.support.source_files import ROOT

EXAMPLES = {
    path.stem: found[1]
    for path in sorted((ROOT / REFERENCE_FOLDER).glob("*.md"))
    if (found := re.search(r"^## Example\n\n```graphql\n(.+?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL))
}


def test_every_page_and_every_example_is_of_a_domain() -> None:
    pages = {path.stem for path in reference_pages(ROOT)}
    left = {path.stem for folder in (REFERENCE_FOLDER, EXAMPLES_FOLDER) for path in (ROOT / folder).glob("*.*")} - pages
    assert not left, f"Remove the files of {sorted(left)}, which is no domain."


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Return every object of an answer."""
    for each in value if isinstance(value, list) else value.values():
        if isinstance(each, dict):
            yield each
        if isinstance(each, dict | list):
            yield from objects(each)


@pytest.mark.parametrize("page", EXAMPLES)
async def test_an_example_shows_something(page: str, world: World) -> None:
    await insert_rows(world)
    data = await world.acme.owner.client.run(EXAMPLES[page])
    assert not [found for found in objects(data) if "code" in found]
    assert [] not in [found.get("nodes") or found.get("edges", "") for found in objects(data)]
    assert None not in data.values()
