"""Tenants in GraphQL: the organisation, its people, and how they come and go."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.connection import Connection
from graph.fields.descriptions import input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import AlreadyExists, IllegalTransition, InvalidInput, InvalidToken, NotFound, VersionConflict
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation, mutation_without_transaction
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_many, to_one
from graph.fields.sorting import order_input
from graph.fields.viewer import one_time_secret, viewer_reference
from graph.runtime.context import Context
from models import Role
from models.database import WriteSession
from services import invitations, tenants
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.orders import Order
    from graph.tasks import Task

__all__ = ["DOMAIN", "Invitation", "Membership", "Queries", "ReceivedInvitation", "Tenant", "User"]


@backed_by(invitations.INVITATIONS, listed_as="invitations")
class Invitation(Node):
    """An invitation for one e-mail address to join the tenant; can be accepted once, until it expires.

    Visible to admins and owners.
    """

    email: str | None
    """E-mail address that the invitation is addressed to; never null. Nullable in the schema so that it can be selected
    together with `User.email`."""
    role: Role
    """Role that the invited person gets in the tenant."""
    created_at: datetime
    expires_at: datetime | None
    """Date and time the invitation expires (UTC), after which it cannot be accepted; never null. Nullable in the schema
    so that it can be selected together with `ApiKey.expiresAt`."""
    token: str | None = one_time_secret()
    """Secret token with which the invitation is accepted; returned only by the `inviteMember` or `createUsers` call
    that created the invitation, null in every later response."""


@backed_by(invitations.RECEIVED_INVITATIONS, is_node=False)
class ReceivedInvitation:
    """An open invitation that was sent to the viewer's e-mail address.

    `acceptInvitation` accepts it with the token from the e-mail.
    """

    role: Role
    """Role that the viewer gets by accepting the invitation."""
    created_at: datetime
    expires_at: datetime
    """Date and time until which the received invitation can be accepted (UTC)."""


@backed_by(tenants.TENANTS)
class Tenant(Node):
    """A tenant: an organisation with its own members and data, which no other tenant can see.

    Visible to its members.
    """

    name: str
    """Name of the tenant: 1 to 100 characters, unique ignoring case."""
    slug: str
    """Slug of the tenant, for links and for choosing the tenant in `login` and `switchTenant`: 1 to 50 of a-z, 0-9 and
    hyphens, unique; never changes."""
    is_active: bool
    """Whether the tenant is active; an inactive tenant cannot be used."""
    created_at: datetime
    updated_at: datetime
    version: int


@backed_by(tenants.OWN_TENANTS, is_node=False)
class MembershipTenant:
    """Public facts of a tenant that the viewer is a member of, readable without switching to the tenant."""

    name: str
    """Name of the member's tenant, 1 to 100 characters."""
    slug: str
    """Slug of the member's tenant, for the input of `switchTenant`; lower case, unique."""


@backed_by(tenants.MEMBERSHIPS, is_node=False)
class Membership:
    """A membership of the viewer in one tenant; only active memberships are listed."""

    role: Role
    """Role of the viewer in the tenant of the membership."""
    created_at: datetime
    tenant: MembershipTenant = to_one("tenant_id")
    """Tenant of the membership, with what its members know before they switch to it."""


@input_type
class UserFilter:
    """Conditions that listed users must meet; all given conditions apply.

    Former members are listed only on request.
    """

    text: str | None = UNSET
    """Text that the full name of listed users must contain, ignoring case; at most 255 characters."""
    email: str | None = UNSET
    """E-mail address of the listed user, ignoring case. For admins and owners; others get the error FORBIDDEN."""
    role: Role | None = UNSET
    """Role that listed users must have."""
    is_active: bool | None = UNSET
    """Whether listed users may use the tenant (true) or may not (false)."""
    is_former: bool | None = UNSET
    """Whether listed users are former members; false by default."""


UserOrder = order_input(
    tenants.USERS,
    name="User",
    plural="users",
    default="by full name",
    created_at="the date and time they first joined the tenant",
)


@backed_by(
    tenants.USERS,
    filter=UserFilter,
    order=UserOrder,
    listed_as="users",
    mutations={"change_role": "changeMemberRole", "remove": "removeMember", "set_active": "setUsersActive"},
)
class User(Node):
    """A user: a current or former member of the tenant.

    Visible to all members; never deleted, so that their work keeps a name.
    """

    full_name: str
    """Full name of the user, 1 to 100 characters."""
    email: str | None
    """E-mail address of the user; null unless the viewer is that user, an admin or an owner."""
    role: Role
    """Role of the user in the tenant."""
    is_active: bool
    """Whether the user may use the tenant; `setUsersActive` changes it."""
    is_former: bool
    """Whether the user has left the tenant or was removed from it."""
    created_at: datetime
    """Date and time the user first joined the tenant (UTC)."""
    updated_at: datetime
    """Date and time the membership of the user last changed (UTC)."""
    version: int
    tasks: Connection[Annotated["Task", strawberry.lazy("graph.tasks")]] = to_many("assignee_id", key="user_id")
    """Tasks that are assigned to the user, newest first."""
    orders: Connection[Annotated["Order", strawberry.lazy("graph.orders")]] = to_many("user_id", key="user_id")
    """Orders that the user placed, newest first; members see only their own orders, admins and owners all."""


@object_type
class Queries:
    """The tenant at the root."""

    tenant: Tenant | None = viewer_reference("tenant_id")
    """Tenant that the session has entered, or that the API key belongs to; null if none."""
    users: Connection[User] = connection()
    """Users who are members of the tenant, sorted by name by default; former members only if the filter asks for
    them."""
    invitations: Connection[Invitation] = connection()
    """Open invitations of the tenant, newest first; for admins and owners."""


