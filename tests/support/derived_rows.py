"""Rows of any table, made from its model: its columns, their types, its constraints.

Nothing here knows a domain. A column that no rule fits is given by whoever asks for the row.
"""

import random
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Table, UniqueConstraint

from models.base import Model, choices_of, new_id, now, table_of
from tests.support.factories import Person, World

__all__ = [
    "EPOCH",
    "choices_in_order",
    "data_columns",
    "moment",
    "needed_columns",
    "oldest_parents",
    "parent_rows",
    "references_of",
    "sample_values",
    "some_rows",
    "text_columns",
    "unique_columns",
    "word",
]

EPOCH = datetime(2027, 1, 1, tzinfo=UTC)
WORDS = ("a", "A", "b", "B", "Ä", "ä", "é", "Z", "z", "ß", "Ж", "ж", "日", "😀", "a b", "_", "%", "'", "0", '"\\')
NULL_SHARE = 0.4
MAINTAINED = frozenset({"tenant_id", "id", "version", "position"})
"""Columns that are part of the key, or given by a trigger."""
COMMON_CHOICES = frozenset({"EUR", "MEMBER"})
Text = Callable[[Column[Any]], str]


def word(chance: random.Random) -> str:
    """Draw an odd text."""
    return "".join(chance.choice(WORDS) for _ in range(chance.randint(1, 3)))


def moment(chance: random.Random, choices: int = 12) -> datetime:
    """Draw one of few moments, so that many are equal; down to the microsecond."""
    return EPOCH + timedelta(hours=chance.randrange(choices), microseconds=chance.choice((0, 1, 500_000, 999_999)))


def data_columns(table: Table) -> list[Column[Any]]:
    """Return the columns that an INSERT may give, but for the key and those of the trash."""
    return [
        column
        for column in table.c
        if column.computed is None and column.name not in MAINTAINED and not column.name.startswith("deleted_")
    ]


def needed_columns(table: Table) -> list[Column[Any]]:
    """Return the columns without which the database refuses a row."""
    return [c for c in data_columns(table) if not c.nullable and c.server_default is None] + [
        c for c in (table.c.get("version"),) if c is not None and c.server_default is None
    ]


def references_of(table: Table) -> dict[str, tuple[str, str]]:
    """Return what each column points at within the tenant: a table and its column."""
    found = {}
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint) and len(constraint.elements) <= 2:  # the tenant, and the row
            for column, element in zip(constraint.columns, constraint.elements, strict=True):
                if column.name != "tenant_id":
                    target, _, key = element.target_fullname.partition(".")
                    found[column.name] = (target, key)
    return found


def unique_columns(table: Table) -> set[str]:
    """Return the columns whose values may be there once, with those that a unique generated column is made of."""
    sets = [c.columns for c in table.constraints if isinstance(c, UniqueConstraint)]
    sets += [index.columns for index in table.indexes if index.unique]
    names = {column.name for columns in sets for column in columns} - {"tenant_id"}
    return names | {name.removesuffix("_key") for name in names}


def text_columns(table: Table) -> list[str]:
    """Return the columns that hold any text."""
    free = [c for c in data_columns(table) if c.type.python_type is str and choices_of(c) is None]
    return [c.name for c in free if c.name not in references_of(table)]


def choices_in_order(column: Column[Any]) -> list[str]:
    """Return what a CHECK lets a text column be, as the CHECK lists it.

    The euro goes first among currencies, and the member among roles.
    """
    for constraint in column.table.constraints:
        if column.name in constraint.info:
            found = re.findall(r"'(\w+)'", str(constraint.sqltext))  # type: ignore[attr-defined]  # it is a CHECK
            return sorted(found, key=lambda choice: choice not in COMMON_CHOICES)
    return []


