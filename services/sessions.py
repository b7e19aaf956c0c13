"""The rules of login sessions: opening, renewing and ending them, and entering a tenant."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Select, and_, case, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models import LoginSession, Membership, Tenant, User
from models.base import CHANGE_TIME, new_id, table_of
from models.database import WriteSession, extend_context, fetch
from models.database.identity import Identity
from services import security
from services.authentication import (
    MAX_EMAIL_LENGTH,
    AuthConfig,
    Transactions,
    clear_attempts,
    find_account,
    hash_password,
    verify_password,
)
from services.errors import InvalidCredentials, InvalidInput, InvalidToken, NotFound
from services.permissions import USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder
from services.validation import is_storable_text, normalize_email

__all__ = [
    "SESSIONS",
    "IssuedSession",
    "login",
    "logout",
    "logout_everywhere",
    "open_session",
    "refresh",
    "revoke",
    "revoke_session",
    "switch_tenant",
]

REFRESH_TOKEN_KIND = "rt"  # noqa: S105  # a prefix, no secret
INFINITY = literal(CHANGE_TIME, DateTime(timezone=True))
"""`CHANGE_TIME` within an expression."""


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A session that was just opened or renewed. Without a refresh token, the one that the client has stays good."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime
    identity: Identity


def visible_sessions(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the actor's own live sessions."""
    require_permission(permissions, Permission.ACCOUNT)
    live = and_(col(LoginSession.revoked_at).is_(None), col(LoginSession.expires_at) > func.now())
    return select(*table_of(LoginSession).c).where(col(LoginSession.user_id) == USER_ID, live)


SESSIONS = Collection(
    model=LoginSession,
    visible=visible_sessions,
    filters={},
    orders={"created_at": SortOrder.newest_first(col(LoginSession.created_at))},
    default_order=("created_at", True),
)


async def login(
    transactions: Transactions,
    auth: AuthConfig,
    client: Identity,
    *,
    email: str,
    password: str,
    tenant: str | None = None,
) -> IssuedSession:
    """Open a session, in the tenant with this slug or in the only one that the person belongs to. Open to everybody.

    An unknown e-mail, a wrong password and an inactive account get the same answer for the same work.

    Raises:
        InvalidCredentials: the e-mail or the password is wrong.
        InvalidInput: the person does not belong to the tenant that was named.
        RateLimited: too many failed logins on this account, or from this address.
        Unavailable: too many passwords are waiting to be checked.
    """
    email = normalize_email(email) or email.strip().lower()[:MAX_EMAIL_LENGTH]  # which finds nobody, and is counted
    account = await find_account(transactions, auth, client, email)
    verified = await verify_password(auth, password, account.password_hash if account else None)
    if account is None or not verified.ok or not account.is_active:
        raise InvalidCredentials

    async def work(session: WriteSession) -> IssuedSession | None:
        await extend_context(session, user_id=account.id)
        changes = {"last_login": CHANGE_TIME} | ({"password_hash": rehashed} if rehashed else {})
        same = and_(col(User.id) == account.id, col(User.password_hash) == account.password_hash, col(User.is_active))
        if not (await session.exec(update(User).where(same).values(**changes).returning(col(User.id)))).all():
            return None  # the password was changed, or the account suspended, while it was being checked
        await clear_attempts(session, auth, client, email)
        return await open_session(
            session, auth, client, account.id, await _find_membership(session, account.id, tenant)
        )

    rehashed = await hash_password(auth, password) if verified.needs_rehash else None
    opened = await transactions.write(work, client)
    return opened or await login(transactions, auth, client, email=email, password=password, tenant=tenant)


