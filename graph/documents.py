"""Documents in GraphQL, with their trash and their past."""

from collections.abc import AsyncGenerator
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import audit, subscriptions
from graph.fields.as_of import by_id_as_of
from graph.fields.connection import Connection, OrderDirection
from graph.fields.descriptions import enum, input_type, object_type, result_union
from graph.fields.errors import (
    AlreadyExists,
    IdempotencyConflict,
    IllegalTransition,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from graph.fields.inputs import create_kwargs, id_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_many, to_one
from graph.runtime.context import Info
from models.database import WriteSession
from services import documents
from services.documents import TRASH
from services.permissions import Actor, Permission

if TYPE_CHECKING:
    from graph.projects import Project
    from graph.tenants import User

__all__ = [
    "MUTATIONS",
    "Document",
    "DocumentChange",
    "DocumentFilter",
    "DocumentOrder",
    "Queries",
    "Subscriptions",
    "TrashFilter",
    "TrashOrder",
]


@backed_by(documents.DOCUMENTS)
class Document(Node):
    """A text that people write together. Deleted, it lies in the trash, and is found nowhere else."""

    title: str
    """What it is called, in 1 to 200 characters; unique among the live documents of its project, or of none."""
    content: str
    """What it says, in up to 100,000 characters."""
    project: Annotated["Project", strawberry.lazy("graph.projects")] | None = to_one("project_id")
    """What it belongs to."""
    created_by: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("created_by", key="user_id")
    """Who wrote it first; still there when they have left the tenant."""
    created_at: datetime
    """When it was written first."""
    updated_at: datetime
    """When it last changed."""
    version: int
    """How often it changed; for `expectedVersion`."""
    deleted_at: datetime | None
    """When it went to the trash; null if it is not there."""
    deleted_by: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("deleted_by", key="user_id")
    """Who moved it to the trash, or its project with it."""
    history: Connection[audit.AuditEntry] = to_many("row_id")
    """What became of it, the newest first. `revertDocument` brings back what it held after one of these."""


@input_type
class DocumentFilter:
    """Which documents are listed."""

    text: str | None = UNSET
    """Those whose title holds this, in any case."""
    project_id: strawberry.ID | None = id_of("Project", default=UNSET)
    """Those of this project."""
    created_by: strawberry.ID | None = id_of("User", default=UNSET)
    """Those of this person."""


@enum
class DocumentOrderField(Enum):
    """What documents can be sorted by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    TITLE = "title"


@input_type
class DocumentOrder:
    """How documents are sorted; by default the newest first."""

    field: DocumentOrderField
    """By what."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@input_type
class TrashFilter:
    """Which documents in the trash are listed."""

    text: str | None = UNSET
    """Those whose title holds this, in any case."""
    deleted_by: strawberry.ID | None = id_of("User", default=UNSET)
    """Those that this person moved there."""


@enum
class TrashOrderField(Enum):
    """What the trash can be sorted by."""

    DELETED_AT = "deleted_at"


@input_type
class TrashOrder:
    """How the trash is sorted; by default what came last first."""

    field: TrashOrderField
    """By what."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@object_type
class Queries:
    """Documents at the root."""

    document: Document | None = by_id_as_of(documents.as_of)
    """One document by its id; null when there is none, or it is in the trash, or was at that moment."""
    documents: Connection[Document] = connection()
    """The tenant's documents."""
    trash: Connection[Document] = connection(TRASH, input_prefix="Trash")
    """The tenant's documents that were deleted and not purged."""


@object_type
class DocumentChange(subscriptions.Change):
    """One change of one document, as it happens."""

    document_id: strawberry.ID
    """Which document."""
    document: Document | None
    """The document as it is now; null when it is in the trash, or was purged."""


def _document_changed(
    info: Info, after: Annotated[str | None, subscriptions.AFTER_ARGUMENT] = UNSET
) -> AsyncGenerator[DocumentChange, None]:
    """What changes about the tenant's documents, from now on or from behind a cursor: all of it, each once."""
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
    """What a new document is."""

    title: str
    """What it is called: 1 to 200 characters, unique among the live documents of its project, or of none."""
    content: str = ""
    """What it says, in up to 100,000 characters."""
    project_id: strawberry.ID | None = id_of("Project", default=UNSET)
    """What it belongs to."""
    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key makes one document only."""


@input_type
class UpdateDocumentInput:
    """What changes about a document. What is absent stays as it is; null empties it."""

    id: strawberry.ID = id_of("Document")
    """Which document."""
    title: strawberry.Maybe[str]
    """What it is called: 1 to 200 characters."""
    content: strawberry.Maybe[str]
    """What it says, in up to 100,000 characters."""
    project_id: strawberry.Maybe[strawberry.ID | None] = id_of("Project", default=None)
    """What it belongs to."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class DeleteDocumentInput:
    """Which document goes to the trash."""

    id: strawberry.ID = id_of("Document")
    """Which document."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class RestoreDocumentInput:
    """Which document comes back from the trash."""

    id: strawberry.ID = id_of("Document")
    """Which document."""


@input_type
class PurgeDocumentInput:
    """Which document is deleted for good."""

    id: strawberry.ID = id_of("Document")
    """Which document; it must be in the trash."""


@input_type
class RevertDocumentInput:
    """Which past state a document returns to."""

    id: strawberry.ID = id_of("Document")
    """Which document."""
    to: strawberry.ID = id_of("AuditEntry")
    """The entry of its history after which it was as it shall be."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


CreateDocumentResult = Annotated[
    Document | NotFound | InvalidInput | AlreadyExists | IdempotencyConflict, result_union("CreateDocument")
]
UpdateDocumentResult = Annotated[
    Document | NotFound | InvalidInput | AlreadyExists | VersionConflict, result_union("UpdateDocument")
]
DeleteDocumentResult = Annotated[Document | NotFound | VersionConflict, result_union("DeleteDocument")]
RestoreDocumentResult = Annotated[Document | NotFound | AlreadyExists, result_union("RestoreDocument")]
PurgeDocumentResult = Annotated[Document | NotFound | IllegalTransition, result_union("PurgeDocument")]
RevertDocumentResult = Annotated[
    Document | NotFound | InvalidInput | AlreadyExists | VersionConflict, result_union("RevertDocument")
]


@mutation(CreateDocumentResult)
async def create_document(session: WriteSession, actor: Actor, input: CreateDocumentInput) -> models.Document:
    """Write a document."""
    return await documents.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(UpdateDocumentResult)
async def update_document(session: WriteSession, actor: Actor, input: UpdateDocumentInput) -> models.Document:
    """Change a document: only the fields that are given. What changes nothing makes no new version."""
    return await documents.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(DeleteDocumentResult)
async def delete_document(session: WriteSession, actor: Actor, input: DeleteDocumentInput) -> models.Document:
    """Move a document to the trash. One that is there already stays as it is."""
    return await documents.delete(session, actor, **to_kwargs(input))


@mutation(RestoreDocumentResult)
async def restore_document(session: WriteSession, actor: Actor, input: RestoreDocumentInput) -> models.Document:
    """Bring a document back from the trash; without a project if that is in the trash. A live one stays as it is."""
    return await documents.restore(session, actor, **to_kwargs(input))


@mutation(PurgeDocumentResult)
async def purge_document(session: WriteSession, actor: Actor, input: PurgeDocumentInput) -> models.Document:
    """Delete a document that is in the trash for good, with what its history holds of it; answers it as it was.

    For admins and owners.
    """
    return await documents.purge(session, actor, **to_kwargs(input))


@mutation(RevertDocumentResult)
async def revert_document(session: WriteSession, actor: Actor, input: RevertDocumentInput) -> models.Document:
    """Bring back what a document held after an entry of its history, as a new version."""
    return await documents.revert(session, actor, **to_kwargs(input))


MUTATIONS = [create_document, update_document, delete_document, restore_document, purge_document, revert_document]
