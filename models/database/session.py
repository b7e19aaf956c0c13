"""Database sessions: the statements of one transaction, run one at a time on one connection."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NewType, TypeVar, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Model, row_class
from models.database.errors import (
    ConnectionLost,
    DatabaseUnavailable,
    Preempted,
    ReplicaLagging,
    SessionNotLive,
    TransactionConflict,
    translate_errors,
)
from models.database.identity import ENTER_PARAMETERS, Identity, read_enter_arguments
from models.database.partitions import Partition
from models.database.pool import CANCEL_GRACE_SECONDS
from models.timings import timed_statement

__all__ = ["DatabaseSession", "ReadSession", "WriteSession", "extend_context", "fetch", "recheck_live"]

ENTER_STATEMENT = text(f"SELECT 1 FROM atrium_enter({', '.join(f':{name}' for name in ENTER_PARAMETERS)})")  # noqa: S608  # names of ours
SET_CONTEXT_STATEMENT = text("SELECT set_config('app.' || :name, :value, true)")


class DatabaseSession(AsyncSession):
    """A session whose statements take turns.

    Fields of one operation resolve concurrently, and one connection runs one statement at a time. The lock covers a
    single statement, never an await of anything else, so no two fields can wait for each other.

    Statements go to the connection past SQLAlchemy's ORM (docs/decisions/0023): rows are read as rows, and nothing is
    kept in an identity map.
    """

    def __init__(self, connection: AsyncConnection, partition: Partition) -> None:
        super().__init__(bind=connection, expire_on_commit=False, autoflush=False)
        self._connection = connection
        self._partition = partition
        self._turn = asyncio.Lock()
        self._running: asyncio.Future[Any] | None = None
        self._ended = False
        self.statements = 2  # BEGIN and the entry
        self.statement_texts: list[str] | None = None
        """Where to note the texts of its statements, for developers who ask for them."""
        self.failed = False
        """Whether a statement failed, so that what was read is not all that there was to read."""
        self.interruption: ConnectionLost | Preempted | None = None
        """What cut a statement off that may be run once more."""

    async def exec(self, statement: Any, *, params: Any = None, **options: Any) -> Any:
        """Run one statement, when it is its turn.

        Whoever waits for it is cancelled when a neighbouring field fails. The statement goes on nevertheless: one that
        is broken off takes the connection along, and with it the fields that are still wanted.

        Raises:
            TransactionConflict, DatabaseUnavailable.
        """
        assert not options, "those are the ORM's, and would be lost"
        await self._turn.acquire()
        if self._ended:
            self._turn.release()
            raise asyncio.CancelledError  # its operation is over, and nobody waits any more
        self.statements += 1
        if self.statement_texts is not None:
            self.statement_texts.append(str(statement.compile(dialect=self._connection.dialect)))
        self._running = asyncio.ensure_future(self._run(statement, params))
        self._running.add_done_callback(lambda _: self._turn.release())
        return await asyncio.shield(self._running)

    async def end(self) -> None:
        """Begin no further statement; give the one under way some time, then break it off."""
        self._ended = True
        if self._running is not None and not self._running.done():
            _, late = await asyncio.wait([self._running], timeout=CANCEL_GRACE_SECONDS)
            for statement in late:
                statement.cancel()
                await asyncio.wait([statement])

    def begin_nested(self) -> Any:
        """Open a savepoint, which is rolled back when its block fails."""
        return self._connection.begin_nested()

    async def _run(self, statement: Any, params: Any) -> Any:
        try:
            is_reserved = self._partition.is_reserved
            with translate_errors(is_reserved=is_reserved), timed_statement(self._connection, statement):
                return await self._connection.execute(statement, params)
        except (DBAPIError, TransactionConflict, DatabaseUnavailable, ReplicaLagging) as error:
            self.failed = True
            if isinstance(error, ConnectionLost | Preempted):
                self.interruption = error
            if isinstance(error, ConnectionLost):
                self._partition.autocommit_connections.suspect_idle()
            raise


ReadSession = NewType("ReadSession", DatabaseSession)
"""A session inside a read-only snapshot."""


WriteSession = NewType("WriteSession", ReadSession)
"""A session inside a transaction on the primary; every rule that changes something asks for one."""


ModelType = TypeVar("ModelType", bound=Model)


async def fetch(
    session: ReadSession,
    model: type[ModelType],
    statement: TypedReturnsRows[Any],
    params: Mapping[str, Any] | None = None,
) -> list[ModelType]:
    """Run a statement that returns exactly the columns of a model's table; give its rows.

    They are typed as the model, and have its attributes, but are immutable rows outside any session
    (`models.base.Row`).
    """
    result: CursorResult[Any] = await session.exec(statement, params=params)
    make = row_class(model).of
    return cast("list[ModelType]", [make(values) for values in result])


async def extend_context(
    session: WriteSession,
    *,
    tenant_id: UUID | None = None,
    user_id: UUID | None = None,
    email: str | None = None,
    presented: UUID | None = None,
    creating: Iterable[UUID] = (),
) -> None:
    """Widen what the rest of this transaction may reach, by what a rule has just proved or is about to check.

    Args:
        session: the transaction.
        tenant_id: a tenant that the person was found to belong to, or is founding.
        user_id: a person who has proved who they are.
        email: an address whose account is being looked for.
        presented: the id of a token in hand, whose secret is about to be compared.
        creating: new ids of accounts that are about to be made for other people.
    """
    given = {"tenant_id": tenant_id, "user_id": user_id, "email": email, "presented": presented}
    given["creating"] = ",".join(map(str, creating)) or None
    for name, value in given.items():
        if value is not None:
            await session.exec(SET_CONTEXT_STATEMENT, params={"name": name, "value": str(value)})


async def recheck_live(session: WriteSession, identity: Identity) -> None:
    """Check within a transaction that has waited for another one that the caller is still authorized.

    Raises:
        SessionNotLive: they are not, by what the other transaction did.
    """
    values = dict(zip(ENTER_PARAMETERS, read_enter_arguments(identity), strict=True))
    if (await session.exec(ENTER_STATEMENT, params=values)).first() is None:
        raise SessionNotLive


@asynccontextmanager
async def _open_session(connection: AsyncConnection, partition: Partition) -> AsyncIterator[DatabaseSession]:
    session = DatabaseSession(connection, partition)
    try:
        yield session
    finally:
        await session.end()
