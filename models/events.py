"""Events: what happened, append-only; and the feed, which gives every entry its position."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Identity, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Model, TenantOwned, timestamp

__all__ = ["Event", "FeedEntry", "OutboxEntry"]


class Event(TenantOwned, table=True):
    """One thing that happened to one stream, such as an order. Never changed, never deleted."""

    __tablename__ = "events"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    stream_type: str = Field(sa_type=Text)
    stream_id: UUID
    version: int  # 1 for a stream's first event, then one more each time
    type: str = Field(sa_type=Text)
    schema_version: int = Field(default=1, sa_column_kwargs={"server_default": text("1")})  # of the payload
    payload: dict[str, Any] = Field(sa_type=JSONB)
    actor_id: UUID | None = None
    api_key_id: UUID | None = None  # the key of the machine that did it in the actor's name
    request_id: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": text("''")})
    created_at: datetime = timestamp(default=None, nullable=False)  # later than the stream's last

    __table_args__ = (
        UniqueConstraint("tenant_id", "stream_id", "version"),
        ForeignKeyConstraint(["tenant_id", "actor_id"], ["memberships.tenant_id", "memberships.user_id"]),
        Index("events_by_stream_id_created_at", "tenant_id", "stream_id", "created_at", "id"),
    )


class OutboxEntry(Model, table=True):
    """An entry that was written and waits for its position; only the sealer reads this."""

    __tablename__ = "unsealed"

    number: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    tenant_id: UUID
    source: str = Field(sa_type=Text)
    entry_id: UUID
    stream_id: UUID
    digest: bytes = Field(sa_type=LargeBinary)


class FeedEntry(Model, table=True):
    """The position of one entry among all that were committed: without gaps, and never behind one already read.

    `chain` covers the entry's digest and the chain of the tenant's entry before, so nothing can be taken out,
    altered or moved unnoticed.
    """

    __tablename__ = "feed"

    position: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    tenant_id: UUID
    source: str = Field(sa_type=Text)
    entry_id: UUID
    stream_id: UUID
    digest: bytes = Field(sa_type=LargeBinary)
    chain: bytes = Field(sa_type=LargeBinary)
    sealed_at: datetime = timestamp(
        default=None, nullable=False, sa_column_kwargs={"server_default": text("clock_timestamp()")}
    )

    __table_args__ = (
        Index("feed_by_tenant", "tenant_id", "position"),
        Index("feed_by_entry", "tenant_id", "entry_id", unique=True),
    )
