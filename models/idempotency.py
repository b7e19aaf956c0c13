"""Idempotency keys: which call was already answered, and with what."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ARRAY, Index, Text, Uuid, text
from sqlmodel import Field

from models.base import Model, timestamp

__all__ = ["IdempotencyKey"]


class IdempotencyKey(Model, table=True):
    """One key that one person used for one mutation, and the things that it made or changed."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "tenant_id", "created_at"),)

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    user_id: UUID = Field(primary_key=True)
    mutation: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    input_digest: str = Field(sa_type=Text)
    outcome_ids: list[UUID] | None = Field(default=None, sa_type=cast("Any", ARRAY(Uuid())))
    created_at: datetime = timestamp(
        default=None, nullable=False, sa_column_kwargs={"server_default": text("clock_timestamp()")}
    )
