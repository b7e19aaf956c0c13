"""Queries within every limit that would still be dear: refused or answered, but never at the cost of everybody."""

from collections.abc import AsyncIterator

import pytest

from models.database.errors import StatementRejected
from models.database.identity import ENTER_CALL, ENTER_PARAMETERS, enter_arguments
from tests.conftest import Urls
from tests.support.assertions import bounded_cpu
from tests.support.client import App, run_app
from tests.support.factories import World

NESTED = """
query {{ {roots} }}
fragment U on User {{ id tasks(first: 1) {{ nodes {{ ...T }} }} }}
fragment T on Task {{ id creator {{ id tasks(first: 1) {{ nodes {{ id project {{ id }} assignee {{ id }} }} }} }} }}
"""


@pytest.fixture
async def app(urls: Urls) -> AsyncIterator[App]:
    """The application with its compiler, whatever the others run on."""
    async with run_app(urls, compiler=True) as made:
        yield made


async def test_a_short_text_of_many_objects_is_not_compiled(world: World) -> None:
    roots = " ".join(f"a{n}: users(first: 1) {{ nodes {{ ...U }} }}" for n in range(40))
    with bounded_cpu(3.0):
        answer = await world.acme.owner.client.send(NESTED.format(roots=roots))
    assert "errors" not in answer
    assert answer["extensions"] == {"executor": "reference", "declined": "too many objects"}
    assert len(answer["data"]) == 40


async def test_names_of_no_operation_are_refused_and_not_kept(world: World) -> None:
    text = "query Known { viewer { id } }"
    for number in range(20):
        body = {"query": text, "operationName": f"Unknown{number}"}
        headers = {"authorization": f"Bearer {world.acme.owner.client.token}"}
        answer = await world.app.http.post("/graphql", json=body, headers=headers)
        assert answer.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    texts = world.app.components.schema.compiler._document_cache  # noqa: SLF001  # what it keeps is what this is about
    assert len(texts._documents.get(text).cost_models) <= 1  # noqa: SLF001  # likewise


async def test_a_statement_that_postgresql_refuses_costs_no_connection(world: World) -> None:
    database, identity = world.app.components.database, world.acme.owner.identity
    for statement in (f"SELECT nothing FROM {ENTER_CALL} entered", f"SELECT 'a'::text + 1 FROM {ENTER_CALL} entered"):
        with pytest.raises(StatementRejected):
            await database.fetch_value(statement, enter_arguments(identity))
    assert (
        await database.fetch_value(f"SELECT 'well'::text FROM {ENTER_CALL} entered", enter_arguments(identity))
        == "well"
    )
    assert len(ENTER_PARAMETERS) == len(enter_arguments(identity))
