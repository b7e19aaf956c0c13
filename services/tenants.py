"""The rules of tenants: founding one, who belongs to it and as what."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Select, Text, Uuid, and_, bindparam, case, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import Membership, Role, Tenant
from models.base import CHANGE_TIME, new_id, table_of
from models.database import WriteSession, extend_context, fetch
from services.abilities import Ability
from services.errors import IllegalTransition
from services.invitations import revoke_unauthorized
from services.permissions import TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, substring_filter
from services.validation import Validator, normalize_email, validating
from services.writes.changes import Reference
from services.writes.rows import get_row, lock_rows, lock_tenant, unique_violation_as, update_row, update_where

__all__ = [
    "ACTIVE_MEMBER",
    "MEMBERSHIPS",
    "OWN_TENANTS",
    "TENANTS",
    "USERS",
    "change_role",
    "create",
    "leave",
    "lock_members",
    "remove",
    "update",
    "user_id_of_member",
]

MAX_NAME_LENGTH = 100
MAX_SLUG_LENGTH = 50

LIVE = and_(col(Membership.is_former).is_(False), col(Membership.is_active))
UNIQUE_CONSTRAINTS = {"tenants_name_key_key": "name", "tenants_slug_key": "slug"}


def visible_tenants(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenant that the actor is in."""
    require_permission(permissions, Permission.TENANT_READ)
    return select(*table_of(Tenant).c).where(col(Tenant.id) == TENANT_ID)


