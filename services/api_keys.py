"""The rules of API keys: how programs authenticate.

A key opens one tenant with one role, and never the account of whoever made it. What a program does with it, it does in
that person's name, and it is out as soon as they are.
"""

import contextlib
import hashlib
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select, update
from sqlmodel import col

from models import ApiKey, Role
from models.base import CHANGE_TIME, new_id, table_of
from models.database import Database, WriteSession, extend_context, fetch
from models.database.errors import DatabaseUnavailable, PoolTimeout, SessionNotLive, TransactionConflict
from models.database.identity import Identity
from models.lru import CacheUsage, SegmentedLRU
from services import security, tenants
from services.abilities import Ability
from services.errors import Forbidden, InvalidInput, InvalidToken
from services.permissions import ROLES, TENANT_ID, USER_ID, Actor, Permission, require_permission
from services.queries.collection import Collection, SortOrder, related_row
from services.queries.filters import choice_filter, scalar_filter, text_filter, viewer_filter
from services.tenants import member_filter
from services.validation import validating
from services.writes.rows import insert_row, update_row

__all__ = [
    "ALL_API_KEYS",
    "API_KEYS",
    "ApiKeyCache",
    "ApiKeyIdentity",
    "KnownApiKey",
    "create",
    "is_api_key",
    "revoke",
    "visible",
]

API_KEY_TOKEN_KIND = "key"  # noqa: S105  # a prefix, no secret
MAX_NAME_LENGTH = 100
KEY_BYTES = 1_200
REMEMBERED_BYTES = 3 * 2**20
LAST_USED_PRECISION = timedelta(minutes=5)
"""How exactly it is noted when a key was last used."""

LIVE = col(ApiKey.revoked_at).is_(None)


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenant's keys that are not revoked; without the right to manage keys, the actor's own ones."""
    require_permission(permissions, Permission.ACCOUNT)
    keys = select(*table_of(ApiKey).c).where(col(ApiKey.tenant_id) == TENANT_ID, LIVE)
    return keys if Permission.API_KEYS_WRITE in permissions else keys.where(col(ApiKey.created_by) == USER_ID)


API_KEYS = Collection(
    model=ApiKey,
    visible=visible,
    filters={
        "name": text_filter(func.lower(col(ApiKey.name)), is_indexed=False),
        "role": choice_filter(col(ApiKey.role), Role, is_indexed=False),
        "creator_id": member_filter(col(ApiKey.created_by)),
        "mine": viewer_filter(col(ApiKey.created_by) == USER_ID),
        "created_at": scalar_filter(col(ApiKey.created_at)),
        "expires_at": scalar_filter(col(ApiKey.expires_at), is_indexed=False),
        "last_used_at": scalar_filter(col(ApiKey.last_used_at), is_indexed=False),
    },
    relations={"creator": related_row(lambda: tenants.USERS, "created_by", "user_id")},
    orders={"created_at": SortOrder.newest_first(col(ApiKey.created_at))},
    default_order=("created_at", True),
    abilities={"revoke": Ability.by(Permission.API_KEYS_WRITE, LIVE)},
)


def visible_with_revoked(permissions: AbstractSet[Permission]) -> Select[Any]:
    """Return the tenant's keys, also revoked ones: all for who reads the whole log, for others those of their own."""
    require_permission(permissions, Permission.HISTORY_READ)
    keys = select(*table_of(ApiKey).c).where(col(ApiKey.tenant_id) == TENANT_ID)
    return keys if Permission.AUDIT_READ in permissions else keys.where(col(ApiKey.created_by) == USER_ID)


ALL_API_KEYS = replace(API_KEYS, visible=visible_with_revoked)
"""Revoked ones too: those that a history may name."""


