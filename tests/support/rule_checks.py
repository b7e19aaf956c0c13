"""What the rules of every domain are tested for: limits at n and n + 1, keys, versions, uniqueness, transitions.

    CHECKS = RuleChecks(
        invoices,
        invoices.INVOICES,
        lambda world: {"number": "one"},
        limits=[("number", "x" * 64, "x" * 65)],
        unique=["number"],
    )

    @pytest.mark.parametrize("check", CHECKS.names)
    async def test_its_rules(rules: ServiceClient, world: World, check: str) -> None:
        await CHECKS.run(check, rules, world)

What the checks expect is said there, and no value of a run.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from models.base import table_of
from models.money import Currency
from services.errors import AlreadyExists, IdempotencyConflict, IllegalTransition, InvalidInput, VersionConflict
from services.queries.collection import Collection
from services.writes.changes import MoneyValue
from tests.support.factories import World
from tests.support.service_client import ServiceClient, invalid_paths

__all__ = ["RuleChecks", "euros"]

Check = Callable[[ServiceClient, World], Awaitable[None]]


def euros(minor: int) -> MoneyValue:
    """An amount of so many cents."""
    return {"amount": Decimal(minor).scaleb(-2), "currency": Currency("EUR")}


@dataclass(frozen=True)
class RuleChecks:
    """The checks of one domain, by name."""

    module: ModuleType
    """The module of services, with its rules `create`, `update` and perhaps `change_status`."""
    collection: Collection
    values: Callable[[World], Mapping[str, Any]]
    """What a new row needs; the first is a text."""
    limits: Sequence[tuple[str, Any, Any]] = ()
    """A field, a value that is just allowed, and one that is just not."""
    unique: Sequence[str] = ()
    """Texts that no two rows of a tenant share, ignoring case."""
    transitions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What may follow each status; the first is that of a new row."""

    @property
    def names(self) -> list[str]:
        """The checks that there are."""
        return list(self._checks())

    async def run(self, name: str, rules: ServiceClient, world: World) -> None:
        """Run one check."""
        await self._checks()[name](rules, world)

    def _checks(self) -> dict[str, Check]:
        limits = {f"{limit[0]} {number}": limit for number, limit in enumerate(self.limits)}
        return {
            "key": self._check_key,
            "version": self._check_version,
            **{f"limit of {name}": partial(self._check_limit, *limit) for name, limit in limits.items()},
            **{f"unique {name}": partial(self._check_unique, name) for name in self.unique},
            **{f"after {before}": partial(self._check_transitions, before) for before in self.transitions},
        }

    async def _create(self, rules: ServiceClient, world: World, key: str | None = None, **given: Any) -> Any:
        values = {**self.values(world), **given}
        return await rules.apply(world.acme.admin, self.module.create, values=values, idempotency_key=key)

    async def _update(self, rules: ServiceClient, world: World, row: Any, version: int | None = None, **to: Any) -> Any:
        admin = world.acme.admin
        return await rules.apply(admin, self.module.update, id=row.id, changes=to, expected_version=version)

    async def _check_key(self, rules: ServiceClient, world: World) -> None:
        """A call that is repeated with its key makes one row, and the key is good for no other values."""
        first, again = await self._create(rules, world, "key"), await self._create(rules, world, "key")
        assert first == again
        with pytest.raises(IdempotencyConflict):
            await self._create(rules, world, "key", **{next(iter(self.values(world))): "other"})

    async def _check_version(self, rules: ServiceClient, world: World) -> None:
        """An update that expects a version which has moved on changes nothing."""
        made, title = await self._create(rules, world), next(iter(self.values(world)))
        assert (await self._update(rules, world, made, 1, **{title: "second"})).version == 2
        with pytest.raises(VersionConflict):
            await self._update(rules, world, made, 1, **{title: "third"})

    async def _check_limit(self, name: str, good: Any, bad: Any, rules: ServiceClient, world: World) -> None:
        """The last value that is allowed is stored, and the next one is refused, in a new row and in an update."""
        made = await self._create(rules, world, **{name: good})
        free = {each: f"another {each}" for each in self.unique}
        with pytest.raises(InvalidInput) as refused:
            await self._create(rules, world, **{**free, name: bad})
        assert {path.partition(".")[0] for path in invalid_paths(refused.value)} == {name}
        with pytest.raises(InvalidInput):
            await self._update(rules, world, made, **{name: bad})

    async def _check_unique(self, name: str, rules: ServiceClient, world: World) -> None:
        """A text that another row of the tenant has is refused, whatever its case, in a new row and in an update."""
        await self._create(rules, world, **{name: "One"})
        free = {each: f"another {each}" for each in self.unique}
        with pytest.raises(AlreadyExists):
            await self._create(rules, world, **{**free, name: "ONE"})
        other = await self._create(rules, world, **free)
        with pytest.raises(AlreadyExists):
            await self._update(rules, world, other, **{name: "one"})

    async def _check_transitions(self, before: str, rules: ServiceClient, world: World) -> None:
        """After a status comes what may follow it, and nothing else."""
        made, table = await self._create(rules, world), table_of(self.collection.model).name
        assert made.status == next(iter(self.transitions))
        for after in self.transitions:
            await world.connection.execute(f"UPDATE {table} SET status = $1 WHERE id = $2", before, made.id)
            status = type(next(iter(self.module.TRANSITIONS)))(after)
            moving = rules.apply(world.acme.admin, self.module.change_status, id=made.id, status=status)
            if after in self.transitions[before]:
                assert (await moving).status == after
                continue
            with pytest.raises(IllegalTransition) as refused:
                await moving
            assert (refused.value.current, list(refused.value.allowed)) == (before, list(self.transitions[before]))
