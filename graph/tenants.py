"""Tenants in GraphQL: the organisation, its people, and how they come and go."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

import models
from graph.fields.connection import Connection, OrderDirection
from graph.fields.descriptions import enum, input_type, object_type, result_union
from graph.fields.errors import AlreadyExists, IllegalTransition, InvalidInput, InvalidToken, NotFound, VersionConflict
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation, mutation_without_transaction
from graph.fields.node import Node, backed_by
from graph.fields.relations import connection, to_many, to_one
from graph.fields.viewer import one_time_secret, viewer_reference
from graph.runtime.context import Context
from models import Role
from models.database import WriteSession
from services import invitations, tenants
from services.permissions import Actor

if TYPE_CHECKING:
    from graph.orders import Order
    from graph.tasks import Task

__all__ = [
    "MUTATIONS",
    "Invitation",
    "Membership",
    "Queries",
    "ReceivedInvitation",
    "Tenant",
    "User",
    "UserFilter",
    "UserOrder",
]


@backed_by(invitations.INVITATIONS)
class Invitation(Node):
    """An offer to join a tenant, to one e-mail address; good once."""

    email: str
    """Whom it is addressed to."""
    role: Role
    """What they will be."""
    created_at: datetime
    """When it was made."""
    expires_at: datetime
    """Until when it can be accepted."""
    token: str | None = one_time_secret()
    """What it is accepted with. Shown once, in the answer of `inviteMember` or `createUsers`; null ever after."""


@backed_by(invitations.RECEIVED_INVITATIONS)
class ReceivedInvitation:
    """An invitation that the viewer received; it is accepted with the token that came with it."""

    role: Role
    """What they would be."""
    created_at: datetime
    """When it was made."""
    expires_at: datetime
    """Until when it can be accepted."""


@backed_by(tenants.TENANTS)
class Tenant(Node):
    """An organisation. Everything in it is walled off from every other."""

    name: str
    """What it is called; unique, whatever its case."""
    slug: str
    """Its short name in links, and for logging in."""
    is_active: bool
    """Whether it may be used."""
    created_at: datetime
    """When it was founded."""
    updated_at: datetime
    """When it last changed."""
    version: int
    """How often it changed; for `expectedVersion`."""


@backed_by(tenants.OWN_TENANTS)
class MembershipTenant:
    """A tenant that the viewer belongs to, seen from outside."""

    name: str
    """What it is called."""
    slug: str
    """Its short name; for `switchTenant`."""


@backed_by(tenants.MEMBERSHIPS)
class Membership:
    """Where the viewer belongs."""

    role: Role
    """As what."""
    created_at: datetime
    """Since when."""
    tenant: MembershipTenant | None = to_one("tenant_id")
    """To which tenant."""


@backed_by(tenants.USERS)
class User(Node):
    """A person as a member of this tenant, or a former one."""

    full_name: str
    """What the person is called."""
    email: str | None
    """Their address; null unless it is your own or you manage members."""
    role: Role
    """What they may do."""
    is_active: bool
    """Whether they may use this tenant."""
    is_former: bool
    """Whether they have left, or were removed."""
    created_at: datetime
    """When they joined."""
    updated_at: datetime
    """When this last changed."""
    version: int
    """How often it changed; for `expectedVersion`."""
    tasks: Connection[Annotated["Task", strawberry.lazy("graph.tasks")]] = to_many("assignee_id", key="user_id")
    """The tasks that are assigned to them."""
    orders: Connection[Annotated["Order", strawberry.lazy("graph.orders")]] = to_many("user_id", key="user_id")
    """What they ordered; only your own, unless you manage orders."""


@input_type
class UserFilter:
    """Which people are listed. Without `isFormer`: those who belong to the tenant now."""

    text: str | None = UNSET
    """Those whose name holds this, in any case."""
    email: str | None = UNSET
    """The one with this address. For admins and owners."""
    role: Role | None = UNSET
    """Those with this role."""
    is_active: bool | None = UNSET
    """Those who may use the tenant, or those who may not."""
    is_former: bool | None = UNSET
    """Those who have left, or those who have not (the default)."""


@enum
class UserOrderField(Enum):
    """What people can be sorted by."""

    CREATED_AT = "created_at"
    FULL_NAME = "full_name"


@input_type
class UserOrder:
    """How people are sorted; by default by name."""

    field: UserOrderField
    """By what."""
    direction: OrderDirection = OrderDirection.ASC
    """Which way."""


@object_type
class Queries:
    """The tenant at the root."""

    tenant: Tenant | None = viewer_reference("tenant_id")
    """The tenant that this session has entered; null without one."""
    users: Connection[User] = connection()
    """The tenant's people."""
    invitations: Connection[Invitation] = connection()
    """The tenant's open invitations. For admins and owners."""


