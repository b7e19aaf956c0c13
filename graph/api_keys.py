"""API keys in GraphQL: how programs authenticate."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.connection import Connection
from graph.fields.descriptions import input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import InvalidInput, NotFound
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation, mutation_without_transaction
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_one
from graph.fields.viewer import one_time_secret
from graph.runtime.context import Context
from models import Role
from models.database import WriteSession
from services import api_keys
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.tenants import User

__all__ = ["DOMAIN", "ApiKey", "Queries"]


@backed_by(api_keys.API_KEYS, listed_as="api_keys")
class ApiKey(Node):
    """An API key of the tenant, with which a program sends requests in the name of its creator.

    No longer accepted when that member leaves the tenant or is deactivated. Admins and owners see it, and its
    creator.
    """

    name: str
    """Name of the API key, 1 to 100 characters; says what the key is used for."""
    role: Role
    """Role with which requests of the API key are authorized; an API key can never read or change its creator's account
    or manage API keys."""
    created_at: datetime
    """Date and time the API key was created (UTC)."""
    expires_at: datetime | None
    """Date and time the API key expires (UTC); null if it never expires."""
    last_used_at: datetime | None
    """Date and time the API key was last used (UTC), accurate to five minutes; null if it has never been used."""
    revoked_at: datetime | None
    """Date and time the API key was revoked (UTC); null if it has not been revoked."""
    created_by: Annotated["User", strawberry.lazy("graph.tenants")] = to_one("created_by", key="user_id")
    """Member who created the API key; they may have left the tenant since."""
    token: str | None = one_time_secret()
    """Secret token of the API key, for the HTTP header `Authorization: Bearer <token>`; returned only by the
    `createApiKey` call that created the key, null in every later response."""


@object_type
class Queries:
    """API keys at the root."""

    api_keys: Connection[ApiKey] = connection()
    """API keys that have not been revoked, newest first: all of the tenant for admins and owners, their own for other
    members. Not available to requests with an API key."""


@input_type
class CreateApiKeyInput:
    """Fields of the API key to create; for admins and owners."""

    name: str
    """Name of the API key to create, 1 to 100 characters."""
    role: Role = Role.MEMBER
    """Role of the API key to create, MEMBER if omitted; may not allow more than the viewer's own role."""
    expires_at: datetime | None = UNSET
    """Date and time the API key expires; must be in the future. Null for an API key that is valid until it is revoked
    or its creator leaves the tenant."""


@input_type
class RevokeApiKeyInput:
    """Input of `revokeApiKey`: the API key to revoke."""

    id: strawberry.ID = id_of("ApiKey")
    """Global ID of the API key to revoke; one that is already revoked is not found."""


@mutation_without_transaction(ApiKey | InvalidInput, result="the created API key with its secret token")
async def create_api_key(context: Context, input: CreateApiKeyInput) -> models.ApiKey:
    """Create an API key for the current tenant; its token is returned only in this response.

    For admins and owners.
    """
    key, token = await context.write(lambda session: api_keys.create(session, context.actor, **to_kwargs(input)))
    context.one_time_secrets[key.id] = token
    return key


@mutation(ApiKey | NotFound, result="the revoked API key")
async def revoke_api_key(session: WriteSession, actor: Actor, input: RevokeApiKeyInput) -> models.ApiKey:
    """Revoke an API key of the tenant; the key stops working at once.

    For admins and owners.
    """
    return await api_keys.revoke(session, actor, **to_kwargs(input))


DOMAIN = Domain(queries=Queries, mutations=[create_api_key, revoke_api_key])
