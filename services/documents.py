"""The rules of documents: texts that a tenant writes together, their trash, and their past.

A deleted document lies in the trash, where it can be restored or purged; everywhere else it does not exist. One that
went there with its project comes back with it. Brought back by itself while its project is in the trash, it comes back
without a project, since it could be seen nowhere otherwise.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Annotated, Any, TypedDict
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, bindparam, select
from sqlmodel import col

from models import Document
from models.base import CHANGE_TIME, table_of
from models.database import ReadSession, WriteSession, fetch
from services import projects, tenants
from services.errors import IllegalTransition, InvalidInput
from services.eventlog import row_history
from services.permissions import TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, related_row, related_rows
from services.queries.filters import id_filter, scalar_filter, substring_condition, text_filter, viewer_filter
from services.queries.loading import bind_values
from services.queries.statistics import Statistics
from services.tenants import member_filter
from services.validation import validating
from services.writes.changes import FreeText, OneLine, WriteRules, check_changes, create_row, lock_references
from services.writes.rows import (
    delete_row,
    get_row,
    get_row_for_update,
    unique_violation_as,
    update_row,
)

__all__ = [
    "ALL_DOCUMENTS",
    "DOCUMENTS",
    "DOCUMENT_STATISTICS",
    "TRASH",
    "DocumentChanges",
    "as_of",
    "create",
    "delete",
    "purge",
    "purge_old",
    "restore",
    "revert",
    "update",
    "visible",
]

LIVE = col(Document.deleted_at).is_(None)
UNIQUE_CONSTRAINTS = {"documents_title_key": "title"}
RESTORED = {"deleted_at": None, "deleted_by": None}


def visible_all(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all of the tenant's documents, including the trash."""
    require_permission(permissions, Permission.DOCUMENTS_READ)
    return select(*table_of(Document).c).where(col(Document.tenant_id) == TENANT_ID)


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenant's documents that are not in the trash."""
    require_permission(permissions, Permission.DOCUMENTS_READ)
    return visible_all(permissions).where(LIVE)


def visible_trash(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenant's documents that are in the trash."""
    require_permission(permissions, Permission.DOCUMENTS_READ)
    return visible_all(permissions).where(~LIVE)


_TITLE = text_filter(col(Document.title_key), contains=substring_condition("documents_text", col(Document.id)))
_FILTERS = {
    "title": _TITLE,
    "project_id": id_filter(col(Document.project_id)),
    "creator_id": member_filter(col(Document.created_by)),
    "mine": viewer_filter(col(Document.created_by) == USER_ID),
    "created_at": scalar_filter(col(Document.created_at)),
    "updated_at": scalar_filter(col(Document.updated_at)),
}

DOCUMENTS = Collection(
    model=Document,
    visible=visible,
    filters=_FILTERS,
    relations={
        "project": related_row(lambda: projects.PROJECTS, "project_id"),
        "creator": related_row(lambda: tenants.USERS, "created_by", "user_id"),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Document.created_at)),
        "updated_at": SortOrder.newest_first(col(Document.updated_at)),
        "title": SortOrder.by(col(Document.title_key)),
    },
    default_order=("created_at", True),
)

projects.PROJECTS.relations["documents"] = related_rows(lambda: DOCUMENTS, "project_id")

DOCUMENT_STATISTICS = Statistics(
    DOCUMENTS,
    keys={"project_id": col(Document.project_id), "creator_id": col(Document.created_by)},
    dates={"created_at": col(Document.created_at), "updated_at": col(Document.updated_at)},
)

TRASH = Collection(
    model=Document,
    visible=visible_trash,
    filters={
        "title": _TITLE,
        "deleted_by_id": member_filter(col(Document.deleted_by)),
        "deleted_at": scalar_filter(col(Document.deleted_at)),
    },
    orders={"deleted_at": SortOrder.newest_first(col(Document.deleted_at))},
    default_order=("deleted_at", True),
)

ALL_DOCUMENTS = Collection(
    model=Document, visible=visible_all, filters={}, orders=DOCUMENTS.orders, default_order=DOCUMENTS.default_order
)
"""Those in the trash too: what a history may be of."""


class DocumentChanges(TypedDict, total=False):
    """What an update says; what is absent stays as it is."""

    title: Annotated[str, OneLine(200)]
    content: Annotated[str, FreeText(100_000)]
    project_id: Annotated[UUID | None, projects.LIVE_PROJECT]


DOCUMENT_RULES = WriteRules(
    Document,
    DocumentChanges,
    where=LIVE,
    unique=UNIQUE_CONSTRAINTS,
    defaults={"content": ""},
    creator="created_by",
)


async def create(
    session: WriteSession, actor: Actor, *, values: DocumentChanges, idempotency_key: str | None = None
) -> Document:
    """Write a document; `title` is required, and unique among the live ones of its project, or of none.

    Raises:
        NotFound: the same call with the same key made a document that is no longer there.
        InvalidInput: a title that is empty or longer than 200 characters, a content longer than 100,000, an unknown
            or deleted project.
        AlreadyExists: the title is taken.
        IdempotencyConflict: see `services.writes.idempotency`.
    """
    actor.require(Permission.DOCUMENTS_WRITE)
    return await create_row(session, actor, DOCUMENT_RULES, values, idempotency_key)