@input_type
class CreateTenantInput:
    """A new tenant."""

    name: str
    """What it is called: 1 to 100 characters; unique, whatever its case."""
    slug: str
    """Its short name: 1 to 50 of a-z, 0-9 and hyphens; unique."""


@input_type
class UpdateTenantInput:
    """What changes about the tenant."""

    name: str
    """What it is called: 1 to 100 characters; unique, whatever its case."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class InviteMemberInput:
    """Who is invited."""

    email: str
    """Their address; whether Atrium knows it makes no difference."""
    role: Role = Role.MEMBER
    """What they will be."""


@input_type
class RevokeInvitationInput:
    """Which invitation is taken back."""

    id: strawberry.ID = id_of("Invitation")
    """An open one."""


@input_type
class AcceptInvitationInput:
    """Which invitation is accepted."""

    token: str
    """What came with it. It must be addressed to the viewer's own e-mail."""


@input_type
class ChangeMemberRoleInput:
    """Who gets another role."""

    id: strawberry.ID = id_of("User")
    """The member."""
    role: Role
    """What they will be."""
    expected_version: int | None = UNSET
    """The version that you saw; if it moved on, nothing changes and you get a VersionConflict."""


@input_type
class RemoveMemberInput:
    """Who is removed."""

    id: strawberry.ID = id_of("User")
    """The member."""


CreateTenantResult = Annotated[Tenant | InvalidInput | AlreadyExists, result_union("CreateTenant")]
UpdateTenantResult = Annotated[Tenant | InvalidInput | AlreadyExists | VersionConflict, result_union("UpdateTenant")]
InviteMemberResult = Annotated[Invitation | InvalidInput | AlreadyExists, result_union("InviteMember")]
RevokeInvitationResult = Annotated[Invitation | NotFound, result_union("RevokeInvitation")]
AcceptInvitationResult = Annotated[Tenant | InvalidToken | AlreadyExists, result_union("AcceptInvitation")]
ChangeMemberRoleResult = Annotated[
    User | NotFound | IllegalTransition | VersionConflict, result_union("ChangeMemberRole")
]
RemoveMemberResult = Annotated[User | NotFound | IllegalTransition, result_union("RemoveMember")]
LeaveTenantResult = Annotated[User | IllegalTransition, result_union("LeaveTenant")]


@mutation(CreateTenantResult)
async def create_tenant(session: WriteSession, actor: Actor, input: CreateTenantInput) -> models.Tenant:
    """Found a tenant, with the viewer as its owner. Enter it with `switchTenant`."""
    return await tenants.create(session, actor, **to_kwargs(input))


@mutation(UpdateTenantResult)
async def update_tenant(session: WriteSession, actor: Actor, input: UpdateTenantInput) -> models.Tenant:
    """Rename the tenant. For admins and owners."""
    return await tenants.update(session, actor, **to_kwargs(input))


@mutation_without_transaction(InviteMemberResult)
async def invite_member(context: Context, input: InviteMemberInput) -> models.Invitation:
    """Invite somebody, by mail; the token is shown here once, too. For admins; owners alone invite owners."""
    invitation, token = await invitations.invite(
        context, context.auth, context.actor, **to_kwargs(input), lifetime=context.auth.invitation_lifetime
    )
    context.one_time_secrets[invitation.id] = token
    return invitation


@mutation(RevokeInvitationResult)
async def revoke_invitation(session: WriteSession, actor: Actor, input: RevokeInvitationInput) -> models.Invitation:
    """Take an open invitation back. For admins and owners."""
    return await invitations.revoke(session, actor, **to_kwargs(input))


@mutation(AcceptInvitationResult)
async def accept_invitation(session: WriteSession, actor: Actor, input: AcceptInvitationInput) -> models.Tenant:
    """Join the tenant that an invitation offers. Enter it with `switchTenant`."""
    return await invitations.accept(session, actor, **to_kwargs(input))


@mutation(ChangeMemberRoleResult)
async def change_member_role(session: WriteSession, actor: Actor, input: ChangeMemberRoleInput) -> models.Membership:
    """Give a member another role. For admins; owners alone make and unmake owners."""
    return await tenants.change_role(session, actor, **to_kwargs(input))


@mutation(RemoveMemberResult)
async def remove_member(session: WriteSession, actor: Actor, input: RemoveMemberInput) -> models.Membership:
    """End somebody's membership; what they did stays, under their name. For admins; owners alone remove owners."""
    return await tenants.remove(session, actor, **to_kwargs(input))


@mutation(LeaveTenantResult)
async def leave_tenant(session: WriteSession, actor: Actor) -> models.Membership:
    """End the viewer's own membership. The last owner cannot leave."""
    return await tenants.leave(session, actor)


MUTATIONS = [
    create_tenant,
    update_tenant,
    invite_member,
    revoke_invitation,
    accept_invitation,
    change_member_role,
    remove_member,
    leave_tenant,
]