def value_of(column: Column[Any], text: Text) -> Any:
    """Return a value that a column can hold."""
    if choices := choices_in_order(column):
        return choices[0]
    by_type: dict[type, Callable[[], Any]] = {
        str: lambda: text(column),
        int: lambda: secrets.randbelow(2**31) if column.name in unique_columns(column.table) else 1,
        bool: lambda: False,
        datetime: now,
        date: lambda: now().date(),
        UUID: new_id,
        dict: lambda: "{}",
        list: list,
    }
    return by_type[column.type.python_type]()


async def parent_rows(
    world: World, tenant_id: UUID, person: Person, table: Table, columns: list[Column[Any]], text: Text
) -> dict[str, Any]:
    """Insert what these columns of a row point at; a person stands for every account."""
    found: dict[str, Any] = {}
    for name, (target, key) in references_of(table).items():
        if name not in {column.name for column in columns}:
            continue
        if target in {"memberships", "users"}:
            found[name] = person.user_id
        elif target != "tenants":
            parent = Model.metadata.tables[target]
            values = await sample_values(world, tenant_id, person, parent, text)
            found[name] = await world.add(target, **values, **({"id": new_id()} if key == "id" else {}))
    return found


async def oldest_parents(world: World, tenant_id: UUID, table: Table) -> dict[str, Any]:
    """Return what the columns of a row can point at among the rows that there are: the first of each table."""
    found: dict[str, Any] = {}
    for name, (target, key) in references_of(table).items():
        if target not in {"memberships", "users", "tenants"}:
            query = f"SELECT {key} FROM {target} WHERE tenant_id = $1 ORDER BY {key} LIMIT 1"
            found[name] = await world.connection.fetchval(query, tenant_id)
    return {name: value for name, value in found.items() if value is not None}


async def sample_values(  # each says something else of the row
    world: World,
    tenant_id: UUID,
    person: Person,
    table: Table,
    text: Text,
    *,
    whole: bool = False,
    known: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the values of a new row, with what it points at made before, but for what is known.

    `whole` fills in what may be null too.
    """
    columns = [c for c in data_columns(table) if c.nullable] if whole else []
    columns += needed_columns(table)
    columns = [c for c in columns if c.name not in known]
    tenant = {"tenant_id": tenant_id} if "tenant_id" in table.c else {}
    references = await parent_rows(world, tenant_id, person, table, columns, text)
    plain = {c.name: value_of(c, text) for c in columns if c.name not in references}
    return {**tenant, **plain, **references, **known}


def some_rows(model: type[Model], count: int, **given: Any) -> Callable[[World, random.Random], Awaitable[Person]]:
    """Return what makes many rows with equal times, odd texts and nulls in acme, and gives a member who sees them."""
    table = table_of(model)

    async def make(world: World, chance: random.Random) -> Person:
        acme = world.acme
        needed = [c for c in needed_columns(table) if c.name not in given]
        targets = {name: target for name, (target, _) in references_of(table).items()}
        shared = await parent_rows(world, acme.tenant_id, acme.member, table, needed, lambda _: word(chance))
        for number in range(count):
            row = {c.name: _random_value(c, chance, number) for c in data_columns(table) if c.name not in targets}
            people = {
                name: chance.choice((acme.owner, acme.admin, acme.member)).user_id
                for name, target in targets.items()
                if target == "memberships" and name in {c.name for c in needed}
            }
            await world.add(table.name, **{"tenant_id": acme.tenant_id, **row, **shared, **people, **given})
        return acme.member

    return make


def _random_value(column: Column[Any], chance: random.Random, number: int) -> Any:
    if column.nullable and chance.random() < NULL_SHARE:
        return None
    if choices := choices_in_order(column):
        return choices[0] if "EUR" in choices else chance.choice(choices)
    kind = column.type.python_type
    if kind is str:
        return f"{word(chance)} {number}" if column.name in unique_columns(column.table) else word(chance)
    by_type: dict[type, Callable[[], Any]] = {
        int: lambda: chance.randrange(9),
        bool: lambda: chance.random() < NULL_SHARE,
        datetime: lambda: moment(chance),
        date: lambda: EPOCH.date() + timedelta(days=chance.randrange(5)),
        UUID: new_id,
        list: list,
    }
    return by_type[kind]()
