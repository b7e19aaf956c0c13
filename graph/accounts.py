"""Accounts in GraphQL: who I am, logging in and out."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.columns import column
from graph.fields.connection import Connection
from graph.fields.descriptions import enum, input_type, object_type, partial_enum
from graph.fields.domain import Domain
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
from graph.fields.viewer import equals_viewer, viewer_attribute, viewer_permissions, viewer_reference
from graph.runtime.context import Context
from models import SecurityEventType
from models.database import WriteSession
from services import accounts, permissions, sessions
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.api_keys import ApiKey
    from graph.tenants import Membership, ReceivedInvitation, Tenant, User

__all__ = ["DOMAIN", "LoginSession", "Queries", "SecurityEvent", "Session", "SessionsEnded", "Viewer"]

enum(SecurityEventType)

ShownPermission = partial_enum(permissions.Permission, without={permissions.Permission.SUPERUSER})
"""Without what everybody may ask: who is a superuser is told by `Viewer.isSuperuser`."""


@backed_by(sessions.SESSIONS)
class LoginSession(Node):
    """A login session of the viewer on one device, from login to logout or expiry; visible only to the viewer."""

    created_at: datetime
    """Date and time the session was created by a login (UTC)."""
    refreshed_at: datetime = column("rotated_at")
    """Date and time the session was last refreshed (UTC); the time of the login if never."""
    expires_at: datetime | None
    """Date and time the session expires (UTC) if it is not refreshed before; never null. Nullable in the schema so that
    it can be selected together with `ApiKey.expiresAt`."""
    ip: str | None
    """IP address from which the session was opened; null if unknown."""
    user_agent: str | None
    """`User-Agent` header of the client that opened the session; null if none was sent."""
    is_current: bool = equals_viewer("id", "session_id")
    """True if this session is the one that sent the request."""


@backed_by(accounts.SECURITY_EVENTS)
class SecurityEvent(Node):
    """A security event of the viewer's account, such as a login or a new password, recorded by the database.

    Visible only to the viewer. Security events are never changed.
    """

    event_type: SecurityEventType = column("type")
    """Type of the security event: what happened to the account."""
    created_at: datetime
    """Date and time the security event happened (UTC)."""
    email: str | None
    """E-mail address of the account after the security event; never null. Nullable in the schema so that it can be
    selected together with `User.email`."""
    operation: str
    """Operation that caused the security event: the name of the mutation, such as `changePassword`; empty if an
    operator caused it."""
    ip: str | None
    """IP address of the client that caused the security event; null if somebody else caused it, such as an operator."""
    user_agent: str | None
    """`User-Agent` header of the client that caused the security event; null if none was sent, or if somebody else
    caused it."""


@backed_by(accounts.VIEWERS, is_node=False)
class Viewer:
    """The logged-in account that sends the request; visible only to itself, and not available with an API key."""

    id: strawberry.ID = column()
    """ID of the viewer's account; not a global ID, so `node` does not find it. Members of a tenant are identified by
    `User.id`."""
    email: str
    """E-mail address of the viewer, used to log in; lower case, at most 255 characters."""
    full_name: str
    """Full name of the viewer, 1 to 100 characters."""
    is_active: bool
    """Whether the viewer's account is active; an inactive account cannot log in."""
    is_superuser: bool
    """Whether the viewer is a superuser, who may see and suspend all accounts and tenants; this gives no access to what
    any tenant owns."""
    email_verified_at: datetime | None
    """Date and time the viewer verified the e-mail address through a mailed link (UTC); null until then."""
    last_login: datetime | None
    """Date and time of the viewer's last login (UTC); null if the viewer has never logged in."""
    created_at: datetime
    """Date and time the viewer's account was created (UTC)."""
    updated_at: datetime
    """Date and time the viewer's account last changed (UTC)."""
    version: int
    """Version of this object: 1 at first, one more with each change; send it as `expectedVersion` to detect
    concurrent changes."""
    user: Annotated["User", strawberry.lazy("graph.tenants")] | None = viewer_reference(
        "user_id", "user_id", needs="tenant_id"
    )
    """User that the viewer is in the tenant of the current session, as tasks and orders name them; null if the session
    has no tenant."""
    permissions: list[ShownPermission] = viewer_permissions(ShownPermission)  # type: ignore[valid-type]  # made from another enum
    """Permissions of the viewer in the tenant of the current session; what needs the state of an object as well is told
    by `viewerCan` of the object."""
    role: models.Role | None = viewer_attribute("role")
    """Role of the viewer in the tenant of the current session; null if the session has no tenant."""
    tenant: Annotated["Tenant", strawberry.lazy("graph.tenants")] | None = viewer_reference("tenant_id")
    """Tenant of the viewer's current session; null if the session has no tenant."""
    memberships: Connection[Annotated["Membership", strawberry.lazy("graph.tenants")]] = connection()
    """Active memberships of the viewer, oldest first; `switchTenant` takes the slug of any of their tenants."""
    sessions: Connection[LoginSession] = connection()
    """Login sessions of the viewer on all devices that have not ended, newest first."""
    security_events: Connection[SecurityEvent] = connection()
    """Security events of the viewer's account, newest first: registration, logins, sessions that were ended, changes of
    password and e-mail address, suspensions."""
    invitations: Connection[Annotated["ReceivedInvitation", strawberry.lazy("graph.tenants")]] = connection()
    """Open invitations to the viewer's e-mail address, from all tenants, newest first."""
    api_keys: Connection[Annotated["ApiKey", strawberry.lazy("graph.api_keys")]] = to_many("created_by")
    """API keys that the viewer created in the current tenant and that are not revoked, newest first."""


