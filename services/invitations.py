"""The rules of invitations: how people come to belong to a tenant."""

from collections.abc import Collection as AbstractCollection
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import Invitation, Membership, Role, Tenant, User
from models.base import CHANGE_TIME, new_id, table_of
from models.database import WriteSession, extend_context, fetch
from services import security
from services.abilities import Ability
from services.accounts import validate_email_address
from services.authentication import AuthConfig, Transactions
from services.errors import AlreadyExists, InvalidToken, NotFound
from services.permissions import ROLES, TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder
from services.validation import validating
from services.writes.bulk import insert_statement, unnest_params
from services.writes.rows import lock_tenant, lock_tenant_row

__all__ = [
    "INVITATIONS",
    "MEMBER_ALREADY",
    "RECEIVED_INVITATIONS",
    "accept",
    "invite",
    "invite_all",
    "member_emails_in",
    "revoke",
    "revoke_open",
    "revoke_unauthorized",
    "tenant_name",
]

INVITATION_TOKEN_KIND = "inv"  # noqa: S105  # a prefix, no secret
MEMBER_ALREADY = "This person is a member already."

PENDING = and_(col(Invitation.accepted_at).is_(None), col(Invitation.revoked_at).is_(None))
"""Neither accepted nor revoked, though it may have expired: of these an address has one at most."""

OPEN = and_(PENDING, col(Invitation.expires_at) > func.now())


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenant's open invitations."""
    require_permission(permissions, Permission.MEMBERS_WRITE)
    return select(*table_of(Invitation).c).where(col(Invitation.tenant_id) == TENANT_ID, OPEN)


