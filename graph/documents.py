"""Documents in GraphQL, with their trash and their past."""

from collections.abc import AsyncGenerator
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import audit, subscriptions
from graph.fields.as_of import by_id_as_of
from graph.fields.columns import column
from graph.fields.connection import Connection
from graph.fields.descriptions import input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import (
    AlreadyExists,
    IdempotencyConflict,
    IllegalTransition,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from graph.fields.filtering import filter_input
from graph.fields.inputs import create_kwargs, id_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_many, to_one
from graph.fields.sorting import order_input
from graph.fields.statistics import statistics_field
from graph.runtime.context import Info
from models.database import WriteSession
from services import documents
from services.documents import DOCUMENT_STATISTICS, TRASH
from services.permissions import Actor, Permission

if TYPE_CHECKING:
    from graph.projects import Project
    from graph.tenants import User

__all__ = [
    "DOMAIN",
    "Document",
    "DocumentChange",
    "DocumentFilter",
    "DocumentOrder",
    "Queries",
    "Subscriptions",
    "TrashFilter",
    "TrashOrder",
]


DocumentFilter = filter_input(
    documents.DOCUMENTS,
    ids={"project_id": "Project", "creator_id": "User"},
    related={"project": ("ProjectFilter", "graph.projects"), "creator": ("UserFilter", "graph.tenants")},
    mine="that the viewer created",
)
DocumentOrder = order_input(documents.DOCUMENTS)


@backed_by(documents.DOCUMENTS, filter=DocumentFilter, order=DocumentOrder)
class Document(Node):
    """A document of the tenant, a text that all members can read and change.

    After deletion a document stays in the trash until it is restored or purged, and appears only in the query `trash`.
    """

    title: str
    """Title of the document, 1 to 200 characters; unique among the documents of the same project, or of no project,
    that are not in the trash."""
    content: str
    """Content of the document, at most 100,000 characters."""
    project: Annotated["Project", strawberry.lazy("graph.projects")] | None = to_one("project_id")
    """Project that the document belongs to; null if none, or if the project is in the trash."""
    creator: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("created_by", key="user_id")
    """Member who created the document, even if they have since left the tenant."""
    created_at: datetime
    updated_at: datetime
    """Date and time the document was last changed (UTC)."""
    version: int
    deleted_at: datetime | None
    """Date and time the document was moved to the trash (UTC); null if the document is not in the trash."""
    deleted_by: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("deleted_by", key="user_id")
    """Member who moved the document, or its project, to the trash; null if the document is not in the trash."""
    history: Connection[audit.AuditEntry] = to_many("row_id")
    """Audit entries of the document, newest first by default; `revertDocument` restores the state of the document after
    one of them."""


TrashFilter = filter_input(
    TRASH,
    name="Trash",
    plural="documents in the trash",
    ids={"deleted_by_id": "User"},
    deleted_by_id="member who moved them there",
    deleted_at="date and time of the move to the trash",
)
TrashOrder = order_input(
    TRASH,
    name="Trash",
    plural="documents in the trash",
    default="most recently deleted first",
    deleted_at="the date and time they were moved to the trash",
)


@object_type
class DocumentStatsGroupKey:
    """What the documents of one group in statistics have in common."""

    project: Annotated["Project", strawberry.lazy("graph.projects")] | None = to_one("project_id")
    """Project of the documents of the group; null if none, or if they are not grouped by it."""
    creator: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("creator_id", key="user_id")
    """User who created the documents of the group; null if they are not grouped by it."""


@object_type
class DocumentStatsGroup:
    """A group of documents in statistics."""

    key: DocumentStatsGroupKey
    """What the documents of this group have in common."""
    period: date | None = column()
    """First day of the period of these documents; null if they are not grouped by periods, or have no such date."""
    count: int = column()
    """Number of documents in this group, 1 or more."""


@object_type
class DocumentStats:
    """Statistics of documents."""

    total_count: int
    """Number of documents in all groups."""
    groups: list[DocumentStatsGroup]
    """Groups of documents, by period and then by what they have in common; what no row is in is left out."""


@object_type
class Queries:
    """Documents at the root."""

    document: Document | None = by_id_as_of("Document", documents.as_of)
    """Document by its global ID; null if there is no such document or it is in the trash. With `asOf`, null if the
    document did not exist or was in the trash at that time, or has been purged since."""
    documents: Connection[Document] = connection()
    """Documents of the tenant that are not in the trash, newest first by default."""
    trash: Connection[Document] = connection(TRASH, filter=TrashFilter, order=TrashOrder)
    """Documents of the tenant that are in the trash, most recently deleted first by default."""
    document_stats: DocumentStats = statistics_field(DOCUMENT_STATISTICS, filter=DocumentFilter)
    """Numbers of documents by group: of the documents that the list `documents` holds with the same filter."""


@object_type
class DocumentChange(subscriptions.Change):
    """A change of one document of the tenant, sent to subscribers of `documentChanged` when it happens."""

    document_id: strawberry.ID
    """Global ID of the changed document."""
    document: Document | None
    """Document in its current state; null if the document is in the trash or has been purged."""


def _document_changed(
    info: Info, after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET
) -> AsyncGenerator[DocumentChange, None]:
    """Changes of the documents of the tenant: each is delivered once and in order, from now on or after a cursor."""
    return subscriptions.follow_changes(
        info, DocumentChange, "document", Permission.DOCUMENTS_READ, documents.DOCUMENTS, after or None
    )


@object_type
class Subscriptions:
    """Documents, live."""

    document_changed: AsyncGenerator[DocumentChange, None] = strawberry.subscription(
        resolver=_document_changed, description=_document_changed.__doc__
    )


@input_type
class CreateDocumentInput:
    """Fields of the document to create."""

    title: str
    """Title of the document to create, 1 to 200 characters; unique among the documents of the same project, or of no
    project, that are not in the trash."""
    content: str = ""
    """Content of the document to create, at most 100,000 characters; stored exactly as given, empty if omitted."""
    project_id: strawberry.ID | None = id_of("Project", default=UNSET)
    """Global ID of the project that the document belongs to; must not be in the trash. Null for a document without a
    project."""
    idempotency_key: str | None = UNSET


@input_type
class UpdateDocumentInput:
    """Input of `updateDocument`: fields of the document to update; fields left out stay as they are."""

    id: strawberry.ID = id_of("Document")
    title: strawberry.Maybe[str]
    """New title of the document: 1 to 200 characters, unique ignoring case among the documents of its project, or among
    those without a project; cannot be null."""
    content: strawberry.Maybe[str]
    """New content of the document, at most 100,000 characters; cannot be null."""
    project_id: strawberry.Maybe[strawberry.ID | None] = id_of("Project", default=None)
    """Global ID of the project that the document is moved to; null takes the document out of its project."""
    expected_version: int | None = UNSET


@input_type
class DeleteDocumentInput:
    """Document to move to the trash."""

    id: strawberry.ID = id_of("Document")
    """Global ID of the document to move to the trash; a document already there stays unchanged."""
    expected_version: int | None = UNSET
    """Version of the document that the client last saw; if the document has changed since, nothing is written and a
    VersionConflict is returned. Omit it to move the document to the trash without the check."""


@input_type
class RestoreDocumentInput:
    """Input of `restoreDocument`: the document to restore from the trash."""

    id: strawberry.ID = id_of("Document")


@input_type
class PurgeDocumentInput:
    """Input of `purgeDocument`: the document to delete permanently."""

    id: strawberry.ID = id_of("Document")
    """Global ID of the document to delete permanently; the document must be in the trash."""


@input_type
class RevertDocumentInput:
    """Input of `revertDocument`: the document to revert, and the point in its history to return to."""

    id: strawberry.ID = id_of("Document")
    to: strawberry.ID = id_of("AuditEntry")
    """Global ID of an entry of the document's history; the document gets the title, content and project that it had
    after that entry."""
    expected_version: int | None = UNSET
    """Version of the document that the client last saw before the revert; if the document has changed since, nothing is
    written and a VersionConflict is returned. Omit it to write without the check."""


@mutation(Document | NotFound | InvalidInput | AlreadyExists | IdempotencyConflict, result="the created document")
async def create_document(session: WriteSession, actor: Actor, input: CreateDocumentInput) -> models.Document:
    """Create a document in the tenant.

    Open to all members.
    """
    return await documents.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(Document | NotFound | InvalidInput | AlreadyExists | VersionConflict, result="the updated document")
async def update_document(session: WriteSession, actor: Actor, input: UpdateDocumentInput) -> models.Document:
    """Update a document: only the fields given in the input change.

    If no value differs, the version stays the same. Open to all members.
    """
    return await documents.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(Document | NotFound | VersionConflict, result="the document in the trash")
async def delete_document(session: WriteSession, actor: Actor, input: DeleteDocumentInput) -> models.Document:
    """Move a document to the trash; a document already there stays as it is.

    Open to all members.
    """
    return await documents.delete(session, actor, **to_kwargs(input))


@mutation(Document | NotFound | AlreadyExists, result="the restored document")
async def restore_document(session: WriteSession, actor: Actor, input: RestoreDocumentInput) -> models.Document:
    """Restore a document from the trash; a document that is not there stays as it is.

    If its project is in the trash, the document is restored without a project. Open to all members.
    """
    return await documents.restore(session, actor, **to_kwargs(input))


@mutation(Document | NotFound | IllegalTransition, result="the permanently deleted document as it was before")
async def purge_document(session: WriteSession, actor: Actor, input: PurgeDocumentInput) -> models.Document:
    """Delete a document in the trash permanently, and return it as it was before.

    Its values in the audit log are deleted too. For admins and owners.
    """
    return await documents.purge(session, actor, **to_kwargs(input))


@mutation(Document | NotFound | InvalidInput | AlreadyExists | VersionConflict, result="the reverted document")
async def revert_document(session: WriteSession, actor: Actor, input: RevertDocumentInput) -> models.Document:
    """Give a document the title, content and project that it had after an entry of its history, as a new version.

    If that project no longer exists or is in the trash, the document gets no project. Open to all members.
    """
    return await documents.revert(session, actor, **to_kwargs(input))


DOMAIN = Domain(
    queries=Queries,
    mutations=[create_document, update_document, delete_document, restore_document, purge_document, revert_document],
    subscriptions=Subscriptions,
)
