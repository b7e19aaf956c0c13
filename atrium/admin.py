"""What operators do from the command line, as the owner role: no API reaches across tenants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from atrium.app import build_auth_config, load_signing_keys
from atrium.settings import Settings, SettingsError
from models.base import new_id
from services.authentication import AuthConfig
from services.validation import normalize_email

__all__ = ["AccountLog", "account_log", "issue_token", "owner_connection", "set_account_active"]

ACCOUNT = text("SELECT id FROM users WHERE email = :email")
SELECT_MEMBERSHIP = text("""
    SELECT m.tenant_id, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id
    WHERE m.user_id = :user_id AND t.slug = :slug AND m.is_active AND NOT m.is_former
""")
INSERT_SESSION = text("""
    INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at, user_agent)
    VALUES (:id, :user_id, :tenant_id, 'none', clock_timestamp() + CAST(:lifetime AS interval), 'atrium token')
""")

LOCK_TENANTS = text("""
    SELECT FROM tenants t WHERE t.id IN (
        SELECT m.tenant_id FROM memberships m JOIN users u ON u.id = m.user_id WHERE u.email = :email
    ) ORDER BY t.id FOR NO KEY UPDATE
""")
REVOKE_INVITATIONS = text("""
    UPDATE invitations i SET revoked_at = 'infinity' FROM users u
    WHERE u.email = :email AND i.invited_by = u.id AND i.accepted_at IS NULL AND i.revoked_at IS NULL
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


async def set_account_active(owner_url: str, *, email: str | None, tenant: str | None, active: bool) -> bool:
    """Suspend or resume an account or a tenant at once; return whether it exists.

    The open invitations that a suspended person has sent are revoked.
    """
    table, column, value = ("users", "email", normalize_email(email)) if email else ("tenants", "slug", tenant)
    statement = text(f"UPDATE {table} SET is_active = :active WHERE {column} = lower(:value)")  # noqa: S608  # our names
    engine = create_async_engine(owner_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            suspended = {"email": value} if email and not active else None
            if suspended:
                await connection.execute(LOCK_TENANTS, suspended)
            changed = await connection.execute(statement, {"active": active, "value": value})
            if suspended:
                await connection.execute(REVOKE_INVITATIONS, suspended)
            return changed.rowcount > 0
    finally:
        await engine.dispose()


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
