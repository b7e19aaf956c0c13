"""A new domain in GraphQL: graph/<domain>.py."""

from atrium.new_domain.fields import DomainSpec, FieldSpec
from atrium.new_domain.tables import max_length

__all__ = ["graph_text"]

IMPORTS = """
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph import audit
from graph.fields.columns import money
from graph.fields.connection import Connection
from graph.fields.descriptions import enum, input_type, object_type
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
from graph.fields.money import Money, MoneyInput
from graph.fields.mutations import mutation
from graph.fields.node import Node, backed_by
from graph.fields.relations import by_id, connection, to_many, to_one
from graph.fields.sorting import order_input
from models import {type}Status
from models.database import WriteSession
from services import {table}
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.projects import Project
    from graph.tenants import User
"""

TYPES = '''
{enum}
{type}Filter = filter_input({table}.{upper}{filter_ids})
{type}Order = order_input({table}.{upper})


@backed_by({table}.{upper}, filter={type}Filter, order={type}Order, listed_as="{table}")
class {type}(Node):
    """{Article} of the tenant, visible to all members{trash}."""

{fields}    created_at: datetime
    updated_at: datetime
    version: int
    history: Connection[audit.AuditEntry] = to_many("row_id")


@object_type
class Queries:
    """{Plural} at the root."""

    {one}: {type} | None = by_id()
    """{Words} by its global ID; null if there is no such {words}{in_trash}."""
    {table}: Connection[{type}] = connection()
    """{Plural} of the tenant, newest first by default."""


@input_type
class Create{type}Input:
    """Fields of the {words} to create; for admins and owners."""

{create}    idempotency_key: str | None = UNSET


@input_type
class Update{type}Input:
    """Fields of the {words} to update; fields left out stay as they are."""

    id: strawberry.ID = id_of("{type}")
{update}    expected_version: int | None = UNSET


@input_type
class Delete{type}Input:
    """{Words} to delete permanently."""

    id: strawberry.ID = id_of("{type}")
'''

STATUS_INPUT = '''

@input_type
class Change{type}StatusInput:
    """Input of `change{type}Status`: the {words} to move to another status."""

    id: strawberry.ID = id_of("{type}")
    status: {type}Status
    """Status that the {words} is to have: one that may follow its current status."""
    expected_version: int | None = UNSET
'''

MUTATIONS_TEMPLATE = '''

@mutation({type} | NotFound | InvalidInput | {exists}IdempotencyConflict, result="the created {words}")
async def create_{one}(session: WriteSession, actor: Actor, input: Create{type}Input) -> models.{type}:
    """Create {article} in the tenant. For admins and owners."""
    return await {table}.create(session, actor, **create_kwargs(to_kwargs(input)))


@mutation(
    {type} | NotFound | InvalidInput | {exists}VersionConflict,
    result="the updated {words}",
    row_update=lambda actor, input: {table}.update_command(actor, **update_kwargs(to_kwargs(input))),
)
async def update_{one}(session: WriteSession, actor: Actor, input: Update{type}Input) -> models.{type}:
    """Update {article}: only the fields given in the input change. For admins and owners."""
    return await {table}.update(session, actor, **update_kwargs(to_kwargs(input)))

{status_mutation}
@mutation({type} | NotFound, result="the deleted {words} as it was before")
async def delete_{one}(session: WriteSession, actor: Actor, input: Delete{type}Input) -> models.{type}:
    """Delete {article} permanently and return it as it was before. For admins and owners."""
    return await {table}.delete(session, actor, **to_kwargs(input))


DOMAIN = Domain(queries=Queries, mutations=[create_{one}, update_{one}, {status_name}delete_{one}])
'''

STATUS_MUTATION = '''
@mutation({type} | NotFound | IllegalTransition | VersionConflict, result="the {words} with its new status")
async def change_{one}_status(session: WriteSession, actor: Actor, input: Change{type}StatusInput) -> models.{type}:
    """Move {article} to another status, one that may follow its current status. For admins and owners."""
    return await {table}.change_status(session, actor, **to_kwargs(input))

'''


def graph_text(spec: DomainSpec) -> str:
    """Return graph/<domain>.py."""
    names = spec.names
    words = {
        **{name: getattr(names, name) for name in ("table", "one", "type", "upper", "words", "plural", "article")},
        "Words": names.words.capitalize(),
        "Plural": names.plural.capitalize(),
        "Article": names.article.capitalize(),
        "trash": "; hidden while its project is in the trash" if spec.project else "",
        "in_trash": " or it is in the trash with its project" if spec.project else "",
        "exists": "AlreadyExists | " if any(field.unique for field in spec.fields) else "",
        "enum": f"enum({names.type}Status)\n\n" if spec.status else "",
        "fields": "".join(_shown(spec, field) for field in spec.fields),
        "filter_ids": _filter_ids(spec),
        "create": "".join(_created(spec, field) for field in sorted(spec.fields, key=lambda field: field.optional)),
        "update": "".join(_updated(spec, field) for field in spec.fields),
        "status_name": f"change_{names.one}_status, " if spec.status else "",
    }
    words["status_mutation"] = STATUS_MUTATION.format(**words) if spec.status else ""
    status_input = STATUS_INPUT.format(**words) if spec.status else ""
    status_types = [f"{names.type}Status"] if spec.status else []
    public = sorted(["DOMAIN", "Queries", names.type, f"{names.type}Filter", f"{names.type}Order", *status_types])
    shown = [name for name in public if name not in status_types]
    head = f'"""{names.plural.capitalize()} in GraphQL."""\n{IMPORTS.format(**words)}\n__all__ = {shown!r}\n'
    return head + TYPES.format(**words) + status_input + MUTATIONS_TEMPLATE.format(**words)


