"""Positions of rows that people put in order: texts between which there is always room for another one.

A position is made by the database (`atrium_rank_between`); `tasks` are the rows that have one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.visitors import replacement_traverse

from models.base import Model, table_of
from models.database import WriteSession
from models.database.errors import TransactionConflict
from services.permissions import Actor
from services.writes.rows import violated_constraint

__all__ = ["find_place", "retry_on_same_position"]


async def find_place(
    session: WriteSession,
    actor: Actor,
    model: type[Model],
    row_id: UUID,
    beside: UUID,
    *,
    is_after: bool,
    where: ColumnElement[bool],
) -> tuple[str | None, str | None, str | None]:
    """Return the positions between which a row goes, None at an end, and one between them; None without a neighbor.

    Args:
        session: of the transaction.
        actor: whose tenant it is.
        model: of the rows that have positions.
        row_id: the id of the row to place.
        beside: the id of the row beside which it goes.
        is_after: whether it goes behind that one, or before it.
        where: what must hold for the row beside which it goes; others, such as those in the trash, have positions too.
    """
    table = table_of(model)
    anchor, near = table.alias("anchor"), table.alias("near")
    others = select(near.c.position).where(near.c.tenant_id == anchor.c.tenant_id, near.c.id != row_id)
    if is_after:
        ordered = others.where(near.c.position > anchor.c.position).order_by(near.c.position)
    else:
        ordered = others.where(near.c.position < anchor.c.position).order_by(near.c.position.desc())
    neighbor = ordered.limit(1).scalar_subquery()
    lower, higher = (anchor.c.position, neighbor) if is_after else (neighbor, anchor.c.position)

    def of_anchor(element: Any, **_options: Any) -> Any:
        return anchor.c[element.key] if getattr(element, "table", None) is table else None

    statement = select(lower, higher, func.atrium_rank_between(lower, higher)).where(
        anchor.c.tenant_id == actor.identity.tenant_id,
        anchor.c.id == beside,
        replacement_traverse(where, {}, of_anchor),
    )
    found = (await session.exec(statement)).first()
    return (None, None, None) if found is None else (found[0], found[1], found[2])


@asynccontextmanager
async def retry_on_same_position(model: type[Model]) -> AsyncIterator[None]:
    """Have the transaction run again if another one has placed a row at the same position meanwhile.

    Raises:
        TransactionConflict: it has.
    """
    try:
        yield
    except IntegrityError as error:
        if violated_constraint(error) != f"{table_of(model).name}_tenant_id_position_key":
            raise
        raise TransactionConflict from error
