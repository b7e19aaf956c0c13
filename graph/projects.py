"""Projects in GraphQL."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.connection import Connection, OrderDirection
from graph.fields.descriptions import enum, input_type, object_type, result_union
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many
from models.database import WriteSession
from services import projects
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.documents import Document
    from graph.tasks import Task

__all__ = ["MUTATIONS", "Project", "ProjectFilter", "ProjectOrder", "Queries"]


@backed_by(projects.PROJECTS)
class Project(Node):
    """What tasks and documents are grouped by. Archived, it leaves the default lists; deleted, it takes them along."""

    name: str
    """What it is called."""
    is_archived: bool
    """Whether it was taken out of the default lists."""
    archived_at: datetime | None
    """When it was archived."""
    deleted_at: datetime | None
    """When it went to the trash."""
    created_at: datetime
    """When it was started."""
    updated_at: datetime
    """When it last changed."""
    version: int
    """How often it changed; for `expectedVersion`."""
    tasks: Connection[Annotated["Task", strawberry.lazy("graph.tasks")]] = to_many("project_id")
    """Its tasks."""
    documents: Connection[Annotated["Document", strawberry.lazy("graph.documents")]] = to_many("project_id")
    """Its documents."""


@input_type
class ProjectFilter:
    """Which projects are listed. Without `archived` and `deleted`: the live ones."""

    text: str | None = UNSET
    """Those whose name holds this, in any case."""
    archived: bool | None = UNSET
    """Those that are archived, or those that are not (the default)."""
    deleted: bool | None = UNSET
    """Those that are in the trash, or those that are not (the default)."""


@enum
class ProjectOrderField(Enum):
    """What projects can be sorted by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    NAME = "name"


@input_type
class ProjectOrder:
    """How projects are sorted; by default the newest first."""

    field: ProjectOrderField
    """By what."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@object_type
class Queries:
    """Projects at the root."""

    project: Project | None = by_id()
    """One project by its id; null when there is none, or it is in the trash."""
    projects: Connection[Project] = connection()
    """The tenant's projects."""


@input_type
class CreateProjectInput:
    """What a new project is."""

    name: str
    """What it is called: 1 to 200 characters."""
    idempotency_key: str | None = UNSET
    """A key of your own, 1 to 255 characters: the same call with the same key makes one project only."""


@input_type
class UpdateProjectInput:
    """What changes about a project."""

    id: strawberry.ID = id_of("Project")
    """Which project."""
    name: str
    """What it is called: 1 to 200 characters."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class ArchiveProjectInput:
    """Which project leaves the default lists, or returns."""

    id: strawberry.ID = id_of("Project")
    """Which project."""
    archived: bool = True
    """Whether it is archived afterwards."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class DeleteProjectInput:
    """Which project goes to the trash."""

    id: strawberry.ID = id_of("Project")
    """Which project."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class RestoreProjectInput:
    """Which project comes back from the trash."""

    id: strawberry.ID = id_of("Project")
    """Which project."""


CreateProjectResult = Annotated[Project | InvalidInput | IdempotencyConflict, result_union("CreateProject")]
UpdateProjectResult = Annotated[Project | NotFound | InvalidInput | VersionConflict, result_union("UpdateProject")]
ArchiveProjectResult = Annotated[Project | NotFound | VersionConflict, result_union("ArchiveProject")]
DeleteProjectResult = Annotated[Project | NotFound | VersionConflict, result_union("DeleteProject")]
RestoreProjectResult = Annotated[Project | NotFound, result_union("RestoreProject")]


@mutation(CreateProjectResult)
async def create_project(session: WriteSession, actor: Actor, input: CreateProjectInput) -> models.Project:
    """Start a project. For admins and owners."""
    return await projects.create(session, actor, **to_kwargs(input))


@mutation(UpdateProjectResult, row_update=lambda actor, input: projects.update_command(actor, **to_kwargs(input)))
async def update_project(session: WriteSession, actor: Actor, input: UpdateProjectInput) -> models.Project:
    """Rename a project. For admins and owners."""
    return await projects.update(session, actor, **to_kwargs(input))


@mutation(ArchiveProjectResult, row_update=lambda actor, input: projects.archive_command(actor, **to_kwargs(input)))
async def archive_project(session: WriteSession, actor: Actor, input: ArchiveProjectInput) -> models.Project:
    """Take a project out of the default lists, or put it back. For admins and owners."""
    return await projects.archive(session, actor, **to_kwargs(input))


@mutation(DeleteProjectResult)
async def delete_project(session: WriteSession, actor: Actor, input: DeleteProjectInput) -> models.Project:
    """Move a project, its tasks and its documents to the trash, as one set. For admins and owners."""
    return await projects.delete(session, actor, **to_kwargs(input))


@mutation(RestoreProjectResult)
async def restore_project(session: WriteSession, actor: Actor, input: RestoreProjectInput) -> models.Project:
    """Bring a project back from the trash, with all that went there with it. For admins and owners."""
    return await projects.restore(session, actor, **to_kwargs(input))


MUTATIONS = [create_project, update_project, archive_project, delete_project, restore_project]
