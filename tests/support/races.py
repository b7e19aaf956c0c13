"""How tests have two transactions meet between read and write: the rendezvous, the context, the list of races."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import asyncpg
from sqlalchemy import ClauseElement
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.visitors import iterate

from models import Role
from models.database import DatabaseSession
from models.database.errors import TransactionConflict
from services import invitations
from tests.conftest import Urls
from tests.support.factories import Person, World
from tests.support.service_client import CLIENT, ServiceClient

__all__ = [
    "EMAIL",
    "LIFETIME",
    "NEXT",
    "OTHER",
    "RACES",
    "Attempt",
    "RaceContext",
    "Rendezvous",
    "open_rendezvous",
    "race",
    "refused",
]

BLOCKED = (
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE NOT granted AND datname = current_database() AND application_name <> 'atrium feed')"
)


@dataclass(eq=False)
class Participant:
    """One of the two."""

    has_read: asyncio.Event = field(default_factory=asyncio.Event)
    is_done: asyncio.Event = field(default_factory=asyncio.Event)


PARTICIPANT: ContextVar[Participant | None] = ContextVar("participant", default=None)


@dataclass
class Rendezvous:
    """Stops each participant before its first write to a table, until the other has come as far or waits for a lock."""

    connection: asyncpg.Connection
    table: str = ""
    participants: tuple[Participant, ...] = ()
    held: tuple[Participant, ...] = ()
    met: bool = False

    async def between(self, table: str, *attempts: Callable[[], Awaitable[Any]]) -> list[Any]:
        """Have two attempts meet before they write to a table; gives what each came to, refusals too."""
        participants = tuple(Participant() for _ in attempts)
        return await self._meet(table, participants, participants, attempts)

    async def during(
        self, table: str, attempt: Callable[[], Awaitable[Any]], other: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Have the other run from its beginning to its end, or to a lock, between read and write of the first."""
        participants = (Participant(), Participant())
        return await self._meet(table, participants, participants[:1], (attempt, other))

    async def _meet(
        self,
        table: str,
        participants: tuple[Participant, ...],
        held: tuple[Participant, ...],
        attempts: tuple[Callable[[], Awaitable[Any]], ...],
    ) -> list[Any]:
        self.table, self.participants, self.held, self.met = table, participants, held, False
        async with asyncio.timeout(30):
            outcomes = await asyncio.gather(*map(self._take_part, self.participants, attempts))
        assert self.met, f"none was held before a write to {table} while the other was under way"
        for outcome in outcomes:
            if isinstance(outcome, asyncpg.PostgresError | AssertionError | TypeError | AttributeError):
                raise outcome
        return outcomes

    async def _take_part(self, participant: Participant, attempt: Callable[[], Awaitable[Any]]) -> Any:
        PARTICIPANT.set(participant)
        if participant not in self.held:
            await self.held[0].has_read.wait()
        try:
            while True:
                try:
                    return await attempt()
                except TransactionConflict:  # as the graph's context does
                    continue
        except Exception as error:  # noqa: BLE001  # a refusal is an outcome
            return error
        finally:
            participant.is_done.set()
            participant.has_read.set()

    async def hold(self, participant: Participant) -> None:
        """Wait until the other participant is between read and write too, or waits for a lock, or is done."""
        participant.has_read.set()
        (other,) = (each for each in self.participants if each is not participant)
        self.met = self.met or not other.is_done.is_set()
        while not (other.has_read.is_set() or other.is_done.is_set()):
            if await self.connection.fetchval(BLOCKED):  # PostgreSQL announces it in no way
                return

    def concerns(self, statement: Any) -> bool:
        """Return whether a statement writes to the table, by itself or by one of its CTEs."""
        if not isinstance(statement, ClauseElement):
            return False
        writes = (element for element in iterate(statement) if isinstance(element, UpdateBase))
        return any(getattr(write, "table").name == self.table for write in writes)  # noqa: B009  # untyped


@asynccontextmanager
async def open_rendezvous(url: str) -> AsyncIterator[Rendezvous]:
    """Open a rendezvous on a database; `url` is the owner's."""
    connection = await asyncpg.connect(url)
    place = Rendezvous(connection)
    run = DatabaseSession.exec

    async def held(session: DatabaseSession, statement: Any, **options: Any) -> Any:
        participant = PARTICIPANT.get()
        if participant in place.held and not participant.has_read.is_set() and place.concerns(statement):
            await place.hold(participant)
        return await run(session, statement, **options)

    try:
        with patch.object(DatabaseSession, "exec", held):
            yield place
    finally:
        await connection.close()


LIFETIME = timedelta(days=7)
NEXT, OTHER = "An0ther-one!", "An0ther-two!"
EMAIL = "guest@example.com"

Attempt = Callable[[], Awaitable[Any]]


@dataclass
class RaceContext:
    """What a race needs: the rules, people, and the rendezvous."""

    rules: ServiceClient
    world: World
    urls: Urls
    rendezvous: Rendezvous

    def in_transaction(self, person: Person, rule: Callable[..., Awaitable[Any]], **given: Any) -> Attempt:
        return partial(self.rules.apply, person, rule, **given)

    def invite(self, person: Person, email: str = EMAIL, role: Role = Role.MEMBER) -> Attempt:
        given = {"email": email, "role": role, "lifetime": LIFETIME}
        return self.with_own_transactions(person, invitations.invite, **given)

    def with_own_transactions(
        self, person: Person | None, rule: Callable[..., Awaitable[Any]], **given: Any
    ) -> Attempt:
        """Return an attempt at a rule that opens its own transactions."""
        who: Any = self.rules.actor(person) if person else CLIENT
        return lambda: rule(self.rules.transactions(person), self.rules.auth, who, **given)

    async def value(self, query: str, *arguments: Any) -> Any:
        return await self.world.connection.fetchval(query, *arguments)

    async def open_invitations(self) -> list[tuple[str, str]]:
        """Return the open invitations: by whom, and as what."""
        found = "SELECT invited_by, role FROM invitations WHERE accepted_at IS NULL AND revoked_at IS NULL"
        return [tuple(row) for row in await self.world.connection.fetch(found)]


RACES: dict[str, Callable[[RaceContext], Awaitable[None]]] = {}


def race(work: Callable[[RaceContext], Awaitable[None]]) -> Callable[[RaceContext], Awaitable[None]]:
    """Put a race on the list."""
    RACES[work.__name__.replace("_", " ")] = work
    return work


def refused(outcomes: list[Any], *kinds: type[Exception]) -> int:
    """Return how many were refused; fail if any ended with another exception than these."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert all(isinstance(error, kinds) for error in errors), errors
    return len(errors)
