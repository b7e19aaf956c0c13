"""Accounts in GraphQL: who I am, logging in and out."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.columns import column
from graph.fields.connection import Connection
from graph.fields.descriptions import input_type, object_type, result_union
from graph.fields.errors import (
    AlreadyExists,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    NotFound,
    RateLimited,
    VersionConflict,
)
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation, mutation_without_transaction
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_many
from graph.fields.viewer import equals_viewer, viewer_attribute, viewer_reference
from graph.runtime.context import Context
from models.database import WriteSession
from services import accounts, sessions
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.api_keys import ApiKey
    from graph.tenants import Membership, ReceivedInvitation, Tenant

__all__ = ["MUTATIONS", "LoginSession", "Queries", "Session", "SessionsEnded", "Viewer"]


@backed_by(sessions.SESSIONS)
class LoginSession(Node):
    """One login on one device."""

    created_at: datetime
    """When the person logged in."""
    refreshed_at: datetime = column("rotated_at")
    """When it was last renewed."""
    expires_at: datetime
    """When it ends unless it is renewed."""
    ip: str | None
    """From which address it was opened."""
    user_agent: str | None
    """By which program."""
    is_current: bool = equals_viewer("id", "session_id")
    """Whether it is the one that asks."""


@backed_by(accounts.VIEWERS)
class Viewer:
    """The account that asks."""

    id: strawberry.ID = column()
    """The account's own id; in a tenant, people are known by another one (`User.id`)."""
    email: str
    """The address to log in with."""
    full_name: str
    """What the person is called."""
    is_active: bool
    """Whether the account may be used."""
    is_superuser: bool
    """Whether this is an operator of the whole installation. It opens no walls: operators act by the command line."""
    email_verified_at: datetime | None
    """When the person proved that the address is theirs, by a link that was mailed there; null until then."""
    last_login: datetime | None
    """When the person last logged in."""
    created_at: datetime
    """When the account was made."""
    updated_at: datetime
    """When it last changed."""
    version: int
    """How often it changed; for `expectedVersion`."""
    role: models.Role | None = viewer_attribute("role")
    """The role in the tenant that this session has entered."""
    tenant: Annotated["Tenant", strawberry.lazy("graph.tenants")] | None = viewer_reference("tenant_id")
    """The tenant that this session has entered."""
    memberships: Connection[Annotated["Membership", strawberry.lazy("graph.tenants")]] = connection()
    """Where the person belongs; any of them can be entered with `switchTenant`."""
    sessions: Connection[LoginSession] = connection()
    """The live sessions, on all devices; the newest first."""
    invitations: Connection[Annotated["ReceivedInvitation", strawberry.lazy("graph.tenants")]] = connection()
    """The open invitations that the person received."""
    api_keys: Connection[Annotated["ApiKey", strawberry.lazy("graph.api_keys")]] = to_many("created_by")
    """The API keys that the person made in this tenant; the newest first."""


@object_type
class Session:
    """What a login gives."""

    access_token: str
    """For the header `Authorization: Bearer …`; short-lived."""
    refresh_token: str | None
    """To get the next pair with, once. Null after `switchTenant`: the one that you have stays good."""
    expires_at: datetime
    """When the access token ends."""
    viewer: Viewer | None = viewer_reference("user_id")
    """The account."""
    tenant: Annotated["Tenant", strawberry.lazy("graph.tenants")] | None = viewer_reference("tenant_id")
    """The tenant that was entered. Without one, only the account can be used, `createTenant` and `switchTenant`."""


@object_type
class SessionsEnded:
    """What a logout gives."""

    count: int
    """How many sessions ended."""


@object_type
class Queries:
    """The account at the root."""

    viewer: Viewer | None = viewer_reference("user_id")
    """The account that asks; null when nobody is logged in."""


@input_type
class RegisterInput:
    """A new account."""

    email: str
    """The address to log in with, up to 255 characters."""
    full_name: str
    """What the person is called: 1 to 100 characters."""
    password: str
    """8 to 128 characters, among them an upper-case letter, a digit and one of !@#$%^&*()."""


@input_type
class LoginInput:
    """Who logs in, and where to."""

    email: str
    """The account's address."""
    password: str
    """Its password."""
    tenant: str | None = UNSET
    """The slug of the tenant to enter; without it, the only one that the person belongs to, if it is one."""


@input_type
class RefreshInput:
    """The refresh token to exchange."""

    refresh_token: str
    """The one from the last Session; it is good once."""


@input_type
class SwitchTenantInput:
    """Which tenant is entered."""

    tenant: str
    """Its slug."""


