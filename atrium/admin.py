"""What operators do from the command line, as the owner role: no API reaches across tenants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from atrium.app import build_auth_config, load_signing_keys
from atrium.settings import Settings, SettingsError
from models.base import new_id, now
from services.authentication import AuthConfig
from services.validation import normalize_email

__all__ = ["issue_token", "owner_connection", "set_account_active"]

SELECT_MEMBERSHIP = text("""
    SELECT m.tenant_id, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id
    WHERE m.user_id = :user_id AND t.slug = :slug AND m.is_active AND NOT m.is_former
""")
INSERT_SESSION = text("""
    INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, expires_at, user_agent)
    VALUES (:id, :user_id, :tenant_id, 'none', :expires_at, 'atrium token')
""")


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
    """Suspend or resume an account or a tenant at once; return whether it exists."""
    table, column, value = ("users", "email", normalize_email(email)) if email else ("tenants", "slug", tenant)
    statement = text(f"UPDATE {table} SET is_active = :active WHERE {column} = lower(:value)")  # noqa: S608  # our names
    engine = create_async_engine(owner_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            changed = await connection.execute(statement, {"active": active, "value": value})
            return changed.rowcount > 0
    finally:
        await engine.dispose()


async def _insert_session(connection: AsyncConnection, auth: AuthConfig, email: str, tenant: str | None) -> str:
    address = {"email": normalize_email(email)}
    accounts = await connection.execute(text("SELECT id FROM users WHERE email = :email"), address)
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
    await connection.execute(INSERT_SESSION, {**session, "expires_at": now() + auth.session_lifetime})
    issued, _ = auth.tokens.issue(user_id=user_id, tenant_id=tenant_id, role=role, session_id=session["id"])
    return issued
