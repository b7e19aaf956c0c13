"""What is contained in a row: it goes to the trash with that row, as one set, and comes back with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, and_, func, literal, select, update

from models.base import Model, contents_of, table_of
from models.database import WriteSession
from services.permissions import Actor
from services.writes.rows import set_change_time

__all__ = ["share_change_time", "update_contents"]


async def share_change_time(session: WriteSession, actor: Actor, model: type[Model], row: Any) -> None:
    """Have a locked row and all that it contains change at one moment.

    What it contains is locked too, so that the moment is later than the last change of each.
    """
    last: list[ColumnElement[Any]] = [literal(row.updated_at, DateTime(timezone=True))]
    for table, column in contents_of(table_of(model)):
        theirs = and_(table.c.tenant_id == actor.identity.tenant_id, table.c[column] == row.id)
        rows = select(table.c.updated_at).where(theirs).order_by(table.c.id).with_for_update(key_share=True).subquery()
        last.append(select(func.max(rows.c.updated_at)).scalar_subquery())
    await set_change_time(session, func.greatest(*last))


async def update_contents(
    session: WriteSession,
    actor: Actor,
    model: type[Model],
    row_id: UUID,
    deleted_at: datetime | None,
    changes: Mapping[str, Any],
) -> None:
    """Change what a row contains and what went to the trash at that moment, or is not there.

    What it contains say the models, by `models.base.contained_in`. Of the changes each table takes those that it has
    columns for.
    """
    for table, column in contents_of(table_of(model)):
        theirs = (table.c.tenant_id == actor.identity.tenant_id, table.c[column] == row_id)
        then = table.c.deleted_at.is_not_distinct_from(deleted_at)
        kept = {name: value for name, value in changes.items() if name in table.c}
        await session.exec(update(table).where(*theirs, then).values(**kept))