@input_type
class UpdateViewerInput:
    """What changes about the account."""

    full_name: str
    """What the person is called: 1 to 100 characters."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class ChangePasswordInput:
    """The old and the new password."""

    current_password: str
    """The one in use."""
    new_password: str
    """8 to 128 characters, among them an upper-case letter, a digit and one of !@#$%^&*()."""


@input_type
class RevokeSessionInput:
    """Which session ends."""

    id: strawberry.ID = id_of("LoginSession")
    """One of the viewer's own."""


RegisterResult = Annotated[Session | InvalidInput | AlreadyExists | RateLimited, result_union("Register")]
LoginResult = Annotated[Session | InvalidCredentials | InvalidInput | RateLimited, result_union("Login")]
RefreshResult = Annotated[Session | InvalidToken, result_union("Refresh")]
SwitchTenantResult = Annotated[Session | InvalidInput, result_union("SwitchTenant")]
UpdateViewerResult = Annotated[Viewer | InvalidInput | VersionConflict, result_union("UpdateViewer")]
ChangePasswordResult = Annotated[
    SessionsEnded | InvalidCredentials | InvalidInput | RateLimited, result_union("ChangePassword")
]
RevokeSessionResult = Annotated[SessionsEnded | NotFound, result_union("RevokeSession")]


def _switch_to_session(context: Context, issued: sessions.IssuedSession) -> Session:
    context.switch_identity(issued.identity)
    return Session(access_token=issued.access_token, refresh_token=issued.refresh_token, expires_at=issued.expires_at)


@mutation_without_transaction(RegisterResult)
async def register(context: Context, input: RegisterInput) -> Session:
    """Make an account and log it in; a link to confirm the address is mailed there.

    It belongs to no tenant yet: found one, or accept an invitation.
    """
    origin = context.actor.identity.without_user()
    return _switch_to_session(context, await accounts.register(context, context.auth, origin, **to_kwargs(input)))


@mutation_without_transaction(LoginResult)
async def login(context: Context, input: LoginInput) -> Session:
    """Log in."""
    origin = context.actor.identity.without_user()
    return _switch_to_session(context, await sessions.login(context, context.auth, origin, **to_kwargs(input)))


@mutation_without_transaction(RefreshResult)
async def refresh(context: Context, input: RefreshInput) -> Session:
    """Exchange a refresh token for a new pair. Using one twice ends the session, except within seconds of the first."""
    origin = context.actor.identity.without_user()
    return _switch_to_session(context, await sessions.refresh(context, context.auth, origin, **to_kwargs(input)))


@mutation_without_transaction(SwitchTenantResult)
async def switch_tenant(context: Context, input: SwitchTenantInput) -> Session:
    """Enter another tenant of the viewer's: gives a new access token for it."""
    opened = await context.write(
        lambda session: sessions.switch_tenant(session, context.actor, context.auth, **to_kwargs(input))
    )
    return _switch_to_session(context, opened)


@mutation_without_transaction(ChangePasswordResult)
async def change_password(context: Context, input: ChangePasswordInput) -> SessionsEnded:
    """Set a new password; every other session ends, and links that were mailed work no longer."""
    ended = await accounts.change_password(context, context.auth, context.actor, **to_kwargs(input))
    return SessionsEnded(count=ended)


@mutation(UpdateViewerResult)
async def update_viewer(session: WriteSession, actor: Actor, input: UpdateViewerInput) -> models.User:
    """Change the viewer's own account."""
    return await accounts.update(session, actor, **to_kwargs(input))


@mutation(RevokeSessionResult)
async def revoke_session(session: WriteSession, actor: Actor, input: RevokeSessionInput) -> SessionsEnded:
    """End one of the viewer's sessions; its tokens stop working at once."""
    return SessionsEnded(count=await sessions.revoke_session(session, actor, **to_kwargs(input)))


@mutation(SessionsEnded)
async def logout(session: WriteSession, actor: Actor) -> SessionsEnded:
    """End this session; its tokens stop working at once."""
    return SessionsEnded(count=await sessions.logout(session, actor))


@mutation(SessionsEnded)
async def logout_everywhere(session: WriteSession, actor: Actor) -> SessionsEnded:
    """End all of the viewer's sessions, this one too; their tokens stop working at once."""
    return SessionsEnded(count=await sessions.logout_everywhere(session, actor))


MUTATIONS = [
    register,
    login,
    refresh,
    logout,
    logout_everywhere,
    switch_tenant,
    change_password,
    update_viewer,
    revoke_session,
]
