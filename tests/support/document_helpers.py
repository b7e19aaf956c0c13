"""Documents that tests write, and what they see of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from models.documents import Document
from models.projects import Project
from services import documents, projects
from tests.support.factories import World
from tests.support.service_client import ServiceClient

DocumentState = tuple[str, str, UUID | None]


async def create_document(rules: ServiceClient, world: World, title: str = "Plan", **values: Any) -> Document:
    return await rules.apply(world.acme.member, documents.create, values={"title": title, **values})


async def create_project(rules: ServiceClient, world: World, name: str = "Apollo") -> Project:
    return await rules.apply(world.acme.admin, projects.create, name=name)


async def list_titles(rules: ServiceClient, world: World, **filter: Any) -> list[str]:
    rows = await rules.rows(world.acme.member, documents.DOCUMENTS, filter=filter, order=[("title", False)])
    return [row.title for row in rows]


async def list_trash(rules: ServiceClient, world: World, **filter: Any) -> list[str]:
    return [row.title for row in await rules.rows(world.acme.member, documents.TRASH, filter=filter)]


async def database_now(world: World) -> datetime:
    """The database's own, since that is what the log goes by."""
    moment: datetime = await world.connection.fetchval("SELECT clock_timestamp()")
    return moment


async def list_entry_ids(world: World, document_id: UUID) -> list[UUID]:
    """Those of its history, oldest first."""
    query = "SELECT id FROM audit_log WHERE row_id = $1 ORDER BY (new_values ->> 'version')::int"
    return [row[0] for row in await world.connection.fetch(query, document_id)]


async def read_as_of(rules: ServiceClient, world: World, document_id: UUID, moment: datetime) -> Document | None:
    actor = rules.actor(world.acme.member)
    async with rules.database.read(actor.identity) as session:
        return await documents.as_of(session, actor, id=document_id, moment=moment)


def document_state(document: Document) -> DocumentState:
    return document.title, document.content, document.project_id
