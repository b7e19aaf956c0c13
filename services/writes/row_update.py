"""Row updates: what many changes come down to, as data, so that one statement can do it and return the row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement

from models.base import Model
from models.database import WriteSession
from services.permissions import Actor
from services.writes.rows import update_row

__all__ = ["RowUpdate", "apply_update"]

RowType = TypeVar("RowType", bound=Model)


@dataclass(frozen=True, slots=True)
class RowUpdate(Generic[RowType]):
    """A checked change of one row of the actor's tenant, for which no other row has to be looked at.

    A rule that comes down to this can be carried out by one statement, which may show the row as well.
    """

    model: type[RowType]
    row_id: UUID
    changes: Mapping[str, Any]
    """Values, by their columns."""
    expected_version: int | None = None
    where: ColumnElement[bool] | None = None
    """What must hold for the row, or else it is not there."""
    unless: ColumnElement[bool] | None = None
    """What holds for a row that is so already, and stays as it is."""


async def apply_update(session: WriteSession, actor: Actor, row_update: RowUpdate[RowType]) -> RowType:
    """Apply a row update; return the row as it is now.

    Raises:
        NotFound, VersionConflict: see `updated`.
    """
    return await update_row(
        session,
        actor,
        row_update.model,
        row_update.row_id,
        row_update.changes,
        expected_version=row_update.expected_version,
        where=row_update.where,
        unless=row_update.unless,
    )
