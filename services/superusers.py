"""The rules of superusers: who may see and suspend the accounts and tenants of the whole installation.

Whether somebody is a superuser, and has logged in with their password within the last 15 minutes, is asked by the
database within each statement (`atrium_require_superuser`); so is who may not be suspended (`atrium_set_active`).
Operators, who are connected as the owner role, come through the same two functions.
"""

from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlmodel import col

from models import (
    LoggedAct,
    ManagedAccount,
    ManagedAccountEvent,
    ManagedTenant,
    SecurityEventType,
    SuperuserActType,
    User,
)
from models.base import table_of
from models.database import ReadSession, WriteSession, fetch
from services.errors import IllegalTransition, NotFound
from services.permissions import Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder
from services.queries.filters import (
    choice_filter,
    flag_filter,
    id_filter,
    scalar_filter,
    substring_filter,
    text_filter,
)
from services.validation import normalize_address

__all__ = [
    "ACCOUNT_EVENTS",
    "ACTS",
    "MANAGED_ACCOUNTS",
    "MANAGED_TENANTS",
    "account_by_email",
    "grant_or_revoke",
    "latest_events",
    "suspend_or_resume",
    "suspend_or_resume_account",
    "suspend_or_resume_tenant",
    "tenant_by_slug",
    "visible_account_events",
    "visible_acts",
    "visible_managed_accounts",
    "visible_managed_tenants",
]

REFUSALS = {
    "ONESELF": "You cannot suspend your own account.",
    "LAST_SUPERUSER": "The last superuser cannot be suspended.",
}


