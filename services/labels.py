"""The rules of labels: what tasks are sorted by, besides projects."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, TypedDict
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, and_, bindparam, func, literal, select
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import array
from sqlmodel import col

from models import Label, LabelColor, Task
from models.base import table_of
from models.database import WriteSession
from services.abilities import Ability
from services.permissions import TENANT_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder
from services.queries.filters import choice_filter, scalar_filter, text_filter
from services.writes.changes import OneLine, Reference, WriteRules, change_row, create_row, row_update_of
from services.writes.row_update import RowUpdate
from services.writes.rows import delete_row, lock_rows

__all__ = [
    "EXISTING_LABEL",
    "LABELS",
    "LabelChanges",
    "create",
    "delete",
    "lock_existing",
    "update",
    "update_command",
    "visible",
]


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all labels of the tenant."""
    require_permission(permissions, Permission.LABELS_READ)
    return select(*table_of(Label).c).where(col(Label.tenant_id) == TENANT_ID)


def _is_of_task(task_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for the labels of a task."""
    theirs = select(func.unnest(col(Task.label_ids))).where(col(Task.tenant_id) == TENANT_ID, col(Task.id) == task_id)
    return col(Label.id).in_(theirs.correlate_except(table_of(Task)))


LABELS = Collection(
    model=Label,
    visible=visible,
    filters={
        "name": text_filter(col(Label.name_key)),
        "color": choice_filter(col(Label.color), LabelColor, is_indexed=False),
        "created_at": scalar_filter(col(Label.created_at)),
        "updated_at": scalar_filter(col(Label.updated_at)),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Label.created_at)),
        "updated_at": SortOrder.newest_first(col(Label.updated_at)),
        "name": SortOrder.by(col(Label.name_key)),
    },
    default_order=("name", False),
    abilities={"update": Ability.by(Permission.LABELS_WRITE), "delete": Ability.by(Permission.LABELS_WRITE)},
    join_conditions={"task_id": _is_of_task},
)


class LabelChanges(TypedDict, total=False):
    """Fields that a create or an update gives; what is absent stays as it is."""

    name: Annotated[str, OneLine(50)]
    color: LabelColor


LABEL_RULES = WriteRules(
    Label, LabelChanges, unique={"labels_tenant_id_name_key_key": "name"}, defaults={"color": LabelColor.GRAY}
)


async def create(
    session: WriteSession, actor: Actor, *, values: LabelChanges, idempotency_key: str | None = None
) -> Label:
    """Create a label; `name` is required."""
    actor.require(Permission.LABELS_WRITE)
    return await create_row(session, actor, LABEL_RULES, values, idempotency_key)


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, changes: LabelChanges, expected_version: int | None = None
) -> Label:
    """Change a label; what is absent from the changes stays as it is."""
    actor.require(Permission.LABELS_WRITE)
    return await change_row(session, actor, LABEL_RULES, id, changes, expected_version)


def update_command(
    actor: Actor, *, id: UUID, changes: LabelChanges, expected_version: int | None = None
) -> RowUpdate[Label] | None:
    """Return the row update that `update` comes down to; None if a row that is pointed at has to be looked up."""
    actor.require(Permission.LABELS_WRITE)
    return row_update_of(LABEL_RULES, id, changes, expected_version)


async def delete(session: WriteSession, actor: Actor, *, id: UUID) -> Label:
    """Delete a label for good, and take it off all tasks, also those in the trash; give it as it was.

    Raises:
        NotFound: no such label.
    """
    actor.require(Permission.LABELS_WRITE)
    label = await delete_row(session, actor, Label, id)
    has_label = col(Task.label_ids).op("@>", is_comparison=True)(array([literal(id, Uuid())]))
    holders = and_(col(Task.tenant_id) == actor.identity.tenant_id, has_label)
    locked = select(col(Task.id)).where(holders).order_by(col(Task.id)).with_for_update(key_share=True)
    ids = list((await session.exec(locked)).scalars())
    if ids:
        these = and_(
            col(Task.tenant_id) == actor.identity.tenant_id,
            col(Task.id) == func.any(bindparam("task_ids", type_=ARRAY(Uuid()))),
        )
        without = func.array_remove(col(Task.label_ids), literal(id, Uuid()), type_=ARRAY(Uuid()))
        await session.exec(sql_update(Task).where(these).values(label_ids=without), params={"task_ids": ids})
    return label


async def lock_existing(session: WriteSession, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Label]:
    """Return those of some labels that exist; they stay for this transaction."""
    actor.require(Permission.LABELS_READ)
    return await lock_rows(session, actor, Label, set(ids), shared=True)


EXISTING_LABEL = Reference(lock_existing, lambda _label: True, "id", "There is no such label.", lock_order=3)
