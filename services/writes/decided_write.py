"""Decided writes: changes of many rows that are decided upon by a look at others, as two statements.

One statement reads all that the decision needs, the rule decides in Python, and one statement writes all that follows.
That one checks what was relied on once more, under the locks that it takes, and changes nothing where it no longer
holds; then everything begins anew. So it does not matter whether anything was locked in between, and the two statements
need no common transaction.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import CTE, ColumnElement, Select, select, true

from models.base import Model, table_of
from models.database import WriteSession, fetch
from models.database.errors import TransactionConflict
from services.errors import DomainError
from services.permissions import Actor
from services.writes.rows import get_row

__all__ = ["DecidedWrite", "apply_decided"]

RowType = TypeVar("RowType", bound=Model)

MAX_DECISIONS = 3  # of one change: whoever had the same key was first, and has been deleted since


class DecidedWrite(ABC, Generic[RowType]):
    """A checked change that writes one row of a model, and rows that belong to it, once it was decided."""

    model: type[RowType]

    @property
    @abstractmethod
    def is_keyed(self) -> bool:
        """Whether the call has an idempotency key; the statements differ by nothing else."""

    @abstractmethod
    def read_values(self) -> dict[str, Any]:
        """Return the values of the statement that reads."""

    @abstractmethod
    def decide(self, actor: Actor, found: Mapping[str, Any]) -> Mapping[str, Any] | UUID:
        """Return the values of the statement that writes; or the id of what was made with the same key before.

        Args:
            actor: who asks.
            found: what was read.

        Raises:
            DomainError: the rule refuses it.
        """

    @classmethod
    @abstractmethod
    def read_statement(cls, *, is_keyed: bool, locks: bool) -> Select[Any]:
        """Return the statement that reads one JSON text; where it locks, what it has read stays as it is.

        Its binds are the actor's own, and those of `read_values`.
        """

    @classmethod
    @abstractmethod
    def write_rows(
        cls, name: str, returning: Sequence[ColumnElement[Any]], condition: ColumnElement[bool], *, is_keyed: bool
    ) -> tuple[CTE, CTE]:
        """Return the CTE that writes the row, and the last of those that write the rest; it writes all or nothing.

        Args:
            name: the name of the CTE.
            returning: the columns of the row that it returns.
            condition: what else must hold; it is evaluated before any row is looked at.
            is_keyed: whether there is a key.
        """


async def apply_decided(session: WriteSession, actor: Actor, change: DecidedWrite[RowType]) -> RowType:
    """Apply a change; return the row that it wrote, or that was written with the same key before.

    Raises:
        DomainError: the rule refuses it.
        TransactionConflict: others were always faster.
    """
    read, write = _statements(type(change), is_keyed=change.is_keyed)
    for attempt in range(MAX_DECISIONS):
        identity = {"tenant_id": actor.identity.tenant_id, "user_id": actor.identity.user_id}
        text = (await session.exec(read, params={**identity, **change.read_values()})).scalar_one()
        try:
            decided = change.decide(actor, orjson.loads(text))
        except DomainError:
            if change.is_keyed and not attempt:
                continue  # it may have waited for its twin, whose key it did not see yet
            raise
        if isinstance(decided, UUID):
            return await get_row(session, actor, change.model, decided)
        if rows := await fetch(session, change.model, write, decided):
            return rows[0]
    raise TransactionConflict


@cache
def _statements(kind: type[DecidedWrite[Any]], *, is_keyed: bool) -> tuple[Select[Any], Select[Any]]:
    """Return the statements that read and write in one transaction, made once."""
    columns = list(table_of(kind.model).c)
    written, rest = kind.write_rows("written", columns, true(), is_keyed=is_keyed)
    return kind.read_statement(is_keyed=is_keyed, locks=True), select(*written.c).add_cte(rest)
