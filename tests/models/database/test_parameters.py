"""Parameters as text: what they mean to PostgreSQL is what they mean to it as the driver sends them."""

import random
import string
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.database import Database
from models.database.wire import NotPipelined, encode_parameters
from tests.conftest import Urls
from tests.support.pipelined import FROM_TENANT, SubmittedRun, keep_at_hand


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[Database]:
    """A pool of one connection, which is at hand."""
    database = Database(urls.runtime, pool_size=1)
    await keep_at_hand(database)
    yield database
    await database.close()


FIRST_DAY = date(2, 1, 1)  # those before it are left to the driver
MOMENT = datetime(2026, 11, 30, 12, 0, 0, 123456, UTC)
TYPES: dict[str, Callable[[random.Random], Any]] = {
    "uuid": lambda rng: rng.choice([UUID, asyncpg.pgproto.pgproto.UUID])(str(uuid4())),
    "bigint": lambda rng: rng.randrange(-(2**63), 2**63),
    "integer": lambda rng: rng.randrange(-(2**31), 2**31),
    "boolean": lambda rng: rng.random() < 0.5,
    "numeric": lambda rng: Decimal(rng.randrange(-(10**12), 10**12)) / 10 ** rng.randrange(9),
    "timestamptz": lambda rng: MOMENT - timedelta(microseconds=rng.randrange(10**16)),
    "date": lambda rng: date.fromordinal(rng.randrange(FIRST_DAY.toordinal(), 3_000_000)),
    "text": lambda rng: "".join(rng.choices(string.printable.replace("\0", "") + 'é"\\{},\u2028😀NULL', k=9)),
}


class OddText(str):
    """A text with a text of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return "odd"


class Colour(StrEnum):
    RED = "red"


def draw(rng: random.Random, kind: str) -> Any:
    element, is_list = kind.removesuffix("[]"), kind.endswith("[]")
    if rng.random() < 0.1:
        return None
    return [draw(rng, element) for _ in range(rng.randrange(4))] if is_list else TYPES[element](rng)


@pytest.mark.parametrize("kind", [*TYPES, *(f"{name}[]" for name in TYPES)])
async def test_parameters_mean_what_they_mean_to_the_driver(database: Database, kind: str) -> None:
    statement = f"SELECT to_json(ARRAY[$2::{kind}])::text {FROM_TENANT}"
    rng = random.Random()
    for _ in range(50):
        value = draw(rng, kind)
        expected = await _by_driver(database, statement, value)
        submitted = SubmittedRun(database, statement, value)
        assert submitted.is_taken
        assert await submitted == expected, value


SPECIAL: dict[str, Sequence[Any]] = {
    "numeric": [Decimal(text) for text in ("-0", "-0.00", "1E+5", "1.50E+3", "0E-10", "0E+3", "1E-40", "9" * 40)],
    "timestamptz": [
        datetime.min.replace(tzinfo=UTC),
        datetime(2, 1, 1, tzinfo=UTC),
        datetime(9998, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(1883, 11, 18, 12, 3, 58, tzinfo=timezone(timedelta(hours=-4, minutes=-56, seconds=-2))),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(microseconds=1))),
    ],
    "date": [date.min, FIRST_DAY, date(9998, 12, 31), date.max],
    "date[]": [[FIRST_DAY, date.min], [date.max]],
    "bigint": [2**63, -(2**63), 10**40],
    "text": ["a\0b", "NULL", "", "\\", OddText("str subclass"), Colour.RED],
    "text[]": [[], ["", "NULL", "null", '"', "a\0b", None], ("a", "b"), [Colour.RED]],
    "numeric[]": [[Decimal("-0.0"), None, Decimal("1E+2")]],
}


@pytest.mark.parametrize("kind", SPECIAL)
async def test_special_values_mean_what_they_mean_to_the_driver(database: Database, kind: str) -> None:
    """Or are left to it."""
    statement = f"SELECT to_json(ARRAY[$2::{kind}])::text {FROM_TENANT}"
    assert await _by_driver(database, statement, None) == (b"[null]" if not kind.endswith("[]") else b"[]")
    for value in SPECIAL[kind]:
        parameters = encode_parameters([None, value])
        if parameters is None:
            continue
        outcome = await SubmittedRun(database, statement, value)
        if outcome is not NotPipelined:
            assert outcome == await _by_driver(database, statement, value), value


async def _by_driver(database: Database, statement: str, value: Any) -> bytes | None:
    async with database._pool.partition(None) as partition, database._pool.connect(partition) as connection:  # noqa: SLF001  # as it takes one
        raw = await connection.get_raw_connection()
        text = await raw.info["statements"].fetch_value(raw.driver_connection, statement, [None, value])
    await keep_at_hand(database)
    return None if text is None else str(text).encode()