async def create(
    session: WriteSession, actor: Actor, *, name: str, role: Role = Role.MEMBER, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key to the actor's tenant; give it and its text, which is stored nowhere.

    Raises:
        Forbidden: the role allows more than the actor's own.
        InvalidInput: an empty name or one of more than 100 characters, or an end that has passed.
    """
    actor.require(Permission.API_KEYS_WRITE)
    if not ROLES[role] <= ROLES[Role(actor.identity.role or "")]:
        raise Forbidden("A key can do no more than whoever makes it.")
    with validating() as validator:
        name = validator.check_line("name", name, max_length=MAX_NAME_LENGTH)
    assert actor.identity.tenant_id is not None
    token = security.OpaqueToken.make(API_KEY_TOKEN_KIND, actor.identity.tenant_id, new_id())
    values = {"id": token.id, "name": name, "role": role, "digest": token.digest, "expires_at": expires_at}
    key = await insert_row(session, actor, ApiKey, {**values, "created_by": actor.identity.user_id})
    if key.expires_at is not None and key.expires_at <= key.created_at:
        raise InvalidInput.of("expires_at", "This has passed already.")
    return key, token.text


async def revoke(session: WriteSession, actor: Actor, *, id: UUID) -> ApiKey:
    """Take a key back; it stops working at once.

    Raises:
        NotFound: no such key, or it was revoked before.
    """
    actor.require(Permission.API_KEYS_WRITE)
    return await update_row(session, actor, ApiKey, id, {"revoked_at": CHANGE_TIME}, where=LIVE)


def is_api_key(text: str) -> bool:
    """Return whether a bearer token means to be an API key."""
    return text.startswith(f"{API_KEY_TOKEN_KIND}.")


@dataclass(frozen=True, slots=True)
class ApiKeyIdentity:
    """Whom a key stands for, and when it ends."""

    tenant_id: UUID
    key_id: UUID
    created_by: UUID
    role: str
    expires_at: datetime | None

    def to_identity(self, client: Identity) -> Identity:
        """Return the key's identity for a request from this client."""
        return replace(
            client, tenant_id=self.tenant_id, user_id=self.created_by, role=self.role, api_key_id=self.key_id
        )


@dataclass(frozen=True, slots=True)
class KnownApiKey:
    """A key that needs no look at the database for a while."""

    identity: ApiKeyIdentity
    seconds: float
    """How long; then its use is noted again."""


@dataclass(slots=True)
class _Known:
    """A key that was found, and when it was last noted that it is used."""

    machine: ApiKeyIdentity
    noted_at: float | None = None


class ApiKeyCache:
    """Recognises keys, and remembers them: what a key stands for never changes.

    Whether it is still good is not asked here but by `atrium_enter`, in every transaction.
    """

    def __init__(self, database: Database, *, remembered_bytes: int = REMEMBERED_BYTES) -> None:
        self._database = database
        self._identities: SegmentedLRU[bytes, _Known] = SegmentedLRU(
            remembered_bytes, lambda _digest, _known: KEY_BYTES
        )

    @property
    def usage(self) -> CacheUsage:
        """How much the keys take that are remembered."""
        return self._identities.usage

    async def authenticate(self, text: str, client: Identity) -> ApiKeyIdentity:
        """Return the identity that an API key, given as text, stands for.

        Raises:
            InvalidToken: there is no such key.
            PoolTimeout, DatabaseUnavailable, TransactionConflict: the database cannot be asked.
        """
        digest = _digest(text)
        known = self._identities.get(digest)
        if known is None:
            known = _Known(await self._load(text, client))
            self._identities.put(digest, known)
        await self._record_use(known, client)
        return known.machine

    def find_known(self, text: str) -> KnownApiKey | None:
        """Return a key, given as text, that was recognised and whose use was noted before; None otherwise."""
        known = self._identities.get(_digest(text))
        if known is None or known.noted_at is None:
            return None
        left = known.noted_at + LAST_USED_PRECISION.total_seconds() - time.monotonic()
        return KnownApiKey(known.machine, left) if left > 0 else None

    async def _load(self, text: str, client: Identity) -> ApiKeyIdentity:
        presented = security.OpaqueToken.parse(text, API_KEY_TOKEN_KIND)
        if presented is None:
            raise InvalidToken
        which = (col(ApiKey.tenant_id) == presented.owner, col(ApiKey.id) == presented.id)
        async with self._database.write(client.without_user()) as session:
            await extend_context(session, presented=presented.id)
            rows = await fetch(session, ApiKey, select(*table_of(ApiKey).c).where(*which))
        if not rows or not presented.matches(rows[0].digest):
            raise InvalidToken
        key = rows[0]
        return ApiKeyIdentity(key.tenant_id, key.id, key.created_by, key.role, key.expires_at)

    async def _record_use(self, known: _Known, client: Identity) -> None:
        """Note that a key is used, unless that was done some minutes ago, by us or by another process."""
        present, machine = time.monotonic(), known.machine
        if known.noted_at is not None and present - known.noted_at < LAST_USED_PRECISION.total_seconds():
            return
        known.noted_at = present
        stale = or_(
            col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < func.clock_timestamp() - LAST_USED_PRECISION
        )
        which = (col(ApiKey.tenant_id) == machine.tenant_id, col(ApiKey.id) == machine.key_id, stale)
        # A key that is no longer good is not used, and one that cannot be noted now will be another time.
        with contextlib.suppress(SessionNotLive, PoolTimeout, TransactionConflict, DatabaseUnavailable):
            async with self._database.write(machine.to_identity(client)) as session:
                await session.exec(update(ApiKey).where(*which).values(last_used_at=CHANGE_TIME))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
