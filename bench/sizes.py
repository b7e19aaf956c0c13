"""What writes leave behind: bytes of rows, events, audit log and feed, with indexes, and what a year of them takes.

`uv run python -m bench.sizes` takes some minutes. It writes through the API, kind by kind, and compares the tables
before and after, packed as tightly as `VACUUM FULL` does: so what a change makes room for again is not counted. A table
in daily use is larger. The log (WAL) is what the run itself wrote, with whole pages after its checkpoint.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.environment import BenchEnvironment
from bench.orders import OrderBench, open_bench

WRITES = 3_000  # of each kind
CLIENTS = 8
PER_SECOND = 100
YEAR_SECONDS = 365 * 86_400
APART = ("events", "audit_log", "feed")
NOT_COUNTED = ("unsealed", "cost_buckets")  # where nothing stays

SYLLABLES = [consonant + vowel + end for consonant in "bdfghklmnprstvw" for vowel in "aeiou" for end in ("", "n", "r")]
VOCABULARY = 5_000  # words, of which the n-th is drawn n times as seldom as the first, as in prose
DESCRIPTION, CONTENT = 200, 2_000  # characters

TABLES_QUERY = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
WAL_QUERY = "SELECT (pg_current_wal_lsn() - '0/0')::bigint"


@dataclass(frozen=True)
class WriteKind:
    """One kind of write: its mutation, and the input of the one with a number."""

    name: str
    mutation: str
    result: str
    build_input: Callable[[int, OrderBench, list[str]], dict[str, Any]]
    """Gets the number, the bench, and the ids of what the kind before has written."""

    @property
    def document(self) -> str:
        """Return the operation, which answers the id of what was written."""
        type_name = f"{self.mutation[0].upper()}{self.mutation[1:]}Input"
        answer = f"__typename ... on {self.result} {{ id }}"
        return f"mutation($input: {type_name}!) {{ {self.mutation}(input: $input) {{ {answer} }} }}"


@cache
def _build_vocabulary() -> tuple[list[str], list[float]]:
    """Return words and how often they are drawn."""
    chance = Random("vocabulary")  # noqa: S311  # the same each time
    words = ["".join(chance.choices(SYLLABLES, k=chance.choice((1, 1, 2, 2, 3)))) for _ in range(VOCABULARY)]
    return words, [1 / rank for rank in range(1, VOCABULARY + 1)]


def _text(number: int, length: int) -> str:
    """Return words of this many characters, another text for each number, that packs about as well as prose does."""
    words, weights = _build_vocabulary()
    drawn = Random(number).choices(words, weights, k=length // 2)  # noqa: S311  # the same each time
    return f"{number} {' '.join(drawn)}"[:length].strip()


def _order(number: int, bench: OrderBench, _written: list[str]) -> dict[str, Any]:
    products = bench.environment.data.products
    item = {"productId": f"Product:{products[number % len(products)]}", "quantity": 1}
    return {"items": [item], "shippingAddress": "1 Main Street, 12345 Springfield"}


KINDS = (
    WriteKind(
        "a task is created",
        "createTask",
        "Task",
        lambda number, _bench, _written: {"title": _text(number, 40), "description": _text(number, DESCRIPTION)},
    ),
    WriteKind(
        "its status is changed",
        "updateTask",
        "Task",
        lambda number, _bench, written: {"id": written[number], "status": "IN_PROGRESS"},
    ),
    WriteKind("an order of one item is placed", "placeOrder", "Order", _order),
    WriteKind("it is confirmed", "confirmOrder", "Order", lambda number, _bench, written: {"id": written[number]}),
    WriteKind(
        "a document of 2,000 characters is created",
        "createDocument",
        "Document",
        lambda number, _bench, _written: {"title": _text(number, 40), "content": _text(number, CONTENT)},
    ),
    WriteKind(
        "its content is changed",
        "updateDocument",
        "Document",
        lambda number, _bench, written: {"id": written[number], "content": _text(number + WRITES, CONTENT)},
    ),
)


async def main() -> None:
    """Measure and print."""
    year = f"TB a year, {PER_SECOND}/s"
    table = Table("what is written", "rows", "events", "audit log", "feed", "all", "log (WAL)", year, "WAL, TB")
    async with open_bench() as bench:
        written: list[str] = []
        for kind in KINDS:
            written, row = await _measure_kind(bench, kind, written)
            table.add_row(kind.name, *row)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


async def _measure_kind(bench: OrderBench, kind: WriteKind, written: list[str]) -> tuple[list[str], list[str]]:
    """Return the ids of what was written, and the row of the table: bytes of one write, and of a year."""
    environment = bench.environment
    before, log_before = await _measure_tables(environment), await environment.superuser.fetchval(WAL_QUERY)
    made = await _write_all(bench, kind, written)
    await environment.drain()
    log = (await environment.superuser.fetchval(WAL_QUERY) - log_before) / WRITES
    after = await _measure_tables(environment)
    growth = {name: (after[name] - before[name]) / WRITES for name in after if name not in NOT_COUNTED}
    total = sum(growth.values())
    rows = total - sum(growth[name] for name in APART)
    figures = [rows, *(growth[name] for name in APART), total, log]
    years = [each * PER_SECOND * YEAR_SECONDS / 10**12 for each in (total, log)]
    return made, [*(f"{figure:,.0f}" for figure in figures), *(f"{each:.1f}" for each in years)]


async def _measure_tables(environment: BenchEnvironment) -> dict[str, int]:
    """Return the bytes of each table with its indexes, packed tightly."""
    names = [row["relname"] for row in await environment.superuser.fetch(TABLES_QUERY)]
    for name in names:
        await environment.superuser.execute(f"VACUUM FULL {name}")
    await environment.superuser.execute("CHECKPOINT")
    return {row[0]: row[1] for row in await environment.superuser.fetch(TABLES_QUERY)}


async def _write_all(bench: OrderBench, kind: WriteKind, written: list[str]) -> list[str]:
    """Write as often as is measured, by several clients at once; return the ids by number."""
    ids: dict[int, str] = {}
    numbers = iter(range(WRITES))

    async def client() -> None:
        for number in numbers:
            answer = await bench.execute(kind.document, input=kind.build_input(number, bench, written))
            if "id" not in answer[kind.mutation]:
                raise RuntimeError(f"{kind.mutation} answers {answer}")
            ids[number] = answer[kind.mutation]["id"]

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return [ids[number] for number in range(WRITES)]


if __name__ == "__main__":
    asyncio.run(main())
