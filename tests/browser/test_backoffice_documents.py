"""The operations of the back office, as a build writes them: taken as trusted documents, and compiled."""

import json
from collections.abc import Iterator

import pytest
from graphql import OperationDefinitionNode, OperationType, build_schema, parse

from atrium import document_admin
from atrium.settings import Settings
from atrium.web.build import STATIC
from atrium.web.built_pages import BACKOFFICE
from graph.compiler.sample_variables import sample_variables
from tests.conftest import Urls
from tests.support.client import COMPILER_ENABLED
from tests.support.factories import World
from tests.support.source_files import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("node", "pages")]

LEFT_TO_REFERENCE = {"OrderAsOf"}
"""Queries that are not compiled, for a reason that docs/architecture.md gives."""
OF_THESE_VALUES = {"invalid arguments", "no search result"}
"""What only samples of variables are left to it for: a cursor that is none, a word that nothing has."""


def read_queries() -> Iterator[tuple[str, OperationDefinitionNode]]:
    """Yield the texts of the pages' queries, each with its operation."""
    manifest = json.loads((STATIC / BACKOFFICE.name / "persisted-documents.json").read_text())
    for text in manifest.values():
        [operation] = [each for each in parse(text).definitions if isinstance(each, OperationDefinitionNode)]
        if operation.operation is OperationType.QUERY:
            yield text, operation


async def test_operations_of_a_build_can_be_stored(urls: Urls) -> None:
    add = document_admin.DocumentsAction.ADD
    report = await document_admin.run(add, [BACKOFFICE.name], urls.owner, Settings())
    assert report.is_good, report.messages
    again = await document_admin.run(add, [BACKOFFICE.name], urls.owner, Settings())
    assert again.messages[0].startswith("0 trusted documents added")


@pytest.mark.skipif(not COMPILER_ENABLED, reason="looks at what is compiled")
async def test_queries_of_the_pages_are_compiled(world: World) -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    declined: dict[str, str] = {}
    for text, operation in read_queries():
        assert operation.name is not None
        required = sample_variables(schema, parse(text), operation)[0]
        answer = await world.acme.owner.client.send(text, **required)
        reason = answer["extensions"].get("declined")
        if answer["extensions"]["executor"] != "compiler" and reason not in OF_THESE_VALUES:
            declined[operation.name.value] = reason or answer.get("errors")
    assert declined.keys() == LEFT_TO_REFERENCE, declined