@input_type
class CreateTenantInput:
    """Fields of the tenant to create; the viewer becomes its owner."""

    name: str
    """Name of the tenant to create, 1 to 100 characters; unique among all tenants, ignoring case."""
    slug: str
    """Slug of the tenant to create, its short name in links: 1 to 50 characters of a-z, 0-9 and hyphens, with no hyphen
    at the start or end; unique among all tenants."""


@input_type
class UpdateTenantInput:
    """Input of `updateTenant`: fields of the current tenant to update."""

    name: str
    """New name of the tenant: 1 to 100 characters, unique ignoring case."""
    expected_version: int | None = UNSET


@input_type
class InviteMemberInput:
    """Person to invite to the tenant; for admins and owners."""

    email: str
    """E-mail address of the person to invite, whether or not they already have an account; up to 255 characters, stored
    in lower case."""
    role: Role = Role.MEMBER
    """Role that the invited person will get; MEMBER if omitted. Only owners may invite owners."""


@input_type
class RevokeInvitationInput:
    """Input of `revokeInvitation`: the invitation to revoke."""

    id: strawberry.ID = id_of("Invitation")
    """Global ID of the invitation to revoke; the invitation must be open: not accepted, revoked or expired."""


@input_type
class AcceptInvitationInput:
    """Token of the invitation to accept."""

    token: str
    """Secret token of the invitation; the invitation must be open and addressed to the viewer's own e-mail address."""


@input_type
class ChangeMemberRoleInput:
    """Member of the tenant and the new role; only owners may give or take the role of an owner."""

    id: strawberry.ID = id_of("User")
    """Global ID of the User whose role is to change."""
    role: Role
    """New role of the member; the last active owner of a tenant must stay an owner."""
    expected_version: int | None = UNSET
    """Version of the member that the client last saw; if the member has changed since, nothing is written and a
    VersionConflict is returned. Omit it to change the role of the member without the check."""


@input_type
class RemoveMemberInput:
    """Input of `removeMember`: the member to remove from the tenant."""

    id: strawberry.ID = id_of("User")
    """Global ID of the user to remove from the tenant."""


@mutation(Tenant | InvalidInput | AlreadyExists, result="the created tenant")
async def create_tenant(session: WriteSession, actor: Actor, input: CreateTenantInput) -> models.Tenant:
    """Create a tenant with the viewer as its owner; `switchTenant` then gives access to it.

    Open to every logged-in account.
    """
    return await tenants.create(session, actor, **to_kwargs(input))


@mutation(Tenant | InvalidInput | AlreadyExists | VersionConflict, result="the updated tenant")
async def update_tenant(session: WriteSession, actor: Actor, input: UpdateTenantInput) -> models.Tenant:
    """Update the current tenant: its name.

    For admins and owners.
    """
    return await tenants.update(session, actor, **to_kwargs(input))


@mutation_without_transaction(
    Invitation | InvalidInput | AlreadyExists, result="the created invitation with its secret token"
)
async def invite_member(context: Context, input: InviteMemberInput) -> models.Invitation:
    """Invite a person to the tenant by e-mail; the token of the invitation is also returned, only in this response.

    An earlier open invitation to the address is revoked. For admins and owners; only owners invite owners.
    """
    invitation, token = await invitations.invite(
        context, context.auth, context.actor, **to_kwargs(input), lifetime=context.auth.invitation_lifetime
    )
    context.one_time_secrets[invitation.id] = token
    return invitation


@mutation(Invitation | NotFound, result="the revoked invitation")
async def revoke_invitation(session: WriteSession, actor: Actor, input: RevokeInvitationInput) -> models.Invitation:
    """Revoke an open invitation of the tenant; its token stops working.

    For admins and owners.
    """
    return await invitations.revoke(session, actor, **to_kwargs(input))


@mutation(Tenant | InvalidToken | AlreadyExists, result="the tenant that the viewer has joined")
async def accept_invitation(session: WriteSession, actor: Actor, input: AcceptInvitationInput) -> models.Tenant:
    """Accept an invitation to the viewer's e-mail address and become a member of its tenant.

    `switchTenant` then gives access to that tenant.
    """
    return await invitations.accept(session, actor, **to_kwargs(input))


@mutation(User | NotFound | IllegalTransition | VersionConflict, result="the member with the new role")
async def change_member_role(session: WriteSession, actor: Actor, input: ChangeMemberRoleInput) -> models.Membership:
    """Change the role of a member; the member's access tokens stop working until the next `refresh`.

    For admins and owners; only owners appoint or demote owners, and the last owner stays.
    """
    return await tenants.change_role(session, actor, **to_kwargs(input))


@mutation(User | NotFound | IllegalTransition, result="the removed member, now a former one")
async def remove_member(session: WriteSession, actor: Actor, input: RemoveMemberInput) -> models.Membership:
    """Remove a member from the tenant; what the member wrote stays, under the member's name.

    For admins and owners; only owners remove owners, and the last owner stays.
    """
    return await tenants.remove(session, actor, **to_kwargs(input))


@mutation(User | IllegalTransition, result="the viewer as a former member")
async def leave_tenant(session: WriteSession, actor: Actor) -> models.Membership:
    """End the viewer's own membership of the current tenant.

    The last owner cannot leave.
    """
    return await tenants.leave(session, actor)


DOMAIN = Domain(
    queries=Queries,
    mutations=[
        create_tenant,
        update_tenant,
        invite_member,
        revoke_invitation,
        accept_invitation,
        change_member_role,
        remove_member,
        leave_tenant,
    ],
)
