"""The audit log: who changed what, when and from where. Triggers write it; nobody else can."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import TenantOwned, enum_check, indexes, timestamp

__all__ = ["AuditAction", "AuditEntry"]


class AuditAction(StrEnum):
    """Kind of change that an audit entry records."""

    CREATE = "CREATE"
    """The object was created."""
    UPDATE = "UPDATE"
    """The object was changed; moving it to or out of the trash is also an update."""
    DELETE = "DELETE"
    """The object was deleted permanently."""
    PURGE = "PURGE"  # its values were forgotten for good, here too
    """All values that the audit log held of the deleted object were erased."""


class AuditEntry(TenantOwned, table=True):
    """One change of one row.

    Of an update the columns that changed are kept, before and after; of a creation or a deletion the whole row.
    `values_digest` is of the salt and the values, and all that the feed's chain knows of them: when they are forgotten,
    together with the salt, the chain can still be verified, and nobody can find them again by trying.
    """

    __tablename__ = "audit_log"

    table_name: str = Field(sa_type=Text)
    row_id: UUID
    action: str = Field(sa_type=Text)
    actor_id: UUID | None = None  # the account that did it, or that made the key; none for operators
    api_key_id: UUID | None = None  # the API key that did it
    request_id: str = Field(sa_type=Text)
    operation: str = Field(sa_type=Text)  # the mutation, such as createTask
    ip: str | None = Field(default=None, sa_type=Text)
    user_agent: str | None = Field(default=None, sa_type=Text)
    old_values: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    new_values: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    values_digest: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = timestamp(nullable=False)

    __table_args__ = (
        *indexes(
            "audit_log",
            "created_at",
            "row_id, created_at",
            "table_name, created_at",
            "actor_id, created_at",
            "action, created_at",
        ),
        enum_check("action", AuditAction),
    )
