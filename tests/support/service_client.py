"""How tests call rules: as somebody of the world, in units of work of their own, without GraphQL."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from models.database import Database, WriteSession
from models.database.errors import SessionNotLive
from models.database.identity import NOBODY, Identity
from services import sessions
from services.authentication import AuthConfig
from services.errors import InvalidInput
from services.permissions import Actor
from services.queries import loading
from services.queries.collection import Collection
from services.queries.loading import Page
from services.queries.page_request import PageRequest
from services.sessions import IssuedSession
from tests.support.factories import PASSWORD, Person, World

__all__ = [
    "CLIENT",
    "CallerTransactions",
    "ServiceClient",
    "invalid_paths",
    "stop_sequencer",
    "wait_until_blocked",
    "walk_pages",
]

Result = TypeVar("Result")

CLIENT = Identity(request_id="1", ip="203.0.113.9", user_agent="a browser")
"""Nobody yet, at some address."""


@dataclass(frozen=True)
class CallerTransactions:
    """Opens transactions in somebody's name, as the rules around passwords ask for."""

    database: Database
    identity: Identity = NOBODY

    async def write(
        self, work: Callable[[WriteSession], Awaitable[Result]], identity: Identity | None = None
    ) -> Result:
        # On no reserved connection, where what waits for a lock is cut off and, but for here, done again.
        async with self.database.write(identity or self.identity, general_only=True) as session:
            return await work(session)

    def long_work(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


@dataclass(frozen=True)
class ServiceClient:
    """The rules on a test's own database."""

    database: Database
    auth: AuthConfig

    def identity(self, person: Person) -> Identity:
        """Who a person is by their token."""
        assert person.client.token
        claims = self.auth.tokens.read(person.client.token)
        return Identity(claims.tenant_id, claims.user_id, claims.role, claims.session_id)

    def actor(self, person: Person) -> Actor:
        return Actor.of(self.identity(person))

    def transactions(self, person: Person | None = None) -> CallerTransactions:
        return CallerTransactions(self.database, self.identity(person) if person else NOBODY)

    async def login(
        self, email: str, password: str = PASSWORD, *, tenant: str | None = None, client: Identity = CLIENT
    ) -> IssuedSession:
        """Log in."""
        return await sessions.login(
            self.transactions(), self.auth, client, email=email, password=password, tenant=tenant
        )

    async def is_live(self, identity: Identity) -> bool:
        """Whether somebody is still let in."""
        try:
            async with self.database.read(identity):
                return True
        except SessionNotLive:
            return False

    async def apply(self, person: Person, rule: Callable[..., Awaitable[Result]], **given: Any) -> Result:
        """Apply a rule that writes, in one transaction."""
        actor = self.actor(person)
        async with self.database.write(actor.identity, general_only=True) as session:
            return await rule(session, actor, **given)

    async def page(self, person: Person, collection: Collection, **wanted: Any) -> Page:
        """A page of a list, read in a unit of its own."""
        actor = self.actor(person)
        request = PageRequest.of(collection, "a list", **wanted)
        async with self.database.read(actor.identity) as session:
            return await loading.load_page(session, actor, collection, request)

    async def rows(self, person: Person, collection: Collection, **wanted: Any) -> list[Any]:
        """The rows of a page."""
        return [edge.node for edge in (await self.page(person, collection, **wanted)).edges]


async def walk_pages(ask: Callable[..., Awaitable[Page]], size: int, *, backwards: bool = False) -> list[Any]:
    """All rows of a list in its order, asked for page by page from one end to the other."""
    found: list[Any] = []
    cursor = None
    while True:
        page = await ask(**({"last": size, "before": cursor} if backwards else {"first": size, "after": cursor}))
        rows = [edge.node for edge in page.edges]
        found = rows + found if backwards else found + rows
        behind, ahead = page.has_previous_page, page.has_next_page
        more, came = (behind, ahead) if backwards else (ahead, behind)
        assert came == (cursor is not None)
        if not more:
            return found
        assert len(rows) == size
        assert len(found) < 10_000, "the walk does not end"
        cursor = page.edges[0 if backwards else -1].cursor


def invalid_paths(refusal: object) -> list[str]:
    """Where the input was bad, by what a rule raised or gave instead of a row."""
    assert isinstance(refusal, InvalidInput)
    return [problem.path for problem in refusal.problems]


async def wait_until_blocked(connection: asyncpg.Connection, units: int = 1) -> None:
    """Wait until that many units of this database wait for another one's lock."""
    waiting = (
        "SELECT count(DISTINCT pid) >= $1 FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    await _wait_until(connection, waiting, units)


async def wait_until_unblocked(connection: asyncpg.Connection) -> None:
    """Wait until no unit of this database waits for another one's lock."""
    unblocked = (
        "SELECT count(*) = 0 FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    await _wait_until(connection, unblocked)


async def stop_sequencer(world: World) -> None:
    """Stop the sealer, and wait until PostgreSQL has done with the last thing that it was sent."""
    await world.app.components.feed.stop()
    gone = (
        "SELECT count(*) = 0 FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'atrium feed'"
    )
    await _wait_until(world.connection, gone)


async def _wait_until(connection: asyncpg.Connection, question: str, *arguments: object) -> None:
    """Ask until it is so; of who is connected and what they wait for PostgreSQL announces nothing."""
    async with asyncio.timeout(10):
        while not await connection.fetchval(question, *arguments):
            # Within a transaction, who is connected would be seen as it was at the first look.
            await connection.execute("SELECT pg_stat_clear_snapshot()")
