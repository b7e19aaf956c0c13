"""What rows were: past states rebuilt from the audit log, and forgetting them for good.

An entry holds the columns that it changed, with the version that it left its row at. So a row as of a version is, of
each column, what the newest entry up to that version says. The clock may be set back, versions only grow: as of a
moment, the highest version that was reached by then counts.
"""

import json
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, DateTime, Integer, Text, and_, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import col

from models import AuditEntry
from models.base import Model, past_row_class, row_class, table_of
from models.database import ReadSession, WriteSession
from services.permissions import Actor

__all__ = ["redact", "state_after", "state_as_of"]

RowType = TypeVar("RowType", bound=Model)

MOMENTS = ("created_at", "updated_at", "deleted_at")
"""The columns that say when a row became what it is. Up to revision 0016 its entry has a later time."""


async def state_as_of(
    session: ReadSession, actor: Actor, model: type[RowType], row_id: UUID, moment: datetime
) -> RowType | None:
    """Return a row as it was at a moment, as a past row; None before it was created and after it was deleted for good.

    Columns that the database generates are not in the log, and None here.
    """
    held = [cast(col(AuditEntry.new_values)[name].astext, DateTime(timezone=True)) for name in MOMENTS]
    reached = func.least(col(AuditEntry.created_at), *held) <= moment
    then = await _load_state(session, actor, model, row_id, reached)
    return None if then is None else past_row_class(model).of(then)  # type: ignore[return-value]  # a row is typed as its model


async def state_after(
    session: ReadSession, actor: Actor, model: type[RowType], row_id: UUID, entry_id: UUID
) -> RowType | None:
    """Return a row as an audit entry left it; None if the entry is about another row, or its values were redacted."""
    return await _load_state(session, actor, model, row_id, col(AuditEntry.id) == entry_id)


async def redact(session: WriteSession, model: type[Model], row_id: UUID) -> int:
    """Forget what the log says of a row that was deleted for good, values and salt; says of how many entries.

    That it was forgotten becomes an entry of its own, and the chain of the feed still verifies. Whether the actor may
    is the caller's care. A row that is still there raises, since no caller does that.
    """
    table = table_of(model).name
    return int((await session.exec(select(func.atrium_forget(table, row_id)))).scalar_one())


async def _load_state(
    session: ReadSession, actor: Actor, model: type[RowType], row_id: UUID, reached: ColumnElement[bool]
) -> RowType | None:
    """Return the row at the highest version of the entries that meet a condition."""
    values = col(AuditEntry.new_values)
    theirs = and_(
        col(AuditEntry.tenant_id) == actor.identity.tenant_id,
        col(AuditEntry.row_id) == row_id,
        col(AuditEntry.table_name) == table_of(model).name,
        values.is_not(None),
    )
    # Which entry has the say on which column is found without carrying what they hold, which may be long.
    known = select(
        col(AuditEntry.id),
        cast(values["version"].astext, Integer).label("version"),
        func.jsonb_object_keys(values, type_=Text()).label("key"),
        reached.label("reached"),
    )
    entries = known.where(theirs).cte("entries").prefix_with("MATERIALIZED")
    highest = select(func.max(entries.c.version)).where(entries.c.reached).scalar_subquery()
    newest = (
        select(entries.c.id, entries.c.key)
        .ext(distinct_on(entries.c.key))
        .where(entries.c.version <= highest)
        .order_by(entries.c.key, entries.c.version.desc())
        .subquery("newest")
    )
    held = select(newest.c.key, values[newest.c.key].astext).join(newest, newest.c.id == col(AuditEntry.id))
    found = dict(map(tuple, await session.exec(held.where(theirs))))
    return _build_row(model, found) if found else None


def _build_row(model: type[RowType], found: dict[str, Any]) -> RowType:
    columns = table_of(model).c
    values = {name: _parse_value(columns[name].type, text) for name, text in found.items() if name in columns}
    return row_class(model).of(values.get(column.name) for column in columns)  # type: ignore[return-value]  # see fetch


def _parse_value(type_: Any, text: str | None) -> Any:
    """Parse a column's value from its text in the audit log."""
    if text is None or isinstance(type_, Text):
        return text
    if isinstance(type_, ARRAY):
        return [_parse_value(type_.item_type, each) for each in json.loads(text)]
    kinds: dict[type, Any] = {datetime: datetime.fromisoformat, UUID: UUID, int: int, bool: "true".__eq__}
    return kinds[type_.python_type](text)