@object_type
class Session:
    """An open session after logging in, with the tokens that authenticate its requests."""

    access_token: str
    """Access token (JWT) for the header `Authorization: Bearer <token>`; short-lived, see `expiresAt`."""
    refresh_token: str | None
    """Refresh token for the next `refresh`; it can be used once. Null after `switchTenant`, where the current refresh
    token stays valid, for the tenant that it was issued for."""
    expires_at: datetime
    """Date and time the access token of the session expires (UTC); use `refresh` before then."""
    viewer: Viewer = viewer_reference("user_id")
    """Account that the session belongs to."""
    tenant: Annotated["Tenant", strawberry.lazy("graph.tenants")] | None = viewer_reference("tenant_id")
    """Tenant that the access token of the session is for; null if none was chosen: then only the account,
    `createTenant`, `acceptInvitation` and `switchTenant` can be used."""


@object_type
class SessionsEnded:
    """Number of login sessions that a mutation ended."""

    count: int
    """Number of login sessions that ended; their tokens no longer work."""


@object_type
class Queries:
    """The account at the root."""

    viewer: Viewer | None = viewer_reference("user_id")
    """Account of the viewer, the person who is logged in; null if nobody is logged in. Not available to requests with
    an API key."""


@input_type
class RegisterInput:
    """Input of `register`: fields of the account to create."""

    email: str
    """E-mail address of the account to create, used to log in: at most 255 characters, unique, stored in lower case."""
    full_name: str
    """Full name of the person whose account is created: 1 to 100 characters."""
    password: str
    """Password of the account to create: 8 to 128 characters, with at least one upper-case letter, one digit and one of
    !@#$%^&*()."""


@input_type
class LoginInput:
    """Credentials for the login, and the tenant to enter."""

    email: str
    """E-mail address of the account for the login; upper and lower case are not distinguished."""
    password: str
    """Password of the account to log in to."""
    tenant: str | None = UNSET
    """Slug of the tenant to enter; null to enter the only tenant of the account, or none if the account belongs to no
    or several tenants."""


@input_type
class RefreshInput:
    """Input of `refresh`: the refresh token to exchange."""

    refresh_token: str
    """Refresh token of the session, from the last `login`, `register` or `refresh`; it can be used once."""
    tenant: str | None = UNSET
    """Slug of the tenant for which the new tokens are issued, at most 50 characters; null for the tenant of the given
    refresh token."""


@input_type
class SwitchTenantInput:
    """Input of `switchTenant`: the tenant to use from now on."""

    tenant: str
    """Slug of the tenant to switch to, ignoring case; the viewer must be an active member."""


@input_type
class UpdateViewerInput:
    """Input of `updateViewer`: fields of the viewer's account to update."""

    full_name: str
    """New full name of the viewer: 1 to 100 characters."""
    expected_version: int | None = UNSET
    """Version of the viewer's account that the client last saw; if the viewer's account has changed since, nothing is
    written and a VersionConflict is returned. Omit it to write without the check."""


@input_type
class ChangePasswordInput:
    """Current and new password of the viewer's account."""

    current_password: str
    """Current password of the viewer's account."""
    new_password: str
    """New password of the viewer's account: 8 to 128 characters, with at least one upper-case letter, one digit and one
    of !@#$%^&*()."""


