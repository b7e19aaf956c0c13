"""Writing one row: insert, update with an expected version, delete; and locking rows that are about to matter."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.base import Model, table_of
from models.database import WriteSession, fetch
from services.errors import AlreadyExists, NotFound, VersionConflict
from services.permissions import Actor

__all__ = ["broken_constraint", "changed", "found", "held", "inserted", "locked", "removed", "taken", "updated"]

RowType = TypeVar("RowType", bound=Model)


async def inserted(session: WriteSession, actor: Actor, model: type[RowType], values: Mapping[str, Any]) -> RowType:
    """Insert a row into the actor's tenant; give it as the database holds it."""
    statement = insert(model).values(
        **model(**values, tenant_id=actor.identity.tenant_id).model_dump(exclude=_kept(model))
    )
    return (await fetch(session, model, statement.returning(*table_of(model).c)))[0]


async def updated(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None = None,
    only: ColumnElement[bool] | None = None,
) -> RowType:
    """Change a row of the actor's tenant; give it as it is now. Without changes it is only read.

    Raises:
        NotFound: no such row, or `only` does not hold for it.
        VersionConflict: it is not at the expected version.
    """
    return await changed(session, model, _is(actor, model, row_id, only), changes, expected_version)


async def changed(
    session: WriteSession,
    model: type[RowType],
    which: ColumnElement[bool],
    changes: Mapping[str, Any],
    expected_version: int | None = None,
) -> RowType:
    """Change the one row for which a condition holds; give it as it is now. Without changes it is only read.

    Raises:
        NotFound: no such row.
        VersionConflict: it is not at the expected version.
    """
    columns = table_of(model).c
    if changes:
        condition = which if expected_version is None else and_(which, columns.version == expected_version)
        rows = await fetch(session, model, update(model).where(condition).values(**changes).returning(*columns))
        if rows:
            return rows[0]
    rows = await fetch(session, model, select(*columns).where(which))
    return _expected(model, rows, expected_version)


@asynccontextmanager
async def taken(fields: Mapping[str, str]) -> AsyncIterator[None]:
    """Turn a broken unique constraint into a refusal; `fields` says which field each constraint is about.

    Raises:
        AlreadyExists: the field's value is taken.
    """
    try:
        yield
    except IntegrityError as error:
        constraint = broken_constraint(error)
        if constraint not in fields:
            raise
        raise AlreadyExists(fields[constraint]) from None


def broken_constraint(error: IntegrityError) -> str:
    """The name of the constraint that a statement broke."""
    return str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", ""))


async def removed(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_id: UUID,
    *,
    only: ColumnElement[bool] | None = None,
) -> RowType:
    """Delete a row of the actor's tenant for good; give it as it was.

    Raises:
        NotFound: no such row, or `only` does not hold for it.
    """
    statement = delete(model).where(_is(actor, model, row_id, only)).returning(*table_of(model).c)
    rows = await fetch(session, model, statement)
    if not rows:
        raise NotFound
    return rows[0]


async def found(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_id: UUID,
    *,
    expected_version: int | None = None,
    only: ColumnElement[bool] | None = None,
) -> RowType:
    """Read a row of the actor's tenant.

    Raises:
        NotFound: no such row, or `only` does not hold for it.
        VersionConflict: it is not at the expected version.
    """
    return await changed(session, model, _is(actor, model, row_id, only), {}, expected_version)


async def locked(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_ids: Collection[UUID],
    *,
    only: ColumnElement[bool] | None = None,
    shared: bool = False,
) -> dict[UUID, RowType]:
    """Read rows of the actor's tenant, by their ids, and keep them from changing until the transaction ends.

    They are locked in the order of their ids, so that no two transactions wait for each other.

    Args:
        session: the transaction.
        actor: whose tenant's.
        model: what they are.
        row_ids: their ids; those of which there is no such row are left out of the answer.
        only: what else must hold for them.
        shared: whether others may lock them too, as for rows that are merely pointed at.
    """
    if not row_ids:
        return {}
    columns = table_of(model).c
    these = and_(
        columns.tenant_id == actor.identity.tenant_id,
        columns.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))),
        *(() if only is None else (only,)),
    )
    statement = select(*columns).where(these).order_by(columns.id).with_for_update(read=shared, key_share=not shared)
    rows = await fetch(session, model, statement, {"ids": list(row_ids)})
    return {row.id: row for row in rows}  # type: ignore[attr-defined]  # whatever has a tenant has an id


async def held(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_id: UUID,
    *,
    expected_version: int | None = None,
    only: ColumnElement[bool] | None = None,
) -> RowType:
    """Read one row of the actor's tenant, and keep it from changing until the transaction ends.

    Raises:
        NotFound: no such row, or `only` does not hold for it.
        VersionConflict: it is not at the expected version.
    """
    rows = await locked(session, actor, model, [row_id], only=only)
    return _expected(model, list(rows.values()), expected_version)


def _expected(model: type[RowType], rows: Sequence[RowType], expected_version: int | None) -> RowType:
    if not rows:
        raise NotFound
    version = getattr(rows[0], "version", 0)
    if expected_version is not None and version != expected_version:
        raise VersionConflict(model, rows[0].id, version)  # type: ignore[attr-defined]  # every versioned row has one
    return rows[0]


def _kept(model: type[Model]) -> set[str]:
    """The columns that the database computes by itself."""
    return {column.name for column in table_of(model).c if column.computed is not None}


def _is(actor: Actor, model: type[Model], row_id: UUID, only: ColumnElement[bool] | None) -> ColumnElement[bool]:
    columns = table_of(model).c
    condition = and_(columns.tenant_id == actor.identity.tenant_id, columns.id == row_id)
    return condition if only is None else and_(condition, only)
