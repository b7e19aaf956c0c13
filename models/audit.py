"""The audit log: who changed what, when and from where. Triggers write it; nobody else can."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Owned, check_in, indexes, moment

__all__ = ["EXEMPT", "AuditAction", "AuditEntry"]

EXEMPT = {
    "article_words": "words that occur in what everybody may read; made from the articles",
    "alembic_version": "the schema's revision; nobody's data",
    "audit_log": "the log itself: append-only, and sealed in the feed",
    "events": "append-only, and sealed in the feed: what happened, with who did it, is all that they are",
    "feed": "positions of what is kept elsewhere; chained, so that a change is found",
    "idempotency_keys": "forgotten after a day; what the call did is in the log",
    "mailed_tokens": "a person's, in no tenant; digests of tokens that were mailed",
    "sessions": "a person's, in no tenant; digests of refresh tokens, rotated all the time",
    "throttles": "counters of tries, in no tenant",
    "unsealed": "a queue that is emptied at once",
    "users": "a person's, in no tenant; their name and address reach the log with the memberships that copy them",
}
"""The tables whose changes are not written down, and why. Whatever else there is must be audited."""


class AuditAction(StrEnum):
    """What became of a row."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    PURGE = "PURGE"  # its values were forgotten for good, here too


class AuditEntry(Owned, table=True):
    """One change of one row.

    Of an update the columns that changed are kept, before and after; of a creation or a deletion the whole row.
    `values_digest` is of the salt and the values, and all that the feed's chain knows of them: when they are forgotten,
    together with the salt, the chain can still be verified, and nobody can find them again by trying.
    """

    __tablename__ = "audit_log"

    table_name: str = Field(sa_type=Text)
    row_id: UUID
    action: str = Field(sa_type=Text)
    actor_id: UUID | None = None  # the account that did it; none for operators and machines
    api_key_id: UUID | None = None  # the key of the machine that did it
    request_id: str = Field(sa_type=Text)
    operation: str = Field(sa_type=Text)  # the mutation, such as createTask
    ip: str | None = Field(default=None, sa_type=Text)
    user_agent: str | None = Field(default=None, sa_type=Text)
    old_values: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    new_values: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    values_digest: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = moment(nullable=False)

    __table_args__ = (
        *indexes(
            "audit_log",
            ("created_at",),
            ("row_id", "created_at"),
            ("table_name", "created_at"),
            ("actor_id", "created_at"),
            ("action", "created_at"),
        ),
        check_in("action", AuditAction),
    )
