"""Superusers in GraphQL: all accounts and tenants of the installation, and what superusers did to them."""

from datetime import datetime

import strawberry

import models
from graph.fields.columns import column, global_id
from graph.fields.connection import Connection
from graph.fields.descriptions import enum, input_type, object_type
from graph.fields.domain import Domain
from graph.fields.errors import IllegalTransition, NotFound
from graph.fields.filtering import filter_input
from graph.fields.inputs import id_of, to_kwargs
from graph.fields.mutations import mutation
from graph.fields.node import backed_by
from graph.fields.relations import connection, to_one
from graph.fields.sorting import order_input
from models import SecurityEventType, SuperuserActType
from models.database import WriteSession
from services import superusers
from services.permissions import Actor

__all__ = ["DOMAIN", "Account", "AccountLogEntry", "ManagedTenant", "Queries", "SuperuserAct"]

enum(SuperuserActType)


AccountFilter = filter_input(
    superusers.MANAGED_ACCOUNTS,
    name="Account",
    plural="accounts",
    text="e-mail address and the full name, as one text,",
    email="e-mail address",
    is_active="state, active or suspended,",
    is_superuser="right to act as a superuser",
    email_verified_at="date and time of the verified e-mail address",
    last_login="date and time of the last login",
)
AccountOrder = order_input(superusers.MANAGED_ACCOUNTS, name="Account", plural="accounts")


@backed_by(superusers.MANAGED_ACCOUNTS, is_node=False, filter=AccountFilter, order=AccountOrder)
class Account:
    """An account of the installation, as superusers see it, without its memberships; `node` does not find it."""

    id: strawberry.ID = global_id("id", "Account")
    """ID of the account, for `suspendAccount` and `resumeAccount`."""
    email: str
    """E-mail address of the account, used to log in; lower case, at most 255 characters."""
    full_name: str
    """Full name of the account's person, 1 to 100 characters."""
    is_active: bool
    """Whether the account is active; a suspended one cannot log in, and its sessions and API keys do not work."""
    is_superuser: bool
    """Whether the account is a superuser; `atrium superuser` changes it."""
    email_verified_at: datetime | None
    """Date and time the e-mail address was verified through a mailed link (UTC); null until then."""
    last_login: datetime | None
    """Date and time of the account's last login (UTC); null if there was none."""
    created_at: datetime
    """Date and time the account was created (UTC)."""
    updated_at: datetime
    """Date and time the account last changed (UTC)."""


ManagedTenantFilter = filter_input(
    superusers.MANAGED_TENANTS,
    plural="tenants listed for superusers",
    text="slug and the name, as one text,",
    is_active="state, active or suspended,",
)
ManagedTenantOrder = order_input(superusers.MANAGED_TENANTS, plural="tenants listed for superusers")


@backed_by(superusers.MANAGED_TENANTS, is_node=False, filter=ManagedTenantFilter, order=ManagedTenantOrder)
class ManagedTenant:
    """A tenant of the installation, as superusers see it, without its members and anything else that it owns."""

    id: strawberry.ID = global_id("id", "Tenant")
    """Global ID of the tenant, the same as `Tenant.id`; for `suspendTenant` and `resumeTenant`."""
    name: str
    """Name of the managed tenant, 1 to 100 characters."""
    slug: str
    """Slug of the managed tenant; unique, never changes."""
    is_active: bool
    """Whether the managed tenant is active; a suspended one can be used by nobody."""
    created_at: datetime
    """Date and time the managed tenant was created (UTC)."""
    updated_at: datetime
    """Date and time the managed tenant last changed (UTC)."""


AccountLogEntryFilter = filter_input(
    superusers.ACCOUNT_EVENTS,
    name="AccountLogEntry",
    plural="entries of the account log",
    ids={"account_id": "Account"},
    created_at="date and time",
)
AccountLogEntryOrder = order_input(
    superusers.ACCOUNT_EVENTS,
    name="AccountLogEntry",
    plural="entries of the account log",
    created_at="the date and time of what happened",
)


@backed_by(superusers.ACCOUNT_EVENTS, is_node=False, filter=AccountLogEntryFilter, order=AccountLogEntryOrder)
class AccountLogEntry:
    """An entry of the log of all accounts, such as a login or a new password; never changed."""

    id: strawberry.ID = global_id("id", "SecurityEvent")
    """ID of the account log entry, the same as the `SecurityEvent.id` that the account itself sees."""
    event_type: SecurityEventType = column("type")
    """Type of the account log entry: what happened to the account."""
    account: Account | None = to_one("user_id")
    """Account that the event happened to, as the account is now."""
    email: str
    """E-mail address of the account after the event."""
    operation: str
    """Name of the mutation that caused the account log entry, such as `changePassword`; empty if it was an operator."""
    request_id: str
    """ID of the request that caused the account log entry, as in the server log; empty if there was none."""
    ip: str | None
    """IP address of the client that caused the account log entry; null if somebody else than the account caused it."""
    user_agent: str | None
    """`User-Agent` header of the client that caused the account log entry; null if unknown."""
    created_at: datetime
    """Date and time of what the account log entry records (UTC)."""


