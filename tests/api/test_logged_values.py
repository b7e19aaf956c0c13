"""The search of the log for what clients send, which tests/api/conftest.py makes after each test, finds what leaks."""

import logging

import pytest

from atrium.logs import JsonFormatter, RequestRecord
from models.database import Database
from tests.support.factories import World
from tests.support.logged_lines import LoggedLines
from tests.support.sent_values import SENT

CREATE = "mutation Make($input: CreateTaskInput!) { createTask(input: $input) { ... on Error { code } } }"
TITLE, LITERAL = "A title that nobody else has", "a literal that nobody else has"


async def test_a_planted_leak_is_found(
    world: World, logged_lines: LoggedLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that says too much, by a variable, a literal of the text, and the token."""
    client = world.acme.owner.client
    fields = RequestRecord.fields
    monkeypatch.setattr(RequestRecord, "fields", lambda record: fields(record) | {"document_id": record.document})
    await client.send(f'{{ tasks(filter: {{ title: {{ eq: "{LITERAL}" }} }}) {{ totalCount }} }}')
    assert LITERAL in {value for value, _ in logged_lines.take_leaks(SENT.values)}
    monkeypatch.setattr(RequestRecord, "fields", lambda record: fields(record) | {"document_id": TITLE})
    await client.send(CREATE, input={"title": TITLE})
    assert TITLE in {value for value, _ in logged_lines.take_leaks(SENT.values)}
    logging.getLogger("anything").warning("refused %s", client.token)
    assert client.token in {value for value, _ in logged_lines.take_leaks(SENT.values)}


async def test_an_exception_that_says_too_much_is_found(
    world: World, logged_lines: LoggedLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **_options: object) -> None:
        raise RuntimeError(TITLE)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", fail)
        await world.acme.owner.client.send(CREATE, input={"title": TITLE})
    assert TITLE in {value for value, _ in logged_lines.take_leaks(SENT.values)}


async def test_rows_in_errors_of_the_database_are_not_logged(
    world: World, logged_lines: LoggedLines, caplog: pytest.LogCaptureFixture
) -> None:
    """A constraint that no rule knows of, and that cannot even read the value: PostgreSQL quotes it."""
    await world.connection.execute("ALTER TABLE tasks ADD CONSTRAINT unknown CHECK (title::int > 0)")
    answer = await world.acme.owner.client.send(CREATE, input={"title": TITLE})
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    faults = [record for record in caplog.records if record.exc_info]
    assert faults
    assert TITLE in "".join(map(logging.Formatter().format, faults)), "it is in what PostgreSQL says"
    assert all("22P02 invalid input syntax for type integer" in JsonFormatter().format(record) for record in faults)
    assert logged_lines.take_leaks(SENT.values) == []


async def test_addresses_and_passwords_are_not_logged(world: World, logged_lines: LoggedLines) -> None:
    given = {"email": "somebody.new@example.com", "password": "correct-horse-battery", "fullName": "Somebody New"}
    await world.nobody.mutate("register", "__typename", **given)
    await world.nobody.mutate("login", "__typename", email=given["email"], password=given["password"])
    assert set(given.values()) <= SENT.values
    assert logged_lines.take_leaks(SENT.values) == []