@input_type
class RevokeSessionInput:
    """Input of `revokeSession`: the login session to end."""

    id: strawberry.ID = id_of("LoginSession")
    """Global ID of the login session to end, one of `viewer.sessions`."""


def _switch_to_session(context: Context, issued: sessions.IssuedSession) -> Session:
    context.switch_identity(issued.identity)
    return Session(access_token=issued.access_token, refresh_token=issued.refresh_token, expires_at=issued.expires_at)


@mutation_without_transaction(
    Session | InvalidInput | AlreadyExists | RateLimited, result="the session of the new account"
)
async def register(context: Context, input: RegisterInput) -> Session:
    """Create an account, log it in and mail a link that verifies its e-mail address.

    Open to everyone. The account has no tenant yet: use `createTenant` or `acceptInvitation`.
    """
    origin = context.actor.identity.without_user()
    return _switch_to_session(context, await accounts.register(context, context.auth, origin, **to_kwargs(input)))


@mutation_without_transaction(
    Session | InvalidCredentials | InvalidInput | RateLimited, result="the new session with its tokens"
)
async def login(context: Context, input: LoginInput) -> Session:
    """Log in with an e-mail address and a password, and open a session.

    Open to everyone; failed attempts are limited.
    """
    origin = context.actor.identity.without_user()
    return _switch_to_session(context, await sessions.login(context, context.auth, origin, **to_kwargs(input)))


@mutation_without_transaction(Session | InvalidToken | InvalidInput, result="the session with its new tokens")
async def refresh(context: Context, input: RefreshInput) -> Session:
    """Exchange a refresh token for a new access token and a new refresh token.

    The new tokens are for the tenant of the given refresh token unless another tenant is named. A refresh token works
    once: used again within seconds (60 by default) and before the new refresh token is used, it gives the same new one;
    used again later it ends the session.
    """
    origin = context.actor.identity.without_user()
    return _switch_to_session(context, await sessions.refresh(context, context.auth, origin, **to_kwargs(input)))


@mutation_without_transaction(Session | InvalidInput, result="the session with an access token for the tenant")
async def switch_tenant(context: Context, input: SwitchTenantInput) -> Session:
    """Issue an access token of the current session for another tenant of the viewer.

    The refresh token stays valid for the tenant that it was issued for; name the tenant to `refresh` to stay in it. A
    refresh token that was issued for no tenant is for this one from then on.
    """
    opened = await context.write(
        lambda session: sessions.switch_tenant(session, context.actor, context.auth, **to_kwargs(input))
    )
    return _switch_to_session(context, opened)


@mutation_without_transaction(
    SessionsEnded | InvalidCredentials | InvalidInput | RateLimited,
    result="the number of other sessions of the viewer that were ended",
)
async def change_password(context: Context, input: ChangePasswordInput) -> SessionsEnded:
    """Change the viewer's password.

    All other sessions of the viewer end, and mailed links for a password reset or an e-mail change stop working.
    """
    ended = await accounts.change_password(context, context.auth, context.actor, **to_kwargs(input))
    return SessionsEnded(count=ended)


@mutation(Viewer | InvalidInput | VersionConflict, result="the updated account of the viewer")
async def update_viewer(session: WriteSession, actor: Actor, input: UpdateViewerInput) -> models.User:
    """Update the viewer's own account: the full name."""
    return await accounts.update(session, actor, **to_kwargs(input))


@mutation(SessionsEnded | NotFound, result="the number of login sessions that ended")
async def revoke_session(session: WriteSession, actor: Actor, input: RevokeSessionInput) -> SessionsEnded:
    """End one login session of the viewer; its tokens stop working at once."""
    return SessionsEnded(count=await sessions.revoke_session(session, actor, **to_kwargs(input)))


@mutation(SessionsEnded)
async def logout(session: WriteSession, actor: Actor) -> SessionsEnded:
    """End the current session; its tokens stop working at once."""
    return SessionsEnded(count=await sessions.logout(session, actor))


@mutation(SessionsEnded)
async def logout_everywhere(session: WriteSession, actor: Actor) -> SessionsEnded:
    """End all sessions of the viewer, including the current one; their tokens stop working at once."""
    return SessionsEnded(count=await sessions.logout_everywhere(session, actor))


DOMAIN = Domain(
    queries=Queries,
    mutations=[
        register,
        login,
        refresh,
        logout,
        logout_everywhere,
        switch_tenant,
        change_password,
        update_viewer,
        revoke_session,
    ],
)
