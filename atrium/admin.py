"""What operators do from the command line, as the owner role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from atrium.app import build_auth_config, load_signing_keys
from atrium.settings import Settings, SettingsError
from models.base import new_id
from models.database import Database, WriteSession
from services import superusers
from services.authentication import AuthConfig
from services.errors import NotFound
from services.validation import normalize_email

__all__ = ["AccountLog", "account_log", "issue_token", "owner_connection", "set_account_active", "set_superuser"]

ACCOUNT = text("SELECT id FROM users WHERE email = :email")
SELECT_MEMBERSHIP = text("""
    SELECT m.tenant_id, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id
    WHERE m.user_id = :user_id AND t.slug = :slug AND m.is_active AND NOT m.is_former
""")
INSERT_SESSION = text("""
    INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at, user_agent)
    VALUES (:id, :user_id, :tenant_id, 'none', clock_timestamp() + CAST(:lifetime AS interval), 'atrium token')
""")

ACCOUNT_LOG = text("""
    SELECT e.created_at, e.type, e.email, e.operation, e.request_id, e.ip, e.user_agent
    FROM account_events e JOIN users u ON u.id = e.user_id
    WHERE u.email = :email ORDER BY e.created_at DESC, e.id DESC LIMIT :most
""")


class AccountLog(NamedTuple):
    """One thing that happened to an account."""

    created_at: datetime
    type: str
    email: str
    operation: str
    request_id: str
    ip: str | None
    user_agent: str | None


@asynccontextmanager
async def owner_connection(owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner role, for a command that needs the driver itself."""
    connection = await asyncpg.connect(owner_url.replace("+asyncpg", ""))
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
    engine = create_async_engine(owner_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await _insert_session(connection, auth, email, tenant)
    finally:
        auth.passwords.close()
        await engine.dispose()


async def set_account_active(owner_url: str, *, email: str | None, tenant: str | None, active: bool) -> None:
    """Suspend or resume an account or a tenant at once.

    The open invitations that a suspended person has sent are revoked.

    Raises:
        NotFound: there is none.
        IllegalTransition: the account is that of the last superuser.
    """
    async with _open_transaction(owner_url) as session:
        if email is not None:
            account_id = await _find_account(session, email)
            await superusers.suspend_or_resume(session, "account", account_id, active=active)
        else:
            tenant_id = await superusers.tenant_by_slug(session, (tenant or "").strip().lower())
            if tenant_id is None:
                raise NotFound
            await superusers.suspend_or_resume(session, "tenant", tenant_id, active=active)


async def set_superuser(owner_url: str, *, email: str, is_superuser: bool) -> None:
    """Make an account a superuser, or one no longer.

    Raises:
        NotFound: there is no such account.
        IllegalTransition: it is the last superuser.
    """
    async with _open_transaction(owner_url) as session:
        await superusers.grant_or_revoke(session, await _find_account(session, email), is_superuser=is_superuser)


async def _find_account(session: WriteSession, email: str) -> UUID:
    found = await superusers.account_by_email(session, normalize_email(email))
    if found is None:
        raise NotFound
    return found


@asynccontextmanager
async def _open_transaction(owner_url: str) -> AsyncIterator[WriteSession]:
    database = Database(owner_url, pool_size=1)
    try:
        async with database.installation_transaction() as session:
            yield session
    finally:
        await database.close()


async def account_log(owner_url: str, *, email: str, most: int) -> list[AccountLog]:
    """Return what happened to an account last, newest first; `most` entries at most.

    Raises:
        SettingsError: there is no such account.
    """
    engine = create_async_engine(owner_url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            address = {"email": normalize_email(email)}
            rows = await connection.execute(ACCOUNT_LOG, {**address, "most": most})
            found = [AccountLog(*row) for row in rows]
            if not found and (await connection.execute(ACCOUNT, address)).first() is None:
                raise SettingsError(f"There is no account {email}.")
    finally:
        await engine.dispose()
    return found


async def _insert_session(connection: AsyncConnection, auth: AuthConfig, email: str, tenant: str | None) -> str:
    accounts = await connection.execute(ACCOUNT, {"email": normalize_email(email)})
    user_id = accounts.scalar_one_or_none()
    if user_id is None:
        raise SettingsError(f"There is no account {email}.")
    tenant_id, role = None, None
    if tenant is not None:
        membership = (await connection.execute(SELECT_MEMBERSHIP, {"user_id": user_id, "slug": tenant})).one_or_none()
        if membership is None:
            raise SettingsError(f"{email} does not belong to {tenant}.")
        tenant_id, role = membership
    session = {"id": new_id(), "user_id": user_id, "tenant_id": tenant_id}
    await connection.execute(INSERT_SESSION, {**session, "lifetime": auth.session_lifetime})
    issued, _ = auth.tokens.issue(user_id=user_id, tenant_id=tenant_id, role=role, session_id=session["id"])
    return issued