async def refresh(
    transactions: Transactions, auth: AuthConfig, client: Identity, *, refresh_token: str, tenant: str | None = None
) -> IssuedSession:
    """Exchange a refresh token for a new pair of tokens; whoever holds the token may.

    A token is good once. One that was replaced more than the grace ago is a copy in the wrong hands: the whole
    session ends. Within the grace, and until its successor was used, the answer is the same as the first time, since
    the successor is derived from its predecessor, and a client that lost the answer gets the very same token again.

    The new pair is for the tenant with this slug, else for the one that the token is for. If the person belongs there
    no longer, it is for none.

    Raises:
        InvalidToken: unknown, replaced, over, or the account is inactive.
        InvalidInput: the person does not belong to the tenant that was named; the token stays good.
    """
    presented = security.OpaqueToken.parse(refresh_token, REFRESH_TOKEN_KIND)
    if presented is None:
        raise InvalidToken
    successor = presented.successor(auth.pepper)

    async def work(session: WriteSession) -> IssuedSession | None:
        is_newest = tenant is not None and await _is_newest(session, presented)
        row = await _rotate(session, auth, presented, successor)
        if row is None or row.revoked_at is not None or row.refresh_digest != successor.digest:
            return None  # not raised in here, which would take the revocation back
        await extend_context(session, user_id=row.user_id)
        if tenant is None:
            membership = await _membership_in_tenant(session, row.user_id, row.previous_tenant_id)
        else:
            membership = await _find_membership(session, row.user_id, tenant)
            if is_newest and membership is not None:  # one that was given before stays for whom it was given
                this = update(LoginSession).where(col(LoginSession.id) == row.id)
                await session.exec(this.values(tenant_id=membership.tenant_id))
        opened = _issue(auth, client, row, membership, successor.text)
        return opened if await _is_active(session, row.user_id) else None

    opened = await transactions.write(work, client)
    if opened is None:
        raise InvalidToken
    return opened


async def logout(session: WriteSession, actor: Actor) -> int:
    """End the session that asks; its tokens stop working at once. Says how many sessions ended."""
    actor.require(Permission.ACCOUNT)
    return await revoke(session, actor, col(LoginSession.id) == actor.identity.session_id)


async def logout_everywhere(session: WriteSession, actor: Actor) -> int:
    """End all sessions of the actor. Says how many ended."""
    actor.require(Permission.ACCOUNT)
    return await revoke(session, actor)


async def revoke_session(session: WriteSession, actor: Actor, *, id: UUID) -> int:
    """End one session of the actor's own.

    Raises:
        NotFound: no such live session.
    """
    actor.require(Permission.ACCOUNT)
    ended = await revoke(session, actor, col(LoginSession.id) == id)
    if not ended:
        raise NotFound
    return ended


async def switch_tenant(session: WriteSession, actor: Actor, auth: AuthConfig, *, tenant: str) -> IssuedSession:
    """Issue an access token for another tenant of the actor's, by its slug; the refresh token stays valid.

    It stays a token for the tenant that it is for, since others may use it too, such as another tab of a browser. One
    that is for no tenant becomes one for this.

    Raises:
        InvalidInput: the actor does not belong to such a tenant.
    """
    actor.require(Permission.ACCOUNT)
    identity = actor.identity
    assert identity.user_id is not None
    membership = await _find_membership(session, identity.user_id, tenant)
    assert membership is not None, "a tenant was named"
    bound = {
        name: func.coalesce(col(getattr(LoginSession, name)), membership.tenant_id)
        for name in ("tenant_id", "previous_tenant_id")
    }
    mine = update(LoginSession).where(col(LoginSession.id) == identity.session_id).values(**bound)
    row = (await fetch(session, LoginSession, mine.returning(*table_of(LoginSession).c)))[0]
    return _issue(auth, identity, row, membership, None)


async def open_session(
    session: WriteSession, auth: AuthConfig, client: Identity, user_id: UUID, membership: Membership | None
) -> IssuedSession:
    """Open a session for somebody who has proved who they are, inside their own transaction."""
    token = security.OpaqueToken.make(REFRESH_TOKEN_KIND, user_id, new_id())
    values = {
        "id": token.id,
        "user_id": user_id,
        "tenant_id": membership.tenant_id if membership else None,
        "previous_tenant_id": membership.tenant_id if membership else None,
        "refresh_digest": token.digest,
        "authenticated_at": func.clock_timestamp(),
        "expires_at": func.clock_timestamp() + auth.session_lifetime,
        "ip": client.ip or None,
        "user_agent": client.user_agent or None,
    }
    made = insert(LoginSession).values(**values).returning(*table_of(LoginSession).c)
    row = (await fetch(session, LoginSession, made))[0]
    return _issue(auth, client, row, membership, token.text)


def _issue(
    auth: AuthConfig, client: Identity, row: LoginSession, membership: Membership | None, refresh_token: str | None
) -> IssuedSession:
    identity = replace(
        client,
        user_id=row.user_id,
        session_id=row.id,
        tenant_id=membership.tenant_id if membership else None,
        role=membership.role if membership else None,
    )
    access_token, expires_at = auth.tokens.issue(
        user_id=row.user_id, tenant_id=identity.tenant_id, role=identity.role, session_id=row.id
    )
    return IssuedSession(access_token, refresh_token, expires_at, identity)


