"""The rules of invitations: how people come to belong to a tenant."""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import Invitation, Membership, Role, Tenant, User
from models.base import new_id, now, table_of
from models.database import WriteSession, assume, fetch
from services import security
from services.access import TENANT_ID, USER_ID, Actor, Permission, permitted
from services.accounts import email_address
from services.errors import AlreadyExists, InvalidToken, NotFound
from services.pagination import Collection, Order
from services.rows import inserted
from services.validation import checking

__all__ = ["INVITATIONS", "RECEIVED", "accept", "invite", "revoke"]

INVITATION = "inv"

OPEN = and_(
    col(Invitation.accepted_at).is_(None),
    col(Invitation.revoked_at).is_(None),
    col(Invitation.expires_at) > func.now(),
)


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """The tenant's open invitations."""
    permitted(permissions, Permission.MEMBERS_WRITE)
    return select(*table_of(Invitation).c).where(col(Invitation.tenant_id) == TENANT_ID, OPEN)


def received(permissions: AbstractSet[Permission]) -> Select[Any]:
    """The open invitations to the actor's own e-mail address, from all tenants."""
    permitted(permissions, Permission.ACCOUNT)
    mine = select(col(User.email)).where(col(User.id) == USER_ID).scalar_subquery()
    return select(*table_of(Invitation).c).where(col(Invitation.email) == mine, OPEN)


INVITATIONS = Collection(
    model=Invitation,
    visible=visible,
    filters={},
    orders={"created_at": Order.by(col(Invitation.created_at))},
    default_order=("created_at", True),
)

RECEIVED = replace(INVITATIONS, visible=received)


async def invite(
    session: WriteSession, actor: Actor, *, email: str, role: Role = Role.MEMBER, lifetime: timedelta
) -> tuple[Invitation, str]:
    """Invite somebody, known to Atrium or not, with the same outcome; give the invitation and its token.

    An earlier open invitation to the same address is revoked.

    Raises:
        Forbidden: inviting an owner is for owners.
        InvalidInput: no e-mail address.
        AlreadyExists: the person is a live member already.
    """
    actor.require(Permission.MEMBERS_WRITE)
    if role is Role.OWNER:
        actor.require(Permission.OWNERS_WRITE)
    with checking() as checks:
        email = email_address(checks, "email", email)
    here = col(Membership.tenant_id) == actor.identity.tenant_id
    member = select(col(Membership.id)).where(
        here, col(Membership.email) == email, col(Membership.is_former).is_(False)
    )
    if (await session.exec(member)).first() is not None:
        raise AlreadyExists("email", "This person is a member already.")
    await _close(session, actor, col(Invitation.email) == email)
    assert actor.identity.tenant_id is not None
    token = security.OpaqueToken.make(INVITATION, actor.identity.tenant_id, new_id())
    values = {
        "id": token.id,
        "email": email,
        "role": role,
        "digest": token.digest,
        "invited_by": actor.identity.user_id,
        "expires_at": now() + lifetime,
    }
    return await inserted(session, actor, Invitation, values), token.text


async def revoke(session: WriteSession, actor: Actor, *, id: UUID) -> Invitation:
    """Take an open invitation back.

    Raises:
        NotFound: no such open invitation.
    """
    actor.require(Permission.MEMBERS_WRITE)
    rows = await _close(session, actor, col(Invitation.id) == id)
    if not rows:
        raise NotFound
    return rows[0]


async def accept(session: WriteSession, actor: Actor, *, token: str) -> Tenant:
    """Join the tenant that the token invites to; it must be addressed to the actor's own e-mail.

    Whoever was a member before is one again, under the same name and id.

    Raises:
        InvalidToken: unknown, used, revoked, expired, addressed to somebody else, or the tenant is inactive.
        AlreadyExists: the actor is a live member already.
    """
    actor.require(Permission.ACCOUNT)
    presented = security.OpaqueToken.parse(token, INVITATION)
    if presented is None:
        raise InvalidToken
    await assume(session, presented=presented.id)
    mine = received(actor.permissions).where(
        col(Invitation.id) == presented.id, col(Invitation.tenant_id) == presented.owner
    )
    rows = await fetch(session, Invitation, mine.with_for_update(), {"user_id": actor.identity.user_id})
    if not rows or not presented.matches(rows[0].digest):
        raise InvalidToken
    return await _join(session, actor, rows[0])


async def _join(session: WriteSession, actor: Actor, invitation: Invitation) -> Tenant:
    await assume(session, tenant_id=invitation.tenant_id)
    tenants = select(*table_of(Tenant).c).where(col(Tenant.id) == invitation.tenant_id, col(Tenant.is_active))
    tenant = await fetch(session, Tenant, tenants)
    if not tenant:
        raise InvalidToken
    member = {"tenant_id": invitation.tenant_id, "id": new_id(), "user_id": actor.identity.user_id}
    joined = (
        insert(Membership)
        .values(**member, role=invitation.role, full_name="", email="")
        .on_conflict_do_update(
            index_elements=["tenant_id", "user_id"],
            set_={"role": invitation.role, "ended_at": None, "is_active": True},
            where=col(Membership.is_former).is_(True),
        )
    )
    if not (await session.exec(joined.returning(col(Membership.id)))).all():
        raise AlreadyExists("token", "You are a member already.")
    used = update(Invitation).where(
        col(Invitation.tenant_id) == invitation.tenant_id, col(Invitation.id) == invitation.id
    )
    await session.exec(used.values(accepted_at=now()))
    return tenant[0]


async def _close(session: WriteSession, actor: Actor, which: Any) -> list[Invitation]:
    """Revoke those of the tenant's open invitations for which a condition holds."""
    closed = update(Invitation).where(col(Invitation.tenant_id) == actor.identity.tenant_id, OPEN, which)
    return await fetch(session, Invitation, closed.values(revoked_at=now()).returning(*table_of(Invitation).c))