SuperuserActFilter = filter_input(
    superusers.ACTS,
    name="SuperuserAct",
    plural="acts of superusers",
    ids={"actor_id": "Account", "account_id": "Account"},
    created_at="date and time",
)
SuperuserActOrder = order_input(
    superusers.ACTS, name="SuperuserAct", plural="acts of superusers", created_at="the date and time of the act"
)


@backed_by(superusers.ACTS, is_node=False, filter=SuperuserActFilter, order=SuperuserActOrder)
class SuperuserAct:
    """An entry of the log of what superusers and operators did to accounts and tenants; never changed or deleted."""

    id: strawberry.ID = global_id("id", "SuperuserAct")
    """ID of the act; `node` does not find it."""
    type: SuperuserActType
    """Type of the act: what was done."""
    actor: Account | None = to_one("actor_id")
    """Superuser who did it; null if an operator did it on the command line."""
    account: Account | None = to_one("account_id")
    """Account that it was done to, as the account is now; null if it was done to a tenant."""
    tenant: ManagedTenant | None = to_one("target_tenant_id")
    """Tenant that it was done to, as the tenant is now; null if it was done to an account."""
    created_at: datetime
    """Date and time of the act (UTC)."""
    request_id: str
    """ID of the request of the act, as in the server log; empty for an operator."""
    ip: str | None
    """IP address from which the superuser asked; null for an operator."""
    user_agent: str | None
    """`User-Agent` header of the superuser's client; null if none was sent."""


@object_type
class Queries:
    """What superusers see, at the root."""

    accounts: Connection[Account] = connection()
    """All accounts of the installation, newest first by default. For superusers who logged in with their password
    within the last 15 minutes, with or without a tenant; not available with an API key."""
    tenants: Connection[ManagedTenant] = connection()
    """All tenants of the installation, newest first by default. For superusers who logged in with their password within
    the last 15 minutes, with or without a tenant; not available with an API key."""
    account_log: Connection[AccountLogEntry] = connection()
    """Log of what happened to all accounts, such as logins and new passwords, newest first by default. For superusers
    who logged in with their password within the last 15 minutes; not available with an API key."""
    superuser_acts: Connection[SuperuserAct] = connection()
    """What superusers and operators did to accounts and tenants, newest first. For superusers who logged in with their
    password within the last 15 minutes; not available with an API key."""


@input_type
class SuspendAccountInput:
    """Input of `suspendAccount`: the account to suspend."""

    id: strawberry.ID = id_of("Account")
    """ID of the account to suspend, from `Account.id`."""


@input_type
class ResumeAccountInput:
    """Input of `resumeAccount`: the account to resume."""

    id: strawberry.ID = id_of("Account")
    """ID of the account to resume, from `Account.id`."""


@input_type
class SuspendTenantInput:
    """Input of `suspendTenant`: the tenant to suspend."""

    id: strawberry.ID = id_of("Tenant")
    """Global ID of the tenant to suspend."""


@input_type
class ResumeTenantInput:
    """Input of `resumeTenant`: the tenant to resume."""

    id: strawberry.ID = id_of("Tenant")
    """Global ID of the tenant to resume."""


@mutation(Account | NotFound | IllegalTransition, result="the suspended account")
async def suspend_account(session: WriteSession, actor: Actor, input: SuspendAccountInput) -> models.ManagedAccount:
    """Suspend an account in all tenants, at once; one already suspended stays as it is.

    Its sessions and API keys stop working, and nothing is deleted. Nobody suspends themselves or the last superuser.
    For superusers who logged in with their password within the last 15 minutes.
    """
    return await superusers.suspend_or_resume_account(session, actor, **to_kwargs(input), active=False)


@mutation(Account | NotFound, result="the account that is active again")
async def resume_account(session: WriteSession, actor: Actor, input: ResumeAccountInput) -> models.ManagedAccount:
    """Resume a suspended account; one that is active stays as it is.

    For superusers who logged in with their password within the last 15 minutes.
    """
    return await superusers.suspend_or_resume_account(session, actor, **to_kwargs(input), active=True)


@mutation(ManagedTenant | NotFound, result="the suspended tenant")
async def suspend_tenant(session: WriteSession, actor: Actor, input: SuspendTenantInput) -> models.ManagedTenant:
    """Suspend a tenant, so that nobody can use it, at once; one already suspended stays as it is.

    Nothing is deleted. For superusers who logged in with their password within the last 15 minutes.
    """
    return await superusers.suspend_or_resume_tenant(session, actor, **to_kwargs(input), active=False)


@mutation(ManagedTenant | NotFound, result="the tenant that is active again")
async def resume_tenant(session: WriteSession, actor: Actor, input: ResumeTenantInput) -> models.ManagedTenant:
    """Resume a suspended tenant; one that is active stays as it is.

    For superusers who logged in with their password within the last 15 minutes.
    """
    return await superusers.suspend_or_resume_tenant(session, actor, **to_kwargs(input), active=True)


DOMAIN = Domain(queries=Queries, mutations=[suspend_account, resume_account, suspend_tenant, resume_tenant])