def visible_managed_accounts(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all accounts of the installation; the view that they are read from answers to superusers alone."""
    require_permission(permissions, Permission.SUPERUSER)
    return select(*table_of(ManagedAccount).c)


def visible_managed_tenants(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return all tenants of the installation; likewise."""
    require_permission(permissions, Permission.SUPERUSER)
    return select(*table_of(ManagedTenant).c)


def visible_account_events(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the log of all accounts; likewise."""
    require_permission(permissions, Permission.SUPERUSER)
    return select(*table_of(ManagedAccountEvent).c)


def visible_acts(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the log of what superusers and operators did; likewise."""
    require_permission(permissions, Permission.SUPERUSER)
    return select(*table_of(LoggedAct).c)


MANAGED_ACCOUNTS = Collection(
    model=ManagedAccount,
    visible=visible_managed_accounts,
    filters={
        "text": substring_filter("superuser_accounts_text", col(ManagedAccount.id)),
        "email": text_filter(col(ManagedAccount.email), normalize=normalize_address),
        "is_active": flag_filter(col(ManagedAccount.is_active)),
        "is_superuser": flag_filter(col(ManagedAccount.is_superuser)),
        "email_verified_at": scalar_filter(col(ManagedAccount.email_verified_at), is_indexed=False),
        "last_login": scalar_filter(col(ManagedAccount.last_login), is_indexed=False),
        "created_at": scalar_filter(col(ManagedAccount.created_at)),
    },
    orders={"created_at": SortOrder.newest_first(col(ManagedAccount.created_at))},
    default_order=("created_at", True),
)

MANAGED_TENANTS = Collection(
    model=ManagedTenant,
    visible=visible_managed_tenants,
    filters={
        "text": substring_filter("superuser_tenants_text", col(ManagedTenant.id)),
        "slug": text_filter(col(ManagedTenant.slug)),
        "is_active": flag_filter(col(ManagedTenant.is_active)),
        "created_at": scalar_filter(col(ManagedTenant.created_at)),
    },
    orders={"created_at": SortOrder.newest_first(col(ManagedTenant.created_at))},
    default_order=("created_at", True),
)

ACCOUNT_EVENTS = Collection(
    model=ManagedAccountEvent,
    visible=visible_account_events,
    filters={
        "account_id": id_filter(col(ManagedAccountEvent.user_id)),
        "event_type": choice_filter(col(ManagedAccountEvent.type), SecurityEventType, is_indexed=False),
        "created_at": scalar_filter(col(ManagedAccountEvent.created_at)),
    },
    orders={"created_at": SortOrder.newest_first(col(ManagedAccountEvent.created_at))},
    default_order=("created_at", True),
)

ACTS = Collection(
    model=LoggedAct,
    visible=visible_acts,
    filters={
        "type": choice_filter(col(LoggedAct.type), SuperuserActType, is_indexed=False),
        "actor_id": id_filter(col(LoggedAct.actor_id), is_indexed=False),
        "account_id": id_filter(col(LoggedAct.account_id), is_indexed=False),
        "created_at": scalar_filter(col(LoggedAct.created_at)),
    },
    orders={"created_at": SortOrder.newest_first(col(LoggedAct.created_at))},
    default_order=("created_at", True),
)


async def suspend_or_resume_account(session: WriteSession, actor: Actor, *, id: UUID, active: bool) -> ManagedAccount:
    """Suspend or resume an account, at once; give it as it is now.

    Raises:
        NotFound: no such account.
        IllegalTransition: it is the actor's own, or that of the last superuser.
    """
    actor.require(Permission.SUPERUSER)
    await suspend_or_resume(session, "account", id, active=active)
    this = visible_managed_accounts(actor.permissions).where(col(ManagedAccount.id) == id)
    return (await fetch(session, ManagedAccount, this))[0]


async def suspend_or_resume_tenant(session: WriteSession, actor: Actor, *, id: UUID, active: bool) -> ManagedTenant:
    """Suspend or resume a tenant, at once; give it as it is now.

    Raises:
        NotFound: no such tenant.
    """
    actor.require(Permission.SUPERUSER)
    await suspend_or_resume(session, "tenant", id, active=active)
    this = visible_managed_tenants(actor.permissions).where(col(ManagedTenant.id) == id)
    return (await fetch(session, ManagedTenant, this))[0]


async def suspend_or_resume(session: WriteSession, kind: str, id: UUID, *, active: bool) -> None:
    """Suspend or resume an `account` or a `tenant`, for a superuser or an operator.

    Raises:
        NotFound: there is none.
        IllegalTransition: the account is the actor's own, or that of the last superuser.
    """
    outcome = (await session.exec(select(func.atrium_set_active(kind, id, active)))).scalar_one()
    if outcome == "NOT_FOUND":
        raise NotFound
    if outcome in REFUSALS:
        raise IllegalTransition(REFUSALS[outcome])


async def account_by_email(session: ReadSession, email: str) -> UUID | None:
    """Return the id of the account with an address, for an operator."""
    wanted = select(col(ManagedAccount.id)).where(col(ManagedAccount.email) == email)
    found: UUID | None = (await session.exec(wanted)).scalar_one_or_none()
    return found


async def latest_events(session: ReadSession, account_id: UUID, *, most: int) -> list[ManagedAccountEvent]:
    """Return what happened to an account last, newest first, for an operator; `most` entries at most."""
    events = ManagedAccountEvent
    newest = select(*table_of(events).c).where(col(events.user_id) == account_id)
    return await fetch(
        session, events, newest.order_by(col(events.created_at).desc(), col(events.id).desc()).limit(most)
    )


async def tenant_by_slug(session: ReadSession, slug: str) -> UUID | None:
    """Return the id of the tenant with a slug, for an operator."""
    wanted = select(col(ManagedTenant.id)).where(col(ManagedTenant.slug) == slug)
    found: UUID | None = (await session.exec(wanted)).scalar_one_or_none()
    return found


async def grant_or_revoke(session: WriteSession, account_id: UUID, *, is_superuser: bool) -> None:
    """Make an account a superuser, or one no longer; for operators, who are connected as the owner role.

    Raises:
        IllegalTransition: it is the last superuser.
    """
    every = select(*table_of(User).c).where(col(User.is_superuser)).order_by(col(User.id)).with_for_update()
    found = await fetch(session, User, every)
    others = [user for user in found if user.is_active and user.id != account_id]
    if not is_superuser and not others and any(user.id == account_id for user in found):
        raise IllegalTransition("The last superuser cannot be revoked.")
    which = (col(User.id) == account_id, col(User.is_superuser).is_(not is_superuser))
    await session.exec(update(User).where(*which).values(is_superuser=is_superuser))
