"""Writing one row: insert, update with an expected version, delete; and locking rows that are about to matter."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from models import Tenant
from models.base import Model, table_of
from models.database import WriteSession, fetch, recheck_live
from services.errors import AlreadyExists, NotFound, VersionConflict
from services.permissions import Actor

__all__ = [
    "delete_row",
    "differs",
    "get_row",
    "get_row_for_update",
    "insert_row",
    "lock_rows",
    "lock_tenant",
    "lock_tenant_row",
    "set_change_time",
    "unique_violation_as",
    "update_row",
    "update_where",
    "violated_constraint",
]

RowType = TypeVar("RowType", bound=Model)


async def insert_row(session: WriteSession, actor: Actor, model: type[RowType], values: Mapping[str, Any]) -> RowType:
    """Insert a row into the actor's tenant; give it as the database holds it."""
    statement = insert(model).values(
        **model(**values, tenant_id=actor.identity.tenant_id).model_dump(exclude=_computed_columns(model))
    )
    return (await fetch(session, model, statement.returning(*table_of(model).c)))[0]


async def update_row(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None = None,
    where: ColumnElement[bool] | None = None,
    unless: ColumnElement[bool] | None = None,
) -> RowType:
    """Change a row of the actor's tenant; give it as it is now. What is so already, or `unless` holds, changes nothing.

    Raises:
        NotFound: no such row, or `where` does not hold for it.
        VersionConflict: it is not at the expected version.
    """
    return await update_where(
        session, model, _row_condition(actor, model, row_id, where), changes, expected_version, unless
    )


async def update_where(
    session: WriteSession,
    model: type[RowType],
    which: ColumnElement[bool],
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    unless: ColumnElement[bool] | None = None,
) -> RowType:
    """Change the one row for which a condition holds; give it as it is now.

    What is so already changes nothing: no version, no entry in the audit log, no event. Nor does a row change for which
    `unless` holds, or without changes.

    Raises:
        NotFound: no such row.
        VersionConflict: it is not at the expected version.
    """
    columns = table_of(model).c
    if changes:
        condition = and_(which, differs(columns, changes))
        if expected_version is not None:
            condition = and_(condition, columns.version == expected_version)
        if unless is not None:
            condition = and_(condition, not_(unless))
        rows = await fetch(session, model, update(model).where(condition).values(**changes).returning(*columns))
        if rows:
            return rows[0]
    rows = await fetch(session, model, select(*columns).where(which))
    return _require_one_at_version(model, rows, expected_version)


def differs(columns: Any, changes: Mapping[str, Any]) -> ColumnElement[bool]:
    """The condition under which changes of these columns change anything."""
    return or_(*(columns[name].is_distinct_from(value) for name, value in changes.items()))


@asynccontextmanager
async def unique_violation_as(fields: Mapping[str, str]) -> AsyncIterator[None]:
    """Turn a broken unique constraint into a refusal; `fields` says which field each constraint is about.

    Raises:
        AlreadyExists: the field's value is taken.
    """
    try:
        yield
    except IntegrityError as error:
        constraint = violated_constraint(error)
        if constraint not in fields:
            raise
        raise AlreadyExists(fields[constraint]) from None


def violated_constraint(error: IntegrityError) -> str:
    """Return the name of the constraint that a statement violated."""
    return str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", ""))


async def delete_row(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_id: UUID,
    *,
    where: ColumnElement[bool] | None = None,
) -> RowType:
    """Delete a row of the actor's tenant for good; give it as it was.

    Raises:
        NotFound: no such row, or `where` does not hold for it.
    """
    statement = delete(model).where(_row_condition(actor, model, row_id, where)).returning(*table_of(model).c)
    rows = await fetch(session, model, statement)
    if not rows:
        raise NotFound
    return rows[0]


