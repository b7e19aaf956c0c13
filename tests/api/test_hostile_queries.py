"""Queries within every limit that would still be dear: refused or answered, but never at the cost of everybody."""

import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from graphql import DocumentNode, OperationDefinitionNode, Token

from bench.hostile import SHAPES
from graph.execution import DOCUMENT_BYTES, LONGEST_REFUSAL_BYTES, REFUSAL_BYTES
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
    texts = world.app.components.schema.document_cache
    assert texts.find(text, None) is None or texts.find(text, "Known") is None
    assert all(texts.find(text, f"Unknown{number}") is None for number in range(20))


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


LARGE = 0.2  # of the largest documents there are
MAKERS = sorted(SHAPES)


def alive(kind: type) -> int:
    """How many objects of a class there are, whether anything still leads to them or not."""
    return sum(type(each) is kind for each in gc.get_objects())


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("shape", MAKERS)
@pytest.mark.usefixtures("no_collector")
async def test_what_a_document_took_returns_without_the_collector(world: World, shape: str) -> None:
    texts, owner = world.app.components.schema.document_cache, world.acme.owner.client
    before = alive(DocumentNode), alive(OperationDefinitionNode), alive(Token)
    for number in range(12):
        text = SHAPES[shape](number, int(50_000 * LARGE), int(640 * LARGE))
        # Where several fields fail, the errors of all but the first stay with the collector.
        await (owner if number % 2 or shape == "statements" else world.app.client_with()).send(text)
    for key in list(texts._documents._weights):  # noqa: SLF001  # as if others had pushed them out
        texts._documents.discard(key)  # noqa: SLF001  # likewise
    assert (alive(DocumentNode), alive(OperationDefinitionNode), alive(Token)) == before


@pytest.mark.parametrize("shape", MAKERS)
@pytest.mark.parametrize("fault", ["{{ refused {}", "{}\nfragment unused on Query {{ __typename }}"])
async def test_of_what_is_refused_nothing_is_kept_but_the_refusal(world: World, shape: str, fault: str) -> None:
    texts, client = world.app.components.schema.document_cache, world.app.client_with()
    for number in range(4):
        text = fault.format(SHAPES[shape](number, 500, 40))
        before = texts.usage
        answers = [(await client.send(text))["errors"] for _ in range(3)]
        for errors in answers:
            for error in errors:
                error["extensions"].pop("requestId")
        assert answers[0] == answers[1] == answers[2]
        after = texts.usage
        assert after["documents"] == before["documents"]
        assert 0 < after["refusals"].bytes - before["refusals"].bytes <= LONGEST_REFUSAL_BYTES


async def test_a_flood_of_large_documents_stays_within_the_bytes_of_the_caches(world: World) -> None:
    texts, client = world.app.components.schema.document_cache, world.app.client_with()
    for number in range(60):
        for shape in MAKERS:
            await client.send(SHAPES[shape](number, 20_000, 45))
    assert texts.usage["documents"].bytes <= DOCUMENT_BYTES
    assert texts.usage["refusals"].bytes <= REFUSAL_BYTES
