"""Projects in GraphQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.connection import Connection
from graph.fields.descriptions import input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import IdempotencyConflict, InvalidInput, NotFound, VersionConflict
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many
from graph.fields.sorting import order_input
from models.database import WriteSession
from services import projects
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.documents import Document
    from graph.tasks import Task

__all__ = ["DOMAIN", "Project", "ProjectFilter", "ProjectOrder", "Queries"]


@input_type
class ProjectFilter:
    """Conditions that listed projects must meet; all given conditions apply.

    Archived projects and projects in the trash are listed only on request.
    """

    text: str | None = UNSET
    """Text that the name of listed projects must contain, ignoring case; at most 255 characters."""
    archived: bool | None = UNSET
    """Whether listed projects are archived; false by default, except for projects in the trash."""
    deleted: bool | None = UNSET
    """Whether listed projects are in the trash; false by default."""


ProjectOrder = order_input(projects.PROJECTS)


@backed_by(projects.PROJECTS, filter=ProjectFilter, order=ProjectOrder, listed_as="projects")
class Project(Node):
    """A project of the tenant, which groups tasks and documents.

    Visible to all members; an archived project is not listed by default, and a deleted one is in the trash with its
    tasks and documents.
    """

    name: str
    """Name of the project, 1 to 200 characters."""
    is_archived: bool
    """Whether the project is archived; false while the project is in the trash."""
    archived_at: datetime | None
    """Date and time the project was archived (UTC); null if it is not archived."""
    deleted_at: datetime | None
    """Date and time the project was moved to the trash (UTC); null if it is not in the trash."""
    created_at: datetime
    updated_at: datetime
    version: int
    tasks: Connection[Annotated["Task", strawberry.lazy("graph.tasks")]] = to_many("project_id")
    """Tasks of the project, newest first; empty while the project is in the trash."""
    documents: Connection[Annotated["Document", strawberry.lazy("graph.documents")]] = to_many("project_id")
    """Documents of the project that are not in the trash, newest first."""


@object_type
class Queries:
    """Projects at the root."""

    project: Project | None = by_id()
    """Project by its global ID; null if there is no such project or it is in the trash."""
    projects: Connection[Project] = connection()
    """Projects of the tenant, newest first by default; archived projects and those in the trash only if the filter asks
    for them."""


@input_type
class CreateProjectInput:
    """Fields of the project to create; for admins and owners."""

    name: str
    """Name of the project to create, 1 to 200 characters."""
    idempotency_key: str | None = UNSET


@input_type
class UpdateProjectInput:
    """Input of `updateProject`: fields of the project to update."""

    id: strawberry.ID = id_of("Project")
    name: str
    """New name of the project: 1 to 200 characters."""
    expected_version: int | None = UNSET


@input_type
class ArchiveProjectInput:
    """Project to archive or to unarchive."""

    id: strawberry.ID = id_of("Project")
    """Global ID of the project to archive or to unarchive."""
    archived: bool = True
    """True to archive the project (the default), false to unarchive it; lists of projects leave out archived projects
    unless the filter asks for them."""
    expected_version: int | None = UNSET
    """Version of the project that the client last saw; if the project has changed since, nothing is written and a
    VersionConflict is returned. Omit it to archive or unarchive the project without the check."""


@input_type
class DeleteProjectInput:
    """Project to move to the trash together with its tasks and documents; for admins and owners."""

    id: strawberry.ID = id_of("Project")
    """Global ID of the project to move to the trash; a project already there stays unchanged."""
    expected_version: int | None = UNSET
    """Version of the project that the client last saw; if the project has changed since, nothing is written and a
    VersionConflict is returned. Omit it to move the project to the trash without the check."""


@input_type
class RestoreProjectInput:
    """Input of `restoreProject`: the project to restore from the trash."""

    id: strawberry.ID = id_of("Project")


@mutation(Project | InvalidInput | IdempotencyConflict, result="the created project")
async def create_project(session: WriteSession, actor: Actor, input: CreateProjectInput) -> models.Project:
    """Create a project in the tenant.

    For admins and owners.
    """
    return await projects.create(session, actor, **to_kwargs(input))


@mutation(
    Project | NotFound | InvalidInput | VersionConflict,
    result="the updated project",
    row_update=lambda actor, input: projects.update_command(actor, **to_kwargs(input)),
)
async def update_project(session: WriteSession, actor: Actor, input: UpdateProjectInput) -> models.Project:
    """Update a project: its name.

    For admins and owners.
    """
    return await projects.update(session, actor, **to_kwargs(input))


@mutation(
    Project | NotFound | VersionConflict,
    result="the archived or unarchived project",
    row_update=lambda actor, input: projects.archive_command(actor, **to_kwargs(input)),
)
async def archive_project(session: WriteSession, actor: Actor, input: ArchiveProjectInput) -> models.Project:
    """Archive a project, so that it is not listed by default, or unarchive it.

    Its tasks and documents stay as they are. For admins and owners.
    """
    return await projects.archive(session, actor, **to_kwargs(input))


@mutation(Project | NotFound | VersionConflict, result="the project in the trash")
async def delete_project(session: WriteSession, actor: Actor, input: DeleteProjectInput) -> models.Project:
    """Move a project to the trash, together with its tasks and documents; a project already there stays as it is.

    For admins and owners.
    """
    return await projects.delete(session, actor, **to_kwargs(input))


@mutation(Project | NotFound, result="the restored project")
async def restore_project(session: WriteSession, actor: Actor, input: RestoreProjectInput) -> models.Project:
    """Restore a project from the trash, together with the tasks and documents that were moved there with it.

    For admins and owners.
    """
    return await projects.restore(session, actor, **to_kwargs(input))


DOMAIN = Domain(
    queries=Queries, mutations=[create_project, update_project, archive_project, delete_project, restore_project]
)
