"""What the log leaves of exceptions: where and what, and no value."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from atrium.exception_text import describe_exception
from atrium.logs import JsonFormatter, TextFormatter
from tests.conftest import Urls
from tests.support.client import App

SECRET = 's3cret it\'s "quoted" value'


class Model(BaseModel):
    number: int
    name: str = Field(max_length=3)


def lookup() -> object:
    return {}[SECRET]


def chained() -> None:
    try:
        lookup()
    except KeyError as error:
        raise ValueError(f"no such thing: {SECRET!r}") from error


def handled() -> None:
    try:
        UUID(SECRET)
    except ValueError:
        int(SECRET)


def grouped() -> None:
    raise ExceptionGroup("two of them", [KeyError(SECRET), ValueError(f"not {SECRET!r}")])


def cut_off() -> None:
    raise asyncpg.DataError(f"invalid input for query argument $1: {SECRET!r}"[:-3] + "...")


@pytest.mark.parametrize(
    ("fail", "left"),
    [
        (lookup, "KeyError: '…'"),
        (chained, "ValueError: no such thing: '…'"),
        (handled, "During handling of the above exception"),
        (grouped, "ExceptionGroup: two of them"),
        (cut_off, "invalid input for query argument $1: '…'"),
        (lambda: Model(number=SECRET, name=SECRET), "2 validation errors for Model"),
        (lambda: json.loads(SECRET), "Expecting value: line 1 column 1"),
        (lambda: SECRET.encode("utf-16").decode("ascii"), "UnicodeDecodeError"),
        (lambda: getattr(object(), SECRET), "AttributeError"),
    ],
)
def test_values_are_left_out(fail: Callable[[], Any], left: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # of several kinds
        fail()
    told = describe_exception(caught.value)
    assert left in told
    assert 'File "' in told
    assert "s3cret" not in told
    assert "quoted" not in told


async def test_rows_are_left_out_of_what_the_database_says(app: App, urls: Urls) -> None:
    connection = await asyncpg.connect(urls.plain("owner"))
    try:
        await connection.execute("CREATE TABLE things (name text PRIMARY KEY CHECK (name <> 'odd one'), n int)")
        for statement, code in (
            ("INSERT INTO things VALUES ('Mallory'), ('Mallory')", "23505"),
            ("INSERT INTO things VALUES ('odd one')", "23514"),
            ("INSERT INTO things VALUES ('Mallory', 'Mallory')", "22P02"),
            ("SELECT 'Mallory'::jsonb", "22P02"),
        ):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await connection.execute(statement)
            told = describe_exception(caught.value)
            assert f": {code} " in told
            assert "Mallory" not in told
            assert "odd one" not in told
            assert ("things" in told) == code.startswith("23")
    finally:
        await connection.close()
    given = {"name": "Mallory"}  # frames show the line below
    async with app.components.database.engine.connect() as pooled:
        with pytest.raises(DBAPIError) as refused:
            await pooled.execute(text("SELECT CAST(:name AS text)::int"), given)
    told = describe_exception(refused.value)
    assert "[SQL: SELECT CAST($1 AS text)::int]" in told
    assert "22P02 invalid input syntax for type integer" in told
    assert "Mallory" not in told


async def test_an_exception_that_nobody_awaited_is_told_without_values(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError(SECRET)

    loop = asyncio.get_running_loop()
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.call_exception_handler({"message": "never retrieved", "future": asyncio.ensure_future(fail())})
        try:
            await fail()
        except ValueError as error:
            loop.call_exception_handler({"message": "never retrieved", "exception": KeyError(SECRET), "task": error})
    for formatter in (JsonFormatter(), TextFormatter()):
        lines = [formatter.format(record) for record in caplog.records]
        assert all("never retrieved" in line for line in lines)
        assert "s3cret" not in "".join(lines)


def test_an_exception_that_cannot_say_what_it_is_is_still_a_line() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe_exception(Mute()).endswith("Mute")


def test_exceptions_in_a_circle_have_an_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert describe_exception(one).count("ValueError") == 2
