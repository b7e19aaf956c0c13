"""What is contained in a row: it goes to the trash with that row, as one set, and comes back with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update

from models.base import Model, contents_of, table_of
from models.database import WriteSession
from services.permissions import Actor

__all__ = ["update_contents"]


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