def visible_users(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenant's people, former ones too; others' e-mail addresses for who manages members only."""
    require_permission(permissions, Permission.MEMBERS_READ)
    email: Any = col(Membership.email)
    if Permission.MEMBERS_WRITE not in permissions:
        email = case((col(Membership.user_id) == USER_ID, email)).label("email")
    columns = [email if column.name == "email" else column for column in table_of(Membership).c]
    return select(*columns).where(col(Membership.tenant_id) == TENANT_ID)


def visible_memberships(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the actor's own live memberships, in all tenants."""
    require_permission(permissions, Permission.ACCOUNT)
    return select(*table_of(Membership).c).where(col(Membership.user_id) == USER_ID, LIVE)


def visible_own_tenants(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenants that the actor belongs to."""
    require_permission(permissions, Permission.ACCOUNT)
    mine = select(col(Membership.tenant_id)).where(col(Membership.user_id) == USER_ID, LIVE)
    return select(*table_of(Tenant).c).where(col(Tenant.id).in_(mine))


def _another_owner_than(member: Any) -> ColumnElement[bool]:
    """Return the condition that an active owner is left without this member; see `_require_another_owner`."""
    other = table_of(Membership).alias("other_owner")
    return exists().where(
        other.c.tenant_id == TENANT_ID,
        other.c.id != member.id,
        other.c.role == Role.OWNER,
        other.c.is_active,
        other.c.is_former.is_(False),
    )


def _is_dispensable(member: Any) -> ColumnElement[bool]:
    return or_(member.role != Role.OWNER, _another_owner_than(member))


def _own_membership_condition() -> ColumnElement[bool]:
    """Return the condition that the actor can leave the tenant: somebody else stays its owner."""
    own = table_of(Membership).alias("own")
    return exists().where(own.c.tenant_id == TENANT_ID, own.c.user_id == USER_ID, _is_dispensable(own.c))


CAN_LEAVE = _own_membership_condition()

CURRENT = col(Membership.is_former).is_(False)
BELOW_OWNER = and_(CURRENT, col(Membership.role) != Role.OWNER)
DISPENSABLE = and_(CURRENT, _is_dispensable(table_of(Membership).c))
NOT_ONESELF_OR_INACTIVE = or_(col(Membership.user_id) != USER_ID, col(Membership.is_active).is_(False))

TENANTS = Collection(
    model=Tenant,
    visible=visible_tenants,
    filters={},
    orders={"created_at": SortOrder.by(col(Tenant.created_at))},
    default_order=("created_at", False),
    abilities={"update": Ability.by(Permission.TENANT_WRITE), "leave": Ability.by(Permission.ACCOUNT, CAN_LEAVE)},
)

OWN_TENANTS = replace(TENANTS, visible=visible_own_tenants)

MEMBERSHIPS = Collection(
    model=Membership,
    visible=visible_memberships,
    filters={},
    orders={"created_at": SortOrder.by(col(Membership.created_at))},
    default_order=("created_at", False),
)


def _with_address(given: dict[str, Any]) -> dict[str, Any]:
    """Filters with an e-mail address in the form in which it is kept; another text finds nobody."""
    if "email" in given:
        given = {**given, "email": normalize_email(given["email"])}
    return given


USERS = Collection(
    model=Membership,
    visible=visible_users,
    filters={
        "text": substring_filter("memberships_text", col(Membership.id)),
        "email": col(Membership.email) == bindparam("email", type_=Text()),
        "role": col(Membership.role) == bindparam("role", type_=Text()),
        "is_active": col(Membership.is_active) == bindparam("is_active", type_=Boolean()),
        "is_former": col(Membership.is_former) == bindparam("is_former", type_=Boolean()),
    },
    orders={
        "created_at": SortOrder.newest_first(col(Membership.created_at)),
        "full_name": SortOrder.by(col(Membership.name_key)),
    },
    default_order=("full_name", False),
    defaults={"is_former": False},
    normalize_filters=_with_address,
    restricted={"email": Permission.MEMBERS_WRITE},
    abilities={
        "change_role": Ability.by(Permission.MEMBERS_WRITE, BELOW_OWNER).or_by(Permission.OWNERS_WRITE, DISPENSABLE),
        "remove": Ability.by(Permission.MEMBERS_WRITE, BELOW_OWNER).or_by(Permission.OWNERS_WRITE, DISPENSABLE),
        "set_active": Ability.by(Permission.MEMBERS_WRITE, and_(BELOW_OWNER, NOT_ONESELF_OR_INACTIVE)).or_by(
            Permission.OWNERS_WRITE, and_(DISPENSABLE, NOT_ONESELF_OR_INACTIVE)
        ),
    },
)


async def create(session: WriteSession, actor: Actor, *, name: str, slug: str) -> Tenant:
    """Create a tenant with the actor as its owner.

    Raises:
        InvalidInput: an empty name or one of more than 100 characters; a slug that is not 1 to 50 of a-z, 0-9 and
            hyphens, with no hyphen at either end.
        AlreadyExists: the name or the slug is taken, whatever its case.
    """
    actor.require(Permission.ACCOUNT)
    with validating() as validator:
        name = validator.check_line("name", name, max_length=MAX_NAME_LENGTH)
        slug = _validate_slug(validator, slug)
    tenant_id = new_id()
    await extend_context(session, tenant_id=tenant_id)
    async with unique_violation_as(UNIQUE_CONSTRAINTS):
        made = insert(Tenant).values(id=tenant_id, name=name, slug=slug).returning(*table_of(Tenant).c)
        tenant = (await fetch(session, Tenant, made))[0]
    owner = {"tenant_id": tenant_id, "id": new_id(), "user_id": actor.identity.user_id, "role": Role.OWNER}
    await session.exec(insert(Membership).values(**owner, full_name="", email=""))
    return tenant


async def update(session: WriteSession, actor: Actor, *, name: str, expected_version: int | None = None) -> Tenant:
    """Rename the tenant. Its slug stays, since links hold it.

    Raises:
        InvalidInput: an empty name or one of more than 100 characters.
        AlreadyExists: the name is taken, whatever its case.
        VersionConflict: it is not at the expected version.
    """
    actor.require(Permission.TENANT_WRITE)
    with validating() as validator:
        name = validator.check_line("name", name, max_length=MAX_NAME_LENGTH)
    async with unique_violation_as(UNIQUE_CONSTRAINTS):
        mine = col(Tenant.id) == actor.identity.tenant_id
        return await update_where(session, Tenant, mine, {"name": name}, expected_version)


async def change_role(
    session: WriteSession, actor: Actor, *, id: UUID, role: Role, expected_version: int | None = None
) -> Membership:
    """Give a member another role. Their tokens stop working, and the next refresh brings the new role.

    Raises:
        Forbidden: making or unmaking an owner is for owners.
        NotFound: no such live member.
        IllegalTransition: they are the last owner.
        VersionConflict: the membership is not at the expected version.
    """
    actor.require(Permission.MEMBERS_WRITE)
    member = await _lock_and_get_member(session, actor, id)
    if Role.OWNER in {role, member.role}:
        actor.require(Permission.OWNERS_WRITE)
    await _require_another_owner(session, actor, member, stays=role is Role.OWNER)
    changed_member = await update_row(session, actor, Membership, id, {"role": role}, expected_version=expected_version)
    await revoke_unauthorized(session, actor, [changed_member])
    return changed_member


async def remove(session: WriteSession, actor: Actor, *, id: UUID) -> Membership:
    """End somebody's membership. What they did stays, under their name; their tokens stop working at once.

    Raises:
        Forbidden: removing an owner is for owners.
        NotFound: no such member.
        IllegalTransition: they are the last owner.
    """
    actor.require(Permission.MEMBERS_WRITE)
    member = await _lock_and_get_member(session, actor, id)
    if member.role == Role.OWNER:
        actor.require(Permission.OWNERS_WRITE)
    await _require_another_owner(session, actor, member, stays=False)
    return await _end(session, actor, id)


async def leave(session: WriteSession, actor: Actor) -> Membership:
    """End the actor's own membership; no machine does that for them.

    Raises:
        IllegalTransition: they are the last owner.
    """
    actor.require(Permission.TENANT_READ)
    actor.require(Permission.ACCOUNT)
    await lock_tenant(session, actor)
    mine = and_(
        col(Membership.tenant_id) == actor.identity.tenant_id, col(Membership.user_id) == actor.identity.user_id
    )
    member = await update_where(session, Membership, mine, {})
    await _require_another_owner(session, actor, member, stays=False)
    return await _end(session, actor, member.id)


def user_id_of_member(member: str) -> ColumnElement[UUID]:
    """Return the account of the member whose id is in the bind of that name; for filters by people."""
    same = and_(col(Membership.tenant_id) == TENANT_ID, col(Membership.id) == bindparam(member, type_=Uuid()))
    return select(col(Membership.user_id)).where(same).scalar_subquery()


async def lock_members(session: WriteSession, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Membership]:
    """Return those of some members that exist, former ones too; they stay as they are for this transaction."""
    actor.require(Permission.MEMBERS_READ)
    return await lock_rows(session, actor, Membership, set(ids), shared=True)


ACTIVE_MEMBER = Reference(
    lock_members,
    lambda member: member.is_active and not member.is_former,
    "user_id",
    "There is no such active member.",
    lock_order=2,
)


async def _lock_and_get_member(session: WriteSession, actor: Actor, member_id: UUID) -> Membership:
    await lock_tenant(session, actor)
    return await get_row(session, actor, Membership, member_id, where=col(Membership.is_former).is_(False))


async def _end(session: WriteSession, actor: Actor, member_id: UUID) -> Membership:
    """End a membership, with the invitations that the member sent, and those that would let them in again."""
    ended = await update_row(session, actor, Membership, member_id, {"ended_at": CHANGE_TIME})
    await revoke_unauthorized(session, actor, [ended])
    return ended


async def _require_another_owner(session: WriteSession, actor: Actor, member: Membership, *, stays: bool) -> None:
    """Refuse to take the last owner away."""
    if stays or member.role != Role.OWNER:
        return
    here = col(Membership.tenant_id) == actor.identity.tenant_id
    owners = select(col(Membership.id)).where(here, col(Membership.role) == Role.OWNER, LIVE)
    if set((await session.exec(owners)).scalars()) <= {member.id}:
        raise IllegalTransition("A tenant keeps at least one owner.")


def _validate_slug(validator: Validator, value: str) -> str:
    slug = value.strip().lower()
    allowed = slug.isascii() and slug.replace("-", "a").isalnum() and slug[0] != "-" != slug[-1]
    if not allowed or len(slug) > MAX_SLUG_LENGTH:
        validator.add_problem("slug", "A slug is 1 to 50 of a-z, 0-9 and hyphens, with no hyphen at either end.")
    return slug
