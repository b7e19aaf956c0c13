"""The rules of API keys: how machines get in.

A key opens one tenant with one role, and never the account of whoever made it. What a machine does, it does in that
person's name, and it is out as soon as they are.
"""

import contextlib
import hashlib
import time
from collections import OrderedDict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select, update
from sqlmodel import col

from models import ApiKey, Role
from models.base import new_id, now, table_of
from models.database import Database, WriteSession, assume, fetch
from models.database.errors import NotLive, Overloaded, Retry, Unreachable
from models.database.identity import Identity
from services import security
from services.errors import Forbidden, InvalidToken
from services.permissions import ROLES, TENANT_ID, USER_ID, Actor, Permission, permitted
from services.queries.collection import Collection, Order
from services.validation import checking
from services.writes.rows import inserted, updated

__all__ = ["API_KEYS", "Keyring", "Machine", "create", "is_key", "revoke", "visible"]

KEY = "key"
LONGEST_NAME = 100
NOTED = timedelta(minutes=5)
"""How exactly it is noted when a key was last used."""

LIVE = col(ApiKey.revoked_at).is_(None)


def visible(permissions: AbstractSet[Permission]) -> Select[Any]:
    """The tenant's keys that were not revoked; for who does not manage them, those that they made themselves."""
    permitted(permissions, Permission.ACCOUNT)
    keys = select(*table_of(ApiKey).c).where(col(ApiKey.tenant_id) == TENANT_ID, LIVE)
    return keys if Permission.API_KEYS_WRITE in permissions else keys.where(col(ApiKey.created_by) == USER_ID)


API_KEYS = Collection(
    model=ApiKey,
    visible=visible,
    filters={},
    orders={"created_at": Order.by(col(ApiKey.created_at))},
    default_order=("created_at", True),
)


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
    with checking() as checks:
        name = checks.text("name", name, least=1, most=LONGEST_NAME)
        if expires_at is not None and expires_at <= now():
            checks.problem("expires_at", "This has passed already.")
    assert actor.identity.tenant_id is not None
    token = security.OpaqueToken.make(KEY, actor.identity.tenant_id, new_id())
    values = {"id": token.id, "name": name, "role": role, "digest": token.digest, "expires_at": expires_at}
    return await inserted(session, actor, ApiKey, {**values, "created_by": actor.identity.user_id}), token.text


async def revoke(session: WriteSession, actor: Actor, *, id: UUID) -> ApiKey:
    """Take a key back; it stops working at once.

    Raises:
        NotFound: no such key, or it was revoked before.
    """
    actor.require(Permission.API_KEYS_WRITE)
    return await updated(session, actor, ApiKey, id, {"revoked_at": now()}, only=LIVE)


def is_key(text: str) -> bool:
    """Whether a bearer token means to be an API key."""
    return text.startswith(f"{KEY}.")


@dataclass(frozen=True, slots=True)
class Machine:
    """Whom a key stands for, and when it ends."""

    tenant_id: UUID
    key_id: UUID
    created_by: UUID
    role: str
    expires_at: datetime | None

    def asking(self, origin: Identity) -> Identity:
        """Its identity, asking from somewhere."""
        return replace(
            origin, tenant_id=self.tenant_id, user_id=self.created_by, role=self.role, api_key_id=self.key_id
        )


class Keyring:
    """Recognises keys, and remembers them: what a key stands for never changes.

    Whether it is still good is not asked here but by `atrium_enter`, in every transaction.
    """

    def __init__(self, database: Database, *, remembered: int = 10_000) -> None:
        self._database = database
        self._remembered = remembered
        self._known: OrderedDict[bytes, Machine] = OrderedDict()
        self._noted: dict[UUID, float] = {}

    async def recognise(self, text: str, origin: Identity) -> Machine:
        """Whom a key stands for, by its text.

        Raises:
            InvalidToken: there is no such key.
            Overloaded, Unreachable, Retry: the database cannot be asked.
        """
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        machine = self._known.get(digest)
        if machine is None:
            machine = self._known[digest] = await self._find(text, origin)
            if len(self._known) > self._remembered:
                _, forgotten = self._known.popitem(last=False)
                self._noted.pop(forgotten.key_id, None)
        self._known.move_to_end(digest)
        await self._note(machine, origin)
        return machine

    async def _find(self, text: str, origin: Identity) -> Machine:
        presented = security.OpaqueToken.parse(text, KEY)
        if presented is None:
            raise InvalidToken
        which = (col(ApiKey.tenant_id) == presented.owner, col(ApiKey.id) == presented.id)
        async with self._database.write(origin.origin()) as session:
            await assume(session, presented=presented.id)
            rows = await fetch(session, ApiKey, select(*table_of(ApiKey).c).where(*which))
        if not rows or not presented.matches(rows[0].digest):
            raise InvalidToken
        key = rows[0]
        return Machine(key.tenant_id, key.id, key.created_by, key.role, key.expires_at)

    async def _note(self, machine: Machine, origin: Identity) -> None:
        """Note that a key is used, unless that was done some minutes ago, by us or by another process."""
        present = time.monotonic()
        if present - self._noted.get(machine.key_id, -NOTED.total_seconds()) < NOTED.total_seconds():
            return
        self._noted[machine.key_id] = present
        stale = or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < func.clock_timestamp() - NOTED)
        which = (col(ApiKey.tenant_id) == machine.tenant_id, col(ApiKey.id) == machine.key_id, stale)
        # A key that is no longer good is not used, and one that cannot be noted now will be another time.
        with contextlib.suppress(NotLive, Overloaded, Retry, Unreachable):
            async with self._database.write(machine.asking(origin)) as session:
                await session.exec(update(ApiKey).where(*which).values(last_used_at=func.clock_timestamp()))
