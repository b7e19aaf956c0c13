"""The operations of the schema's reference in docs/schema do what they show."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from atrium.schema_reference import REFERENCE_FOLDER
from tests.support.domain_cases import insert_rows
from tests.support.factories import World
from tests.support.source_files import ROOT

EXAMPLES = {
    path.stem: found[1]
    for path in sorted((ROOT / REFERENCE_FOLDER).glob("*.md"))
    if (found := re.search(r"^## Example\n\n```graphql\n(.+?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL))
}


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
