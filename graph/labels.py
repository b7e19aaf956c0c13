"""Labels in GraphQL."""

from datetime import datetime

import strawberry
from strawberry import UNSET

import models
from graph.fields.connection import Connection
from graph.fields.descriptions import enum, input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import (
    AlreadyExists,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from graph.fields.filtering import filter_input
from graph.fields.inputs import create_kwargs, id_of, to_kwargs, update_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection
from graph.fields.sorting import order_input
from models import LabelColor
from models.database import WriteSession
from services import labels
from services.permissions import Actor

__all__ = ["DOMAIN", "Label", "LabelFilter", "LabelOrder", "Queries"]

enum(LabelColor)


LabelFilter = filter_input(labels.LABELS)
LabelOrder = order_input(labels.LABELS, default="by name")


@backed_by(labels.LABELS, filter=LabelFilter, order=LabelOrder, listed_as="labels")
class Label(Node):
    """A label of the tenant, visible to all members."""

    name: str
    """Name of the label, 1 to 50 characters, unique in the tenant ignoring case."""
    color: LabelColor
    """Color of the label."""
    created_at: datetime
    updated_at: datetime
    version: int


@object_type
class Queries:
    """Labels at the root."""

    label: Label | None = by_id()
    """Label by its global ID; null if there is no such label."""
    labels: Connection[Label] = connection()
    """Labels of the tenant, sorted by name by default."""


@input_type
class CreateLabelInput:
    """Fields of the label to create; for admins and owners."""

    name: str
    """Name of the label to create, 1 to 50 characters, unique in the tenant ignoring case."""
    color: LabelColor = LabelColor.GRAY
    """Color of the label to create; GRAY if omitted."""
    idempotency_key: str | None = UNSET


@input_type
class UpdateLabelInput:
    """Fields of the label to update; fields left out stay as they are."""

    id: strawberry.ID = id_of("Label")
    name: strawberry.Maybe[str]
    """New name of the label, 1 to 50 characters, unique in the tenant ignoring case; cannot be null."""
    color: strawberry.Maybe[LabelColor]
    """New color of the label; cannot be null."""
    expected_version: int | None = UNSET


@input_type
class DeleteLabelInput:
    """Label to delete permanently."""

    id: strawberry.ID = id_of("Label")


@mutation(Label | NotFound | InvalidInput | AlreadyExists | IdempotencyConflict, result="the created label")
async def create_label(session: WriteSession, actor: Actor, input: CreateLabelInput) -> models.Label:
    """Create a label in the tenant. For admins and owners."""
    return await labels.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(
    Label | NotFound | InvalidInput | AlreadyExists | VersionConflict,
    result="the updated label",
    row_update=lambda actor, input: labels.update_command(actor, **update_kwargs(to_kwargs(input))),
)
async def update_label(session: WriteSession, actor: Actor, input: UpdateLabelInput) -> models.Label:
    """Update a label: only the fields given in the input change. For admins and owners."""
    return await labels.update(session, actor, **update_kwargs(to_kwargs(input)))


@mutation(Label | NotFound, result="the deleted label as it was before")
async def delete_label(session: WriteSession, actor: Actor, input: DeleteLabelInput) -> models.Label:
    """Delete a label permanently, take it off all tasks, and return it as it was before. For admins and owners."""
    return await labels.delete(session, actor, **to_kwargs(input))


DOMAIN = Domain(queries=Queries, mutations=[create_label, update_label, delete_label])