async def get_row(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_id: UUID,
    *,
    expected_version: int | None = None,
    where: ColumnElement[bool] | None = None,
) -> RowType:
    """Read a row of the actor's tenant.

    Raises:
        NotFound: no such row, or `where` does not hold for it.
        VersionConflict: it is not at the expected version.
    """
    return await update_where(session, model, _row_condition(actor, model, row_id, where), {}, expected_version)


async def lock_rows(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_ids: Collection[UUID],
    *,
    where: ColumnElement[bool] | None = None,
    shared: bool = False,
) -> dict[UUID, RowType]:
    """Read rows of the actor's tenant, by their ids, and keep them from changing until the transaction ends.

    They are locked in the order of their ids, so that no two transactions wait for each other.

    Args:
        session: the transaction.
        actor: whose tenant's.
        model: what they are.
        row_ids: their ids; those of which there is no such row are left out of the answer.
        where: what else must hold for them.
        shared: whether others may lock them too, as for rows that are merely pointed at.
    """
    if not row_ids:
        return {}
    columns = table_of(model).c
    these = and_(
        columns.tenant_id == actor.identity.tenant_id,
        columns.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))),
        *(() if where is None else (where,)),
    )
    statement = select(*columns).where(these).order_by(columns.id).with_for_update(read=shared, key_share=not shared)
    rows = await fetch(session, model, statement, {"ids": list(row_ids)})
    return {row.id: row for row in rows}  # type: ignore[attr-defined]  # whatever has a tenant has an id


async def get_row_for_update(
    session: WriteSession,
    actor: Actor,
    model: type[RowType],
    row_id: UUID,
    *,
    expected_version: int | None = None,
    where: ColumnElement[bool] | None = None,
) -> RowType:
    """Read one row of the actor's tenant, and keep it from changing until the transaction ends.

    Raises:
        NotFound: no such row, or `where` does not hold for it.
        VersionConflict: it is not at the expected version.
    """
    rows = await lock_rows(session, actor, model, [row_id], where=where)
    return _require_one_at_version(model, list(rows.values()), expected_version)


async def set_change_time(session: WriteSession, last: ColumnElement[Any]) -> None:
    """Have all rows that this transaction changes from here on change at one moment, later than their last.

    Args:
        session: the transaction.
        last: the latest moment of those rows, which are locked.
    """
    await session.exec(select(func.set_config("app.change_time", cast(func.atrium_change_time(last), Text), true())))


async def lock_tenant(session: WriteSession, actor: Actor) -> None:
    """Wait for whoever else is changing who belongs to the actor's tenant, and keep others waiting.

    Whoever waited may have been removed or demoted meanwhile, so the actor is checked again.

    Raises:
        SessionNotLive: the actor is no longer authorized, or no longer in their role.
    """
    assert actor.identity.tenant_id is not None, "the permission is of a tenant"
    await lock_tenant_row(session, actor.identity.tenant_id)
    await recheck_live(session, actor.identity)


async def lock_tenant_row(session: WriteSession, tenant_id: UUID) -> None:
    """Lock a tenant's row until the transaction ends; who belongs to it, or is invited, is changed under this lock."""
    tenant = select(col(Tenant.id)).where(col(Tenant.id) == tenant_id)
    await session.exec(tenant.with_for_update(key_share=True))


def _require_one_at_version(model: type[RowType], rows: Sequence[RowType], expected_version: int | None) -> RowType:
    if not rows:
        raise NotFound
    version = getattr(rows[0], "version", 0)
    if expected_version is not None and version != expected_version:
        raise VersionConflict(model, rows[0].id, version)  # type: ignore[attr-defined]  # every versioned row has one
    return rows[0]


def _computed_columns(model: type[Model]) -> set[str]:
    """Return the columns that the database computes."""
    return {column.name for column in table_of(model).c if column.computed is not None}


def _row_condition(
    actor: Actor, model: type[Model], row_id: UUID, where: ColumnElement[bool] | None
) -> ColumnElement[bool]:
    columns = table_of(model).c
    condition = and_(columns.tenant_id == actor.identity.tenant_id, columns.id == row_id)
    return condition if where is None else and_(condition, where)