def _limits(field: FieldSpec) -> str:
    """Return what a value may be, in words."""
    return {
        "str": f"1 to {max_length(field) if field.kind == 'str' else 0} characters"
        + (", unique in the tenant ignoring case" if field.unique else ""),
        "text": "at most 2,000 characters",
        "int": "0 to 2,147,483,647",
        "money": "0 or more, at most ten digits including decimals",
    }.get(field.kind, "")


def _said(field: FieldSpec) -> str:
    """Return a field's name in a sentence."""
    return field.name.replace("_", " ").capitalize()


def _shown(spec: DomainSpec, field: FieldSpec) -> str:
    words, null = spec.names.words, " | None" if field.optional else ""
    more = {
        "member": ": a current or former member of the tenant",
        "project": f": the project that the {words} belongs to",
        "date": "",
        "status": f": what has become of the {words} so far",
    }.get(field.kind, f", {_limits(field)}")
    absent = "; null if none" if field.optional else ""
    types = {
        "int": "int",
        "date": "date",
        "status": f"{spec.names.type}Status",
        "money": "Money",
        "member": 'Annotated["User", strawberry.lazy("graph.tenants")]',
        "project": 'Annotated["Project", strawberry.lazy("graph.projects")]',
    }
    value = {
        "member": f' = to_one("{field.column}", key="user_id")',
        "project": f' = to_one("{field.column}")',
        "money": f' = money("{field.column}")',
    }.get(field.kind, "")
    what = f"Calendar day `{field.name}` of" if field.kind == "date" else f"{_said(field)} of"
    said = f'    """{what} the {words}{more}{absent}."""\n'
    return f"    {field.name}: {types.get(field.kind, 'str')}{null}{value}\n{said}"


def _filter_ids(spec: DomainSpec) -> str:
    """Return the argument of the filter's input type that says of what type its ids are."""
    targets = {"member": "User", "project": "Project"}
    ids = {field.key: targets[field.kind] for field in spec.fields if field.kind in targets}
    return f", ids={ids!r}" if ids else ""


def _reference(field: FieldSpec, words: str) -> str:
    if field.kind == "project":
        return f"Global ID of the project that the {words} belongs to; must not be in the trash"
    return f"Global ID of the user who is the {field.name.replace('_', ' ')} of the {words}; must be an active member"


def _input_type(field: FieldSpec) -> str:
    types = {"int": "int", "date": "date", "money": "MoneyInput", "member": "strawberry.ID", "project": "strawberry.ID"}
    return types.get(field.kind, "str")


def _created(spec: DomainSpec, field: FieldSpec) -> str:
    if field.kind == "status":
        return ""
    words, target = spec.names.words, {"member": "User", "project": "Project"}.get(field.kind)
    null = " | None" if field.optional else ""
    limits = f", {_limits(field)}" if _limits(field) else ", a calendar day"
    text = _reference(field, words) if target else f"{_said(field)} of the {words} to create{limits}"
    none = "; null for none" if field.optional else ""
    default = ", default=UNSET" if field.optional else ""
    value = f' = id_of("{target}"{default})' if target else " = UNSET" if field.optional else ""
    return f'    {field.key}: {_input_type(field)}{null}{value}\n    """{text}{none}."""\n'


def _updated(spec: DomainSpec, field: FieldSpec) -> str:
    if field.kind == "status":
        return ""
    words, name = spec.names.words, field.name.replace("_", " ")
    target = {"member": "User", "project": "Project"}.get(field.kind)
    inner = f"{_input_type(field)} | None" if field.optional else _input_type(field)
    limits = f", {_limits(field)}" if _limits(field) else ", a calendar day"
    text = {
        "member": f"Global ID of the new {name} of the {words}, an active member",
        "project": f"Global ID of the project that the {words} is moved to",
    }.get(field.kind, f"New {name} of the {words}{limits}")
    none = "; null removes it" if field.optional else "; cannot be null"
    value = f' = id_of("{target}", default=None)' if target else ""
    return f'    {field.key}: strawberry.Maybe[{inner}]{value}\n    """{text}{none}."""\n'