async def _rotate(
    session: WriteSession, auth: AuthConfig, presented: security.OpaqueToken, successor: security.OpaqueToken
) -> LoginSession | None:
    """Replace the presented token by its successor, or revoke the session if it was replaced before; one statement."""
    await extend_context(session, presented=presented.id)
    newest = col(LoginSession.refresh_digest) == presented.digest
    lost = and_(
        col(LoginSession.previous_digest) == presented.digest,
        col(LoginSession.rotated_at) > func.clock_timestamp() - auth.refresh_grace,
    )
    statement = (
        update(LoginSession)
        .where(
            col(LoginSession.id) == presented.id,
            col(LoginSession.user_id) == presented.owner,
            col(LoginSession.revoked_at).is_(None),
            col(LoginSession.expires_at) > func.clock_timestamp(),
        )
        .values(
            refresh_digest=case((newest, successor.digest), else_=col(LoginSession.refresh_digest)),
            previous_digest=case((newest, presented.digest), else_=col(LoginSession.previous_digest)),
            previous_tenant_id=case((newest, col(LoginSession.tenant_id)), else_=col(LoginSession.previous_tenant_id)),
            rotated_at=case((newest, INFINITY), else_=col(LoginSession.rotated_at)),
            expires_at=case(
                (newest, func.clock_timestamp() + auth.session_lifetime), else_=col(LoginSession.expires_at)
            ),
            revoked_at=case((or_(newest, lost), None), else_=INFINITY),
        )
    )
    rows = await fetch(session, LoginSession, statement.returning(*table_of(LoginSession).c))
    return rows[0] if rows else None


async def _is_newest(session: WriteSession, presented: security.OpaqueToken) -> bool:
    """Return whether a token was not replaced yet; its session is locked until the transaction ends."""
    await extend_context(session, presented=presented.id)
    digest = select(col(LoginSession.refresh_digest)).where(col(LoginSession.id) == presented.id).with_for_update()
    return bool((await session.exec(digest)).scalar_one_or_none() == presented.digest)


async def revoke(session: WriteSession, actor: Actor, *which: Any) -> int:
    """End those of the actor's own sessions for which the conditions hold. Says how many ended."""
    actor.require(Permission.ACCOUNT)
    mine = and_(col(LoginSession.user_id) == actor.identity.user_id, col(LoginSession.revoked_at).is_(None))
    ended = update(LoginSession).where(mine, *which).values(revoked_at=CHANGE_TIME)
    return len((await session.exec(ended.returning(col(LoginSession.id)))).all())


def _live_memberships(user_id: UUID) -> Select[Any]:
    """Return a person's live memberships in live tenants."""
    return (
        select(*table_of(Membership).c)
        .join(Tenant, col(Tenant.id) == col(Membership.tenant_id))
        .where(
            col(Membership.user_id) == user_id,
            col(Membership.is_active),
            col(Membership.is_former).is_(False),
            col(Tenant.is_active),
        )
    )


async def _find_membership(session: WriteSession, user_id: UUID, slug: str | None) -> Membership | None:
    """Return the membership to log in with: the named tenant's, or the only one."""
    if slug is None:
        rows = await fetch(session, Membership, _live_memberships(user_id).limit(2))
        return rows[0] if len(rows) == 1 else None
    in_tenant = _live_memberships(user_id).where(col(Tenant.slug) == slug.strip().lower())
    rows = await fetch(session, Membership, in_tenant) if is_storable_text(slug) else []
    if not rows:
        raise InvalidInput.of("tenant", "You do not belong to such a tenant.")
    return rows[0]


async def _membership_in_tenant(session: WriteSession, user_id: UUID, tenant_id: UUID | None) -> Membership | None:
    if tenant_id is None:
        return None
    rows = await fetch(session, Membership, _live_memberships(user_id).where(col(Membership.tenant_id) == tenant_id))
    return rows[0] if rows else None


async def _is_active(session: WriteSession, user_id: UUID) -> bool:
    active = select(col(User.is_active)).where(col(User.id) == user_id)
    return bool((await session.exec(active)).scalar_one())
