"""The rules of projects: what a tenant's tasks and documents are grouped by."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Select, bindparam, select
from sqlmodel import col

from models import Project
from models.base import CHANGE_TIME, table_of
from models.database import WriteSession
from services.abilities import Ability
from services.permissions import TENANT_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, substring_filter
from services.validation import validating
from services.writes.changes import Reference
from services.writes.contents import share_change_time, update_contents
from services.writes.idempotency import key_scope, once
from services.writes.row_update import RowUpdate, apply_update
from services.writes.rows import get_row, get_row_for_update, insert_row, lock_rows, update_row

__all__ = [
    "LIVE_PROJECT",
    "PROJECTS",
    "archive",
    "archive_command",
    "create",
    "delete",
    "lock_existing",
    "lock_live",
    "restore",
    "update",
    "update_command",
    "visible",
]

MAX_NAME_LENGTH = 200

LIVE = col(Project.is_deleted).is_(False)


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all of the tenant's projects, including the trash."""
    require_permission(permissions, Permission.PROJECTS_READ)
    return select(*table_of(Project).c).where(col(Project.tenant_id) == TENANT_ID)


def _with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """Filters as they are without being told otherwise: what is in the trash is listed archived or not."""
    defaults = {"deleted": False} if given.get("deleted") else {"deleted": False, "archived": False}
    return {**defaults, **given}


PROJECTS = Collection(
    model=Project,
    visible=visible,
    filters={
        "text": substring_filter("projects_text", col(Project.id)),
        "archived": col(Project.is_archived) == bindparam("archived", type_=Boolean()),
        "deleted": col(Project.is_deleted) == bindparam("deleted", type_=Boolean()),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Project.created_at)),
        "updated_at": SortOrder.newest_first(col(Project.updated_at)),
        "name": SortOrder.by(col(Project.name_key)),
    },
    default_order=("created_at", True),
    normalize_filters=_with_defaults,
    reachable=LIVE,
    abilities={
        "update": Ability.by(Permission.PROJECTS_WRITE, LIVE),
        "archive": Ability.by(Permission.PROJECTS_WRITE, LIVE),
        "delete": Ability.by(Permission.PROJECTS_WRITE, LIVE),
        "restore": Ability.by(Permission.PROJECTS_WRITE, ~LIVE),
    },
)


async def create(session: WriteSession, actor: Actor, *, name: str, idempotency_key: str | None = None) -> Project:
    """Start a project.

    Raises:
        InvalidInput: the name is empty or longer than 200 characters.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.PROJECTS_WRITE)
    with validating() as validator:
        name = validator.check_line("name", name, max_length=MAX_NAME_LENGTH)

    async def make() -> UUID:
        return (await insert_row(session, actor, Project, {"name": name})).id

    project_id = await once(session, actor, key_scope("create", Project), idempotency_key, {"name": name}, make)
    return await get_row(session, actor, Project, project_id)


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, name: str, expected_version: int | None = None
) -> Project:
    """Give a project another name.

    Raises:
        NotFound: no such project, or it is in the trash.
        InvalidInput: the name is empty or longer than 200 characters.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.PROJECTS_WRITE)
    return await apply_update(
        session, actor, update_command(actor, id=id, name=name, expected_version=expected_version)
    )


def update_command(actor: Actor, *, id: UUID, name: str, expected_version: int | None = None) -> RowUpdate[Project]:
    """Return the row update that `update` comes down to.

    Raises:
        InvalidInput: as in `update`.
    """
    actor.require(Permission.PROJECTS_WRITE)
    with validating() as validator:
        name = validator.check_line("name", name, max_length=MAX_NAME_LENGTH)
    return RowUpdate(Project, id, {"name": name}, expected_version, LIVE)


async def archive(
    session: WriteSession, actor: Actor, *, id: UUID, archived: bool, expected_version: int | None = None
) -> Project:
    """Take a project out of the default lists, or put it back. Its tasks and documents stay as they are.

    One that is archived already keeps the moment.

    Raises:
        NotFound: no such project, or it is in the trash.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.PROJECTS_WRITE)
    return await apply_update(
        session, actor, archive_command(actor, id=id, archived=archived, expected_version=expected_version)
    )


def archive_command(
    actor: Actor, *, id: UUID, archived: bool, expected_version: int | None = None
) -> RowUpdate[Project]:
    """Return the row update that `archive` comes down to."""
    actor.require(Permission.PROJECTS_WRITE)
    already = col(Project.archived_at).is_not(None) if archived else None
    return RowUpdate(Project, id, {"archived_at": CHANGE_TIME if archived else None}, expected_version, LIVE, already)


async def lock_existing(session: WriteSession, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Project]:
    """Return those of some projects that exist, in the trash too; they stay as they are for this transaction."""
    actor.require(Permission.PROJECTS_READ)
    return await lock_rows(session, actor, Project, set(ids), shared=True)


LIVE_PROJECT = Reference(
    lock_existing, lambda project: not project.is_deleted, "id", "There is no such project.", lock_order=1
)


async def lock_live(session: WriteSession, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Project]:
    """Return those of some projects that are not in the trash, kept in place until the transaction ends."""
    actor.require(Permission.PROJECTS_READ)
    return await lock_rows(session, actor, Project, set(ids), where=LIVE, shared=True)


async def delete(session: WriteSession, actor: Actor, *, id: UUID, expected_version: int | None = None) -> Project:
    """Move a project and all that it contains, such as tasks and documents, to the trash, as one set.

    One that is there already stays as it is, whatever version is expected.

    Raises:
        NotFound: no such project.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.PROJECTS_WRITE)
    project = await get_row_for_update(session, actor, Project, id)
    if project.is_deleted:
        return project
    await share_change_time(session, actor, Project, project)
    changes = {"deleted_at": CHANGE_TIME, "deleted_by": actor.identity.user_id}
    project = await update_row(session, actor, Project, id, changes, expected_version=expected_version)
    await update_contents(session, actor, Project, id, None, changes)
    return project


async def restore(session: WriteSession, actor: Actor, *, id: UUID) -> Project:
    """Restore a project from the trash, with all that went there with it. A live one stays as it is.

    Raises:
        NotFound: no such project.
    """
    actor.require(Permission.PROJECTS_WRITE)
    project = await get_row_for_update(session, actor, Project, id)
    if not project.is_deleted:
        return project
    await share_change_time(session, actor, Project, project)
    changes = {"deleted_at": None, "deleted_by": None}
    await update_contents(session, actor, Project, id, project.deleted_at, changes)
    return await update_row(session, actor, Project, id, changes)