async def update(
    session: WriteSession, actor: Actor, *, id: UUID, changes: DocumentChanges, expected_version: int | None = None
) -> Document:
    """Change a document; what is absent from the changes stays as it is. What changes nothing makes no new version.

    Raises:
        NotFound: no such document, or it is in the trash.
        InvalidInput, AlreadyExists: as in `create`.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.DOCUMENTS_WRITE)
    there = await lock_references(session, actor, DocumentChanges, [changes])
    document = await get_row_for_update(session, actor, Document, id, expected_version=expected_version, where=LIVE)
    with validating() as validator:
        columns = check_changes(validator, DocumentChanges, changes, there, document)
    return await _write(session, actor, document, columns)


async def revert(
    session: WriteSession, actor: Actor, *, id: UUID, to: UUID, expected_version: int | None = None
) -> Document:
    """Restore a document's values as an entry of its history left them, as a new version.

    Raises:
        NotFound: no such document, or it is in the trash.
        InvalidInput: the entry is not one of this document's.
        AlreadyExists: another one has the title by now.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.DOCUMENTS_WRITE)
    await get_row(session, actor, Document, id, where=LIVE)
    then = await row_history.state_after(session, actor, Document, id, to)
    if then is None:
        raise InvalidInput.of("to", "There is no such entry in the history of this document.")
    project_id = await _lock_live_project(session, actor, then.project_id)
    state = {"title": then.title, "content": then.content, "project_id": project_id}
    document = await get_row_for_update(session, actor, Document, id, expected_version=expected_version, where=LIVE)
    return await _write(session, actor, document, state)


async def delete(session: WriteSession, actor: Actor, *, id: UUID, expected_version: int | None = None) -> Document:
    """Move a document to the trash. One that is there already stays as it is, whatever version is expected.

    Raises:
        NotFound: no such document.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.DOCUMENTS_WRITE)
    document = await get_row_for_update(session, actor, Document, id)
    if document.deleted_at is not None:
        return document
    changes = {"deleted_at": CHANGE_TIME, "deleted_by": actor.identity.user_id}
    return await update_row(session, actor, Document, id, changes, expected_version=expected_version)


async def restore(session: WriteSession, actor: Actor, *, id: UUID) -> Document:
    """Restore a document from the trash. A live one stays as it is; a project in the trash is not restored with it.

    Raises:
        NotFound: no such document.
        AlreadyExists: another one has its title by now.
    """
    actor.require(Permission.DOCUMENTS_WRITE)
    before = await get_row(session, actor, Document, id)
    await _lock_live_project(session, actor, before.project_id)  # first, as whoever moves the project begins with it
    document = await get_row_for_update(session, actor, Document, id)
    if document.deleted_at is None:
        return document
    project_id = await _lock_live_project(session, actor, document.project_id)
    async with unique_violation_as(UNIQUE_CONSTRAINTS):
        return await update_row(session, actor, Document, id, {**RESTORED, "project_id": project_id})


async def purge(session: WriteSession, actor: Actor, *, id: UUID) -> Document:
    """Delete a document that is in the trash for good, with all that the audit log holds of it; give it as it was.

    Raises:
        NotFound: no such document.
        IllegalTransition: it is not in the trash.
    """
    actor.require(Permission.DOCUMENTS_PURGE)
    document = await get_row_for_update(session, actor, Document, id)
    if document.deleted_at is None:
        raise IllegalTransition("Only what is in the trash can be purged.", current="LIVE", allowed=["TRASHED"])
    purged = await delete_row(session, actor, Document, id)
    await row_history.redact(session, Document, id)
    return purged


async def purge_old(session: WriteSession, tenant_id: UUID, *, before: datetime, limit: int) -> int:
    """Purge documents that went to the trash before a moment, at most `limit`; return how many.

    The session is one of the operator's, inside the tenant.
    """
    columns = table_of(Document).c
    old = and_(columns.tenant_id == tenant_id, columns.deleted_at < before)
    some = select(columns.id).where(old).order_by(columns.deleted_at, columns.id).limit(limit)
    gone = table_of(Document).delete().where(columns.tenant_id == tenant_id, columns.id.in_(some.with_for_update()))
    purged = await fetch(session, Document, gone.returning(*columns))
    for document in purged:
        await row_history.redact(session, Document, document.id)
    return len(purged)


async def as_of(session: ReadSession, actor: Actor, *, id: UUID, moment: datetime) -> Document | None:
    """Return the document as it was at a moment, by the audit log, as a past row; even if it is in the trash now.

    None before it was made, while it was in the trash, and once it was purged.
    """
    rows = visible_all(actor.permissions)
    mine = rows.where(col(Document.id) == bindparam("document_id", type_=Uuid()))
    if not await fetch(session, Document, mine, {**bind_values(actor), "document_id": id}):
        return None
    then = await row_history.state_as_of(session, actor, Document, id, moment)
    return then if then is not None and then.deleted_at is None else None


async def _write(session: WriteSession, actor: Actor, document: Document, values: dict[str, Any]) -> Document:
    """Write what differs."""
    changes = {name: value for name, value in values.items() if getattr(document, name) != value}
    async with unique_violation_as(UNIQUE_CONSTRAINTS):
        return await update_row(session, actor, Document, document.id, changes)


async def _lock_live_project(session: WriteSession, actor: Actor, project_id: UUID | None) -> UUID | None:
    """Lock a project until the transaction ends; return None if it is gone or in the trash."""
    return project_id if await projects.lock_live(session, actor, [project_id] if project_id else []) else None
