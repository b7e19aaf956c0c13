"""What operators do from the command line, as the owner role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import make_url, text

from atrium.auth_config import build_auth_config, load_signing_keys
from atrium.settings import Settings, SettingsError
from models import ManagedAccountEvent
from models.base import new_id, table_of
from models.database import Database, WriteSession
from models.database.pool import connect_dedicated
from services import superusers
from services.authentication import AuthConfig
from services.validation import normalize_email

__all__ = ["account_log", "issue_token", "open_transaction", "owner_connection", "set_account_active", "set_superuser"]

SELECT_MEMBERSHIP = text("""
    SELECT m.tenant_id, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id
    WHERE m.user_id = :user_id AND t.slug = :slug AND m.is_active AND NOT m.is_former
""")
INSERT_SESSION = text("""
    INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at, user_agent)
    VALUES (:id, :user_id, :tenant_id, 'none', clock_timestamp() + CAST(:lifetime AS interval), 'atrium token')
""")


@asynccontextmanager
async def owner_connection(owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner role, for a command that needs the driver itself."""
    connection = await connect_dedicated(make_url(owner_url), "atrium admin")
    try:
        yield connection
    finally:
        await connection.close()


async def issue_token(owner_url: str, settings: Settings, *, email: str, tenant: str | None) -> str:
    """Return an access token for somebody; it cannot be refreshed.

    Raises:
        SettingsError: there is no such person, or they do not belong to the tenant.
    """
    auth = build_auth_config(settings, load_signing_keys(settings))
    try:
        async with open_transaction(owner_url) as session:
            return await _insert_session(session, auth, email, tenant)
    finally:
        auth.passwords.close()


async def set_account_active(owner_url: str, *, email: str | None, tenant: str | None, active: bool) -> None:
    """Suspend or resume an account or a tenant at once.

    The open invitations that a suspended person has sent are revoked.

    Raises:
        SettingsError: there is none.
        IllegalTransition: the account is that of the last superuser.
    """
    async with open_transaction(owner_url) as session:
        if email is not None:
            account_id = await _find_account(session, email)
            await superusers.suspend_or_resume(session, "account", account_id, active=active)
        else:
            tenant_id = await superusers.tenant_by_slug(session, (tenant or "").strip().lower())
            if tenant_id is None:
                raise SettingsError(f"There is no tenant {tenant}.")
            await superusers.suspend_or_resume(session, "tenant", tenant_id, active=active)


async def set_superuser(owner_url: str, *, email: str, is_superuser: bool) -> None:
    """Make an account a superuser, or one no longer.

    Raises:
        SettingsError: there is no such account.
        IllegalTransition: it is the last superuser.
    """
    async with open_transaction(owner_url) as session:
        await superusers.grant_or_revoke(session, await _find_account(session, email), is_superuser=is_superuser)


async def _find_account(session: WriteSession, email: str) -> UUID:
    found = await superusers.account_by_email(session, normalize_email(email))
    if found is None:
        raise SettingsError(f"There is no account {email}.")
    return found


@asynccontextmanager
async def open_transaction(owner_url: str) -> AsyncIterator[WriteSession]:
    """Open a transaction as the owner role, outside any tenant."""
    database = Database(owner_url, pool_size=1)
    try:
        async with database.installation_transaction() as session:
            yield session
    finally:
        await database.close()


async def account_log(owner_url: str, *, email: str, most: int) -> list[dict[str, Any]]:
    """Return what happened to an account last, newest first; `most` entries at most.

    Raises:
        SettingsError: there is no such account.
    """
    async with open_transaction(owner_url) as session:
        events = await superusers.latest_events(session, await _find_account(session, email), most=most)
    names = table_of(ManagedAccountEvent).columns.keys()
    return [{name: getattr(event, name) for name in names} for event in events]


async def _insert_session(session: WriteSession, auth: AuthConfig, email: str, tenant: str | None) -> str:
    user_id = await _find_account(session, email)
    tenant_id, role = None, None
    if tenant is not None:
        membership = (await session.exec(SELECT_MEMBERSHIP, params={"user_id": user_id, "slug": tenant})).one_or_none()
        if membership is None:
            raise SettingsError(f"{email} does not belong to {tenant}.")
        tenant_id, role = membership
    session_id = new_id()
    values = {"id": session_id, "user_id": user_id, "tenant_id": tenant_id, "lifetime": auth.session_lifetime}
    await session.exec(INSERT_SESSION, params=values)
    issued, _ = auth.tokens.issue(user_id=user_id, tenant_id=tenant_id, role=role, session_id=session_id)
    return issued
