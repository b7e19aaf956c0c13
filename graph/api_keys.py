"""API keys in GraphQL: how machines get in."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.connection import Connection
from graph.fields.descriptions import input_type, object_type, result_union
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

__all__ = ["MUTATIONS", "ApiKey", "Queries"]


@backed_by(api_keys.API_KEYS)
class ApiKey(Node):
    """What a machine brings in place of a login. It acts in the name of whoever made it, and ends when they leave."""

    name: str
    """What it is for."""
    role: Role
    """What it may do; never anything about the account of whoever made it."""
    created_at: datetime
    """When it was made."""
    expires_at: datetime | None
    """When it ends; null if it does not by itself."""
    last_used_at: datetime | None
    """When it was last used, to within five minutes; null if it never was."""
    created_by: Annotated["User", strawberry.lazy("graph.tenants")] | None = to_one("created_by", key="user_id")
    """Who made it."""
    token: str | None = one_time_secret()
    """For the header `Authorization: Bearer …`. Shown once, in the answer of `createApiKey`; null ever after."""


@object_type
class Queries:
    """API keys at the root."""

    api_keys: Connection[ApiKey] = connection()
    """The tenant's API keys that were not revoked, the newest first; for who does not manage them, their own."""


@input_type
class CreateApiKeyInput:
    """A new API key."""

    name: str
    """What it is for: 1 to 100 characters."""
    role: Role = Role.MEMBER
    """What it may do: no more than you may."""
    expires_at: datetime | None = UNSET
    """When it ends; without this, when it is revoked or you leave."""


@input_type
class RevokeApiKeyInput:
    """Which API key is taken back."""

    id: strawberry.ID = id_of("ApiKey")
    """One that was not revoked yet."""


CreateApiKeyResult = Annotated[ApiKey | InvalidInput, result_union("CreateApiKey")]
RevokeApiKeyResult = Annotated[ApiKey | NotFound, result_union("RevokeApiKey")]


@mutation_without_transaction(CreateApiKeyResult)
async def create_api_key(context: Context, input: CreateApiKeyInput) -> models.ApiKey:
    """Make an API key to this tenant; its text is shown here, once. For admins and owners."""
    key, token = await context.write(lambda session: api_keys.create(session, context.actor, **to_kwargs(input)))
    context.one_time_secrets[key.id] = token
    return key


@mutation(RevokeApiKeyResult)
async def revoke_api_key(session: WriteSession, actor: Actor, input: RevokeApiKeyInput) -> models.ApiKey:
    """Take an API key back; it stops working at once. For admins and owners."""
    return await api_keys.revoke(session, actor, **to_kwargs(input))


MUTATIONS = [create_api_key, revoke_api_key]
