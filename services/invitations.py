"""The rules of invitations: how people come to belong to a tenant."""

from collections.abc import Collection as AnyOf
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, and_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import Invitation, Membership, Role, Tenant, User
from models.base import new_id, now, table_of
from models.database import WriteSession, assume, fetch
from services import security
from services.accounts import email_address
from services.authentication import Door, Units
from services.errors import AlreadyExists, InvalidToken, NotFound
from services.permissions import TENANT_ID, USER_ID, Actor, Permission, permitted
from services.queries.collection import Collection, Order
from services.validation import checking
from services.writes.bulk import arrays, inserted

__all__ = [
    "INVITATIONS",
    "MEMBER_ALREADY",
    "RECEIVED",
    "accept",
    "invite",
    "invite_all",
    "members_among",
    "revoke",
    "supersede",
    "tenant_name",
]

INVITATION = "inv"
MEMBER_ALREADY = "This person is a member already."

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
    units: Units, door: Door, actor: Actor, *, email: str, role: Role = Role.MEMBER, lifetime: timedelta
) -> tuple[Invitation, str]:
    """Invite somebody by a letter, known to Atrium or not, with the same outcome; give the invitation and its token.

    An earlier open invitation to the same address is revoked. The letter leaves after the commit.

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

    async def work(session: WriteSession) -> tuple[Invitation, str, str]:
        if await members_among(session, actor, [email]):
            raise AlreadyExists("email", MEMBER_ALREADY)
        await supersede(session, actor, [email])
        invited = await invite_all(session, actor, {email: role}, lifetime=lifetime)
        return (*invited[email], await tenant_name(session, actor))

    invitation, token, tenant = await units.write(work)
    door.post.mailer.post(door.post.invitation(email, tenant, token, lifetime))
    return invitation, token


async def tenant_name(session: WriteSession, actor: Actor) -> str:
    """What an invitation says that it is to."""
    actor.require(Permission.MEMBERS_WRITE)
    name = select(col(Tenant.name)).where(col(Tenant.id) == actor.identity.tenant_id)
    return str((await session.exec(name)).scalar_one())


async def invite_all(
    session: WriteSession, actor: Actor, roles: Mapping[str, Role], *, lifetime: timedelta
) -> dict[str, tuple[Invitation, str]]:
    """Invite people by their checked e-mail addresses, none of them a member, by one statement.

    Gives each one's invitation and token, by the address.

    Raises:
        Forbidden: inviting an owner is for owners.
    """
    actor.require(Permission.MEMBERS_WRITE)
    if Role.OWNER in roles.values():
        actor.require(Permission.OWNERS_WRITE)
    if not roles:
        return {}
    assert actor.identity.tenant_id is not None
    tokens = {email: security.OpaqueToken.make(INVITATION, actor.identity.tenant_id, new_id()) for email in roles}
    same = {
        "tenant_id": actor.identity.tenant_id,
        "invited_by": actor.identity.user_id,
        "expires_at": now() + lifetime,
    }
    rows = [
        {"id": token.id, "email": email, "role": roles[email], "digest": token.digest, **same}
        for email, token in tokens.items()
    ]
    made = inserted(Invitation, list(rows[0])).returning(*table_of(Invitation).c)
    invitations = await fetch(session, Invitation, made, arrays("given", rows))
    return {invitation.email: (invitation, tokens[invitation.email].text) for invitation in invitations}


async def supersede(session: WriteSession, actor: Actor, emails: AnyOf[str]) -> None:
    """Revoke the tenant's open invitations to these addresses, since something newer takes their place."""
    actor.require(Permission.MEMBERS_WRITE)
    theirs = (
        select(col(Invitation.id))
        .where(col(Invitation.tenant_id) == actor.identity.tenant_id, OPEN, _any_of(col(Invitation.email)))
        .order_by(col(Invitation.id))
        .with_for_update()
    )
    which = col(Invitation.id) == func.any(func.array(theirs.scalar_subquery()))
    await _close(session, actor, which, {"emails": list(emails)})


async def members_among(session: WriteSession, actor: Actor, emails: AnyOf[str]) -> set[str]:
    """Those of the addresses that belong to members of the tenant, active or not."""
    actor.require(Permission.MEMBERS_WRITE)
    theirs = select(col(Membership.email)).where(
        col(Membership.tenant_id) == actor.identity.tenant_id,
        col(Membership.is_former).is_(False),
        _any_of(col(Membership.email)),
    )
    return set((await session.exec(theirs, params={"emails": list(emails)})).scalars())


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


async def _close(
    session: WriteSession, actor: Actor, which: Any, params: Mapping[str, Any] | None = None
) -> list[Invitation]:
    """Revoke those of the tenant's open invitations for which a condition holds."""
    closed = update(Invitation).where(col(Invitation.tenant_id) == actor.identity.tenant_id, OPEN, which)
    returning = closed.values(revoked_at=now()).returning(*table_of(Invitation).c)
    return await fetch(session, Invitation, returning, params)


def _any_of(email: Any) -> Any:
    return email == func.any(bindparam("emails", type_=ARRAY(Text())))
