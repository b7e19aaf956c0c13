"""Idempotency: a call repeated with the same key does nothing twice.

The key's row is inserted inside the transaction of the call: first of all (`once`), or by the statement that writes
all the rest (`decided_write`). A twin that comes at the same time waits for that transaction and then finds the
outcome; a call that was refused rolled its key back, or never inserted it, so a retry decides anew. What is stored is
the outcome's ids, never its content: a replay answers the things as they are now.

Calls are the same when they mean the same: what is null counts as absent, and rules hand over values as they would be
stored.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from models.base import Model
from models.database import WriteSession
from models.idempotency import IdempotencyKey
from services.errors import IdempotencyConflict, InvalidInput
from services.permissions import Actor
from services.validation import is_storable_text

__all__ = ["MAX_IDEMPOTENCY_KEY_LENGTH", "KeyedCall", "key_scope", "once", "once_many"]

MAX_IDEMPOTENCY_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class KeyedCall:
    """A call with a key: what the key is used for, and what the call means."""

    scope: str
    key: str
    digest: str

    @classmethod
    def of(cls, scope: str, key: str, values: Mapping[str, Any]) -> "KeyedCall":
        """Return a call by its key and its values.

        Raises:
            InvalidInput: an empty key, or one of more than 255 characters.
        """
        if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH or not is_storable_text(key):
            raise InvalidInput.of(
                "idempotency_key", f"A key has 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters, none of which is NUL."
            )
        meaning = json.dumps(_without_nulls(values), default=str, sort_keys=True)
        return cls(scope, key, hashlib.sha256(meaning.encode("utf-8", "surrogatepass")).hexdigest())

    def row_key(self, actor: Actor) -> dict[str, Any]:
        """Return the columns that identify the key's row among all."""
        return {
            "tenant_id": actor.identity.tenant_id,
            "user_id": actor.identity.user_id,
            "mutation": self.scope,
            "key": self.key,
        }

    def require_same(self, digest: str) -> None:
        """Check the stored digest of the call that used the key first.

        Raises:
            IdempotencyConflict: that had other values.
        """
        if digest != self.digest:
            raise IdempotencyConflict


def key_scope(verb: str, model: type[Model], *, many: bool = False) -> str:
    """Return the scope of a rule's keys: its verb and what it writes, as in `createTask` and `importArticles`.

    It is stored with each key, in the column `mutation`, so neither part may change once a rule has taken keys.
    """
    return f"{verb}{model.__name__}{'s' if many else ''}"


async def once(
    session: WriteSession,
    actor: Actor,
    scope: str,
    key: str | None,
    values: Mapping[str, Any],
    make: Callable[[], Awaitable[UUID]],
) -> UUID:
    """Make something once per key; give the id of what was made, now or the first time. Without a key, always make.

    Raises:
        InvalidInput: an empty key, or one of more than 255 characters.
        IdempotencyConflict: the actor used the key in this scope before, with other values.
    """

    async def make_list() -> list[UUID]:
        return [await make()]

    return (await once_many(session, actor, scope, key, values, make_list))[0]


async def once_many(
    session: WriteSession,
    actor: Actor,
    scope: str,
    key: str | None,
    values: Mapping[str, Any],
    make: Callable[[], Awaitable[Sequence[UUID]]],
) -> list[UUID]:
    """Run a write for many objects once per key, as `once` does for one.

    Raises:
        InvalidInput, IdempotencyConflict: as in `once`.
    """
    if key is None:
        return list(await make())
    call = KeyedCall.of(scope, key, values)
    mine = call.row_key(actor)
    same = [col(getattr(IdempotencyKey, name)) == value for name, value in mine.items()]
    fresh = insert(IdempotencyKey).values(**mine, input_digest=call.digest).on_conflict_do_nothing()
    if (await session.exec(fresh.returning(col(IdempotencyKey.key)))).first() is not None:
        made = list(await make())
        kept = update(IdempotencyKey).where(*same).values(outcome_ids=made)
        await session.exec(kept if made else delete(IdempotencyKey).where(*same))  # what was refused uses up no key
        return made
    stored = select(col(IdempotencyKey.input_digest), col(IdempotencyKey.outcome_ids)).where(*same)
    known_digest, known = (await session.exec(stored)).one()
    call.require_same(known_digest)
    return list(known)


def _without_nulls(value: Any) -> Any:
    """A value without what is null in its objects, which means the same as what is absent."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(each) for each in value]
    return value