def visible_received(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the open invitations to the actor's own e-mail address, from all tenants."""
    require_permission(permissions, Permission.ACCOUNT)
    mine = select(col(User.email)).where(col(User.id) == USER_ID).scalar_subquery()
    return select(*table_of(Invitation).c).where(col(Invitation.email) == mine, OPEN)


INVITATIONS = Collection(
    model=Invitation,
    visible=visible,
    filters={},
    orders={"created_at": SortOrder.newest_first(col(Invitation.created_at))},
    default_order=("created_at", True),
    abilities={"revoke": Ability.by(Permission.MEMBERS_WRITE, OPEN)},
)

RECEIVED_INVITATIONS = replace(INVITATIONS, visible=visible_received)


async def invite(
    transactions: Transactions,
    auth: AuthConfig,
    actor: Actor,
    *,
    email: str,
    role: Role = Role.MEMBER,
    lifetime: timedelta,
) -> tuple[Invitation, str]:
    """Invite somebody by an e-mail, known to Atrium or not, with the same outcome; give the invitation and its token.

    An earlier open invitation to the same address is revoked. The e-mail leaves after the commit.

    Raises:
        Forbidden: inviting an owner is for owners.
        InvalidInput: no e-mail address.
        AlreadyExists: the person is a live member already.
        SessionNotLive: the actor was removed or demoted while they waited for their turn.
    """
    actor.require(Permission.MEMBERS_WRITE)
    if role is Role.OWNER:
        actor.require(Permission.OWNERS_WRITE)
    with validating() as validator:
        email = validate_email_address(validator, "email", email)

    async def work(session: WriteSession) -> tuple[Invitation, str, str]:
        await lock_tenant(session, actor)
        if await member_emails_in(session, actor, [email]):
            raise AlreadyExists("email", MEMBER_ALREADY)
        await revoke_open(session, actor, [email])
        invited = await invite_all(session, actor, {email: role}, lifetime=lifetime)
        return (*invited[email], await tenant_name(session, actor))

    invitation, token, tenant = await transactions.write(work)
    auth.emails.mailer.send_later(auth.emails.invitation_message(email, tenant, token, lifetime))
    return invitation, token


async def tenant_name(session: WriteSession, actor: Actor) -> str:
    """Return the tenant's name as an invitation shows it."""
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
    tokens = {
        email: security.OpaqueToken.make(INVITATION_TOKEN_KIND, actor.identity.tenant_id, new_id()) for email in roles
    }
    same = {"tenant_id": actor.identity.tenant_id, "invited_by": actor.identity.user_id}
    rows = [
        {"id": token.id, "email": email, "role": roles[email], "digest": token.digest, **same}
        for email, token in tokens.items()
    ]
    until = func.clock_timestamp() + lifetime
    made = insert_statement(Invitation, list(rows[0]), same={"expires_at": until}).returning(*table_of(Invitation).c)
    invitations = await fetch(session, Invitation, made, unnest_params("given", rows))
    return {invitation.email: (invitation, tokens[invitation.email].text) for invitation in invitations}


async def revoke_open(session: WriteSession, actor: Actor, emails: AbstractCollection[str]) -> None:
    """Revoke the tenant's invitations to these addresses, since something newer takes their place."""
    actor.require(Permission.MEMBERS_WRITE)
    await _revoke_where(session, actor, _is_any_of_emails(col(Invitation.email)), {"emails": list(emails)})


async def revoke_unauthorized(session: WriteSession, actor: Actor, members: Sequence[Membership]) -> None:
    """Revoke what nobody stands behind any more, after these members of the tenant have changed.

    That is what they sent and may no longer grant; and what was sent to those who have left, lest it let them in again.
    """
    actor.require(Permission.TENANT_READ)
    powers = {
        member.user_id: ROLES[Role(member.role)] if member.is_active and not member.is_former else frozenset()
        for member in members
    }
    nothing = [user_id for user_id, allowed in powers.items() if Permission.MEMBERS_WRITE not in allowed]
    no_owners = [user_id for user_id, allowed in powers.items() if Permission.OWNERS_WRITE not in allowed]
    which = or_(
        col(Invitation.invited_by).in_(nothing),
        and_(col(Invitation.invited_by).in_(no_owners), col(Invitation.role) == Role.OWNER),
        _is_any_of_emails(col(Invitation.email)),
    )
    await _revoke_where(session, actor, which, {"emails": [member.email for member in members if member.is_former]})


async def member_emails_in(session: WriteSession, actor: Actor, emails: AbstractCollection[str]) -> set[str]:
    """Return which of the addresses belong to members of the tenant, active or not."""
    actor.require(Permission.MEMBERS_WRITE)
    theirs = select(col(Membership.email)).where(
        col(Membership.tenant_id) == actor.identity.tenant_id,
        col(Membership.is_former).is_(False),
        _is_any_of_emails(col(Membership.email)),
    )
    return set((await session.exec(theirs, params={"emails": list(emails)})).scalars())


async def revoke(session: WriteSession, actor: Actor, *, id: UUID) -> Invitation:
    """Take an open invitation back.

    Raises:
        NotFound: no such open invitation.
    """
    actor.require(Permission.MEMBERS_WRITE)
    rows = await _revoke_where(session, actor, and_(col(Invitation.id) == id, OPEN))
    if not rows:
        raise NotFound
    return rows[0]


async def accept(session: WriteSession, actor: Actor, *, token: str) -> Tenant:
    """Accept an invitation by its token; it must be addressed to the actor's own e-mail.

    Whoever was a member before is one again, under the same name and id.

    Raises:
        InvalidToken: unknown, used, revoked, expired, addressed to somebody else, or the tenant is inactive.
        AlreadyExists: the actor is a live member already.
    """
    actor.require(Permission.ACCOUNT)
    presented = security.OpaqueToken.parse(token, INVITATION_TOKEN_KIND)
    if presented is None:
        raise InvalidToken
    await extend_context(session, presented=presented.id)
    mine = visible_received(actor.permissions).where(
        col(Invitation.id) == presented.id, col(Invitation.tenant_id) == presented.owner
    )
    me = {"user_id": actor.identity.user_id}
    rows = await fetch(session, Invitation, mine, me)
    if not rows or not presented.matches(rows[0].digest):
        raise InvalidToken
    await extend_context(session, tenant_id=presented.owner)
    await lock_tenant_row(session, presented.owner)
    rows = await fetch(session, Invitation, mine.with_for_update(), me)  # as it is after the wait
    if not rows:
        raise InvalidToken
    return await _accept_for_actor(session, actor, rows[0])


async def _accept_for_actor(session: WriteSession, actor: Actor, invitation: Invitation) -> Tenant:
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
    await session.exec(used.values(accepted_at=CHANGE_TIME))
    return tenant[0]


async def _revoke_where(
    session: WriteSession, actor: Actor, which: Any, params: Mapping[str, Any] | None = None
) -> list[Invitation]:
    """Revoke those of the tenant's invitations that are not accepted or revoked and for which a condition holds."""
    closed = update(Invitation).where(col(Invitation.tenant_id) == actor.identity.tenant_id, PENDING, which)
    returning = closed.values(revoked_at=CHANGE_TIME).returning(*table_of(Invitation).c)
    return await fetch(session, Invitation, returning, params)


def _is_any_of_emails(email: Any) -> Any:
    return email == func.any(bindparam("emails", type_=ARRAY(Text())))
